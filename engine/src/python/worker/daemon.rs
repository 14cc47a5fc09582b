//! PySpark's daemon: one process for each interpreter and environment, which forks the workers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use cerium_conf::{ByteSize, SizeUnit, SparkConf, keys};
use serde::Deserialize;
use tempfile::TempDir;
use uuid::Uuid;

use super::header::Dialect;
use super::{Worker, WorkerError};
use crate::python_modules;

/// How long the imports of the daemon may take.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// What a path of a socket may be long, in bytes, less the name that PySpark gives it.
const LONGEST_SOCKET_DIR: usize = 107 - 42;
/// Which Python runs functions, and with which environment variables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interpreter {
    /// The command.
    pub python: String,
    /// Variables set beside those of the executor.
    pub environment: BTreeMap<String, String>,
    /// PySpark's module that workers run.
    pub module: &'static str,
}

/// What runs functions.
const FUNCTIONS: &str = "pyspark.worker";
/// What asks table functions about their calls.
const ANALYZE: &str = "pyspark.sql.worker.analyze_udtf";
/// Where PySpark reads how much memory, in MiB, a worker and one of the planner may use, and where
/// crashes are to be written down.
const WORKER_MEMORY: &str = "PYSPARK_EXECUTOR_MEMORY_MB";
const PLANNER_MEMORY: &str = "PYSPARK_PLANNER_MEMORY_MB";
const FAULTS: &str = "PYTHON_FAULTHANDLER_DIR";
/// Spark's settings for the last, that of the session before that of the application.
const FAULT_HANDLER: [&str; 2] =
    ["spark.sql.execution.pyspark.udf.faulthandler.enabled", "spark.python.worker.faulthandler.enabled"];

impl Interpreter {
    /// The interpreter that the configuration, or else the environment, asks for.
    pub fn of(conf: &SparkConf) -> Self {
        let mut environment: BTreeMap<String, String> = conf
            .iter_prefix("spark.executorEnv.")
            .map(|(name, value)| (name.trim_start_matches("spark.executorEnv.").to_owned(), value.to_owned()))
            .collect();
        let python = environment
            .get("PYSPARK_PYTHON")
            .cloned()
            .or_else(|| conf.get_str("spark.pyspark.python").map(str::to_owned))
            .or_else(|| std::env::var("PYSPARK_PYTHON").ok().filter(|python| !python.is_empty()))
            .unwrap_or_else(|| "python3".to_owned());
        if let Some(mebibytes) = memory_of_a_worker(conf) {
            environment.insert(WORKER_MEMORY.into(), mebibytes.to_string());
            // Arrow's own allocators reserve a gigabyte of addresses, which count against the limit.
            environment.entry("ARROW_DEFAULT_MEMORY_POOL".into()).or_insert_with(|| "system".into());
        }
        let traced = FAULT_HANDLER.into_iter().find_map(|key| conf.get_str(key)) == Some("true");
        if let Some(home) = home().ok().filter(|_| traced) {
            environment.insert(FAULTS.into(), home.join("faults").display().to_string());
        }
        Self { python, environment, module: FUNCTIONS }
    }

    /// The same for questions while a query is planned.
    #[must_use]
    pub fn planning(mut self, conf: &SparkConf) -> Self {
        self.environment.remove(WORKER_MEMORY);
        let memory = conf.get_str("spark.sql.planner.pythonExecution.memory");
        if let Some(memory) = memory.and_then(|text| ByteSize::parse(text, SizeUnit::Mebibytes).ok()) {
            self.environment.insert(PLANNER_MEMORY.into(), memory.mebibytes().to_string());
        }
        Self { module: ANALYZE, ..self }
    }

    /// What a worker's process left when it crashed, where faults are written down.
    pub fn fault(&self, pid: i32) -> Option<WorkerError> {
        let log = Path::new(self.environment.get(FAULTS)?).join(pid.to_string());
        let text = fs::read_to_string(&log).ok().filter(|text| !text.trim().is_empty())?;
        if let Err(error) = fs::remove_file(&log) {
            tracing::debug!(log = %log.display(), %error, "the log of a crash stays");
        }
        Some(WorkerError::Traced(text))
    }

