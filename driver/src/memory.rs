//! How much memory there is for cached data, as Spark counts it.

use cerium_conf::{ConfError, SparkConf, keys};

/// Bytes of a heap that Spark leaves out of account.
const RESERVED: u64 = 300 * 1024 * 1024;
/// Spark's default of `spark.memory.fraction`.
const FRACTION: f64 = 0.6;

/// The most memory for cached data, in bytes: Spark's unified memory, as long as nothing is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageMemory {
    /// Of the driver.
    pub driver: u64,
    /// Of each executor.
    pub executor: u64,
}

impl StorageMemory {
    /// What a configuration leaves for it.
    pub fn from_conf(conf: &SparkConf) -> Result<Self, ConfError> {
        let fraction = conf.get(&keys::MEMORY_FRACTION)?.unwrap_or(FRACTION);
        let of =
            |heap: i64| (u64::try_from(heap).unwrap_or(0).saturating_sub(RESERVED) as f64 * fraction) as u64;
        Ok(Self {
            driver: of(conf.get(&keys::DRIVER_MEMORY)?.bytes()),
            executor: of(conf.get(&keys::EXECUTOR_MEMORY)?.bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As recorded from Spark 4.1.1, whose driver had a heap of 1 GiB.
    #[test]
    fn a_part_of_the_heap_is_for_cached_data() {
        let conf: SparkConf = [("spark.executor.memory", "2g")].into_iter().collect();
        let memory = StorageMemory::from_conf(&conf).unwrap();
        assert_eq!(memory.driver, 455_501_414);
        // (2048 - 300) MiB * 0.6
        assert_eq!(memory.executor, 1_099_746_508);
    }
}
