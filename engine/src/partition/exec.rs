//! The physical node that numbers partitions and rows.

use std::fmt;
use std::sync::Arc;

use cerium_spark::{no_expressions, replaced_inputs};
use datafusion::arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::Quantity;

/// Bits of a row's id that number it within its partition.
const ROW_BITS: u32 = 33;

/// Adds columns that tell of the partition.
#[derive(Debug)]
pub struct PartitionExec {
    input: Arc<dyn ExecutionPlan>,
    /// One INT for each partition of `input`: its number in the whole plan.
    numbers: Arc<dyn ExecutionPlan>,
    columns: Vec<(Quantity, String)>,
    properties: Arc<PlanProperties>,
}

impl PartitionExec {
    /// Over all partitions of an input.
    pub fn over(input: Arc<dyn ExecutionPlan>, columns: Vec<(Quantity, String)>) -> Result<Self> {
        let numbers = numbers(input.output_partitioning().partition_count())?;
        Ok(Self::new(input, numbers, columns))
    }

    /// Over the partitions of `input` whose numbers are in `numbers`.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        numbers: Arc<dyn ExecutionPlan>,
        columns: Vec<(Quantity, String)>,
    ) -> Self {
        let schema = input.schema();
        let added = columns.iter().map(|(quantity, name)| Arc::new(quantity.field(name)));
        let fields: Vec<_> = schema.fields().iter().cloned().chain(added).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, numbers, columns, properties: Arc::new(properties) }
    }

    /// The columns it adds.
    pub fn columns(&self) -> &[(Quantity, String)] {
        &self.columns
    }
}

/// A table of `count` partitions, each with its number as its only row.
pub(crate) fn numbers(count: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::new(Schema::new(vec![Field::new("number", DataType::Int32, false)]));
    let part = |number| {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![number]));
        Ok(vec![RecordBatch::try_new(Arc::clone(&schema), vec![column])?])
    };
    let count = i32::try_from(count).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let parts = (0..count).map(part).collect::<Result<Vec<_>>>()?;
    Ok(MemorySourceConfig::try_new_exec(&parts, Arc::clone(&schema), None)?)
}

impl DisplayAs for PartitionExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantities: Vec<_> = self.columns.iter().map(|(quantity, _)| quantity).collect();
        write!(f, "PartitionExec: {quantities:?}")
    }
}

impl ExecutionPlan for PartitionExec {
    fn name(&self) -> &'static str {
        "PartitionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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
            return Err(DataFusionError::Internal("columns of a partition need its number".into()));
        };
        let count = |plan: &Arc<dyn ExecutionPlan>| plan.output_partitioning().partition_count();
        // A scheduler that takes some partitions takes them of both. Else the input was planned anew.
        if count(&input) == count(&numbers) {
            return Ok(Arc::new(Self::new(input, numbers, self.columns.clone())));
        }
        Ok(Arc::new(Self::over(input, self.columns.clone())?))
    }

    replaced_inputs!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let numbers = self.numbers.execute(partition, context)?;
        let quantities: Vec<_> = self.columns.iter().map(|(quantity, _)| *quantity).collect();
        let schema = self.schema();
        let output = Arc::clone(&schema);
        let batches = stream::once(async move {
            let number = only_number(numbers).await?;
            let mut next = i64::from(number) << ROW_BITS;
            Ok::<_, DataFusionError>(input.map(move |batch| {
                let batch = batch?;
                let first = next;
                next += batch.num_rows() as i64;
                widened(&batch, &schema, &quantities, number, first..next)
            }))
        })
        .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(output, batches)))
    }
}

/// The number of a partition, of a stream of [`numbers`].
pub(crate) async fn only_number(mut numbers: SendableRecordBatchStream) -> Result<i32> {
    while let Some(batch) = numbers.next().await.transpose()? {
        if let Some(numbers) = batch.column(0).as_primitive_opt::<Int32Type>()
            && !numbers.is_empty()
        {
            return Ok(numbers.value(0));
        }
    }
    Err(DataFusionError::Internal("a partition came without its number".into()))
}

fn widened(
    batch: &RecordBatch,
    schema: &SchemaRef,
    quantities: &[Quantity],
    number: i32,
    rows: std::ops::Range<i64>,
) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    columns.extend(quantities.iter().map(|quantity| -> ArrayRef {
        match quantity {
            Quantity::Partition => Arc::new(Int32Array::from_value(number, batch.num_rows())),
            Quantity::Row => Arc::new(Int64Array::from_iter_values(rows.clone())),
        }
    }));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
