//! xxHash for 64 bits.

use super::column::SeededHash;

/// xxHash64.
pub struct XxHash64;

const PRIME1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME3: u64 = 0x1656_67B1_9E37_79F9;
const PRIME4: u64 = 0x85EB_CA77_C2B2_AE63;
const PRIME5: u64 = 0x27D4_EB2F_1656_67C5;

fn round(state: u64, word: u64) -> u64 {
    state.wrapping_add(word.wrapping_mul(PRIME2)).rotate_left(31).wrapping_mul(PRIME1)
}

fn merge(hash: u64, state: u64) -> u64 {
    (hash ^ round(0, state)).wrapping_mul(PRIME1).wrapping_add(PRIME4)
}

fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(PRIME2);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(PRIME3);
    hash ^ (hash >> 32)
}

fn eight(hash: u64, word: u64) -> u64 {
    (hash ^ round(0, word)).rotate_left(27).wrapping_mul(PRIME1).wrapping_add(PRIME4)
}

fn four(hash: u64, word: u32) -> u64 {
    (hash ^ u64::from(word).wrapping_mul(PRIME1)).rotate_left(23).wrapping_mul(PRIME2).wrapping_add(PRIME3)
}

impl SeededHash for XxHash64 {
    type State = u64;

    fn int(value: i32, seed: u64) -> u64 {
        finish(four(seed.wrapping_add(PRIME5).wrapping_add(4), value as u32))
    }

    fn long(value: i64, seed: u64) -> u64 {
        finish(eight(seed.wrapping_add(PRIME5).wrapping_add(8), value as u64))
    }

    fn bytes(value: &[u8], seed: u64) -> u64 {
        let (stripes, rest) = value.as_chunks::<32>();
        let mut hash = if stripes.is_empty() {
            seed.wrapping_add(PRIME5)
        } else {
            let mut states = [
                seed.wrapping_add(PRIME1).wrapping_add(PRIME2),
                seed.wrapping_add(PRIME2),
                seed,
                seed.wrapping_sub(PRIME1),
            ];
            for stripe in stripes {
                for (state, word) in states.iter_mut().zip(stripe.as_chunks::<8>().0) {
                    *state = round(*state, u64::from_le_bytes(*word));
                }
            }
            let hash = states[0]
                .rotate_left(1)
                .wrapping_add(states[1].rotate_left(7))
                .wrapping_add(states[2].rotate_left(12))
                .wrapping_add(states[3].rotate_left(18));
            states.into_iter().fold(hash, merge)
        };
        hash = hash.wrapping_add(value.len() as u64);
        let (words, rest) = rest.as_chunks::<8>();
        for word in words {
            hash = eight(hash, u64::from_le_bytes(*word));
        }
        let (halves, rest) = rest.as_chunks::<4>();
        for half in halves {
            hash = four(hash, u32::from_le_bytes(*half));
        }
        for byte in rest {
            hash = (hash ^ u64::from(*byte).wrapping_mul(PRIME5)).rotate_left(11).wrapping_mul(PRIME1);
        }
        finish(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        // Test vectors of the xxHash specification.
        assert_eq!(XxHash64::bytes(b"", 0), 0xEF46_DB37_51D8_E999);
        assert_eq!(XxHash64::bytes(b"abc", 0), 0x44BC_2CF5_AD77_0999);
    }
}
