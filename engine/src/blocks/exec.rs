//! Reads partitions of a cached plan, from memory where they are there.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::execution_plans::ShuffleReaderExec;
use cerium_conf::keys;
use cerium_spark::error::SparkError;
use cerium_spark::session::bad_conf;
use cerium_spark::{no_expressions, one_input};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Statistics;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::BLOCK_LOST;
use super::store::{Block, BlockStore};
use cerium_spark::spark_options::SparkOptions;

/// Over a reader of files: keeps the rows of those that lie on its own executor.
///
/// A file that cannot be read fails the task with [`BLOCK_LOST`]. The reader's own error would name the stage
/// of the job that wrote the file, which the scheduler would take for a stage of the job that reads it.
#[derive(Debug)]
pub struct BlockExec {
    input: Arc<dyn ExecutionPlan>,
    in_memory: bool,
}

/// A block, and where it lies.
struct Place {
    plan: String,
    file: PathBuf,
}

impl BlockExec {
    /// Over a [`ShuffleReaderExec`] whose partitions are each one file; keeps rows only if `in_memory`.
    pub fn new(input: Arc<dyn ExecutionPlan>, in_memory: bool) -> Self {
        Self { input, in_memory }
    }

    /// Whether it keeps rows.
    pub fn in_memory(&self) -> bool {
        self.in_memory
    }

    /// The file of a partition that is to be kept, where it is on this executor.
    fn place(&self, partition: usize, store: &BlockStore) -> Option<Place> {
        if !self.in_memory {
            return None;
        }
        // The optimizer puts this over every leaf.
        let reader = self.input.downcast_ref::<CooperativeExec>().map_or(&self.input, CooperativeExec::input);
        let reader = reader.downcast_ref::<ShuffleReaderExec>()?;
        let [location] = reader.partition.get(partition)?.as_slice() else { return None };
        let file = location.path(&store.folder()?.to_string_lossy()).ok()?;
        file.exists().then(|| Place { plan: location.partition_id.job_id.to_string(), file })
    }
}

impl DisplayAs for BlockExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockExec")
    }
}

impl ExecutionPlan for BlockExec {
    fn name(&self) -> &'static str {
        "BlockExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(inputs.first().map_or_else(|| Arc::new(Statistics::new_unknown(&self.schema())), Arc::clone))
    }

    no_expressions!();

    one_input!(|node, input| Self::new(input, node.in_memory));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let store = BlockStore::shared();
        let Some(place) = self.place(partition, store) else {
            let rows = self.input.execute(partition, context).map_err(lost)?;
            return Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows.map_err(lost))));
        };
        if let Some(rows) = store.get(&place.file) {
            let rows = stream::iter(0..rows.len()).map(move |index| Ok(rows[index].clone()));
            return Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)));
        }
        let keeping = Keeping {
            rows: Vec::new(),
            size: MemoryConsumer::new("block").register(context.memory_pool()),
            limit: store.limit(share(&context)?),
        };
        let input = self.input.execute(partition, context).map_err(lost)?;
        let kept = Some((keeping, place));
        let rows = stream::try_unfold((input, kept), |(mut input, mut kept)| async move {
            match input.next().await.transpose().map_err(lost)? {
                Some(batch) => {
                    if kept.as_mut().is_some_and(|(keeping, _)| !keeping.add(&batch)) {
                        kept = None;
                    }
                    Ok(Some((batch, (input, kept))))
                }
                None => {
                    if let Some((keeping, place)) = kept {
                        keeping.finish(place);
                    }
                    Ok(None)
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// The rows of a block that is being read.
struct Keeping {
    rows: Vec<RecordBatch>,
    /// Counted as the task's memory until the block is whole.
    size: MemoryReservation,
    /// Bytes.
    limit: usize,
}

impl Keeping {
    /// Adds rows, unless they are too many for the store or for the task.
    fn add(&mut self, batch: &RecordBatch) -> bool {
        let more = get_record_batch_memory_size(batch);
        let fits = self.size.size() + more <= self.limit && self.size.try_grow(more).is_ok();
        if fits {
            self.rows.push(batch.clone());
        }
        fits
    }

    fn finish(self, place: Place) {
        let Self { rows, size, limit } = self;
        let block = Block { plan: place.plan, rows: rows.into(), size: size.size() };
        BlockStore::shared().put(&place.file, block, limit);
    }
}

fn lost(error: DataFusionError) -> DataFusionError {
    let text = format!("cached data cannot be read: {error}");
    SparkError::new(BLOCK_LOST, "58030", text).into()
}

/// The part of the memory that blocks may take.
fn share(context: &TaskContext) -> Result<f64> {
    Ok(SparkOptions::of(context.session_config()).get(&keys::MEMORY_STORAGE_FRACTION).map_err(bad_conf)?)
}
