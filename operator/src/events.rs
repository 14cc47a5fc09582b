//! The events of an application: which ones a change of its status means (pure), and how they are published.
//!
//! They are events of the core API group, as that is what the operator's role grants.

use std::collections::BTreeMap;

use cerium_crds::application::SparkApplicationStatus;
use cerium_crds::conditions::VALID;
use cerium_crds::fingerprint::Change;
use cerium_crds::scale::Scale;
use cerium_crds::{ApplicationStateType as Phase, DriverState, ExecutorState, events as reasons};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;

mod memory;
mod recorder;

pub use recorder::Recorder;

/// Longest message of an event, in bytes.
const MAX_MESSAGE: usize = 1024;

/// Something to tell about an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The reason, in Kubeflow's words.
    pub reason: &'static str,
    /// It is a warning.
    pub warning: bool,
    /// The text.
    pub message: String,
}

impl Note {
    /// A note with the severity that belongs to its reason.
    pub fn new(reason: &'static str, message: String) -> Note {
        Note { reason, warning: reasons::is_warning(reason), message }
    }
}

/// What stands around the driver pod could not all be made.
pub fn not_exposed(refusal: String) -> Note {
    Note::new(reasons::APPLICATION_NOT_EXPOSED, refusal)
}

/// The definition of the kind is not Cerium's.
pub fn definition_outdated() -> Note {
    let message = "the definition of SparkApplication on this cluster is older than the operator: conditions, progress \
                   and changes of the specification are not kept; helm upgrade --install cerium-crds \
                   charts/cerium-crds --take-ownership brings it up to date";
    Note::new(reasons::APPLICATION_DEFINITION_OUTDATED, message.to_owned())
}

/// The driver was told how many executors it may have.
pub fn scaled(name: &str, scale: &Scale) -> Note {
    let message = format!("the driver of SparkApplication {name} goes on with {scale}");
    Note::new(reasons::APPLICATION_SCALED, message)
}

/// The driver cannot be told how many executors it may have.
pub fn not_scaled(name: &str, why: &str) -> Note {
    let message = format!(
        "the driver of SparkApplication {name} keeps the number of executors it has until the next \
         submission: {why}"
    );
    Note::new(reasons::APPLICATION_SPEC_UPDATE_FAILED, message)
}

/// What the change from one status to the next means in events.
pub fn notes(
    name: &str,
    old: &SparkApplicationStatus,
    next: &SparkApplicationStatus,
    ignored: &str,
    change: Change,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let (before, after) = (old.application_state.state, next.application_state.state);
    let error = next.application_state.error_message.as_deref().unwrap_or_default();
    let driver =
        next.driver_info.pod_name.as_deref().or(old.driver_info.pod_name.as_deref()).unwrap_or_default();
    let first = old.observed_generation.is_none() && old.submission_id.is_none();
    if first && before == Phase::New {
        notes.push(Note::new(
            reasons::APPLICATION_ADDED,
            format!("SparkApplication {name} was added, it is about to be submitted"),
        ));
    }
    if before != after {
        notes.extend(notes_of_phase(name, driver, after, error));
        if after == Phase::Submitted && before != Phase::Unknown && !ignored.is_empty() {
            let message = format!("fields without effect: {ignored}");
            notes.push(Note { warning: true, ..Note::new(reasons::APPLICATION_FIELDS_IGNORED, message) });
        }
    } else if after == Phase::Submitted && !error.is_empty() && error != old_error(old) {
        let reason = reasons::driver_reason(DriverState::Pending);
        notes.push(Note { warning: true, ..Note::new(reason, format!("Driver {driver}: {error}")) });
    }
    notes.extend(note_of_change(name, old, next, change));
    notes.extend(notes_of_executors(old.executor_state.as_ref(), next.executor_state.as_ref()));
    notes
}

/// What a change of the specification that does not restart the application means; told once.
fn note_of_change(
    name: &str,
    old: &SparkApplicationStatus,
    next: &SparkApplicationStatus,
    change: Change,
) -> Option<Note> {
    let phase = next.application_state.state;
    let edited = old.observed_generation.is_some() && old.observed_generation != next.observed_generation;
    if !edited || phase != old.application_state.state {
        return None;
    }
    match (change, phase) {
        (Change::Application | Change::ExecutorCount { .. }, Phase::Completed) => Some(Note::new(
            reasons::APPLICATION_SPEC_UPDATE_FAILED,
            format!(
                "the specification of SparkApplication {name} changed after it completed: it does not run \
                 again; to run the new one delete the application and create it again"
            ),
        )),
        (Change::ExecutorCount { .. }, Phase::Submitted | Phase::Running | Phase::Unknown)
            if old.submitted_spec == next.submitted_spec && !problem(next).is_empty() =>
        {
            Some(not_scaled(name, problem(next)))
        }
        (Change::ExecutorPods | Change::ExecutorCount { placed: true }, phase) if !phase.is_terminal() => {
            Some(Note::new(
                reasons::APPLICATION_WEBHOOK_FIELDS_UPDATED,
                format!(
                    "SparkApplication {name} says anew where its executors are placed: executors of the next \
                 submission will be"
                ),
            ))
        }
        _ => None,
    }
}

