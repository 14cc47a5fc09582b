//! Structs as XML.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, AsArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};

use super::read::Names;
use crate::error::Result;
use crate::functions::datetime::{Zone, pattern};
use crate::source::options::Options;
use crate::source::pattern::Pattern;
use crate::text::{Style, is_null, value};

/// Pattern of timestamps where none is given.
const TIMESTAMP: &str = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
/// Pattern of timestamps without zone where none is given.
const TIMESTAMP_NTZ: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS";

/// Writes elements with the options of one call.
pub struct Writer {
    names: Names,
    row_tag: String,
    item_name: String,
    indent: String,
    null_value: Option<String>,
    date: Option<Pattern>,
    timestamp: Pattern,
    timestamp_ntz: Pattern,
    zone: Zone,
    utc: Zone,
}

impl Writer {
    /// Reads the options.
    pub fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        let options = Options(given);
        let timestamps = |name: &str, default: &str| -> Result<Pattern> {
            match options.pattern(name)? {
                Some(pattern) => Ok(pattern),
                None => Ok(pattern(default)?),
            }
        };
        Ok(Self {
            names: Names::new(&options)?,
            row_tag: options.get("rowTag").unwrap_or("ROW").to_owned(),
            item_name: options.get("arrayElementName").unwrap_or("item").to_owned(),
            indent: options.get("indent").unwrap_or("    ").to_owned(),
            null_value: options.get("nullValue").map(str::to_owned),
            date: options.pattern("dateFormat")?,
            timestamp: timestamps("timestampFormat", TIMESTAMP)?,
            timestamp_ntz: timestamps("timestampNTZFormat", TIMESTAMP_NTZ)?,
            zone: Zone::new(options.get("timeZone").unwrap_or("UTC"))?,
            utc: Zone::new("UTC")?,
        })
    }

    /// Appends a row as one element.
    pub fn document(&self, out: &mut String, structs: &StructArray, row: usize) -> Result<()> {
        self.structure(out, &self.row_tag, structs, row, 0)?;
        // Spark ends the line only where it does not indent.
        if self.indent.is_empty() {
            out.push('\n');
        }
        Ok(())
    }

    fn element(
        &self,
        out: &mut String,
        name: &str,
        array: &dyn Array,
        row: usize,
        depth: usize,
    ) -> Result<()> {
        if is_null(array, row) {
            if let Some(text) = &self.null_value {
                self.leaf(out, name, text, depth);
            }
            return Ok(());
        }
        match array.data_type() {
            DataType::Struct(_) => self.structure(out, name, array.as_struct(), row, depth)?,
            DataType::List(_) => {
                let items = array.as_list::<i32>().value(row);
                for index in 0..items.len() {
                    if matches!(items.data_type(), DataType::List(_)) {
                        self.open(out, name, depth);
                        out.push('>');
                        self.element(out, &self.item_name, items.as_ref(), index, depth + 1)?;
                        self.close(out, name, depth, true);
                    } else {
                        self.element(out, name, items.as_ref(), index, depth)?;
                    }
                }
            }
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                self.open(out, name, depth);
                out.push('>');
                for index in 0..entries.len() {
                    let key = value(entries.column(0).as_ref(), index, Style::Cast)?;
                    self.element(out, &key, entries.column(1).as_ref(), index, depth + 1)?;
                }
                self.close(out, name, depth, !entries.is_empty());
            }
            _ => {
                let text = self.text(array, row)?;
                self.leaf(out, name, &text, depth);
            }
        }
        Ok(())
    }

    fn structure(
        &self,
        out: &mut String,
        name: &str,
        array: &StructArray,
        row: usize,
        depth: usize,
    ) -> Result<()> {
        self.open(out, name, depth);
        let fields = array.fields().iter().zip(array.columns());
        let attribute = |name: &str| match name == self.names.value_tag {
            true => None,
            false => name.strip_prefix(&self.names.attribute_prefix).map(str::to_owned),
        };
        for (field, column) in fields.clone() {
            let Some(name) = attribute(field.name()) else { continue };
            if !is_null(column.as_ref(), row) {
                out.push_str(&format!(" {name}=\""));
                escape(out, &self.text(column.as_ref(), row)?, true);
                out.push('"');
            }
        }
        out.push('>');
        let start = out.len();
        let mut own_text = false;
        for (field, column) in fields {
            if attribute(field.name()).is_some() {
                continue;
            }
            if field.name() == &self.names.value_tag {
                if !is_null(column.as_ref(), row) {
                    escape(out, &self.text(column.as_ref(), row)?, false);
                    own_text = true;
                }
                continue;
            }
            self.element(out, field.name(), column.as_ref(), row, depth + 1)?;
        }
        let nested = out.len() > start && !own_text;
        self.close(out, name, depth, nested);
        Ok(())
    }

    fn leaf(&self, out: &mut String, name: &str, text: &str, depth: usize) {
        self.open(out, name, depth);
        out.push('>');
        escape(out, text, false);
        self.close(out, name, depth, false);
    }

    /// The start of a tag, on a line of its own.
    fn open(&self, out: &mut String, name: &str, depth: usize) {
        if depth > 0 {
            self.line(out, depth);
        }
        out.push('<');
        out.push_str(name);
    }

    fn close(&self, out: &mut String, name: &str, depth: usize, nested: bool) {
        if nested {
            self.line(out, depth);
        }
        out.push_str(&format!("</{name}>"));
    }

    fn line(&self, out: &mut String, depth: usize) {
        if !self.indent.is_empty() {
            out.push('\n');
            out.push_str(&self.indent.repeat(depth));
        }
    }

    fn text(&self, array: &dyn Array, row: usize) -> Result<String> {
        Ok(match (array.data_type(), &self.date) {
            (DataType::Date32, Some(pattern)) => {
                let days = array.as_primitive::<Date32Type>().value(row);
                self.utc.text(pattern, i64::from(days) * 86_400_000_000)
            }
            (DataType::Timestamp(_, zone), _) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                match zone {
                    Some(_) => self.zone.text(&self.timestamp, micros),
                    None => self.utc.text(&self.timestamp_ntz, micros),
                }
            }
            _ => value(array, row, Style::Cast)?,
        })
    }
}

/// Appends a text with the characters of markup escaped.
pub(super) fn escape(out: &mut String, text: &str, attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}
