//! Structs as records of CSV.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, AsArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};

use crate::error::Result;
use crate::functions::datetime::{Zone, pattern};
use crate::source::options::Options;
use crate::source::pattern::Pattern;
use crate::text::{Style, is_null, value};

/// Pattern of timestamps where none is given.
const TIMESTAMP: &str = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
/// Pattern of timestamps without zone where none is given.
const TIMESTAMP_NTZ: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS";

/// Writes records with the options of one call.
pub struct Writer {
    separator: String,
    quote: char,
    escape: char,
    quote_all: bool,
    null_value: String,
    empty_value: String,
    trim_start: bool,
    trim_end: bool,
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
        let text = |name: &str, default: &str| options.get(name).unwrap_or(default).to_owned();
        Ok(Self {
            separator: options.first(&["sep", "delimiter"]).unwrap_or(",").replace("\\t", "\t"),
            quote: options.char("quote", Some(b'"'))?.map_or('\0', char::from),
            escape: options.char("escape", Some(b'\\'))?.map_or('\\', char::from),
            quote_all: options.flag("quoteAll", false)?,
            null_value: text("nullValue", ""),
            empty_value: text("emptyValue", "\"\""),
            trim_start: options.flag("ignoreLeadingWhiteSpace", true)?,
            trim_end: options.flag("ignoreTrailingWhiteSpace", true)?,
            date: options.pattern("dateFormat")?,
            timestamp: timestamps("timestampFormat", TIMESTAMP)?,
            timestamp_ntz: timestamps("timestampNTZFormat", TIMESTAMP_NTZ)?,
            zone: Zone::new(options.get("timeZone").unwrap_or("UTC"))?,
            utc: Zone::new("UTC")?,
        })
    }

    /// Appends the fields of a row.
    pub fn record(&self, out: &mut String, structs: &StructArray, row: usize) -> Result<()> {
        for (index, column) in structs.columns().iter().enumerate() {
            if index > 0 {
                out.push_str(&self.separator);
            }
            if is_null(column.as_ref(), row) {
                self.field(out, &self.null_value);
                continue;
            }
            let text = self.text(column.as_ref(), row)?;
            if text.is_empty() {
                out.push_str(&self.empty_value);
            } else {
                self.field(out, &text);
            }
        }
        Ok(())
    }

    fn field(&self, out: &mut String, text: &str) {
        let text = if self.trim_start { text.trim_start() } else { text };
        let text = if self.trim_end { text.trim_end() } else { text };
        let special = text.contains(&self.separator) || text.contains([self.quote, '\n', '\r']);
        if self.quote == '\0' || !(self.quote_all || special) {
            out.push_str(text);
            return;
        }
        out.push(self.quote);
        for c in text.chars() {
            if c == self.quote {
                out.push(self.escape);
            }
            out.push(c);
        }
        out.push(self.quote);
    }

    /// The text of a value that is not null.
    fn text(&self, array: &dyn Array, row: usize) -> Result<String> {
        let inner = |array: &dyn Array, row: usize, lead: &str| -> Result<String> {
            if is_null(array, row) {
                Ok(String::new())
            } else {
                Ok(format!("{lead}{}", self.text(array, row)?))
            }
        };
        Ok(match array.data_type() {
            DataType::Date32 => match &self.date {
                Some(pattern) => {
                    let days = array.as_primitive::<Date32Type>().value(row);
                    self.utc.text(pattern, i64::from(days) * 86_400_000_000)
                }
                None => value(array, row, Style::Cast)?,
            },
            DataType::Timestamp(_, zone) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                match zone {
                    Some(_) => self.zone.text(&self.timestamp, micros),
                    None => self.utc.text(&self.timestamp_ntz, micros),
                }
            }
            DataType::List(_) => {
                let items = array.as_list::<i32>().value(row);
                let items = (0..items.len())
                    .map(|index| inner(items.as_ref(), index, if index > 0 { " " } else { "" }));
                format!("[{}]", items.collect::<Result<Vec<_>>>()?.join(","))
            }
            DataType::Struct(_) => {
                let columns = array.as_struct().columns().iter().enumerate();
                let cells =
                    columns.map(|(index, c)| inner(c.as_ref(), row, if index > 0 { " " } else { "" }));
                format!("{{{}}}", cells.collect::<Result<Vec<_>>>()?.join(","))
            }
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                let entry = |index: usize| -> Result<String> {
                    let key = self.text(entries.column(0).as_ref(), index)?;
                    let of = inner(entries.column(1).as_ref(), index, " ")?;
                    Ok(format!("{}{key} ->{of}", if index > 0 { " " } else { "" }))
                };
                format!("{{{}}}", (0..entries.len()).map(entry).collect::<Result<Vec<_>>>()?.join(","))
            }
            _ => value(array, row, Style::Cast)?,
        })
    }
}
