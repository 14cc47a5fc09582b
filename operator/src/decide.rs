//! What to do next for an application, from what was observed: one pure, total function.

use std::time::Duration;

use cerium_crds::ApplicationStateType as Phase;
use cerium_crds::application::RestartPolicyType;
use cerium_crds::fingerprint::Change;
use jiff::{SignedDuration, Timestamp};

use crate::events::DRIVER_NOT_FOUND_TEXT;

mod change;
mod startup;

use change::{can_be_scaled, needs_another_run};
pub use startup::{Blocked, BlockedKind};
use startup::{Verdict, blocked_for_too_long};

/// Everything a decision may depend on, apart from the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    /// The state in the status.
    pub phase: Phase,
    /// What the manifest asks for.
    pub wish: Wish,
    /// What the status remembers of earlier attempts.
    pub history: History,
    /// What changed in the specification since the submission.
    pub change: Change,
    /// What is known of the driver pod.
    pub driver: Driver,
}

/// What the manifest asks for, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.restartPolicy` with its defaults.
    pub restart: Restart,
    /// `spec.timeToLiveSeconds`, else the operator's default; `None`: never deleted.
    pub time_to_live: Option<SignedDuration>,
    /// Why the specification cannot be run whatever the cluster says; `None` if it can.
    pub invalid: Option<String>,
    /// How long the driver may take from its submission until it runs, whatever keeps it; `None`: as the
    /// operator's patience says.
    pub startup: Option<SignedDuration>,
}

/// `spec.restartPolicy` with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// When to run again at all.
    pub policy: RestartPolicyType,
    /// With OnFailure: how often a failed submission is repeated.
    pub submission_retries: i32,
    /// With OnFailure: how often a failed run is repeated.
    pub run_retries: i32,
    /// Pause before a repeated submission, multiplied by the submissions so far.
    pub submission_interval: SignedDuration,
    /// Pause before a repeated run, multiplied by the submissions so far.
    pub run_interval: SignedDuration,
}

/// What the status remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// A submission id is written for the attempt that is about to be submitted.
    pub reserved: bool,
    /// The status is another operator's, which may have submitted without having written it down.
    pub inherited: bool,
    /// `status.submissionAttempts`.
    pub submission_attempts: i32,
    /// `status.executionAttempts`.
    pub execution_attempts: i32,
    /// `status.lastSubmissionAttemptTime`.
    pub last_submission: Option<Timestamp>,
    /// `status.terminationTime`.
    pub terminated: Option<Timestamp>,
}

/// What is known of the pod with the driver's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    /// No such pod, confirmed by a read from the API server.
    Absent,
    /// A pod of that name which is not this application's.
    Foreign,
    /// The driver pod of this application.
    Ours(DriverPod),
}

/// The driver pod of this application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverPod {
    /// It belongs to the submission in the status, not to an earlier one.
    pub current: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// Other containers of it go on after its Spark container has ended.
    pub lingers: bool,
    /// What its Spark container does.
    pub state: DriverProgress,
}

/// What the Spark container of the driver pod does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverProgress {
    /// Not started yet; `blocked` says what keeps it from starting.
    Pending {
        /// What keeps it from starting, if anything is known to.
        blocked: Option<Blocked>,
    },
    /// It runs.
    Running,
    /// It ended with exit code 0.
    Succeeded,
    /// It ended otherwise.
    Failed {
        /// Exit code, reason and termination message.
        message: String,
    },
    /// The node does not answer.
    Unknown,
}

impl DriverProgress {
    /// Whether the Spark container has ended.
    pub fn has_ended(&self) -> bool {
        match self {
            DriverProgress::Succeeded | DriverProgress::Failed { .. } => true,
            DriverProgress::Pending { .. } | DriverProgress::Running | DriverProgress::Unknown => false,
        }
    }
}

/// How patient the operator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long a driver pod may be missing after its creation.
    pub creation_grace: SignedDuration,
    /// How long a driver may be blocked by its image or configuration; `None`: for ever.
    pub startup: Option<SignedDuration>,
    /// How long a driver may wait for a node; `None`: for ever.
    pub scheduling: Option<SignedDuration>,
    /// How long other containers of a driver pod may go on after its end; `None`: for ever.
    pub sidecars: Option<SignedDuration>,
}

/// What is to be done. Exactly one step; the next one is decided on what it leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Stay, and look again after this time at the latest.
    Wait {
        /// `None`: only when something changes.
        requeue: Option<Duration>,
    },
    /// Write a fresh submission id into the status, before anything is created for it.
    Reserve,
    /// Take over the driver that another operator has created; SUBMITTED follows.
    Adopt,
    /// Create the objects of the reserved submission; SUBMITTED or SUBMISSION_FAILED follows.
    Submit,
    /// Change the state.
    Move {
        /// The state to enter.
        to: Phase,
        /// What to write into `errorMessage`.
        message: Message,
    },
    /// Tell the driver, which goes on, how many executors it may have.
    Scale,
    /// Delete the driver pod and wait until it is gone.
    RemoveDriver,
    /// Delete the application: its time to live is over.
    DeleteApplication,
}

