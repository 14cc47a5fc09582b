//! Evaluating parts of an operator's expressions below it.

use datafusion::common::Column;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

/// Has parts of the expressions of a node with one input evaluated below it: `take_out` gets the input and
/// the expressions, and gives an input with more columns and the expressions that use them. `None` where
/// the node has not exactly one input.
pub fn evaluate(
    plan: LogicalPlan,
    take_out: impl FnOnce(LogicalPlan, Vec<Expr>) -> Result<(LogicalPlan, Vec<Expr>)>,
) -> Result<Option<LogicalPlan>> {
    let inputs = plan.inputs();
    let [input] = inputs.as_slice() else { return Ok(None) };
    let makes_columns =
        matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_));
    let names = NamePreserver::new(&plan);
    let exprs = plan.expressions();
    let saved: Vec<_> = exprs.iter().map(|expr| makes_columns.then(|| names.save(expr))).collect();
    let (input, exprs) = take_out((*input).clone(), exprs)?;
    if exprs.len() != saved.len() {
        return Err(DataFusionError::Internal("an expression was lost".into()));
    }
    let exprs = exprs
        .into_iter()
        .zip(saved)
        .map(|(expr, saved)| match saved {
            Some(saved) => saved.restore(expr),
            None => expr,
        })
        .collect();
    let columns = plan.schema().columns();
    let plan = plan.with_new_exprs(exprs, vec![input])?;
    Ok(Some(only(plan, columns)?))
}

/// The plan with these columns alone, should it have more.
pub fn only(plan: LogicalPlan, columns: Vec<Column>) -> Result<LogicalPlan> {
    if plan.schema().fields().len() == columns.len() {
        return Ok(plan);
    }
    LogicalPlanBuilder::from(plan).project(columns.into_iter().map(Expr::Column))?.build()
}
