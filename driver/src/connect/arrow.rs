//! Rows as Arrow IPC streams of the types clients know, in messages that fit the wire.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cerium_spark::analysis::scope::display_name;
use cerium_spark::structs;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use spark_connect_proto::execute_plan_response::ArrowBatch;

/// Bytes of rows put into one message, about. Each message costs the client a request to release it.
const MESSAGE_TARGET: usize = 16 << 20;
/// Bytes that one message may have; clients refuse 128 MiB.
const MESSAGE_LIMIT: usize = 120 << 20;
/// The least chunk a client can ask for, in bytes.
const LEAST_CHUNK: usize = 1024;

/// How a client wants its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// The session's time zone, of timestamps that have one.
    pub time_zone: String,
    /// Whether texts and binaries have 64-bit offsets.
    pub large_types: bool,
    /// Bytes of the chunks that a batch may be split into, if the client takes chunks.
    pub chunk: Option<usize>,
}

impl Style {
    /// The size of chunks that a client asks for, made one that is possible.
    pub fn chunk_size(preferred: Option<i64>) -> usize {
        let preferred = preferred.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
        preferred.map_or(MESSAGE_LIMIT, |size| size.clamp(LEAST_CHUNK, MESSAGE_LIMIT))
    }
}

/// A row that fits into no message.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// One row is larger than a message can be, and the client does not take parts.
    #[error("a row of {size} bytes is larger than the {MESSAGE_LIMIT} bytes one message can have")]
    RowTooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The rows cannot be written as clients want them.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// Turns batches of one result into messages, one after the other.
pub struct Encoder {
    schema: SchemaRef,
    style: Style,
    rest: std::vec::IntoIter<RecordBatch>,
    /// Messages made but not handed out, the next one last.
    ready: Vec<ArrowBatch>,
    rows: i64,
    started: bool,
}

impl Encoder {
    /// An encoder of a result. `schema` is that of the batches.
    pub fn new(schema: &Schema, batches: Vec<RecordBatch>, style: Style) -> Self {
        let fields: Fields = schema
            .fields()
            .iter()
            .map(|field| {
                let data_type = client_type(field.data_type(), &style);
                Field::new(display_name(field.name()), data_type, field.is_nullable())
            })
            .collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            style,
            rest: batches.into_iter(),
            ready: Vec::new(),
            rows: 0,
            started: false,
        }
    }

    /// The next message; there is at least one, with a batch of no rows if there are none.
    pub fn next(&mut self) -> Result<Option<ArrowBatch>, EncodeError> {
        if let Some(message) = self.ready.pop() {
            return Ok(Some(message));
        }
        let mut batches = Vec::new();
        let mut size = 0;
        while size < MESSAGE_TARGET
            && let Some(batch) = self.rest.next()
        {
            if batch.num_rows() == 0 {
                continue;
            }
            let batch = self.convert(&batch)?;
            size += size_of_rows(&batch);
            batches.push(batch);
        }
        if batches.is_empty() {
            if self.started {
                return Ok(None);
            }
            batches.push(RecordBatch::new_empty(Arc::clone(&self.schema)));
        }
        self.started = true;
        let mut messages = Vec::new();
        self.encode(&batches, size, &mut messages)?;
        messages.reverse();
        self.ready = messages;
        Ok(self.ready.pop())
    }

    /// The batch with the types and names clients know.
    fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let columns = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| {
                let column = structs::with_names_of(column, field.data_type())?;
                if column.data_type() == field.data_type() {
                    Ok(column)
                } else {
                    cast_with_options(&column, field.data_type(), &options)
                }
            })
            .collect::<Result<Vec<ArrayRef>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }

    /// Writes batches of `size` bytes, about, into as many messages as they need.
    fn encode(
        &mut self,
        batches: &[RecordBatch],
        size: usize,
        messages: &mut Vec<ArrowBatch>,
    ) -> Result<(), EncodeError> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if size > 2 * MESSAGE_TARGET && rows > 1 {
            return self.encode_parts(batches, size.div_ceil(MESSAGE_TARGET), messages);
        }
        let data = write(&self.schema, batches)?;
        if data.len() > MESSAGE_LIMIT && rows > 1 {
            return self.encode_parts(batches, 2, messages);
        }
        let start_offset = self.rows;
        self.rows += rows as i64;
        let whole = ArrowBatch {
            row_count: rows as i64,
            start_offset: Some(start_offset),
            data: Bytes::new(),
            chunk_index: None,
            num_chunks_in_batch: None,
        };
        let data = Bytes::from(data);
        match self.style.chunk {
            Some(chunk) if data.len() > chunk => {
                let count = data.len().div_ceil(chunk);
                messages.extend((0..count).map(|index| ArrowBatch {
                    data: data.slice(index * chunk..data.len().min((index + 1) * chunk)),
                    chunk_index: Some(index as i64),
                    num_chunks_in_batch: Some(count as i64),
                    ..whole.clone()
                }));
            }
            None if data.len() > MESSAGE_LIMIT => {
                return Err(EncodeError::RowTooLarge { size: data.len() });
            }
            _ => messages.push(ArrowBatch { data, ..whole }),
        }
        Ok(())
    }

    /// Splits the rows of batches evenly.
    fn encode_parts(
        &mut self,
        batches: &[RecordBatch],
        parts: usize,
        messages: &mut Vec<ArrowBatch>,
    ) -> Result<(), EncodeError> {
        for batch in batches {
            let step = batch.num_rows().div_ceil(parts).max(1);
            for start in (0..batch.num_rows()).step_by(step) {
                let part = batch.slice(start, step.min(batch.num_rows() - start));
                let size = size_of_rows(&part);
                self.encode(&[part], size, messages)?;
            }
        }
        Ok(())
    }
}

