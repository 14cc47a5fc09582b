//! The long loop of one kind in one span: its watches, its work queue, and what follows on a failure.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::runtime::controller::{Action, Config, Error as QueueError, ReconcileRequest};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt, applier};
use kube::{Api, Client, Resource};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::kept::Kept;
use super::malformed::{self, MalformedError};
use super::trigger::is_of_shard;
use super::{Kind, ObjectKey, Reach, Requeue};
use crate::error::{ApiFailure, Problem, Retry, backoff, chain};
use crate::metrics::Metrics;
use crate::scope::{Admission, Span};

/// What runs for an object was seen, or its status was written, before the watch shows the status: it does in a
/// moment.
const CATCH_UP: Duration = Duration::from_millis(100);

type Requests<K> = BoxStream<'static, Result<ReconcileRequest<Kept<K>>, Infallible>>;

/// What the loops of all kinds share.
#[derive(Clone)]
pub struct Shared {
    /// The API server.
    pub client: Client,
    /// The namespaces worked on.
    pub admission: Arc<Admission>,
    /// Whether this process leads; until it does, it only watches.
    pub leading: watch::Receiver<bool>,
    /// Objects worked on at once, of all kinds together.
    pub permits: Arc<Permits>,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
    /// Objects worked on at once.
    pub concurrency: u16,
}

/// Who may work. What is under way does not wait behind a thousand new ones: both have workers of their own.
pub struct Permits {
    begin: Semaphore,
    go_on: Semaphore,
}

impl Permits {
    /// So many workers for new objects, and as many for those that are under way.
    pub fn new(workers: u16) -> Permits {
        let workers = usize::from(workers);
        Permits { begin: Semaphore::new(workers), go_on: Semaphore::new(workers) }
    }

    /// Nobody begins any more; who works goes on.
    pub fn close(&self) {
        self.begin.close();
        self.go_on.close();
    }

    fn of(&self, begins: bool) -> &Semaphore {
        if begins { &self.begin } else { &self.go_on }
    }
}

/// The loop of one kind in one span.
pub struct KindWatch<K: Kind> {
    shared: Shared,
    kind: Arc<K>,
    store: Store<Kept<K>>,
    ready: Vec<watch::Receiver<bool>>,
    failures: Mutex<HashMap<ObjectKey, u32>>,
    /// Objects whose latest status the watch did not show yet.
    behind: Mutex<HashSet<ObjectKey>>,
}

/// A reconciliation of one object failed.
#[derive(Debug, thiserror::Error)]
enum WorkError<E: Problem + 'static> {
    #[error(transparent)]
    Reconcile(E),
    #[error(transparent)]
    Malformed(MalformedError),
    #[error("internal: what is kept of {name} is no object")]
    Text {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("failed to read {kind} {name}")]
    Read {
        kind: String,
        name: String,
        #[source]
        source: kube::Error,
    },
}

impl<E: Problem + 'static> Problem for WorkError<E> {
    fn category(&self) -> &'static str {
        match self {
            WorkError::Reconcile(error) => error.category(),
            WorkError::Malformed(error) => error.category(),
            WorkError::Text { .. } => "text",
            WorkError::Read { .. } => "read",
        }
    }

    fn failure(&self) -> ApiFailure {
        match self {
            WorkError::Reconcile(error) => error.failure(),
            WorkError::Malformed(error) => error.failure(),
            WorkError::Text { .. } => ApiFailure::Transient,
            WorkError::Read { source, .. } => ApiFailure::of(source),
        }
    }
}

/// A loop that has its watches and is about to run.
pub struct Prepared<K: Kind> {
    watch: Arc<KindWatch<K>>,
    store: Store<Kept<K>>,
    queue: Requests<K>,
}

