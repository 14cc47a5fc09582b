//! Some partitions of a plan: the others give no rows, and what makes them is not run.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::{TryStreamExt, stream};

use cerium_spark::{no_expressions, replaced_inputs};

use super::exec::{numbers, only_number};

/// Hands on the rows of some partitions of its input.
#[derive(Debug)]
pub struct KeptPartitionsExec {
    input: Arc<dyn ExecutionPlan>,
    /// One INT for each partition of `input`: its number in the whole plan.
    numbers: Arc<dyn ExecutionPlan>,
    keep: Arc<[usize]>,
}

impl KeptPartitionsExec {
    /// Over all partitions of an input; `keep` are the numbers of those that are run.
    pub fn over(input: Arc<dyn ExecutionPlan>, keep: impl Into<Arc<[usize]>>) -> Result<Self> {
        let numbers = numbers(input.output_partitioning().partition_count())?;
        Ok(Self::new(input, numbers, keep))
    }

    /// Over the partitions of `input` whose numbers are in `numbers`.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        numbers: Arc<dyn ExecutionPlan>,
        keep: impl Into<Arc<[usize]>>,
    ) -> Self {
        Self { input, numbers, keep: keep.into() }
    }

    /// The numbers of the partitions that are run.
    pub fn keep(&self) -> &Arc<[usize]> {
        &self.keep
    }

    /// Which partitions of a stage are run, where not all are.
    pub fn find(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<[usize]>> {
        let mut found = None;
        let walked = plan.apply(|node| {
            if let Some(kept) = node.downcast_ref::<Self>() {
                found = Some(Arc::clone(&kept.keep));
            }
            // It is above all that changes partitions, or nowhere.
            let goes_on = found.is_none() && node.children().len() == 1;
            Ok(if goes_on { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        });
        walked.ok().and(found)
    }
}

impl DisplayAs for KeptPartitionsExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptPartitionsExec: {:?}", self.keep)
    }
}

impl ExecutionPlan for KeptPartitionsExec {
    fn name(&self) -> &'static str {
        "KeptPartitionsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input, &self.numbers]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    no_expressions!();

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input, numbers]) = <[_; 2]>::try_from(children) else {
            return Err(DataFusionError::Internal("partitions to keep need their numbers".into()));
        };
        Ok(Arc::new(Self::new(input, numbers, Arc::clone(&self.keep))))
    }

    replaced_inputs!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let numbers = self.numbers.execute(partition, Arc::clone(&context))?;
        let (input, keep) = (Arc::clone(&self.input), Arc::clone(&self.keep));
        let rows = stream::once(async move {
            let number = only_number(numbers).await?;
            let kept = usize::try_from(number).is_ok_and(|number| keep.contains(&number));
            if kept { input.execute(partition, context) } else { nothing(&input, context) }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows.try_flatten())))
    }
}

fn nothing(like: &Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    EmptyExec::new(like.schema()).execute(0, context)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::physical_plan::collect_partitioned;

    use super::*;

    #[tokio::test]
    async fn other_partitions_are_empty() {
        let part = |value| {
            let column: ArrayRef = Arc::new(Int32Array::from(vec![value]));
            vec![RecordBatch::try_from_iter([("a", column)]).unwrap()]
        };
        let parts: Vec<_> = (10..14).map(part).collect();
        let input = MemorySourceConfig::try_new_exec(&parts, parts[0][0].schema(), None).unwrap();
        let kept: Arc<dyn ExecutionPlan> = Arc::new(KeptPartitionsExec::over(input, [1, 3]).unwrap());
        assert_eq!(KeptPartitionsExec::find(&kept).as_deref(), Some([1, 3].as_slice()));
        let rows = collect_partitioned(kept, Arc::default()).await.unwrap();
        let counts: Vec<usize> =
            rows.iter().map(|partition| partition.iter().map(RecordBatch::num_rows).sum()).collect();
        assert_eq!(counts, [0, 1, 0, 1]);
    }
}
