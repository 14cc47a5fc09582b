//! Rows as ORC.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use cerium_spark::error::{Result, SparkError};
use cerium_spark::types::sql_name;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use orc_rust::ArrowWriterBuilder;
use orc_rust::compression::CompressionType;

/// Bytes that are ready, shared with the writer that makes them.
#[derive(Debug, Clone, Default)]
struct Ready(Arc<Mutex<Vec<u8>>>);

impl Ready {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Ready {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Batches that wait for the writer.
const AHEAD: usize = 2;

/// Writes the rows of one file, on a thread of its own: the writer must not leave the one it was made on.
pub struct OrcEncoder {
    batches: SyncSender<RecordBatch>,
    thread: JoinHandle<DataFusionResult<()>>,
    schema: SchemaRef,
    ready: Ready,
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The type in the file: instants are kept in UTC.
fn stored(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => other.clone(),
    }
}

/// Whether the types can be written.
///
/// # Errors
/// UNSUPPORTED_FEATURE for a type that the writer does not know.
pub fn check(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Timestamp(..) => Ok(()),
        other => Err(SparkError::unsupported(format!("writing the type {} to ORC", sql_name(other)))),
    }
}

impl OrcEncoder {
    /// A writer of rows of `schema`.
    ///
    /// # Errors
    /// A type that cannot be written.
    pub fn new(schema: &Schema, compression: Option<CompressionType>) -> DataFusionResult<Self> {
        let fields = schema.fields().iter().map(|field| {
            let stored = stored(field.data_type());
            field.as_ref().clone().with_data_type(stored)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let ready = Ready::default();
        let (batches, received) = sync_channel(AHEAD);
        let (to, written) = (ready.clone(), Arc::clone(&schema));
        let thread = std::thread::Builder::new()
            .name("orc".to_owned())
            .spawn(move || write_all(to, &written, compression, &received))?;
        Ok(Self { batches, thread, schema, ready })
    }

    /// Takes rows; returns the bytes that are ready.
    pub fn encode(&mut self, batch: &RecordBatch) -> DataFusionResult<Bytes> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns: std::result::Result<Vec<_>, _> =
            columns.map(|(column, field)| cast(column, field.data_type())).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns?)?;
        // Where the writer has ended it has failed; the end of the file tells why.
        let _ = self.batches.send(batch);
        Ok(self.ready.take())
    }

    /// The last bytes of the file.
    pub fn finish(self) -> DataFusionResult<Bytes> {
        drop(self.batches);
        match self.thread.join() {
            Ok(written) => written?,
            Err(_) => return Err(DataFusionError::Internal("the writer of ORC panicked".into())),
        }
        Ok(self.ready.take())
    }
}

fn write_all(
    to: Ready,
    schema: &SchemaRef,
    compression: Option<CompressionType>,
    batches: &Receiver<RecordBatch>,
) -> DataFusionResult<()> {
    let mut builder = ArrowWriterBuilder::new(to, Arc::clone(schema));
    if let Some(compression) = compression {
        builder = builder.with_compression(compression);
    }
    let mut writer = builder.try_build().map_err(failed)?;
    for batch in batches {
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map_err(failed)
}
