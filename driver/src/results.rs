//! Fetching the result of a job from the executors: in parallel, in order, under a limit.

use std::time::Duration;

use ballista_core::client::BallistaClient;
use ballista_core::error::BallistaError;
use ballista_core::serde::scheduler::{PartitionLocation, ShuffleLayout};
use cerium_engine::session::MAX_MESSAGE_SIZE;
use cerium_spark::error::SparkError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use futures::{StreamExt, TryStreamExt};

/// Result partitions fetched at a time.
const PARALLEL_FETCHES: usize = 8;
/// Attempts to reach an executor, and the pause between two of them.
const CONNECT_ATTEMPTS: u8 = 2;
const CONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Why a result could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// The result is larger than `spark.driver.maxResultSize`.
    #[error(transparent)]
    TooLarge(SparkError),
    /// An executor did not hand out its part, most likely because it is gone.
    #[error("result partition {partition} could not be fetched from executor {executor_id}")]
    Lost {
        /// Number of the partition.
        partition: usize,
        /// The executor asked.
        executor_id: String,
        /// What happened.
        source: FetchError,
    },
}

/// What went wrong while a partition was read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The executor could not be reached or refused.
    #[error(transparent)]
    Request(#[from] BallistaError),
    /// The stream broke off.
    #[error(transparent)]
    Stream(#[from] DataFusionError),
}

/// Checks the size of a result against `spark.driver.maxResultSize` in bytes; 0 means no limit.
pub fn check_size(partitions: &[PartitionLocation], limit: u64) -> Result<(), ResultError> {
    let size = partitions.iter().filter_map(|partition| partition.partition_stats.num_bytes()).sum();
    if limit > 0 && size > limit {
        return Err(ResultError::TooLarge(SparkError::result_too_large(partitions.len(), size, limit)));
    }
    Ok(())
}

/// Fetches all partitions. Batches come in the order of the partitions.
///
/// All are fetched before any is handed out: if an executor is lost half-way the job runs again, and
/// a caller must not have seen rows of the first run by then.
pub async fn fetch(partitions: &[PartitionLocation]) -> Result<Vec<RecordBatch>, ResultError> {
    // Owned, so that callers can be spawned: the compiler does not see it of references.
    let fetched: Vec<Vec<RecordBatch>> = futures::stream::iter(partitions.to_vec())
        .map(|partition| async move {
            fetch_partition(&partition).await.map_err(|source| ResultError::Lost {
                partition: partition.partition_id.partition_id,
                executor_id: partition.executor_meta.id,
                source,
            })
        })
        .buffered(PARALLEL_FETCHES)
        .try_collect()
        .await?;
    Ok(fetched.into_iter().flatten().collect())
}

async fn fetch_partition(location: &PartitionLocation) -> Result<Vec<RecordBatch>, FetchError> {
    let executor = &location.executor_meta;
    let mut client = BallistaClient::try_new(
        &executor.host,
        executor.port,
        MAX_MESSAGE_SIZE as usize,
        false,
        None,
        CONNECT_ATTEMPTS,
        CONNECT_PAUSE.as_millis() as u64,
        0,
        0,
    )
    .await?;
    let layout = if location.is_sort_shuffle { ShuffleLayout::Sort } else { ShuffleLayout::Passthrough };
    let stream =
        client.fetch_partition(&executor.id, &location.partition_id, location.file_id, layout, true).await?;
    Ok(stream.try_collect().await?)
}
