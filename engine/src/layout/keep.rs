//! Keeps sorts whose order the result shows, or a node above counts on.
//!
//! DataFusion drops a sort that no node asks for. It sees that a result is to be in order through
//! projections and filters only; Spark's rows stay in order also where they are unnested, put together, seen
//! by Python functions or numbered.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use super::exec::{Kind, LayoutExec};
use crate::partition::exec::PartitionExec;
use crate::python::exec::PythonExec;

/// Puts a node above each such sort that asks for its order. Must come before sorts are dropped.
#[derive(Debug)]
pub struct KeepSorts;

/// Whether the order of a node's rows matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// It is that of the result, as DataFusion sees as well.
    Seen,
    /// It is that of the result or counted on, which DataFusion does not see.
    Unseen,
    /// It does not matter.
    Free,
}

impl Order {
    /// Of the inputs of a node whose own rows are ordered so.
    fn below(self, node: &dyn ExecutionPlan) -> Self {
        let is_counted_on = node.is::<PythonExec>() || node.is::<PartitionExec>();
        let is_limit = node.is::<GlobalLimitExec>() || node.is::<LocalLimitExec>();
        let keeps_it = node.is::<UnnestExec>() || node.is::<UnionExec>() || node.is::<LayoutExec>();
        match self {
            _ if is_counted_on => Self::Unseen,
            Self::Free if is_limit => Self::Unseen,
            Self::Seen | Self::Unseen if keeps_it => Self::Unseen,
            _ if is_limit || node.is::<ProjectionExec>() || node.is::<FilterExec>() => self,
            _ => Self::Free,
        }
    }
}

fn keep(node: Arc<dyn ExecutionPlan>, order: Order) -> Result<Arc<dyn ExecutionPlan>> {
    let below = order.below(node.as_ref());
    let children = node.children();
    if children.is_empty() {
        return Ok(node);
    }
    let children = children.into_iter().map(|child| keep(Arc::clone(child), below)).collect::<Result<_>>()?;
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    let node = node.replace_children(children, options)?;
    match node.downcast_ref::<SortExec>() {
        Some(sort) if order == Order::Unseen => {
            let kind = Kind::Kept { ordering: sort.expr().clone(), whole: !sort.preserve_partitioning() };
            Ok(Arc::new(LayoutExec::new(node, kind)))
        }
        _ => Ok(node),
    }
}

impl PhysicalOptimizerRule for KeepSorts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // Most plans have no sort at all.
        if plan.exists(|node| Ok(node.is::<SortExec>()))? { keep(plan, Order::Seen) } else { Ok(plan) }
    }

    fn name(&self) -> &'static str {
        "keep_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
