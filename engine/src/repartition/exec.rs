//! The physical nodes of a repartition.

use std::fmt;
use std::sync::Arc;

use cerium_spark::{no_expressions, one_input};
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    SendableRecordBatchStream,
};
use futures::StreamExt;

use super::target;
use crate::task::task_number;

/// Name of the column that leads a row to its partition. Private use, so that no user's column has it.
const TARGET: &str = "\u{E0C2}target";

/// How rows find their partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One after the other.
    RoundRobin,
    /// The last column of the input names it, as an INT; the column is replaced.
    LastColumn,
    /// All rows of a partition go to one, neighbours to the same.
    Neighbours,
}

/// Adds to each row a value whose hash leads to its partition.
#[derive(Debug)]
pub struct TargetExec {
    input: Arc<dyn ExecutionPlan>,
    partitions: usize,
    target: Target,
    /// How many partitions the input has as a whole; a task sees but its own.
    sources: usize,
    properties: Arc<PlanProperties>,
}

impl TargetExec {
    /// For a shuffle of `input` into `partitions` partitions.
    pub fn new(input: Arc<dyn ExecutionPlan>, partitions: usize, target: Target) -> Self {
        let sources = input.output_partitioning().partition_count();
        Self::of_sources(input, partitions, target, sources)
    }

    /// The same over a part of an input that has `sources` partitions as a whole.
    pub fn of_sources(
        input: Arc<dyn ExecutionPlan>,
        partitions: usize,
        target: Target,
        sources: usize,
    ) -> Self {
        let schema = with_target(&input.schema(), target);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, partitions, target, sources, properties: Arc::new(properties) }
    }

    /// How many partitions there will be.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// How many there are before.
    pub fn sources(&self) -> usize {
        self.sources
    }

    /// How rows find theirs.
    pub fn target(&self) -> Target {
        self.target
    }
}

fn with_target(input: &Schema, target: Target) -> SchemaRef {
    let kept = input.fields().len() - usize::from(target == Target::LastColumn);
    let mut fields: Vec<_> = input.fields()[..kept].to_vec();
    fields.push(Arc::new(Field::new(TARGET, DataType::UInt64, false)));
    Arc::new(Schema::new_with_metadata(fields, input.metadata().clone()))
}

impl DisplayAs for TargetExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetExec: partitions={}, target={:?}", self.partitions, self.target)
    }
}

impl ExecutionPlan for TargetExec {
    fn name(&self) -> &'static str {
        "TargetExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    no_expressions!();

    one_input!(|node, input| Self::of_sources(input, node.partitions, node.target, node.sources));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let values = target::values(self.partitions)?;
        let schema = self.schema();
        let output = Arc::clone(&schema);
        let kind = self.target;
        let task = task_number(&context, partition);
        // Tasks start at different places, so that a few rows from each do not meet in one partition.
        let mut next = task % self.partitions;
        let whole = values[(task * self.partitions / self.sources.max(1)).min(self.partitions - 1)];
        let rows = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let targets: UInt64Array = match kind {
                Target::RoundRobin => (0..batch.num_rows())
                    .map(|_| {
                        let value = values[next];
                        next = (next + 1) % values.len();
                        value
                    })
                    .collect(),
                Target::LastColumn => named(&batch, &values)?,
                Target::Neighbours => std::iter::repeat_n(whole, batch.num_rows()).collect(),
            };
            let kept = schema.fields().len() - 1;
            let mut columns: Vec<ArrayRef> = batch.columns()[..kept].to_vec();
            columns.push(Arc::new(targets));
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(output, rows)))
    }
}

/// The values of the partitions that the last column names.
fn named(batch: &RecordBatch, values: &[u64]) -> Result<UInt64Array> {
    let ids = batch.columns().last().and_then(|column| column.as_primitive_opt::<Int32Type>());
    let ids = ids.ok_or_else(|| DataFusionError::Internal("partitions are named by an INT column".into()))?;
    ids.iter()
        .map(|id| {
            // Rows without an id go to the first partition, as in Spark.
            let id = id.unwrap_or(0);
            usize::try_from(id).ok().and_then(|id| values.get(id)).copied().ok_or_else(|| {
                DataFusionError::Execution(format!(
                    "partition id {id} is not one of the {} partitions asked for",
                    values.len()
                ))
            })
        })
        .collect()
}

/// Where a shuffle goes. Stands in for it while DataFusion chooses partitionings, which would take away
/// one that it did not ask for itself.
#[derive(Debug)]
pub struct ShuffleMark {
    input: Arc<dyn ExecutionPlan>,
    partitions: usize,
    properties: Arc<PlanProperties>,
}

impl ShuffleMark {
    /// A shuffle of `input` by its last column.
    pub fn new(input: Arc<dyn ExecutionPlan>, partitions: usize) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, partitions, properties: Arc::new(properties) }
    }

    /// What is shuffled.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// How many partitions there will be.
    pub fn partitions(&self) -> usize {
        self.partitions
    }
}

impl DisplayAs for ShuffleMark {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShuffleMark: partitions={}", self.partitions)
    }
}

impl ExecutionPlan for ShuffleMark {
    fn name(&self) -> &'static str {
        "ShuffleMark"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    no_expressions!();

    one_input!(|node, input| Self::new(input, node.partitions));

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Err(DataFusionError::Internal("a shuffle was not put in its place".into()))
    }
}
