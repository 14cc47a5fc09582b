//! Functions that make intervals and scale them.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float64Type, Int32Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit,
};
use datafusion::common::{Result, exec_err};

use super::kernel::{Kernel, Returns, Rows};
use crate::error::{SparkError, divide_by_zero};

const CALENDAR: Returns = Returns::Type(DataType::Interval(IntervalUnit::MonthDayNano));
const DAY_TIME: Returns = Returns::Type(DataType::Duration(TimeUnit::Microsecond));
const YEAR_MONTH: Returns = Returns::Type(DataType::Interval(IntervalUnit::YearMonth));

/// `make_interval(years, months, weeks, days, hours, minutes, seconds)`.
pub static MAKE: Kernel = Kernel::ansi("spark_make_interval", CALENDAR, |rows| make(rows, true), &TRY_MAKE);
/// The same, null on overflow.
pub static TRY_MAKE: Kernel = Kernel::new("spark_try_make_interval", CALENDAR, |rows| make(rows, false));
/// `make_dt_interval(days, hours, minutes, seconds)`.
pub static MAKE_DAY_TIME: Kernel = Kernel::new("spark_make_dt_interval", DAY_TIME, make_day_time);
/// `make_ym_interval(years, months)`.
pub static MAKE_YEAR_MONTH: Kernel = Kernel::new("spark_make_ym_interval", YEAR_MONTH, make_year_month);
/// An interval times a number.
pub static MULTIPLY: Kernel =
    Kernel::new("spark_interval_multiply", Returns::Argument(0), |rows| scale(rows, Scale::Multiply));
/// An interval divided by a number.
pub static DIVIDE: Kernel =
    Kernel::new("spark_interval_divide", Returns::Argument(0), |rows| scale(rows, Scale::Divide));
/// The same, null for a division by zero.
pub static TRY_DIVIDE: Kernel =
    Kernel::new("spark_interval_try_divide", Returns::Argument(0), |rows| scale(rows, Scale::TryDivide));

/// The functions of this family.
pub static KERNELS: &[&Kernel] =
    &[&MAKE, &TRY_MAKE, &MAKE_DAY_TIME, &MAKE_YEAR_MONTH, &MULTIPLY, &DIVIDE, &TRY_DIVIDE];

fn overflow() -> SparkError {
    SparkError::new(
        "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
        "22015",
        "Integer overflow while operating with intervals. Try devising appropriate values for the interval parameters.",
    )
}

fn make(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let ints = (0..6).map(|i| rows.values::<Int32Type>(i)).collect::<Result<Vec<_>>>()?;
    let seconds = rows.values::<Decimal128Type>(6)?;
    rows.primitives::<IntervalMonthDayNanoType>(|row| {
        let part = |index: usize| i64::from(ints[index].value(row));
        let interval = || -> Option<IntervalMonthDayNano> {
            let months = i32::try_from(part(0) * 12 + part(1)).ok()?;
            let days = i32::try_from(part(2) * 7 + part(3)).ok()?;
            let micros = i64::try_from(seconds.value(row)).ok()?;
            let micros = micros.checked_add(part(4) * 3_600_000_000 + part(5) * 60_000_000)?;
            Some(IntervalMonthDayNano::new(months, days, micros.checked_mul(1000)?))
        };
        match interval() {
            Some(interval) => Ok(Some(interval)),
            None if strict => Err(overflow().into()),
            None => Ok(None),
        }
    })
}

fn make_day_time(rows: &Rows<'_>) -> Result<ArrayRef> {
    let ints = (0..3).map(|i| rows.values::<Int32Type>(i)).collect::<Result<Vec<_>>>()?;
    let seconds = rows.values::<Decimal128Type>(3)?;
    rows.primitives::<DurationMicrosecondType>(|row| {
        let part = |index: usize| i128::from(ints[index].value(row));
        let seconds = seconds.value(row);
        let micros = part(0) * 86_400_000_000 + part(1) * 3_600_000_000 + part(2) * 60_000_000 + seconds;
        i64::try_from(micros).map(Some).map_err(|_| overflow().into())
    })
}

fn make_year_month(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (years, months) = (rows.values::<Int32Type>(0)?, rows.values::<Int32Type>(1)?);
    rows.primitives::<IntervalYearMonthType>(|row| {
        let months = i64::from(years.value(row)) * 12 + i64::from(months.value(row));
        i32::try_from(months).map(Some).map_err(|_| overflow().into())
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Multiply,
    Divide,
    TryDivide,
}

fn scale(rows: &Rows<'_>, how: Scale) -> Result<ArrayRef> {
    let by = rows.values::<Float64Type>(1)?;
    let factor = |row: usize| match how {
        Scale::Multiply => Ok(Some(by.value(row))),
        Scale::Divide | Scale::TryDivide if by.value(row) != 0.0 => Ok(Some(1.0 / by.value(row))),
        Scale::TryDivide => Ok(None),
        Scale::Divide => Err(divide_by_zero()),
    };
    // Halves go away from zero.
    match rows.array(0)?.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let values = rows.values::<IntervalYearMonthType>(0)?;
            rows.primitives::<IntervalYearMonthType>(|row| {
                Ok(factor(row)?.map(|factor| (f64::from(values.value(row)) * factor).round() as i32))
            })
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            let values = rows.values::<DurationMicrosecondType>(0)?;
            rows.primitives::<DurationMicrosecondType>(|row| {
                Ok(factor(row)?.map(|factor| (values.value(row) as f64 * factor).round() as i64))
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = rows.values::<IntervalMonthDayNanoType>(0)?;
            rows.primitives::<IntervalMonthDayNanoType>(|row| {
                let Some(factor) = factor(row)? else { return Ok(None) };
                let v = values.value(row);
                // What is left of a month or a day becomes part of the next smaller unit.
                let months = f64::from(v.months) * factor;
                let days = f64::from(v.days) * factor + months.fract() * 30.0;
                let nanos = v.nanoseconds as f64 * factor + days.fract() * 86_400e9;
                let micros = (nanos / 1000.0).round() as i64;
                Ok(Some(IntervalMonthDayNano::new(months as i32, days as i32, micros * 1000)))
            })
        }
        other => exec_err!("{other} is no interval"),
    }
}
