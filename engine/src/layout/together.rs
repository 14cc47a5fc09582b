//! Partitions of one number of several inputs as one.

use std::fmt;
use std::sync::Arc;

use cerium_spark::{no_expressions, replaced_inputs};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

/// The rows of each input's partition after those of the inputs before it. Nothing is moved: all inputs have as
/// many partitions, and whoever puts them together knows that they belong together.
#[derive(Debug)]
pub struct TogetherExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
}

impl TogetherExec {
    /// Of inputs with the same columns and as many partitions, at least one.
    ///
    /// # Errors
    /// A plan error where their partitions do not match.
    pub fn new(inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        let count = |plan: &Arc<dyn ExecutionPlan>| plan.output_partitioning().partition_count();
        let counts: Vec<_> = inputs.iter().map(count).collect();
        let (Some(first), Some(partitions)) = (inputs.first(), counts.first()) else {
            return Err(DataFusionError::Internal("no inputs to put together".into()));
        };
        if counts.iter().any(|count| count != partitions) {
            let text = format!("inputs with {counts:?} partitions cannot be put together by their numbers");
            return Err(DataFusionError::Plan(text));
        }
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(first.schema()),
            Partitioning::UnknownPartitioning(*partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Self { inputs, properties })
    }

    /// Of the inputs of a union; of one input where all others are known to be empty.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_union(plan: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        match plan.is::<UnionExec>() {
            true => Self::new(plan.children().into_iter().cloned().collect()),
            false => Self::new(vec![Arc::clone(plan)]),
        }
    }
}

impl DisplayAs for TogetherExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TogetherExec")
    }
}

impl ExecutionPlan for TogetherExec {
    fn name(&self) -> &'static str {
        "TogetherExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    no_expressions!();

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(children)?))
    }

    replaced_inputs!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        // One begins when the one before has ended.
        let rows = stream::iter(self.inputs.clone())
            .map(move |input| input.execute(partition, Arc::clone(&context)))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::physical_plan::collect_partitioned;

    use super::*;

    fn input(values: &[i32]) -> Arc<dyn ExecutionPlan> {
        let part = |value: &i32| {
            let column: ArrayRef = Arc::new(Int32Array::from(vec![*value]));
            vec![RecordBatch::try_from_iter([("a", column)]).unwrap()]
        };
        let parts: Vec<_> = values.iter().map(part).collect();
        MemorySourceConfig::try_new_exec(&parts, parts[0][0].schema(), None).unwrap()
    }

    #[tokio::test]
    async fn partitions_of_one_number_come_one_after_the_other() {
        let union = UnionExec::try_new(vec![input(&[1, 2]), input(&[3, 4])]).unwrap();
        let together: Arc<dyn ExecutionPlan> = Arc::new(TogetherExec::of_union(&union).unwrap());
        let found = collect_partitioned(together, Arc::default()).await.unwrap();
        let shown: Vec<_> =
            found.iter().map(|part| pretty_format_batches(part).unwrap().to_string()).collect();
        assert!(shown.len() == 2 && shown[1].contains("| 2 |\n| 4 |"), "{shown:?}");
    }

    #[test]
    fn other_numbers_of_partitions_are_refused() {
        let error = TogetherExec::new(vec![input(&[1, 2]), input(&[3])]).unwrap_err();
        assert!(error.to_string().contains("inputs with [2, 1] partitions"), "{error}");
    }
}
