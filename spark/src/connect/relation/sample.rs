//! Samples: by chance, and by chance per value of a column.

use std::collections::HashMap;

use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, lit, when};

use super::columns::filtered;
use crate::analysis::operator::{self, Binary};
use crate::analysis::{Named, call};
use crate::connect::expression::missing;
use crate::connect::literal;
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};

/// `sample` and the parts of `randomSplit`.
pub(super) fn sample(planner: &mut Planner<'_>, message: &proto::Sample, scope: Scope) -> Result<Scope> {
    if message.with_replacement() {
        return Err(SparkError::unsupported("samples with replacement"));
    }
    let mut scope = scope;
    if message.deterministic_order {
        let mut sorts = Vec::new();
        for column in scope.visible() {
            let expr = Expr::Column(column.column.clone());
            let data_type = expr.get_type(scope.plan.schema())?;
            if !matches!(data_type, datafusion::arrow::datatypes::DataType::Map(_, _)) {
                sorts.push(expr.sort(true, true));
            }
        }
        let plan = LogicalPlanBuilder::from(scope.plan.clone()).sort(sorts)?.build()?;
        scope = scope.with_plan(plan);
    }
    let chance = chance(planner, &scope, message.seed)?;
    let (low, high) = (message.lower_bound, message.upper_bound);
    if low.is_nan() || high.is_nan() || low > high {
        return Err(SparkError::without_class(format!(
            "requirement failed: Sampling fraction ({:?}) must be on interval [0, 1] without replacement",
            high - low
        )));
    }
    // One comparison each would draw twice.
    let condition = Expr::Between(datafusion::logical_expr::Between::new(
        Box::new(chance),
        false,
        Box::new(lit(low)),
        Box::new(lit(below(high))),
    ));
    filtered(scope, condition)
}

/// The largest number below another.
fn below(v: f64) -> f64 {
    v.next_down()
}

/// A random number from 0 to 1 for each row.
fn chance(planner: &Planner<'_>, scope: &Scope, seed: Option<i64>) -> Result<Expr> {
    let none = HashMap::new();
    let resolver = planner.resolver(scope, &none);
    let args = seed.map(|seed| Named::new(lit(seed), seed.to_string())).into_iter().collect();
    Ok(call::scalar(&resolver.context(), "rand", args)?.expr)
}

/// `sampleBy`: each value of the column has its own chance.
pub(super) fn sample_by(
    planner: &mut Planner<'_>,
    message: &proto::StatSampleBy,
    scope: Scope,
) -> Result<Scope> {
    let none = HashMap::new();
    let column = message.col.as_ref().ok_or_else(|| missing("a column"))?;
    let column = planner.resolver(&scope, &none).expr(column)?;
    let mut fraction = lit(0.0_f64);
    for one in &message.fractions {
        let stratum = one.stratum.as_ref().ok_or_else(|| missing("a value"))?;
        let stratum = literal::named(stratum, planner.time_zone())?;
        let same = operator::binary(Binary::NullSafeEq, column.clone(), stratum, scope.plan.schema())?;
        fraction = when(same.expr, lit(one.fraction)).otherwise(fraction)?;
    }
    let chance = chance(planner, &scope, message.seed)?;
    filtered(scope, chance.lt(fraction))
}
