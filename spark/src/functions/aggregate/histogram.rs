//! `histogram_numeric`: bins of unequal width, as close to each other as the values were.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, StructArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Float64Type, Int32Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

use super::{Definition, constant, list_scalar, lists};
use crate::functions::java_random::JavaRandom;
use crate::functions::lambda::list_of;

/// Seed of the lots.
const LOTS: i64 = 31183;

fn bin(value: &DataType) -> Fields {
    Fields::from(vec![Field::new("x", value.clone(), true), Field::new("y", DataType::Float64, true)])
}

pub(super) static HISTOGRAM_NUMERIC: Definition = Definition {
    name: "histogram_numeric",
    returns: |args| match args {
        [value, _] => Ok(list_of(DataType::Struct(bin(value)))),
        _ => exec_err!("histogram_numeric needs two arguments"),
    },
    state: |_| vec![list_of(DataType::Float64), list_of(DataType::Float64)],
    start: |args| {
        let limit = constant(args, 1)?.cast_to(&DataType::Int32)?.to_array()?;
        let limit = limit.as_primitive::<Int32Type>().iter().flatten().next().unwrap_or_default();
        let value = args.expr_fields.first().map_or(DataType::Float64, |f| f.data_type().clone());
        Ok(Box::new(Histogram {
            limit: limit.max(2) as usize,
            bins: Vec::new(),
            lots: JavaRandom::new(LOTS),
            value,
        }))
    },
};

#[derive(Debug)]
struct Histogram {
    limit: usize,
    /// Centre and weight, in the order of the centres.
    bins: Vec<(f64, f64)>,
    lots: JavaRandom,
    value: DataType,
}

impl Histogram {
    fn add(&mut self, value: f64) {
        // Where Spark would put it: bins that joining has put out of order are found by chance alike.
        let (mut low, mut high, mut place) = (0, self.bins.len(), 0);
        while low < high {
            place = usize::midpoint(low, high);
            let centre = self.bins[place].0;
            if centre > value {
                high = place;
            } else if centre < value {
                place += 1;
                low = place;
            } else {
                break;
            }
        }
        match self.bins.get_mut(place) {
            Some(bin) if bin.0.total_cmp(&value).is_eq() => bin.1 += 1.0,
            _ => self.bins.insert(place, (value, 1.0)),
        }
        self.join_closest();
    }

    /// Adds the bins of other rows.
    fn merge(&mut self, bins: impl Iterator<Item = (f64, f64)>) {
        if self.bins.is_empty() {
            self.bins.extend(bins);
            return;
        }
        self.bins.extend(bins);
        self.bins.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.join_closest();
    }

    /// Joins neighbours until there are no more bins than wanted. Of pairs equally close one is taken by
    /// lot; both the lots and the order of the operations are Spark's.
    fn join_closest(&mut self) {
        while self.bins.len() > self.limit {
            let gap = |i: usize| self.bins[i + 1].0 - self.bins[i].0;
            let (mut closest, mut smallest, mut ties) = (0, gap(0), 1.0);
            for i in 1..self.bins.len() - 1 {
                match gap(i).partial_cmp(&smallest) {
                    Some(Ordering::Less) => (closest, smallest, ties) = (i, gap(i), 1.0),
                    Some(Ordering::Equal) => {
                        ties += 1.0;
                        if self.lots.next_double() <= 1.0 / ties {
                            closest = i;
                        }
                    }
                    _ => {}
                }
            }
            let (left, right) = (self.bins[closest], self.bins.remove(closest + 1));
            let weight = left.1 + right.1;
            self.bins[closest] = (left.0 * (left.1 / weight) + right.0 / weight * right.1, weight);
        }
    }
}

impl Accumulator for Histogram {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let values = as_doubles(values)?;
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            self.add(value);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let fields = bin(&self.value);
        if self.bins.is_empty() {
            return ScalarValue::try_from(&list_of(DataType::Struct(fields)));
        }
        let centres: ArrayRef = Arc::new(Float64Array::from_iter_values(self.bins.iter().map(|bin| bin.0)));
        let centres = from_doubles(&centres, &self.value)?;
        let weights = Arc::new(Float64Array::from_iter_values(self.bins.iter().map(|bin| bin.1)));
        Ok(list_scalar(Arc::new(StructArray::try_new(fields, vec![centres, weights], None)?)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bins.capacity() * 16
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let centres: ArrayRef = Arc::new(Float64Array::from_iter_values(self.bins.iter().map(|bin| bin.0)));
        let weights: ArrayRef = Arc::new(Float64Array::from_iter_values(self.bins.iter().map(|bin| bin.1)));
        Ok(vec![list_scalar(centres), list_scalar(weights)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (centres, weights) in lists(states, 0)?.into_iter().zip(lists(states, 1)?) {
            let (centres, weights) =
                (centres.as_primitive::<Float64Type>(), weights.as_primitive::<Float64Type>());
            self.merge(centres.values().iter().copied().zip(weights.values().iter().copied()));
        }
        Ok(())
    }
}

/// Numbers, dates and timestamps as doubles.
pub(super) fn as_doubles(values: &ArrayRef) -> Result<ArrayRef> {
    let values = match values.data_type() {
        DataType::Date32 => compute::cast(values, &DataType::Int32)?,
        DataType::Timestamp(_, _) | DataType::Duration(_) => compute::cast(values, &DataType::Int64)?,
        _ => Arc::clone(values),
    };
    Ok(compute::cast(&values, &DataType::Float64)?)
}

/// The way back.
pub(super) fn from_doubles(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let values = match to {
        DataType::Date32 => compute::cast(values, &DataType::Int32)?,
        DataType::Timestamp(_, _) | DataType::Duration(_) => compute::cast(values, &DataType::Int64)?,
        _ => Arc::clone(values),
    };
    Ok(compute::cast(&values, to)?)
}
