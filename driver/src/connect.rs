//! The Spark Connect server: sessions, executions and their results, for clients from 3.5 to 4.3.

mod analyze;
mod arrow;
pub mod artifacts;
mod client;
mod codec;
mod config;
mod context;
mod describe;
mod error;
mod execute;
mod extension;
mod observe;
mod operation;
mod oversize;
mod plan;
mod rpc;
mod session;
mod sessions;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cerium_conf::{ConfError, keys};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

use self::oversize::Oversize;
use self::rpc::Service;
use self::service::spark_connect_service_server::SparkConnectServiceServer;
use self::sessions::{Limits, Sessions};
use crate::driver::Driver;

/// The service that `build.rs` writes.
pub mod service {
    #![expect(clippy::allow_attributes, clippy::default_trait_access, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/spark.connect.SparkConnectService.rs"));
}

/// How often sessions and executions are checked for being abandoned.
const MAINTENANCE: Duration = Duration::from_secs(10);
/// Bytes a client may send ahead: uploads come in large messages.
const WINDOW: u32 = 8 << 20;
/// How long clients are given to take what is on its way to them when the server ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on {address} for Spark Connect clients")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no folder for the clients' files.
    #[error("failed to make a folder for artifacts")]
    Folder(#[source] io::Error),
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    sessions: Arc<Sessions>,
    ending: CancellationToken,
    serving: JoinHandle<()>,
    maintaining: JoinHandle<()>,
}

impl Server {
    /// Starts serving `driver` at `address`; port 0 is any free port.
    pub async fn start(driver: Arc<Driver>, address: SocketAddr) -> Result<Self, ServerError> {
        let limits = Limits::from_conf(&driver.conf())?;
        let message_limit =
            driver.conf().get(&keys::CONNECT_MAX_INBOUND_MESSAGE_SIZE)?.bytes().max(0) as usize;
        let folder = tempfile::tempdir().map_err(ServerError::Folder)?;
        let sessions = Arc::new(Sessions::new(driver, limits, folder));

        let listen_error = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let service = SparkConnectServiceServer::new(Service::new(Arc::clone(&sessions)))
            .max_decoding_message_size(message_limit)
            .max_encoding_message_size(usize::MAX);
        let ending = CancellationToken::new();
        let serving = tokio::spawn({
            let ended = ending.clone().cancelled_owned();
            async move {
                let outcome = tonic::transport::Server::builder()
                    .initial_stream_window_size(Some(WINDOW))
                    .initial_connection_window_size(Some(2 * WINDOW))
                    .add_service(Oversize(service))
                    .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), ended)
                    .await;
                if let Err(error) = outcome {
                    tracing::error!(%error, "the Spark Connect server ended");
                }
            }
        });
        let maintaining = tokio::spawn({
            let sessions = Arc::clone(&sessions);
            async move {
                loop {
                    tokio::time::sleep(MAINTENANCE).await;
                    sessions.expire();
                }
            }
        });
        tracing::info!(%address, "Spark Connect server listens for clients");
        Ok(Self { address, sessions, ending, serving, maintaining })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends all sessions and what runs in them, then the server.
    pub async fn stop(self) {
        let Self { sessions, ending, serving, maintaining, .. } = self;
        maintaining.abort();
        sessions.close_all();
        sessions.tasks.close();
        sessions.tasks.wait().await;
        ending.cancel();
        // Clients keep their connections open as long as they live.
        let abort = serving.abort_handle();
        if tokio::time::timeout(FAREWELL, serving).await.is_err() {
            abort.abort();
        }
    }
}
