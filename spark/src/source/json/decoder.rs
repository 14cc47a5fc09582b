//! Turns JSON lines into record batches, under Spark's parse modes.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, StringBuilder,
    StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::error::DataFusionError;

use super::node::{Leniency, Node, Value, parse_with};
use super::options::JsonOptions;
use crate::error::{Result, SparkError};
use crate::source::columns::{Column, Formats};
use crate::source::datetime::{is_utc, parse_zone};
use crate::source::errors;
use crate::source::options::ParseMode;
use crate::source::text::{Lines, decode, is_blank};
use crate::source::today;

/// Reads one file, or one range of it.
pub struct JsonDecoder {
    options: JsonOptions,
    formats: Formats,
    schema: SchemaRef,
    columns: Vec<Builder>,
    /// Column that takes the text of bad records.
    corrupt: Option<usize>,
    batch_size: usize,
    rows: usize,
    /// Which rows stay, where malformed ones are dropped.
    keep: Vec<bool>,
}

/// One column in the making, possibly nested.
enum Builder {
    Scalar(Column),
    Struct {
        fields: Fields,
        children: Vec<Builder>,
        valid: Vec<bool>,
    },
    List {
        item: FieldRef,
        values: Box<Builder>,
        lengths: Vec<usize>,
        valid: Vec<bool>,
    },
    Map {
        entries: FieldRef,
        keys: StringBuilder,
        values: Box<Builder>,
        lengths: Vec<usize>,
        valid: Vec<bool>,
    },
}

impl JsonDecoder {
    /// A decoder for the columns `projection` of `file_schema`.
    pub fn new(
        options: &JsonOptions,
        file_schema: &Schema,
        projection: &[usize],
        batch_size: usize,
        today: NaiveDate,
    ) -> Result<Self> {
        let fields: Vec<FieldRef> = projection.iter().map(|i| file_schema.fields()[*i].clone()).collect();
        let columns = fields
            .iter()
            .map(|field| Builder::new(field.data_type()).ok_or_else(|| unsupported(field)))
            .collect::<Result<_>>()?;
        Ok(Self {
            formats: formats(options, today)?,
            corrupt: fields.iter().position(|f| f.name() == &options.corrupt_column),
            options: options.clone(),
            schema: Arc::new(Schema::new(fields)),
            columns,
            batch_size,
            rows: 0,
            keep: vec![],
        })
    }

