//! Spark's `text` format: one column `value`, a line a row.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, StringBuilder};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::Result;
use serde::{Deserialize, Serialize};

use super::options::{Encoding, Options};
use super::text::{Lines, decode};

/// The options of the text format.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlainOptions {
    /// A file is one row.
    pub whole_text: bool,
    pub line_separator: Option<String>,
}

impl PlainOptions {
    /// Reads the options a program gave.
    pub fn new(options: &Options<'_>) -> crate::error::Result<Self> {
        Ok(Self { whole_text: options.flag("wholetext", false)?, line_separator: options.line_separator() })
    }
}

/// Reads one file.
pub struct PlainDecoder {
    options: PlainOptions,
    schema: SchemaRef,
    value: StringBuilder,
    rows: usize,
    batch_size: usize,
}

impl PlainDecoder {
    /// A decoder; the file schema is at most the one column `value`.
    pub fn new(
        options: &PlainOptions,
        file_schema: &Schema,
        projection: &[usize],
        batch_size: usize,
    ) -> Self {
        let fields: Vec<_> = projection.iter().map(|i| file_schema.fields()[*i].clone()).collect();
        Self {
            options: options.clone(),
            schema: Arc::new(Schema::new(fields)),
            value: StringBuilder::new(),
            rows: 0,
            batch_size,
        }
    }

    /// Reads whole lines and appends the batches that became full to `out`.
    pub fn decode(&mut self, chunk: &[u8], out: &mut Vec<RecordBatch>) -> Result<()> {
        if self.options.whole_text {
            self.value.append_value(decode(chunk, Encoding::Utf8));
            self.rows += 1;
            return Ok(());
        }
        let separator = self.options.line_separator.clone();
        for line in Lines::new(chunk, separator.as_ref().map(String::as_bytes)) {
            self.value.append_value(decode(line, Encoding::Utf8));
            self.rows += 1;
            if self.rows >= self.batch_size {
                out.extend(self.flush()?);
            }
        }
        Ok(())
    }

    /// The rows read since the last batch.
    pub fn flush(&mut self) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let value = self.value.finish();
        let columns = self.schema.fields().iter().map(|_| Arc::new(value.clone()) as _).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?))
    }
}
