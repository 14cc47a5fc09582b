//! Rows of one string column as lines.

use cerium_spark::write::WriteSpec;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

/// Writes the lines of one file.
pub struct PlainEncoder {
    line_separator: String,
}

impl PlainEncoder {
    /// An encoder with the options of the write.
    pub fn new(spec: &WriteSpec) -> Self {
        Self { line_separator: spec.option("lineSep").unwrap_or("\n").to_owned() }
    }

    /// The text of some rows; a null is an empty line.
    pub fn encode(&self, batch: &RecordBatch) -> Result<String> {
        let column = cast(batch.column(0), &DataType::Utf8)?;
        let lines = column.as_string::<i32>();
        let mut out = String::with_capacity(lines.value_data().len() + lines.len());
        for row in 0..lines.len() {
            if lines.is_valid(row) {
                out.push_str(lines.value(row));
            }
            out.push_str(&self.line_separator);
        }
        Ok(out)
    }
}
