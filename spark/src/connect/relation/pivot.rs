//! Pivot: values of a column become columns.

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, lit, when};

use crate::analysis::Named;
use crate::analysis::call::{self, AggregateOptions, Context};
use crate::analysis::operator::{self, Binary};
use crate::connect::literal;
use crate::connect::planner::Planner;
use crate::connect::proto::expression::Literal;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};
use crate::text::{self, Style};

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};

/// `spark.sql.pivotMaxValues`.
const MAX_VALUES: usize = 10_000;

/// The values the client gave.
pub(super) fn given(planner: &Planner<'_>, values: &[Literal]) -> Result<Vec<ScalarValue>> {
    values.iter().map(|value| literal::scalar(value, planner.time_zone())).collect()
}

/// The values there are, in order.
pub(super) async fn distinct(
    planner: &Planner<'_>,
    scope: &Scope,
    column: &Named,
) -> Result<Vec<ScalarValue>> {
    let value = column.expr.clone().alias("value");
    let plan = LogicalPlanBuilder::from(scope.plan.clone())
        .project(vec![value])?
        .distinct()?
        .sort(vec![datafusion::prelude::col("value").sort(true, true)])?
        .limit(0, Some(MAX_VALUES + 1))?
        .build()?;
    let batches = planner.env.runner.collect(&planner.session.state, plan).await?;
    let mut values = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            values.push(ScalarValue::try_from_array(batch.column(0), row)?);
        }
    }
    if values.len() > MAX_VALUES {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1324",
            "",
            format!(
                "The pivot column {} has more than {MAX_VALUES} distinct values, this could indicate an error. If this was intended, set spark.sql.pivotMaxValues to at least the number of distinct values of the pivot column.",
                column.name
            ),
        ));
    }
    Ok(values)
}

/// For each value the aggregates over its rows; null where there are none.
pub(super) fn columns(
    planner: &Planner<'_>,
    schema: &DFSchema,
    column: &Named,
    values: &[ScalarValue],
    aggregates: &[Named],
) -> Result<Vec<Named>> {
    let context = Context {
        state: &planner.session.state,
        schema,
        time_zone: &planner.session.time_zone,
        conf: &planner.session.conf,
        database: &planner.session.database,
    };
    let mut columns = Vec::with_capacity(values.len() * aggregates.len());
    for value in values {
        let shown = match value.is_null() {
            true => "null".to_owned(),
            false => text::value(&value.to_array()?, 0, Style::Cast)?,
        };
        let literal = Named::new(Expr::Literal(value.clone(), None), shown.clone());
        let here = operator::binary(Binary::NullSafeEq, column.clone(), literal, schema)?.expr;
        let options = AggregateOptions {
            filter: Some(Named::new(here.clone(), shown.clone())),
            ..AggregateOptions::default()
        };
        let rows = call::aggregate(&context, "count", vec![Named::new(lit(1_i64), "1")], options)?.expr;
        for aggregate in aggregates {
            let restricted = restricted(aggregate.expr.clone(), &here)?;
            let expr = when(rows.clone().gt(lit(0_i64)), restricted).end()?;
            let name = match aggregates {
                [_] => shown.clone(),
                _ => format!("{shown}_{}", aggregate.name),
            };
            columns.push(Named::new(expr, name));
        }
    }
    for aggregate in aggregates {
        aggregate.expr.get_type(schema)?;
    }
    Ok(columns)
}

/// An expression whose aggregates see only rows for which a condition holds.
fn restricted(expr: Expr, condition: &Expr) -> Result<Expr> {
    let changed = expr.transform_down(|e| {
        Ok(match e {
            Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
                let filter = match params.filter.take() {
                    Some(own) => own.and(condition.clone()),
                    None => condition.clone(),
                };
                params.filter = Some(Box::new(filter));
                let call = Expr::AggregateFunction(AggregateFunction { func, params });
                Transformed::new(call, true, TreeNodeRecursion::Jump)
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(changed.data)
}
