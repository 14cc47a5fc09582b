//! Murmur3 for 32 bits, with Spark's treatment of the bytes behind the last whole word.

use super::column::SeededHash;

/// Murmur3.
pub struct Murmur3;

fn mix_word(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

fn mix(hash: u32, word: u32) -> u32 {
    (hash ^ mix_word(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

fn finish(hash: u32, length: u32) -> u32 {
    let mut hash = hash ^ length;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

impl SeededHash for Murmur3 {
    type State = u32;

    fn int(value: i32, seed: u32) -> u32 {
        finish(mix(seed, value as u32), 4)
    }

    fn long(value: i64, seed: u32) -> u32 {
        finish(mix(mix(seed, value as u32), (value >> 32) as u32), 8)
    }

    fn bytes(value: &[u8], seed: u32) -> u32 {
        let (words, rest) = value.as_chunks::<4>();
        let hash = words.iter().fold(seed, |hash, word| mix(hash, u32::from_le_bytes(*word)));
        // Spark takes each remaining byte, with its sign, for a word of its own.
        let hash = rest.iter().fold(hash, |hash, byte| mix(hash, i32::from(*byte as i8) as u32));
        finish(hash, value.len() as u32)
    }
}
