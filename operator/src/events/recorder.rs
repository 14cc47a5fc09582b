//! Publishes events; a repeated one is counted, and many similar ones become one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::memory::{Memory, Writing};
use super::{MAX_MESSAGE, Note};
use crate::error::{ApiFailure, chain};
use crate::status::truncated;

/// Events that wait at most: an API server that is down must not fill the memory. What is too much is dropped.
const WAITING: usize = 10_000;
/// How long the last events may take when the process ends.
const LAST: Duration = Duration::from_secs(5);

/// Publishes events, behind the work they are about; clones share what they remember and what waits.
#[derive(Clone)]
pub struct Recorder {
    client: Client,
    memory: Arc<Mutex<Memory>>,
    outbox: Arc<Outbox>,
}

#[derive(Default)]
struct Outbox {
    waiting: Mutex<VecDeque<Letter>>,
    filled: Notify,
}

/// An event that is to be written.
struct Letter {
    writing: Writing,
    event: Event,
}

impl Recorder {
    /// A recorder that remembers nothing yet.
    pub fn new(client: Client) -> Recorder {
        Recorder { client, memory: Arc::default(), outbox: Arc::default() }
    }

    /// Notes events on an object for [`Recorder::run`] to write. `component` is who reports.
    pub fn publish(&self, component: &'static str, about: &ObjectReference, notes: &[Note], now: Timestamp) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.outbox.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for note in notes {
            let Some(writing) = memory.take_in(component, about, note, now) else { continue };
            if waiting.len() >= WAITING {
                tracing::warn!(
                    reason = note.reason,
                    waiting = waiting.len(),
                    "event was dropped: too many wait"
                );
                continue;
            }
            let event = event(component, about, note, &writing, now);
            waiting.push_back(Letter { writing, event });
        }
        self.outbox.filled.notify_one();
    }

    /// Writes events as they come until `end`, then those that still wait.
    pub async fn run(&self, end: CancellationToken) {
        while end.run_until_cancelled(self.outbox.filled.notified()).await.is_some() {
            self.deliver().await;
        }
        if tokio::time::timeout(LAST, self.deliver()).await.is_err() {
            tracing::warn!("the last events were not written within {LAST:?}");
        }
    }

    /// Writes all events that wait, one after the other: the API server's time is for the work they tell of.
    /// A failure is logged: an event is a hint, not a state.
    pub async fn deliver(&self) {
        let next = || self.outbox.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        while let Some(Letter { writing, event }) = next() {
            let about = &event.involved_object;
            let api = Api::namespaced(self.client.clone(), about.namespace.as_deref().unwrap_or_default());
            if let Err(error) = write(&api, &writing, &event).await {
                tracing::warn!(
                    namespace = about.namespace.as_deref().unwrap_or_default(),
                    name = about.name.as_deref().unwrap_or_default(),
                    reason = event.reason.as_deref().unwrap_or_default(),
                    error = chain(&error),
                    "event could not be published"
                );
            }
        }
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
