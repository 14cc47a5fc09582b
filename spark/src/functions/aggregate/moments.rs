//! `kurtosis` and `skewness`, from the central moments.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;

use super::Definition;

pub(super) static KURTOSIS: Definition = Definition {
    name: "kurtosis",
    returns: |_| Ok(DataType::Float64),
    state: |_| vec![DataType::Float64; 5],
    start: |_| Ok(Box::new(Moments::new(|m| m.count * m.fourth / (m.second * m.second) - 3.0))),
};

pub(super) static SKEWNESS: Definition = Definition {
    name: "skewness",
    returns: |_| Ok(DataType::Float64),
    state: |_| vec![DataType::Float64; 5],
    start: |_| {
        Ok(Box::new(Moments::new(|m| m.count.sqrt() * m.third / (m.second * m.second * m.second).sqrt())))
    },
};

/// Count, mean, and the sums of the powers of the deviations from it.
#[derive(Debug)]
struct Moments {
    count: f64,
    mean: f64,
    second: f64,
    third: f64,
    fourth: f64,
    finish: fn(&Self) -> f64,
}

impl Moments {
    fn new(finish: fn(&Self) -> f64) -> Self {
        Self { count: 0.0, mean: 0.0, second: 0.0, third: 0.0, fourth: 0.0, finish }
    }

    /// Adds a value. The order of the operations decides the last digits, and follows Spark's.
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        let share = delta / self.count;
        let (delta2, share2) = (delta * delta, share * share);
        self.mean += share;
        self.second += delta * (delta - share);
        self.third = self.third - 3.0 * share * self.second + delta * (delta2 - share2);
        self.fourth = self.fourth - 4.0 * share * self.third - 6.0 * share2 * self.second
            + delta * (delta * delta2 - share * share2);
    }

    /// Adds what was computed of other rows (Pébay's formulas for pairs of sets).
    fn merge(&mut self, count: f64, mean: f64, second: f64, third: f64, fourth: f64) {
        if count == 0.0 {
            return;
        }
        let (n1, n2) = (self.count, count);
        let n = n1 + n2;
        let delta = mean - self.mean;
        let share = delta / n;
        let (share2, product) = (share * share, n1 * n2);
        let new_fourth = self.fourth
            + fourth
            + share2 * share * delta * product * (n1 * n1 - product + n2 * n2)
            + 6.0 * share2 * (n1 * n1 * second + n2 * n2 * self.second)
            + 4.0 * share * (n1 * third - n2 * self.third);
        let new_third = self.third
            + third
            + share2 * delta * product * (n1 - n2)
            + 3.0 * share * (n1 * second - n2 * self.second);
        self.second += second + delta * share * product;
        self.third = new_third;
        self.fourth = new_fourth;
        self.mean += share * n2;
        self.count = n;
    }
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values.iter().flat_map(|values| values.as_primitive::<Float64Type>().iter().flatten()) {
            self.add(value);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let known = self.count > 0.0 && self.second != 0.0;
        Ok(ScalarValue::Float64(known.then(|| (self.finish)(self))))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = [self.count, self.mean, self.second, self.third, self.fourth];
        Ok(state.into_iter().map(|v| ScalarValue::Float64(Some(v))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states.iter().map(|state| state.as_primitive::<Float64Type>()).collect();
        let [count, mean, second, third, fourth] = columns.as_slice() else {
            return internal_err!("moments have five parts, not {}", columns.len());
        };
        for row in 0..count.len() {
            let at = |column: &datafusion::arrow::array::Float64Array| column.value(row);
            self.merge(at(count), at(mean), at(second), at(third), at(fourth));
        }
        Ok(())
    }
}
