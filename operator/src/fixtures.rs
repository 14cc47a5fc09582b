//! What tests of this crate share: a clock that stands still until it is told, settings, specifications.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::build::{ExposurePolicy, Runtime, Submission};
use crate::cli::Policy;
use crate::decide::Patience;

/// When the clock starts: 2027-01-15T08:00:00Z.
pub const START: i64 = 1_800_000_000;

thread_local! {
    /// The clock of this test; every test has a thread of its own.
    static NOW: AtomicI64 = const { AtomicI64::new(START) };
}

/// The time of this test.
pub fn now() -> Timestamp {
    Timestamp::from_second(NOW.with(|now| now.load(Ordering::Relaxed))).unwrap()
}

/// So many seconds go by.
pub fn pass_time(seconds: i64) {
    NOW.with(|now| now.fetch_add(seconds, Ordering::Relaxed));
}

/// It is [`START`] again.
pub fn restart_clock() {
    NOW.with(|now| now.store(START, Ordering::Relaxed));
}

/// The settings of an operator that was told nothing, with short waits.
pub fn policy() -> Policy {
    Policy {
        patience: Patience {
            creation_grace: SignedDuration::from_secs(10),
            startup: Some(SignedDuration::from_secs(600)),
            scheduling: None,
            sidecars: Some(SignedDuration::from_secs(30)),
        },
        partial_restart: false,
        default_time_to_live: None,
        max_tracked_executors: 1000,
        runtime_image: "cerium-runtime:test".into(),
        runtime_image_pull_policy: "IfNotPresent".into(),
        default_engine: cerium_crds::Engine::Native,
        exposure: ExposurePolicy::default(),
        batch: None,
        enforce_quotas: false,
    }
}

/// A specification with the fields of `changes` in place of its own.
pub fn changed(mut spec: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

/// A submission of golden objects, and the image they run on.
pub fn golden_submission() -> (Submission, Runtime) {
    let submission = Submission {
        id: "5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11".into(),
        time: Timestamp::from_second(START).unwrap(),
    };
    let runtime = Runtime {
        image: "registry/cerium-runtime:1".into(),
        pull_policy: "IfNotPresent".into(),
        ..Runtime::default()
    };
    (submission, runtime)
}
