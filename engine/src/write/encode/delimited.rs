//! Rows as CSV, quoted as Spark's writer does.

use cerium_spark::error::{Result, SparkError};
use cerium_spark::text::{Style, value};
use cerium_spark::write::WriteSpec;
use datafusion::arrow::array::RecordBatch;

use super::temporal::TemporalFormats;

/// Writes the rows of one file.
pub struct CsvEncoder {
    delimiter: String,
    quote: char,
    escape: char,
    /// All text is quoted, not only where it must be.
    quote_all: bool,
    null_value: String,
    empty_value: String,
    trim_start: bool,
    trim_end: bool,
    line_separator: String,
    temporal: TemporalFormats,
    /// The names of the columns are still to be written.
    header: bool,
}

impl CsvEncoder {
    /// An encoder with the options of the write.
    ///
    /// # Errors
    /// Options that make no sense or are not supported.
    pub fn new(spec: &WriteSpec, zone: &str) -> Result<Self> {
        let text = |name: &str, default: &str| spec.option(name).unwrap_or(default).to_owned();
        let one = |name: &str, default: char| -> Result<char> {
            let text = text(name, &default.to_string());
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(c),
                _ => Err(bad(name, &text, "one character")),
            }
        };
        let delimiter =
            spec.option("sep").or_else(|| spec.option("delimiter")).unwrap_or(",").replace("\\t", "\t");
        if delimiter.is_empty() {
            return Err(bad("sep", "", "at least one character"));
        }
        Ok(Self {
            delimiter,
            quote: one("quote", '"')?,
            escape: one("escape", '\\')?,
            quote_all: flag(spec, "quoteAll", false)?,
            null_value: text("nullValue", ""),
            empty_value: text("emptyValue", "\"\""),
            trim_start: flag(spec, "ignoreLeadingWhiteSpace", true)?,
            trim_end: flag(spec, "ignoreTrailingWhiteSpace", true)?,
            line_separator: text("lineSep", "\n"),
            temporal: TemporalFormats::new(spec, zone)?,
            header: flag(spec, "header", false)?,
        })
    }

    /// The text of some rows, with the header before the first.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<String> {
        let mut out = String::with_capacity(batch.num_rows() * 32);
        if std::mem::take(&mut self.header) {
            let schema = batch.schema();
            for (index, field) in schema.fields().iter().enumerate() {
                self.field(&mut out, index, field.name());
            }
            out.push_str(&self.line_separator);
        }
        for row in 0..batch.num_rows() {
            for (index, column) in batch.columns().iter().enumerate() {
                if column.is_null(row) {
                    self.field(&mut out, index, &self.null_value);
                    continue;
                }
                let text = match self.temporal.text(column, row) {
                    Some(text) => text,
                    None => value(column, row, Style::Cast)?,
                };
                self.field(&mut out, index, if text.is_empty() { &self.empty_value } else { &text });
            }
            out.push_str(&self.line_separator);
        }
        Ok(out)
    }

    fn field(&self, out: &mut String, index: usize, text: &str) {
        if index > 0 {
            out.push_str(&self.delimiter);
        }
        let text = if self.trim_start { text.trim_start_matches(|c: char| c <= ' ') } else { text };
        let text = if self.trim_end { text.trim_end_matches(|c: char| c <= ' ') } else { text };
        // The text for empty values is written as it is given.
        let ready = text == self.empty_value && text.starts_with(self.quote);
        let special = text.contains(&self.delimiter) || text.contains([self.quote, '\n', '\r']);
        if ready || !(self.quote_all || special) {
            out.push_str(text);
            return;
        }
        out.push(self.quote);
        for c in text.chars() {
            if c == self.quote || (c == self.escape && self.escape != self.quote) {
                out.push(self.escape);
            }
            out.push(c);
        }
        out.push(self.quote);
    }
}

/// An option that is `true` or `false`.
pub fn flag(spec: &WriteSpec, name: &str, default: bool) -> Result<bool> {
    match spec.option(name) {
        None => Ok(default),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
        Some(value) => Err(bad(name, value, "`true` or `false`")),
    }
}

fn bad(name: &str, value: &str, expected: &str) -> SparkError {
    SparkError::new(
        "INVALID_DATA_SOURCE_OPTION",
        "22023",
        format!("The value `{value}` of the data source option `{name}` is invalid: expected {expected}."),
    )
}
