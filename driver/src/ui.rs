//! The driver's web UI: pages, Spark's REST API and metrics of one application, read-only.

mod metrics;
mod page;
mod rest;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use cerium_conf::{ConfError, Key, SparkConf, keys};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::driver::Driver;
use crate::monitoring::TEXT_FORMAT;

/// The UI is not there.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The system does not tell the port.
    #[error("cannot tell the port of the web UI")]
    Address(#[source] io::Error),
    /// No port could be bound.
    #[error("cannot listen on {host}, ports {first} to {last}, for the web UI ({})", keys::UI_PORT.name())]
    Listen {
        /// The address.
        host: IpAddr,
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
        /// The system's answer to the last attempt.
        source: io::Error,
    },
}

/// What the UI shows.
#[derive(Clone)]
struct Shown {
    driver: Arc<Driver>,
}

impl Shown {
    fn setting(&self, key: &str) -> String {
        self.driver.conf().get_str(key).unwrap_or_default().to_owned()
    }

    fn id(&self) -> String {
        self.setting(keys::APP_ID.name())
    }

    fn name(&self) -> String {
        self.setting(keys::APP_NAME.name())
    }
}

/// The running UI; it ends when this is dropped.
pub struct Ui {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Ui {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Ui {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the UI of `driver` at `host`; nothing where `spark.ui.enabled` is false.
    pub async fn start(driver: Arc<Driver>, host: IpAddr) -> Result<Option<Self>, UiError> {
        let conf = driver.conf();
        if !conf.get(&keys::UI_ENABLED)? {
            return Ok(None);
        }
        let listener = listen(&conf, host).await?;
        let address = listener.local_addr().map_err(UiError::Address)?;
        tracing::info!("web UI at http://{address}");
        driver.set_ui_url(address);
        let with_metrics = conf.get(&keys::UI_PROMETHEUS_ENABLED)?;
        let router = router(Shown { driver }, with_metrics);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the web UI ended");
            }
        });
        Ok(Some(Self { address, serving }))
    }
}

/// Binds the port asked for, or one of the next where it is taken, as Spark does.
async fn listen(conf: &SparkConf, host: IpAddr) -> Result<TcpListener, UiError> {
    let first = conf.get(&keys::UI_PORT)?;
    let retries = if first == 0 { 0 } else { conf.get(&keys::PORT_MAX_RETRIES)? };
    let last = first.saturating_add(u16::try_from(retries).unwrap_or(u16::MAX));
    let mut port = first;
    loop {
        match TcpListener::bind((host, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port < last => port += 1,
            Err(source) => return Err(UiError::Listen { host, first, last, source }),
        }
    }
}

fn router(shown: Shown, with_metrics: bool) -> Router {
    let mut router = Router::new()
        .route("/", get(|| async { Redirect::temporary("jobs/") }))
        .route("/jobs/", get(page::jobs))
        .route("/stages/", get(page::stages))
        .route("/executors/", get(page::executors))
        .route("/environment/", get(page::environment))
        .nest("/api/v1", rest::router());
    for page in ["jobs", "stages", "executors", "environment"] {
        let to = format!("{page}/");
        router = router.route(&format!("/{page}"), get(move || async move { Redirect::temporary(&to) }));
    }
    if with_metrics {
        // Manifests ask for it with and without the last slash.
        for path in ["/metrics/executors/prometheus", "/metrics/executors/prometheus/"] {
            router = router.route(path, get(prometheus));
        }
    }
    router.with_state(shown)
}

async fn prometheus(State(shown): State<Shown>) -> Response {
    let report = shown.driver.scheduler().report().await;
    let load = shown.driver.scheduler().load().await;
    let text = metrics::executors(&shown.id(), &shown.name(), &report, &load);
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}
