//! The rows of a task as bytes for a worker: one Arrow stream, or one a group.

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

use super::types::to_python;

/// Some columns of a batch as PySpark takes them, under given names.
pub fn columns(batch: &RecordBatch, columns: &[u32], names: Names) -> Result<RecordBatch> {
    let arrays =
        columns.iter().map(|index| to_python(batch.column(*index as usize))).collect::<Result<Vec<_>>>()?;
    named(arrays, names, &batch.schema(), columns, batch.num_rows())
}

/// How columns are called in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// `_0`, `_1`, ...
    Numbers,
    /// As the user calls them.
    Shown,
}

fn named(
    arrays: Vec<ArrayRef>,
    names: Names,
    schema: &SchemaRef,
    columns: &[u32],
    rows: usize,
) -> Result<RecordBatch> {
    let fields: Vec<_> = arrays
        .iter()
        .zip(columns)
        .enumerate()
        .map(|(position, (array, index))| {
            let field = schema.field(*index as usize);
            let name = match names {
                Names::Numbers => format!("_{position}"),
                Names::Shown => cerium_spark::analysis::scope::display_name(field.name()).to_owned(),
            };
            Field::new(name, array.data_type().clone(), field.is_nullable())
                .with_metadata(field.metadata().clone())
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

/// Batches of at most `max` rows.
pub fn sliced(batch: &RecordBatch, max: usize) -> impl Iterator<Item = RecordBatch> {
    let max = max.max(1);
    (0..batch.num_rows()).step_by(max).map(move |start| batch.slice(start, max.min(batch.num_rows() - start)))
}

/// A batch stream, cut to batches of at most `max` rows; empty batches are left out.
pub fn cut(input: SendableRecordBatchStream, max: usize) -> BoxStream<'static, Result<RecordBatch>> {
    input
        .map_ok(move |batch| {
            let pieces: Vec<_> = sliced(&batch, max).map(Ok).collect();
            stream::iter(pieces)
        })
        .try_flatten()
        .boxed()
}

/// Arrow's stream format, written piece by piece.
pub struct ArrowWriter {
    writer: StreamWriter<Vec<u8>>,
}

impl ArrowWriter {
    /// A stream of batches of this schema.
    pub fn new(schema: &Schema) -> Result<Self> {
        Ok(Self { writer: StreamWriter::try_new(vec![], schema)? })
    }

    /// Adds a batch.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(batch)?)
    }

    /// What was written since the last time.
    pub fn take(&mut self) -> Bytes {
        std::mem::take(self.writer.get_mut()).into()
    }

    /// The rest and the end of the stream.
    pub fn finish(mut self) -> Result<Bytes> {
        self.writer.finish()?;
        Ok(self.take())
    }
}

/// One Arrow stream of all batches.
pub fn one_stream(
    batches: BoxStream<'static, Result<RecordBatch>>,
    schema: SchemaRef,
) -> BoxStream<'static, Result<Bytes>> {
    let start = (batches, None::<ArrowWriter>, false);
    stream::try_unfold(start, move |(mut batches, writer, ended)| {
        let schema = Arc::clone(&schema);
        async move {
            if ended {
                return Ok(None);
            }
            let mut writer = match writer {
                Some(writer) => writer,
                None => ArrowWriter::new(&schema)?,
            };
            match batches.try_next().await? {
                Some(batch) => {
                    writer.write(&batch)?;
                    let bytes = writer.take();
                    Ok(Some((bytes, (batches, Some(writer), false))))
                }
                None => Ok(Some((writer.finish()?, (batches, None, true)))),
            }
        }
    })
    .boxed()
}

/// A group as an Arrow stream; `parts` has at least one batch.
pub fn group_stream(parts: &[RecordBatch]) -> Result<Vec<u8>> {
    let Some(first) = parts.first() else {
        return Err(DataFusionError::Internal("a group without a batch".into()));
    };
    let mut writer = ArrowWriter::new(&first.schema())?;
    for part in parts {
        writer.write(part)?;
    }
    Ok(writer.finish()?.to_vec())
}

/// One batch of several of one schema.
pub fn joined(parts: &[RecordBatch]) -> Result<RecordBatch> {
    match parts {
        [one] => Ok(one.clone()),
        [first, ..] => Ok(concat_batches(&first.schema(), parts)?),
        [] => Err(DataFusionError::Internal("a group without a batch".into())),
    }
}
