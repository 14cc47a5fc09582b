//! Dates and timestamps made of numbers, and numbers made of them.

use chrono::{NaiveDate, NaiveDateTime};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::Result;

use super::Zone;
use crate::error::{SparkError, arithmetic_overflow};
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};
use crate::source::datetime::{days, micros};

const NTZ: Returns = Returns::Type(DataType::Timestamp(TimeUnit::Microsecond, None));

/// `make_date(year, month, day)`.
pub static MAKE_DATE: Kernel = Kernel::ansi(
    "spark_make_date",
    Returns::Type(DataType::Date32),
    |rows| make_date(rows, true),
    &MAKE_DATE_LENIENT,
);
/// The same, null for a date that does not exist.
pub static MAKE_DATE_LENIENT: Kernel =
    Kernel::new("spark_make_date_lenient", Returns::Type(DataType::Date32), |rows| make_date(rows, false));
/// `make_timestamp(year, month, day, hour, minute, second, zone, null of the result's type)`.
pub static MAKE_TIMESTAMP: Kernel = Kernel {
    name: "spark_make_timestamp",
    returns: Returns::Argument(7),
    run: |rows| make_timestamp(rows, true),
    lenient: Some(&TRY_MAKE_TIMESTAMP),
    sees_nulls: true,
    volatile: false,
};
/// The same, null for a time that does not exist.
pub static TRY_MAKE_TIMESTAMP: Kernel =
    Kernel::null_aware("spark_try_make_timestamp", Returns::Argument(7), |rows| make_timestamp(rows, false));
/// `make_timestamp_ntz(year, month, day, hour, minute, second)`.
pub static MAKE_TIMESTAMP_NTZ: Kernel = Kernel::ansi(
    "spark_make_timestamp_ntz",
    NTZ,
    |rows| make_timestamp_ntz(rows, true),
    &TRY_MAKE_TIMESTAMP_NTZ,
);
/// The same, null for a time that does not exist.
pub static TRY_MAKE_TIMESTAMP_NTZ: Kernel =
    Kernel::new("spark_try_make_timestamp_ntz", NTZ, |rows| make_timestamp_ntz(rows, false));
/// `timestamp_millis(n)` and its like: `(n, microseconds per unit, null of the result's type)`.
pub static FROM_UNITS: Kernel = Kernel::null_aware("spark_from_units", Returns::Argument(2), from_units);
/// `timestamp_seconds(n)` of doubles and decimals: `(n, null of the result's type)`.
pub static FROM_DECIMAL_SECONDS: Kernel =
    Kernel::null_aware("spark_from_seconds", Returns::Argument(1), from_seconds);
/// `unix_millis(ts)` and its like: `(ts, microseconds per unit)`, rounded down.
pub static TO_UNITS: Kernel = Kernel::new("spark_to_units", Returns::Type(DataType::Int64), to_units);

fn invalid(what: &str) -> SparkError {
    SparkError::new(
        "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION",
        "22023",
        format!("{what}. If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error."),
    )
    .with_param("rangeMessage", what)
    .with_param("ansiConfig", "\"spark.sql.ansi.enabled\"")
}

fn field(name: &str, value: i32, low: i32, high: &str) -> SparkError {
    invalid(&format!("Invalid value for {name} (valid values {low} - {high}): {value}"))
}

fn date_of(year: i32, month: i32, day: i32) -> Result<NaiveDate, SparkError> {
    if !(1..=12).contains(&month) {
        return Err(field("MonthOfYear", month, 1, "12"));
    }
    if !(1..=31).contains(&day) {
        return Err(field("DayOfMonth", day, 1, "28/31"));
    }
    NaiveDate::from_ymd_opt(year, month as u32, day as u32).ok_or_else(|| {
        const NAMES: [&str; 12] = [
            "JANUARY",
            "FEBRUARY",
            "MARCH",
            "APRIL",
            "MAY",
            "JUNE",
            "JULY",
            "AUGUST",
            "SEPTEMBER",
            "OCTOBER",
            "NOVEMBER",
            "DECEMBER",
        ];
        if month == 2 && day == 29 {
            invalid(&format!("Invalid date 'February 29' as '{year}' is not a leap year"))
        } else {
            invalid(&format!("Invalid date '{} {day}'", NAMES[(month - 1) as usize]))
        }
    })
}

