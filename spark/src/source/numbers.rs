//! The numbers of a range as a table: each partition makes its own part of them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt64Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalSortExpr};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    SendableRecordBatchStream,
};
use futures::{TryStreamExt, stream};

use crate::error::SparkError;
use crate::{no_expressions, one_input};

/// Name of the only column.
const ID: &str = "id";
/// How many numbers are worth a partition of their own where the user names no number of partitions.
const WORTH_A_PARTITION: i128 = 1024;

/// The numbers from a start to an end, which is left out.
#[derive(Debug)]
pub struct Numbers {
    /// First number and count of each partition.
    parts: Vec<(i64, u64)>,
    step: i64,
    schema: SchemaRef,
}

impl Numbers {
    /// The numbers in `partitions` partitions, at least one.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE for a step of 0.
    pub fn new(start: i64, end: i64, step: i64, partitions: usize) -> Result<Self, SparkError> {
        if step == 0 {
            return Err(SparkError::new(
                "INVALID_PARAMETER_VALUE",
                "22023",
                "The value of parameter(s) `step` in `range` is invalid: step cannot be 0.",
            ));
        }
        let (from, by) = (i128::from(start), i128::from(step));
        let total = count(start, end, step);
        let partitions = partitions.max(1) as i128;
        let part = |at: i128| {
            let first = total * at / partitions;
            let count = total * (at + 1) / partitions - first;
            // An empty part may start beyond the largest number.
            ((from + by * first) as i64, count as u64)
        };
        let schema = Arc::new(Schema::new(vec![Field::new(ID, DataType::Int64, false)]));
        Ok(Self { parts: (0..partitions).map(part).collect(), step, schema })
    }

    /// How many numbers there are.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|(_, count)| count).sum()
    }

    /// Whether another table has the same numbers in the same partitions.
    pub fn gives_the_same(&self, other: &Self) -> bool {
        self.parts == other.parts && self.step == other.step
    }

    /// In up to `partitions` partitions, less where there are few numbers.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE for a step of 0.
    pub fn spread(start: i64, end: i64, step: i64, partitions: usize) -> Result<Self, SparkError> {
        let most = if step == 0 { 1 } else { count(start, end, step) / WORTH_A_PARTITION };
        Self::new(start, end, step, partitions.min(usize::try_from(most).unwrap_or(usize::MAX)))
    }
}

/// How many numbers there are; `step` is not 0.
fn count(start: i64, end: i64, step: i64) -> i128 {
    let (from, to, by) = (i128::from(start), i128::from(end), i128::from(step));
    let span = (to - from) * by.signum();
    if span <= 0 { 0 } else { (span + by.abs() - 1) / by.abs() }
}

#[async_trait]
impl TableProvider for Numbers {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("first", DataType::Int64, false),
            Field::new("count", DataType::UInt64, false),
        ]));
        let part = |(first, count): &(i64, u64)| {
            let columns: Vec<ArrayRef> =
                vec![Arc::new(Int64Array::from(vec![*first])), Arc::new(UInt64Array::from(vec![*count]))];
            Ok(vec![RecordBatch::try_new(Arc::clone(&schema), columns)?])
        };
        let parts = self.parts.iter().map(part).collect::<Result<Vec<_>>>()?;
        let input = MemorySourceConfig::try_new_exec(&parts, Arc::clone(&schema), None)?;
        Ok(Arc::new(NumbersExec::new(input, self.step, projection.is_none_or(|columns| !columns.is_empty()))))
    }
}

/// Makes the numbers that each row of its input, a first one and a count, stands for. What is to be made
/// is an input because a scheduler gives each task the partitions of a table in memory that are its own.
#[derive(Debug)]
pub struct NumbersExec {
    input: Arc<dyn ExecutionPlan>,
    step: i64,
    /// Whether the numbers are wanted, not only their rows.
    shown: bool,
    properties: Arc<PlanProperties>,
}

