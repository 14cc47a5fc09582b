//! Dates and timestamps cut down to a unit.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::Result;

use super::Zone;
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};
use crate::source::datetime::days;

/// `trunc(date, unit)`: null for a unit it does not know.
pub static TRUNC: Kernel = Kernel::new("spark_trunc", Returns::Type(DataType::Date32), trunc);
/// `date_trunc(unit, timestamp, zone)`.
pub static DATE_TRUNC: Kernel = Kernel::new("spark_date_trunc", Returns::Argument(1), date_trunc);
/// The start of the window of time that a timestamp falls into: `(ts, length, offset)` in microseconds.
pub static WINDOW_START: Kernel = Kernel::new("spark_window_start", Returns::Argument(0), window_start);

fn start_of(unit: &str, date: NaiveDate) -> Option<NaiveDate> {
    match unit {
        "YEAR" | "YYYY" | "YY" => NaiveDate::from_ymd_opt(date.year(), 1, 1),
        "QUARTER" => NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1),
        "MONTH" | "MM" | "MON" => date.with_day(1),
        "WEEK" => date.checked_sub_days(chrono::Days::new(date.weekday().num_days_from_monday().into())),
        _ => None,
    }
}

fn trunc(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (dates, units) = (rows.values::<Date32Type>(0)?, rows.text(1)?);
    rows.primitives::<Date32Type>(|row| {
        let unit = units.value(row).to_uppercase();
        let date = NaiveDate::from_epoch_days(dates.value(row));
        Ok(date.and_then(|date| start_of(&unit, date)).map(days))
    })
}

fn date_trunc(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (units, times, zones) = (rows.text(0)?, rows.values::<TimestampMicrosecondType>(1)?, rows.text(2)?);
    let mut zone = Compiled::new();
    rows.primitives::<TimestampMicrosecondType>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let unit = units.value(row).to_uppercase();
        let time = times.value(row);
        match unit.as_str() {
            "MICROSECOND" => return Ok(Some(time)),
            "MILLISECOND" => return Ok(Some(time.div_euclid(1000) * 1000)),
            "SECOND" => return Ok(Some(time.div_euclid(1_000_000) * 1_000_000)),
            _ => {}
        }
        Ok(zone.local(time).and_then(|local| zone.instant(whole(&unit, local)?)))
    })
}

fn whole(unit: &str, local: NaiveDateTime) -> Option<NaiveDateTime> {
    let (date, time) = (local.date(), local.time());
    Some(match unit {
        "MINUTE" => date.and_hms_opt(time.hour(), time.minute(), 0)?,
        "HOUR" => date.and_hms_opt(time.hour(), 0, 0)?,
        "DAY" | "DD" => date.and_time(NaiveTime::MIN),
        _ => start_of(unit, date)?.and_time(NaiveTime::MIN),
    })
}

fn window_start(rows: &Rows<'_>) -> Result<ArrayRef> {
    let times = rows.values::<TimestampMicrosecondType>(0)?;
    let (lengths, offsets) = (rows.values::<Int64Type>(1)?, rows.values::<Int64Type>(2)?);
    rows.primitives::<TimestampMicrosecondType>(|row| {
        let time = times.value(row);
        Ok(Some(time - (time - offsets.value(row)).rem_euclid(lengths.value(row))))
    })
}