    /// Reads whole records and appends the batches that became full to `out`.
    pub fn decode(&mut self, chunk: &[u8], out: &mut Vec<RecordBatch>) -> Result<(), DataFusionError> {
        if self.options.multi_line {
            self.record(chunk, out)?;
            return Ok(());
        }
        let separator = self.options.line_separator.clone();
        for line in Lines::new(chunk, separator.as_ref().map(String::as_bytes)) {
            if !is_blank(line) {
                self.record(line, out)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &[u8], out: &mut Vec<RecordBatch>) -> Result<(), DataFusionError> {
        let text = decode(record, self.options.encoding);
        let text = text.trim();
        match parse_with(text, self.options.leniency).map(|node| node.value) {
            Some(Value::Object(members)) => self.row(Some(&members), text, out),
            Some(Value::Array(items)) => {
                for item in items {
                    match item.value {
                        Value::Object(members) => self.row(Some(&members), text, out)?,
                        _ => self.row(None, text, out)?,
                    }
                }
                Ok(())
            }
            _ => self.row(None, text, out),
        }
    }

    /// Appends one row; `None` for a record that is no object.
    fn row(
        &mut self,
        members: Option<&[(std::borrow::Cow<'_, str>, Node<'_>)]>,
        text: &str,
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), DataFusionError> {
        let mut good = members.is_some();
        let members = members.unwrap_or_default();
        for (index, (field, column)) in self.schema.fields().iter().zip(&mut self.columns).enumerate() {
            if Some(index) == self.corrupt {
                continue;
            }
            // Of members with the same name the last one counts.
            match members.iter().rev().find(|(name, _)| name == field.name()) {
                Some((_, node)) => good &= column.append(node, &self.formats),
                None => column.append_null(),
            }
        }
        if let Some(index) = self.corrupt
            && let Some(Builder::Scalar(column)) = self.columns.get_mut(index)
        {
            if good {
                column.append_null();
            } else {
                column.append(text, &self.formats);
            }
        }
        match self.options.mode {
            ParseMode::Permissive => {}
            ParseMode::DropMalformed => self.keep.push(good),
            ParseMode::FailFast if good => {}
            ParseMode::FailFast => return Err(errors::external(errors::malformed_record(text))),
        }
        self.rows += 1;
        if self.rows >= self.batch_size {
            out.extend(self.flush()?);
        }
        Ok(())
    }

    /// The rows read since the last batch.
    pub fn flush(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let arrays = self.columns.iter_mut().map(Builder::finish).collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        let keep = std::mem::take(&mut self.keep);
        if keep.iter().all(|k| *k) {
            return Ok(Some(batch));
        }
        Ok(Some(filter_record_batch(&batch, &BooleanArray::from(keep))?))
    }
}

fn formats(options: &JsonOptions, today: NaiveDate) -> Result<Formats> {
    let zone = parse_zone(&options.time_zone)
        .ok_or_else(|| errors::bad_option("timeZone", &options.time_zone, "a time zone"))?;
    Ok(Formats {
        date: options.date_format.clone(),
        timestamp: options.timestamp_format.clone(),
        timestamp_ntz: options.timestamp_ntz_format.clone(),
        nan: "NaN".into(),
        positive_inf: "Infinity".into(),
        negative_inf: "-Infinity".into(),
        zone,
        utc: is_utc(zone),
        today,
    })
}

fn unsupported(field: &Field) -> SparkError {
    SparkError::new(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
        "0A000",
        format!(
            "The JSON datasource doesn't support the column `{}` of the type \"{}\".",
            field.name(),
            field.data_type()
        ),
    )
    .with_param("columnName", field.name())
}

impl Builder {
    fn new(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Struct(fields) => Self::Struct {
                fields: fields.clone(),
                children: fields.iter().map(|f| Self::new(f.data_type())).collect::<Option<_>>()?,
                valid: vec![],
            },
            DataType::List(item) => Self::List {
                item: Arc::clone(item),
                values: Box::new(Self::new(item.data_type())?),
                lengths: vec![],
                valid: vec![],
            },
            DataType::Map(entries, _) => {
                let DataType::Struct(fields) = entries.data_type() else { return None };
                let [key, value] = fields.as_ref() else { return None };
                if key.data_type() != &DataType::Utf8 {
                    return None;
                }
                Self::Map {
                    entries: Arc::clone(entries),
                    keys: StringBuilder::new(),
                    values: Box::new(Self::new(value.data_type())?),
                    lengths: vec![],
                    valid: vec![],
                }
            }
            other => Self::Scalar(Column::new(other)?),
        })
    }

    fn append_null(&mut self) {
        match self {
            Self::Scalar(column) => column.append_null(),
            Self::Struct { children, valid, .. } => {
                children.iter_mut().for_each(Self::append_null);
                valid.push(false);
            }
            Self::List { lengths, valid, .. } | Self::Map { lengths, valid, .. } => {
                lengths.push(0);
                valid.push(false);
            }
        }
    }

