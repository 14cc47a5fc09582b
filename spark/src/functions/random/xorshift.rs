//! Spark's `XORShiftRandom`.

use std::sync::OnceLock;

use crate::functions::hash::column::SeededHash;
use crate::functions::hash::murmur3::Murmur3;

/// Seed of the hash that spreads seeds, Scala's `MurmurHash3.arraySeed`.
const ARRAY_SEED: u32 = 0x3c07_4a61;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct XorShift {
    state: u64,
    /// The second of two normal numbers that were made together.
    gaussian: Option<f64>,
}

impl XorShift {
    /// The stream of a seed.
    pub fn new(seed: i64) -> Self {
        let bytes = seed.to_be_bytes();
        let low = Murmur3::bytes(&bytes, ARRAY_SEED);
        let high = Murmur3::bytes(&bytes, low);
        Self { state: u64::from(high) << 32 | u64::from(low), gaussian: None }
    }

    fn next(&mut self, bits: u32) -> u64 {
        self.state = step(self.state);
        self.state & ((1 << bits) - 1)
    }

    /// From 0 to 1, of two draws.
    pub fn next_double(&mut self) -> f64 {
        let (high, low) = (self.next(26), self.next(27));
        ((high << 27) + low) as f64 * 2.0_f64.powi(-53)
    }

    /// A digit or letter, of one draw.
    pub fn next_letter(&mut self) -> char {
        let number = (self.next(32) as u32).cast_signed() % 62;
        let number = number.unsigned_abs() as u8;
        char::from(match number {
            0..10 => b'0' + number,
            10..36 => b'a' + number - 10,
            _ => b'A' + number - 36,
        })
    }

    /// A number of the standard normal distribution, of an even number of draws.
    pub fn next_gaussian(&mut self) -> f64 {
        if let Some(second) = self.gaussian.take() {
            return second;
        }
        loop {
            let first = 2.0 * self.next_double() - 1.0;
            let second = 2.0 * self.next_double() - 1.0;
            let square = first * first + second * second;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * crate::functions::math::log(square) / square).sqrt();
                self.gaussian = Some(second * factor);
                return first * factor;
            }
        }
    }

    /// Leaves out so many draws.
    pub fn skip(&mut self, draws: u64) {
        for (bit, powers) in powers().iter().enumerate() {
            if draws >> bit & 1 == 1 {
                self.state = apply(powers, self.state);
            }
        }
    }
}

fn step(state: u64) -> u64 {
    let mut next = state ^ (state << 21);
    next ^= next >> 35;
    next ^ (next << 4)
}

/// A linear map of 64 bits: what becomes of each bit alone.
type Map = [u64; 64];

fn apply(map: &Map, state: u64) -> u64 {
    map.iter().enumerate().filter(|(bit, _)| state >> bit & 1 == 1).fold(0, |sum, (_, image)| sum ^ image)
}

/// What 1, 2, 4, 8... steps do at once: a step is linear.
fn powers() -> &'static Vec<Map> {
    static POWERS: OnceLock<Vec<Map>> = OnceLock::new();
    POWERS.get_or_init(|| {
        let once: Map = std::array::from_fn(|bit| step(1 << bit));
        std::iter::successors(Some(once), |map| Some(map.map(|image| apply(map, image)))).take(64).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_spark() {
        // Recorded from Spark 4.1.1: rand(42), randn(42), randstr(5, 0) over one partition.
        let mut uniform = XorShift::new(42);
        let drawn: Vec<String> = (0..3).map(|_| uniform.next_double().to_string()).collect();
        assert_eq!(drawn, ["0.619189370225301", "0.5096018842446481", "0.8325259388871524"]);
        let mut normal = XorShift::new(42);
        let drawn: Vec<String> = (0..5).map(|_| normal.next_gaussian().to_string()).collect();
        let recorded = [
            "2.384479054241165",
            "0.1920934041293524",
            "0.7337336533286575",
            "-0.5224480195716871",
            "2.060084179317831",
        ];
        assert_eq!(drawn, recorded);
        let mut letters = XorShift::new(0);
        let drawn: String = (0..15).map(|_| letters.next_letter()).collect();
        assert_eq!(drawn, "ceV0PXaR2IlBhHi");
    }

    #[test]
    fn draws_can_be_left_out() {
        let mut slow = XorShift::new(-7);
        for _ in 0..12_345 {
            slow.next(32);
        }
        let mut fast = XorShift::new(-7);
        fast.skip(12_345);
        assert_eq!(fast.state, slow.state);
    }
}
