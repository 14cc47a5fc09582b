//! What can go wrong between an executor and its Python workers.

use cerium_spark::error::SparkError;
use datafusion::error::DataFusionError;

/// A Python worker that did not start, did not understand or did not survive.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The interpreter is not there.
    #[error("cannot start Python as `{python}`; install Python on executors or set spark.pyspark.python")]
    NoPython {
        /// The command.
        python: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A package that every worker needs is not installed.
    #[error(
        "the Python package `{package}` is not installed for {python} on executors; Python functions need \
         pyspark-client (or pyspark) and pyarrow there: use an image that has them or `pip install` them"
    )]
    NoPackage {
        /// The package.
        package: String,
        /// The interpreter.
        python: String,
    },
    /// A PySpark whose protocol is not known.
    #[error(
        "PySpark {0} on executors is not supported; Cerium works with PySpark 3.5, 4.0, 4.1, 4.2 and 4.3"
    )]
    UnknownVersion(String),
    /// The daemon ended before it was ready.
    #[error("the Python daemon ended before it was ready; its output is in the executor's log")]
    DaemonEnded,
    /// The daemon was not ready in time.
    #[error("the Python daemon was not ready within {0} seconds")]
    DaemonSlow(u64),
    /// The daemon could not fork.
    #[error("the Python daemon cannot start another worker (error {0} of the system)")]
    Fork(i32),
    /// Files for workers could not be written.
    #[error("cannot write the files of Python workers to {0}")]
    Files(String, #[source] std::io::Error),
    /// A file of the session could not be had.
    #[error("cannot fetch the file {0} for Python workers: {1}")]
    Fetch(String, String),
    /// A function uses a broadcast that is no longer there.
    #[error("Attempted to use Broadcast({0}) after it was destroyed")]
    Destroyed(i64),
    /// The connection broke: the worker is gone.
    #[error(
        "Python worker exited unexpectedly (crashed). Consider setting \
         'spark.sql.execution.pyspark.udf.faulthandler.enabled' or\
         'spark.python.worker.faulthandler.enabled' configuration to 'true' for the better Python traceback."
    )]
    Crashed(#[source] std::io::Error),
    /// The worker crashed and left the traceback of Python's fault handler.
    #[error("Python worker exited unexpectedly (crashed): {0}")]
    Traced(String),
    /// The worker did nothing for so many seconds, and was killed.
    #[error("Python worker process terminated due to idle timeout (timeout: {0} seconds)")]
    Idle(u64),
    /// The worker said something that is not part of the protocol.
    #[error("a Python worker sent {0}")]
    Protocol(String),
    /// The function raised an exception; the text is its traceback.
    #[error("{RAISED}\n{0}", RAISED = Self::RAISED)]
    Raised(String),
}

impl WorkerError {
    /// The class under which a client finds an exception of the user's function.
    pub const PYTHON_EXCEPTION: &'static str = "PYTHON_EXCEPTION";

    /// The class of a worker that failed by itself.
    pub const PYTHON_WORKER_FAILED: &'static str = "PYTHON_WORKER_FAILED";

    /// What comes before the traceback.
    pub const RAISED: &'static str =
        "An exception was thrown from the Python worker. Please see the stack trace below.";

    /// What it is called in Spark's list of errors, and its SQLSTATE.
    fn class(&self) -> (&'static str, &'static str) {
        match self {
            Self::Raised(_) => (Self::PYTHON_EXCEPTION, "38000"),
            Self::NoPython { .. } | Self::NoPackage { .. } | Self::UnknownVersion(_) => {
                ("PYTHON_WORKER_ENVIRONMENT", "58000")
            }
            _ => (Self::PYTHON_WORKER_FAILED, "58000"),
        }
    }
}

impl From<WorkerError> for SparkError {
    fn from(error: WorkerError) -> Self {
        let (class, state) = error.class();
        let message = match &error {
            WorkerError::NoPython { source, .. } => format!("{error}: {source}"),
            WorkerError::Files(_, source) => format!("{error}: {source}"),
            _ => error.to_string(),
        };
        Self::new(class, state, message)
    }
}

impl From<WorkerError> for DataFusionError {
    fn from(error: WorkerError) -> Self {
        Self::External(Box::new(SparkError::from(error)))
    }
}
