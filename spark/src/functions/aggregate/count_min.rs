//! `count_min_sketch`, in the bytes of Spark's class of that name.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;

use super::{Definition, constant};
use crate::functions::hash::murmur3_of_bytes;
use crate::functions::java_random::JavaRandom;

/// `count_min_sketch(value, eps, confidence, seed)`, the last a BIGINT, the others doubles.
pub(super) static COUNT_MIN_SKETCH: Definition = Definition {
    name: "count_min_sketch",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |args| {
        let (eps, confidence) = (double(args, 1)?, double(args, 2)?);
        let ScalarValue::Int64(Some(seed)) = constant(args, 3)? else {
            return exec_err!("the seed of a sketch is a number");
        };
        let depth = (-(-confidence).ln_1p() / std::f64::consts::LN_2).ceil() as usize;
        let width = (2.0 / eps).ceil() as usize;
        // Spark keeps the lower half of a long seed.
        let mut random = JavaRandom::new(i64::from(seed as i32));
        Ok(Box::new(CountMin {
            width,
            factors: (0..depth).map(|_| i64::from(random.next_below_max())).collect(),
            table: vec![0; depth * width],
            total: 0,
        }))
    },
};

/// Version of the bytes.
const VERSION: u32 = 1;
/// The modulus that hashes of numbers are taken by.
const PRIME: i64 = (1 << 31) - 1;

fn double(args: &AccumulatorArgs<'_>, index: usize) -> Result<f64> {
    let value = constant(args, index)?.to_array()?;
    match value.as_primitive_opt::<Float64Type>().and_then(|value| value.iter().flatten().next()) {
        Some(value) => Ok(value),
        None => exec_err!("argument {index} of a sketch is a double"),
    }
}

#[derive(Debug)]
struct CountMin {
    width: usize,
    /// One for each row of the table.
    factors: Vec<i64>,
    table: Vec<i64>,
    total: i64,
}

impl CountMin {
    fn count(&mut self, places: impl Fn(usize, i64) -> i32) {
        for (row, factor) in self.factors.iter().enumerate() {
            let place = places(row, *factor) as usize % self.width;
            self.table[row * self.width + place] += 1;
        }
        self.total += 1;
    }

    fn number(&mut self, value: i64) {
        self.count(|_, factor| {
            let hash = factor.wrapping_mul(value);
            (hash.wrapping_add(hash >> 32) & PRIME) as i32
        });
    }

    fn bytes(&mut self, value: &[u8]) {
        let first = murmur3_of_bytes(value, 0);
        let second = murmur3_of_bytes(value, first as u32);
        let width = self.width as i32;
        self.count(|row, _| (first.wrapping_add((row as i32).wrapping_mul(second)) % width).abs());
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + 8 * (self.factors.len() + self.table.len()));
        out.extend(VERSION.to_be_bytes());
        out.extend(self.total.to_be_bytes());
        out.extend((self.factors.len() as u32).to_be_bytes());
        out.extend((self.width as u32).to_be_bytes());
        out.extend(self.factors.iter().chain(&self.table).flat_map(|number| number.to_be_bytes()));
        out
    }
}

impl Accumulator for CountMin {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        match values.data_type() {
            DataType::Utf8 => {
                values.as_string::<i32>().iter().flatten().for_each(|value| self.bytes(value.as_bytes()));
            }
            DataType::Binary => {
                values.as_binary::<i32>().iter().flatten().for_each(|value| self.bytes(value));
            }
            _ => {
                let values = compute::cast(values, &DataType::Int64)?;
                values.as_primitive::<Int64Type>().iter().flatten().for_each(|value| self.number(value));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.write())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + 8 * (self.table.capacity() + self.factors.capacity())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let head = 20 + 8 * self.factors.len();
        for state in states.iter().flat_map(|states| states.as_binary::<i32>().iter().flatten()) {
            let (Some(total), Some(table)) = (state.get(4..12), state.get(head..)) else {
                return exec_err!("the state of a sketch is cut off");
            };
            let number =
                |bytes: &[u8]| bytes.iter().fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
            self.total += number(total);
            for (own, other) in self.table.iter_mut().zip(table.chunks_exact(8)) {
                *own += number(other);
            }
        }
        Ok(())
    }
}
