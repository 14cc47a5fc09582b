//! Memory of driver and executor pods, in MiB, as Spark computes it. Pure.
//!
//! A SQL program runs on the native engine alone, without Python workers beside it. It counts as Spark
//! counts a program without them: an overhead factor of 0.1, not 0.4.

use cerium_conf::{ByteSize, ConfError, SparkConf, keys};

use crate::application::ApplicationType;

/// The parts of a pod's memory, in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodMemory {
    /// `spark.<role>.memory`: what the engine may use.
    pub engine_mib: u64,
    /// What lives outside it.
    pub overhead_mib: u64,
    /// `spark.memory.offHeap.size`, if it is switched on; executors only.
    pub off_heap_mib: u64,
    /// `spark.executor.pyspark.memory`; executors of Python programs only.
    pub python_mib: u64,
}

impl PodMemory {
    /// The memory request of the pod, in MiB.
    pub fn total_mib(self) -> u64 {
        [self.overhead_mib, self.off_heap_mib, self.python_mib]
            .into_iter()
            .fold(self.engine_mib, u64::saturating_add)
    }
}

/// Share of its memory added to a pod where neither the manifest nor a property says it.
pub fn default_overhead_factor(application: ApplicationType) -> f64 {
    match application {
        ApplicationType::Python | ApplicationType::R => 0.4,
        ApplicationType::Java | ApplicationType::Scala | ApplicationType::Sql => 0.1,
    }
}

/// The memory of the driver pod.
///
/// # Errors
/// [`ConfError`] when a property cannot be read.
pub fn driver_memory(conf: &SparkConf, application: ApplicationType) -> Result<PodMemory, ConfError> {
    let engine_mib = mebibytes(conf.get(&keys::DRIVER_MEMORY)?);
    let overhead = Overhead {
        explicit: conf.get(&keys::DRIVER_MEMORY_OVERHEAD)?,
        factor: conf.get(&keys::DRIVER_MEMORY_OVERHEAD_FACTOR)?,
        least: conf.get(&keys::DRIVER_MIN_MEMORY_OVERHEAD)?,
    };
    let overhead_mib = overhead.mebibytes(engine_mib, conf, application)?;
    Ok(PodMemory { engine_mib, overhead_mib, off_heap_mib: 0, python_mib: 0 })
}

/// The memory of an executor pod.
///
/// # Errors
/// [`ConfError`] when a property cannot be read.
pub fn executor_memory(conf: &SparkConf, application: ApplicationType) -> Result<PodMemory, ConfError> {
    let engine_mib = mebibytes(conf.get(&keys::EXECUTOR_MEMORY)?);
    let overhead = Overhead {
        explicit: conf.get(&keys::EXECUTOR_MEMORY_OVERHEAD)?,
        factor: conf.get(&keys::EXECUTOR_MEMORY_OVERHEAD_FACTOR)?,
        least: conf.get(&keys::EXECUTOR_MIN_MEMORY_OVERHEAD)?,
    };
    let overhead_mib = overhead.mebibytes(engine_mib, conf, application)?;
    let off_heap = conf.get(&keys::MEMORY_OFF_HEAP_SIZE)?;
    let off_heap_mib = if conf.get(&keys::MEMORY_OFF_HEAP_ENABLED)? { mebibytes(off_heap) } else { 0 };
    let python_mib = match conf.get(&keys::EXECUTOR_PYSPARK_MEMORY)? {
        Some(size) if application == ApplicationType::Python => mebibytes(size),
        _ => 0,
    };
    Ok(PodMemory { engine_mib, overhead_mib, off_heap_mib, python_mib })
}

/// What the properties of a role say about its overhead.
struct Overhead {
    explicit: Option<ByteSize>,
    factor: Option<f64>,
    least: ByteSize,
}

impl Overhead {
    fn mebibytes(
        &self,
        engine_mib: u64,
        conf: &SparkConf,
        application: ApplicationType,
    ) -> Result<u64, ConfError> {
        if let Some(explicit) = self.explicit {
            return Ok(mebibytes(explicit));
        }
        let common = conf.get(&keys::KUBERNETES_MEMORY_OVERHEAD_FACTOR)?;
        let factor = self.factor.or(common).unwrap_or_else(|| default_overhead_factor(application));
        Ok(((engine_mib as f64 * factor) as u64).max(mebibytes(self.least)))
    }
}

fn mebibytes(size: ByteSize) -> u64 {
    u64::try_from(size.mebibytes()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(properties: &[(&str, &str)]) -> SparkConf {
        properties.iter().copied().collect()
    }

    fn driver(properties: &[(&str, &str)], application: ApplicationType) -> u64 {
        driver_memory(&conf(properties), application).unwrap().total_mib()
    }

    fn executor(properties: &[(&str, &str)], application: ApplicationType) -> u64 {
        executor_memory(&conf(properties), application).unwrap().total_mib()
    }

    /// Seen on pods of Spark 4.1.1, or 1024 + 384 on paper.
    #[test]
    fn totals_are_sparks() {
        assert_eq!(driver(&[], ApplicationType::Python), 1433);
        assert_eq!(driver(&[], ApplicationType::Scala), 1408);
        assert_eq!(driver(&[], ApplicationType::Sql), 1408);
        let two = ("spark.executor.memory", "2g");
        assert_eq!(executor(&[two], ApplicationType::Python), 2867);
        let off_heap = [two, ("spark.memory.offHeap.enabled", "true"), ("spark.memory.offHeap.size", "256m")];
        assert_eq!(executor(&off_heap, ApplicationType::Java), 2688);
    }

    #[test]
    fn the_overhead_is_never_below_its_floor_unless_it_is_explicit() {
        // 512 * 0.4 = 204.8 < 384
        assert_eq!(driver(&[("spark.driver.memory", "512m")], ApplicationType::Python), 896);
        // 10240 * 0.1 = 1024 > 384
        assert_eq!(driver(&[("spark.driver.memory", "10g")], ApplicationType::Sql), 11264);
        let explicit = [("spark.driver.memory", "512m"), ("spark.driver.memoryOverhead", "64")];
        assert_eq!(driver(&explicit, ApplicationType::Python), 576);
        let floor = [("spark.driver.memory", "512m"), ("spark.driver.minMemoryOverhead", "100m")];
        assert_eq!(driver(&floor, ApplicationType::Sql), 612);
    }

    #[test]
    fn the_factor_of_the_role_wins_over_the_common_one_and_that_over_the_default() {
        let common = ("spark.kubernetes.memoryOverheadFactor", "0.5");
        let four = ("spark.executor.memory", "4g");
        assert_eq!(executor(&[four, common], ApplicationType::Python), 6144);
        let own = ("spark.executor.memoryOverheadFactor", "0.25");
        assert_eq!(executor(&[four, common, own], ApplicationType::Python), 5120);
    }

    #[test]
    fn off_heap_counts_only_when_on_and_python_memory_only_for_python() {
        let size = ("spark.memory.offHeap.size", "256m");
        assert_eq!(executor(&[size], ApplicationType::Sql), 1408);
        let python = ("spark.executor.pyspark.memory", "512m");
        // 1024 + 409 + 512
        assert_eq!(executor(&[python], ApplicationType::Python), 1945);
        assert_eq!(executor(&[python], ApplicationType::Sql), 1408);
    }

    #[test]
    fn malformed_sizes_are_errors() {
        assert!(driver_memory(&conf(&[("spark.driver.memory", "1.5g")]), ApplicationType::Sql).is_err());
        assert!(
            executor_memory(&conf(&[("spark.executor.memoryOverhead", "-1")]), ApplicationType::Sql).is_err()
        );
    }
}
