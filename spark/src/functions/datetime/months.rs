//! Dates moved by the calendar.

use chrono::{Datelike, NaiveDate, NaiveTime};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, TimestampMicrosecondType};
use datafusion::common::Result;

use super::Zone;
use super::clock::add_months as moved_by_months;
use crate::error::SparkError;
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};
use crate::source::datetime::days;

/// `add_months(date, count)`.
pub static ADD_MONTHS: Kernel = Kernel::new("spark_add_months", Returns::Type(DataType::Date32), add_months);
/// `last_day(date)`.
pub static LAST_DAY: Kernel = Kernel::new("spark_last_day", Returns::Type(DataType::Date32), last_day);
/// `next_day(date, day of week)`.
pub static NEXT_DAY: Kernel = Kernel::ansi(
    "spark_next_day",
    Returns::Type(DataType::Date32),
    |rows| next_day(rows, true),
    &NEXT_DAY_LENIENT,
);
/// The same, null for a day that is none.
pub static NEXT_DAY_LENIENT: Kernel =
    Kernel::new("spark_next_day_lenient", Returns::Type(DataType::Date32), |rows| next_day(rows, false));
/// `months_between(a, b, round, zone)`.
pub static MONTHS_BETWEEN: Kernel =
    Kernel::new("spark_months_between", Returns::Type(DataType::Float64), months_between);

fn add_months(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (dates, counts) = (rows.values::<Date32Type>(0)?, rows.values::<Int32Type>(1)?);
    rows.primitives::<Date32Type>(|row| {
        let time = NaiveDate::from_epoch_days(dates.value(row)).map(|date| date.and_time(NaiveTime::MIN));
        let moved = time.and_then(|time| moved_by_months(time, counts.value(row).into()));
        match moved {
            Some(moved) => Ok(Some(days(moved.date()))),
            None => Err(SparkError::new("DATETIME_OVERFLOW", "22008", "Datetime operation overflow.").into()),
        }
    })
}

fn days_in_month(date: NaiveDate) -> u32 {
    date.num_days_in_month().into()
}

fn last_day(rows: &Rows<'_>) -> Result<ArrayRef> {
    let dates = rows.values::<Date32Type>(0)?;
    rows.primitives::<Date32Type>(|row| {
        let date = NaiveDate::from_epoch_days(dates.value(row));
        Ok(date.and_then(|date| date.with_day(days_in_month(date))).map(days))
    })
}

fn next_day(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (dates, names) = (rows.values::<Date32Type>(0)?, rows.text(1)?);
    rows.primitives::<Date32Type>(|row| {
        let name = names.value(row);
        // Days from Monday.
        let wanted = match name.trim().to_uppercase().as_str() {
            "MO" | "MON" | "MONDAY" => 0,
            "TU" | "TUE" | "TUESDAY" => 1,
            "WE" | "WED" | "WEDNESDAY" => 2,
            "TH" | "THU" | "THURSDAY" => 3,
            "FR" | "FRI" | "FRIDAY" => 4,
            "SA" | "SAT" | "SATURDAY" => 5,
            "SU" | "SUN" | "SUNDAY" => 6,
            _ if !strict => return Ok(None),
            _ => {
                return Err(SparkError::new(
                    "ILLEGAL_DAY_OF_WEEK",
                    "22009",
                    format!("Illegal input for day of week: {name}."),
                )
                .with_param("string", name)
                .into());
            }
        };
        // 1970-01-01 was a Thursday.
        let today = (dates.value(row) + 3).rem_euclid(7);
        let ahead = (wanted - today - 1).rem_euclid(7) + 1;
        Ok(Some(dates.value(row) + ahead))
    })
}

fn months_between(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (a, b) = (rows.values::<TimestampMicrosecondType>(0)?, rows.values::<TimestampMicrosecondType>(1)?);
    let (round, zones) = (rows.flags(2)?, rows.text(3)?);
    let mut zone = Compiled::new();
    rows.primitives::<Float64Type>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let (Some(a), Some(b)) = (zone.local(a.value(row)), zone.local(b.value(row))) else {
            return Ok(None);
        };
        let months = f64::from((a.year() - b.year()) * 12 + a.month() as i32 - b.month() as i32);
        let last = |date: NaiveDate| date.day() == days_in_month(date);
        if a.day() == b.day() || (last(a.date()) && last(b.date())) {
            return Ok(Some(months));
        }
        let seconds = |time: NaiveTime| (time - NaiveTime::MIN).num_seconds();
        let difference =
            (i64::from(a.day()) - i64::from(b.day())) * 86_400 + seconds(a.time()) - seconds(b.time());
        let result = months + difference as f64 / (31.0 * 86_400.0);
        Ok(Some(if round.value(row) { (result * 1e8).round() / 1e8 } else { result }))
    })
}
