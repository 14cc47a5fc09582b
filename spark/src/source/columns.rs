//! Arrow builders for the columns of text files, filled from text as Spark casts it.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, NullBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::datetime::{days, micros, parse_date, parse_timestamp, parse_timestamp_fast, parse_zone};
use super::pattern::Pattern;
use super::text::{Decimal, parse_double, parse_integer};

/// How text becomes values.
#[derive(Debug, Clone)]
pub struct Formats {
    pub date: Option<Pattern>,
    pub timestamp: Option<Pattern>,
    pub timestamp_ntz: Option<Pattern>,
    pub nan: String,
    pub positive_inf: String,
    pub negative_inf: String,
    /// Zone of timestamps written without one.
    pub zone: Tz,
    /// Whether that zone is UTC.
    pub utc: bool,
    /// The date of a time without one.
    pub today: NaiveDate,
}

/// One column in the making.
#[derive(Debug)]
pub enum Column {
    Null(NullBuilder),
    Boolean(BooleanBuilder),
    Byte(Int8Builder),
    Short(Int16Builder),
    Int(Int32Builder),
    Long(Int64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    TimestampNtz(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    Binary(BinaryBuilder),
}

impl Column {
    /// A column of this type, `None` where text can't be read as it.
    pub fn new(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Null => Self::Null(NullBuilder::new()),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int8 => Self::Byte(Int8Builder::new()),
            DataType::Int16 => Self::Short(Int16Builder::new()),
            DataType::Int32 => Self::Int(Int32Builder::new()),
            DataType::Int64 => Self::Long(Int64Builder::new()),
            DataType::Float32 => Self::Float(Float32Builder::new()),
            DataType::Float64 => Self::Double(Float64Builder::new()),
            DataType::Decimal128(precision, scale) => {
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type.clone()), *precision, *scale)
            }
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let builder = TimestampMicrosecondBuilder::new().with_data_type(data_type.clone());
                match zone {
                    Some(name) => {
                        parse_zone(name)?;
                        Self::Timestamp(builder)
                    }
                    None => Self::TimestampNtz(builder),
                }
            }
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            _ => return None,
        })
    }

    /// The type of the column's values. A timestamp's zone is always given as UTC.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Null(_) => DataType::Null,
            Self::Boolean(_) => DataType::Boolean,
            Self::Byte(_) => DataType::Int8,
            Self::Short(_) => DataType::Int16,
            Self::Int(_) => DataType::Int32,
            Self::Long(_) => DataType::Int64,
            Self::Float(_) => DataType::Float32,
            Self::Double(_) => DataType::Float64,
            Self::Decimal(_, precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Date(_) => DataType::Date32,
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::TimestampNtz(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Text(_) => DataType::Utf8,
            Self::Binary(_) => DataType::Binary,
        }
    }

    /// Appends a null.
    pub fn append_null(&mut self) {
        match self {
            Self::Null(b) => b.append_null(),
            Self::Boolean(b) => b.append_null(),
            Self::Byte(b) => b.append_null(),
            Self::Short(b) => b.append_null(),
            Self::Int(b) => b.append_null(),
            Self::Long(b) => b.append_null(),
            Self::Float(b) => b.append_null(),
            Self::Double(b) => b.append_null(),
            Self::Decimal(b, ..) => b.append_null(),
            Self::Date(b) => b.append_null(),
            Self::Timestamp(b) | Self::TimestampNtz(b) => b.append_null(),
            Self::Text(b) => b.append_null(),
            Self::Binary(b) => b.append_null(),
        }
    }

    /// Appends the value of a text; null and `false` where it has none of this type.
    pub fn append(&mut self, text: &str, formats: &Formats) -> bool {
        let integer = || parse_integer(text);
        match self {
            Self::Null(b) => {
                b.append_null();
                true
            }
            Self::Boolean(b) => {
                let value = if text.eq_ignore_ascii_case("true") {
                    Some(true)
                } else if text.eq_ignore_ascii_case("false") {
                    Some(false)
                } else {
                    None
                };
                b.append_option(value);
                value.is_some()
            }
            Self::Byte(b) => {
                let value = integer().and_then(|v| i8::try_from(v).ok());
                b.append_option(value);
                value.is_some()
            }
            Self::Short(b) => {
                let value = integer().and_then(|v| i16::try_from(v).ok());
                b.append_option(value);
                value.is_some()
            }
            Self::Int(b) => {
                let value = integer().and_then(|v| i32::try_from(v).ok());
                b.append_option(value);
                value.is_some()
            }
            Self::Long(b) => {
                let value = integer();
                b.append_option(value);
                value.is_some()
            }
            Self::Float(b) => {
                let value = formats.double(text).map(|v| text.trim().parse().unwrap_or(v as f32));
                b.append_option(value);
                value.is_some()
            }
            Self::Double(b) => {
                let value = formats.double(text);
                b.append_option(value);
                value.is_some()
            }
            Self::Decimal(b, precision, scale) => {
                let value = Decimal::parse(text).and_then(|d| d.rescale(*precision, *scale));
                b.append_option(value);
                value.is_some()
            }
            Self::Date(b) => {
                let value = formats.date(text);
                b.append_option(value);
                value.is_some()
            }
            Self::Timestamp(b) => {
                let value = formats.timestamp(text);
                b.append_option(value);
                value.is_some()
            }
            Self::TimestampNtz(b) => {
                let value = formats.timestamp_ntz(text);
                b.append_option(value);
                value.is_some()
            }
            Self::Text(b) => {
                b.append_value(text);
                true
            }
            Self::Binary(b) => {
                b.append_value(text.as_bytes());
                true
            }
        }
    }

    /// The finished array; the column starts anew.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Null(b) => Arc::new(b.finish()),
            Self::Boolean(b) => Arc::new(b.finish()),
            Self::Byte(b) => Arc::new(b.finish()),
            Self::Short(b) => Arc::new(b.finish()),
            Self::Int(b) => Arc::new(b.finish()),
            Self::Long(b) => Arc::new(b.finish()),
            Self::Float(b) => Arc::new(b.finish()),
            Self::Double(b) => Arc::new(b.finish()),
            Self::Decimal(b, ..) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Timestamp(b) | Self::TimestampNtz(b) => Arc::new(b.finish()),
            Self::Text(b) => Arc::new(b.finish()),
            Self::Binary(b) => Arc::new(b.finish()),
        }
    }
}

