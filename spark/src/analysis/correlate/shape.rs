//! What a query looks like: how it takes columns from outside, and how many rows it can have.

use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, FetchType, LogicalPlan, Operator};

use crate::source::numbers::Numbers;

/// Whether a query takes columns from outside in its filters alone, which are below nothing but columns and names.
pub(super) fn is_filtered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => no_outer(&node.expr) && is_filtered(&node.input),
        LogicalPlan::SubqueryAlias(node) => is_filtered(&node.input),
        LogicalPlan::Filter(node) => is_filtered(&node.input),
        other => other.all_out_ref_exprs().is_empty(),
    }
}

/// Whether DataFusion turns the query into a join: it takes from outside only what its filter
/// compares with columns for equality.
pub(super) fn is_easy(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => no_outer(&node.expr) && is_easy(&node.input),
        LogicalPlan::SubqueryAlias(node) => is_easy(&node.input),
        LogicalPlan::Aggregate(node) => {
            no_outer(&node.group_expr) && no_outer(&node.aggr_expr) && is_easy(&node.input)
        }
        LogicalPlan::Filter(node) => {
            let equal = |part: &&Expr| match part {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                    let pure = |inner: &Expr, outer: &Expr| {
                        !inner.contains_outer() && outer.column_refs().is_empty()
                    };
                    pure(left, right) || pure(right, left)
                }
                _ => false,
            };
            let correlated = split_conjunction(&node.predicate).into_iter().filter(|p| p.contains_outer());
            correlated.collect::<Vec<_>>().iter().all(equal) && node.input.all_out_ref_exprs().is_empty()
        }
        other => other.all_out_ref_exprs().is_empty(),
    }
}

fn no_outer(exprs: &[Expr]) -> bool {
    !exprs.iter().any(Expr::contains_outer)
}

/// Whether the query has one row for each set of values from outside: it aggregates without groups.
pub(super) fn is_single(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => is_single(&node.input),
        LogicalPlan::SubqueryAlias(node) => is_single(&node.input),
        LogicalPlan::Aggregate(node) => node.group_expr.is_empty(),
        _ => false,
    }
}

/// Whether the query has one row at most for each set of values from outside.
pub(super) fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Distinct(_) => plan.inputs().iter().all(|input| has_one_row(input)),
        LogicalPlan::Aggregate(node) => node.group_expr.is_empty() || has_one_row(&node.input),
        LogicalPlan::Limit(node) => {
            matches!(node.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1)))) || has_one_row(&node.input)
        }
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::TableScan(scan) => source_as_provider(&scan.source)
            .ok()
            .and_then(|table| table.downcast_ref::<Numbers>().map(Numbers::rows))
            .is_some_and(|rows| rows <= 1),
        _ => false,
    }
}
