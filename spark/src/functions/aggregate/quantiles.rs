//! `percentile_approx`: percentiles with a bounded error in rank, in bounded memory.
//!
//! The summary is that of Greenwald and Khanna (2001): each sample stands for a run of values and
//! knows how uncertain its rank is.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

use super::histogram::{as_doubles, from_doubles};
use super::percentile::percentages;
use super::{Definition, constant, list_scalar, lists};
use crate::functions::lambda::list_of;

/// Values held before they go into the summary.
const BUFFER: usize = 50_000;

/// Accuracy where none is given.
pub(crate) const DEFAULT_ACCURACY: i64 = 10_000;

pub(super) static PERCENTILE_APPROX: Definition = Definition {
    name: "percentile_approx",
    returns: |args| match args {
        [value, DataType::List(_), ..] => Ok(list_of(value.clone())),
        [value, _, ..] => Ok(value.clone()),
        _ => exec_err!("percentile_approx needs a value and a percentage"),
    },
    state: |_| {
        let (doubles, counts) = (list_of(DataType::Float64), list_of(DataType::Int64));
        vec![doubles, counts.clone(), counts]
    },
    start: |args| {
        let accuracy = if args.exprs.len() > 2 {
            let accuracy = constant(args, 2)?.cast_to(&DataType::Int64)?;
            if let ScalarValue::Int64(Some(accuracy)) = accuracy { accuracy } else { DEFAULT_ACCURACY }
        } else {
            DEFAULT_ACCURACY
        };
        Ok(Box::new(Quantiles {
            percentages: percentages(&constant(args, 1)?)?,
            error: 1.0 / accuracy.max(1) as f64,
            value: args.expr_fields.first().map_or(DataType::Float64, |f| f.data_type().clone()),
            is_list: args.expr_fields.get(1).is_some_and(|f| matches!(f.data_type(), DataType::List(_))),
            buffer: Vec::new(),
            samples: Vec::new(),
            count: 0,
        }))
    },
};

#[derive(Debug, Clone, Copy)]
struct Sample {
    value: f64,
    /// How many values lie after the sample before and up to this one.
    width: i64,
    /// How much larger than its least rank its rank can be.
    slack: i64,
}

#[derive(Debug)]
struct Quantiles {
    percentages: Vec<f64>,
    error: f64,
    value: DataType,
    is_list: bool,
    buffer: Vec<f64>,
    samples: Vec<Sample>,
    /// Values in the samples.
    count: i64,
}

impl Quantiles {
    /// Moves the buffer into the summary.
    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let mut values = std::mem::take(&mut self.buffer);
        values.sort_unstable_by(f64::total_cmp);
        let slack = (2.0 * self.error * (self.count + values.len() as i64) as f64) as i64;
        let last = values.len() - 1;
        let mut merged = Vec::with_capacity(self.samples.len() + values.len());
        let mut old = self.samples.iter().copied().peekable();
        for (i, value) in values.iter().enumerate() {
            while let Some(sample) = old.next_if(|sample| sample.value <= *value) {
                merged.push(sample);
            }
            let outermost = merged.is_empty() || (i == last && old.peek().is_none());
            let alone = self.samples.is_empty();
            let slack = if outermost || alone { 0 } else { (slack - 1).max(0) };
            merged.push(Sample { value: *value, width: 1, slack });
        }
        merged.extend(old);
        self.count += values.len() as i64;
        self.samples = merged;
        self.compress();
    }

    /// Joins samples as far as the error allows.
    fn compress(&mut self) {
        let limit = 2.0 * self.error * self.count as f64;
        let mut kept: Vec<Sample> = Vec::new();
        for sample in self.samples.iter().rev().copied() {
            match kept.last_mut() {
                // The least value stays as it is.
                Some(next) if joins(&sample, next, limit) => next.width += sample.width,
                _ => kept.push(sample),
            }
        }
        if let (Some(first), Some(kept_first)) = (self.samples.first(), kept.last_mut())
            && kept_first.value.total_cmp(&first.value).is_ne()
        {
            kept_first.width -= first.width;
            kept.push(*first);
        }
        kept.reverse();
        self.samples = kept;
    }

    fn merge(&mut self, mut other: Vec<Sample>) {
        self.flush();
        let total: i64 = other.iter().map(|sample| sample.width).sum();
        if self.samples.is_empty() {
            self.samples = other;
        } else if total > 0 {
            // A sample of one side lies somewhere within the run of the next sample of the other.
            let own_error = (2.0 * self.error * self.count as f64) as i64;
            let other_error = (2.0 * self.error * total as f64) as i64;
            for sample in &mut self.samples {
                sample.slack += other_error;
            }
            for sample in &mut other {
                sample.slack += own_error;
            }
            self.samples.extend(other);
            self.samples.sort_by(|a, b| a.value.total_cmp(&b.value));
        }
        self.count += total;
        self.compress();
    }

    fn at(&self, percentage: f64) -> f64 {
        let rank = (percentage * self.count as f64).ceil().max(1.0);
        let mut least = 0;
        let mut answer = (f64::INFINITY, f64::NAN);
        for sample in &self.samples {
            least += sample.width;
            let distance = (least as f64 + sample.slack as f64 / 2.0 - rank).abs();
            if distance < answer.0 {
                answer = (distance, sample.value);
            }
        }
        answer.1
    }
}

/// Whether a sample can go into the next one.
fn joins(sample: &Sample, next: &Sample, limit: f64) -> bool {
    ((sample.width + next.width + next.slack) as f64) < limit
}

impl Accumulator for Quantiles {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let values = as_doubles(values)?;
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            self.buffer.push(value);
            if self.buffer.len() >= BUFFER {
                self.flush();
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.flush();
        if self.samples.is_empty() {
            let none = if self.is_list { list_of(self.value.clone()) } else { self.value.clone() };
            return ScalarValue::try_from(&none);
        }
        let answers: ArrayRef =
            Arc::new(Float64Array::from_iter_values(self.percentages.iter().map(|p| self.at(*p))));
        let answers = from_doubles(&answers, &self.value)?;
        if self.is_list { Ok(list_scalar(answers)) } else { ScalarValue::try_from_array(&answers, 0) }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.buffer.capacity() * 8 + self.samples.capacity() * size_of::<Sample>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.flush();
        let values: ArrayRef = Arc::new(Float64Array::from_iter_values(self.samples.iter().map(|s| s.value)));
        let widths: ArrayRef = Arc::new(Int64Array::from_iter_values(self.samples.iter().map(|s| s.width)));
        let slacks: ArrayRef = Arc::new(Int64Array::from_iter_values(self.samples.iter().map(|s| s.slack)));
        Ok(vec![list_scalar(values), list_scalar(widths), list_scalar(slacks)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns = lists(states, 0)?.into_iter().zip(lists(states, 1)?).zip(lists(states, 2)?);
        for ((values, widths), slacks) in columns {
            let (widths, slacks) = (widths.as_primitive::<Int64Type>(), slacks.as_primitive::<Int64Type>());
            let values = values.as_primitive::<Float64Type>().values().iter().enumerate();
            let samples =
                values.map(|(i, v)| Sample { value: *v, width: widths.value(i), slack: slacks.value(i) });
            self.merge(samples.collect());
        }
        Ok(())
    }
}