/// What is wrong with the specification, as the condition says.
fn problem(status: &SparkApplicationStatus) -> &str {
    let mut all = status.conditions.iter().flatten();
    let valid = all.find(|condition| condition.type_ == VALID && condition.status == "False");
    valid.map(|condition| condition.message.as_str()).unwrap_or_default()
}

fn old_error(status: &SparkApplicationStatus) -> &str {
    status.application_state.error_message.as_deref().unwrap_or_default()
}

fn notes_of_phase(name: &str, driver: &str, phase: Phase, error: &str) -> Vec<Note> {
    let app = |reason, what: &str| Note::new(reason, format!("SparkApplication {name} {what}"));
    let of_driver =
        |state, what: &str| Note::new(reasons::driver_reason(state), format!("Driver {driver} {what}"));
    match phase {
        Phase::New => vec![],
        Phase::Invalidating => {
            vec![app(reasons::APPLICATION_INVALIDATING, "runs again, as its specification changed")]
        }
        Phase::Submitted => vec![
            app(reasons::APPLICATION_SUBMITTED, "was submitted successfully"),
            of_driver(DriverState::Pending, "is pending"),
        ],
        Phase::Running => vec![of_driver(DriverState::Running, "is running")],
        Phase::Succeeding => vec![of_driver(DriverState::Completed, "completed")],
        Phase::Completed => vec![app(reasons::APPLICATION_COMPLETED, "completed")],
        Phase::Failing if error == DRIVER_NOT_FOUND_TEXT => {
            vec![Note::new(reasons::DRIVER_NOT_FOUND, format!("Driver {driver} was not found"))]
        }
        Phase::Failing => vec![of_driver(DriverState::Failed, &format!("failed: {error}"))],
        Phase::Failed => vec![app(reasons::APPLICATION_FAILED, &format!("failed: {error}"))],
        Phase::SubmissionFailed => {
            vec![app(reasons::APPLICATION_SUBMISSION_FAILED, &format!("could not be submitted: {error}"))]
        }
        Phase::PendingRerun => vec![app(reasons::APPLICATION_PENDING_RERUN, "is pending rerun")],
        Phase::Suspending => vec![app(reasons::APPLICATION_SUSPENDING, "is suspending")],
        Phase::Suspended => vec![app(reasons::APPLICATION_SUSPENDED, "was suspended")],
        Phase::Resuming => vec![app(reasons::APPLICATION_RESUMING, "is resuming")],
        Phase::Unknown => vec![of_driver(DriverState::Unknown, "is in an unknown state")],
    }
}

/// The error message of an application whose driver pod is gone.
pub const DRIVER_NOT_FOUND_TEXT: &str = "driver pod not found";

type Executors = BTreeMap<String, ExecutorState>;

fn notes_of_executors(old: Option<&Executors>, next: Option<&Executors>) -> Vec<Note> {
    let changed =
        next.into_iter().flatten().filter(|(name, state)| old.and_then(|old| old.get(*name)) != Some(state));
    changed
        .map(|(name, state)| {
            let what = match state {
                ExecutorState::Pending => "is pending",
                ExecutorState::Running => "is running",
                ExecutorState::Completed => "completed",
                ExecutorState::Failed => "failed",
                ExecutorState::Unknown => "is in an unknown state",
            };
            Note::new(reasons::executor_reason(*state), format!("Executor {name} {what}"))
        })
        .collect()
}