/// A stream of one batch: clients read no more.
fn write(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    match batches {
        [batch] => writer.write(batch)?,
        several => writer.write(&concat_batches(schema, several)?)?,
    }
    writer.into_inner()
}

/// Bytes of the rows of a batch, which may share its buffers with others.
fn size_of_rows(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .map(|column| {
            let data = column.to_data();
            data.get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
        })
        .sum()
}

/// Fields with a number after each name that is there more than once, as clients turn rows into dictionaries.
fn distinct(fields: Vec<FieldRef>) -> Fields {
    let mut taken: HashMap<String, (usize, usize)> = HashMap::new();
    for field in &fields {
        taken.entry(field.name().clone()).or_default().0 += 1;
    }
    let named = fields.into_iter().map(|field| match taken.get_mut(field.name()) {
        Some((count, next)) if *count > 1 => {
            *next += 1;
            let name = format!("{}_{}", field.name(), *next - 1);
            Arc::new(field.as_ref().clone().with_name(name))
        }
        _ => field,
    });
    named.collect()
}

/// The type that clients expect where the engine may have another.
fn client_type(data_type: &DataType, style: &Style) -> DataType {
    let nested = |field: &FieldRef| {
        Arc::new(
            Field::new(
                display_name(field.name()),
                client_type(field.data_type(), style),
                field.is_nullable(),
            )
            .with_metadata(field.metadata().clone()),
        )
    };
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            if style.large_types {
                DataType::LargeUtf8
            } else {
                DataType::Utf8
            }
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            if style.large_types {
                DataType::LargeBinary
            } else {
                DataType::Binary
            }
        }
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal256(p, s) => {
            DataType::Decimal128(*p, *s)
        }
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(style.time_zone.as_str().into()))
        }
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Nanosecond),
        DataType::Duration(_) | DataType::Interval(IntervalUnit::DayTime) => {
            DataType::Duration(TimeUnit::Microsecond)
        }
        DataType::Dictionary(_, value) => client_type(value, style),
        DataType::RunEndEncoded(_, value) => client_type(value.data_type(), style),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => DataType::List(nested(field)),
        DataType::Struct(fields) => DataType::Struct(distinct(fields.iter().map(nested).collect())),
        DataType::Map(entries, sorted) => DataType::Map(nested(entries), *sorted),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, Int64Array, StringArray, StringViewArray, UInt32Array};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::arrow::ipc::reader::StreamReader;

    use super::*;

    fn style() -> Style {
        Style { time_zone: "UTC".into(), large_types: false, chunk: None }
    }

    fn messages(batches: Vec<RecordBatch>, schema: &Schema, style: Style) -> Vec<ArrowBatch> {
        let mut encoder = Encoder::new(schema, batches, style);
        std::iter::from_fn(|| encoder.next().unwrap()).collect()
    }

    fn decode(data: &[u8]) -> Vec<RecordBatch> {
        StreamReader::try_new(data, None).unwrap().map(Result::unwrap).collect()
    }

    fn numbers(count: i64) -> RecordBatch {
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(0..count)) as ArrayRef)])
            .unwrap()
    }

    #[test]
    fn no_rows_are_one_batch_of_no_rows() {
        let schema = numbers(0).schema();
        let messages = messages(vec![], &schema, style());
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].row_count, 0);
        let batches = decode(&messages[0].data);
        assert_eq!((batches.len(), batches[0].num_rows()), (1, 0));
    }

    #[test]
    fn small_batches_share_a_message_and_large_ones_are_split() {
        let schema = numbers(0).schema();
        let small = messages((0..100).map(|_| numbers(3)).collect(), &schema, style());
        assert_eq!((small.len(), small[0].row_count), (1, 300));
        assert_eq!(decode(&small[0].data)[0].num_rows(), 300);
        // 80 MB of rows.
        let large = messages(vec![numbers(10_000_000)], &schema, style());
        assert!(large.len() >= 5, "{}", large.len());
        let mut expected = 0;
        for message in &large {
            assert!(message.data.len() <= 2 * MESSAGE_TARGET);
            assert_eq!(message.start_offset, Some(expected));
            let rows = decode(&message.data);
            assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), expected);
            expected += message.row_count;
        }
        assert_eq!(expected, 10_000_000);
    }

    #[test]
    fn a_client_that_takes_chunks_gets_chunks() {
        let schema = numbers(0).schema();
        let chunked = messages(vec![numbers(1000)], &schema, Style { chunk: Some(4096), ..style() });
        // 8,000 bytes of numbers and what Arrow writes before them.
        assert_eq!(chunked.len(), 3);
        assert!(chunked.iter().all(|chunk| chunk.num_chunks_in_batch == Some(3) && chunk.row_count == 1000));
        assert!(chunked.iter().all(|chunk| chunk.data.len() <= 4096));
        let whole: Vec<u8> = chunked.iter().flat_map(|chunk| chunk.data.to_vec()).collect();
        assert_eq!(decode(&whole)[0].num_rows(), 1000);
    }

    #[test]
    fn a_row_that_fits_no_message_is_an_error_unless_it_may_be_cut() {
        let text = StringArray::from(vec!["x".repeat(MESSAGE_LIMIT + 1)]);
        let batch = RecordBatch::try_from_iter([("s", Arc::new(text) as ArrayRef)]).unwrap();
        let mut encoder = Encoder::new(&batch.schema(), vec![batch.clone()], style());
        assert!(matches!(encoder.next(), Err(EncodeError::RowTooLarge { .. })));
        let chunk = Some(Style::chunk_size(None));
        assert_eq!(messages(vec![batch.clone()], &batch.schema(), Style { chunk, ..style() }).len(), 2);
    }

    #[test]
    fn fields_of_one_name_are_numbered() {
        // Recorded with Spark 4.1.1: the Arrow names of struct<x, y, x>.
        let fields = ["x", "y", "x"].map(|name| Arc::new(Field::new(name, DataType::Int64, true)));
        let names: Vec<String> = distinct(fields.to_vec()).iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["x_0", "y", "x_1"]);
    }

    #[test]
    fn types_are_those_of_spark() {
        let batch = RecordBatch::try_from_iter([
            ("s", Arc::new(StringViewArray::from(vec!["a"])) as ArrayRef),
            ("u", Arc::new(UInt32Array::from(vec![u32::MAX])) as ArrayRef),
        ])
        .unwrap();
        let messages = messages(vec![batch.clone()], &batch.schema(), style());
        let found = &decode(&messages[0].data)[0];
        assert_eq!(found.column(0).data_type(), &DataType::Utf8);
        assert_eq!(found.column(1).as_primitive::<Int64Type>().value(0), i64::from(u32::MAX));
    }
}
