//! Keys of driver and executors at work: memory, tasks, directories, logs.

use crate::size::ByteSize;
use crate::time::SparkDuration;
use crate::value::BlockCodec;

keys! {
    "Memory, tasks, directories";

    /// Share of the memory, less what the process itself needs, that tasks may use. Default: all of it.
    MEMORY_FRACTION: f64 = RATIO, "spark.memory.fraction", none, "1.6.0", NotYet;
    /// Share of that memory that cached data may take; tasks use the rest.
    MEMORY_STORAGE_FRACTION: f64 = FRACTION, "spark.memory.storageFraction", "0.5", "1.6.0", Start;
    /// Whether executor pods get `spark.memory.offHeap.size` on top.
    MEMORY_OFF_HEAP_ENABLED: bool = BOOL, "spark.memory.offHeap.enabled", "false", "1.6.0", Submission;
    /// Memory added to executor pods with `spark.memory.offHeap.enabled`.
    MEMORY_OFF_HEAP_SIZE: ByteSize = BYTES, "spark.memory.offHeap.size", "0", "1.6.0", Submission;

    /// Number of cores a task counts for.
    TASK_CPUS: u32 = POSITIVE, "spark.task.cpus", "1", "0.5.0", Start;
    /// Number of times a task may fail before the query fails. Default: 4, but 1 where all executors are processes
    /// of one machine.
    TASK_MAX_FAILURES: u32 = POSITIVE, "spark.task.maxFailures", "4", "0.8.0", Start;
    /// Number of partitions where nothing else says it. Default: the cores of all executors.
    DEFAULT_PARALLELISM: u32 = POSITIVE, "spark.default.parallelism", none, "0.5.0", Start;

    /// Whether shuffle output is compressed. Default: true, but false where all executors are processes of one
    /// machine, which read each other's files.
    SHUFFLE_COMPRESS: bool = BOOL, "spark.shuffle.compress", none, "0.6.0", Start;
    /// With what shuffle output is compressed: zstd or lz4, as which lzf and snappy are taken.
    IO_COMPRESSION_CODEC: BlockCodec = CODEC, "spark.io.compression.codec", "lz4", "0.8.0", Start;

    /// Port at which the driver listens for its executors; 0: any free port. Driver pods use 7078.
    DRIVER_PORT: u16 = PORT, "spark.driver.port", "0", "0.7.0", Start;
    /// Executors that may fail before the application fails. Default: twice the number of executors,
    /// at least 3.
    EXECUTOR_MAX_NUM_FAILURES: u32 = COUNT, "spark.executor.maxNumFailures", none, "3.5.0", Start;
    /// Time after which a failed executor no longer counts. Default: never.
    EXECUTOR_FAILURES_VALIDITY_INTERVAL: SparkDuration = MILLIS, "spark.executor.failuresValidityInterval", none, "3.5.0", Start;
    /// Interval between two signs of life of an executor.
    EXECUTOR_HEARTBEAT_INTERVAL: SparkDuration = MILLIS, "spark.executor.heartbeatInterval", "5s", "1.1.0", NotYet;
    /// Time without a sign of life after which an executor is given up.
    NETWORK_TIMEOUT: SparkDuration = SECONDS, "spark.network.timeout", "30s", "1.3.0", Start;

    /// Directories for scratch files, separated by commas. In pods the scratch volumes are used instead.
    LOCAL_DIR: Vec<String> = LIST, "spark.local.dir", "/tmp", "0.5.0", Start;
    /// Level of the log: ERROR, WARN, INFO, DEBUG or TRACE. Default: INFO.
    LOG_LEVEL: String = NAME, "spark.log.level", none, "3.5.0", Start;
    /// Whether the driver serves its web UI.
    UI_ENABLED: bool = BOOL, "spark.ui.enabled", "true", "1.1.1", Start;
    /// Port of the driver's web UI; where it is taken, one of the next ones; 0: any free port.
    UI_PORT: u16 = PORT, "spark.ui.port", "4040", "0.7.0", Start;
    /// Number of ports tried where one is taken.
    PORT_MAX_RETRIES: u32 = COUNT, "spark.port.maxRetries", "16", "1.1.1", Start;
    /// Number of jobs that have ended and are still shown.
    UI_RETAINED_JOBS: u32 = COUNT, "spark.ui.retainedJobs", "1000", "1.2.0", Start;
    /// Whether the UI serves metrics of the executors at `/metrics/executors/prometheus`.
    UI_PROMETHEUS_ENABLED: bool = BOOL, "spark.ui.prometheus.enabled", "true", "3.0.0", Start;
}