/// What a change of state does to `errorMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Leave what is there.
    Keep,
    /// Remove it.
    Clear,
    /// Write this.
    Set(String),
}

impl Decision {
    /// The changes of state this decision may lead to.
    pub fn edges(&self, from: Phase) -> Vec<(Phase, Phase)> {
        match self {
            Decision::Wait { .. }
            | Decision::Scale
            | Decision::RemoveDriver
            | Decision::DeleteApplication => Vec::new(),
            Decision::Reserve => vec![(from, reserved_phase(from))],
            Decision::Adopt => vec![(from, Phase::Submitted)],
            Decision::Submit => vec![(from, Phase::Submitted), (from, Phase::SubmissionFailed)],
            Decision::Move { to, .. } => vec![(from, *to)],
        }
    }
}

/// The state in which a reserved submission waits to be carried out.
pub fn reserved_phase(from: Phase) -> Phase {
    if from == Phase::SubmissionFailed { Phase::New } else { from }
}

/// The one decision for this situation at this time.
pub fn decide(situation: &Situation, patience: Patience, now: Timestamp) -> Decision {
    let Situation { phase, wish, history, change, driver } = situation;
    match phase {
        Phase::New
        | Phase::PendingRerun
        | Phase::Resuming
        | Phase::Submitted
        | Phase::Running
        | Phase::Unknown
        | Phase::Failing
        | Phase::SubmissionFailed
            if wish.suspend =>
        {
            move_to(Phase::Suspending, Message::Clear)
        }
        // What completed stays completed; a failure may be mended by the change.
        Phase::Submitted
        | Phase::Running
        | Phase::Unknown
        | Phase::Failing
        | Phase::SubmissionFailed
        | Phase::Failed
            if needs_another_run(*phase, *change) =>
        {
            move_to(Phase::Invalidating, Message::Clear)
        }
        Phase::Submitted | Phase::Running | Phase::Unknown if can_be_scaled(situation) => Decision::Scale,
        Phase::New | Phase::PendingRerun | Phase::Resuming => decide_submission(history, *change, driver),
        Phase::Submitted | Phase::Running | Phase::Unknown => decide_by_driver(situation, patience, now),
        Phase::Succeeding => {
            if wish.restart.policy == RestartPolicyType::Always {
                move_to(Phase::PendingRerun, Message::Clear)
            } else {
                move_to(Phase::Completed, Message::Clear)
            }
        }
        Phase::Failing => decide_after_failure(&wish.restart, history, driver, now),
        Phase::SubmissionFailed => decide_after_failed_submission(wish, history, driver, now),
        Phase::Invalidating => match driver {
            Driver::Ours(pod) => remove(pod),
            Driver::Absent | Driver::Foreign => move_to(Phase::PendingRerun, Message::Clear),
        },
        Phase::Suspending => match driver {
            Driver::Ours(pod) => remove(pod),
            Driver::Absent | Driver::Foreign => move_to(Phase::Suspended, Message::Clear),
        },
        Phase::Suspended => {
            if wish.suspend {
                Decision::Wait { requeue: None }
            } else {
                move_to(Phase::Resuming, Message::Clear)
            }
        }
        Phase::Completed | Phase::Failed => decide_after_end(situation, patience, now),
    }
}

fn move_to(to: Phase, message: Message) -> Decision {
    Decision::Move { to, message }
}

/// The deletion of a pod that is already under way is only waited for: its end is an event.
fn remove(pod: &DriverPod) -> Decision {
    if pod.deleting { Decision::Wait { requeue: Some(DELETION_CHECK) } } else { Decision::RemoveDriver }
}

/// How often the deletion of a driver pod is looked at, should its event be lost.
const DELETION_CHECK: Duration = Duration::from_secs(30);

fn decide_submission(history: &History, change: Change, driver: &Driver) -> Decision {
    match driver {
        Driver::Ours(pod) if history.inherited && !pod.current && !pod.deleting => Decision::Adopt,
        // What was reserved for another specification may have been created from it just before a crash.
        Driver::Absent | Driver::Foreign if change == Change::Application => Decision::Reserve,
        Driver::Ours(pod) if change == Change::Application => remove(pod),
        Driver::Ours(pod) if history.reserved && pod.current && !pod.deleting => Decision::Submit,
        // What is left of an earlier attempt goes first: the pod's name is the same.
        Driver::Ours(pod) => remove(pod),
        // A stranger's pod is told by the submission itself.
        Driver::Absent | Driver::Foreign if history.reserved => Decision::Submit,
        Driver::Absent | Driver::Foreign => Decision::Reserve,
    }
}