    /// Appends a value; null and `false` where it is none of this type.
    fn append(&mut self, node: &Node<'_>, formats: &Formats) -> bool {
        if node.value == Value::Null {
            self.append_null();
            return true;
        }
        match (self, &node.value) {
            (Self::Scalar(column), _) => append_scalar(column, node, formats),
            (Self::Struct { fields, children, valid }, Value::Object(members)) => {
                let mut good = true;
                for (field, child) in fields.iter().zip(children) {
                    match members.iter().rev().find(|(name, _)| name == field.name()) {
                        Some((_, node)) => good &= child.append(node, formats),
                        None => child.append_null(),
                    }
                }
                valid.push(true);
                good
            }
            // One bad element spoils an array or a map, as in Spark.
            (Self::List { values, lengths, valid, .. }, Value::Array(items))
                if items.iter().all(|item| values.accepts(item, formats)) =>
            {
                for item in items {
                    values.append(item, formats);
                }
                lengths.push(items.len());
                valid.push(true);
                true
            }
            (Self::Map { keys, values, lengths, valid, .. }, Value::Object(members))
                if members.iter().all(|(_, node)| values.accepts(node, formats)) =>
            {
                for (name, node) in members {
                    keys.append_value(name);
                    values.append(node, formats);
                }
                lengths.push(members.len());
                valid.push(true);
                true
            }
            (builder, _) => {
                builder.append_null();
                false
            }
        }
    }

    /// Whether [`Self::append`] would take the value.
    fn accepts(&self, node: &Node<'_>, formats: &Formats) -> bool {
        if node.value == Value::Null {
            return true;
        }
        match (self, &node.value) {
            (Self::Scalar(column), _) => {
                Column::new(&column.data_type()).is_some_and(|mut c| append_scalar(&mut c, node, formats))
            }
            (Self::Struct { fields, children, .. }, Value::Object(members)) => {
                fields.iter().zip(children).all(|(field, child)| {
                    members
                        .iter()
                        .rev()
                        .find(|(name, _)| name == field.name())
                        .is_none_or(|(_, node)| child.accepts(node, formats))
                })
            }
            (Self::List { values, .. }, Value::Array(items)) => {
                items.iter().all(|item| values.accepts(item, formats))
            }
            (Self::Map { values, .. }, Value::Object(members)) => {
                members.iter().all(|(_, node)| values.accepts(node, formats))
            }
            _ => false,
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, DataFusionError> {
        Ok(match self {
            Self::Scalar(column) => column.finish(),
            Self::Struct { fields, children, valid } => {
                let arrays = children.iter_mut().map(Self::finish).collect::<Result<_, _>>()?;
                let nulls = NullBuffer::from(std::mem::take(valid));
                Arc::new(StructArray::try_new(fields.clone(), arrays, Some(nulls))?)
            }
            Self::List { item, values, lengths, valid } => {
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let nulls = NullBuffer::from(std::mem::take(valid));
                Arc::new(ListArray::try_new(Arc::clone(item), offsets, values.finish()?, Some(nulls))?)
            }
            Self::Map { entries, keys, values, lengths, valid } => {
                let DataType::Struct(fields) = entries.data_type() else {
                    return Err(DataFusionError::Internal("a map's entries are no struct".into()));
                };
                let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), values.finish()?];
                debug_assert_eq!(columns[0].len(), columns[1].len());
                let pairs = StructArray::try_new(fields.clone(), columns, None)?;
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let nulls = NullBuffer::from(std::mem::take(valid));
                Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, Some(nulls), false)?)
            }
        })
    }
}

/// Reads values one by one, as `from_json` does.
pub struct ValueDecoder {
    formats: Formats,
    mode: ParseMode,
    leniency: Leniency,
    builder: Builder,
    /// Field of the struct that takes the text of bad records.
    corrupt: Option<usize>,
}

impl ValueDecoder {
    /// A decoder of values of a type.
    pub fn new(options: &JsonOptions, data_type: &DataType) -> Result<Self> {
        let builder = Builder::new(data_type).ok_or_else(|| {
            SparkError::unsupported(format!("from_json to {}", crate::types::sql_name(data_type)))
        })?;
        let corrupt = match data_type {
            DataType::Struct(fields) => fields.iter().position(|f| f.name() == &options.corrupt_column),
            _ => None,
        };
        Ok(Self {
            formats: formats(options, today(&options.time_zone)?)?,
            mode: options.mode,
            leniency: options.leniency,
            builder,
            corrupt,
        })
    }

