//! Values as JSON text.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};

use crate::error::Result;
use crate::functions::datetime::Zone;
use crate::functions::string::to_base64;
use crate::functions::variant;
use crate::source::options::Options;
use crate::source::pattern::Pattern;
use crate::text::{Style, is_null, value};

/// Pattern of timestamps where none is given.
const TIMESTAMP: &str = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
/// Pattern of timestamps without zone where none is given.
const TIMESTAMP_NTZ: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS";

/// Writes values with the options of one call.
pub struct Writer {
    date: Option<Pattern>,
    timestamp: Pattern,
    timestamp_ntz: Pattern,
    zone: Zone,
    utc: Zone,
    ignore_nulls: bool,
    pretty: bool,
}

impl Writer {
    /// Reads the options.
    pub fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        let options = Options(given);
        let pattern = |name: &str, default: &str| -> Result<Pattern> {
            match options.pattern(name)? {
                Some(pattern) => Ok(pattern),
                None => Ok(crate::functions::datetime::pattern(default)?),
            }
        };
        Ok(Self {
            date: options.pattern("dateFormat")?,
            timestamp: pattern("timestampFormat", TIMESTAMP)?,
            timestamp_ntz: pattern("timestampNTZFormat", TIMESTAMP_NTZ)?,
            zone: Zone::new(options.get("timeZone").unwrap_or("UTC"))?,
            utc: Zone::new("UTC")?,
            ignore_nulls: options.flag("ignoreNullFields", true)?,
            pretty: options.flag("pretty", false)?,
        })
    }

    /// Appends the value in a row.
    pub fn value(&self, out: &mut String, array: &ArrayRef, row: usize) -> Result<()> {
        self.nested(out, array, row, 0)
    }

    fn nested(&self, out: &mut String, array: &ArrayRef, row: usize, depth: usize) -> Result<()> {
        if is_null(array.as_ref(), row) {
            out.push_str("null");
            return Ok(());
        }
        match array.data_type() {
            other if crate::types::is_variant(other) => out.push_str(&variant::to_json(array.as_ref(), row)?),
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                let members = fields
                    .iter()
                    .zip(columns)
                    .filter(|(_, c)| !(self.ignore_nulls && is_null(c.as_ref(), row)));
                out.push('{');
                let mut empty = true;
                for (field, column) in members {
                    self.separator(out, &mut empty, depth);
                    self.name(out, field.name());
                    self.nested(out, column, row, depth + 1)?;
                }
                self.close(out, '}', empty, depth);
            }
            DataType::List(_) => {
                let items = array.as_list::<i32>().value(row);
                out.push('[');
                for index in 0..items.len() {
                    if index > 0 {
                        out.push_str(if self.pretty { ", " } else { "," });
                    } else if self.pretty {
                        out.push(' ');
                    }
                    self.nested(out, &items, index, depth)?;
                }
                out.push_str(if self.pretty { " ]" } else { "]" });
            }
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                out.push('{');
                let mut empty = true;
                for index in 0..entries.len() {
                    self.separator(out, &mut empty, depth);
                    self.name(out, &value(entries.column(0), index, Style::Cast)?);
                    self.nested(out, entries.column(1), index, depth + 1)?;
                }
                self.close(out, '}', empty, depth);
            }
            DataType::Binary => string(out, &to_base64(array.as_binary::<i32>().value(row))),
            DataType::Date32 => {
                let days = array.as_primitive::<Date32Type>().value(row);
                match &self.date {
                    Some(pattern) => {
                        string(out, &self.utc.text(pattern, i64::from(days) * 86_400_000_000));
                    }
                    None => string(out, &value(array, row, Style::Cast)?),
                }
            }
            DataType::Timestamp(_, zone) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                match zone {
                    Some(_) => string(out, &self.zone.text(&self.timestamp, micros)),
                    None => string(out, &self.utc.text(&self.timestamp_ntz, micros)),
                }
            }
            data_type => {
                let plain = data_type.is_numeric() || matches!(data_type, DataType::Boolean);
                let text = value(array, row, Style::Cast)?;
                if plain && !matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") {
                    out.push_str(&text);
                } else {
                    string(out, &text);
                }
            }
        }
        Ok(())
    }

    fn name(&self, out: &mut String, name: &str) {
        string(out, name);
        out.push_str(if self.pretty { " : " } else { ":" });
    }

    fn separator(&self, out: &mut String, empty: &mut bool, depth: usize) {
        if !std::mem::take(empty) {
            out.push(',');
        }
        if self.pretty {
            out.push('\n');
            out.push_str(&"  ".repeat(depth + 1));
        }
    }

    fn close(&self, out: &mut String, bracket: char, empty: bool, depth: usize) {
        if self.pretty && empty {
            out.push(' ');
        } else if self.pretty {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        out.push(bracket);
    }
}

/// A string in quotes.
pub fn string(out: &mut String, text: &str) {
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
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
