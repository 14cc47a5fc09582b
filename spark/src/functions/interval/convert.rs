//! Intervals as numbers, as text and as each other.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, DurationMicrosecondType, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
};
use datafusion::common::{Result, exec_err};

use super::{CALENDAR, DAY_TIME, YEAR_MONTH, overflow};
use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns, Rows};
use crate::structs;
use crate::types::interval::{self, Units, parse};

const DAY: i64 = 86_400_000_000;

/// A value as one of the type and with the units of another.
pub static TYPED: Kernel = Kernel::null_aware("spark_typed", Returns::Field(1), |rows| {
    Ok(structs::with_names_of(rows.array(0)?, rows.to)?)
});
/// An interval as months, days and nanoseconds.
pub static TO_CALENDAR: Kernel = Kernel::new("spark_calendar_interval", CALENDAR, to_calendar);
/// The whole days of an interval.
pub static DAYS: Kernel = Kernel::new("spark_interval_days", Returns::Type(DataType::Int32), days);
/// The months or microseconds of an interval.
pub static COUNT: Kernel = Kernel::new("spark_interval_count", Returns::Type(DataType::Int64), |rows| {
    let counts = Counts::of(rows)?;
    rows.primitives::<Int64Type>(|row| Ok(Some(counts.at(row))))
});
/// So many months.
pub static OF_MONTHS: Kernel = Kernel::new("spark_interval_of_months", YEAR_MONTH, |rows| {
    let counts = rows.values::<Int64Type>(0)?;
    rows.primitives::<IntervalYearMonthType>(|row| match i32::try_from(counts.value(row)) {
        Ok(months) => Ok(Some(months)),
        Err(_) => Err(overflow().into()),
    })
});
/// So many microseconds.
pub static OF_MICROS: Kernel = Kernel::new("spark_interval_of_micros", DAY_TIME, |rows| {
    let counts = rows.values::<Int64Type>(0)?;
    rows.primitives::<DurationMicrosecondType>(|row| Ok(Some(counts.value(row))))
});
/// `f(interval, first unit, last unit)`: Spark's text.
pub static TEXT: Kernel = Kernel::new("spark_interval_text", Returns::Type(DataType::Utf8), |rows| {
    let counts = Counts::of(rows)?;
    let units = Range::of(rows, counts.are_months())?;
    rows.write(|row, out| {
        out.push_str(&units.at(row).text(counts.at(row)));
        Ok(true)
    })
});
/// `f(interval, size)`: what is left of it in whole units of so many months or microseconds.
pub static TRUNCATED: Kernel = Kernel::new("spark_interval_truncated", Returns::Argument(0), |rows| {
    let (counts, sizes) = (Counts::of(rows)?, rows.values::<Int64Type>(1)?);
    counts.map(rows, |row, count| Ok(Some(count - count % sizes.value(row).max(1))))
});
/// `f(text, first unit, last unit, of months)`: the months or microseconds.
pub static PARSE: Kernel =
    Kernel::new("spark_parse_interval", Returns::Type(DataType::Int64), |rows| parsed(rows, true));
/// The same, null for what is no interval.
pub static TRY_PARSE: Kernel =
    Kernel::new("spark_try_parse_interval", Returns::Type(DataType::Int64), |rows| parsed(rows, false));
/// Text as a calendar interval, null for what is none.
pub static PARSE_CALENDAR: Kernel = Kernel::new("spark_parse_calendar_interval", CALENDAR, |rows| {
    let texts = rows.text(0)?;
    rows.primitives::<IntervalMonthDayNanoType>(|row| {
        let interval = || {
            let parsed = parse::calendar(texts.value(row)).ok()?;
            Some(IntervalMonthDayNano::new(parsed.months, parsed.days, parsed.micros.checked_mul(1000)?))
        };
        Ok(interval())
    })
});
/// `f(number, size)`: so many units, each of so many months or microseconds.
pub static UNITS_TO_COUNT: Kernel =
    Kernel::new("spark_interval_units_to_count", Returns::Type(DataType::Int64), |rows| {
        let sizes = rows.values::<Int64Type>(1)?;
        let (values, scale) = match rows.array(0)?.data_type() {
            DataType::Decimal128(_, scale) => (rows.values::<Decimal128Type>(0)?.clone(), *scale),
            _ => (rows.values::<Int64Type>(0)?.unary::<_, Decimal128Type>(i128::from), 0),
        };
        let Some(divisor) = 10_i128.checked_pow(u32::from(scale.unsigned_abs())) else {
            return exec_err!("a decimal of scale {scale}");
        };
        rows.primitives::<Int64Type>(|row| {
            let count = values.value(row).checked_mul(sizes.value(row).into());
            let count =
                count.map(|count| rounded(count, divisor)).and_then(|count| i64::try_from(count).ok());
            count.map(Some).ok_or_else(|| overflow().into())
        })
    });

