//! Exact percentiles: `percentile`, `median`, `percentile_cont` and `percentile_disc`.
//!
//! Arguments: value, percentage (or an array of them), frequency, and whether to count from the end.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;

use super::{Definition, constant, list_scalar, lists};
use crate::error::SparkError;
use crate::functions::lambda::list_of;

pub(super) static PERCENTILE: Definition =
    Definition { name: "percentile", returns, state, start: |args| start(args, interpolated) };

pub(super) static PERCENTILE_DISC: Definition =
    Definition { name: "percentile_disc", returns, state, start: |args| start(args, element) };

fn returns(args: &[DataType]) -> Result<DataType> {
    match args {
        [_, percentage, ..] => Ok(percentage.clone()),
        _ => exec_err!("a value and a percentage are needed"),
    }
}

fn state(_: &[DataType]) -> Vec<DataType> {
    vec![list_of(DataType::Float64), list_of(DataType::Int64)]
}

/// The value at a percentage of sorted values, each with the number of values up to and with it.
type At = fn(&[(f64, i64)], f64) -> f64;

/// Between the two values nearest to the place.
fn interpolated(values: &[(f64, i64)], percentage: f64) -> f64 {
    let count = values.last().map_or(0, |last| last.1);
    let place = (count - 1) as f64 * percentage;
    let (low, high) = (place.floor(), place.floor() + 1.0);
    let value = |place: f64| {
        let index = values.partition_point(|(_, upto)| *upto < place as i64 + 1);
        values.get(index).map_or(f64::NAN, |(value, _)| *value)
    };
    let (lower, upper) = (value(low), value(high));
    // On a value, or between equal ones, infinities must not meet zeros.
    let exact = (place - low).abs() < f64::EPSILON || lower.total_cmp(&upper).is_eq();
    if exact { lower } else { (high - place) * lower + (place - low) * upper }
}

/// The first value that at least this share of values does not exceed.
fn element(values: &[(f64, i64)], percentage: f64) -> f64 {
    let count = values.last().map_or(0, |last| last.1);
    let needed = (count as f64 * percentage).ceil().max(1.0) as i64;
    let index = values.partition_point(|(_, upto)| *upto < needed);
    values.get(index).map_or(f64::NAN, |(value, _)| *value)
}

/// The percentages of a constant argument; an error unless all are from 0 to 1.
pub(super) fn percentages(value: &ScalarValue) -> Result<Vec<f64>> {
    let array = value.to_array()?;
    let array = if let Some(list) = array.as_list_opt::<i32>() { list.value(0) } else { array };
    let array = datafusion::arrow::compute::cast(&array, &DataType::Float64)?;
    let values: Vec<f64> = array.as_primitive::<Float64Type>().iter().flatten().collect();
    if values.len() != array.len() || values.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return exec_err!("percentages must be between 0.0 and 1.0, not {value}");
    }
    Ok(values)
}

fn start(args: &AccumulatorArgs<'_>, at: At) -> Result<Box<dyn Accumulator>> {
    let reversed = args.exprs.len() > 3 && matches!(constant(args, 3)?, ScalarValue::Boolean(Some(true)));
    Ok(Box::new(Percentile {
        percentages: percentages(&constant(args, 1)?)?,
        is_list: matches!(args.return_field.data_type(), DataType::List(_)),
        reversed,
        at,
        values: Vec::new(),
        counts: Vec::new(),
    }))
}

#[derive(Debug)]
struct Percentile {
    percentages: Vec<f64>,
    is_list: bool,
    reversed: bool,
    at: At,
    values: Vec<f64>,
    /// One for each value, or none while all are 1.
    counts: Vec<i64>,
}

impl Percentile {
    fn add(&mut self, value: f64, count: i64) {
        if count != 1 && self.counts.is_empty() {
            self.counts.resize(self.values.len(), 1);
        }
        if count != 1 || !self.counts.is_empty() {
            self.counts.push(count);
        }
        self.values.push(value);
    }

    /// Values in order with the number of values up to each.
    fn sorted(&self) -> Vec<(f64, i64)> {
        let count = |i: usize| self.counts.get(i).copied().unwrap_or(1);
        let mut sorted: Vec<(f64, i64)> =
            self.values.iter().enumerate().map(|(i, v)| (*v, count(i))).collect();
        sorted.sort_unstable_by(|a, b| if self.reversed { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
        let mut total = 0;
        for entry in &mut sorted {
            total += entry.1;
            entry.1 = total;
        }
        sorted
    }
}

impl Accumulator for Percentile {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(column) = values.first() else { return Ok(()) };
        let column = column.as_primitive::<Float64Type>();
        let frequencies = values.get(2).map(|column| column.as_primitive::<Int64Type>());
        for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
            let count = match frequencies {
                None => 1,
                Some(frequencies) if frequencies.is_null(row) => 0,
                Some(frequencies) => frequencies.value(row),
            };
            if count < 0 {
                let value = column.value(row);
                let message = format!("Negative values found in {count} of the frequency of {value}.");
                return Err(SparkError::internal(message).into());
            }
            if count > 0 {
                self.add(column.value(row), count);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sorted = self.sorted();
        let known = !sorted.is_empty();
        let answers: Vec<f64> = if known {
            self.percentages.iter().map(|p| (self.at)(&sorted, *p)).collect()
        } else {
            Vec::new()
        };
        if !self.is_list {
            return Ok(ScalarValue::Float64(answers.first().copied()));
        }
        if !known {
            return ScalarValue::try_from(&list_of(DataType::Float64));
        }
        Ok(list_scalar(Arc::new(Float64Array::from(answers))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * 8 + self.counts.capacity() * 8
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: ArrayRef = Arc::new(Float64Array::from(std::mem::take(&mut self.values)));
        let counts: ArrayRef = Arc::new(Int64Array::from(std::mem::take(&mut self.counts)));
        Ok(vec![list_scalar(values), list_scalar(counts)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (values, counts) in lists(states, 0)?.into_iter().zip(lists(states, 1)?) {
            let counts = counts.as_primitive::<Int64Type>();
            for (i, value) in values.as_primitive::<Float64Type>().values().iter().enumerate() {
                self.add(*value, if counts.is_empty() { 1 } else { counts.value(i) });
            }
        }
        Ok(())
    }
}
