//! Runs an application: engine up, program through, engine down.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cerium_conf::{ConfError, Key, SparkConf, env, keys};
use cerium_engine::object_stores::{ObjectStores, StoreError, read_to_string};
use datafusion::error::DataFusionError;
use tempfile::TempDir;

use crate::application::Application;
use crate::connect::{Server, ServerError};
use crate::driver::{Driver, StartError};
use crate::executors::ExecutorProvider;
use crate::executors::kubernetes::{KubernetesError, KubernetesProvider};
use crate::executors::local::{LocalError, LocalProvider};
use crate::monitoring::{Monitoring, MonitoringError};
use crate::program::python::{self, Place, PythonError};
use crate::program::{Language, ScriptError, run_script};
use crate::runtime::runtime;
use crate::signals::{EndSignal, told_to_end};
use crate::ui::{Ui, UiError};

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
    /// Executors cannot be made.
    #[error(transparent)]
    Executors(#[from] ExecutorsError),
    /// The engine did not start.
    #[error("the driver did not start")]
    Start(#[from] StartError),
    /// The web UI could not be served.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// Metrics could not be served.
    #[error(transparent)]
    Monitoring(#[from] MonitoringError),
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
    /// It is neither SQL nor Python.
    #[error("cannot run {main_file}: a program is a SQL script (.sql) or a Python program (.py)")]
    Kind {
        /// As the application names it.
        main_file: String,
    },
    /// The program failed.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The Python program did not run, or failed.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// The Connect server did not start.
    #[error("the Spark Connect server did not start")]
    Server(#[from] ServerError),
    /// The process was told to end.
    #[error("ended by {0} before the program was done")]
    Ended(EndSignal),
}

impl RunError {
    /// The exit code that tells of it: 1, or the program's own; 128 and the number of a signal.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Python(error) => error.exit_code(),
            Self::Ended(signal) => 128 + signal.number(),
            _ => 1,
        }
    }
}

/// Why executors cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorsError {
    /// Executor processes cannot be started.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Executor pods cannot be made.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// The pod is not one the operator made.
    #[error("the environment variable {0} is not set; the operator sets it on driver pods")]
    NoAddress(&'static str),
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
    let main_file = &application.main_file;
    let language = Language::of(main_file).ok_or_else(|| RunError::Kind { main_file: main_file.clone() })?;
    let threads = application.conf.get(&keys::DRIVER_CORES)?.max(2) as usize;
    let runtime = runtime(Some(threads)).map_err(RunError::Process)?;
    // Held until the end: the program's files are in it, and those of local executors.
    let scratch = scratch(provider).map_err(RunError::Scratch)?;
    runtime.block_on(async {
        let (executors, host) = executors(&application.conf, provider, scratch.path()).await?;
        let driver = Arc::new(Driver::start(application.conf.clone(), executors, &host).await?);
        let seen_at = seen_at(provider, &host);
        let _ui = Ui::start(Arc::clone(&driver), seen_at).await?;
        let _metrics =
            Monitoring::start(Arc::clone(&driver), seen_at, |name| std::env::var(name).ok()).await?;
        let outcome = match language {
            Language::Sql => until_told_to_end(Box::pin(run_sql(&driver, application))).await,
            Language::Python => run_python(&driver, application, provider, scratch.path()).await,
        };
        driver.stop().await;
        outcome
    })
}

/// Where the web UI listens: on a machine of one's own for oneself, in a pod at all of its addresses; the
/// pod's own tells of which family they are.
pub(crate) fn seen_at(provider: Provider, host: &str) -> IpAddr {
    match (provider, host.parse()) {
        (Provider::Local, _) => Ipv4Addr::LOCALHOST.into(),
        (Provider::Kubernetes, Ok(IpAddr::V6(_))) => Ipv6Addr::UNSPECIFIED.into(),
        (Provider::Kubernetes, _) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// A new folder for scratch files: in a pod on the volume that is meant for them.
pub(crate) fn scratch(provider: Provider) -> io::Result<TempDir> {
    let dirs = std::env::var(env::SPARK_LOCAL_DIRS).unwrap_or_default();
    match dirs.split(',').find(|dir| !dir.is_empty()) {
        Some(dir) if provider == Provider::Kubernetes => tempfile::tempdir_in(PathBuf::from(dir)),
        _ => tempfile::tempdir(),
    }
}

/// The provider's executors, and the address at which they reach the driver.
pub(crate) async fn executors(
    conf: &SparkConf,
    provider: Provider,
    scratch: &Path,
) -> Result<(Arc<dyn ExecutorProvider>, String), ExecutorsError> {
    match provider {
        Provider::Local => {
            let id = conf.get_str(keys::APP_ID.name()).unwrap_or_default();
            Ok((Arc::new(LocalProvider::new(conf, id, scratch)?), Ipv4Addr::LOCALHOST.to_string()))
        }
        Provider::Kubernetes => {
            let variable = |name: &str| std::env::var(name).ok();
            let host = variable(env::SPARK_DRIVER_BIND_ADDRESS)
                .ok_or(ExecutorsError::NoAddress(env::SPARK_DRIVER_BIND_ADDRESS))?;
            Ok((Arc::new(KubernetesProvider::from_environment(conf, variable).await?), host))
        }
    }
}

async fn run_sql(driver: &Driver, application: &Application) -> Result<(), RunError> {
    let Application { conf, main_file, .. } = application;
    let script = read_main_file(conf, main_file).await?;
    let session = driver.session(Arc::default())?;
    Ok(run_script(driver, &session, &script, &mut io::stdout()).await?)
}

/// Runs the program beside a Connect server, which outlives it: a client without its server waits for
/// minutes.
async fn run_python(
    driver: &Arc<Driver>,
    application: &Application,
    provider: Provider,
    scratch: &Path,
) -> Result<(), RunError> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::start(Arc::clone(driver), any_port).await?;
    // Clients speak to other names, also addresses, by TLS alone.
    let remote = format!("sc://localhost:{}", server.local_addr().port());
    let place = match provider {
        Provider::Local => Place::Here,
        Provider::Kubernetes => Place::Pod,
    };
    let outcome = python::run(application, &remote, scratch, driver.files(), place).await;
    server.stop().await;
    Ok(outcome?)
}

async fn read_main_file(conf: &SparkConf, main_file: &str) -> Result<String, RunError> {
    read_to_string(&ObjectStores::new(conf.clone()), main_file)
        .await
        .map_err(|source| RunError::MainFile { main_file: main_file.to_owned(), source })
}

async fn until_told_to_end(program: impl Future<Output = Result<(), RunError>>) -> Result<(), RunError> {
    tokio::select! {
        outcome = program => outcome,
        signal = told_to_end() => Err(signal.map_or_else(RunError::Process, RunError::Ended)),
    }
}
