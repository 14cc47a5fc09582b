//! The kind SparkApplication as the operator works on it: its pods trigger it, [`reconcile`] takes it further.

use std::sync::Arc;

use cerium_crds::{ApplicationStateType as Phase, SparkApplication, events as reasons};
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::runtime::watcher;
use serde_json::json;

use crate::apply::pod_selector;
use crate::events::Note;
use crate::kind::{Kind, ObjectKey, Reach, Refusal, Requeue, Trigger, trigger};
use crate::pods::InitialList;
use crate::reconcile::{Context, ReconcileError, reconcile};

/// The SparkApplications of one span.
pub struct Applications {
    /// What every pass needs.
    pub context: Context,
}

impl Kind for Applications {
    type Object = SparkApplication;
    type Error = ReconcileError;

    const CONTROLLER: &'static str = "spark-application-controller";

    fn triggers(self: &Arc<Self>, reach: &Reach) -> Vec<Trigger> {
        let this = self.clone();
        let mut list = InitialList::default();
        let config = watcher::Config::default().labels(&pod_selector());
        vec![trigger::<Pod>(reach, config, "pods", move |event| this.context.pods.take_in(event, &mut list))]
    }

    fn reconcile<'a>(
        &'a self,
        object: &'a SparkApplication,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Requeue, ReconcileError>> {
        reconcile(&self.context, object, fresh)
    }

    fn begins(status: &serde_json::Value) -> bool {
        let state = status["applicationState"]["state"].as_str().unwrap_or_default();
        [Phase::New, Phase::SubmissionFailed, Phase::PendingRerun, Phase::Resuming]
            .iter()
            .any(|phase| phase.as_str() == state)
    }

    fn is_under_way(&self, key: &ObjectKey) -> bool {
        !self.context.pods.pods_of(key).is_empty()
    }

    fn has_written_since(&self, shown: &impl Resource) -> bool {
        self.context.written.is_ahead_of(shown)
    }

    /// Fails an application that was not submitted yet; one that runs is left alone.
    fn refusal(name: &str, old_status: &serde_json::Value, problem: &str, now: Timestamp) -> Option<Refusal> {
        let state = old_status["applicationState"]["state"].as_str().unwrap_or_default();
        let message = format!("failed to run spark-submit: {problem}");
        let note =
            Note::new(reasons::APPLICATION_FAILED, format!("SparkApplication {name} failed: {message}"));
        (state == Phase::New.as_str()).then(|| Refusal {
            status: json!({
                "applicationState": {"state": Phase::Failed.as_str(), "errorMessage": message},
                "driverInfo": {},
                "terminationTime": now.to_string(),
                // Whatever it is mended to is a change.
                "submittedSpec": "malformed",
            }),
            note,
        })
    }

    fn forget(&self, key: &ObjectKey) {
        self.context.metrics.forget(key);
        self.context.written.forget(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_application_that_was_never_submitted_is_failed() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let refusal = Applications::refusal("pi", &serde_json::Value::Null, "wrong", now).unwrap();
        assert_eq!(
            refusal.status["applicationState"],
            json!({"state": "FAILED", "errorMessage": "failed to run spark-submit: wrong"})
        );
        assert_eq!(refusal.status["terminationTime"], "2027-01-15T08:00:00Z");
        for state in ["RUNNING", "FAILED"] {
            let old = json!({"applicationState": {"state": state}});
            assert_eq!(Applications::refusal("pi", &old, "wrong", now), None);
        }
    }
}
