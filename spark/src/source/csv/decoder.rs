//! Turns lines of CSV into record batches, under Spark's parse modes.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;

use super::options::CsvOptions;
use super::tokenizer::{Token, Tokenizer};
use crate::error::{Result, SparkError};
use crate::source::columns::{Column, Formats};
use crate::source::errors;
use crate::source::options::ParseMode;
use crate::source::text::{Lines, decode, is_blank};

/// Where an output column comes from.
enum Origin {
    /// Field of the record, by position.
    Field(usize),
    /// The text of a malformed record.
    CorruptRecord,
}

/// Reads one file, or one range of it.
pub struct CsvDecoder {
    options: Arc<CsvOptions>,
    formats: Formats,
    schema: SchemaRef,
    columns: Vec<(Origin, Column)>,
    /// Fields a record must have, where that is checked.
    width: Option<usize>,
    tokenizer: Tokenizer,
    skip_header: bool,
    batch_size: usize,
    rows: usize,
    /// Which rows stay, where malformed ones are dropped.
    keep: Vec<bool>,
}

impl CsvDecoder {
    /// A decoder for the columns `projection` of `file_schema`. `skip_header` where the
    /// input starts with the header of the file.
    pub fn new(
        options: Arc<CsvOptions>,
        formats: Formats,
        file_schema: &Schema,
        projection: &[usize],
        skip_header: bool,
        batch_size: usize,
    ) -> Result<Self> {
        let corrupt = file_schema.fields().iter().position(|f| f.name() == &options.corrupt_column);
        let data_width = file_schema.fields().len() - usize::from(corrupt.is_some());
        let mut columns = Vec::with_capacity(projection.len());
        for &index in projection {
            let field = file_schema.field(index);
            if Some(index) == corrupt {
                columns.push((Origin::CorruptRecord, text_column(field)?));
            } else {
                let position = index - usize::from(corrupt.is_some_and(|at| at < index));
                let column = Column::new(field.data_type()).ok_or_else(|| unsupported(field))?;
                columns.push((Origin::Field(position), column));
            }
        }
        // As in Spark, a record's width matters only where all of its columns are read.
        let all = columns.iter().filter(|(origin, _)| matches!(origin, Origin::Field(_))).count();
        let has_corrupt = columns.iter().any(|(origin, _)| matches!(origin, Origin::CorruptRecord));
        let width = (all == data_width || has_corrupt).then_some(data_width);
        let fields: Vec<_> = projection.iter().map(|i| file_schema.fields()[*i].clone()).collect();
        Ok(Self {
            tokenizer: Tokenizer::new(&options),
            options,
            formats,
            schema: Arc::new(Schema::new(fields)),
            columns,
            width,
            skip_header,
            batch_size,
            rows: 0,
            keep: vec![],
        })
    }

    /// Reads whole records and appends the batches that became full to `out`.
    pub fn decode(&mut self, chunk: &[u8], out: &mut Vec<RecordBatch>) -> Result<(), DataFusionError> {
        let options = Arc::clone(&self.options);
        if options.multi_line {
            let mut rest = chunk;
            while !rest.is_empty() {
                let length = self.tokenizer.record(rest);
                let record = trim_line_end(&rest[..length]);
                if !skipped(record, &options) && !std::mem::take(&mut self.skip_header) {
                    self.append(record).map_err(errors::external)?;
                    self.flush_if_full(out)?;
                }
                rest = &rest[length..];
            }
            return Ok(());
        }
        let separator = options.line_separator.as_ref().map(String::as_bytes);
        for line in Lines::new(chunk, separator) {
            if skipped(line, &options) || std::mem::take(&mut self.skip_header) {
                continue;
            }
            self.tokenizer.record(line);
            self.append(line).map_err(errors::external)?;
            self.flush_if_full(out)?;
        }
        Ok(())
    }

    fn append(&mut self, record: &[u8]) -> Result<()> {
        let good = self.fill(record);
        match self.options.mode {
            ParseMode::Permissive => {}
            ParseMode::DropMalformed => self.keep.push(good),
            ParseMode::FailFast if good => {}
            ParseMode::FailFast => {
                return Err(errors::malformed_record(&decode(record, self.options.encoding)));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Appends the record that is a text, or a row of nulls; gives whether it was well-formed.
    pub fn append_text(&mut self, text: &str) -> bool {
        self.rows += 1;
        if text.is_empty() {
            self.columns.iter_mut().for_each(|(_, column)| column.append_null());
            return true;
        }
        self.tokenizer.record(text.as_bytes());
        self.fill(text.as_bytes())
    }

    /// Appends the fields of a record; gives whether it is well-formed.
    fn fill(&mut self, record: &[u8]) -> bool {
        let mut good = self.width.is_none_or(|width| self.tokenizer.width() == width);
        for (origin, column) in &mut self.columns {
            let Origin::Field(index) = origin else { continue };
            let value = self.tokenizer.get(record, *index).and_then(|token| value(token, &self.options));
            match value {
                Some(text) => good &= column.append(&text, &self.formats),
                None => column.append_null(),
            }
        }
        for (origin, column) in &mut self.columns {
            if matches!(origin, Origin::CorruptRecord) {
                if good {
                    column.append_null();
                } else {
                    column.append(&decode(record, self.options.encoding), &self.formats);
                }
            }
        }
        good
    }

    fn flush_if_full(&mut self, out: &mut Vec<RecordBatch>) -> Result<(), DataFusionError> {
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
        let arrays = self.columns.iter_mut().map(|(_, column)| column.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        self.rows = 0;
        let keep = std::mem::take(&mut self.keep);
        if keep.iter().all(|k| *k) {
            return Ok(Some(batch));
        }
        Ok(Some(filter_record_batch(&batch, &BooleanArray::from(keep))?))
    }
}

fn text_column(field: &Field) -> Result<Column> {
    match field.data_type() {
        DataType::Utf8 => Column::new(&DataType::Utf8).ok_or_else(|| unsupported(field)),
        _ => Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1097",
            "",
            "The field for corrupt records must be string type and nullable.",
        )),
    }
}

fn unsupported(field: &Field) -> SparkError {
    SparkError::new(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
        "0A000",
        format!(
            "The CSV datasource doesn't support the column `{}` of the type \"{}\".",
            field.name(),
            field.data_type()
        ),
    )
    .with_param("columnName", field.name())
}

fn skipped(line: &[u8], options: &CsvOptions) -> bool {
    is_blank(line) || (options.comment.is_some() && line.first() == options.comment.as_ref())
}

fn trim_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// The text of a field, or `None` where it stands for null.
pub fn value<'a>(token: Token<'a>, options: &'a CsvOptions) -> Option<Cow<'a, str>> {
    if token.text.is_empty() {
        if !token.quoted || options.empty_value == options.null_value {
            return None;
        }
        return Some(Cow::Borrowed(&options.empty_value));
    }
    if token.text == options.null_value.as_bytes() {
        return None;
    }
    Some(decode(token.text, options.encoding))
}
