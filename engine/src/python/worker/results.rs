//! A task on a worker: its input written, its results read, both at once.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::buffer::{Buffer, MutableBuffer};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::convert::fb_to_schema;
use datafusion::arrow::ipc::reader::{read_dictionary, read_record_batch};
use datafusion::arrow::ipc::{MessageHeader, root_as_message};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::super::accumulators::Accumulators;
use super::super::idle::{Activity, Patience, Watched};
use super::connection::Stream;
use super::daemon::Interpreter;
use super::pool::Workers;
use super::{Worker, WorkerError};

/// What numbers mean where a worker could also have sent a length.
const END_OF_DATA: i32 = -1;
pub(super) const EXCEPTION: i32 = -2;
const TIMING: i32 = -3;
pub(super) const END_OF_STREAM: i32 = -4;
const ARROW_STREAM: i32 = -6;
/// What stands before each message of an Arrow stream.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// The size of Spark's own buffers.
const BUFFER: usize = 65536;

/// The batches a worker makes.
pub type Results = BoxStream<'static, Result<RecordBatch>>;

/// A task and who does it.
pub struct Task {
    /// What started the worker.
    pub interpreter: Interpreter,
    /// Who does it.
    pub worker: Worker,
    /// How long the worker may be idle.
    pub patience: Patience,
    /// Whether the worker may do another task; else it ends with this one.
    pub reuse: bool,
    /// Take what the worker sends at its end.
    pub accumulators: Accumulators,
}

impl Task {
    /// Runs the task: `header` and `input` are written to the worker, its batches are the results.
    /// Dropping the results kills the worker; at their end it goes back to the others, if it may be used again.
    pub fn run(self, header: Vec<u8>, input: BoxStream<'static, Result<Bytes>>) -> Result<Results> {
        let stream = self.worker.stream().map_err(WorkerError::Crashed)?;
        let (reader, writer) = tokio::io::split(stream);
        let activity = Activity::new();
        let reader = Watched { reader, activity: Arc::clone(&activity) };
        let running = Running {
            reader: BufReader::with_capacity(BUFFER, reader),
            writer: Some(SpawnedTask::spawn(feed(writer, header, input, Arc::clone(&activity)))),
            phase: Phase::Between,
            task: self,
            activity,
        };
        Ok(stream::try_unfold(running, |mut running| async move {
            match running.next().await? {
                Some(batch) => Ok(Some((batch, running))),
                None => {
                    running.finish();
                    Ok(None)
                }
            }
        })
        .boxed())
    }
}

type Reader = BufReader<Watched<tokio::io::ReadHalf<Box<dyn Stream>>>>;

/// Where the worker is with its results.
enum Phase {
    /// Between Arrow streams.
    Between,
    /// In an Arrow stream.
    Stream(Decoder),
    /// At the end.
    Done(Ended),
}

/// What a worker says at the end of a task.
struct Ended {
    /// Updates of accumulators.
    updates: Vec<Bytes>,
    /// Whether it goes on to the next task: not where it left a part of its input.
    goes_on: bool,
}

struct Running {
    reader: Reader,
    /// Writes the input; `None` once all is written.
    writer: Option<SpawnedTask<Result<()>>>,
    phase: Phase,
    task: Task,
    activity: Arc<Activity>,
}

/// Writes what a worker reads. That it does not read on is for its results to explain.
async fn feed(
    writer: impl AsyncWrite + Unpin,
    header: Vec<u8>,
    mut input: BoxStream<'static, Result<Bytes>>,
    activity: Arc<Activity>,
) -> Result<()> {
    let mut writer = tokio::io::BufWriter::with_capacity(BUFFER, writer);
    let mut written = writer.write_all(&header).await;
    while written.is_ok() {
        activity.starve(true);
        let bytes = input.try_next().await?;
        activity.starve(false);
        let Some(bytes) = bytes else { break };
        written = writer.write_all(&bytes).await;
    }
    if written.is_ok() {
        written = writer.write_i32(END_OF_STREAM).await;
    }
    if written.is_ok() {
        written = writer.flush().await;
    }
    if let Err(error) = written {
        tracing::debug!(%error, "a Python worker reads no more");
    }
    Ok(())
}

impl Running {
    /// The next batch; `None` when the worker is done.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let (patience, activity) = (self.task.patience, Arc::clone(&self.activity));
        let read = patience.over(&activity, self.read()).await;
        let task = &self.task;
        read.map_err(|error| task.interpreter.fault(task.worker.pid()).map_or(error, Into::into))
    }

    async fn read(&mut self) -> Result<Option<RecordBatch>> {
        let timings = self.task.worker.dialect().timings();
        let Self { reader, writer, phase, task, .. } = self;
        let mut read = pin!(read(reader, phase, &task.interpreter, timings));
        loop {
            let Some(writing) = writer.as_mut() else { return read.await };
            // An error of the input must not wait for results.
            tokio::select! {
                biased;
                result = &mut read => return result,
                written = &mut *writing => {
                    *writer = None;
                    written.map_err(|error| DataFusionError::External(Box::new(error)))??;
                }
            }
        }
    }

    /// Gives the worker back, and on what it sent at its end.
    fn finish(self) {
        let Self { task, phase, reader, writer, .. } = self;
        // Both halves belong to the runtime; the worker's own socket stays open.
        drop((reader, writer));
        let mut reuse = task.reuse;
        if let Phase::Done(ended) = phase {
            task.accumulators.add(ended.updates);
            reuse &= ended.goes_on;
        }
        if reuse {
            Workers::shared().give_back(&task.interpreter, task.worker);
        }
    }
}

