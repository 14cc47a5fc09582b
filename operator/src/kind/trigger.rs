//! A watch of other objects that tells which objects of a kind to look at again.

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{ObjectKey, Reach};
use crate::error::chain;
use crate::scope::Admission;

/// A watch of other objects.
pub struct Trigger {
    /// The objects to look at.
    pub keys: BoxStream<'static, ObjectKey>,
    /// Whether the first list is complete.
    pub ready: watch::Receiver<bool>,
}

/// Watches objects of the kind `O` in the namespaces of this shard; `take_in` says which objects an event is about.
/// `what` names them in the log, in the plural.
pub fn trigger<O>(
    reach: &Reach,
    config: watcher::Config,
    what: &'static str,
    mut take_in: impl FnMut(&Event<O>) -> Vec<ObjectKey> + Send + 'static,
) -> Trigger
where
    O: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let (listed, ready) = watch::channel(false);
    let admission = reach.admission.clone();
    let keys = watcher(reach.api::<O>(), config)
        .default_backoff()
        .try_filter(move |event| futures::future::ready(is_of_shard(&admission, event)))
        .map(move |event| {
            let changed = match &event {
                Ok(event) => take_in(event),
                Err(error) => {
                    tracing::warn!(error = chain(error), "watch of {what} was interrupted");
                    Vec::new()
                }
            };
            if matches!(event, Ok(Event::InitDone)) {
                listed.send_replace(true);
            }
            stream::iter(changed)
        })
        .flatten()
        .boxed();
    Trigger { keys, ready }
}

/// Of the objects of other shards nothing is kept.
pub(super) fn is_of_shard<O: ResourceExt>(admission: &Admission, event: &Event<O>) -> bool {
    match event {
        Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => {
            admission.is_of_shard(&object.namespace().unwrap_or_default())
        }
        Event::Init | Event::InitDone => true,
    }
}