    /// The error of a function that raised an exception.
    pub fn raised(&self, traceback: &[u8]) -> WorkerError {
        let mut text = String::from_utf8_lossy(traceback).into_owned();
        if let Some(memory) = self.environment.get(WORKER_MEMORY)
            && text.contains("MemoryError")
        {
            let limit = format!(
                "\nA Python worker may use {memory} MiB: spark.executor.pyspark.memory is shared by the tasks that \
                 an executor runs at once."
            );
            text.truncate(text.trim_end().len());
            text.push_str(&limit);
        }
        WorkerError::Raised(text)
    }

    /// The same, where its command is a path that leads into a folder of files, such as that of an
    /// unpacked archive.
    #[must_use]
    pub fn within(&self, folder: &Path) -> Self {
        let path = Path::new(&self.python);
        let inside = folder.join(path);
        let found = path.is_relative() && path.components().count() > 1 && inside.exists();
        let python = if found { inside.display().to_string() } else { self.python.clone() };
        Self { python, ..self.clone() }
    }
}

/// The share of each task in `spark.executor.pyspark.memory`, in MiB.
fn memory_of_a_worker(conf: &SparkConf) -> Option<i64> {
    let memory = conf.get(&keys::EXECUTOR_PYSPARK_MEMORY).ok().flatten()?;
    let cores = std::env::var("SPARK_EXECUTOR_CORES").ok().and_then(|cores| cores.parse().ok()).unwrap_or(1);
    Some((memory.mebibytes() / i64::max(cores, 1)).max(1))
}

/// The directory with the package and the daemons' sockets.
struct Home(TempDir);

impl Home {
    fn create() -> Result<Self, WorkerError> {
        let parent = std::env::var("SPARK_LOCAL_DIRS")
            .ok()
            .and_then(|dirs| dirs.split(',').next().map(PathBuf::from))
            .filter(|dir| dir.is_dir())
            .unwrap_or_else(std::env::temp_dir);
        let failed = |source| WorkerError::Files(parent.display().to_string(), source);
        let home =
            tempfile::Builder::new().prefix("py-").rand_bytes(6).tempdir_in(&parent).map_err(failed)?;
        for folder in ["files", "faults"] {
            fs::create_dir(home.path().join(folder)).map_err(failed)?;
        }
        python_modules::write(home.path()).map_err(failed)?;
        Ok(Self(home))
    }
}

static HOME: LazyLock<Result<Home, WorkerError>> = LazyLock::new(Home::create);

/// The directory that everything of workers is below.
pub fn home() -> Result<&'static Path, WorkerError> {
    match HOME.as_ref() {
        Ok(home) => Ok(home.0.path()),
        Err(error) => Err(WorkerError::Protocol(error.to_string())),
    }
}

/// Where workers are asked for.
#[derive(Debug, Clone)]
pub enum Address {
    /// A socket of this machine's file system.
    Unix(PathBuf),
    /// A port of this machine.
    Tcp(u16),
}

/// A running daemon. Dropping it ends it and all its workers.
#[derive(Debug)]
pub struct Daemon {
    process: Mutex<Option<(Child, ChildStdin)>>,
    /// Where it listens.
    pub address: Address,
    /// What connections over TCP must know.
    pub secret: String,
    /// How its workers are spoken to.
    pub dialect: Dialect,
}

/// What our part of the daemon says first.
#[derive(Deserialize)]
struct Greeting {
    pyspark: Option<String>,
    missing: Option<String>,
    python: Option<String>,
}

impl Daemon {
    /// Starts a daemon and waits until it listens.
    pub async fn start(interpreter: &Interpreter) -> Result<Arc<Self>, WorkerError> {
        let secret = Uuid::new_v4().simple().to_string();
        let mut child = spawn(interpreter, &secret)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(WorkerError::Protocol("no pipes".into()));
        };
        // Dropped on any way out, and the daemon with it.
        let process = Self {
            process: Mutex::new(Some((child, stdin))),
            address: Address::Tcp(0),
            secret,
            dialect: Dialect::V4_1,
        };
        let ready = tokio::task::spawn_blocking(move || greet(stdout));
        let ready = tokio::time::timeout(START_TIMEOUT, ready)
            .await
            .map_err(|_| WorkerError::DaemonSlow(START_TIMEOUT.as_secs()))?;
        let (dialect, address) = ready.map_err(|_| WorkerError::DaemonEnded)??;
        tracing::info!(python = interpreter.python, ?dialect, ?address, "Python daemon started");
        Ok(Arc::new(process.listening(dialect, address)))
    }

    fn listening(self, dialect: Dialect, address: Address) -> Self {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        Self { process: Mutex::new(process), address, secret: self.secret.clone(), dialect }
    }

    /// A new worker.
    pub async fn fork(self: &Arc<Self>) -> Result<Worker, WorkerError> {
        Worker::connect(Arc::clone(self)).await
    }

    /// Kills a worker at once.
    pub fn kill(&self, pid: i32) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, stdin)) = process.as_mut()
            && let Err(error) = stdin.write_all(&pid.to_be_bytes()).and_then(|()| stdin.flush())
        {
            tracing::debug!(pid, %error, "the Python daemon of a worker is gone");
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((mut child, stdin)) = process else { return };
        // The daemon takes the end of its input for the order to end.
        drop(stdin);
        std::thread::spawn(move || {
            if let Err(error) = child.wait() {
                tracing::debug!(%error, "cannot wait for a Python daemon");
            }
        });
    }
}

