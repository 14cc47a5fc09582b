//! What changes in a plan while `spark.sql.ansi.enabled` is false.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, TryCast};
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
        let relaxed = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let plan = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(expr.transform_up(relax)?.update_data(|expr| name.restore(expr)))
            })?;
            if plan.transformed { plan.map_data(LogicalPlan::recompute_schema) } else { Ok(plan) }
        });
        Ok(relaxed?.data)
    }

    fn name(&self) -> &'static str {
        "without_ansi"
    }
}

fn relax(expr: Expr) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::ScalarFunction(mut call) => match functions::lenient(call.func.name()) {
            Some(function) => {
                call.func = function;
                Transformed::yes(Expr::ScalarFunction(call))
            }
            None => Transformed::no(Expr::ScalarFunction(call)),
        },
        Expr::Cast(cast) => Transformed::yes(Expr::TryCast(TryCast { expr: cast.expr, field: cast.field })),
        other => Transformed::no(other),
    })
}
