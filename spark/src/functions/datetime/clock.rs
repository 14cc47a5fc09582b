//! Timestamps moved by units of time or between zones.

use chrono::{DateTime, Months, NaiveDateTime, TimeDelta};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;

use super::Zone;
use crate::error::{SparkError, arithmetic_overflow};
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};
use crate::source::datetime::{days, micros};

/// `to_utc_timestamp(ts, zone)` and its like, on wall-clock microseconds: the instant at which it is
/// that time in the zone.
pub static TO_UTC: Kernel = Kernel::new("spark_to_utc_timestamp", Returns::Argument(0), |rows| {
    shifted(rows, Zone::instant_of_micros)
});
/// `from_utc_timestamp(ts, zone)`: the time in the zone, as if it were UTC.
pub static FROM_UTC: Kernel =
    Kernel::new("spark_from_utc_timestamp", Returns::Argument(0), |rows| shifted(rows, Zone::local_micros));
/// The wall-clock time of a timestamp in a zone, as TIMESTAMP_NTZ.
pub static TO_LOCAL: Kernel =
    Kernel::new("spark_to_local", Returns::Type(DataType::Timestamp(TimeUnit::Microsecond, None)), |rows| {
        shifted(rows, Zone::local_micros)
    });
/// The date of a timestamp in a zone.
pub static TO_DATE: Kernel = Kernel::new("spark_timestamp_to_date", Returns::Type(DataType::Date32), to_date);
/// `timestampadd(unit, count, ts)` with the zone as last argument.
pub static TIMESTAMP_ADD: Kernel = Kernel::new("spark_timestampadd", Returns::Argument(2), add);
/// `timestampdiff(unit, start, end)` with the zone as last argument.
pub static TIMESTAMP_DIFF: Kernel =
    Kernel::new("spark_timestampdiff", Returns::Type(DataType::Int64), difference);

fn shifted(rows: &Rows<'_>, shift: fn(&Zone, i64) -> Option<i64>) -> Result<ArrayRef> {
    let (values, zones) = (rows.values::<TimestampMicrosecondType>(0)?, rows.text(1)?);
    let mut zone = Compiled::new();
    rows.primitives::<TimestampMicrosecondType>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        match shift(zone, values.value(row)) {
            Some(moved) => Ok(Some(moved)),
            None => Err(arithmetic_overflow("long overflow", None).into()),
        }
    })
}

fn to_date(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (values, zones) = (rows.values::<TimestampMicrosecondType>(0)?, rows.text(1)?);
    let mut zone = Compiled::new();
    rows.primitives::<Date32Type>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        Ok(zone.local(values.value(row)).map(|local| days(local.date())))
    })
}

/// A unit of `timestampadd`, in months or microseconds; whole days follow the calendar.
enum Unit {
    Months(i64),
    Days(i64),
    Micros(i64),
}

fn unit(name: &str, function: &str) -> Result<Unit> {
    const SECOND: i64 = 1_000_000;
    Ok(match name.to_uppercase().as_str() {
        "YEAR" => Unit::Months(12),
        "QUARTER" => Unit::Months(3),
        "MONTH" => Unit::Months(1),
        "WEEK" => Unit::Days(7),
        "DAY" | "DAYOFYEAR" => Unit::Days(1),
        "HOUR" => Unit::Micros(3600 * SECOND),
        "MINUTE" => Unit::Micros(60 * SECOND),
        "SECOND" => Unit::Micros(SECOND),
        "MILLISECOND" => Unit::Micros(1000),
        "MICROSECOND" => Unit::Micros(1),
        _ => {
            return Err(SparkError::new(
                "INVALID_PARAMETER_VALUE.DATETIME_UNIT",
                "22023",
                format!(
                    "The value of parameter(s) `unit` in `{function}` is invalid: expects one of the units without quotes \
                     YEAR, QUARTER, MONTH, WEEK, DAY, DAYOFYEAR, HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND, \
                     but got the string literal '{name}'."
                ),
            )
            .into());
        }
    })
}

/// A time moved by months; the last day of a month stays within it.
pub fn add_months(time: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { time.checked_sub_months(count) } else { time.checked_add_months(count) }
}

fn add(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (units, counts) = (rows.text(0)?, rows.values::<Int64Type>(1)?);
    let (times, zones) = (rows.values::<TimestampMicrosecondType>(2)?, rows.text(3)?);
    let mut zone = Compiled::new();
    rows.primitives::<TimestampMicrosecondType>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let (time, count) = (times.value(row), counts.value(row));
        let moved = match unit(units.value(row), "timestampadd")? {
            Unit::Months(per) => zone
                .local(time)
                .and_then(|local| add_months(local, count.checked_mul(per)?))
                .and_then(|local| zone.instant(local)),
            Unit::Days(per) => zone
                .local(time)
                .and_then(|local| local.checked_add_signed(TimeDelta::try_days(count.checked_mul(per)?)?))
                .and_then(|local| zone.instant(local)),
            Unit::Micros(per) => count.checked_mul(per).and_then(|micros| time.checked_add(micros)),
        };
        match moved {
            Some(moved) => Ok(Some(moved)),
            None => Err(SparkError::new("DATETIME_OVERFLOW", "22008", "Datetime operation overflow.").into()),
        }
    })
}

fn difference(rows: &Rows<'_>) -> Result<ArrayRef> {
    let units = rows.text(0)?;
    let (starts, ends) =
        (rows.values::<TimestampMicrosecondType>(1)?, rows.values::<TimestampMicrosecondType>(2)?);
    let zones = rows.text(3)?;
    let mut zone = Compiled::new();
    rows.primitives::<Int64Type>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let local = |instant: i64| zone.local_micros(instant);
        let (Some(start), Some(end)) = (local(starts.value(row)), local(ends.value(row))) else {
            return Ok(None);
        };
        Ok(match unit(units.value(row), "timestampdiff")? {
            Unit::Months(per) => whole_months(start, end).map(|months| months / per),
            Unit::Days(per) => Some((end - start) / (per * 86_400_000_000)),
            Unit::Micros(per) => Some((ends.value(row) - starts.value(row)) / per),
        })
    })
}

/// Complete months from one wall-clock time to another.
fn whole_months(start: i64, end: i64) -> Option<i64> {
    use chrono::Datelike;
    let time = |at: i64| DateTime::from_timestamp_micros(at).map(|t| t.naive_utc());
    let (from, to) = (time(start)?, time(end)?);
    let mut months =
        i64::from(to.year() - from.year()) * 12 + i64::from(to.month()) - i64::from(from.month());
    let reached = add_months(from, months).and_then(micros)?;
    if months > 0 && reached > end {
        months -= 1;
    } else if months < 0 && reached < end {
        months += 1;
    }
    Some(months)
}
