//! Fields of timestamps and intervals that Arrow does not know, or not as Spark does.

use chrono::{Datelike, NaiveDate, Timelike};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Int32Type, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, exec_err};

use super::Zone;
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};

/// The seconds of a timestamp in a zone, with microseconds.
pub static SECOND_FRACTION: Kernel =
    Kernel::new("spark_second_fraction", Returns::Type(DataType::Decimal128(8, 6)), second_fraction);
/// `hour`, `minute` or `second` of a timestamp in a zone.
pub static TIME_FIELD: Kernel = Kernel::new("spark_time_field", Returns::Type(DataType::Int32), time_field);
/// `year`, `month` and so on of a date.
pub static WEEK_FIELD: Kernel = Kernel::new("spark_date_field", Returns::Type(DataType::Int32), date_field);
/// A field of an interval; seconds come with microseconds.
pub static INTERVAL_FIELD: Kernel =
    Kernel::new("spark_interval_field", Returns::Type(DataType::Decimal128(18, 6)), interval_field);

fn second_fraction(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (values, zones) = (rows.values::<TimestampMicrosecondType>(0)?, rows.text(1)?);
    let mut zone = Compiled::new();
    rows.primitives::<Decimal128Type>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let local = zone.local_micros(values.value(row));
        Ok(local.map(|local| i128::from(local.rem_euclid(60_000_000))))
    })
}

fn time_field(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (values, fields, zones) = (rows.values::<TimestampMicrosecondType>(0)?, rows.text(1)?, rows.text(2)?);
    let mut zone = Compiled::new();
    rows.primitives::<Int32Type>(|row| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let Some(local) = zone.local(values.value(row)) else { return Ok(None) };
        Ok(Some(match fields.value(row) {
            "hour" => local.hour(),
            "minute" => local.minute(),
            _ => local.second(),
        } as i32))
    })
}

fn date_field(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (values, fields) = (rows.values::<Date32Type>(0)?, rows.text(1)?);
    rows.primitives::<Int32Type>(|row| {
        let Some(date) = NaiveDate::from_epoch_days(values.value(row)) else { return Ok(None) };
        Ok(Some(match fields.value(row) {
            "year" => date.year(),
            "quarter" => (date.month0() / 3 + 1) as i32,
            "month" => date.month() as i32,
            "day" => date.day() as i32,
            "doy" => date.ordinal() as i32,
            "week" => date.iso_week().week() as i32,
            "yearofweek" => date.iso_week().year(),
            "dow" => date.weekday().num_days_from_sunday() as i32 + 1,
            "dow_iso" => date.weekday().number_from_monday() as i32,
            "weekday" => date.weekday().num_days_from_monday() as i32,
            other => return exec_err!("dates have no field {other}"),
        }))
    })
}

fn interval_field(rows: &Rows<'_>) -> Result<ArrayRef> {
    let fields = rows.text(1)?;
    // Months, days and microseconds of an interval.
    let parts: Box<dyn Fn(usize) -> (i64, i64, i64) + '_> = match rows.array(0)?.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let values = rows.values::<IntervalYearMonthType>(0)?;
            Box::new(|row| (values.value(row).into(), 0, 0))
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            let values = rows.values::<DurationMicrosecondType>(0)?;
            Box::new(|row| {
                let micros = values.value(row);
                (0, micros / 86_400_000_000, micros % 86_400_000_000)
            })
        }
        _ => {
            let values = rows.values::<IntervalMonthDayNanoType>(0)?;
            Box::new(|row| {
                let v = values.value(row);
                (v.months.into(), v.days.into(), v.nanoseconds / 1000)
            })
        }
    };
    const UNIT: i128 = 1_000_000;
    rows.primitives::<Decimal128Type>(|row| {
        let (months, days, micros) = parts(row);
        Ok(Some(match fields.value(row) {
            "year" => i128::from(months / 12) * UNIT,
            "month" => i128::from(months % 12) * UNIT,
            "day" => i128::from(days) * UNIT,
            "hour" => i128::from(micros / 3_600_000_000) * UNIT,
            "minute" => i128::from(micros / 60_000_000 % 60) * UNIT,
            "second" => i128::from(micros % 60_000_000),
            other => return exec_err!("intervals have no field {other}"),
        }))
    })
}
