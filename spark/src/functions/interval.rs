//! Functions that make intervals and scale them.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float64Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit,
};
use datafusion::common::Result;

mod convert;

pub use self::convert::{
    COUNT, DAYS, OF_MICROS, OF_MONTHS, PARSE, PARSE_CALENDAR, TEXT, TO_CALENDAR, TRUNCATED, TRY_PARSE, TYPED,
    UNITS_TO_COUNT, calendar_of,
};
use self::convert::{Counts, rounded};
use super::kernel::{Kernel, Returns, Rows};
use crate::error::{SparkError, arithmetic_overflow};

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
    Kernel::new("spark_interval_multiply", Returns::Argument(0), |rows| scale(rows, false, true));
/// The same, null on overflow.
pub static TRY_MULTIPLY: Kernel =
    Kernel::new("spark_interval_try_multiply", Returns::Argument(0), |rows| scale(rows, false, false));
/// An interval divided by a number.
pub static DIVIDE: Kernel =
    Kernel::new("spark_interval_divide", Returns::Argument(0), |rows| scale(rows, true, true));
/// The same, null for a division by zero.
pub static TRY_DIVIDE: Kernel =
    Kernel::new("spark_interval_try_divide", Returns::Argument(0), |rows| scale(rows, true, false));
/// The sum of two intervals.
pub static ADD: Kernel =
    Kernel::new("spark_interval_add", Returns::Argument(0), |rows| sum(rows, Some("try_add"), false));
/// The same, null on overflow.
pub static TRY_ADD: Kernel =
    Kernel::new("spark_interval_try_add", Returns::Argument(0), |rows| sum(rows, None, false));
/// The difference of two intervals.
pub static SUBTRACT: Kernel = Kernel::new("spark_interval_subtract", Returns::Argument(0), |rows| {
    sum(rows, Some("try_subtract"), true)
});
/// The same, null on overflow.
pub static TRY_SUBTRACT: Kernel =
    Kernel::new("spark_interval_try_subtract", Returns::Argument(0), |rows| sum(rows, None, true));
/// An interval with the other sign.
pub static NEGATE: Kernel =
    Kernel::new("spark_interval_negate", Returns::Argument(0), |rows| turned(rows, true));
/// An interval without its sign.
pub static ABS: Kernel = Kernel::new("spark_interval_abs", Returns::Argument(0), |rows| turned(rows, false));

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[
    &MAKE,
    &TRY_MAKE,
    &MAKE_DAY_TIME,
    &MAKE_YEAR_MONTH,
    &MULTIPLY,
    &TRY_MULTIPLY,
    &DIVIDE,
    &TRY_DIVIDE,
    &ADD,
    &TRY_ADD,
    &SUBTRACT,
    &TRY_SUBTRACT,
    &NEGATE,
    &ABS,
    &TYPED,
    &TO_CALENDAR,
    &DAYS,
    &COUNT,
    &OF_MONTHS,
    &OF_MICROS,
    &TEXT,
    &TRUNCATED,
    &PARSE,
    &TRY_PARSE,
    &PARSE_CALENDAR,
    &UNITS_TO_COUNT,
];

/// Those whose results have all units, whatever their arguments have.
pub static OF_ALL_UNITS: [&Kernel; 7] =
    [&MAKE_DAY_TIME, &MAKE_YEAR_MONTH, &MULTIPLY, &TRY_MULTIPLY, &DIVIDE, &TRY_DIVIDE, &TYPED];

/// What gives null in place of a function of this family that fails.
pub fn tolerant(name: &str) -> Option<&'static Kernel> {
    [(&MULTIPLY, &TRY_MULTIPLY), (&DIVIDE, &TRY_DIVIDE), (&ADD, &TRY_ADD), (&SUBTRACT, &TRY_SUBTRACT)]
        .into_iter()
        .find(|(strict, _)| strict.name == name)
        .map(|(_, tolerant)| tolerant)
}

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
            None if strict => Err(arithmetic_overflow("integer overflow", None).into()),
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

/// The sum or the difference of the arguments; `advice` is the function that would tolerate an overflow.
fn sum(rows: &Rows<'_>, advice: Option<&str>, subtract: bool) -> Result<ArrayRef> {
    if rows.array(0)?.data_type() == &DataType::Interval(IntervalUnit::MonthDayNano) {
        let (left, right) =
            (rows.values::<IntervalMonthDayNanoType>(0)?, rows.values::<IntervalMonthDayNanoType>(1)?);
        return rows.primitives::<IntervalMonthDayNanoType>(|row| {
            let (a, b) = (left.value(row), right.value(row));
            let both = |a: i32, b: i32| if subtract { a.checked_sub(b) } else { a.checked_add(b) };
            let nanos = match subtract {
                true => a.nanoseconds.checked_sub(b.nanoseconds),
                false => a.nanoseconds.checked_add(b.nanoseconds),
            };
            match (both(a.months, b.months), both(a.days, b.days), nanos) {
                (Some(months), Some(days), Some(nanos)) => {
                    Ok(Some(IntervalMonthDayNano::new(months, days, nanos)))
                }
                _ => too_large_sum(advice),
            }
        });
    }
    let (left, right) = (Counts::of(rows)?, Counts::of_argument(rows, 1)?);
    let months = left.are_months();
    left.map(rows, |row, a| {
        let b = right.at(row);
        let both = if subtract { a.checked_sub(b) } else { a.checked_add(b) };
        match both.filter(|both| !months || i32::try_from(*both).is_ok()) {
            Some(both) => Ok(Some(both)),
            None => too_large_sum(advice),
        }
    })
}

