//! `corr`: Pearson's coefficient, from the co-moments of two columns.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;

use super::Definition;

pub(super) static CORR: Definition = Definition {
    name: "corr",
    returns: |_| Ok(DataType::Float64),
    state: |_| vec![DataType::Float64; 6],
    start: |_| Ok(Box::new(Correlation::default())),
};

/// Count, means, the sum of the products of the deviations and those of their squares.
#[derive(Debug, Default)]
struct Correlation {
    count: f64,
    x: f64,
    y: f64,
    product: f64,
    x_square: f64,
    y_square: f64,
}

impl Correlation {
    /// Adds a pair. The order of the operations decides the last digits, and follows Spark's.
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let (dx, dy) = (x - self.x, y - self.y);
        self.x += dx / self.count;
        self.y += dy / self.count;
        self.product += dx * (y - self.y);
        self.x_square += dx * (x - self.x);
        self.y_square += dy * (y - self.y);
    }

    /// Adds what was computed of other rows.
    fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        let (n1, n2) = (self.count, other.count);
        let n = n1 + n2;
        let (dx, dy) = (other.x - self.x, other.y - self.y);
        let (dx_share, dy_share) = (dx / n, dy / n);
        self.x += dx_share * n2;
        self.y += dy_share * n2;
        self.product += other.product + dx * dy_share * n1 * n2;
        self.x_square += other.x_square + dx * dx_share * n1 * n2;
        self.y_square += other.y_square + dy * dy_share * n1 * n2;
        self.count = n;
    }
}

impl Accumulator for Correlation {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [x, y] = values else { return internal_err!("corr takes two columns") };
        let (x, y) = (x.as_primitive::<Float64Type>(), y.as_primitive::<Float64Type>());
        for (x, y) in x.iter().zip(y) {
            if let (Some(x), Some(y)) = (x, y) {
                self.add(x, y);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // Of one pair there is no deviation.
        let known = self.count > 1.0;
        Ok(ScalarValue::Float64(known.then(|| self.product / (self.x_square * self.y_square).sqrt())))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = [self.count, self.x, self.y, self.product, self.x_square, self.y_square];
        Ok(state.into_iter().map(|v| ScalarValue::Float64(Some(v))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states.iter().map(|state| state.as_primitive::<Float64Type>()).collect();
        let [count, x, y, product, x_square, y_square] = columns.as_slice() else {
            return internal_err!("corr has six parts, not {}", columns.len());
        };
        for row in 0..count.len() {
            self.merge(&Self {
                count: count.value(row),
                x: x.value(row),
                y: y.value(row),
                product: product.value(row),
                x_square: x_square.value(row),
                y_square: y_square.value(row),
            });
        }
        Ok(())
    }
}
