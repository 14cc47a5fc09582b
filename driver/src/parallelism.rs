//! How many partitions scans and shuffles have.

use cerium_conf::{ConfError, SparkConf, keys};

use crate::allocation::{DynamicSettings, Policy};

/// Partitions for each core there can be. With two, uneven tasks would even out better, but TPC-H takes a
/// tenth longer (docs/benchmarks.md).
const TASKS_PER_CORE: usize = 1;
/// Cores that are counted on where dynamic allocation has no upper bound.
const UNBOUNDED_CORES: usize = 32;

/// The number of partitions: `spark.sql.shuffle.partitions` or `spark.default.parallelism` where set,
/// else by the cores of the executors there can be. Spark's 200 would cost more than it gains here.
pub fn parallelism(conf: &SparkConf) -> Result<usize, ConfError> {
    match conf.get(&keys::SQL_SHUFFLE_PARTITIONS)? {
        Some(partitions) => Ok(partitions as usize),
        None => default_parallelism(conf),
    }
}

/// What a `SparkContext` calls its default parallelism: `spark.default.parallelism` where set, else by the
/// cores of the executors there can be.
pub fn default_parallelism(conf: &SparkConf) -> Result<usize, ConfError> {
    if let Some(partitions) = conf.get(&keys::DEFAULT_PARALLELISM)? {
        return Ok(partitions as usize);
    }
    let executor_cores = conf.get(&keys::EXECUTOR_CORES)? as usize;
    let policy = Policy::from_conf(conf)?;
    let cores = match policy.most() {
        Some(executors) => executors.saturating_mul(executor_cores),
        None => UNBOUNDED_CORES.max(DynamicSettings::from_conf(conf)?.initial.saturating_mul(executor_cores)),
    };
    Ok(cores.saturating_mul(TASKS_PER_CORE).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> usize {
        parallelism(&pairs.iter().copied().collect()).unwrap()
    }

    #[test]
    fn follows_the_cores_of_the_executors() {
        // Two executors of one core are Spark's default.
        assert_eq!(of(&[]), 2);
        assert_eq!(of(&[("spark.executor.instances", "3"), ("spark.executor.cores", "4")]), 12);
        let dynamic = ("spark.dynamicAllocation.enabled", "true");
        assert_eq!(of(&[dynamic, ("spark.dynamicAllocation.maxExecutors", "5")]), 5);
        assert_eq!(of(&[dynamic]), 32);
    }

    #[test]
    fn what_the_user_says_counts() {
        assert_eq!(of(&[("spark.sql.shuffle.partitions", "7")]), 7);
        assert_eq!(of(&[("spark.default.parallelism", "9")]), 9);
    }
}