impl Formats {
    /// A number, or one of the names for those that are none.
    pub fn double(&self, text: &str) -> Option<f64> {
        if text == self.nan {
            Some(f64::NAN)
        } else if text == self.positive_inf {
            Some(f64::INFINITY)
        } else if text == self.negative_inf {
            Some(f64::NEG_INFINITY)
        } else {
            parse_double(text)
        }
    }

    /// A date, in days since the epoch.
    pub fn date(&self, text: &str) -> Option<i32> {
        match &self.date {
            Some(pattern) => pattern.date(text).map(days),
            None => parse_date(text),
        }
    }

    /// An instant, in microseconds since the epoch.
    pub fn timestamp(&self, text: &str) -> Option<i64> {
        if let Some(pattern) = &self.timestamp {
            return pattern.timestamp(text)?.instant(self.zone);
        }
        match parse_timestamp_fast(text.as_bytes()) {
            Some((micros, true)) => Some(micros),
            Some((micros, false)) if self.utc => Some(micros),
            _ => parse_timestamp(text, self.today)?.instant(self.zone),
        }
    }

    /// A wall-clock time, in microseconds since the epoch as if it were UTC.
    pub fn timestamp_ntz(&self, text: &str) -> Option<i64> {
        let parsed = match &self.timestamp_ntz {
            Some(pattern) => pattern.timestamp(text)?,
            None => parse_timestamp(text, self.today)?,
        };
        if parsed.zone.is_some() { None } else { micros(parsed.local) }
    }
}
