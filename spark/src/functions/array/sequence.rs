//! `sequence`: numbers, dates or timestamps at equal distances.

use std::sync::Arc;

use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, TimeDelta};
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, exec_err};

use super::build::too_long;
use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns, Rows};
use crate::functions::lambda::list_of;

/// `sequence(start, stop[, step])`, both ends included; all numbers bigints, or the step an interval.
pub static SEQUENCE: Kernel = Kernel::new(
    "spark_sequence",
    Returns::Rule(|args| match args.first() {
        Some(start) => Ok(list_of(start.clone())),
        None => exec_err!("sequence needs a start"),
    }),
    sequence,
);

/// More elements than any array has.
const TOO_MANY: usize = 1 << 27;

fn sequence(rows: &Rows<'_>) -> Result<ArrayRef> {
    let start_type = rows.array(0)?.data_type().clone();
    let as_longs = |index: usize| -> Result<ArrayRef> {
        let array = rows.array(index)?;
        let array = match array.data_type() {
            DataType::Date32 => compute::cast(array, &DataType::Int32)?,
            _ => Arc::clone(array),
        };
        Ok(compute::cast(&array, &DataType::Int64)?)
    };
    let (starts, stops) = (as_longs(0)?, as_longs(1)?);
    let (starts, stops) = (starts.as_primitive::<Int64Type>(), stops.as_primitive::<Int64Type>());
    let steps = Steps::of(rows, &start_type)?;
    let (mut values, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows.len {
        let before = values.len();
        if rows.is_valid(row) {
            steps.run(row, starts.value(row), stops.value(row), &mut values)?;
        }
        lengths.push(values.len() - before);
        valid.push(rows.is_valid(row));
    }
    let values: ArrayRef = Arc::new(Int64Array::from(values));
    let values = match &start_type {
        DataType::Date32 => compute::cast(&compute::cast(&values, &DataType::Int32)?, &start_type)?,
        _ => compute::cast(&values, &start_type)?,
    };
    let DataType::List(field) = rows.to else { return exec_err!("sequence gives arrays") };
    let nulls = NullBuffer::from(valid);
    let list =
        ListArray::try_new(Arc::clone(field), OffsetBuffer::from_lengths(lengths), values, Some(nulls));
    Ok(Arc::new(list?))
}

/// How to get from one element to the next.
enum Steps {
    /// One up or down, as the ends demand.
    Unit,
    Numbers(ArrayRef),
    /// Of days since the epoch, or of microseconds with the zone to count months in.
    Intervals {
        steps: ArrayRef,
        of_dates: bool,
        zone: Option<Arc<str>>,
    },
}

impl Steps {
    fn of(rows: &Rows<'_>, start: &DataType) -> Result<Self> {
        if rows.count() < 3 {
            return Ok(Self::Unit);
        }
        let steps = rows.array(2)?;
        Ok(match start {
            DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let interval = DataType::Interval(IntervalUnit::MonthDayNano);
                let zone = if let DataType::Timestamp(_, zone) = start { zone.clone() } else { None };
                let steps = compute::cast(steps, &interval)?;
                Self::Intervals { steps, of_dates: *start == DataType::Date32, zone }
            }
            _ => Self::Numbers(compute::cast(steps, &DataType::Int64)?),
        })
    }

    fn run(&self, row: usize, start: i64, stop: i64, out: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Unit => arithmetic(start, stop, if start <= stop { 1 } else { -1 }, out),
            Self::Numbers(steps) => {
                arithmetic(start, stop, steps.as_primitive::<Int64Type>().value(row), out)
            }
            Self::Intervals { steps, of_dates, zone } => {
                let step = steps.as_primitive::<IntervalMonthDayNanoType>().value(row);
                let (months, days, micros) = (step.months, step.days, step.nanoseconds / 1000);
                let day = 86_400_000_000;
                let ascending = i64::from(months) * 28 * day + i64::from(days) * day + micros;
                if *of_dates && months == 0 && micros % day == 0 {
                    return arithmetic(start, stop, i64::from(days) + micros / day, out);
                }
                if !*of_dates
                    && months == 0
                    && (days == 0 || zone.as_deref().is_none_or(|zone| zone == "UTC"))
                {
                    return arithmetic(start, stop, ascending, out);
                }
                check(start, stop, ascending.signum())?;
                for count in 0.. {
                    let next = if *of_dates {
                        shifted_date(start, months, days, count)
                    } else {
                        shifted_instant(start, months, days, micros, count, zone.as_deref())
                    };
                    let Some(next) = next else { break };
                    if (ascending > 0 && next > stop) || (ascending < 0 && next < stop) {
                        break;
                    }
                    out.push(next);
                    if ascending == 0 {
                        break;
                    }
                }
                Ok(())
            }
        }
    }
}

fn check(start: i64, stop: i64, step: i64) -> Result<()> {
    let fits = (step > 0 && start <= stop) || (step < 0 && start >= stop) || (step == 0 && start == stop);
    if fits {
        return Ok(());
    }
    Err(SparkError::internal(format!("Illegal sequence boundaries: {start} to {stop} by {step}")).into())
}

fn arithmetic(start: i64, stop: i64, step: i64, out: &mut Vec<i64>) -> Result<()> {
    check(start, stop, step)?;
    if step == 0 {
        out.push(start);
        return Ok(());
    }
    let count = (i128::from(stop) - i128::from(start)) / i128::from(step) + 1;
    let length = usize::try_from(count).unwrap_or(usize::MAX);
    if length > TOO_MANY {
        return Err(too_long(length, "sequence").into());
    }
    out.extend((0..length as i64).map(|i| start + i * step));
    Ok(())
}

fn moved(date: NaiveDate, months: i32, days: i32) -> Option<NaiveDate> {
    let date = if months >= 0 {
        date.checked_add_months(Months::new(months.unsigned_abs()))?
    } else {
        date.checked_sub_months(Months::new(months.unsigned_abs()))?
    };
    let distance = Days::new(u64::from(days.unsigned_abs()));
    if days >= 0 { date.checked_add_days(distance) } else { date.checked_sub_days(distance) }
}

fn shifted_date(start: i64, months: i32, days: i32, count: i32) -> Option<i64> {
    let date = NaiveDate::from_epoch_days(i32::try_from(start).ok()?)?;
    let moved = moved(date, months.checked_mul(count)?, days.checked_mul(count)?)?;
    Some(i64::from(moved.to_epoch_days()))
}

fn shifted_instant(
    start: i64,
    months: i32,
    days: i32,
    micros: i64,
    count: i32,
    zone: Option<&str>,
) -> Option<i64> {
    use chrono::TimeZone;
    let zone: chrono_tz::Tz = zone.unwrap_or("UTC").parse().unwrap_or(chrono_tz::UTC);
    let local = DateTime::from_timestamp_micros(start)?.with_timezone(&zone).naive_local();
    let date = moved(local.date(), months.checked_mul(count)?, days.checked_mul(count)?)?;
    let local = NaiveDateTime::new(date, local.time());
    let instant = zone.from_local_datetime(&local).earliest()?;
    let rest = TimeDelta::microseconds(micros.checked_mul(i64::from(count))?);
    Some(instant.checked_add_signed(rest)?.timestamp_micros())
}
