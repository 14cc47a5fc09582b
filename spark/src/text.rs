//! Values as text, as Spark casts and shows them.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Timelike};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, AsArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Field, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalDayTimeType, IntervalUnit, IntervalYearMonthType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::{Result, SparkError};
use crate::types::interval::Units;

/// How nulls inside arrays, maps and structs, and bytes, are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As `CAST(x AS STRING)` does: `null`, bytes as UTF-8.
    Cast,
    /// As `show` does: `NULL`, bytes as `[31 32]`.
    Show,
}

impl Style {
    fn null(self) -> &'static str {
        match self {
            Self::Cast => "null",
            Self::Show => "NULL",
        }
    }
}

/// The value in `row` of `array`, which must not be null.
pub fn value(array: &dyn Array, row: usize, style: Style) -> Result<String> {
    Ok(match array.data_type() {
        DataType::Null => style.null().to_owned(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            decimal(&array.as_primitive::<Decimal128Type>().value(row).to_string(), *scale, style)
        }
        DataType::Decimal256(_, scale) => {
            decimal(&array.as_primitive::<Decimal256Type>().value(row).to_string(), *scale, style)
        }
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => array.as_string_view().value(row).to_owned(),
        DataType::Binary => bytes(array.as_binary::<i32>().value(row), style),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row), style),
        DataType::BinaryView => bytes(array.as_binary_view().value(row), style),
        DataType::FixedSizeBinary(_) => bytes(array.as_fixed_size_binary().value(row), style),
        DataType::Date32 => date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(unit, zone) => timestamp(timestamp_micros(array, unit, row), zone.as_deref())?,
        DataType::Time64(TimeUnit::Nanosecond) => {
            time(array.as_primitive::<Time64NanosecondType>().value(row) / 1000)
        }
        DataType::Time64(_) => time(array.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Duration(_) | DataType::Interval(IntervalUnit::DayTime) => {
            Units::DAY_TO_SECOND.text(interval_count(array, row))
        }
        DataType::Interval(IntervalUnit::YearMonth) => Units::YEAR_TO_MONTH.text(interval_count(array, row)),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let v = array
                .as_any()
                .downcast_ref::<IntervalMonthDayNanoArray>()
                .ok_or_else(|| SparkError::internal("an interval column of another class"))?
                .value(row);
            calendar_interval(v.months, v.days, v.nanoseconds / 1000)
        }
        DataType::List(item) => sequence(item, &array.as_list::<i32>().value(row), style)?,
        DataType::LargeList(item) => sequence(item, &array.as_list::<i64>().value(row), style)?,
        DataType::FixedSizeList(item, _) => sequence(item, &array.as_fixed_size_list().value(row), style)?,
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let (key, value) = (&entries.fields()[0], &entries.fields()[1]);
            let mut pairs = Vec::with_capacity(entries.len());
            for i in 0..entries.len() {
                pairs.push(format!(
                    "{} -> {}",
                    nested(key, keys, i, style)?,
                    nested(value, values, i, style)?
                ));
            }
            format!("{{{}}}", pairs.join(", "))
        }
        other if crate::types::is_variant(other) => crate::functions::variant::to_json(array, row)?,
        other if crate::types::Geo::of(other).is_some() => {
            return Err(SparkError::unsupported(format!("{} as text", crate::types::sql_name(other))));
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let fields: Result<Vec<_>> = columns.map(|(f, c)| nested(f, c, row, style)).collect();
            format!("{{{}}}", fields?.join(", "))
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            value(dictionary.values(), key, style)?
        }
        other => return Err(SparkError::unsupported(format!("showing values of type {other}"))),
    })
}

/// Whether the value in a row is null, also where a column holds nothing else.
pub fn is_null(array: &dyn Array, row: usize) -> bool {
    array.data_type() == &DataType::Null || array.is_null(row)
}

fn nested(field: &Field, array: &dyn Array, row: usize, style: Style) -> Result<String> {
    if array.is_null(row) { Ok(style.null().to_owned()) } else { value_of(field, array, row, style) }
}