/// `second` in microseconds; 60 whole seconds are the next minute.
fn time_of(date: NaiveDate, hour: i32, minute: i32, second: i64) -> Result<NaiveDateTime, SparkError> {
    if !(0..=23).contains(&hour) {
        return Err(field("HourOfDay", hour, 0, "23"));
    }
    if !(0..=59).contains(&minute) {
        return Err(field("MinuteOfHour", minute, 0, "59"));
    }
    let (whole, rest) = (second.div_euclid(1_000_000), second.rem_euclid(1_000_000));
    if !(0..=60).contains(&whole) {
        return Err(field("SecondOfMinute", whole as i32, 0, "59"));
    }
    if whole == 60 && rest != 0 {
        return Err(SparkError::new(
            "INVALID_FRACTION_OF_SECOND",
            "22023",
            "Valid range for seconds is [0, 60] (inclusive), but the provided value is out of it.",
        ));
    }
    let next = whole == 60;
    let second = if next { 0 } else { whole as u32 };
    let time = date.and_hms_micro_opt(hour as u32, minute as u32, second, rest as u32);
    let time = time.ok_or_else(|| invalid("Invalid time"))?;
    if !next {
        return Ok(time);
    }
    time.checked_add_signed(chrono::TimeDelta::minutes(1)).ok_or_else(|| invalid("Invalid time"))
}

fn make_date(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (y, m, d) =
        (rows.values::<Int32Type>(0)?, rows.values::<Int32Type>(1)?, rows.values::<Int32Type>(2)?);
    rows.primitives::<Date32Type>(|row| match date_of(y.value(row), m.value(row), d.value(row)) {
        Ok(date) => Ok(Some(days(date))),
        Err(_) if !strict => Ok(None),
        Err(error) => Err(error.into()),
    })
}

/// The wall-clock time that the first six arguments of a row are.
fn local(rows: &Rows<'_>, row: usize) -> Result<Result<NaiveDateTime, SparkError>> {
    let int = |index: usize| {
        Ok::<_, datafusion::error::DataFusionError>(rows.values::<Int32Type>(index)?.value(row))
    };
    let second = rows.values::<Decimal128Type>(5)?.value(row) as i64;
    let date = date_of(int(0)?, int(1)?, int(2)?);
    let (hour, minute) = (int(3)?, int(4)?);
    Ok(date.and_then(|date| time_of(date, hour, minute, second)))
}

fn make_timestamp(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let zones = rows.text(6)?;
    let mut zone = Compiled::new();
    let arguments = &rows.arrays()[..7];
    rows.primitives::<TimestampMicrosecondType>(|row| {
        if arguments.iter().any(|argument| argument.is_null(row)) {
            return Ok(None);
        }
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        match local(rows, row)? {
            Ok(local) => Ok(zone.instant(local)),
            Err(_) if !strict => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
}

fn make_timestamp_ntz(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    rows.primitives::<TimestampMicrosecondType>(|row| match local(rows, row)? {
        Ok(local) => Ok(micros(local)),
        Err(_) if !strict => Ok(None),
        Err(error) => Err(error.into()),
    })
}

fn from_units(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (counts, per) = (rows.values::<Int64Type>(0)?, rows.values::<Int64Type>(1)?);
    rows.primitives::<TimestampMicrosecondType>(|row| {
        if counts.is_null(row) {
            return Ok(None);
        }
        match counts.value(row).checked_mul(per.value(row)) {
            Some(micros) => Ok(Some(micros)),
            None => Err(arithmetic_overflow("long overflow", None).into()),
        }
    })
}

fn from_seconds(rows: &Rows<'_>) -> Result<ArrayRef> {
    let values = rows.values::<Float64Type>(0)?;
    rows.primitives::<TimestampMicrosecondType>(|row| {
        let seconds = values.value(row);
        Ok((values.is_valid(row) && seconds.is_finite()).then_some((seconds * 1e6) as i64))
    })
}

fn to_units(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (times, per) = (rows.values::<TimestampMicrosecondType>(0)?, rows.values::<Int64Type>(1)?);
    rows.primitives::<Int64Type>(|row| Ok(Some(times.value(row).div_euclid(per.value(row)))))
}
