//! What changes in a plan while `spark.sql.ansi.enabled` is false, or `spark.sql.mapKeyDedupPolicy` is
//! LAST_WIN: other functions take the place of those that fail.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF, TryCast};
use datafusion::optimizer::AnalyzerRule;

use crate::functions;

/// Puts the lenient form in the place of every function and cast that fails by ANSI rules.
///
/// Plans are made by ANSI rules, and the types of both forms are the same, so one pass over the
/// finished plan suffices.
#[derive(Debug)]
pub struct WithoutAnsi;

impl AnalyzerRule for WithoutAnsi {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        everywhere(plan, relax)
    }

    fn name(&self) -> &'static str {
        "without_ansi"
    }
}

/// Whether `spark.sql.ansi.enabled` is false in a session.
pub fn is_off(state: &SessionState) -> bool {
    state.analyzer().rules.iter().any(|rule| rule.name() == WithoutAnsi.name())
}

/// Has the last value of a key count in maps that would have it twice.
#[derive(Debug)]
pub struct LastKeyWins;

impl AnalyzerRule for LastKeyWins {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        everywhere(plan, |expr| Ok(replaced(expr, functions::last_wins)))
    }

    fn name(&self) -> &'static str {
        "last_key_wins"
    }
}

/// Changes every expression of a plan and keeps the names of its columns.
fn everywhere(plan: LogicalPlan, change: fn(Expr) -> Result<Transformed<Expr>>) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|plan| {
        let names = NamePreserver::new(&plan);
        let plan = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(change)?.update_data(|expr| name.restore(expr)))
        })?;
        if plan.transformed { plan.map_data(LogicalPlan::recompute_schema) } else { Ok(plan) }
    });
    Ok(changed?.data)
}

/// A call with another function of the same arguments, where there is one.
fn replaced(expr: Expr, instead: fn(&str) -> Option<Arc<ScalarUDF>>) -> Transformed<Expr> {
    match expr {
        Expr::ScalarFunction(mut call) => match instead(call.func.name()) {
            Some(function) => {
                call.func = function;
                Transformed::yes(Expr::ScalarFunction(call))
            }
            None => Transformed::no(Expr::ScalarFunction(call)),
        },
        other => Transformed::no(other),
    }
}

fn relax(expr: Expr) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::Cast(cast) => Transformed::yes(Expr::TryCast(TryCast { expr: cast.expr, field: cast.field })),
        other => replaced(other, functions::lenient),
    })
}
