//! Reads: tables, views, files, and SQL queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use super::local;
use crate::catalog::table;
use crate::connect::data_type;
use crate::connect::expression::{missing, name_parts};
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::proto::read::{DataSource, NamedTable, ReadType};
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};
use crate::source;
use crate::sql::Planned;

/// `spark.read`.
pub(super) async fn read(planner: &mut Planner<'_>, message: &proto::Read) -> Result<Scope> {
    if message.is_streaming {
        return Err(SparkError::unsupported("structured streaming: readStream"));
    }
    match message.read_type.as_ref().ok_or_else(|| missing("what to read"))? {
        ReadType::NamedTable(table) => named_table(planner, table).await,
        ReadType::DataSource(source) => data_source(planner, source).await,
    }
}

async fn named_table(planner: &mut Planner<'_>, message: &NamedTable) -> Result<Scope> {
    let parts = name_parts(&message.unparsed_identifier)?;
    let options: BTreeMap<String, String> =
        message.options.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let session = planner.env.session;
    let Some(opened) = table::open(session, &planner.session, &parts, &options, None).await? else {
        return Err(SparkError::table_not_found(&parts));
    };
    let case = planner.session.case;
    let temporary = session.catalog().temp_view(&parts, case).is_some();
    let qualifier = match (temporary, session.catalog().identifier(&parts, case)) {
        (false, Ok(identifier)) => identifier.parts().to_vec(),
        _ => parts.last().cloned().into_iter().collect(),
    };
    let name = planner.names.claim("__table");
    let plan = opened.into_plan(&name)?;
    Ok(Scope::leaf(planner.adopt(plan, &qualifier)?))
}

async fn data_source(planner: &mut Planner<'_>, message: &DataSource) -> Result<Scope> {
    if !message.predicates.is_empty() {
        return Err(SparkError::unsupported("the data source jdbc"));
    }
    let format = match message.format.as_deref() {
        None | Some("") => planner.session.default_format.clone(),
        Some(format) => format.to_lowercase(),
    };
    let schema = match message.schema.as_deref() {
        None | Some("") => None,
        Some(text) => Some(Arc::new(data_type::parse_schema(text, planner.time_zone())?)),
    };
    let options: BTreeMap<String, String> =
        message.options.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let provider = source::resolve(&planner.session.state, &format, &message.paths, &options, schema).await?;
    let name = TableReference::bare(planner.names.claim("__files"));
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()?;
    Ok(Scope::leaf(planner.adopt(plan, &[])?))
}

/// What a statement gives.
pub(super) enum Answer {
    /// A query.
    Plan(LogicalPlan),
    /// The rows of a command.
    Rows(Vec<RecordBatch>, SchemaRef),
}

/// `spark.sql(...)`, which must be a query or a command with rows.
///
/// References are DataFrames that the statement names.
pub(super) async fn sql(
    planner: &Planner<'_>,
    message: &proto::Sql,
    references: &[proto::Relation],
) -> Result<Answer> {
    match crate::connect::command::statement(planner.env, message, references).await? {
        Planned::Query(plan) => Ok(Answer::Plan(plan)),
        Planned::Local(batches, schema) => Ok(Answer::Rows(batches, schema)),
        Planned::Compute(plan) => {
            planner.env.runner.collect(&planner.session.state, plan).await?;
            Ok(Answer::Rows(Vec::new(), Arc::new(Schema::empty())))
        }
        Planned::Write(_) => Err(SparkError::unsupported("a statement that writes inside of a query")),
    }
}

/// `spark.sql(...)` as the input of something else.
pub(super) async fn nested_sql(
    planner: &mut Planner<'_>,
    message: &proto::Sql,
    references: &[proto::Relation],
) -> Result<Scope> {
    match sql(planner, message, references).await? {
        Answer::Plan(plan) => Ok(Scope::leaf(planner.adopt(plan, &[])?)),
        Answer::Rows(batches, schema) => local::rows(planner, schema, batches),
    }
}
