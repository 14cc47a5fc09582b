//! `cerium-driver connect`: serves Spark Connect on this machine, or in a server pod, until it is told to end.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use cerium_conf::{ConfError, Key, SparkConf, env, keys};

use crate::connect::{Server, ServerError};
use crate::driver::{Driver, StartError};
use crate::monitoring::{Monitoring, MonitoringError};
use crate::run::{ExecutorsError, Provider, executors, scratch, seen_at};
use crate::runtime::runtime;
use crate::signals::told_to_end;
use crate::ui::{Ui, UiError};

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
pub fn serve(
    conf: SparkConf,
    provider: Provider,
    host: Option<&str>,
    port: Option<u16>,
) -> Result<(), ServeError> {
    let port = match port {
        Some(port) => port,
        None => conf.get(&keys::CONNECT_PORT)?,
    };
    let pod_address = std::env::var(env::SPARK_DRIVER_BIND_ADDRESS).unwrap_or_default();
    let host = host.map_or_else(|| default_host(provider, &pod_address), ToOwned::to_owned);
    let address = resolve(&host, port)?;
    let threads = match provider {
        Provider::Local => None,
        Provider::Kubernetes => Some(conf.get(&keys::DRIVER_CORES)?.max(2) as usize),
    };
    let runtime = runtime(threads).map_err(ServeError::Process)?;
    // Held until the end: executors on this machine work in it.
    let scratch = scratch(provider).map_err(ServeError::Scratch)?;
    runtime.block_on(async {
        let (executors, own_host) = executors(&conf, provider, scratch.path()).await?;
        let driver = Arc::new(Driver::start(conf.clone(), executors, &own_host).await?);
        let _ui = Ui::start(Arc::clone(&driver), address.ip()).await?;
        let _metrics =
            Monitoring::start(Arc::clone(&driver), address.ip(), |name| std::env::var(name).ok()).await?;
        let served = serve_until_told(&driver, address, &host).await;
        driver.stop().await;
        served
    })
}

/// Clients of a server pod come from anywhere, and by port forwarding from within; of one on this machine, from
/// here.
fn default_host(provider: Provider, pod_address: &str) -> String {
    match provider {
        Provider::Local => "localhost".to_owned(),
        Provider::Kubernetes => seen_at(provider, pod_address).to_string(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_pod_listens_to_everybody_and_one_on_this_machine_to_nobody_else() {
        assert_eq!(default_host(Provider::Local, ""), "localhost");
        assert_eq!(default_host(Provider::Kubernetes, "10.0.0.7"), "0.0.0.0");
        assert_eq!(default_host(Provider::Kubernetes, "fd00::7"), "::");
    }
}
