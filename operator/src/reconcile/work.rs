//! Writing the status, counting what that means, and telling about it.

use cerium_crds::SparkApplication;
use cerium_crds::application::SparkApplicationStatus;
use cerium_crds::fingerprint::Change;
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
    /// What is to be told about the step.
    pub notes: &'a mut Vec<Note>,
}

impl Work<'_> {
    /// Writes the status if it changed and returns the application as it is then.
    pub async fn write(&mut self, next: SparkApplicationStatus) -> Result<SparkApplication, ReconcileError> {
        if self.application.status.as_ref() == Some(&next) {
            return Ok(self.application.clone());
        }
        let (before, after) = (self.old.application_state.state, next.application_state.state);
        let written = status::write(&self.context.client, self.application, next.clone())
            .await
            .map_err(ReconcileError::Status)?;
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
        self.notes.extend(events::notes(&name, self.old, &next, self.ignored, self.change));
        Ok(written)
    }
}

/// Publishes events about an application.
pub(super) async fn tell(context: &Context, application: &SparkApplication, notes: &[Note]) {
    let about = application.object_ref(&());
    let time = (context.clock)();
    context.events.publish(Applications::CONTROLLER, &about, notes, time).await;
}
