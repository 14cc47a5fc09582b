//! The random numbers of `java.util.Random`, which some of Spark's results depend on.

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

/// A generator with Java's sequence for its seed.
#[derive(Debug)]
pub struct JavaRandom(u64);

impl JavaRandom {
    /// A generator with this seed.
    pub fn new(seed: i64) -> Self {
        Self((seed as u64 ^ MULTIPLIER) & MASK)
    }

    fn next(&mut self, bits: u32) -> u32 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        (self.0 >> (48 - bits)) as u32
    }

    /// From 0 to the largest number of 31 bits, which is left out.
    pub fn next_below_max(&mut self) -> i32 {
        loop {
            // Java drops the one number that would make the lowest one more likely.
            let number = self.next(31) as i32;
            if number != i32::MAX {
                return number;
            }
        }
    }

    /// From 0 to 1, which is left out.
    pub fn next_double(&mut self) -> f64 {
        let (high, low) = (u64::from(self.next(26)), u64::from(self.next(27)));
        ((high << 27) + low) as f64 / (1_u64 << 53) as f64
    }
}