fn spawn(interpreter: &Interpreter, secret: &str) -> Result<Child, WorkerError> {
    let home = home()?;
    let mut path = OsString::new();
    if let Some(folder) = python_modules::folder_before() {
        path.push(folder);
        path.push(":");
    }
    path.push(home);
    let inherited =
        interpreter.environment.get("PYTHONPATH").cloned().or_else(|| std::env::var("PYTHONPATH").ok());
    if let Some(inherited) = inherited.filter(|inherited| !inherited.is_empty()) {
        path.push(":");
        path.push(inherited);
    }
    let sockets = home.as_os_str().len() <= LONGEST_SOCKET_DIR;
    let threads = std::env::var("OMP_NUM_THREADS").unwrap_or_else(|_| "1".into());
    Command::new(&interpreter.python)
        .args(["-m", "cerium_worker.daemon", interpreter.module])
        .env("OMP_NUM_THREADS", threads)
        .env("PYTHONHASHSEED", "0")
        .env("PYTHONUNBUFFERED", "YES")
        .envs(&interpreter.environment)
        .env("PYTHONPATH", path)
        .env("PYTHON_UNIX_DOMAIN_ENABLED", if sockets { "true" } else { "false" })
        .env("PYTHON_WORKER_FACTORY_SOCK_DIR", home)
        .env("PYTHON_WORKER_FACTORY_SECRET", secret)
        .env("PYTHON_DAEMON_KILL_WORKER_ON_FLUSH_FAILURE", "1")
        .env("SPARK_REUSE_WORKER", "1")
        .env("SPARK_BUFFER_SIZE", "65536")
        .env("SPARK_AUTH_SOCKET_TIMEOUT", "15")
        .env("SPARK_SIMPLIFIED_TRACEBACK", "1")
        .env_remove("SPARK_REMOTE")
        .env_remove("SPARK_CONNECT_MODE_ENABLED")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|source| WorkerError::NoPython { python: interpreter.python.clone(), source })
}

/// Reads our greeting and PySpark's, which is a port or the path of a socket.
fn greet(stdout: ChildStdout) -> Result<(Dialect, Address), WorkerError> {
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    stdout.read_line(&mut line).map_err(|_| WorkerError::DaemonEnded)?;
    if line.is_empty() {
        return Err(WorkerError::DaemonEnded);
    }
    let greeting: Greeting =
        serde_json::from_str(&line).map_err(|_| WorkerError::Protocol(format!("the greeting {line:?}")))?;
    if let Some(package) = greeting.missing {
        return Err(WorkerError::NoPackage { package, python: greeting.python.unwrap_or_default() });
    }
    let dialect = Dialect::of(&greeting.pyspark.unwrap_or_default())?;
    let mut number = [0; 4];
    let mut read = |bytes: &mut [u8]| stdout.read_exact(bytes).map_err(|_| WorkerError::DaemonEnded);
    read(&mut number)?;
    let number = u32::from_be_bytes(number);
    let unix = dialect >= Dialect::V4_1 && home()?.as_os_str().len() <= LONGEST_SOCKET_DIR;
    if !unix {
        let port = u16::try_from(number);
        return port
            .map(|port| (dialect, Address::Tcp(port)))
            .map_err(|_| WorkerError::Protocol(format!("the port {number}")));
    }
    if number > 1024 {
        return Err(WorkerError::Protocol(format!("a path of {number} bytes")));
    }
    let mut path = vec![0; number as usize];
    read(&mut path)?;
    String::from_utf8(path)
        .map(|path| (dialect, Address::Unix(path.into())))
        .map_err(|_| WorkerError::Protocol("a path that is no text".into()))
}