/// Null, or the error that advises a function.
fn too_large_sum<T>(advice: Option<&str>) -> Result<Option<T>> {
    let Some(function) = advice else { return Ok(None) };
    Err(SparkError::new(
        "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION",
        "22015",
        format!(
            "Integer overflow while operating with intervals. Use `{function}` to tolerate overflow and return NULL \
             instead."
        ),
    )
    .with_param("functionName", format!("`{function}`"))
    .into())
}

/// The intervals with another sign: always, or where it is a minus.
fn turned(rows: &Rows<'_>, always: bool) -> Result<ArrayRef> {
    if rows.array(0)?.data_type() == &DataType::Interval(IntervalUnit::MonthDayNano) {
        let values = rows.values::<IntervalMonthDayNanoType>(0)?;
        return rows.primitives::<IntervalMonthDayNanoType>(|row| {
            let v = values.value(row);
            let parts = || {
                let (months, days) = (v.months.checked_neg()?, v.days.checked_neg()?);
                Some(IntervalMonthDayNano::new(months, days, v.nanoseconds.checked_neg()?))
            };
            parts().map(Some).ok_or_else(|| too_large(true).into())
        });
    }
    let counts = Counts::of(rows)?;
    let months = counts.are_months();
    counts.map(rows, |_, count| {
        if !always && count >= 0 {
            return Ok(Some(count));
        }
        let turned = count.checked_neg().filter(|count| !months || i32::try_from(*count).is_ok());
        turned.map(Some).ok_or_else(|| too_large(months).into())
    })
}

/// What Java says of a number that has too many bits.
fn too_large(months: bool) -> SparkError {
    SparkError::without_class(if months { "integer overflow" } else { "long overflow" })
}

/// A number as a quotient of whole numbers, or as it is.
enum Factor {
    Exact(i128, i128),
    Floating(f64),
}

fn factors<'a>(rows: &'a Rows<'_>) -> Result<Box<dyn Fn(usize) -> Factor + 'a>> {
    Ok(match rows.array(1)?.data_type() {
        DataType::Int64 => {
            let values = rows.values::<Int64Type>(1)?;
            Box::new(|row| Factor::Exact(values.value(row).into(), 1))
        }
        DataType::Decimal128(_, scale) => {
            let values = rows.values::<Decimal128Type>(1)?;
            let divisor = 10_i128.checked_pow(u32::from(scale.unsigned_abs())).unwrap_or(i128::MAX);
            Box::new(move |row| Factor::Exact(values.value(row), divisor))
        }
        _ => {
            let values = rows.values::<Float64Type>(1)?;
            Box::new(|row| Factor::Floating(values.value(row)))
        }
    })
}

/// The first argument times or divided by the second, halves away from zero.
fn scale(rows: &Rows<'_>, divide: bool, strict: bool) -> Result<ArrayRef> {
    let factor = factors(rows)?;
    if rows.array(0)?.data_type() == &DataType::Interval(IntervalUnit::MonthDayNano) {
        let values = rows.values::<IntervalMonthDayNanoType>(0)?;
        return rows.primitives::<IntervalMonthDayNanoType>(|row| {
            let factor = match factor(row) {
                Factor::Exact(whole, divisor) => whole as f64 / divisor as f64,
                Factor::Floating(factor) => factor,
            };
            if divide && factor == 0.0 {
                return by_zero(strict);
            }
            Ok(Some(scaled(values.value(row), if divide { 1.0 / factor } else { factor })))
        });
    }
    let counts = Counts::of(rows)?;
    let months = counts.are_months();
    let fits = |count: i128| {
        let count = i64::try_from(count).ok()?;
        (!months || i32::try_from(count).is_ok()).then_some(count)
    };
    counts.map(rows, |row, count| {
        let result = match factor(row) {
            Factor::Exact(0, _) if divide => return by_zero(strict),
            Factor::Floating(0.0) if divide => return by_zero(strict),
            Factor::Exact(whole, divisor) => {
                let (times, over) = if divide { (divisor, whole) } else { (whole, divisor) };
                i128::from(count).checked_mul(times).and_then(|product| fits(rounded(product, over)))
            }
            Factor::Floating(number) => {
                let result = if divide { count as f64 / number } else { count as f64 * number };
                // A conversion to integers keeps within their bounds.
                result.is_finite().then(|| result.round() as i128).and_then(fits)
            }
        };
        match result {
            Some(result) => Ok(Some(result)),
            None if strict => Err(too_large(months).into()),
            None => Ok(None),
        }
    })
}

fn by_zero<T>(strict: bool) -> Result<Option<T>> {
    if !strict {
        return Ok(None);
    }
    Err(SparkError::new(
        "INTERVAL_DIVIDED_BY_ZERO",
        "22012",
        "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.",
    )
    .into())
}

/// A calendar interval times a number: what is left of a month or a day becomes part of the next smaller unit.
fn scaled(v: IntervalMonthDayNano, factor: f64) -> IntervalMonthDayNano {
    let months = f64::from(v.months) * factor;
    let days = f64::from(v.days) * factor + months.fract() * 30.0;
    let nanos = v.nanoseconds as f64 * factor + days.fract() * 86_400e9;
    let micros = (nanos / 1000.0).round() as i64;
    IntervalMonthDayNano::new(months as i32, days as i32, micros * 1000)
}
