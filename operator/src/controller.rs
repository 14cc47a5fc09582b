//! The long loop: watches applications and their pods and reconciles what changed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cerium_crds::SparkApplication;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, ReconcileRequest};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt, applier};
use kube::{Api, Client, Resource, ResourceExt};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::apply::pod_selector;
use crate::cli::{Policy, Scope};
use crate::error::{Problem, Retry, backoff, chain};
use crate::http::Readiness;
use crate::malformed::{self, MalformedError};
use crate::metrics::Metrics;
use crate::pods::{ApplicationKey, InitialList, PodCache};
use crate::reconcile::{Context, ReconcileError, Requeue, reconcile};
use crate::scope::{Admission, Span};

/// An application as the watch hands it over: one that cannot be read does not end the watch.
type Watched = DeserializeGuard<SparkApplication>;
type Requests = BoxStream<'static, Result<ReconcileRequest<Watched>, Infallible>>;

/// What the controller needs to run.
pub struct Controller {
    /// The API server.
    pub client: Client,
    /// Which namespaces are worked on.
    pub scope: Scope,
    /// Settings of reconciling.
    pub policy: Policy,
    /// Applications worked on at once.
    pub concurrency: u16,
    /// How long the first lists may take.
    pub cache_sync_timeout: Duration,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
    /// Told when the first lists are complete.
    pub readiness: watch::Sender<Readiness>,
}

/// The controller cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The first lists did not come in time.
    #[error(
        "applications and pods of {span:?} could not be listed within {timeout:?}; the log says why \
         (is the definition installed, and may the operator list them?)"
    )]
    CacheSync {
        /// What was to be listed.
        span: Span,
        /// How long was waited.
        timeout: Duration,
    },
}

/// A reconciliation of one application failed.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Reconcile(ReconcileError),
    #[error(transparent)]
    Malformed(MalformedError),
}

impl WorkError {
    fn problem(&self) -> &dyn Problem {
        match self {
            WorkError::Reconcile(error) => error,
            WorkError::Malformed(error) => error,
        }
    }
}

impl Controller {
    /// Watches and reconciles until `shutdown`; what is under way then is finished.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ControllerError> {
        let admission = Arc::new(Admission::new(self.scope.clone()));
        let permits = Arc::new(Semaphore::new(usize::from(self.concurrency)));
        let mut loops = Vec::new();
        let mut synced = Vec::new();
        for span in self.scope.spans() {
            let (ready, is_ready) = watch::channel(false);
            let watch = SpanWatch {
                client: self.client.clone(),
                admission: admission.clone(),
                permits: permits.clone(),
                ready,
                failures: Mutex::default(),
                context: Context {
                    client: self.client.clone(),
                    pods: PodCache::default(),
                    policy: self.policy.clone(),
                    metrics: self.metrics.clone(),
                    clock: Timestamp::now,
                },
            };
            let (store, writer) = reflector::store::<Watched>();
            synced.push((span.clone(), store.clone(), is_ready));
            loops.push(Arc::new(watch).run(span, store, writer, self.concurrency, shutdown.clone()).boxed());
        }
        let timeout = self.cache_sync_timeout;
        let sync = async {
            for (span, store, mut is_ready) in synced {
                let both = async {
                    // The other ends live as long as the loops beside which this runs.
                    let _ = store.wait_until_ready().await;
                    let _ = is_ready.wait_for(|ready| *ready).await;
                };
                if tokio::time::timeout(timeout, both).await.is_err() {
                    return Err(ControllerError::CacheSync { span, timeout });
                }
            }
            tracing::info!("first lists are complete");
            self.readiness.send_replace(Readiness::Serving);
            Ok(())
        };
        let work = futures::future::join_all(loops);
        tokio::pin!(work);
        tokio::select! {
            result = sync => result?,
            _ = &mut work => return Ok(()),
            // Until its first list is there kube's queue waits for it, for ever if the watch has
            // ended. Nothing is lost: what was begun is found and gone on with at the next start.
            () = shutdown.cancelled() => return Ok(()),
        }
        work.await;
        Ok(())
    }
}

/// The watches of one span and what they feed.
struct SpanWatch {
    client: Client,
    admission: Arc<Admission>,
    permits: Arc<Semaphore>,
    ready: watch::Sender<bool>,
    failures: Mutex<HashMap<ApplicationKey, u32>>,
    context: Context,
}

impl SpanWatch {
    async fn run(
        self: Arc<Self>,
        span: Span,
        store: Store<Watched>,
        writer: reflector::store::Writer<Watched>,
        concurrency: u16,
        shutdown: CancellationToken,
    ) {
        let queue = stream::select_all([
            self.clone().application_requests(api(&self.client, &span), writer),
            self.clone().pod_requests(api(&self.client, &span)),
            self.clone().namespace_requests(store.clone()),
        ])
        .take_until(shutdown.cancelled_owned());
        let error_policy =
            |object: Arc<Watched>, error: &WorkError, watch: Arc<SpanWatch>| watch.after(&object, error);
        let work =
            |object: Arc<Watched>, watch: Arc<SpanWatch>| async move { watch.work(&object).await }.boxed();
        applier(work, error_policy, self.clone(), store, queue, Config::default().concurrency(concurrency))
            .for_each(|result| async move {
                // Failures of reconciling are logged where they are judged; an object that is gone is no failure.
                if let Err(error @ kube::runtime::controller::Error::RunnerError(_)) = result {
                    tracing::error!(error = chain(&error), "work queue failed");
                }
            })
            .await;
    }

