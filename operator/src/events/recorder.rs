//! Publishes events; a repeated one is counted, and many similar ones become one.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::memory::{Memory, Writing};
use super::{MAX_MESSAGE, Note};
use crate::error::{ApiFailure, chain};
use crate::status::truncated;

/// Publishes events; clones share what they remember.
#[derive(Clone)]
pub struct Recorder {
    client: Client,
    memory: Arc<Mutex<Memory>>,
}

impl Recorder {
    /// A recorder that remembers nothing yet.
    pub fn new(client: Client) -> Recorder {
        Recorder { client, memory: Arc::default() }
    }

    /// Publishes events on an object. A failure is logged: an event is a hint, not a state. `component` is
    /// who reports.
    pub async fn publish(
        &self,
        component: &'static str,
        about: &ObjectReference,
        notes: &[Note],
        now: Timestamp,
    ) {
        let writings: Vec<(&Note, Writing)> = {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let written = notes.iter().map(|note| Some((note, memory.take_in(component, about, note, now)?)));
            written.flatten().collect()
        };
        let api: Api<Event> =
            Api::namespaced(self.client.clone(), about.namespace.as_deref().unwrap_or_default());
        let written = writings.iter().map(|(note, writing)| {
            let event = event(component, about, note, writing, now);
            let api = &api;
            async move {
                if let Err(error) = write(api, writing, &event).await {
                    tracing::warn!(
                        namespace = about.namespace.as_deref().unwrap_or_default(),
                        name = about.name.as_deref().unwrap_or_default(),
                        reason = note.reason,
                        error = chain(&error),
                        "event could not be published"
                    );
                }
            }
        });
        futures::future::join_all(written).await;
    }
}

async fn write(api: &Api<Event>, writing: &Writing, event: &Event) -> Result<(), kube::Error> {
    if writing.count > 1 {
        let change = json!({
            "count": event.count, "lastTimestamp": event.last_timestamp, "message": event.message,
        });
        match api.patch(&writing.name, &PatchParams::default(), &Patch::Merge(change)).await {
            // Events live for an hour only, and writing the first one may have failed.
            Err(error) if ApiFailure::of(&error) == ApiFailure::NotFound => {}
            done => return done.map(drop),
        }
    }
    match api.create(&PostParams::default(), event).await {
        // A count that was faster than the first event made it.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        done => done.map(drop),
    }
}

/// The event as the API server takes it.
fn event(component: &str, about: &ObjectReference, note: &Note, writing: &Writing, now: Timestamp) -> Event {
    Event {
        metadata: ObjectMeta {
            name: Some(writing.name.clone()),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: about.clone(),
        reason: Some(note.reason.to_owned()),
        message: Some(truncated(&writing.message, MAX_MESSAGE).to_owned()),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        count: Some(writing.count),
        first_timestamp: Some(Time(writing.first)),
        last_timestamp: Some(Time(now)),
        source: Some(EventSource { component: Some(component.to_owned()), host: None }),
        reporting_component: Some(component.to_owned()),
        ..Event::default()
    }
}
