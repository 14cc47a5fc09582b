//! Columns become rows: unpivot and transpose.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue, UnnestOptions};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, lit};

use super::columns::kept;
use super::local;
use super::statistics::array_of;
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::common::common_type;
use crate::connect::planner::Planner;
use crate::connect::scope::Scope;
use crate::connect::{data_type, proto};
use crate::error::{Result, SparkError};
use crate::types;

/// `unpivot` (`melt`): each value column becomes a row of its name and value.
pub(super) async fn unpivot(
    planner: &mut Planner<'_>,
    message: &proto::Unpivot,
    scope: Scope,
) -> Result<Scope> {
    let named = message.ids.iter().chain(message.values.iter().flat_map(|values| &values.values));
    let subqueries = planner.subqueries(named, &scope).await?;
    if !subqueries.is_empty() {
        return Err(in_expand());
    }
    let resolver = planner.resolver(&scope, &subqueries);
    let ids = resolver.columns(&message.ids)?;
    let values: Vec<Named> = match &message.values {
        Some(values) => resolver.columns(&values.values)?,
        None => {
            scope.visible().map(kept).filter(|column| !ids.iter().any(|id| id.expr == column.expr)).collect()
        }
    };
    if values.is_empty() {
        return Err(SparkError::new(
            "UNPIVOT_REQUIRES_VALUE_COLUMNS",
            "42K0A",
            "At least one value column needs to be specified for UNPIVOT, all columns specified as ids.",
        ));
    }
    let schema = std::sync::Arc::clone(scope.plan.schema());
    let mut common = DataType::Null;
    for value in &values {
        let own = value.expr.get_type(schema.as_ref())?;
        common = common_beside_text(&common, &own).ok_or_else(|| {
            let list: Vec<_> = values
                .iter()
                .filter_map(|v| Some((v.expr.get_type(schema.as_ref()).ok()?, &v.name)))
                .map(|(t, name)| format!("\"{}\" (`{name}`)", types::sql_name(&t)))
                .collect();
            SparkError::new(
                "UNPIVOT_VALUE_DATA_TYPE_MISMATCH",
                "42K09",
                format!(
                    "Unpivot value columns must share a least common type, some types do not: [{}].",
                    list.join(", ")
                ),
            )
            .with_param("types", list.join(", "))
        })?;
    }
    let names = [message.variable_column_name.clone(), message.value_column_name.clone()];
    let rows: Result<Vec<Vec<Expr>>> = values
        .into_iter()
        .map(|value| Ok(vec![lit(value.name), cast(value.expr, &common, false, schema.as_ref())?]))
        .collect();
    exploded(planner, scope, ids, &names, rows?)
}

/// Subqueries may stand in filters and projections; `unpivot` is neither to Spark.
fn in_expand() -> SparkError {
    SparkError::new(
        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_IN_EXISTS_SUBQUERY",
        "0A000",
        "Unsupported subquery expression: IN/EXISTS predicate subqueries can only be used in filters, joins, \
         aggregations, window functions, projections, and UPDATE/MERGE/DELETE commands: Expand.",
    )
    .with_param("treeNode", "Expand")
}

/// The type two columns have in common; texts have it only with texts.
fn common_beside_text(a: &DataType, b: &DataType) -> Option<DataType> {
    let null = |t: &DataType| t == &DataType::Null;
    if !null(a) && !null(b) && a.is_string() != b.is_string() {
        return None;
    }
    common_type([a, b])
}

/// For each row of the input several: the columns kept, and a tuple of expressions each.
pub(super) fn exploded(
    planner: &mut Planner<'_>,
    scope: Scope,
    mut kept: Vec<Named>,
    names: &[String],
    rows: Vec<Vec<Expr>>,
) -> Result<Scope> {
    let tuples: Vec<Expr> = rows
        .into_iter()
        .map(|row| {
            let fields = row.into_iter().enumerate().flat_map(|(i, e)| [lit(format!("c{i}")), e]).collect();
            datafusion::functions::core::named_struct().call(fields)
        })
        .collect();
    let array = array_of(planner, tuples)?;
    let column = Column::from_name(planner.names.claim("__tuple"));
    let mut exprs: Vec<Expr> = scope.plan.schema().columns().into_iter().map(Expr::Column).collect();
    exprs.push(array.alias(column.name.clone()));
    let plan = LogicalPlanBuilder::from(scope.plan.clone())
        .project(exprs)?
        .unnest_column_with_options(column.clone(), UnnestOptions::new())?
        .build()?;
    let scope = Scope { plan, below: None, ..scope };
    kept.extend(names.iter().enumerate().map(|(i, name)| {
        let part = datafusion::functions::core::get_field()
            .call(vec![Expr::Column(column.clone()), lit(format!("c{i}"))]);
        Named::new(part, name.clone())
    }));
    planner.project(scope, kept)
}

