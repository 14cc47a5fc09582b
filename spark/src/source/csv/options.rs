//! The options of Spark's CSV reader.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::source::options::{Encoding, Options, ParseMode};
use crate::source::pattern::Pattern;
use crate::source::{CORRUPT_COLUMN, errors};

/// Everything an executor must know to read CSV files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CsvOptions {
    pub delimiter: String,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    pub comment: Option<u8>,
    /// The first line of each file names the columns.
    pub header: bool,
    pub null_value: String,
    /// What a quoted empty field stands for.
    pub empty_value: String,
    pub nan_value: String,
    pub positive_inf: String,
    pub negative_inf: String,
    pub mode: ParseMode,
    /// Name of the column that takes the text of bad records, where the schema has it.
    pub corrupt_column: String,
    pub date_format: Option<Pattern>,
    pub timestamp_format: Option<Pattern>,
    pub timestamp_ntz_format: Option<Pattern>,
    pub ignore_leading_space: bool,
    pub ignore_trailing_space: bool,
    /// Quoted fields may hold line ends; files are then read whole.
    pub multi_line: bool,
    pub line_separator: Option<String>,
    pub encoding: Encoding,
    /// Zone of timestamps written without one.
    pub time_zone: String,
}

impl CsvOptions {
    /// Reads the options a program gave.
    pub fn new(options: &Options<'_>, session_zone: &str) -> Result<Self> {
        let delimiter = options.first(&["sep", "delimiter"]).unwrap_or(",");
        let delimiter = unescape(delimiter);
        if delimiter.is_empty() {
            return Err(errors::bad_option("sep", "", "at least one character"));
        }
        let text = |name: &str, default: &str| options.get(name).unwrap_or(default).to_owned();
        Ok(Self {
            delimiter,
            quote: options.char("quote", Some(b'"'))?,
            escape: options.char("escape", Some(b'\\'))?,
            comment: options.char("comment", None)?,
            header: options.flag("header", false)?,
            null_value: text("nullValue", ""),
            empty_value: text("emptyValue", ""),
            nan_value: text("nanValue", "NaN"),
            positive_inf: text("positiveInf", "Inf"),
            negative_inf: text("negativeInf", "-Inf"),
            mode: options.mode(),
            corrupt_column: text(CORRUPT_COLUMN, "_corrupt_record"),
            date_format: options.pattern("dateFormat")?,
            timestamp_format: options.pattern("timestampFormat")?,
            timestamp_ntz_format: options.pattern("timestampNTZFormat")?,
            ignore_leading_space: options.flag("ignoreLeadingWhiteSpace", false)?,
            ignore_trailing_space: options.flag("ignoreTrailingWhiteSpace", false)?,
            multi_line: options.flag("multiLine", false)?,
            line_separator: options.line_separator(),
            encoding: options.encoding()?,
            time_zone: text("timeZone", session_zone),
        })
    }
}

/// The escapes Spark knows in a separator.
fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\\\", "\\").replace("\\u0001", "\u{1}")
}
