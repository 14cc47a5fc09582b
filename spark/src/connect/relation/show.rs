//! `show`: the first rows as text.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlanBuilder;

use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::proto::relation::RelType;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};
use crate::show;

/// How the rows are drawn.
enum Form {
    Table,
    Records,
    Html,
}

/// One row, one column: the text.
pub(super) async fn text(
    planner: &mut Planner<'_>,
    relation: &proto::Relation,
    scope: Scope,
) -> Result<RecordBatch> {
    let (rows, truncate, form) = match &relation.rel_type {
        Some(RelType::ShowString(show)) if show.vertical => (show.num_rows, show.truncate, Form::Records),
        Some(RelType::ShowString(show)) => (show.num_rows, show.truncate, Form::Table),
        Some(RelType::HtmlString(show)) => (show.num_rows, show.truncate, Form::Html),
        _ => return Err(SparkError::internal("a relation that shows nothing")),
    };
    // Spark shows no more than fit in an array.
    let rows = usize::try_from(rows.clamp(0, i32::MAX - 16)).unwrap_or(0);
    let truncate = usize::try_from(truncate).unwrap_or(0);
    let plan = LogicalPlanBuilder::from(Planner::finished(scope)?).limit(0, Some(rows + 1))?.build()?;
    let schema = Arc::clone(plan.schema().inner());
    let batches = planner.env.runner.collect(&planner.session.state, plan).await?;
    let (name, text) = match form {
        Form::Table => ("show_string", show::show_string(&schema, &batches, rows, truncate)?),
        Form::Records => ("show_string", show::show_vertical(&schema, &batches, rows, truncate)?),
        Form::Html => ("html_string", show::show_html(&schema, &batches, rows, truncate)?),
    };
    let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)]));
    let column = Arc::new(StringArray::from(vec![text]));
    Ok(RecordBatch::try_new(schema, vec![column]).map_err(DataFusionError::from)?)
}
