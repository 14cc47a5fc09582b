//! `approx_count_distinct(value, relativeSD)`: HyperLogLog++ over xxHash64, with Spark's estimates.
//!
//! Heule, Nunkesser and Hall, "HyperLogLog in Practice" (2013); the biases of its estimates are those
//! of the paper's appendix.

use std::sync::LazyLock;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

use super::{Definition, constant};
use crate::error::SparkError;
use crate::functions::hash::xxhash64_of;

/// `approx_count_distinct(value, relativeSD)`; the second is a constant DOUBLE.
pub(super) static APPROX_COUNT_DISTINCT: Definition = Definition {
    name: "spark_approx_count_distinct",
    returns: |_| Ok(DataType::Int64),
    state: |_| vec![DataType::Binary],
    start: |args| {
        let ScalarValue::Float64(Some(error)) = constant(args, 1)? else {
            return exec_err!("the error of approx_count_distinct must be a number");
        };
        Ok(Box::new(Counter::new(error_bits(error)?)))
    },
};

/// The fewest and the most bits of a hash that choose a register.
const FEWEST: u32 = 4;
const MOST: u32 = 26;
/// From so many on estimates are taken as they are.
const WITHOUT_BIAS: u32 = 19;

/// The bits for a standard deviation of the relative error.
///
/// # Errors
/// FAILED_FUNCTION_CALL where so few do not do.
pub fn error_bits(error: f64) -> Result<u32, SparkError> {
    let bits = (2.0 * (1.106 / error).log2()).ceil();
    if bits < f64::from(FEWEST) || bits.is_nan() {
        return Err(SparkError::new(
            "FAILED_FUNCTION_CALL",
            "38000",
            "Failed preparing of the function `approx_count_distinct` for call. Please, double check function's arguments.",
        )
        .with_param("funcName", "`approx_count_distinct`"));
    }
    if bits > f64::from(MOST) {
        return Err(SparkError::unsupported(format!(
            "approx_count_distinct with a relative error of {error}"
        )));
    }
    Ok(bits as u32)
}

/// The longest run of zeros that was seen behind each prefix of a hash.
#[derive(Debug)]
struct Counter {
    bits: u32,
    registers: Vec<u8>,
}

impl Counter {
    fn new(bits: u32) -> Self {
        Self { bits, registers: vec![0; 1 << bits] }
    }

    fn add(&mut self, hash: u64) {
        let index = (hash >> (64 - self.bits)) as usize;
        // The bit set at the end bounds the run.
        let rest = (hash << self.bits) | (1 << (self.bits - 1));
        let run = rest.leading_zeros() as u8 + 1;
        if let Some(register) = self.registers.get_mut(index) {
            *register = run.max(*register);
        }
    }

    fn estimate(&self) -> i64 {
        let m = self.registers.len() as f64;
        let (mut sum, mut empty) = (0.0, 0_u32);
        for run in &self.registers {
            sum += 1.0 / (1_u64 << run) as f64;
            empty += u32::from(*run == 0);
        }
        let raw = alpha(self.bits, m) * m * m / sum;
        let corrected = || {
            let small = self.bits < WITHOUT_BIAS && raw < 5.0 * m;
            if small { raw - bias(self.bits, raw) } else { raw }
        };
        if empty == 0 {
            return round(corrected());
        }
        let linear = m * (m / f64::from(empty)).ln();
        // Spark also counts so wherever the first HyperLogLog did.
        let is_few = threshold(self.bits).is_some_and(|threshold| linear <= threshold) || raw <= 2.5 * m;
        round(if is_few { linear } else { corrected() })
    }
}

/// As Java rounds: halves up.
fn round(value: f64) -> i64 {
    (value + 0.5).floor() as i64
}

fn alpha(bits: u32, m: f64) -> f64 {
    match bits {
        4 => 0.673,
        5 => 0.697,
        6 => 0.709,
        _ => 0.7213 / (1.0 + 1.079 / m),
    }
}

/// Up to which count empty registers tell more than full ones, by bits from 4 on.
const THRESHOLDS: [f64; 15] = [
    10.0, 20.0, 40.0, 80.0, 220.0, 400.0, 900.0, 1800.0, 3100.0, 6500.0, 15500.0, 20000.0, 50000.0,
    120_000.0, 350_000.0,
];

fn threshold(bits: u32) -> Option<f64> {
    THRESHOLDS.get((bits - FEWEST) as usize).copied()
}

/// Estimates in ascending order and how much too large they are on average, by bits from 4 on.
type Biases = Vec<Vec<(f64, f64)>>;

static BIASES: LazyLock<Biases> = LazyLock::new(|| {
    let mut tables: Biases = vec![vec![]; THRESHOLDS.len()];
    for line in include_str!("distinct_count_bias.tsv").lines() {
        let mut cells = line.split('\t').map(str::parse::<f64>);
        if let (Some(Ok(bits)), Some(Ok(estimate)), Some(Ok(bias))) =
            (cells.next(), cells.next(), cells.next())
            && let Some(table) = tables.get_mut(bits as usize - FEWEST as usize)
        {
            table.push((estimate, bias));
        }
    }
    tables
});

/// Of how many known estimates the bias is the mean.
const NEIGHBOURS: usize = 6;

/// The mean bias of the estimates nearest to one.
fn bias(bits: u32, estimate: f64) -> f64 {
    let Some(known) = BIASES.get((bits - FEWEST) as usize) else { return 0.0 };
    let nearest = known.partition_point(|(known, _)| *known < estimate);
    let distance = |index: usize| (estimate - known[index].0).powi(2);
    let mut low = (nearest + 1).saturating_sub(NEIGHBOURS);
    let mut high = (low + NEIGHBOURS).min(known.len());
    while high < known.len() && distance(high) < distance(low) {
        low += 1;
        high += 1;
    }
    let sum: f64 = known[low..high].iter().map(|(_, bias)| bias).sum();
    sum / (high - low) as f64
}

impl Accumulator for Counter {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let hashes = xxhash64_of(values)?;
        for (row, hash) in hashes.into_iter().enumerate() {
            if values.is_valid(row) {
                self.add(hash);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.estimate())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.registers.capacity()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.registers.clone()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first().and_then(|states| states.as_binary_opt::<i32>()) else {
            return exec_err!("the state of approx_count_distinct is no binary");
        };
        for other in states.iter().flatten() {
            for (register, run) in self.registers.iter_mut().zip(other) {
                *register = (*register).max(*run);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::Int64Array;

    use super::*;

    fn estimate(count: i64, error: f64) -> i64 {
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
        let mut counter = Counter::new(error_bits(error).unwrap());
        counter.update_batch(&[values]).unwrap();
        counter.estimate()
    }

    /// `select approx_count_distinct(id, error) from range(count)` in Spark 4.1.1.
    #[test]
    fn estimates_are_sparks() {
        for (count, coarse, fine) in [
            (0, 0, 0),
            (5, 5, 5),
            (100, 103, 100),
            (500, 484, 500),
            (1000, 1026, 996),
            (2500, 2378, 2495),
            (10_000, 9571, 9965),
            (1_000_000, 925_738, 996_123),
        ] {
            assert_eq!((estimate(count, 0.05), estimate(count, 0.01)), (coarse, fine), "{count}");
        }
    }

    #[test]
    fn errors_out_of_range_are_refused() {
        assert!(error_bits(0.39).is_ok());
        assert_eq!(error_bits(0.5).unwrap_err().class(), "FAILED_FUNCTION_CALL");
    }
}