/// A value of a column, whose intervals may have units; it must not be null.
pub fn value_of(field: &Field, array: &dyn Array, row: usize, style: Style) -> Result<String> {
    match Units::of(field) {
        Some(units) => Ok(units.text(interval_count(array, row))),
        None => value(array, row, style),
    }
}

fn sequence(item: &Field, items: &dyn Array, style: Style) -> Result<String> {
    let items: Result<Vec<_>> = (0..items.len()).map(|i| nested(item, items, i, style)).collect();
    Ok(format!("[{}]", items?.join(", ")))
}

fn bytes(value: &[u8], style: Style) -> String {
    match style {
        Style::Cast => String::from_utf8_lossy(value).into_owned(),
        Style::Show => {
            let hex: Vec<_> = value.iter().map(|b| format!("{b:02X}")).collect();
            format!("[{}]", hex.join(" "))
        }
    }
}

/// As Java's `Double.toString`.
pub fn double(v: f64) -> String {
    java_number(
        v.is_nan(),
        v.is_infinite(),
        v < 0.0,
        v == 0.0,
        v.is_sign_negative(),
        &format!("{:e}", v.abs()),
    )
}

/// As Java's `Float.toString`.
pub fn float(v: f32) -> String {
    java_number(
        v.is_nan(),
        v.is_infinite(),
        v < 0.0,
        v == 0.0,
        v.is_sign_negative(),
        &format!("{:e}", v.abs()),
    )
}

/// `scientific` is Rust's shortest form of the absolute value, `d.ddde-3`.
fn java_number(
    nan: bool,
    infinite: bool,
    negative: bool,
    zero: bool,
    sign: bool,
    scientific: &str,
) -> String {
    if nan {
        return "NaN".to_owned();
    }
    if infinite {
        return if negative { "-Infinity" } else { "Infinity" }.to_owned();
    }
    if zero {
        return if sign { "-0.0" } else { "0.0" }.to_owned();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let sign = if negative { "-" } else { "" };
    let padded = |s: &str| if s.is_empty() { "0".to_owned() } else { s.to_owned() };
    if (-3..7).contains(&exponent) {
        if exponent < 0 {
            let zeros = "0".repeat((-exponent - 1) as usize);
            return format!("{sign}0.{zeros}{digits}");
        }
        let whole = exponent as usize + 1;
        if digits.len() <= whole {
            return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
        }
        return format!("{sign}{}.{}", &digits[..whole], &digits[whole..]);
    }
    format!("{sign}{}.{}E{exponent}", &digits[..1], padded(&digits[1..]))
}

/// An unscaled decimal; casts use Java's `BigDecimal.toString`, shows its plain form.
fn decimal(unscaled: &str, scale: i8, style: Style) -> String {
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |d| ("-", d));
    let scale = scale.max(0) as usize;
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    // Java turns to scientific notation below 1E-6.
    let exponent = digits.len() as i64 - 1 - scale as i64;
    if style == Style::Cast && exponent < -6 {
        let rest = &digits[1..];
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{}{point}{rest}E{exponent}", &digits[..1]);
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Days since 1970-01-01 as `yyyy-MM-dd`.
pub fn date(days: i32) -> String {
    NaiveDate::from_epoch_days(days).map_or_else(|| format!("{days} days"), date_text)
}

fn date_text(date: NaiveDate) -> String {
    let year = date.year();
    let rest = format!("{:02}-{:02}", date.month(), date.day());
    match year {
        0..=9999 => format!("{year:04}-{rest}"),
        10_000.. => format!("+{year}-{rest}"),
        _ => format!("-{:04}-{rest}", -year),
    }
}

/// Microseconds since 1970 in the zone, else as they are, without trailing zeros.
pub fn timestamp(micros: i64, zone: Option<&str>) -> Result<String> {
    let Some(instant) = DateTime::from_timestamp_micros(micros) else {
        return Ok(format!("{micros} microseconds"));
    };
    let utc = instant.naive_utc();
    let local = match zone {
        None | Some("UTC") => utc,
        Some(zone) => local_time(utc, zone)?,
    };
    let mut text = format!(
        "{} {:02}:{:02}:{:02}",
        date_text(local.date()),
        local.hour(),
        local.minute(),
        local.second()
    );
    let fraction = local.nanosecond() / 1000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        // Writing to a string cannot fail.
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    Ok(text)
}

/// Microseconds since midnight as `HH:mm:ss`, the fraction without trailing zeros.
fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        text.push('.');
        text.push_str(format!("{fraction:06}").trim_end_matches('0'));
    }
    text
}

