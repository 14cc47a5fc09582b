//! The options of Spark's JSON reader.

use serde::{Deserialize, Serialize};

use super::node::Leniency;
use crate::error::Result;
use crate::source::CORRUPT_COLUMN;
use crate::source::options::{Encoding, Options, ParseMode};
use crate::source::pattern::Pattern;

/// Everything an executor must know to read JSON files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JsonOptions {
    pub mode: ParseMode,
    /// Name of the column that takes the text of bad records, where the schema has it.
    pub corrupt_column: String,
    pub date_format: Option<Pattern>,
    pub timestamp_format: Option<Pattern>,
    pub timestamp_ntz_format: Option<Pattern>,
    /// A file is one value: an object or an array of objects.
    pub multi_line: bool,
    pub line_separator: Option<String>,
    pub encoding: Encoding,
    /// Numbers and booleans are inferred as strings.
    pub primitives_as_string: bool,
    /// Strings that look like timestamps are inferred as such.
    pub infer_timestamp: bool,
    /// Fields that are null or empty in every record are left out of inferred schemas.
    pub drop_all_null: bool,
    /// What is read beyond JSON.
    pub leniency: Leniency,
    /// Zone of timestamps written without one.
    pub time_zone: String,
}

impl JsonOptions {
    /// Reads the options a program gave.
    pub fn new(options: &Options<'_>, session_zone: &str) -> Result<Self> {
        let text = |name: &str, default: &str| options.get(name).unwrap_or(default).to_owned();
        Ok(Self {
            mode: options.mode(),
            corrupt_column: text(CORRUPT_COLUMN, "_corrupt_record"),
            date_format: options.pattern("dateFormat")?,
            timestamp_format: options.pattern("timestampFormat")?,
            timestamp_ntz_format: options.pattern("timestampNTZFormat")?,
            multi_line: options.flag("multiLine", false)?,
            line_separator: options.line_separator(),
            encoding: options.encoding()?,
            primitives_as_string: options.flag("primitivesAsString", false)?,
            infer_timestamp: options.flag("inferTimestamp", false)?,
            drop_all_null: options.flag("dropFieldIfAllNull", false)?,
            leniency: Leniency {
                single_quotes: options.flag("allowSingleQuotes", true)?,
                unquoted_names: options.flag("allowUnquotedFieldNames", false)?,
                leading_zeros: options.flag("allowNumericLeadingZeros", false)?,
                any_escape: options.flag("allowBackslashEscapingAnyCharacter", false)?,
                comments: options.flag("allowComments", false)?,
                control_characters: options.flag("allowUnquotedControlChars", false)?,
            },
            time_zone: text("timeZone", session_zone),
        })
    }
}