/// A quotient, halves away from zero.
pub(super) fn rounded(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    let sign = if (value < 0) == (divisor < 0) { 1 } else { -1 };
    let up = rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs();
    if up && rest != 0 { quotient + sign } else { quotient }
}

/// The microseconds of an interval as days and nanoseconds.
pub fn calendar_of(micros: i64) -> IntervalMonthDayNano {
    // A 64-bit number of microseconds has less than 2^27 days.
    IntervalMonthDayNano::new(0, (micros / DAY) as i32, micros % DAY * 1000)
}

fn to_calendar(rows: &Rows<'_>) -> Result<ArrayRef> {
    let counts = Counts::of(rows)?;
    let months = counts.are_months();
    rows.primitives::<IntervalMonthDayNanoType>(|row| {
        let count = counts.at(row);
        Ok(Some(match months {
            true => IntervalMonthDayNano::new(count as i32, 0, 0),
            false => calendar_of(count),
        }))
    })
}

fn days(rows: &Rows<'_>) -> Result<ArrayRef> {
    let micros = rows.values::<DurationMicrosecondType>(0)?;
    rows.primitives::<Int32Type>(|row| Ok(i32::try_from(micros.value(row) / DAY).ok()))
}

fn parsed(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (texts, months) = (rows.text(0)?, rows.flags(3)?);
    rows.primitives::<Int64Type>(|row| {
        let text = texts.value(row);
        let units = Range::of(rows, months.value(row))?.at(row);
        match parse::cast(units, text) {
            Ok(count) => Ok(Some(count)),
            Err(_) if !strict => Ok(None),
            Err(fault) => Err(not_parsed(units, text, &fault).into()),
        }
    })
}

fn not_parsed(units: Units, text: &str, fault: &parse::Fault) -> SparkError {
    match fault {
        parse::Fault::OutOfRange(..) if units.months => {
            interval::bad_format("INTERVAL_PARSING", text, "Error parsing interval year-month string.")
        }
        parse::Fault::OutOfRange(unit, value, most) => SparkError::without_class(format!(
            "requirement failed: {unit} {value} outside range [0, {most}]."
        )),
        parse::Fault::Overflow => overflow(),
        _ => interval::unmatched(units, text),
    }
}

/// The first and the last unit, which are the second and the third argument.
struct Range<'a> {
    months: bool,
    first: &'a PrimitiveArray<Int32Type>,
    last: &'a PrimitiveArray<Int32Type>,
}

impl<'a> Range<'a> {
    fn of(rows: &'a Rows<'_>, months: bool) -> Result<Self> {
        Ok(Self { months, first: rows.values::<Int32Type>(1)?, last: rows.values::<Int32Type>(2)? })
    }

    fn at(&self, row: usize) -> Units {
        Units { months: self.months, first: self.first.value(row) as u8, last: self.last.value(row) as u8 }
    }
}

/// The months or microseconds of the first argument.
pub(super) enum Counts<'a> {
    /// Of a year-month interval.
    Months(&'a PrimitiveArray<IntervalYearMonthType>),
    /// Of a day-time interval.
    Micros(&'a PrimitiveArray<DurationMicrosecondType>),
}

impl<'a> Counts<'a> {
    pub(super) fn of(rows: &'a Rows<'_>) -> Result<Self> {
        Self::of_argument(rows, 0)
    }

    pub(super) fn of_argument(rows: &'a Rows<'_>, index: usize) -> Result<Self> {
        let array = rows.array(index)?;
        Ok(match array.data_type() {
            DataType::Interval(IntervalUnit::YearMonth) => Self::Months(array.as_primitive()),
            _ => Self::Micros(rows.values::<DurationMicrosecondType>(index)?),
        })
    }

    pub(super) fn are_months(&self) -> bool {
        matches!(self, Self::Months(_))
    }

    pub(super) fn at(&self, row: usize) -> i64 {
        match self {
            Self::Months(values) => values.value(row).into(),
            Self::Micros(values) => values.value(row),
        }
    }

    /// Intervals of the same kind.
    pub(super) fn map(
        &self,
        rows: &Rows<'_>,
        mut change: impl FnMut(usize, i64) -> Result<Option<i64>>,
    ) -> Result<ArrayRef> {
        match self {
            Self::Months(values) => column::<IntervalYearMonthType>(rows, |row| {
                Ok(change(row, values.value(row).into())?.map(|months| months as i32))
            }),
            Self::Micros(values) => {
                column::<DurationMicrosecondType>(rows, |row| change(row, values.value(row)))
            }
        }
    }
}

fn column<T: ArrowPrimitiveType>(
    rows: &Rows<'_>,
    mut value: impl FnMut(usize) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(rows.len);
    for row in 0..rows.len {
        out.push(if rows.is_valid(row) { value(row)? } else { None });
    }
    Ok(Arc::new(out.into_iter().collect::<PrimitiveArray<T>>()))
}
