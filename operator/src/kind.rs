//! What a kind of objects has to say for itself to be worked on: everything else (watches, work queue,
//! retries, namespaces, objects that cannot be read) is the same for all kinds and lives in [`watch`].

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::error::Problem;
use crate::events::Note;
use crate::scope::{Admission, Span};

pub mod kept;
pub mod malformed;
pub mod trigger;
pub mod watch;
pub mod written;

pub use trigger::{Trigger, trigger};

/// An object by namespace and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// The key of this object.
    pub fn of(object: &impl Resource) -> ObjectKey {
        ObjectKey { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }
}

/// When to look again, unless something changes before.
pub type Requeue = Option<Duration>;

/// A kind that the operator works on, with what its reconciliation needs.
pub trait Kind: Send + Sync + Sized + 'static {
    /// The object as the API server holds it.
    type Object: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// A reconciliation that could not be finished.
    type Error: Problem + Send + Sync + 'static;

    /// The controller's name in metrics and as the source of events.
    const CONTROLLER: &'static str;

    /// Watches of other objects; each names the objects to look at again. Called once.
    fn triggers(self: &Arc<Self>, reach: &Reach) -> Vec<Trigger>;

    /// Takes an object as far as it goes now. `fresh` tells that it was just read from the API server, not
    /// from the cache.
    fn reconcile<'a>(
        &'a self,
        object: &'a Self::Object,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Requeue, Self::Error>>;

    /// Whether the next step of an object with this status is to begin something, and so may wait behind what is
    /// under way.
    fn begins(status: &serde_json::Value) -> bool;

    /// Whether something runs for the object, whatever its status says.
    fn is_under_way(&self, _key: &ObjectKey) -> bool {
        false
    }

    /// Whether this process wrote a later version of the object than this one, which a watch shows.
    fn has_written_since(&self, _shown: &impl Resource) -> bool {
        false
    }

    /// How an object that cannot be read is told so; `None` if its status already is beyond that. Pure.
    fn refusal(name: &str, old_status: &serde_json::Value, problem: &str, now: Timestamp) -> Option<Refusal>;

    /// The object was deleted.
    fn forget(&self, key: &ObjectKey);
}

/// What an object that cannot be read is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Its new status.
    pub status: serde_json::Value,
    /// An event about it.
    pub note: Note,
}

/// What the watches of one span reach.
pub struct Reach {
    /// The API server.
    pub client: Client,
    /// The span.
    pub span: Span,
    /// The namespaces of this shard.
    pub admission: Arc<Admission>,
}

impl Reach {
    /// The objects of a kind in the span.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match &self.span {
            Span::Cluster => Api::all(self.client.clone()),
            Span::Namespace(namespace) => Api::namespaced(self.client.clone(), namespace),
        }
    }
}
