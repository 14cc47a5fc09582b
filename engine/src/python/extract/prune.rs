//! Drops calls of Python functions whose results nobody uses.

use cerium_spark::python::{Operator, PythonNode};
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, Projection};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule.
#[derive(Debug)]
pub struct PrunePythonFunctions;

impl OptimizerRule for PrunePythonFunctions {
    fn name(&self) -> &'static str {
        "prune_python_functions"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = &plan else { return Ok(Transformed::no(plan)) };
        let LogicalPlan::Extension(extension) = projection.input.as_ref() else {
            return Ok(Transformed::no(plan));
        };
        let Some(node) = extension.node.as_any().downcast_ref::<PythonNode>() else {
            return Ok(Transformed::no(plan));
        };
        let (Operator::Eval(calls), [input]) = (node.operator(), node.plans()) else {
            return Ok(Transformed::no(plan));
        };
        let used: Vec<_> = calls
            .iter()
            .filter(|call| {
                projection
                    .expr
                    .iter()
                    .any(|expr| expr.column_refs().iter().any(|column| column.name == call.name))
            })
            .cloned()
            .collect();
        if used.len() == calls.len() {
            return Ok(Transformed::no(plan));
        }
        let input = if used.is_empty() {
            input.clone()
        } else {
            PythonNode::new(Operator::Eval(used), vec![input.clone()])?.into_plan()
        };
        let pruned = Projection::try_new(projection.expr.clone(), input.into())?;
        Ok(Transformed::yes(LogicalPlan::Projection(pruned)))
    }
}
