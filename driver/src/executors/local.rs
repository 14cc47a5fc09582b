//! Executors as child processes on this machine. They end with the driver.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cerium_conf::{ConfError, Key, SparkConf, env, keys};
use cerium_crds::progress::Progress;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{EventSender, ExecutorEvent, ExecutorId, ExecutorProvider, ExecutorState, Exit, ProviderEvent};

/// Why local executors cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The driver does not know where it was started from.
    #[error("cannot tell where this program lies, so not where cerium-executor does")]
    OwnPath(#[source] std::io::Error),
    /// There is no executor program.
    #[error("{0} does not exist; it belongs beside the driver's program")]
    NoExecutor(PathBuf),
}

/// What every executor process is started with.
#[derive(Debug, Clone)]
struct Template {
    program: PathBuf,
    env: Vec<(String, String)>,
    local_dirs: PathBuf,
}

#[derive(Default)]
struct Children {
    running: HashMap<ExecutorId, oneshot::Sender<()>>,
    watchers: JoinSet<()>,
}

/// Runs `cerium-executor` processes.
pub struct LocalProvider {
    template: Mutex<Template>,
    application_id: String,
    connection: OnceLock<(String, EventSender)>,
    children: Arc<Mutex<Children>>,
}

impl LocalProvider {
    /// A provider that starts the executor program beside this one, with work directories under
    /// `local_dirs`.
    pub fn new(conf: &SparkConf, application_id: &str, local_dirs: &Path) -> Result<Self, LocalError> {
        let own = std::env::current_exe().map_err(LocalError::OwnPath)?;
        Self::with_program(&own.with_file_name("cerium-executor"), conf, application_id, local_dirs)
    }