fn local_time(utc: NaiveDateTime, zone: &str) -> Result<NaiveDateTime> {
    let zone: Tz = zone.parse().map_err(|_| {
        SparkError::new(
            "INVALID_TIMEZONE",
            "22009",
            format!("The timezone: {zone} is invalid. The timezone must be either a region-based zone ID or a zone offset."),
        )
    })?;
    Ok(zone.from_utc_datetime(&utc).naive_local())
}

fn timestamp_micros(array: &dyn Array, unit: &TimeUnit, row: usize) -> i64 {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000),
        TimeUnit::Millisecond => {
            array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1000)
        }
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1000),
    }
}

/// The months of a year-month interval, or the microseconds of a day-time one.
fn interval_count(array: &dyn Array, row: usize) -> i64 {
    match array.data_type() {
        DataType::Duration(TimeUnit::Second) => {
            array.as_primitive::<DurationSecondType>().value(row).saturating_mul(1_000_000)
        }
        DataType::Duration(TimeUnit::Millisecond) => {
            array.as_primitive::<DurationMillisecondType>().value(row).saturating_mul(1000)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            array.as_primitive::<DurationMicrosecondType>().value(row)
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            array.as_primitive::<DurationNanosecondType>().value(row) / 1000
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let v = array.as_primitive::<IntervalDayTimeType>().value(row);
            i64::from(v.days) * 86_400_000_000 + i64::from(v.milliseconds) * 1000
        }
        _ => array.as_primitive::<IntervalYearMonthType>().value(row).into(),
    }
}

/// Each unit that is not zero with its name.
fn calendar_interval(months: i32, days: i32, micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000 % 60, (micros % 1_000_000).abs());
    let sign = if micros < 0 && seconds == 0 { "-" } else { "" };
    let fraction = match fraction {
        0 => String::new(),
        part => format!(".{}", format!("{part:06}").trim_end_matches('0')),
    };
    let counts = [
        (i64::from(months / 12), "years"),
        (i64::from(months % 12), "months"),
        (i64::from(days), "days"),
        (micros / 3_600_000_000, "hours"),
        (micros / 60_000_000 % 60, "minutes"),
    ];
    let mut parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if seconds != 0 || !fraction.is_empty() || parts.is_empty() {
        parts.push(format!("{sign}{seconds}{fraction} seconds"));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        // From the contract of java.lang.Double.toString.
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (12_345_678.9, "1.23456789E7"),
            (1e10, "1.0E10"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (123_456.7, "123456.7"),
        ];
        for (v, expected) in cases {
            assert_eq!(double(v), expected);
        }
        assert_eq!(float(1.1), "1.1");
        assert_eq!(float(1e10), "1.0E10");
    }

    #[test]
    fn timestamps_drop_trailing_zeros_and_follow_the_zone() {
        assert_eq!(timestamp(0, None).as_deref(), Ok("1970-01-01 00:00:00"));
        assert_eq!(timestamp(1_500_000, Some("UTC")).as_deref(), Ok("1970-01-01 00:00:01.5"));
        assert_eq!(timestamp(0, Some("Europe/Berlin")).as_deref(), Ok("1970-01-01 01:00:00"));
        assert_eq!(timestamp(-1, None).as_deref(), Ok("1969-12-31 23:59:59.999999"));
    }

    #[test]
    fn decimals_are_plain_when_shown() {
        assert_eq!(decimal("150", 2, Style::Show), "1.50");
        assert_eq!(decimal("-5", 3, Style::Show), "-0.005");
        assert_eq!(decimal("1", 9, Style::Show), "0.000000001");
        assert_eq!(decimal("1", 9, Style::Cast), "1E-9");
    }
}