/// Reads on until a batch is complete or the worker is done.
async fn read(
    reader: &mut Reader,
    phase: &mut Phase,
    interpreter: &Interpreter,
    timings: usize,
) -> Result<Option<RecordBatch>> {
    loop {
        if let Phase::Stream(decoding) = phase {
            match read_message(reader, decoding).await? {
                Message::Batch(batch) => return Ok(Some(batch)),
                Message::Other => {}
                Message::End => *phase = Phase::Between,
            }
            continue;
        }
        match int(reader).await? {
            ARROW_STREAM => *phase = Phase::Stream(Decoder::default()),
            EXCEPTION => {
                return Err(interpreter.raised(&bytes(reader).await?).into());
            }
            TIMING => {
                *phase = Phase::Done(read_end(reader, interpreter, timings).await?);
                return Ok(None);
            }
            other => return Err(WorkerError::Protocol(format!("the number {other}")).into()),
        }
    }
}

/// What follows the results: times, memory, accumulators and whether the worker goes on.
async fn read_end(reader: &mut Reader, interpreter: &Interpreter, timings: usize) -> Result<Ended> {
    for _ in 0..timings + 2 {
        reader.read_i64().await.map_err(WorkerError::Crashed)?;
    }
    match int(reader).await? {
        END_OF_DATA => {}
        EXCEPTION => return Err(interpreter.raised(&bytes(reader).await?).into()),
        other => return Err(WorkerError::Protocol(format!("the number {other} after its results")).into()),
    }
    let mut updates = Vec::new();
    for _ in 0..int(reader).await? {
        updates.push(bytes(reader).await?.into());
    }
    match int(reader).await? {
        END_OF_STREAM => Ok(Ended { updates, goes_on: true }),
        END_OF_DATA => Ok(Ended { updates, goes_on: false }),
        other => Err(WorkerError::Protocol(format!("the number {other} at its end")).into()),
    }
}

async fn int(reader: &mut Reader) -> Result<i32, WorkerError> {
    reader.read_i32().await.map_err(WorkerError::Crashed)
}

async fn bytes(reader: &mut Reader) -> Result<Vec<u8>, WorkerError> {
    let length = int(reader).await?;
    let length =
        usize::try_from(length).map_err(|_| WorkerError::Protocol(format!("the length {length}")))?;
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).await.map_err(WorkerError::Crashed)?;
    Ok(bytes)
}

enum Message {
    Batch(RecordBatch),
    /// A schema or a dictionary.
    Other,
    End,
}

/// What of an Arrow stream is needed to read on.
#[derive(Default)]
struct Decoder {
    schema: Option<SchemaRef>,
    dictionaries: HashMap<i64, ArrayRef>,
}

async fn read_message(reader: &mut (impl AsyncRead + Unpin), decoder: &mut Decoder) -> Result<Message> {
    let crashed = WorkerError::Crashed;
    let mut word = [0; 4];
    reader.read_exact(&mut word).await.map_err(crashed)?;
    if word == CONTINUATION {
        reader.read_exact(&mut word).await.map_err(crashed)?;
    }
    let length = u32::from_le_bytes(word) as usize;
    if length == 0 {
        return Ok(Message::End);
    }
    let mut head = vec![0; length];
    reader.read_exact(&mut head).await.map_err(crashed)?;
    let malformed = |what: &str| WorkerError::Protocol(format!("a malformed Arrow message: {what}"));
    let message = root_as_message(&head).map_err(|error| malformed(&error.to_string()))?;
    let body_length = usize::try_from(message.bodyLength()).map_err(|_| malformed("negative length"))?;
    // A buffer of its own, aligned as Arrow wants it, so that nothing is copied again.
    let mut body = MutableBuffer::from_len_zeroed(body_length);
    reader.read_exact(body.as_slice_mut()).await.map_err(crashed)?;
    let body = Buffer::from(body);
    match message.header_type() {
        MessageHeader::Schema => {
            let schema = message.header_as_schema().ok_or_else(|| malformed("no schema"))?;
            decoder.schema = Some(Arc::new(fb_to_schema(schema)));
            Ok(Message::Other)
        }
        MessageHeader::DictionaryBatch => {
            let batch = message.header_as_dictionary_batch().ok_or_else(|| malformed("no dictionary"))?;
            let schema = decoder.schema.as_ref().ok_or_else(|| malformed("no schema yet"))?;
            read_dictionary(&body, batch, schema, &mut decoder.dictionaries, &message.version())?;
            Ok(Message::Other)
        }
        MessageHeader::RecordBatch => {
            let batch = message.header_as_record_batch().ok_or_else(|| malformed("no batch"))?;
            let schema = decoder.schema.clone().ok_or_else(|| malformed("no schema yet"))?;
            let batch =
                read_record_batch(&body, batch, schema, &decoder.dictionaries, None, &message.version())?;
            Ok(Message::Batch(batch))
        }
        other => Err(malformed(&format!("kind {other:?}")).into()),
    }
}