/// `transpose`: columns become rows, the values of the index column the names of columns.
pub(super) async fn transpose(
    planner: &mut Planner<'_>,
    message: &proto::Transpose,
    scope: Scope,
) -> Result<Scope> {
    let set = planner.env.session.get("spark.sql.transposeMaxValues")?;
    let most = set.and_then(|value| value.parse().ok()).unwrap_or(500_usize);
    let subqueries = planner.subqueries(&message.index_columns, &scope).await?;
    let first = scope.visible().next().map(kept);
    let index = match message.index_columns.as_slice() {
        [] => match first {
            Some(column) => column,
            None => return Ok(scope),
        },
        [index] => planner.resolver(&scope, &subqueries).output(index)?,
        _ => return Err(SparkError::unsupported("transpose by several columns")),
    };
    if !matches!(index.expr, Expr::Column(_)) {
        return Err(invalid_index("Index column must be an atomic attribute"));
    }
    let index_type = index.expr.get_type(scope.plan.schema())?;
    if index_type.is_nested() {
        let found = data_type::scala_name(&index_type);
        return Err(invalid_index(&format!("Index column must be of atomic type, but found: {found}")));
    }
    let others: Vec<Named> = scope.visible().map(kept).filter(|c| c.expr != index.expr).collect();
    let schema = std::sync::Arc::clone(scope.plan.schema());
    let mut common = if others.is_empty() { DataType::Utf8 } else { DataType::Null };
    for other in &others {
        let own = other.expr.get_type(schema.as_ref())?;
        common = common_beside_text(&common, &own).ok_or_else(|| {
            let (a, b) = (types::sql_name(&common), types::sql_name(&own));
            SparkError::new(
                "TRANSPOSE_NO_LEAST_COMMON_TYPE",
                "42K09",
                format!(
                    "Transpose requires non-index columns to share a least common type, but \"{a}\" and \"{b}\" do not."
                ),
            )
            .with_param("dt1", format!("\"{a}\""))
            .with_param("dt2", format!("\"{b}\""))
        })?;
    }
    let mut items =
        vec![Named::new(cast(index.expr.clone(), &DataType::Utf8, false, schema.as_ref())?, "key")];
    for other in &others {
        items
            .push(Named::new(cast(other.expr.clone(), &common, false, schema.as_ref())?, other.name.clone()));
    }
    let keyed = scope.plan.clone();
    let plan = LogicalPlanBuilder::from(keyed)
        .filter(index.expr.clone().is_not_null())?
        .sort(vec![index.expr.sort(true, true)])?
        .limit(0, Some(most + 1))?
        .build()?;
    let ordered = planner.project(Scope { plan, below: None, ..scope }, items)?;
    let plan = Planner::finished(ordered)?;
    let batches = planner.env.runner.collect(&planner.session.state, plan).await?;
    transposed(planner, &batches, &others, &common, most)
}

fn invalid_index(reason: &str) -> SparkError {
    SparkError::new(
        "TRANSPOSE_INVALID_INDEX_COLUMN",
        "42804",
        format!("Invalid index column for TRANSPOSE because: {reason}"),
    )
    .with_param("reason", reason)
}

fn transposed(
    planner: &mut Planner<'_>,
    batches: &[datafusion::arrow::record_batch::RecordBatch],
    others: &[Named],
    common: &DataType,
    limit: usize,
) -> Result<Scope> {
    use datafusion::arrow::array::{ArrayRef, StringArray};
    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::arrow::record_batch::RecordBatch;
    let mut fields = vec![Field::new("key", DataType::Utf8, false)];
    let names: Vec<&str> = others.iter().map(|o| o.name.as_str()).collect();
    let mut columns: Vec<ArrayRef> = vec![std::sync::Arc::new(StringArray::from(names))];
    for batch in batches {
        for row in 0..batch.num_rows() {
            let name = match ScalarValue::try_from_array(batch.column(0), row)? {
                ScalarValue::Utf8(Some(name)) => name,
                other => other.to_string(),
            };
            let cells: Result<Vec<ScalarValue>> = (1..batch.num_columns())
                .map(|column| Ok(ScalarValue::try_from_array(batch.column(column), row)?))
                .collect();
            fields.push(Field::new(name, common.clone(), true));
            columns.push(match cells? {
                cells if cells.is_empty() => datafusion::arrow::array::new_empty_array(common),
                cells => ScalarValue::iter_to_array(cells)?,
            });
        }
    }
    if fields.len() - 1 > limit {
        return Err(SparkError::new(
            "TRANSPOSE_EXCEED_ROW_LIMIT",
            "54006",
            format!(
                "Number of rows exceeds the allowed limit of {limit} for TRANSPOSE. If this was intended, set \"spark.sql.transposeMaxValues\" to at least the current row count."
            ),
        )
        .with_param("maxValues", limit.to_string())
        .with_param("config", "spark.sql.transposeMaxValues"));
    }
    let schema = std::sync::Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(std::sync::Arc::clone(&schema), columns)
        .map_err(datafusion::error::DataFusionError::from)?;
    local::rows(planner, schema, vec![batch])
}
