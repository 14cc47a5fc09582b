//! Keys of the application and of the sizes of its driver and executors.

use crate::size::ByteSize;

keys! {
    "Application, driver and executors";

    /// Name of the application, shown in the UI and in labels.
    APP_NAME: String = NAME, "spark.app.name", none, "0.9.0", Submission;
    /// Id of the application; made for each submission.
    APP_ID: String = NAME, "spark.app.id", none, "1.4.0", Submission;

    /// Cores of the driver: its CPU request, unless `spark.kubernetes.driver.request.cores` is set.
    DRIVER_CORES: u32 = POSITIVE, "spark.driver.cores", "1", "1.3.0", Submission;
    /// Memory of the driver; the overhead comes on top.
    DRIVER_MEMORY: ByteSize = MEMORY, "spark.driver.memory", "1g", "1.1.1", Submission;
    /// Memory added to the driver pod for what lives outside `spark.driver.memory`. Default: the
    /// overhead factor times the memory, at least `spark.driver.minMemoryOverhead`.
    DRIVER_MEMORY_OVERHEAD: ByteSize = OVERHEAD, "spark.driver.memoryOverhead", none, "2.3.0", Submission;
    /// Share of the driver's memory added as overhead. Default: `spark.kubernetes.memoryOverheadFactor`.
    DRIVER_MEMORY_OVERHEAD_FACTOR: f64 = FACTOR, "spark.driver.memoryOverheadFactor", none, "3.3.0", Submission;
    /// Least overhead of the driver, where it is computed.
    DRIVER_MIN_MEMORY_OVERHEAD: ByteSize = OVERHEAD, "spark.driver.minMemoryOverhead", "384m", "4.0.0", Submission;
    /// Largest total size of the results one query may bring to the driver; `0`: no limit.
    DRIVER_MAX_RESULT_SIZE: ByteSize = BYTES, "spark.driver.maxResultSize", "1g", "1.2.0", Session;

    /// Number of executors without dynamic allocation.
    EXECUTOR_INSTANCES: u32 = COUNT, "spark.executor.instances", none, "1.0.0", Start;
    /// Number of tasks an executor runs at once, divided by `spark.task.cpus`; its CPU request, unless
    /// `spark.kubernetes.executor.request.cores` is set.
    EXECUTOR_CORES: u32 = POSITIVE, "spark.executor.cores", "1", "1.0.0", Submission;
    /// Memory of an executor; the overhead comes on top.
    EXECUTOR_MEMORY: ByteSize = MEMORY, "spark.executor.memory", "1g", "0.7.0", Submission;
    /// Memory added to an executor pod for what lives outside `spark.executor.memory`. Default: the
    /// overhead factor times the memory, at least `spark.executor.minMemoryOverhead`.
    EXECUTOR_MEMORY_OVERHEAD: ByteSize = OVERHEAD, "spark.executor.memoryOverhead", none, "2.3.0", Submission;
    /// Share of an executor's memory added as overhead. Default: `spark.kubernetes.memoryOverheadFactor`.
    EXECUTOR_MEMORY_OVERHEAD_FACTOR: f64 = FACTOR, "spark.executor.memoryOverheadFactor", none, "3.3.0", Submission;
    /// Least overhead of an executor, where it is computed.
    EXECUTOR_MIN_MEMORY_OVERHEAD: ByteSize = OVERHEAD, "spark.executor.minMemoryOverhead", "384m", "4.0.0", Submission;
    /// Memory added to an executor pod for Python workers.
    EXECUTOR_PYSPARK_MEMORY: ByteSize = OVERHEAD, "spark.executor.pyspark.memory", none, "2.4.0", Submission;

    /// Python of the program and of its functions on executors. Default: `PYSPARK_PYTHON`, else `python3`.
    PYSPARK_PYTHON: String = NAME, "spark.pyspark.python", none, "2.1.0", Start;
    /// Python of the program. Default: that of `spark.pyspark.python`, unless `PYSPARK_DRIVER_PYTHON` is set.
    PYSPARK_DRIVER_PYTHON: String = NAME, "spark.pyspark.driver.python", none, "2.1.0", Start;
    /// Give a Python worker the next task as well; else each task starts a new one.
    PYTHON_WORKER_REUSE: bool = BOOL, "spark.python.worker.reuse", "true", "1.2.0", Start;
    /// Python files (.py, .zip, .egg, .whl) that the program can import, separated by commas. Set by
    /// `spec.deps.pyFiles`.
    SUBMIT_PY_FILES: Vec<String> = LIST, "spark.submit.pyFiles", "", "1.0.1", Start;
    /// Files that the program finds by `SparkFiles.get`, separated by commas. Set by `spec.deps.files`.
    FILES: Vec<String> = LIST, "spark.files", "", "1.0.0", Start;
    /// Archives (.zip, .jar, .tar, .tar.gz, .tgz) that are unpacked, each to a folder of its name, or of the
    /// name behind a `#`; separated by commas. Set by `spec.deps.archives`.
    ARCHIVES: Vec<String> = LIST, "spark.archives", "", "3.1.0", Start;

    prefixes
    /// Environment variable of the executors.
    EXECUTOR_ENV = "spark.executorEnv.", "0.9.0", Submission;
    /// Hadoop property.
    HADOOP = "spark.hadoop.", "1.0.0", Start;
}
