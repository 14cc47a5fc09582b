//! The Mersenne Twister, as Apache Commons Math seeds it.

const LENGTH: usize = 624;
const MIDDLE: usize = 397;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Twister {
    state: Vec<u32>,
    at: usize,
}

impl Twister {
    /// The stream of a seed.
    pub fn new(seed: i64) -> Self {
        let key = [(seed >> 32) as u32, seed as u32];
        let mut state = vec![19_650_218_u32; LENGTH];
        for index in 1..LENGTH {
            let last = state[index - 1];
            state[index] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(index as u32);
        }
        let mut index = 1;
        let wrap = |state: &mut Vec<u32>, index: usize| -> usize {
            if index < LENGTH {
                return index;
            }
            state[0] = state[LENGTH - 1];
            1
        };
        for round in 0..LENGTH {
            let which = round % key.len();
            let last = state[index - 1];
            state[index] = (state[index] ^ (last ^ (last >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[which])
                .wrapping_add(which as u32);
            index = wrap(&mut state, index + 1);
        }
        for _ in 1..LENGTH {
            let last = state[index - 1];
            state[index] =
                (state[index] ^ (last ^ (last >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(index as u32);
            index = wrap(&mut state, index + 1);
        }
        state[0] = 0x8000_0000;
        Self { state, at: LENGTH }
    }

    fn refill(&mut self) {
        for index in 0..LENGTH {
            let next = self.state[(index + 1) % LENGTH];
            let bits = (self.state[index] & 0x8000_0000) | (next & 0x7fff_ffff);
            let odd = if bits & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + MIDDLE) % LENGTH] ^ (bits >> 1) ^ odd;
        }
        self.at = 0;
    }

    /// 31 random bits.
    fn next_bits(&mut self) -> u32 {
        if self.at == LENGTH {
            self.refill();
        }
        let mut bits = self.state[self.at];
        self.at += 1;
        bits ^= bits >> 11;
        bits ^= (bits << 7) & 0x9d2c_5680;
        bits ^= (bits << 15) & 0xefc6_0000;
        (bits ^ (bits >> 18)) >> 1
    }

    /// From 0 to `limit`, which it never is.
    fn below(&mut self, limit: u32) -> u32 {
        if limit.is_power_of_two() {
            return ((u64::from(limit) * u64::from(self.next_bits())) >> 31) as u32;
        }
        loop {
            let bits = self.next_bits();
            let rest = bits % limit;
            // The last numbers would favour small rests.
            if bits - rest <= 0x7fff_ffff - (limit - 1) {
                return rest;
            }
        }
    }

    /// The numbers from 0 to `length` in a random order.
    pub fn order(&mut self, length: u32) -> Vec<u32> {
        let mut order: Vec<u32> = Vec::with_capacity(length as usize);
        for index in 0..length {
            let other = self.below(index + 1) as usize;
            order.push(index);
            let last = order.len() - 1;
            order.swap(last, other);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_those_of_spark() {
        // Of PySpark's documentation: shuffle(array(1, 20, 3, 5), 123); recorded from Spark 4.1.1: seed 12.
        let items = [1, 20, 3, 5];
        let shuffled = |stream: &mut Twister| -> Vec<i32> {
            stream.order(4).into_iter().map(|index| items[index as usize]).collect()
        };
        assert_eq!(shuffled(&mut Twister::new(123)), [5, 1, 20, 3]);
        let mut stream = Twister::new(12);
        let rows: Vec<Vec<i32>> = (0..4).map(|_| shuffled(&mut stream)).collect();
        assert_eq!(rows, [[5, 1, 3, 20], [20, 1, 3, 5], [5, 20, 1, 3], [3, 5, 1, 20]]);
    }
}
