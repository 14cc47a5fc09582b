//! Keys of dynamic allocation.

use crate::time::SparkDuration;

keys! {
    "Dynamic allocation";

    /// Whether executors are requested as tasks queue up and released when idle.
    DYNAMIC_ALLOCATION_ENABLED: bool = BOOL, "spark.dynamicAllocation.enabled", "false", "1.2.0", Start;
    /// Lower bound of the number of executors.
    DYNAMIC_ALLOCATION_MIN_EXECUTORS: u32 = COUNT, "spark.dynamicAllocation.minExecutors", "0", "1.2.0", Start;
    /// Upper bound of the number of executors. Default: none.
    DYNAMIC_ALLOCATION_MAX_EXECUTORS: u32 = POSITIVE, "spark.dynamicAllocation.maxExecutors", none, "1.2.0", Start;
    /// Executors at the start; the larger of this, the lower bound and `spark.executor.instances` counts.
    DYNAMIC_ALLOCATION_INITIAL_EXECUTORS: u32 = COUNT, "spark.dynamicAllocation.initialExecutors", none, "1.3.0", Start;
    /// Executors requested for each one that would run all waiting tasks at once.
    DYNAMIC_ALLOCATION_EXECUTOR_ALLOCATION_RATIO: f64 = RATIO, "spark.dynamicAllocation.executorAllocationRatio", "1.0", "2.4.0", Start;
    /// Time without a task after which an executor is released.
    DYNAMIC_ALLOCATION_EXECUTOR_IDLE_TIMEOUT: SparkDuration = SECONDS, "spark.dynamicAllocation.executorIdleTimeout", "60s", "1.2.0", Start;
    /// Time for which tasks must have been waiting before executors are requested.
    DYNAMIC_ALLOCATION_SCHEDULER_BACKLOG_TIMEOUT: SparkDuration = SECONDS, "spark.dynamicAllocation.schedulerBacklogTimeout", "1s", "1.2.0", Start;
    /// Time between further requests while tasks still wait. Default: the backlog time-out.
    DYNAMIC_ALLOCATION_SUSTAINED_SCHEDULER_BACKLOG_TIMEOUT: SparkDuration = SECONDS, "spark.dynamicAllocation.sustainedSchedulerBacklogTimeout", none, "1.2.0", Start;
    /// Whether an executor that holds shuffle output a running job needs is kept.
    DYNAMIC_ALLOCATION_SHUFFLE_TRACKING_ENABLED: bool = BOOL, "spark.dynamicAllocation.shuffleTracking.enabled", "true", "3.0.0", Start;
    /// Time after which an executor that holds shuffle output is released all the same. Default: never.
    DYNAMIC_ALLOCATION_SHUFFLE_TRACKING_TIMEOUT: SparkDuration = MILLIS, "spark.dynamicAllocation.shuffleTracking.timeout", none, "3.0.0", Start;
}
