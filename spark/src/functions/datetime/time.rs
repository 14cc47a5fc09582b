//! Functions on the time of day: TIME, in nanoseconds since midnight.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::Result;

use super::parse::pattern;
use crate::error::SparkError;
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};
use crate::source::datetime::{nanos_of_day, parse_time};

const TIME: Returns = Returns::Type(DataType::Time64(TimeUnit::Nanosecond));
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// `make_time(hour, minute, second)`.
pub static MAKE_TIME: Kernel = Kernel::new("spark_make_time", TIME, make_time);
/// `to_time(text[, pattern])`.
pub static TO_TIME: Kernel = Kernel::new("spark_to_time", TIME, |rows| to_time(rows, true));
/// The same, null where the text does not match.
pub static TRY_TO_TIME: Kernel = Kernel::new("spark_try_to_time", TIME, |rows| to_time(rows, false));
/// `time_diff(unit, start, end)`.
pub static TIME_DIFF: Kernel = Kernel::new("spark_time_diff", Returns::Type(DataType::Int64), time_diff);
/// `time_trunc(unit, time)`.
pub static TIME_TRUNC: Kernel = Kernel::new("spark_time_trunc", TIME, time_trunc);
/// `hour`, `minute` or `second` of a time.
pub static CLOCK_FIELD: Kernel =
    Kernel::new("spark_clock_field", Returns::Type(DataType::Int32), clock_field);
/// The seconds of a time, with microseconds.
pub static CLOCK_SECOND_FRACTION: Kernel =
    Kernel::new("spark_clock_second_fraction", Returns::Type(DataType::Decimal128(8, 6)), |rows| {
        let times = rows.values::<Time64NanosecondType>(0)?;
        rows.primitives::<Decimal128Type>(|row| {
            Ok(Some(i128::from(times.value(row) % (60 * NANOS_PER_SECOND) / 1000)))
        })
    });
/// A date and a time as TIMESTAMP_NTZ.
pub static AT_TIME: Kernel =
    Kernel::new("spark_at_time", Returns::Type(DataType::Timestamp(TimeUnit::Microsecond, None)), |rows| {
        let (dates, times) = (rows.values::<Date32Type>(0)?, rows.values::<Time64NanosecondType>(1)?);
        rows.primitives::<TimestampMicrosecondType>(|row| {
            Ok(Some(i64::from(dates.value(row)) * 86_400_000_000 + times.value(row) / 1000))
        })
    });

fn out_of_bounds(field: &str, value: i64, high: u32) -> SparkError {
    let range = format!("Invalid value for {field} (valid values 0 - {high}): {value}");
    SparkError::new("DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION", "22023", format!("{range}. "))
        .with_param("rangeMessage", range)
}

fn make_time(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (hours, minutes) = (rows.values::<Int32Type>(0)?, rows.values::<Int32Type>(1)?);
    let seconds = rows.values::<Decimal128Type>(2)?;
    rows.primitives::<Time64NanosecondType>(|row| {
        let (hour, minute) = (i64::from(hours.value(row)), i64::from(minutes.value(row)));
        let micros = i64::try_from(seconds.value(row)).unwrap_or(i64::MAX);
        let checks = [
            ("HourOfDay", hour, 23_u32),
            ("MinuteOfHour", minute, 59),
            ("SecondOfMinute", micros.div_euclid(1_000_000), 59),
        ];
        for (field, value, high) in checks {
            if !(0..=i64::from(high)).contains(&value) {
                return Err(out_of_bounds(field, value, high).into());
            }
        }
        Ok(Some((hour * 3600 + minute * 60) * NANOS_PER_SECOND + micros * 1000))
    })
}

fn to_time(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    let patterns = if rows.count() > 1 { Some(rows.text(1)?) } else { None };
    let mut compiled = Compiled::new();
    rows.primitives::<Time64NanosecondType>(|row| {
        let text = texts.value(row);
        let time = match patterns {
            None => parse_time(text),
            Some(patterns) => {
                let pattern = compiled.get(patterns.value(row), pattern)?;
                pattern.timestamp(text).map(|parsed| nanos_of_day(parsed.local.time()))
            }
        };
        if time.is_none() && strict {
            let format = patterns.map_or("HH:mm:ss.SSSSSS", |patterns| patterns.value(row));
            return Err(SparkError::new(
                "CANNOT_PARSE_TIME",
                "22010",
                format!(
                    "The input string '{text}' cannot be parsed to a TIME value because it does not match to the \
                     datetime format '{format}'."
                ),
            )
            .with_param("input", format!("'{text}'"))
            .with_param("format", format!("'{format}'"))
            .into());
        }
        Ok(time)
    })
}

/// Nanoseconds of a unit of time.
fn unit(name: &str, function: &str) -> Result<i64> {
    Ok(match name.to_uppercase().as_str() {
        "HOUR" => 3600 * NANOS_PER_SECOND,
        "MINUTE" => 60 * NANOS_PER_SECOND,
        "SECOND" => NANOS_PER_SECOND,
        "MILLISECOND" => 1_000_000,
        "MICROSECOND" => 1000,
        _ => {
            return Err(SparkError::new(
                "INVALID_PARAMETER_VALUE.TIME_UNIT",
                "22023",
                format!(
                    "The value of parameter(s) `unit` in `{function}` is invalid: expects one of the units 'HOUR', \
                     'MINUTE', 'SECOND', 'MILLISECOND', 'MICROSECOND', but got ''{name}''."
                ),
            )
            .with_param("parameter", "`unit`")
            .with_param("functionName", format!("`{function}`"))
            .with_param("invalidValue", format!("'{name}'"))
            .into());
        }
    })
}

fn time_diff(rows: &Rows<'_>) -> Result<ArrayRef> {
    let units = rows.text(0)?;
    let (starts, ends) = (rows.values::<Time64NanosecondType>(1)?, rows.values::<Time64NanosecondType>(2)?);
    rows.primitives::<Int64Type>(|row| {
        Ok(Some((ends.value(row) - starts.value(row)) / unit(units.value(row), "time_diff")?))
    })
}

fn time_trunc(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (units, times) = (rows.text(0)?, rows.values::<Time64NanosecondType>(1)?);
    rows.primitives::<Time64NanosecondType>(|row| {
        let time = times.value(row);
        Ok(Some(time - time % unit(units.value(row), "time_trunc")?))
    })
}

fn clock_field(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (times, fields) = (rows.values::<Time64NanosecondType>(0)?, rows.text(1)?);
    rows.primitives::<Int32Type>(|row| {
        let seconds = times.value(row) / NANOS_PER_SECOND;
        Ok(Some(match fields.value(row) {
            "hour" => seconds / 3600,
            "minute" => seconds / 60 % 60,
            _ => seconds % 60,
        } as i32))
    })
}
