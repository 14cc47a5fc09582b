//! What Spark says of joins: their kinds, and products that nobody asked for.

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, JoinType};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::error::{Result, SparkError};
use crate::python::PythonScalar;

/// The kind of a join as SQL calls it.
pub fn sql_name(kind: JoinType) -> &'static str {
    match kind {
        JoinType::Inner => "INNER",
        JoinType::Left => "LEFT OUTER",
        JoinType::Right => "RIGHT OUTER",
        JoinType::Full => "FULL OUTER",
        JoinType::LeftSemi => "LEFT SEMI",
        JoinType::LeftAnti => "LEFT ANTI",
        JoinType::RightSemi => "RIGHT SEMI",
        JoinType::RightAnti => "RIGHT ANTI",
        JoinType::LeftMark | JoinType::RightMark => "EXISTENCE",
    }
}

/// Fails where no part of the condition holds both sides together, as with
/// `spark.sql.crossJoin.enabled=false`. Python functions are applied above the join, so they do not.
///
/// # Errors
/// _LEGACY_ERROR_TEMP_1211.
pub fn reject_product(
    kind: JoinType,
    condition: Option<&Expr>,
    left: &LogicalPlan,
    right: &LogicalPlan,
) -> Result<()> {
    let of = |schema: &DFSchema, part: &Expr| part.column_refs().iter().any(|c| schema.has_column(c));
    let links = |part: &&Expr| of(left.schema(), part) && of(right.schema(), part) && !calls_python(part);
    let semi = matches!(kind, JoinType::LeftSemi | JoinType::LeftAnti);
    if semi || condition.is_some_and(|condition| split_conjunction(condition).iter().any(links)) {
        return Ok(());
    }
    let (kind, left, right) = (sql_name(kind), left.display_indent(), right.display_indent());
    Err(SparkError::new(
        "_LEGACY_ERROR_TEMP_1211",
        "",
        format!(
            "Detected implicit cartesian product for {kind} join between logical plans\n{left}\nand\n{right}\n\
             Join condition is missing or trivial.\n\
             Either: use the CROSS JOIN syntax to allow cartesian products between these\n\
             relations, or: enable implicit cartesian products by setting the configuration\n\
             variable spark.sql.crossJoin.enabled=true."
        ),
    )
    .with_param("joinType", kind)
    .with_param("leftPlan", left.to_string())
    .with_param("rightPlan", right.to_string()))
}

fn calls_python(expr: &Expr) -> bool {
    let python = |part: &Expr| match part {
        Expr::ScalarFunction(ScalarFunction { func, .. }) => func.inner().is::<PythonScalar>(),
        _ => false,
    };
    // The closure never fails.
    expr.exists(|part| Ok(python(part))).unwrap_or(false)
}
