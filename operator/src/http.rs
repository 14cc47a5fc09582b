//! Serves health and metrics by HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::{CONTENT_TYPE, text};

/// What the process is doing, as /readyz tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet connected, or the first lists are still being read.
    Starting,
    /// Another operator leads; this one is ready to take over.
    Standby,
    /// Applications are worked on.
    Serving,
}

/// An address cannot be served at.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It is in use or not ours.
    #[error("failed to listen at {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server broke.
    #[error("failed to serve at {address}")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// /healthz and /readyz.
pub fn health(readiness: watch::Receiver<Readiness>) -> Router {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(readiness)
}

async fn ready(State(readiness): State<watch::Receiver<Readiness>>) -> Response {
    let now = *readiness.borrow();
    match now {
        Readiness::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting").into_response(),
        Readiness::Standby => "standby".into_response(),
        Readiness::Serving => "ok".into_response(),
    }
}

/// The metrics of a registry at a path.
pub fn metrics(path: &str, registry: Registry) -> Router {
    Router::new().route(path, get(exposition)).with_state(Arc::new(registry))
}

async fn exposition(State(registry): State<Arc<Registry>>) -> Response {
    match text(&registry) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Listens at an address; the unspecified IPv6 address falls back to IPv4 where there is no IPv6.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    match TcpListener::bind(address).await {
        Err(source)
            if address.ip().is_unspecified()
                && address.is_ipv6()
                && source.kind() != io::ErrorKind::AddrInUse =>
        {
            let address = SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), address.port());
            TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
        }
        bound => bound.map_err(|source| ServeError::Bind { address, source }),
    }
}

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .map_err(|source| ServeError::Serve { address, source })
}