/// Publishes events on an object once; see [`Recorder::publish`].
pub async fn publish(
    client: &Client,
    component: &'static str,
    about: &ObjectReference,
    notes: &[Note],
    now: Timestamp,
) {
    let recorder = Recorder::new(client.clone());
    recorder.publish(component, about, notes, now);
    recorder.deliver().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: Phase, error: &str) -> SparkApplicationStatus {
        let mut status = SparkApplicationStatus::default();
        status.application_state.state = phase;
        status.application_state.error_message = (!error.is_empty()).then(|| error.to_owned());
        status.driver_info.pod_name = Some("pi-driver".into());
        status.submission_id = Some("s".into());
        status
    }

    fn told(old: &SparkApplicationStatus, next: &SparkApplicationStatus) -> Vec<(&'static str, bool)> {
        notes("pi", old, next, "", Change::None).into_iter().map(|note| (note.reason, note.warning)).collect()
    }

    #[test]
    fn each_change_of_state_has_kubeflows_event() {
        let cases = [
            (
                Phase::New,
                Phase::Submitted,
                "",
                vec![("SparkApplicationSubmitted", false), ("SparkDriverPending", false)],
            ),
            (Phase::New, Phase::SubmissionFailed, "quota", vec![("SparkApplicationSubmissionFailed", true)]),
            (Phase::Submitted, Phase::Running, "", vec![("SparkDriverRunning", false)]),
            (Phase::Running, Phase::Succeeding, "", vec![("SparkDriverCompleted", false)]),
            (Phase::Succeeding, Phase::Completed, "", vec![("SparkApplicationCompleted", false)]),
            (Phase::Running, Phase::Failing, "driver pod not found", vec![("SparkDriverNotFound", true)]),
            (Phase::Running, Phase::Failing, "driver container failed", vec![("SparkDriverFailed", true)]),
            (
                Phase::Failing,
                Phase::Failed,
                "driver container failed",
                vec![("SparkApplicationFailed", true)],
            ),
            (Phase::Failing, Phase::PendingRerun, "", vec![("SparkApplicationPendingRerun", true)]),
            (Phase::Running, Phase::Suspending, "", vec![("SparkApplicationSuspending", true)]),
        ];
        for (before, after, error, expected) in cases {
            assert_eq!(told(&status(before, ""), &status(after, error)), expected, "{before} -> {after}");
        }
    }

    #[test]
    fn an_application_is_announced_once() {
        let new = SparkApplicationStatus::default();
        assert_eq!(told(&new, &status(Phase::New, "")), [("SparkApplicationAdded", false)]);
        assert!(told(&status(Phase::New, ""), &status(Phase::New, "")).is_empty());
    }

    #[test]
    fn an_obstacle_is_told_when_it_appears() {
        let waiting = status(Phase::Submitted, "");
        let blocked = status(Phase::Submitted, "driver pod cannot start yet: ImagePullFailed: no such image");
        assert_eq!(told(&waiting, &blocked), [("SparkDriverPending", true)]);
        assert!(told(&blocked, &blocked).is_empty());
    }

    #[test]
    fn executors_are_told_as_their_state_changes() {
        let mut old = status(Phase::Running, "");
        old.executor_state = Some([("e-1".to_owned(), ExecutorState::Running)].into());
        let mut next = old.clone();
        next.executor_state = Some(
            [("e-1".to_owned(), ExecutorState::Failed), ("e-2".to_owned(), ExecutorState::Pending)].into(),
        );
        assert_eq!(told(&old, &next), [("SparkExecutorFailed", true), ("SparkExecutorPending", false)]);
    }

    #[test]
    fn a_change_without_a_restart_is_told_once() {
        let told = |phase: Phase, generations: (i64, i64), change: Change| {
            let of = |generation: i64| SparkApplicationStatus {
                observed_generation: Some(generation),
                ..status(phase, "")
            };
            let notes = notes("pi", &of(generations.0), &of(generations.1), "", change);
            notes.into_iter().map(|note| (note.reason, note.warning)).collect::<Vec<_>>()
        };
        let failed = ("SparkApplicationSpecUpdateFailed", true);
        assert_eq!(told(Phase::Completed, (1, 2), Change::Application), [failed]);
        assert!(told(Phase::Completed, (2, 2), Change::Application).is_empty());
        // Another limit of time, for example.
        assert!(told(Phase::Completed, (1, 2), Change::None).is_empty());
        let placed = ("SparkApplicationWebhookFieldsUpdated", false);
        assert_eq!(told(Phase::Running, (1, 2), Change::ExecutorPods), [placed]);
    }

    #[test]
    fn ignored_fields_are_told_with_the_submission() {
        let notes = notes(
            "pi",
            &status(Phase::New, ""),
            &status(Phase::Submitted, ""),
            "spec.mainClass (no JVM)",
            Change::None,
        );
        let note = notes.last().unwrap();
        assert_eq!((note.reason, note.warning), ("SparkApplicationFieldsIgnored", true));
        assert_eq!(note.message, "fields without effect: spec.mainClass (no JVM)");
    }
}
