//! The life of the process: serves health and metrics, waits for the lease if there is one, works, shuts down.

use std::sync::Arc;

use axum::http::uri::Authority;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch::{BatchSchedulers, UnknownScheduler};
use crate::cli::Settings;
use crate::controller::{Controller, ControllerError};
use crate::events::Recorder;
use crate::http::{self, Readiness, ServeError};
use crate::leader::{Candidate, LeaderError};
use crate::metrics::Metrics;
use crate::shard::NoSuchShard;

/// The process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No access to the API server is configured.
    #[error("failed to find access to the API server")]
    Infer(#[source] kube::config::InferConfigError),
    /// The given kubeconfig cannot be used.
    #[error("failed to read --kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// The client cannot be made.
    #[error("failed to set up the client of the API server")]
    Client(#[source] kube::Error),
    /// Signals cannot be received.
    #[error("failed to listen to signals")]
    Signal(#[source] std::io::Error),
    /// Health or metrics cannot be served.
    #[error("failed to serve health or metrics")]
    Serve(#[source] ServeError),
    /// A task that must not end did.
    #[error("internal: a task ended unexpectedly")]
    Task(#[source] tokio::task::JoinError),
    /// The lease cannot be used or is lost.
    #[error("leader election failed")]
    Leader(#[source] LeaderError),
    /// The default batch scheduler is none.
    #[error("--default-batch-scheduler cannot be used")]
    BatchScheduler(#[source] UnknownScheduler),
    /// There is no such shard.
    #[error("failed to divide the namespaces")]
    Shard(#[source] NoSuchShard),
    /// The controller cannot work.
    #[error("controller failed")]
    Controller(#[source] ControllerError),
}

/// Runs until a signal ends it well or an error ends it badly.
pub async fn run(settings: Settings) -> Result<(), RunError> {
    let Settings {
        scope,
        concurrency,
        cache_sync_timeout,
        policy,
        precision,
        lease,
        metrics,
        metrics_listen,
        metrics_endpoint,
        health_listen,
        kubeconfig,
        log_level: _,
        log_format: _,
        without_effect,
    } = settings;
    if !without_effect.is_empty() {
        tracing::warn!(flags = without_effect.join(","), "flags without effect");
    }
    policy.batch.as_ref().map_or(Ok(()), BatchSchedulers::check).map_err(RunError::BatchScheduler)?;
    scope.shard.check().map_err(RunError::Shard)?;
    let shutdown = on_signal()?;
    let (metrics, registry) = Metrics::new(metrics);
    metrics.set_shards(scope.shard.count);
    let client = client(kubeconfig, &metrics).await?;
    let metrics = Arc::new(metrics);
    let (readiness, ready) = watch::channel(Readiness::Starting);

    // The servers outlive the work, so that a shutdown can be watched.
    let servers_shutdown = CancellationToken::new();
    let mut servers = JoinSet::new();
    if let Some(address) = health_listen.0 {
        let listener = http::listen(address).await.map_err(RunError::Serve)?;
        servers.spawn(http::serve(listener, http::health(ready), servers_shutdown.clone()));
    }
    if let Some(address) = metrics_listen.0 {
        let listener = http::listen(address).await.map_err(RunError::Serve)?;
        servers.spawn(http::serve(
            listener,
            http::metrics(&metrics_endpoint, registry),
            servers_shutdown.clone(),
        ));
    }

    let work = async {
        let (lead, leading) = watch::channel(false);
        let controller = Controller {
            client: client.clone(),
            scope,
            policy,
            precision,
            concurrency,
            cache_sync_timeout,
            metrics: metrics.clone(),
            events: Recorder::new(client.clone()),
            leading,
            readiness: readiness.clone(),
        };
        let Some(lease) = lease else {
            metrics.set_leading("", true);
            lead.send_replace(true);
            return controller.run(shutdown.clone()).await.map_err(RunError::Controller);
        };
        let name = lease.name.clone();
        metrics.set_leading(&name, false);
        let mut candidate = Candidate::new(client.clone(), lease).map_err(RunError::Leader)?;
        // The lease is given back only when no work is under way any more.
        let worked = CancellationToken::new();
        let controlled = async {
            let result = controller.run(shutdown.clone()).await.map_err(RunError::Controller);
            worked.cancel();
            result
        };
        // Who stands by watches already, so that it can go on at once.
        let held = async {
            if !candidate.acquire(&shutdown).await {
                drop(lead);
                return Ok(());
            }
            metrics.set_leading(&name, true);
            lead.send_replace(true);
            candidate.hold(worked.clone()).await.map_err(RunError::Leader)
        };
        // Losing the lease drops the controller in the middle of its work: another one may lead by now.
        tokio::try_join!(held, controlled).map(|((), ())| ())
    };
    tokio::select! {
        result = work => {
            servers_shutdown.cancel();
            result
        }
        Some(ended) = servers.join_next() => ended.map_err(RunError::Task)?.map_err(RunError::Serve),
    }
}

async fn client(kubeconfig: Option<std::path::PathBuf>, metrics: &Metrics) -> Result<Client, RunError> {
    let config = match kubeconfig {
        None => Config::infer().await.map_err(RunError::Infer)?,
        Some(path) => {
            let error = |source| RunError::Kubeconfig { path: path.display().to_string(), source };
            let read = Kubeconfig::read_from(&path).map_err(error)?;
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.map_err(error)?
        }
    };
    let host = config.cluster_url.authority().map_or("", Authority::as_str).to_owned();
    let client = ClientBuilder::try_from(config).map_err(RunError::Client)?;
    Ok(client.with_layer(&metrics.requests.of_host(&host)).build())
}

/// A token that SIGTERM and SIGINT cancel.
fn on_signal() -> Result<CancellationToken, RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signal)?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    // Ends with the process; there is nothing to wait for.
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: shutting down"),
            _ = interrupt.recv() => tracing::info!("SIGINT: shutting down"),
        }
        cancelled.cancel();
    });
    Ok(token)
}
