//! Writing the status, counting what that means, and telling about it.

use cerium_crds::application::SparkApplicationStatus;
use cerium_crds::fingerprint::Change;
use cerium_crds::{ApplicationStateType as Phase, SparkApplication};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::{Context, ReconcileError};
use crate::applications::Applications;
use crate::events::{self, Note};
use crate::kind::Kind;
use crate::status;

/// A step that writes the status.
pub(super) struct Work<'a> {
    pub context: &'a Context,
    pub application: &'a SparkApplication,
    pub old: &'a SparkApplicationStatus,
    pub ignored: &'a str,
    pub change: Change,
    pub now: Timestamp,
}

impl Work<'_> {
    /// Writes the status if it changed and returns the application as it is then.
    pub async fn write(&self, next: SparkApplicationStatus) -> Result<SparkApplication, ReconcileError> {
        if self.application.status.as_ref() == Some(&next) {
            return Ok(self.application.clone());
        }
        let (before, after) = (self.old.application_state.state, next.application_state.state);
        let written = status::write(&self.context.client, self.application, next.clone())
            .await
            .map_err(ReconcileError::Status)?;
        self.context.written.note(&written);
        let name = self.application.name_any();
        if before != after {
            tracing::info!(
                namespace = self.application.namespace().unwrap_or_default(),
                application = name,
                from = before.as_str(),
                to = after.as_str(),
                error_message = next.application_state.error_message.as_deref().unwrap_or_default(),
                "state changed"
            );
        }
        self.context.metrics.status_changed(self.application, self.old, &next, self.now);
        let mut notes = events::notes(&name, self.old, &next, self.ignored, self.change);
        let kept = written.status.as_ref().and_then(|status| status.observed_generation);
        if before != after && after == Phase::Submitted && kept != next.observed_generation {
            notes.push(events::definition_outdated());
        }
        self.tell(&notes);
        Ok(written)
    }

    /// Tells something about the application.
    pub fn tell(&self, notes: &[Note]) {
        let about = self.application.object_ref(&());
        self.context.events.publish(Applications::CONTROLLER, &about, notes, (self.context.clock)());
    }
}
