//! Puts sorts within partitions and coalesced partitions in place.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use super::exec::{Kind, LayoutExec};
use super::joins::is_streamed;
use super::narrow::coalesced;

/// Replaces what DataFusion's rules were to leave alone. Must come after shuffles are placed.
#[derive(Debug)]
pub struct PlaceLayouts;

impl PhysicalOptimizerRule for PlaceLayouts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let placed = plan.transform_up(|node| {
            if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
                return in_one_task(&node, join);
            }
            let Some(layout) = node.downcast_ref::<LayoutExec>() else { return Ok(Transformed::no(node)) };
            let placed: Arc<dyn ExecutionPlan> = match layout.kind() {
                Kind::Hint(_) => Arc::clone(layout.input()),
                Kind::Sorted(keys) => {
                    let sort = SortExec::new(keys.clone(), Arc::clone(layout.input()));
                    // The stages of a plan are looked through for sorts that nobody asks for as well.
                    let kept = Kind::Kept { ordering: keys.clone(), whole: false };
                    Arc::new(LayoutExec::new(Arc::new(sort.with_preserve_partitioning(true)), kept))
                }
                Kind::Coalesced(count) => coalesced(layout.input(), *count)?,
                Kind::Small | Kind::Unknown | Kind::Ordered | Kind::InOrder(_) | Kind::Kept { .. } => {
                    return Ok(Transformed::no(node));
                }
            };
            Ok(Transformed::yes(placed))
        })?;
        Ok(placed.data)
    }

    fn name(&self) -> &'static str {
        "place_layouts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A join that gives rows on behalf of the side it collects needs to see all of the other side at once.
fn in_one_task(
    node: &Arc<dyn ExecutionPlan>,
    join: &NestedLoopJoinExec,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let right = join.right();
    if is_streamed(*join.join_type()) || right.output_partitioning().partition_count() <= 1 {
        return Ok(Transformed::no(Arc::clone(node)));
    }
    let right = Arc::new(CoalescePartitionsExec::new(Arc::clone(right)));
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    let whole = Arc::clone(node).replace_children(vec![Arc::clone(join.left()), right], options)?;
    Ok(Transformed::yes(whole))
}