impl<K: Kind> KindWatch<K> {
    /// Sets up the watches. `admitted` names namespaces that are worked on only from now on.
    pub fn prepare(
        shared: Shared,
        kind: K,
        span: &Span,
        admitted: mpsc::UnboundedReceiver<String>,
    ) -> Prepared<K> {
        let kind = Arc::new(kind);
        let reach =
            Reach { client: shared.client.clone(), span: span.clone(), admission: shared.admission.clone() };
        let (store, writer) = kube::runtime::reflector::store::<Kept<K>>();
        let mut requests = Vec::new();
        let mut ready = Vec::new();
        for trigger in kind.triggers(&reach) {
            ready.push(trigger.ready);
            let keys = trigger.keys;
            requests.push(keys.map(|key| Ok(reference::<K>(&key).into())).boxed());
        }
        requests.push(requests_of_namespaces::<K>(store.clone(), admitted));
        let metrics = shared.metrics.clone();
        metrics.work.set_concurrency(K::CONTROLLER, shared.concurrency);
        let watch = Arc::new(KindWatch {
            shared,
            kind,
            store: store.clone(),
            ready,
            failures: Mutex::default(),
            behind: Mutex::default(),
        });
        requests.push(watch.clone().own_requests(&reach, writer));
        let queue = stream::select_all(requests).inspect(move |request| {
            if let Ok(ReconcileRequest { obj_ref, .. }) = request {
                let key = key_of(obj_ref.namespace.clone(), obj_ref.name.clone());
                metrics.work.requested(K::CONTROLLER, &key);
            }
        });
        Prepared { watch, store, queue: queue.boxed() }
    }

    /// Requests for the objects themselves.
    fn own_requests(self: Arc<Self>, reach: &Reach, writer: Writer<Kept<K>>) -> Requests<K> {
        watcher(reach.api::<Kept<K>>(), watcher::Config::default())
            .default_backoff()
            .try_filter({
                let admission = reach.admission.clone();
                move |event| futures::future::ready(is_of_shard(&admission, event))
            })
            .reflect(writer)
            .filter_map(move |event| {
                let request = match event {
                    Ok(Event::Apply(object) | Event::InitApply(object)) => {
                        Some(ObjectRef::from_obj(&object).into())
                    }
                    Ok(Event::Delete(object)) => {
                        let key = ObjectKey::of(&object);
                        self.kind.forget(&key);
                        self.shared.metrics.work.taken(K::CONTROLLER, &key);
                        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                        self.behind.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                        None
                    }
                    Ok(Event::Init | Event::InitDone) => None,
                    Err(error) => {
                        tracing::warn!(
                            kind = &*K::Object::kind(&()),
                            error = chain(&error),
                            "watch was interrupted"
                        );
                        None
                    }
                };
                futures::future::ready(request.map(Ok))
            })
            .boxed()
    }

    async fn work(&self, object: &Kept<K>) -> Result<Action, WorkError<K::Error>> {
        let key = ObjectKey::of(object);
        if !self.shared.admission.admits(&key.namespace) {
            self.shared.metrics.work.taken(K::CONTROLLER, &key);
            return Ok(Action::await_change());
        }
        if !*self.shared.leading.borrow() {
            // Without a leader to be the process ends.
            let led = self.shared.leading.clone().wait_for(|leading| *leading).await.is_ok();
            // Whoever led before has written much since this object was taken.
            self.shared.metrics.work.taken(K::CONTROLLER, &key);
            return Ok(if led { Action::requeue(Duration::ZERO) } else { Action::await_change() });
        }
        // What is not listed yet is not gone.
        for ready in &self.ready {
            let _ = ready.clone().wait_for(|ready| *ready).await;
        }
        let begins = object.begins();
        let under_way = begins && self.kind.is_under_way(&key);
        let behind = under_way || self.kind.has_written_since(object);
        if behind && self.behind.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            self.shared.metrics.work.taken(K::CONTROLLER, &key);
            return Ok(Action::requeue(CATCH_UP));
        }
        let permit = self.shared.permits.of(begins && !under_way).acquire().await;
        self.shared.metrics.work.taken(K::CONTROLLER, &key);
        let Ok(_permit) = permit else { return Ok(Action::await_change()) };
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        // It may have changed, or gone, while it waited.
        let Some(object) = self.store.get(&reference::<K>(&key)) else { return Ok(Action::await_change()) };
        let measured = self.shared.metrics.work.reconciling(K::CONTROLLER);
        // In a box of its own: thousands of objects may wait above.
        let result = Box::pin(self.look_at(&key, &object)).await;
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

    async fn look_at(&self, key: &ObjectKey, object: &Kept<K>) -> Result<Requeue, WorkError<K::Error>> {
        match object.read().map(|read| read.0) {
            Ok(Ok(object)) => self.reconcile(&object).await,
            Ok(Err(broken)) => malformed::refuse::<K>(&self.shared.client, &broken, Timestamp::now())
                .await
                .map(|()| None)
                .map_err(WorkError::Malformed),
            Err(source) => Err(WorkError::Text { name: key.name.clone(), source }),
        }
    }

