//! Stops a task whose part of a result alone is over `spark.driver.maxResultSize`.

use std::fmt;
use std::sync::Arc;

use cerium_spark::error::SparkError;
use cerium_spark::{no_expressions, one_input};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt;

/// Hands its input's rows on, up to a number of bytes.
#[derive(Debug)]
pub struct ResultLimitExec {
    input: Arc<dyn ExecutionPlan>,
    limit: u64,
}

impl ResultLimitExec {
    /// `input`, of which a task may hand on `limit` bytes.
    pub fn new(input: Arc<dyn ExecutionPlan>, limit: u64) -> Self {
        Self { input, limit }
    }

    /// The number of bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }
}

impl DisplayAs for ResultLimitExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResultLimitExec: bytes={}", self.limit)
    }
}

impl ExecutionPlan for ResultLimitExec {
    fn name(&self) -> &'static str {
        "ResultLimitExec"
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

    no_expressions!();

    one_input!(|node, input| Self::new(input, node.limit));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let limit = self.limit;
        let mut size = 0;
        let rows = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            size += bytes(&batch)?;
            if size > limit {
                let error = SparkError::result_too_large(1, size, limit);
                return Err(DataFusionError::External(Box::new(error)));
            }
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// What the rows take on the wire, uncompressed. Buffers shared with other batches count only as far as
/// they are used.
fn bytes(batch: &RecordBatch) -> Result<u64> {
    let mut sum = 0;
    for column in batch.columns() {
        sum += column.to_data().get_slice_memory_size()? as u64;
    }
    Ok(sum)
}
