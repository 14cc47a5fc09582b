//! A stage on an executor: what is arranged once its plan is a task's own.

use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::ExecutionPlan;

use crate::layout::exec::in_order;

/// The plan of one task, as it is run.
///
/// Filters that are known only at run time, such as the keys that a join has collected, are given to the
/// scans below here and not in the driver: they do not pass from one stage to another, nor from one process
/// to another, and a scan that waited for one of another stage would wait for ever.
pub fn arranged(plan: Arc<dyn ExecutionPlan>, options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
    FilterPushdown::new_post_optimization().optimize(in_order(plan)?, options)
}

/// Whether a rule of the driver's planning is the one that [`arranged`] applies later.
pub(crate) fn is_for_executors(rule: &dyn PhysicalOptimizerRule) -> bool {
    rule.name() == FilterPushdown::new_post_optimization().name()
}
