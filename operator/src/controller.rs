//! Starts the loops of all kinds in all spans, tells when their first lists are complete, and ends them.

use std::sync::Arc;
use std::time::Duration;

use cerium_crds::labels;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::applications::Applications;
use crate::cli::{Policy, Scope};
use crate::connect::Connects;
use crate::error::chain;
use crate::events::Recorder;
use crate::http::Readiness;
use crate::kind::Kind;
use crate::kind::watch::{KindWatch, Permits, Shared};
use crate::metrics::Metrics;
use crate::pods::PodCache;
use crate::reconcile::Context;
use crate::scheduled::runs::RunCache;
use crate::scheduled::{Precision, Schedules};
use crate::scope::{Admission, Span};

/// What the controller needs to run.
pub struct Controller {
    /// The API server.
    pub client: Client,
    /// Which namespaces are worked on.
    pub scope: Scope,
    /// Settings of reconciling.
    pub policy: Policy,
    /// Precision of the time in the names of scheduled runs.
    pub precision: Precision,
    /// Objects worked on at once.
    pub concurrency: u16,
    /// How long the first lists may take.
    pub cache_sync_timeout: Duration,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
    /// Publishes events.
    pub events: Recorder,
    /// Whether this process leads; until it does, it only watches.
    pub leading: watch::Receiver<bool>,
    /// Told when the first lists are complete.
    pub readiness: watch::Sender<Readiness>,
}

/// The controller cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The first lists did not come in time.
    #[error(
        "{kind} objects and what belongs to them could not be listed in {span:?} within {timeout:?}; the log \
         says why (is the definition installed, and may the operator list them?)"
    )]
    CacheSync {
        /// Which objects were to be listed.
        kind: String,
        /// Where.
        span: Span,
        /// How long was waited.
        timeout: Duration,
    },
}

/// The loops of all kinds.
struct Loops {
    shared: Shared,
    shutdown: CancellationToken,
    admitted: Vec<mpsc::UnboundedSender<String>>,
    listed: Vec<(String, Span, BoxFuture<'static, ()>)>,
    running: Vec<BoxFuture<'static, ()>>,
}

impl Loops {
    fn add<K: Kind>(&mut self, kind: K, span: &Span) {
        let (sender, admitted) = mpsc::unbounded();
        self.admitted.push(sender);
        let prepared = KindWatch::prepare(self.shared.clone(), kind, span, admitted);
        self.listed.push((K::Object::kind(&()).into_owned(), span.clone(), prepared.listed().boxed()));
        self.running.push(prepared.run(self.shutdown.clone()).boxed());
    }
}

impl Controller {
    /// Watches and reconciles until `shutdown`; what is under way then is finished.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ControllerError> {
        if self.scope.spans().is_empty() {
            // All namespaces belong to other shards.
            self.readiness.send_replace(Readiness::Serving);
            shutdown.cancelled().await;
            return Ok(());
        }
        let admission = Arc::new(Admission::new(self.scope.clone()));
        let permits = Arc::new(Permits::new(self.concurrency));
        let mut loops = Loops {
            shared: Shared {
                client: self.client.clone(),
                admission: admission.clone(),
                leading: self.leading.clone(),
                permits: permits.clone(),
                metrics: self.metrics.clone(),
                concurrency: self.concurrency,
            },
            shutdown: shutdown.clone(),
            admitted: Vec::new(),
            listed: Vec::new(),
            running: Vec::new(),
        };
        for span in self.scope.spans() {
            loops.add(Applications { context: self.context() }, &span);
            loops.add(self.schedules(), &span);
            loops.add(self.connects(), &span);
        }
        let Loops { admitted, listed, mut running, .. } = loops;
        if admission.watches_namespaces() {
            running
                .push(watch_namespaces(self.client.clone(), admission, admitted, shutdown.clone()).boxed());
        }
        let end = shutdown.clone();
        // What waits for its turn then is found again by whoever comes next.
        running.push(async move { end.cancelled().map(|()| permits.close()).await }.boxed());
        let timeout = self.cache_sync_timeout;
        let sync = async {
            for (kind, span, listed) in listed {
                if tokio::time::timeout(timeout, listed).await.is_err() {
                    return Err(ControllerError::CacheSync { kind, span, timeout });
                }
            }
            tracing::info!("first lists are complete");
            self.readiness.send_replace(Readiness::Standby);
            let mut leading = self.leading.clone();
            // An error says that the process ends without having led.
            if leading.wait_for(|leading| *leading).await.is_ok() {
                self.readiness.send_replace(Readiness::Serving);
            }
            Ok(())
        };
        let worked = CancellationToken::new();
        let work = async {
            let all = async {
                futures::future::join_all(running).await;
                worked.cancel();
            };
            futures::join!(all, self.events.run(worked.clone()));
        };
        tokio::pin!(work);
        tokio::select! {
            result = sync => result?,
            () = &mut work => return Ok(()),
            // Until its first list is there kube's queue waits for it, for ever if the watch has
            // ended. Nothing is lost: what was begun is found and gone on with at the next start.
            () = shutdown.cancelled() => return Ok(()),
        }
        work.await;
        Ok(())
    }

    fn connects(&self) -> Connects {
        Connects { context: Context { pods: PodCache::by(labels::CONNECT_NAME), ..self.context() } }
    }

    fn context(&self) -> Context {
        Context {
            client: self.client.clone(),
            events: self.events.clone(),
            pods: PodCache::default(),
            policy: self.policy.clone(),
            metrics: self.metrics.clone(),
            written: crate::kind::written::Written::default(),
            clock: Timestamp::now,
        }
    }

    fn schedules(&self) -> Schedules {
        Schedules {
            client: self.client.clone(),
            runs: RunCache::default(),
            precision: self.precision,
            local: TimeZone::system(),
            metrics: self.metrics.clone(),
            clock: Timestamp::now,
        }
    }
}

/// Follows the labels of namespaces and tells the loops which ones are worked on from now on.
async fn watch_namespaces(
    client: Client,
    admission: Arc<Admission>,
    loops: Vec<mpsc::UnboundedSender<String>>,
    shutdown: CancellationToken,
) {
    let api: Api<Namespace> = Api::all(client);
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let events = events.take_until(shutdown.cancelled_owned());
    tokio::pin!(events);
    while let Some(event) = events.next().await {
        match &event {
            Ok(event) => {
                if let Some(namespace) = admission.take_in(event) {
                    for sender in &loops {
                        // A loop that has ended needs nothing more.
                        let _ = sender.unbounded_send(namespace.clone());
                    }
                }
            }
            Err(error) => tracing::warn!(error = chain(error), "watch of namespaces was interrupted"),
        }
    }
}
