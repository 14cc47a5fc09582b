//! `histogram_numeric`: bins of unequal width, as close to each other as the values were.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, StructArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Float64Type, Int32Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

use super::{Definition, constant, list_scalar, lists};
use crate::functions::lambda::list_of;

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
        Ok(Box::new(Histogram { limit: limit.max(2) as usize, bins: Vec::new(), value }))
    },
};

#[derive(Debug)]
struct Histogram {
    limit: usize,
    /// Centre and weight, in the order of the centres.
    bins: Vec<(f64, f64)>,
    value: DataType,
}

impl Histogram {
    fn add(&mut self, centre: f64, weight: f64) {
        let place = self.bins.partition_point(|bin| bin.0.total_cmp(&centre).is_lt());
        match self.bins.get_mut(place) {
            Some(bin) if bin.0.total_cmp(&centre).is_eq() => bin.1 += weight,
            _ => self.bins.insert(place, (centre, weight)),
        }
        while self.bins.len() > self.limit {
            self.join_closest();
        }
    }

    fn join_closest(&mut self) {
        let gap = |i: usize| self.bins[i + 1].0 - self.bins[i].0;
        let closest = (0..self.bins.len() - 1).reduce(|best, i| if gap(i) < gap(best) { i } else { best });
        let Some(i) = closest else { return };
        let (left, right) = (self.bins[i], self.bins.remove(i + 1));
        let weight = left.1 + right.1;
        self.bins[i] = ((left.0 * left.1 + right.0 * right.1) / weight, weight);
    }
}

impl Accumulator for Histogram {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let values = as_doubles(values)?;
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            self.add(value, 1.0);
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
            let weights = weights.as_primitive::<Float64Type>();
            for (i, centre) in centres.as_primitive::<Float64Type>().values().iter().enumerate() {
                self.add(*centre, weights.value(i));
            }
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
