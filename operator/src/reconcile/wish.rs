//! What the manifest, the status and the pods say, in the words of the decision. Pure.

use cerium_crds::application::{RestartPolicy, RestartPolicyType, SparkApplicationStatus};
use cerium_crds::fingerprint::Change;
use cerium_crds::plan::ValidatedApplication;
use cerium_crds::validate::Invalid;
use cerium_crds::{ApplicationStateType as Phase, SparkApplication, labels};
use jiff::SignedDuration;
use kube::ResourceExt;

use crate::cli::{Policy, parse_duration};
use crate::decide::{History, Restart, Situation, Wish};
use crate::observe::Observation;

/// What the annotation says about how long the driver may take to start; an error says that it is wrong.
pub(super) fn startup_timeout(application: &SparkApplication) -> Result<Option<SignedDuration>, String> {
    let key = labels::DRIVER_STARTUP_TIMEOUT;
    let Some(text) = application.annotations().get(key) else { return Ok(None) };
    let told = |problem: &str| format!("metadata.annotations[{key}] has no effect: {problem}");
    let limit = parse_duration(text).map_err(|error| told(&error.to_string()))?;
    SignedDuration::try_from(limit).map(Some).map_err(|_| told("it is too long"))
}

pub(super) fn wish(
    application: &SparkApplication,
    validated: &Result<ValidatedApplication, Invalid>,
    startup: Option<SignedDuration>,
    policy: &Policy,
) -> Wish {
    let spec = &application.spec;
    let time_to_live = spec.time_to_live_seconds.map(SignedDuration::from_secs);
    Wish {
        suspend: spec.suspend == Some(true),
        restart: restart(spec.restart_policy.as_ref()),
        time_to_live: time_to_live.or(policy.default_time_to_live),
        invalid: validated.as_ref().err().map(ToString::to_string),
        startup,
    }
}

pub(super) fn situation(
    wish: Wish,
    change: Change,
    old: &SparkApplicationStatus,
    observation: &Observation,
) -> Situation {
    let phase = old.application_state.state;
    let reservable = matches!(phase, Phase::New | Phase::PendingRerun | Phase::Resuming);
    // This operator writes the driver's name together with the id; Kubeflow's empties it before a rerun and
    // keeps the id of the last submission.
    let noted = old.driver_info.pod_name.is_some();
    let has_id = old.submission_id.as_deref().is_some_and(|id| !id.is_empty());
    let submitted = old.submission_attempts.unwrap_or(0) > 0;
    Situation {
        phase,
        wish,
        history: History {
            reserved: reservable && has_id && noted,
            inherited: reservable && !noted && (has_id || (phase == Phase::New && !submitted)),
            submission_attempts: old.submission_attempts.unwrap_or(0),
            execution_attempts: old.execution_attempts.unwrap_or(0),
            last_submission: old.last_submission_attempt_time.as_ref().map(|time| time.0),
            terminated: old.termination_time.as_ref().map(|time| time.0),
        },
        change,
        driver: observation.driver.clone(),
    }
}

/// Pause between attempts where the manifest names none.
const DEFAULT_RETRY_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// The restart policy with its defaults.
fn restart(policy: Option<&RestartPolicy>) -> Restart {
    let policy = policy.cloned().unwrap_or_default();
    let interval = |seconds: Option<i64>| seconds.map_or(DEFAULT_RETRY_INTERVAL, SignedDuration::from_secs);
    Restart {
        policy: policy.policy.unwrap_or(RestartPolicyType::Never),
        submission_retries: policy.on_submission_failure_retries.unwrap_or(0),
        run_retries: policy.on_failure_retries.unwrap_or(0),
        submission_interval: interval(policy.on_submission_failure_retry_interval),
        run_interval: interval(policy.on_failure_retry_interval),
    }
}
