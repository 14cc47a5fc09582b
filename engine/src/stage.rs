//! Stages: what is arranged before plans are divided among tasks, and once a plan is a task's own.

use std::sync::Arc;

use datafusion::arrow::array::new_null_array;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::layout::exec::in_order;

/// The plan of one task, as it is run.
///
/// Filters that are known only at run time, such as the keys that a join has collected, are given to the
/// scans below here and not in the driver: they do not pass from one stage to another, nor from one process
/// to another, and a scan that waited for one of another stage would wait for ever.
pub fn arranged(plan: Arc<dyn ExecutionPlan>, options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
    FilterPushdown::new_post_optimization().optimize(in_order(plan)?, options)
}

/// A plan for the scheduler, which gives each task its partitions of the leaves.
///
/// Leaves that make rows of nothing it cannot divide: for tasks that get none of their partitions it puts
/// other leaves in their place. Those count rows, which the first do not, and the scheduler refuses what a
/// task reports that counts more than the tasks before it. As tables in memory they are the same in all tasks.
///
/// # Errors
/// Where a node does not take its new inputs.
pub fn divisible(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let divisible = plan.transform_up(|node| {
        let partition = if node.is::<PlaceholderRowExec>() {
            vec![row_of_nulls(node.schema())?]
        } else if node.is::<EmptyExec>() {
            vec![]
        } else {
            return Ok(Transformed::no(node));
        };
        let partitions = vec![partition; node.output_partitioning().partition_count()];
        let table = MemorySourceConfig::try_new(&partitions, node.schema(), None)?;
        Ok(Transformed::yes(DataSourceExec::from_data_source(table) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(divisible.data)
}

fn row_of_nulls(schema: SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// Whether a rule of the driver's planning is the one that [`arranged`] applies later.
pub(crate) fn is_for_executors(rule: &dyn PhysicalOptimizerRule) -> bool {
    rule.name() == FilterPushdown::new_post_optimization().name()
}
