//! Names of the environment variables by which driver and executors are told who they are.

/// User the program runs as.
pub const SPARK_USER: &str = "SPARK_USER";
/// Spark's application id.
pub const SPARK_APPLICATION_ID: &str = "SPARK_APPLICATION_ID";
/// Directories for scratch files, separated by commas.
pub const SPARK_LOCAL_DIRS: &str = "SPARK_LOCAL_DIRS";
/// Directory of Spark's configuration, as programs look for it: that of `spec.sparkConfigMap` where there is one.
pub const SPARK_CONF_DIR: &str = "SPARK_CONF_DIR";
/// Directory of what the operator wrote for the driver: `spark.properties` and the template of the executors.
pub const CERIUM_CONF_DIR: &str = "CERIUM_CONF_DIR";

/// IP address of the driver pod.
pub const SPARK_DRIVER_BIND_ADDRESS: &str = "SPARK_DRIVER_BIND_ADDRESS";
/// Name of the driver pod.
pub const SPARK_DRIVER_POD_NAME: &str = "SPARK_DRIVER_POD_NAME";
/// UID of the driver pod.
pub const SPARK_DRIVER_POD_UID: &str = "SPARK_DRIVER_POD_UID";
/// Namespace of the driver pod.
pub const SPARK_DRIVER_NAMESPACE: &str = "SPARK_DRIVER_NAMESPACE";

/// URL of the driver an executor registers with.
pub const SPARK_DRIVER_URL: &str = "SPARK_DRIVER_URL";
/// Number of the executor, counted from 1.
pub const SPARK_EXECUTOR_ID: &str = "SPARK_EXECUTOR_ID";
/// Number of tasks the executor runs at once.
pub const SPARK_EXECUTOR_CORES: &str = "SPARK_EXECUTOR_CORES";
/// Memory of the executor's engine in MiB, written like `1024m`.
pub const SPARK_EXECUTOR_MEMORY: &str = "SPARK_EXECUTOR_MEMORY";
/// Stack of a process's threads in bytes, where they name no other: Rust's standard library reads it.
pub const RUST_MIN_STACK: &str = "RUST_MIN_STACK";
/// What executors have of it. Operators call each other, so that the depth of a plan is that of the stack:
/// the usual 2 MiB end with a few Python functions in each other.
pub const EXECUTOR_STACK: &str = "33554432";
/// IP address of the executor pod.
pub const SPARK_EXECUTOR_POD_IP: &str = "SPARK_EXECUTOR_POD_IP";
/// Name of the executor pod.
pub const SPARK_EXECUTOR_POD_NAME: &str = "SPARK_EXECUTOR_POD_NAME";

/// Python of programs and of workers, as Spark knows it.
pub const PYSPARK_PYTHON: &str = "PYSPARK_PYTHON";
/// Python of programs alone.
pub const PYSPARK_DRIVER_PYTHON: &str = "PYSPARK_DRIVER_PYTHON";
/// URL of the Spark Connect server a program talks to.
pub const SPARK_REMOTE: &str = "SPARK_REMOTE";
/// Installation of Spark in the image, if there is one.
pub const SPARK_HOME: &str = "SPARK_HOME";
/// Directory in which executors of one machine keep their shuffle files together.
pub const CERIUM_SHUFFLE_DIR: &str = "CERIUM_SHUFFLE_DIR";
/// Folder in which `SparkFiles` looks.
pub const CERIUM_FILES_DIR: &str = "CERIUM_FILES_DIR";
/// Port at which a driver or an executor serves metrics for Prometheus.
pub const CERIUM_METRICS_PORT: &str = "CERIUM_METRICS_PORT";
/// Whose metrics they are: the application's namespace and name, with a dot between.
pub const CERIUM_METRICS_NAMESPACE: &str = "CERIUM_METRICS_NAMESPACE";
/// Process id of the driver, which a program must not outlive.
pub const CERIUM_DRIVER_PID: &str = "CERIUM_DRIVER_PID";

/// Directory of Hadoop's configuration files.
pub const HADOOP_CONF_DIR: &str = "HADOOP_CONF_DIR";
/// File of a Hadoop delegation token.
pub const HADOOP_TOKEN_FILE_LOCATION: &str = "HADOOP_TOKEN_FILE_LOCATION";
/// File of the key of a Google service account.
pub const GOOGLE_APPLICATION_CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
