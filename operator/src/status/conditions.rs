//! The conditions of an application, as Kubernetes' own tools wait for them. Pure.

use cerium_crds::ApplicationStateType as Phase;
use cerium_crds::application::SparkApplicationStatus;
use cerium_crds::conditions::{
    FAILED, READY, REASON_ACCEPTED, REASON_FIELDS_IGNORED, REASON_INVALID_SPEC, RECONCILING, RUNNING,
    STALLED, SUBMITTED, SUCCEEDED, VALID,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::Basis;
use crate::decide::Blocked;

/// Longest message the API server accepts in a condition, in bytes.
const MAX_MESSAGE: usize = 32 * 1024;

/// The reason of the condition Running, if it is written.
pub fn running_reason(status: &SparkApplicationStatus) -> Option<&str> {
    let mut all = status.conditions.iter().flatten();
    all.find(|condition| condition.type_ == RUNNING).map(|condition| condition.reason.as_str())
}

/// All conditions that go with the next status.
pub fn next(basis: Basis<'_>, next: &SparkApplicationStatus, blocked: Option<&Blocked>) -> Vec<Condition> {
    let phase = next.application_state.state;
    let error = next.application_state.error_message.as_deref().unwrap_or_default();
    let state = state_reason(phase);
    let valid = match (basis.invalid, basis.ignored) {
        (Some(message), _) => (false, REASON_INVALID_SPEC, message),
        (None, "") => (true, REASON_ACCEPTED, ""),
        (None, ignored) => (true, REASON_FIELDS_IGNORED, ignored),
    };
    let running = match blocked {
        Some(blocked) => {
            // The first text about an obstacle stays, so that alternating ones cause no writes.
            let told =
                basis.old.conditions.iter().flatten().find(|condition| {
                    condition.type_ == RUNNING && condition.reason == blocked.kind.reason()
                });
            (
                false,
                blocked.kind.reason(),
                told.map_or(blocked.message.as_str(), |told| told.message.as_str()),
            )
        }
        None => (phase == Phase::Running, state, ""),
    };
    let failed = phase == Phase::Failed;
    let health = health(phase);
    let told = if error.is_empty() { running.2 } else { error };
    let wanted = [
        (VALID, valid),
        (SUBMITTED, (is_submitted(phase), state, "")),
        (RUNNING, running),
        (SUCCEEDED, (phase == Phase::Completed, state, "")),
        (FAILED, (failed, state, if failed { error } else { "" })),
        (READY, (health == Health::Ready, state, if health == Health::Ready { "" } else { told })),
    ];
    let abnormal =
        [(RECONCILING, health == Health::Reconciling, told), (STALLED, health == Health::Stalled, error)];
    let mut conditions: Vec<Condition> = wanted
        .into_iter()
        .map(|(type_, (holds, reason, message))| condition(basis, type_, holds, reason, message))
        .collect();
    let present = abnormal.iter().filter(|(_, holds, _)| *holds);
    conditions.extend(present.map(|(type_, _, message)| condition(basis, type_, true, state, message)));
    // Conditions of other writers stay.
    let ours = |type_: &str| {
        wanted.iter().any(|(own, _)| *own == type_) || abnormal.iter().any(|(own, ..)| *own == type_)
    };
    let others = basis.old.conditions.iter().flatten();
    conditions.extend(others.filter(|other| !ours(&other.type_)).cloned());
    conditions
}

fn condition(basis: Basis<'_>, type_: &str, holds: bool, reason: &str, message: &str) -> Condition {
    let status = if holds { "True" } else { "False" };
    let before = basis.old.conditions.iter().flatten().find(|old| old.type_ == type_ && old.status == status);
    Condition {
        last_transition_time: before.map_or(Time(basis.now), |old| old.last_transition_time.clone()),
        message: truncated(message, MAX_MESSAGE).to_owned(),
        observed_generation: basis.generation,
        reason: reason.to_owned(),
        status: status.to_owned(),
        type_: type_.to_owned(),
    }
}

/// The longest start of the text that is no longer than this, in whole characters.
pub fn truncated(text: &str, max_bytes: usize) -> &str {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What kstatus makes of a state. Like a Job, an application is there as soon as it runs: some never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    /// Current.
    Ready,
    /// In progress by the operator's own work.
    Reconciling,
    /// In progress, waiting for the user.
    Waiting,
    /// Failed.
    Stalled,
}

fn health(phase: Phase) -> Health {
    match phase {
        Phase::Running | Phase::Succeeding | Phase::Completed => Health::Ready,
        Phase::New
        | Phase::Submitted
        | Phase::Failing
        | Phase::SubmissionFailed
        | Phase::PendingRerun
        | Phase::Invalidating
        | Phase::Suspending
        | Phase::Resuming
        | Phase::Unknown => Health::Reconciling,
        Phase::Suspended => Health::Waiting,
        Phase::Failed => Health::Stalled,
    }
}

fn is_submitted(phase: Phase) -> bool {
    match phase {
        Phase::Submitted
        | Phase::Running
        | Phase::Succeeding
        | Phase::Completed
        | Phase::Failing
        | Phase::Unknown => true,
        Phase::New
        | Phase::Failed
        | Phase::SubmissionFailed
        | Phase::PendingRerun
        | Phase::Invalidating
        | Phase::Suspending
        | Phase::Suspended
        | Phase::Resuming => false,
    }
}

/// The state as the reason of a condition, in PascalCase.
fn state_reason(phase: Phase) -> &'static str {
    match phase {
        Phase::New => "New",
        Phase::Submitted => "Submitted",
        Phase::Running => "Running",
        Phase::Succeeding => "Succeeding",
        Phase::Completed => "Completed",
        Phase::Failing => "Failing",
        Phase::Failed => "Failed",
        Phase::SubmissionFailed => "SubmissionFailed",
        Phase::PendingRerun => "PendingRerun",
        Phase::Invalidating => "Invalidating",
        Phase::Suspending => "Suspending",
        Phase::Suspended => "Suspended",
        Phase::Resuming => "Resuming",
        Phase::Unknown => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::truncated;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(truncated("déjà", 2), "d");
        assert_eq!(truncated("déjà", 3), "dé");
        assert_eq!(truncated("short", 100), "short");
    }
}
