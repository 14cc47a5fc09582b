//! Settings of the application that a program may still give in its session's builder, as Spark's own
//! programs do: they hold from the start of the context, which here is the first job.

use cerium_conf::{Key, keys};

/// What executors are made with.
const OF_EXECUTORS: [&str; 6] = [
    "spark.executor.",
    keys::EXECUTOR_ENV,
    "spark.dynamicAllocation.",
    "spark.kubernetes.executor.",
    "spark.kubernetes.memoryOverheadFactor",
    "spark.memory.offHeap.",
];

/// Whether executors are made with this setting.
pub fn is_of_executors(key: &str) -> bool {
    OF_EXECUTORS.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether it is one of the application's that the first session may replace.
pub fn is_of_application(key: &str) -> bool {
    is_final(key) || key.starts_with(keys::HADOOP)
}

/// Whether it is final once the application runs: `spark.conf.set` refuses it then. What is for file
/// systems is not.
pub fn is_final(key: &str) -> bool {
    is_of_executors(key)
        || key == keys::DRIVER_MAX_RESULT_SIZE.name()
        || key == keys::DEFAULT_PARALLELISM.name()
}