impl NumbersExec {
    /// The numbers that `input` stands for, `step` apart; rows without columns unless `shown`.
    pub fn new(input: Arc<dyn ExecutionPlan>, step: i64, shown: bool) -> Self {
        let fields = if shown { vec![Field::new(ID, DataType::Int64, false)] } else { vec![] };
        let schema = Arc::new(Schema::new(fields));
        let order = SortOptions { descending: step < 0, nulls_first: step > 0 };
        let ordering = shown.then(|| [PhysicalSortExpr::new(Arc::new(Column::new(ID, 0)), order)]);
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, ordering),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, step, shown, properties: Arc::new(properties) }
    }

    /// The distance of two numbers.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// Whether the numbers are wanted, not only their rows.
    pub fn shown(&self) -> bool {
        self.shown
    }
}

impl DisplayAs for NumbersExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumbersExec: step={}", self.step)
    }
}

impl ExecutionPlan for NumbersExec {
    fn name(&self) -> &'static str {
        "NumbersExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    no_expressions!();

    one_input!(|node, input| Self::new(input, node.step, node.shown));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let size = context.session_config().batch_size() as u64;
        let (step, schema) = (self.step, self.schema());
        let output = Arc::clone(&schema);
        let batches = self
            .input
            .execute(partition, context)?
            .map_ok(move |parts| {
                let schema = Arc::clone(&schema);
                let (first, count) = (
                    parts.column(0).as_primitive::<Int64Type>(),
                    parts.column(1).as_primitive::<UInt64Type>(),
                );
                let parts: Vec<_> =
                    first.values().iter().copied().zip(count.values().iter().copied()).collect();
                let batches = parts.into_iter().flat_map(move |(first, count)| {
                    let schema = Arc::clone(&schema);
                    (0..count.div_ceil(size)).map(move |batch| {
                        let from = batch * size;
                        numbers(&schema, first, step, from..count.min(from + size))
                    })
                });
                stream::iter(batches)
            })
            .try_flatten();
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(output, batches))))
    }
}

/// A batch of numbers by their places.
fn numbers(schema: &SchemaRef, first: i64, step: i64, places: std::ops::Range<u64>) -> Result<RecordBatch> {
    let rows = (places.end - places.start) as usize;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    if schema.fields().is_empty() {
        return Ok(RecordBatch::try_new_with_options(Arc::clone(schema), vec![], &options)?);
    }
    // No number is out of range; the way to it may be.
    let number = |place: u64| first.wrapping_add(step.wrapping_mul(place as i64));
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(places.map(number)));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), vec![column], &options)?)
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::collect_partitioned;
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn made(numbers: Numbers) -> Vec<Vec<i64>> {
        let context = SessionContext::new();
        let plan = numbers.scan(&context.state(), None, &[], None).await.unwrap();
        let partitions = collect_partitioned(plan, context.task_ctx()).await.unwrap();
        let values = |batches: Vec<RecordBatch>| {
            batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
        };
        partitions.into_iter().map(values).collect()
    }

    #[tokio::test]
    async fn each_partition_has_its_share() {
        let of = |start, end, step, parts| made(Numbers::new(start, end, step, parts).unwrap());
        assert_eq!(of(0, 10, 1, 3).await, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8, 9]]);
        assert_eq!(of(5, 0, -2, 2).await, [vec![5], vec![3, 1]]);
        assert_eq!(of(0, 1, 1, 3).await, [vec![], vec![], vec![0]]);
        assert_eq!(of(3, 3, 1, 1).await, [vec![0_i64; 0]]);
        let widest = of(i64::MIN, i64::MAX, i64::MAX, 2).await;
        assert_eq!(widest, [vec![i64::MIN], vec![-1, i64::MAX - 1]]);
        assert_eq!(made(Numbers::spread(0, 3, 1, 8).unwrap()).await, [[0, 1, 2]]);
        assert_eq!(made(Numbers::spread(0, 3000, 1, 8).unwrap()).await.len(), 2);
        assert_eq!(Numbers::new(0, 1, 0, 1).unwrap_err().class(), "INVALID_PARAMETER_VALUE");
    }
}