fn decide_by_driver(situation: &Situation, patience: Patience, now: Timestamp) -> Decision {
    let Situation { phase, wish, history, driver, .. } = situation;
    let phase = *phase;
    let Driver::Ours(pod) = driver else {
        let age = since(history.last_submission, now);
        if phase == Phase::Submitted && age < patience.creation_grace {
            return Decision::Wait { requeue: Some(remaining(patience.creation_grace, age)) };
        }
        return move_to(Phase::Failing, Message::Set(DRIVER_NOT_FOUND_TEXT.to_owned()));
    };
    if !pod.current {
        return move_to(Phase::Failing, Message::Set(DRIVER_NOT_FOUND_TEXT.to_owned()));
    }
    match &pod.state {
        DriverProgress::Pending { blocked } => {
            match blocked_for_too_long(blocked.as_ref(), wish.startup, history, patience, now) {
                Verdict::GiveUp(text) => move_to(Phase::Failing, Message::Set(text)),
                Verdict::Wait(requeue) => {
                    if phase == Phase::Unknown {
                        move_to(Phase::Submitted, Message::Clear)
                    } else {
                        Decision::Wait { requeue }
                    }
                }
            }
        }
        DriverProgress::Running => {
            if phase == Phase::Running {
                Decision::Wait { requeue: None }
            } else {
                move_to(Phase::Running, Message::Clear)
            }
        }
        DriverProgress::Succeeded => move_to(Phase::Succeeding, Message::Clear),
        DriverProgress::Failed { message } => move_to(Phase::Failing, Message::Set(message.clone())),
        DriverProgress::Unknown => {
            if phase == Phase::Unknown {
                Decision::Wait { requeue: None }
            } else {
                move_to(Phase::Unknown, Message::Keep)
            }
        }
    }
}

fn decide_after_end(situation: &Situation, patience: Patience, now: Timestamp) -> Decision {
    let Situation { wish, history, driver, .. } = situation;
    let end_of_life = decide_time_to_live(wish, history, now);
    let Decision::Wait { requeue } = end_of_life else { return end_of_life };
    let Driver::Ours(pod) = driver else { return end_of_life };
    match patience.sidecars {
        Some(limit) if pod.lingers && !pod.deleting => {
            let age = since(history.terminated, now);
            if age < limit {
                let left = remaining(limit, age);
                Decision::Wait { requeue: Some(requeue.map_or(left, |requeue| requeue.min(left))) }
            } else {
                Decision::RemoveDriver
            }
        }
        _ => end_of_life,
    }
}

fn decide_time_to_live(wish: &Wish, history: &History, now: Timestamp) -> Decision {
    let Some(time_to_live) = wish.time_to_live else { return Decision::Wait { requeue: None } };
    let age = since(history.terminated, now);
    if age < time_to_live {
        Decision::Wait { requeue: Some(remaining(time_to_live, age)) }
    } else {
        Decision::DeleteApplication
    }
}

/// Time since then; a moment that is not known is now, so that nothing is given up too early.
fn since(then: Option<Timestamp>, now: Timestamp) -> SignedDuration {
    then.map_or(SignedDuration::ZERO, |then| now.duration_since(then))
}

/// What is left of a limit, at least one millisecond, as the next look must be in the future.
fn remaining(limit: SignedDuration, age: SignedDuration) -> Duration {
    let left = limit.saturating_sub(age).max(SignedDuration::from_millis(1));
    Duration::try_from(left).unwrap_or(Duration::from_millis(1))
}

fn decide_after_failure(restart: &Restart, history: &History, driver: &Driver, now: Timestamp) -> Decision {
    let again = match restart.policy {
        RestartPolicyType::Always => true,
        RestartPolicyType::OnFailure => history.execution_attempts <= restart.run_retries,
        RestartPolicyType::Never => false,
    };
    if again {
        return match until_retry(restart.run_interval, history, now) {
            Some(requeue) => Decision::Wait { requeue: Some(requeue) },
            None => move_to(Phase::PendingRerun, Message::Clear),
        };
    }
    match driver {
        // A driver given up on must not start after all; one that ended keeps its pod and its log.
        Driver::Ours(pod) if !pod.state.has_ended() => remove(pod),
        Driver::Ours(_) | Driver::Absent | Driver::Foreign => move_to(Phase::Failed, Message::Keep),
    }
}

fn decide_after_failed_submission(
    wish: &Wish,
    history: &History,
    driver: &Driver,
    now: Timestamp,
) -> Decision {
    let restart = &wish.restart;
    let again = match restart.policy {
        RestartPolicyType::Always => true,
        RestartPolicyType::OnFailure => history.submission_attempts <= restart.submission_retries,
        RestartPolicyType::Never => false,
    };
    // Repeating a submission cannot make a wrong specification right.
    if !again || wish.invalid.is_some() {
        return move_to(Phase::Failed, Message::Keep);
    }
    match (until_retry(restart.submission_interval, history, now), driver) {
        (Some(requeue), _) => Decision::Wait { requeue: Some(requeue) },
        (None, Driver::Ours(pod)) => remove(pod),
        (None, Driver::Absent | Driver::Foreign) => Decision::Reserve,
    }
}

/// The time left until the next attempt; `None` if it is due.
fn until_retry(interval: SignedDuration, history: &History, now: Timestamp) -> Option<Duration> {
    let pause = interval.saturating_mul(history.submission_attempts.max(1));
    let age = since(history.last_submission, now);
    (age < pause).then(|| remaining(pause, age))
}

#[cfg(test)]
mod tests;
