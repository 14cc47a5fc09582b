//! Options of a data source, looked up without regard to case, with clear errors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::errors;
use super::pattern::Pattern;
use crate::error::{Result, SparkError};

/// What a reader does with a record it cannot parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ParseMode {
    /// Null for what is bad, the rest of the record is kept.
    Permissive,
    /// The record is left out.
    DropMalformed,
    /// The query fails.
    FailFast,
}

/// The character set of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    Utf8,
    /// ISO-8859-1: each byte is the character of that number.
    Latin1,
}

/// The options of one read.
pub struct Options<'a>(pub &'a BTreeMap<String, String>);

impl Options<'_> {
    /// The value of an option, if it is given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of the first of several names for the same option.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => Err(errors::bad_option(name, value, "`true` or `false`")),
        }
    }

    /// One ASCII character, or none where the option is the empty string.
    pub fn char(&self, name: &str, default: Option<u8>) -> Result<Option<u8>> {
        match self.get(name) {
            None => Ok(default),
            Some("" | "\u{0}" | "\\u0000") => Ok(None),
            Some("\\t") => Ok(Some(b'\t')),
            Some("\\\\") => Ok(Some(b'\\')),
            Some("\\\"") => Ok(Some(b'"')),
            Some(value) => match value.as_bytes() {
                [byte] if byte.is_ascii() => Ok(Some(*byte)),
                _ => Err(errors::bad_option(name, value, "one ASCII character")),
            },
        }
    }

    /// A Java pattern.
    pub fn pattern(&self, name: &str) -> Result<Option<Pattern>> {
        self.get(name)
            .map(|value| {
                Pattern::new(value).map_err(|error| errors::bad_option(name, value, &error.to_string()))
            })
            .transpose()
    }

    /// `mode`. Like Spark, an unknown name means PERMISSIVE.
    pub fn mode(&self) -> ParseMode {
        match self.get("mode").map(str::to_ascii_uppercase).as_deref() {
            Some("DROPMALFORMED") => ParseMode::DropMalformed,
            Some("FAILFAST") => ParseMode::FailFast,
            _ => ParseMode::Permissive,
        }
    }

    /// `samplingRatio`, above 0 and at most 1.
    pub fn sampling_ratio(&self) -> Result<f64> {
        let Some(value) = self.get("samplingRatio") else { return Ok(1.0) };
        match value.parse::<f64>() {
            Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => Ok(ratio),
            _ => Err(errors::bad_option("samplingRatio", value, "a number above 0 and at most 1")),
        }
    }

    /// `encoding` or `charset`.
    pub fn encoding(&self) -> Result<Encoding> {
        let Some(name) = self.first(&["encoding", "charset"]) else { return Ok(Encoding::Utf8) };
        match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" => Ok(Encoding::Utf8),
            "ISO-8859-1" | "LATIN1" | "ISO8859_1" => Ok(Encoding::Latin1),
            _ => Err(SparkError::new(
                "INVALID_PARAMETER_VALUE.CHARSET",
                "22023",
                format!(
                    "The value of parameter(s) `charset` in `encoding` is invalid: expects one of the \
                     iso-8859-1, us-ascii, utf-8, but got {name}."
                ),
            )
            .with_param("charset", name)),
        }
    }

    /// `lineSep`, if it is given and not empty.
    pub fn line_separator(&self) -> Option<String> {
        self.get("lineSep").filter(|value| !value.is_empty()).map(str::to_owned)
    }
}
