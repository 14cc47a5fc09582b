//! The kind ScheduledSparkApplication: a SparkApplication is created whenever the schedule says so.

use std::sync::Arc;

use cerium_crds::states::ScheduleState;
use cerium_crds::{ScheduledSparkApplication, events as reasons, labels};
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::Client;
use kube::runtime::watcher;
use serde_json::json;

use crate::events::Note;
use crate::kind::{Kind, ObjectKey, Reach, Refusal, Requeue, Trigger, trigger};
use crate::metrics::Metrics;

pub mod child;
pub mod cron;
pub mod decide;
mod reconcile;
pub mod runs;
pub mod zone;

pub use child::Precision;
pub use reconcile::ScheduleError;
use runs::{Child, InitialRuns, RunCache};

/// The ScheduledSparkApplications of one span.
pub struct Schedules {
    /// The API server.
    pub client: Client,
    /// The runs of this span.
    pub runs: RunCache,
    /// Precision of the time in the names of runs.
    pub precision: Precision,
    /// The time zone of schedules that name none.
    pub local: TimeZone,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: fn() -> Timestamp,
}

impl Kind for Schedules {
    type Object = ScheduledSparkApplication;
    type Error = ScheduleError;

    const CONTROLLER: &'static str = "scheduled-spark-application-controller";

    fn triggers(self: &Arc<Self>, reach: &Reach) -> Vec<Trigger> {
        let this = self.clone();
        let mut list = InitialRuns::default();
        let config = watcher::Config::default().labels(labels::SCHEDULED_APP_NAME);
        vec![trigger::<Child>(reach, config, "runs of schedules", move |event| {
            this.runs.take_in(event, &mut list)
        })]
    }

    fn reconcile<'a>(
        &'a self,
        object: &'a ScheduledSparkApplication,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Requeue, ScheduleError>> {
        self.take_steps(object, fresh)
    }

    /// A run is due at its time, whatever else goes on.
    fn begins(_: &serde_json::Value) -> bool {
        false
    }

    fn refusal(
        name: &str,
        old_status: &serde_json::Value,
        problem: &str,
        _now: Timestamp,
    ) -> Option<Refusal> {
        let mut status = if old_status.is_object() { old_status.clone() } else { json!({}) };
        status["scheduleState"] = json!(ScheduleState::FailedValidation.as_str());
        status["reason"] = json!(problem);
        let note = Note::new(
            reasons::SCHEDULED_INVALID,
            format!("ScheduledSparkApplication {name} cannot be followed: {problem}"),
        );
        (status != *old_status).then_some(Refusal { status, note })
    }

    fn forget(&self, _key: &ObjectKey) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_that_cannot_be_read_is_told_once_and_keeps_its_memory() {
        let now = Timestamp::UNIX_EPOCH;
        let old = json!({"lastRunName": "nightly-1", "scheduleState": "Scheduled"});
        let refusal = Schedules::refusal("nightly", &old, "wrong", now).unwrap();
        assert_eq!(
            refusal.status,
            json!({"lastRunName": "nightly-1", "scheduleState": "FailedValidation", "reason": "wrong"})
        );
        assert_eq!(Schedules::refusal("nightly", &refusal.status, "wrong", now), None);
    }
}