    fn application_requests(
        self: Arc<Self>,
        api: Api<Watched>,
        writer: reflector::store::Writer<Watched>,
    ) -> Requests {
        watcher(api, watcher::Config::default())
            .default_backoff()
            .modify(|object| object.meta_mut().managed_fields = None)
            .reflect(writer)
            .filter_map(move |event| {
                let request = match event {
                    Ok(Event::Apply(object) | Event::InitApply(object)) => {
                        Some(ObjectRef::from_obj(&object).into())
                    }
                    Ok(Event::Delete(object)) => {
                        let key = key_of(&object);
                        self.context.metrics.forget(&key);
                        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                        None
                    }
                    Ok(Event::Init | Event::InitDone) => None,
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "watch of SparkApplications was interrupted");
                        None
                    }
                };
                futures::future::ready(request.map(Ok))
            })
            .boxed()
    }

    fn pod_requests(self: Arc<Self>, api: Api<Pod>) -> Requests {
        let mut list = InitialList::default();
        watcher(api, watcher::Config::default().labels(&pod_selector()))
            .default_backoff()
            .map(move |event| {
                let changed = match &event {
                    Ok(event) => self.context.pods.take_in(event, &mut list),
                    Err(error) => {
                        tracing::warn!(error = chain(error), "watch of pods was interrupted");
                        Vec::new()
                    }
                };
                if matches!(event, Ok(Event::InitDone)) {
                    self.ready.send_replace(true);
                }
                stream::iter(
                    changed
                        .into_iter()
                        .map(|key| Ok(ObjectRef::<Watched>::new(&key.name).within(&key.namespace).into())),
                )
            })
            .flatten()
            .boxed()
    }

    fn namespace_requests(self: Arc<Self>, store: Store<Watched>) -> Requests {
        if self.admission.watches_namespaces() {
            let api: Api<Namespace> = Api::all(self.client.clone());
            watcher(api, watcher::Config::default())
                .default_backoff()
                .map(move |event| {
                    let admitted = match &event {
                        Ok(event) => self.admission.take_in(event),
                        Err(error) => {
                            tracing::warn!(error = chain(error), "watch of namespaces was interrupted");
                            None
                        }
                    };
                    let waiting = admitted.map(|namespace| {
                        store.state_filter(|object| object.meta().namespace.as_deref() == Some(&namespace))
                    });
                    let waiting = waiting.unwrap_or_default().into_iter();
                    stream::iter(
                        waiting.map(|object| Ok(ObjectRef::from_obj(&*object).into())).collect::<Vec<_>>(),
                    )
                })
                .flatten()
                .boxed()
        } else {
            stream::pending().boxed()
        }
    }

    async fn work(&self, object: &Watched) -> Result<Action, WorkError> {
        let key = key_of(object);
        if !self.admission.admits(&key.namespace) {
            return Ok(Action::await_change());
        }
        // Executors not listed yet are not executors that are gone.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
        let Ok(_permit) = self.permits.acquire().await else { return Ok(Action::await_change()) };
        let measured = self.context.metrics.reconciling();
        let result = match &object.0 {
            Ok(application) => self.reconcile(application).await.map_err(WorkError::Reconcile),
            Err(broken) => malformed::fail(&self.client, broken, Timestamp::now())
                .await
                .map(|()| None)
                .map_err(WorkError::Malformed),
        };
        match result {
            Ok(requeue) => {
                measured.end("success");
                self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                Ok(requeue.map_or_else(Action::await_change, Action::requeue))
            }
            Err(error) => {
                measured.end("error");
                Err(error)
            }
        }
    }

    /// A conflict means that the cache was behind: once more, with what the API server has now.
    async fn reconcile(&self, application: &SparkApplication) -> Result<Requeue, ReconcileError> {
        let error = match reconcile(&self.context, application, false).await {
            Err(error) if error.retry() == Retry::Reread => error,
            result => return result,
        };
        tracing::debug!(
            application = application.name_any(),
            error = chain(&error),
            "reading again after a conflict"
        );
        let name = application.name_any();
        let api: Api<SparkApplication> =
            Api::namespaced(self.client.clone(), &application.namespace().unwrap_or_default());
        match api.get_opt(&name).await {
            Ok(Some(live)) => reconcile(&self.context, &live, true).await,
            Ok(None) => Ok(None),
            Err(source) => Err(ReconcileError::Read { name, source }),
        }
    }

    /// What follows on a failure.
    fn after(&self, object: &Watched, error: &WorkError) -> Action {
        let key = key_of(object);
        let problem = error.problem();
        let failures = {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            let count = failures.entry(key.clone()).or_default();
            *count = count.saturating_add(1);
            *count
        };
        tracing::warn!(
            namespace = key.namespace,
            application = key.name,
            category = problem.category(),
            failures,
            error = chain(error),
            "application could not be reconciled"
        );
        self.context.metrics.retried();
        Action::requeue(backoff(failures - 1))
    }
}

fn key_of(object: &Watched) -> ApplicationKey {
    ApplicationKey { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

fn api<K>(client: &Client, span: &Span) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    match span {
        Span::Cluster => Api::all(client.clone()),
        Span::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
    }
}