    /// As [`Self::new`], with the path of the executor program.
    pub fn with_program(
        program: &Path,
        conf: &SparkConf,
        application_id: &str,
        local_dirs: &Path,
    ) -> Result<Self, LocalError> {
        if !program.is_file() {
            return Err(LocalError::NoExecutor(program.to_path_buf()));
        }
        let template = Template {
            program: program.to_path_buf(),
            env: environment(conf, application_id)?,
            local_dirs: local_dirs.to_path_buf(),
        };
        Ok(Self {
            template: Mutex::new(template),
            application_id: application_id.to_owned(),
            connection: OnceLock::new(),
            children: Arc::default(),
        })
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn template(&self) -> MutexGuard<'_, Template> {
        self.template.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the conf says of an executor's environment.
fn environment(conf: &SparkConf, application_id: &str) -> Result<Vec<(String, String)>, ConfError> {
    let own = [
        (env::SPARK_APPLICATION_ID, application_id.to_string()),
        (env::SPARK_EXECUTOR_CORES, conf.get(&keys::EXECUTOR_CORES)?.to_string()),
        (env::RUST_MIN_STACK, env::EXECUTOR_STACK.to_owned()),
        (env::SPARK_EXECUTOR_MEMORY, format!("{}m", conf.get(&keys::EXECUTOR_MEMORY)?.mebibytes())),
        (env::SPARK_EXECUTOR_POD_IP, "127.0.0.1".to_string()),
    ];
    let python = conf.get(&keys::PYSPARK_PYTHON)?.map(|python| (env::PYSPARK_PYTHON, python));
    // Later ones win: the program's own, then what executors are told.
    let mut variables: Vec<(String, String)> =
        conf.iter_prefix(keys::EXECUTOR_ENV).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    variables.extend(python.into_iter().chain(own).map(|(key, value)| (key.to_owned(), value)));
    Ok(variables)
}

impl ExecutorProvider for LocalProvider {
    fn start(&self, driver_url: String, events: EventSender) {
        // A second call changes nothing: one provider serves one application.
        let _ = self.connection.set((driver_url, events));
    }

    fn set_defaults(&self, conf: &mut SparkConf) {
        // What is written is read from the page cache: packing it costs more than it saves.
        conf.set_if_missing(keys::SHUFFLE_COMPRESS.name(), "false");
        // As Spark's local master.
        conf.set_if_missing(keys::TASK_MAX_FAILURES.name(), "1");
    }

    fn reconfigure(&self, conf: &SparkConf) -> Result<(), ConfError> {
        self.template().env = environment(conf, &self.application_id)?;
        Ok(())
    }

    fn request(&self, ids: &[ExecutorId]) {
        let Some((driver_url, events)) = self.connection.get() else { return };
        let template = self.template().clone();
        let mut children = self.children();
        while children.watchers.try_join_next().is_some() {}
        for &id in ids {
            let (kill, killed) = oneshot::channel();
            children.running.insert(id, kill);
            let child = template.spawn(id, driver_url);
            let watch = watch(id, child, killed, events.clone(), Arc::clone(&self.children));
            children.watchers.spawn(watch);
        }
    }

    fn release(&self, ids: &[ExecutorId]) {
        let mut children = self.children();
        for id in ids {
            // Dropping the sender ends the process.
            children.running.remove(id);
        }
    }

    fn tell(&self, _: Progress) {
        // The log is all there is to look at.
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        async {
            let mut watchers = {
                let mut children = self.children();
                children.running.clear();
                std::mem::take(&mut children.watchers)
            };
            while watchers.join_next().await.is_some() {}
        }
        .boxed()
    }
}

impl Template {
    fn spawn(&self, id: ExecutorId, driver_url: &str) -> std::io::Result<Child> {
        let local_dir = self.local_dirs.join(format!("executor-{id}"));
        std::fs::create_dir_all(&local_dir)?;
        Command::new(&self.program)
            .args(["executor", "--parent-stdin", "--block-manager-port", "0", "--task-port", "0"])
            .envs(self.env.iter().map(|(key, value)| (key.as_str(), value.as_str())))
            .env(env::SPARK_DRIVER_URL, driver_url)
            .env(env::SPARK_EXECUTOR_ID, id.to_string())
            .env(env::SPARK_LOCAL_DIRS, local_dir)
            .env(env::CERIUM_SHUFFLE_DIR, self.local_dirs.join("shuffle"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Follows one process to its end.
async fn watch(
    id: ExecutorId,
    child: std::io::Result<Child>,
    killed: oneshot::Receiver<()>,
    events: EventSender,
    children: Arc<Mutex<Children>>,
) {
    let report = |state| {
        // Without a receiver the application is over and nobody asks any more.
        let _ = events.send(ProviderEvent::Executor(ExecutorEvent { id, state }));
    };
    let exit = match child {
        Err(error) => {
            Exit { reason: format!("the executor process could not be started: {error}"), failed: true }
        }
        Ok(mut child) => {
            report(ExecutorState::Running);
            // Kept open as long as the process is watched; waiting for it would close it, and the
            // process takes that for the end of its parent.
            let stdin = child.stdin.take();
            if let Some(stderr) = child.stderr.take() {
                tokio::spawn(forward_log(id, stderr));
            }
            let exit = tokio::select! {
                status = child.wait() => exit_of(status),
                _ = killed => {
                    let reason = match child.kill().await {
                        Ok(()) => "released by the driver".to_string(),
                        Err(error) => format!("released by the driver, but not ended: {error}"),
                    };
                    Exit { reason, failed: false }
                }
            };
            drop(stdin);
            exit
        }
    };
    children.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&id);
    report(ExecutorState::Exited(exit));
}

fn exit_of(status: std::io::Result<ExitStatus>) -> Exit {
    let reason = match status {
        Ok(status) => format!("the executor process ended: {status}"),
        Err(error) => format!("the executor process was lost sight of: {error}"),
    };
    Exit { reason, failed: true }
}

/// Puts the executor's log lines into the driver's, marked by its id.
async fn forward_log(id: ExecutorId, stderr: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("[executor {id}] {line}");
    }
}