    /// Appends the value of a text; null for null and for blanks.
    pub fn append(&mut self, text: Option<&str>) -> Result<(), DataFusionError> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            self.builder.append_null();
            return Ok(());
        };
        let node = parse_with(text.trim(), self.leniency);
        self.append_node(node.as_ref(), text)
    }

    /// Appends a value that was read from a text; `None` where the text is malformed.
    pub fn append_node(&mut self, node: Option<&Node<'_>>, text: &str) -> Result<(), DataFusionError> {
        let good = match (&mut self.builder, node) {
            (Builder::Struct { fields, children, valid }, _) => {
                let members = match node.map(|node| &node.value) {
                    Some(Value::Object(members)) => Some(members.as_slice()),
                    _ => None,
                };
                valid.push(true);
                let mut good = members.is_some();
                let members = members.unwrap_or_default();
                for (index, (field, child)) in fields.iter().zip(children.iter_mut()).enumerate() {
                    if Some(index) == self.corrupt {
                        continue;
                    }
                    match members.iter().rev().find(|(name, _)| name == field.name()) {
                        Some((_, node)) => good &= child.append(node, &self.formats),
                        None => child.append_null(),
                    }
                }
                if let Some(Builder::Scalar(column)) = self.corrupt.and_then(|index| children.get_mut(index))
                {
                    if good {
                        column.append_null();
                    } else {
                        column.append(text, &self.formats);
                    }
                }
                good
            }
            // An object where an array of objects is wanted is an array of one.
            (Builder::List { values, lengths, valid, .. }, Some(node))
                if matches!((values.as_ref(), &node.value), (Builder::Struct { .. }, Value::Object(_))) =>
            {
                lengths.push(1);
                valid.push(true);
                values.append(node, &self.formats)
            }
            (builder, Some(node)) => builder.append(node, &self.formats),
            (builder, None) => {
                builder.append_null();
                false
            }
        };
        if !good && self.mode == ParseMode::FailFast {
            return Err(errors::external(errors::malformed_record(text)));
        }
        Ok(())
    }

    /// The values read.
    pub fn finish(mut self) -> Result<ArrayRef, DataFusionError> {
        self.builder.finish()
    }
}

/// Appends what Spark makes of a JSON value in a column of a simple type.
fn append_scalar(column: &mut Column, node: &Node<'_>, formats: &Formats) -> bool {
    let fits = match (&*column, &node.value) {
        (Column::Text(_), Value::Text(text)) => return column.append(text, formats),
        (Column::Text(_), _) => return column.append(node.raw, formats),
        (Column::Float(_) | Column::Double(_), Value::Text(text)) => {
            matches!(text.as_ref(), "NaN" | "Infinity" | "-Infinity")
        }
        (
            Column::Decimal(..) | Column::Date(_) | Column::Timestamp(_) | Column::TimestampNtz(_),
            Value::Text(text),
        ) => !text.is_empty(),
        (column, value) => matches!(
            (column, value),
            (Column::Null(_), _)
                | (Column::Binary(_), Value::Text(_))
                | (Column::Boolean(_), Value::Boolean(_))
                | (
                    Column::Byte(_)
                        | Column::Short(_)
                        | Column::Int(_)
                        | Column::Long(_)
                        | Column::Timestamp(_),
                    Value::Integer
                )
                | (Column::Float(_) | Column::Double(_) | Column::Decimal(..), Value::Integer | Value::Float)
        ),
    };
    if !fits {
        column.append_null();
        return false;
    }
    match (&mut *column, &node.value) {
        // A number is seconds since the epoch.
        (Column::Timestamp(builder), Value::Integer) => {
            let micros = node.raw.parse::<i64>().ok().and_then(|s| s.checked_mul(1_000_000));
            builder.append_option(micros);
            micros.is_some()
        }
        (_, Value::Text(text)) => column.append(text, formats),
        _ => column.append(node.raw, formats),
    }
}
