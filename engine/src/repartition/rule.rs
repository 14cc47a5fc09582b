//! Puts shuffles where they were asked for, once DataFusion has chosen its own.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::Partitioning;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::repartition::RepartitionExec;

use super::exec::ShuffleMark;

/// Replaces each [`ShuffleMark`] by a shuffle. Must come after all rules of DataFusion.
#[derive(Debug)]
pub struct PlaceShuffles;

impl PhysicalOptimizerRule for PlaceShuffles {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let placed = plan.transform_up(|node| {
            let Some(mark) = node.downcast_ref::<ShuffleMark>() else { return Ok(Transformed::no(node)) };
            Ok(Transformed::yes(place(mark)?))
        })?;
        Ok(placed.data)
    }

    fn name(&self) -> &'static str {
        "place_shuffles"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The shuffle that a mark stands for.
pub(super) fn place(mark: &ShuffleMark) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = mark.input().schema();
    let last = schema.fields().len() - 1;
    let target = Arc::new(Column::new(schema.field(last).name(), last));
    let partitioning = Partitioning::Hash(vec![target], mark.partitions());
    Ok(Arc::new(RepartitionExec::try_new(Arc::clone(mark.input()), partitioning)?))
}