    /// A conflict means that the cache was behind: once more, with what the API server has now.
    async fn reconcile(&self, object: &K::Object) -> Result<Requeue, WorkError<K::Error>> {
        let error = match self.kind.reconcile(object, false).await {
            Err(error) if error.retry() == Retry::Reread => error,
            result => return result.map_err(WorkError::Reconcile),
        };
        let ObjectKey { namespace, name } = ObjectKey::of(object);
        let kind = K::Object::kind(&());
        tracing::debug!(
            kind = &*kind,
            namespace,
            name,
            error = chain(&error),
            "reading again after a conflict"
        );
        let api: Api<K::Object> = Api::namespaced(self.shared.client.clone(), &namespace);
        match api.get_opt(&name).await {
            Ok(Some(live)) => self.kind.reconcile(&live, true).await.map_err(WorkError::Reconcile),
            Ok(None) => Ok(None),
            Err(source) => Err(WorkError::Read { kind: kind.to_string(), name, source }),
        }
    }

    /// What follows on a failure.
    fn after(&self, object: &Kept<K>, error: &WorkError<K::Error>) -> Action {
        let key = ObjectKey::of(object);
        let failures = {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            let count = failures.entry(key.clone()).or_default();
            *count = count.saturating_add(1);
            *count
        };
        tracing::warn!(
            kind = &*K::Object::kind(&()),
            namespace = key.namespace,
            name = key.name,
            category = error.category(),
            failures,
            error = chain(error),
            "object could not be reconciled"
        );
        self.shared.metrics.work.retried(K::CONTROLLER);
        Action::requeue(backoff(failures - 1))
    }
}

impl<K: Kind> Prepared<K> {
    /// Ends when the first lists of all watches are complete.
    pub fn listed(&self) -> impl Future<Output = ()> + Send + 'static {
        let (store, ready) = (self.store.clone(), self.watch.ready.clone());
        async move {
            // The other ends live as long as the loop beside which this runs.
            let _ = store.wait_until_ready().await;
            for mut ready in ready {
                let _ = ready.wait_for(|ready| *ready).await;
            }
        }
    }

    /// Works until `shutdown`; what is under way then is finished.
    pub async fn run(self, shutdown: CancellationToken) {
        let Prepared { watch, store, queue } = self;
        let metrics = watch.shared.metrics.clone();
        let error_policy = |object: Arc<Kept<K>>, error: &WorkError<K::Error>, watch: Arc<KindWatch<K>>| {
            watch.after(&object, error)
        };
        let work =
            |object: Arc<Kept<K>>, watch: Arc<KindWatch<K>>| async move { watch.work(&object).await }.boxed();
        let queue = queue.take_until(shutdown.cancelled_owned());
        // All that is asked for waits at the permits: a queue of its own would let new objects block the others.
        applier(work, error_policy, watch, store, queue, Config::default())
            .for_each(|result| {
                match result {
                    Err(error @ QueueError::RunnerError(_)) => {
                        tracing::error!(error = chain(&error), "work queue failed");
                    }
                    Err(QueueError::ObjectNotFound(gone)) => {
                        metrics.work.taken(K::CONTROLLER, &key_of(gone.namespace, gone.name));
                    }
                    // Failures of reconciling are logged where they are judged.
                    Err(_) | Ok(_) => {}
                }
                futures::future::ready(())
            })
            .await;
    }
}

fn key_of(namespace: Option<String>, name: String) -> ObjectKey {
    ObjectKey { namespace: namespace.unwrap_or_default(), name }
}

fn reference<K: Kind>(key: &ObjectKey) -> ObjectRef<Kept<K>> {
    ObjectRef::new(&key.name).within(&key.namespace)
}

/// Requests for the objects that waited for their namespace.
fn requests_of_namespaces<K: Kind>(
    store: Store<Kept<K>>,
    admitted: mpsc::UnboundedReceiver<String>,
) -> Requests<K> {
    admitted
        .map(move |namespace| {
            let waiting =
                store.state_filter(|object| object.meta().namespace.as_deref() == Some(&*namespace));
            let requests = waiting.iter().map(|object| Ok(ObjectRef::from_obj(&**object).into()));
            stream::iter(requests.collect::<Vec<_>>())
        })
        .flatten()
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_under_way_does_not_wait_behind_new_objects() {
        let permits = Permits::new(1);
        let _begun = permits.of(true).acquire().await.unwrap();
        assert!(permits.of(true).try_acquire().is_err());
        assert!(permits.of(false).try_acquire().is_ok());
        permits.close();
        assert!(permits.of(false).acquire().await.is_err());
    }
}
