//! Results of functions beside the rows they were made of.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use super::types::declared_batch;
use super::worker::Results;

/// Rows that were sent to a worker and whose results are still to come, in their order.
#[derive(Debug, Clone, Default)]
pub struct Pending(Arc<Mutex<VecDeque<RecordBatch>>>);

impl Pending {
    /// Adds rows; to be called before they are sent.
    pub fn push(&self, rows: RecordBatch) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(rows);
    }

    /// At most `count` rows from the front; `None` if there are none.
    pub fn pop(&self, count: usize) -> Option<RecordBatch> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let front = queue.front_mut()?;
            if front.num_rows() == 0 {
                queue.pop_front();
                continue;
            }
            if front.num_rows() <= count {
                return queue.pop_front();
            }
            let taken = front.slice(0, count);
            *front = front.slice(count, front.num_rows() - count);
            return Some(taken);
        }
    }
}

/// Puts the columns of each result beside the rows it belongs to.
pub fn beside(
    results: Results,
    pending: Pending,
    schema: SchemaRef,
) -> BoxStream<'static, Result<RecordBatch>> {
    let start = (results, None::<RecordBatch>, pending);
    stream::try_unfold(start, move |(mut results, left, pending)| {
        let schema = Arc::clone(&schema);
        async move {
            let result = match left {
                Some(left) => left,
                None => loop {
                    match results.next().await.transpose()? {
                        Some(batch) if batch.num_rows() == 0 => {}
                        Some(batch) => break batch,
                        None if pending.pop(1).is_some() => {
                            return Err(mismatch("fewer"));
                        }
                        None => return Ok(None),
                    }
                },
            };
            let rows = pending.pop(result.num_rows()).ok_or_else(|| mismatch("more"))?;
            let count = rows.num_rows();
            let columns: Vec<ArrayRef> =
                rows.columns().iter().chain(result.slice(0, count).columns()).cloned().collect();
            let batch = declared_batch(&columns, &schema, count)?;
            let rest = result.num_rows() - count;
            let left = (rest > 0).then(|| result.slice(count, rest));
            Ok(Some((batch, (results, left, pending))))
        }
    })
    .boxed()
}

fn mismatch(what: &str) -> DataFusionError {
    DataFusionError::Execution(format!("a Python function returned {what} values than it was given rows"))
}
