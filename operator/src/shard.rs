//! Dividing the namespaces among several operators. Pure.
//!
//! Each shard is an operator of its own, with its own Lease and, if wanted, its own replicas standing by.
//! A namespace belongs to one shard whatever lives in it, so that shards never meet in it. While their
//! number is being changed two operators may see the same application for a moment: the status is written
//! only over the version that was read, so one of them wins and no driver is made twice.

/// One of several operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// How many there are, at least 1.
    pub count: u32,
    /// Which one this is, counted from 0.
    pub index: u32,
}

/// This shard does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--shard-index {index} is too large: with --shard-count {count} the shards are counted from 0 to {}", count - 1)]
pub struct NoSuchShard {
    count: u32,
    index: u32,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Shard = Shard { count: 1, index: 0 };

    /// Whether there is such a shard.
    ///
    /// # Errors
    /// [`NoSuchShard`] if the index is beyond the number of shards.
    pub fn check(self) -> Result<(), NoSuchShard> {
        if self.index < self.count {
            Ok(())
        } else {
            Err(NoSuchShard { count: self.count, index: self.index })
        }
    }

    /// Whether the namespace belongs to it.
    pub fn holds(self, namespace: &str) -> bool {
        self.count <= 1 || hash(namespace) % u64::from(self.count) == u64::from(self.index)
    }

    /// The name of its lease: one for each shard.
    pub fn lease_name(self, name: String) -> String {
        if self.count <= 1 { name } else { format!("{name}-{}", self.index) }
    }
}

/// FNV-1a with 64 bits: the same in every version and on every machine.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // Test vectors of the FNV reference, for 64 bits.
        for (text, expected) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(hash(text), expected, "{text}");
        }
    }

    #[test]
    fn every_namespace_belongs_to_exactly_one_shard() {
        for count in 1..=5 {
            let mut sizes = vec![0; count as usize];
            for number in 0..500 {
                let name = format!("team-{number}");
                let holders: Vec<u32> =
                    (0..count).filter(|index| Shard { count, index: *index }.holds(&name)).collect();
                assert_eq!(holders.len(), 1, "{name} of {count}");
                sizes[holders[0] as usize] += 1;
            }
            assert!(sizes.iter().all(|size| *size > 500 / count / 2), "{sizes:?}");
        }
    }

    #[test]
    fn each_shard_has_its_own_lease() {
        assert_eq!(Shard::WHOLE.lease_name("lock".into()), "lock");
        assert_eq!(Shard { count: 2, index: 1 }.lease_name("lock".into()), "lock-1");
        assert_eq!(Shard { count: 2, index: 1 }.check(), Ok(()));
        assert!(Shard { count: 2, index: 2 }.check().unwrap_err().to_string().ends_with("from 0 to 1"));
    }
}
