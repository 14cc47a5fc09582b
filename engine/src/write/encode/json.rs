//! Rows as JSON lines, as Spark's writer does.

use cerium_spark::error::Result;
use cerium_spark::text::{Style, value};
use cerium_spark::write::WriteSpec;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::DataType;

use super::delimited::flag;
use super::temporal::TemporalFormats;

/// Writes the rows of one file.
pub struct JsonEncoder {
    temporal: TemporalFormats,
    ignore_nulls: bool,
    line_separator: String,
}

impl JsonEncoder {
    /// An encoder with the options of the write.
    ///
    /// # Errors
    /// Options that make no sense.
    pub fn new(spec: &WriteSpec, zone: &str) -> Result<Self> {
        Ok(Self {
            temporal: TemporalFormats::new(spec, zone)?,
            ignore_nulls: flag(spec, "ignoreNullFields", true)?,
            line_separator: spec.option("lineSep").unwrap_or("\n").to_owned(),
        })
    }

    /// The text of some rows, each on its line.
    pub fn encode(&self, batch: &RecordBatch) -> Result<String> {
        let schema = batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut out = String::with_capacity(batch.num_rows() * 64);
        for row in 0..batch.num_rows() {
            self.object(&mut out, &names, batch.columns(), row)?;
            out.push_str(&self.line_separator);
        }
        Ok(out)
    }

    fn object(&self, out: &mut String, names: &[&str], columns: &[ArrayRef], row: usize) -> Result<()> {
        out.push('{');
        let mut first = true;
        for (name, column) in names.iter().zip(columns) {
            if column.is_null(row) && self.ignore_nulls {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            string(out, name);
            out.push(':');
            self.value(out, column, row)?;
        }
        out.push('}');
        Ok(())
    }

    fn value(&self, out: &mut String, array: &ArrayRef, row: usize) -> Result<()> {
        if array.is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        match array.data_type() {
            DataType::Struct(fields) => {
                let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
                self.object(out, &names, array.as_struct().columns(), row)?;
            }
            DataType::List(_) => {
                let items = array.as_list::<i32>().value(row);
                out.push('[');
                for index in 0..items.len() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.value(out, &items, index)?;
                }
                out.push(']');
            }
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                out.push('{');
                for index in 0..entries.len() {
                    if index > 0 {
                        out.push(',');
                    }
                    string(out, &value(entries.column(0), index, Style::Cast)?);
                    out.push(':');
                    self.value(out, entries.column(1), index)?;
                }
                out.push('}');
            }
            DataType::Binary => string(out, &base64(array.as_binary::<i32>().value(row))),
            data_type => {
                let plain = data_type.is_numeric() || matches!(data_type, DataType::Boolean);
                let text = match self.temporal.text(array, row) {
                    Some(text) => text,
                    None => value(array, row, Style::Cast)?,
                };
                if plain && !matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") {
                    out.push_str(&text);
                } else {
                    string(out, &text);
                }
            }
        }
        Ok(())
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                let digit = |value: u32| char::from_digit(value % 16, 16).unwrap_or('0').to_ascii_uppercase();
                out.push_str("\\u00");
                out.extend([digit(c as u32 / 16), digit(c as u32)]);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Base64 with padding, the form of bytes in JSON.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (group >> (18 - 6 * digit)) & 63;
            text.push(if digit <= chunk.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}
