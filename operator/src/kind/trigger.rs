//! A watch of other objects that tells which objects of a kind to look at again.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::ObjectKey;
use crate::error::chain;

/// A watch of other objects.
pub struct Trigger {
    /// The objects to look at.
    pub keys: BoxStream<'static, ObjectKey>,
    /// Whether the first list is complete.
    pub ready: watch::Receiver<bool>,
}

/// Watches objects of the kind `O`; `take_in` says which objects an event is about. `what` names them in the
/// log, in the plural.
pub fn trigger<O>(
    api: Api<O>,
    config: watcher::Config,
    what: &'static str,
    mut take_in: impl FnMut(&Event<O>) -> Vec<ObjectKey> + Send + 'static,
) -> Trigger
where
    O: Resource + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let (listed, ready) = watch::channel(false);
    let keys = watcher(api, config)
        .default_backoff()
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
