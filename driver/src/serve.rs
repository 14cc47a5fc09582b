//! `cerium-driver connect`: serves Spark Connect on this machine until it is told to end.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use cerium_conf::{ConfError, Key, SparkConf, keys};

use crate::connect::{Server, ServerError};
use crate::driver::{Driver, StartError};
use crate::executors::local::{LocalError, LocalProvider};
use crate::runtime::runtime;
use crate::signals::told_to_end;
use crate::ui::{Ui, UiError};

/// Where executors reach the driver.
const LOOPBACK: &str = "127.0.0.1";

/// Why the server did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The system gives no threads or signals.
    #[error("failed to set up the process")]
    Process(#[source] io::Error),
    /// There is no folder for scratch files.
    #[error("failed to make a folder for scratch files")]
    Scratch(#[source] io::Error),
    /// The host has no address.
    #[error("{host} is not a host of this machine")]
    Host {
        /// As asked for.
        host: String,
        /// The system's answer, if it had one.
        source: Option<io::Error>,
    },
    /// The address could not be told.
    #[error("failed to print where the server listens")]
    Print(#[source] io::Error),
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// Executor processes cannot be started.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The engine did not start.
    #[error("the driver did not start")]
    Start(#[from] StartError),
    /// The web UI could not be served.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// The configuration of a server on this machine: what is asked for, over one executor with all cores.
pub fn server_conf(entries: Vec<(String, String)>) -> SparkConf {
    let mut conf: SparkConf = entries.into_iter().collect();
    if !conf.contains(keys::EXECUTOR_INSTANCES.name()) && !conf.contains(keys::EXECUTOR_CORES.name()) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        conf.set(keys::EXECUTOR_INSTANCES.name(), "1");
        conf.set(keys::EXECUTOR_CORES.name(), cores.to_string());
    }
    conf.set_if_missing(keys::APP_NAME.name(), "Spark Connect server");
    conf.set_if_missing(keys::APP_ID.name(), format!("local-{}", jiff::Timestamp::now().as_millisecond()));
    conf
}

/// Serves until SIGTERM or SIGINT. Prints where it listens once it does.
pub fn serve(conf: SparkConf, host: &str, port: Option<u16>) -> Result<(), ServeError> {
    let port = match port {
        Some(port) => port,
        None => conf.get(&keys::CONNECT_PORT)?,
    };
    let address = resolve(host, port)?;
    let runtime = runtime(None).map_err(ServeError::Process)?;
    // Held until the end: executors work in it.
    let scratch = tempfile::tempdir().map_err(ServeError::Scratch)?;
    runtime.block_on(async {
        let id = conf.get_str(keys::APP_ID.name()).unwrap_or_default();
        let executors = Arc::new(LocalProvider::new(&conf, id, scratch.path())?);
        let driver = Arc::new(Driver::start(conf.clone(), executors, LOOPBACK).await?);
        let _ui = Ui::start(Arc::clone(&driver), address.ip()).await?;
        let served = serve_until_told(&driver, address, host).await;
        driver.stop().await;
        served
    })
}

async fn serve_until_told(driver: &Arc<Driver>, address: SocketAddr, host: &str) -> Result<(), ServeError> {
    let server = Server::start(Arc::clone(driver), address).await?;
    // By the name that was given: clients take `localhost` alone for plain text.
    let mut out = io::stdout();
    let port = server.local_addr().port();
    writeln!(out, "Spark Connect server at sc://{host}:{port}")
        .and_then(|()| out.flush())
        .map_err(ServeError::Print)?;
    let signal = told_to_end().await.map_err(ServeError::Process)?;
    tracing::info!(%signal, "ending");
    server.stop().await;
    Ok(())
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, ServeError> {
    let failed = |source| ServeError::Host { host: host.to_owned(), source };
    let mut found = (host, port).to_socket_addrs().map_err(|error| failed(Some(error)))?;
    // IPv4 first: what executors and most clients use.
    let all: Vec<_> = found.by_ref().collect();
    let chosen = all.iter().find(|address| address.is_ipv4()).or(all.first());
    chosen.copied().ok_or_else(|| failed(None))
}
