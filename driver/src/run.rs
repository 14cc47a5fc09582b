//! Runs an application: engine up, program through, engine down.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use cerium_conf::{ConfError, Key, SparkConf, env, keys};
use cerium_engine::object_stores::{ObjectStores, StoreError, read_to_string};
use cerium_spark::session::SparkSession;
use datafusion::error::DataFusionError;
use tokio::signal::unix::{SignalKind, signal};

use crate::application::Application;
use crate::driver::{Driver, StartError};
use crate::executors::ExecutorProvider;
use crate::executors::kubernetes::{KubernetesError, KubernetesProvider};
use crate::executors::local::{LocalError, LocalProvider};
use crate::program::{ScriptError, run_script};

/// Why an application failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system gives no threads or signals.
    #[error("failed to set up the process")]
    Process(#[source] io::Error),
    /// There is no folder for scratch files.
    #[error("failed to make a folder for scratch files")]
    Scratch(#[source] io::Error),
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// Executor processes cannot be started.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Executor pods cannot be made.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// The pod is not one the operator made.
    #[error("the environment variable {0} is not set; the operator sets it on driver pods")]
    NoAddress(&'static str),
    /// The engine did not start.
    #[error("the driver did not start")]
    Start(#[from] StartError),
    /// No session could be made.
    #[error("the driver could not make a session")]
    Session(#[from] DataFusionError),
    /// The main file could not be read.
    #[error("failed to read the main file {main_file}")]
    MainFile {
        /// As the application names it.
        main_file: String,
        /// What went wrong.
        source: StoreError,
    },
    /// Only SQL scripts run so far.
    #[error("cannot run {main_file}: only SQL scripts, with names that end in .sql, run so far")]
    Kind {
        /// As the application names it.
        main_file: String,
    },
    /// The program failed.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The process was told to end.
    #[error("ended by {0} before the program was done")]
    Ended(&'static str),
}

/// Where executors come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Child processes of this one.
    Local,
    /// Pods beside this one.
    Kubernetes,
}

/// Runs an application. Blocks until the program and all executors have ended.
pub fn run(application: &Application, provider: Provider) -> Result<(), RunError> {
    let threads = application.conf.get(&keys::DRIVER_CORES)?.max(2) as usize;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(RunError::Process)?;
    // Held until the end: executors work in it. In a pod their own volumes take its place.
    let scratch = tempfile::tempdir().map_err(RunError::Scratch)?;
    runtime.block_on(async {
        let (executors, host) = executors(&application.conf, provider, scratch.path()).await?;
        let driver = Driver::start(application.conf.clone(), executors, &host).await?;
        let outcome = tokio::select! {
            outcome = run_program(&driver, application) => outcome,
            name = told_to_end() => Err(name.map_or_else(RunError::Process, RunError::Ended)),
        };
        driver.stop().await;
        outcome
    })
}

/// The provider's executors, and the address at which they reach the driver.
async fn executors(
    conf: &SparkConf,
    provider: Provider,
    scratch: &Path,
) -> Result<(Arc<dyn ExecutorProvider>, String), RunError> {
    match provider {
        Provider::Local => {
            let id = conf.get_str(keys::APP_ID.name()).unwrap_or_default();
            Ok((Arc::new(LocalProvider::new(conf, id, scratch)?), Ipv4Addr::LOCALHOST.to_string()))
        }
        Provider::Kubernetes => {
            let variable = |name: &str| std::env::var(name).ok();
            let host = variable(env::SPARK_DRIVER_BIND_ADDRESS)
                .ok_or(RunError::NoAddress(env::SPARK_DRIVER_BIND_ADDRESS))?;
            Ok((Arc::new(KubernetesProvider::from_environment(conf, variable).await?), host))
        }
    }
}

async fn run_program(driver: &Driver, application: &Application) -> Result<(), RunError> {
    let Application { conf, main_file } = application;
    if !is_sql(main_file) {
        return Err(RunError::Kind { main_file: main_file.clone() });
    }
    let script = read_main_file(conf, main_file).await?;
    let session = SparkSession::new(driver.session_state()?, conf.clone());
    Ok(run_script(driver, &session, &script, &mut io::stdout()).await?)
}

fn is_sql(main_file: &str) -> bool {
    main_file.to_ascii_lowercase().ends_with(".sql")
}

async fn read_main_file(conf: &SparkConf, main_file: &str) -> Result<String, RunError> {
    read_to_string(&ObjectStores::new(conf.clone()), main_file)
        .await
        .map_err(|source| RunError::MainFile { main_file: main_file.to_owned(), source })
}

/// Waits for SIGTERM or SIGINT and names it.
pub async fn told_to_end() -> io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

#[cfg(test)]
mod tests {
    use super::is_sql;

    #[test]
    fn scripts_are_known_by_their_name() {
        assert!(is_sql("s3a://bucket/jobs/report.sql"));
        assert!(is_sql("REPORT.SQL"));
        assert!(!is_sql("local:///app/job.py"));
        assert!(!is_sql("sql"));
    }
}
