//! The status of an application: pure functions from the old one to the next, and the one way to write it.

use cerium_crds::application::{DriverInfo, SparkApplicationStatus};
use cerium_crds::{ApplicationStateType as Phase, SparkApplication, names};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};

use crate::decide::{Decision, Driver, DriverProgress, Message, reserved_phase};
use crate::error::{ApiFailure, Problem};
use crate::observe::Observation;
use crate::pods::PodFacts;

mod conditions;
mod executors;
mod progress;

pub use conditions::truncated;

/// What the next status is made from.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The status that is there.
    pub old: &'a SparkApplicationStatus,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Why the specification cannot be run, if so.
    pub invalid: Option<&'a str>,
    /// Fields of the specification that have no effect, in words; empty if none.
    pub ignored: &'a str,
    /// Fingerprint of the specification.
    pub fingerprint: &'a str,
    /// The time, in whole seconds as the API keeps it.
    pub now: Timestamp,
}

impl Basis<'_> {
    /// A fresh submission is reserved: its id stands in the status before anything is created for it.
    pub fn reserved(self, submission_id: &str, driver_pod: &str) -> SparkApplicationStatus {
        let mut next = self.old.clone();
        next.application_state.state = reserved_phase(self.old.application_state.state);
        next.application_state.error_message = None;
        next.submission_id = Some(submission_id.to_owned());
        next.submitted_spec = Some(self.fingerprint.to_owned());
        next.spark_application_id = None;
        next.submission_attempts = Some(next.submission_attempts.unwrap_or(0).saturating_add(1));
        next.last_submission_attempt_time = Some(Time(self.now));
        next.termination_time = None;
        next.driver_info = DriverInfo { pod_name: Some(driver_pod.to_owned()), ..DriverInfo::default() };
        next.progress = None;
        self.finish(next, None)
    }

    /// The driver pod of the reserved submission exists, and its web UI is found there.
    pub fn submitted(self, ui: &DriverInfo) -> SparkApplicationStatus {
        let mut next = self.old.clone();
        next.driver_info = DriverInfo { pod_name: next.driver_info.pod_name.take(), ..ui.clone() };
        next.application_state.state = Phase::Submitted;
        next.application_state.error_message = None;
        next.spark_application_id = self.old.submission_id.as_deref().map(names::application_id);
        next.execution_attempts = Some(next.execution_attempts.unwrap_or(0).saturating_add(1));
        self.finish(next, None)
    }

    /// The driver pod was created by another operator, which did not come to write it down.
    pub fn adopted(self, driver_pod: &PodFacts) -> SparkApplicationStatus {
        let id = driver_pod.submission_id.clone().unwrap_or_default();
        let mut next = self.reserved(&id, &driver_pod.name);
        next.last_submission_attempt_time = Some(Time(driver_pod.created.unwrap_or(self.now)));
        next.application_state.state = Phase::Submitted;
        next.spark_application_id.clone_from(&driver_pod.application_id);
        next.execution_attempts = Some(next.execution_attempts.unwrap_or(0).saturating_add(1));
        self.finish(next, None)
    }

    /// The driver pod could not be created.
    pub fn submission_failed(self, message: &str) -> SparkApplicationStatus {
        let mut next = self.old.clone();
        next.application_state.state = Phase::SubmissionFailed;
        next.application_state.error_message = Some(message.to_owned());
        self.finish(next, None)
    }

    /// The status after a decision that creates nothing: the change of state, if any, and what was observed.
    pub fn observed(
        self,
        decision: &Decision,
        observation: &Observation,
        max_executors: u64,
    ) -> SparkApplicationStatus {
        let mut next = self.old.clone();
        if let Decision::Move { to, message } = decision {
            self.enter(&mut next, *to, message);
        }
        if *decision == Decision::Scale {
            // The driver goes on, with what the specification says now.
            next.submitted_spec = Some(self.fingerprint.to_owned());
        }
        let phase = next.application_state.state;
        next.executor_state =
            executors::states(next.executor_state.take(), &observation.executors, phase, max_executors);
        next.progress = progress::progress(next.progress.take(), observation, &next);
        let blocked = match &observation.driver {
            Driver::Ours(pod) => match &pod.state {
                DriverProgress::Pending { blocked: Some(blocked) } if blocked.kind.is_obstacle() => {
                    Some(blocked)
                }
                DriverProgress::Pending { .. }
                | DriverProgress::Running
                | DriverProgress::Succeeded
                | DriverProgress::Failed { .. }
                | DriverProgress::Unknown => None,
            },
            Driver::Absent | Driver::Foreign => None,
        };
        let blocked = blocked.filter(|_| phase == Phase::Submitted);
        if phase == Phase::Submitted {
            // Pull errors alternate between two texts: the first one stays as long as the obstacle does.
            let told = conditions::running_reason(self.old);
            match blocked {
                Some(blocked) if told != Some(blocked.kind.reason()) => {
                    next.application_state.error_message = Some(format!(
                        "driver pod cannot start yet: {}: {}",
                        blocked.kind.reason(),
                        blocked.message
                    ));
                }
                Some(_) => {}
                None => next.application_state.error_message = None,
            }
        }
        self.finish(next, blocked)
    }

    fn enter(self, next: &mut SparkApplicationStatus, to: Phase, message: &Message) {
        next.application_state.state = to;
        match message {
            Message::Keep => {}
            Message::Clear => next.application_state.error_message = None,
            Message::Set(text) => next.application_state.error_message = Some(text.clone()),
        }
        match to {
            Phase::Completed | Phase::Failed | Phase::Succeeding | Phase::Failing => {
                if next.termination_time.is_none() {
                    next.termination_time = Some(Time(self.now));
                }
            }
            Phase::PendingRerun | Phase::Suspended => {
                // The next submission starts clean; the attempts are counted on.
                next.submission_id = None;
                next.spark_application_id = None;
                next.termination_time = None;
                next.driver_info = DriverInfo::default();
                next.executor_state = None;
                if self.old.application_state.state == Phase::Invalidating {
                    next.submission_attempts = None;
                    next.execution_attempts = None;
                }
            }
            Phase::Resuming => next.submission_id = None,
            Phase::New
            | Phase::Submitted
            | Phase::Running
            | Phase::SubmissionFailed
            | Phase::Invalidating
            | Phase::Suspending
            | Phase::Unknown => {}
        }
    }

    fn finish(
        self,
        mut next: SparkApplicationStatus,
        blocked: Option<&crate::decide::Blocked>,
    ) -> SparkApplicationStatus {
        if next.submitted_spec.is_none()
            && next.submission_id.is_some()
            && !next.application_state.state.is_terminal()
        {
            // Submitted by another operator: changes count from here on.
            next.submitted_spec = Some(self.fingerprint.to_owned());
        }
        next.observed_generation = self.generation;
        next.conditions = Some(conditions::next(self, &next, blocked));
        next
    }
}

/// Who writes the status, in the words of server-side apply.
pub const FIELD_MANAGER: &str = "cerium-operator";

/// The status could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the status of SparkApplication {name}")]
pub struct StatusError {
    name: String,
    #[source]
    source: kube::Error,
}

impl Problem for StatusError {
    fn category(&self) -> &'static str {
        "status"
    }

    fn failure(&self) -> ApiFailure {
        ApiFailure::of(&self.source)
    }
}

/// Writes the status if it changed and returns the application as it is then. The write fails with a conflict
/// if anybody wrote the application since `application` was read.
pub async fn write(
    client: &Client,
    application: &SparkApplication,
    next: SparkApplicationStatus,
) -> Result<SparkApplication, StatusError> {
    let mut changed = application.clone();
    if changed.status.as_ref() == Some(&next) {
        return Ok(changed);
    }
    changed.status = Some(next);
    let namespace = changed.namespace().unwrap_or_default();
    let name = changed.name_any();
    let api: Api<SparkApplication> = Api::namespaced(client.clone(), &namespace);
    // The owner of the status in the object's managed fields.
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    api.replace_status(&name, &params, &changed).await.map_err(|source| StatusError { name, source })
}

#[cfg(test)]
mod tests;
