//! Few rows are not spread over partitions, as Spark's adaptive execution puts small ones together.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::common::ScalarValue;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::Partitioning;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::SessionConfig;

use crate::python::exec::PythonExec;
use cerium_spark::spark_options::SparkOptions;

/// How many rows are not worth a second partition: those of one batch.
const FEW: usize = 8192;

/// Functions that make many values of a few.
const MULTIPLY: [&str; 2] = ["sequence", "array_repeat"];

/// Whether small partitions are to be put together.
pub fn is_wanted(config: &SessionConfig) -> bool {
    let conf = SparkOptions::of(config);
    let off = |key| conf.get_str(key).is_some_and(|value| value.eq_ignore_ascii_case("false"));
    !off("spark.sql.adaptive.enabled") && !off("spark.sql.adaptive.coalescePartitions.enabled")
}

/// Whether a plan spreads few rows, all of which come in one partition.
///
/// Python functions take long for a row, so that theirs are left spread.
pub fn is_spread(logical: &LogicalPlan, plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let (mut shuffles, mut grows, mut rows) = (false, false, 0_usize);
    plan.apply(|node| {
        let shuffle = node.downcast_ref::<RepartitionExec>();
        shuffles |= shuffle.is_some_and(|s| matches!(s.partitioning(), Partitioning::Hash(_, _)));
        grows |= node.is::<PythonExec>() || node.is::<CrossJoinExec>() || node.is::<NestedLoopJoinExec>();
        if node.children().is_empty() {
            grows |= node.output_partitioning().partition_count() > 1;
            let statistics = StatisticsContext::new().compute(node.as_ref(), &StatisticsArgs::new())?;
            rows = match statistics.num_rows {
                Precision::Exact(known) => rows.saturating_add(known),
                _ => usize::MAX,
            };
        }
        Ok(if grows || rows > FEW { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(shuffles && !grows && rows <= FEW && !multiplies(logical)?)
}

/// Whether an expression of a plan may make many rows of one.
fn multiplies(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                found |= match part {
                    Expr::ScalarFunction(call) => MULTIPLY.contains(&call.func.name()),
                    Expr::Literal(ScalarValue::List(list), _) => list.values().len() > FEW,
                    _ => false,
                };
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    Ok(found)
}
