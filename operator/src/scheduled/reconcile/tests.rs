//! Whole passes against an API server in memory: order of calls, policies, history, and crashes between any
//! two writes.

use std::sync::Arc;

use jiff::tz::TimeZone;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::fake_api::{Cut, FakeApi};
use crate::fixtures::{changed, now, pass_time, restart_clock};
use crate::metrics::{Metrics, MetricsConfig};
use crate::scheduled::child::Precision;
use crate::scheduled::runs::{InitialRuns, RunCache};

struct Stage(FakeApi);

impl Stage {
    /// A schedule of every ten minutes, with the fields of `spec` laid over it.
    fn new(spec: Value) -> Stage {
        let api = FakeApi::default();
        let whole = json!({"schedule": "*/10 * * * *", "template": {
            "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/app/pi.sql",
            "driver": {}, "executor": {},
        }});
        api.put(
            "scheduledsparkapplications",
            json!({
                "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "ScheduledSparkApplication",
                "metadata": {"name": "pi", "namespace": "ns", "generation": 1},
                "spec": changed(whole, &spec),
            }),
        );
        Stage(api)
    }

    fn object(&self) -> ScheduledSparkApplication {
        serde_json::from_value(self.0.get("scheduledsparkapplications", "pi").unwrap()).unwrap()
    }

    fn status(&self) -> ScheduledSparkApplicationStatus {
        self.object().status.unwrap_or_default()
    }

    fn next_run(&self) -> String {
        self.status().next_run.map(|time| time.0.to_string()).unwrap_or_default()
    }

    /// A process that has just started and read all runs.
    fn schedules(&self) -> Schedules {
        let schedules = Schedules {
            client: self.0.client(),
            runs: RunCache::default(),
            precision: Precision::Seconds,
            local: TimeZone::UTC,
            metrics: Arc::new(Metrics::new(MetricsConfig::default()).0),
            clock: now,
        };
        let mut list = InitialRuns::default();
        for name in self.runs() {
            let run = self.0.get("sparkapplications", &name).unwrap();
            schedules.runs.take_in(&Event::Apply(serde_json::from_value(run).unwrap()), &mut list);
        }
        schedules
    }

    async fn pass(&self) -> Result<Requeue, ScheduleError> {
        self.schedules().take_steps(&self.object(), false).await
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut object = self.0.get("scheduledsparkapplications", "pi").unwrap();
        change(&mut object);
        let key = ("scheduledsparkapplications".into(), "ns".into(), "pi".into());
        self.0.world().objects.insert(key, object);
    }

    /// The names of all applications.
    fn runs(&self) -> Vec<String> {
        let world = self.0.world();
        let all = world.objects.keys().filter(|(plural, _, _)| plural == "sparkapplications");
        all.map(|(_, _, name)| name.clone()).collect()
    }

    /// The run ends in this state.
    fn end(&self, name: &str, state: &str) {
        let mut run = self.0.get("sparkapplications", name).unwrap();
        run["status"] = json!({"driverInfo": {}, "applicationState": {"state": state}});
        let key = ("sparkapplications".into(), "ns".into(), name.into());
        self.0.world().objects.insert(key, run);
    }

    fn writes(&self) -> Vec<String> {
        self.0.world().writes.clone()
    }

    fn forget_writes(&self) {
        self.0.world().writes.clear();
    }
}

#[tokio::test]
async fn a_schedule_starts_a_run_when_it_is_due_in_this_order() {
    let stage = Stage::new(json!({}));
    pass_time(100);
    assert_eq!(stage.pass().await.unwrap(), Some(Duration::from_secs(500)));
    let status = stage.status();
    assert_eq!((stage.next_run().as_str(), status.last_run), ("2027-01-15T08:10:00Z", None));
    assert_eq!(status.schedule_state, Some(ScheduleState::Scheduled));
    pass_time(502);
    assert_eq!(stage.pass().await.unwrap(), Some(Duration::from_secs(598)));
    let status = stage.status();
    assert_eq!(stage.next_run(), "2027-01-15T08:20:00Z");
    assert_eq!(status.last_run.unwrap().0.to_string(), "2027-01-15T08:10:02Z");
    assert_eq!(status.last_run_name.as_deref(), Some("pi-1800000600"));
    assert_eq!(
        stage.writes(),
        [
            "PUT scheduledsparkapplications/pi/status",
            "POST sparkapplications/pi-1800000600",
            "PUT scheduledsparkapplications/pi/status",
        ]
    );
    // Nothing is written while nothing happens.
    stage.pass().await.unwrap();
    assert_eq!(stage.writes().len(), 3);
}

#[tokio::test]
async fn killed_between_any_two_writes_it_starts_the_run_once() {
    for policy in ["Allow", "Forbid", "Replace"] {
        for write in 0..4 {
            for cut in [Cut::Before(write), Cut::After(write)] {
                restart_clock();
                let stage = Stage::new(json!({"concurrencyPolicy": policy}));
                stage.0.world().cut = Some(cut);
                for _ in 0..6 {
                    let result = stage.pass().await;
                    if stage.0.is_cut_off() {
                        stage.0.restart();
                    } else {
                        result.unwrap();
                    }
                    pass_time(100 + 60);
                }
                // 08:16 by now.
                assert_eq!(stage.runs(), ["pi-1800000600"], "{policy} {cut:?}");
                assert_eq!(
                    stage.status().last_run_name.as_deref(),
                    Some("pi-1800000600"),
                    "{policy} {cut:?}"
                );
                assert_eq!(stage.next_run(), "2027-01-15T08:20:00Z", "{policy} {cut:?}");
            }
        }
    }
}

#[tokio::test]
async fn of_the_runs_missed_while_nobody_worked_one_is_made_up_for() {
    let stage = Stage::new(json!({}));
    stage.pass().await.unwrap();
    pass_time(3600 + 61);
    stage.pass().await.unwrap();
    stage.pass().await.unwrap();
    assert_eq!(stage.runs(), ["pi-1800000600"]);
    assert_eq!(stage.next_run(), "2027-01-15T09:10:00Z");
}

#[tokio::test]
async fn replace_deletes_what_goes_on_before_it_starts_the_next() {
    let stage = Stage::new(json!({"concurrencyPolicy": "Replace"}));
    for _ in 0..2 {
        stage.pass().await.unwrap();
        pass_time(600);
    }
    stage.end("pi-1800000600", "RUNNING");
    stage.forget_writes();
    stage.pass().await.unwrap();
    assert_eq!(
        stage.writes(),
        [
            "DELETE sparkapplications/pi-1800000600",
            "POST sparkapplications/pi-1800001200",
            "PUT scheduledsparkapplications/pi/status",
        ]
    );
}

#[tokio::test]
async fn forbid_leaves_a_run_out_and_goes_on_after_the_end() {
    let stage = Stage::new(json!({"concurrencyPolicy": "Forbid"}));
    for _ in 0..3 {
        stage.pass().await.unwrap();
        pass_time(600);
    }
    assert_eq!(stage.runs(), ["pi-1800000600"]);
    assert_eq!(stage.next_run(), "2027-01-15T08:30:00Z");
    stage.end("pi-1800000600", "COMPLETED");
    stage.pass().await.unwrap();
    assert_eq!(stage.runs(), ["pi-1800000600", "pi-1800001800"]);
}

#[tokio::test]
async fn runs_beyond_the_limits_go_as_soon_as_they_end() {
    let stage = Stage::new(json!({"successfulRunHistoryLimit": 2}));
    for (name, state) in [
        ("", ""),
        ("pi-1800000600", "COMPLETED"),
        ("pi-1800001200", "FAILED"),
        ("pi-1800001800", "COMPLETED"),
        ("pi-1800002400", "COMPLETED"),
    ] {
        stage.pass().await.unwrap();
        if !name.is_empty() {
            stage.end(name, state);
            // All of them were created in the same second, so the name tells which one is newer.
            stage.pass().await.unwrap();
        }
        pass_time(600);
    }
    assert_eq!(stage.runs(), ["pi-1800001200", "pi-1800001800", "pi-1800002400"]);
    let status = stage.status();
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(status.past_successful_run_names, names(&["pi-1800002400", "pi-1800001800"]));
    assert_eq!(status.past_failed_run_names, names(&["pi-1800001200"]));
}

#[tokio::test]
async fn an_edit_of_the_schedule_counts_at_once() {
    let stage = Stage::new(json!({}));
    stage.pass().await.unwrap();
    stage.edit(|object| object["spec"]["schedule"] = json!("30 * * * *"));
    assert_eq!(stage.pass().await.unwrap(), Some(Duration::from_mins(30)));
    assert_eq!(stage.next_run(), "2027-01-15T08:30:00Z");
    stage.edit(|object| object["spec"]["timeZone"] = json!("Asia/Kolkata"));
    stage.pass().await.unwrap();
    // Half past in India is on the hour elsewhere.
    assert_eq!(stage.next_run(), "2027-01-15T09:00:00Z");
    assert!(stage.runs().is_empty());
}

#[tokio::test]
async fn a_wrong_schedule_is_told_and_heals_when_it_is_mended() {
    let cases = [
        (json!({"schedule": "* * * *"}), "expected exactly 5 fields, found 4: [* * * *]"),
        (json!({"timeZone": "Moon/Crater"}), "Invalid timezone: unknown time zone Moon/Crater"),
        (
            json!({"concurrencyPolicy": "Maybe"}),
            "spec.concurrencyPolicy: \"Maybe\" is not valid: expected Allow, Forbid or Replace",
        ),
        (
            json!({"template": {
                "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/app/pi.sql",
                "driver": {}, "executor": {}, "sparkConf": {"spark.master": "local"},
            }}),
            "sparkConf key \"spark.master\" is not allowed: this value is managed by the operator",
        ),
    ];
    for (wrong, reason) in cases {
        let stage = Stage::new(wrong);
        assert_eq!(stage.pass().await.unwrap(), None);
        let status = stage.status();
        assert_eq!(status.schedule_state, Some(ScheduleState::FailedValidation));
        assert_eq!(status.reason.as_deref(), Some(reason));
        // Told once.
        stage.pass().await.unwrap();
        assert_eq!(stage.writes().len(), 1);
        stage.edit(|object| {
            object["spec"]["schedule"] = json!("*/10 * * * *");
            object["spec"].as_object_mut().unwrap().retain(|key, _| key == "schedule" || key == "template");
            object["spec"]["template"]["sparkConf"] = json!({});
        });
        stage.pass().await.unwrap();
        let status = stage.status();
        assert_eq!((status.schedule_state, status.reason), (Some(ScheduleState::Scheduled), None));
        assert_eq!(stage.next_run(), "2027-01-15T08:10:00Z");
    }
}

#[tokio::test]
async fn a_run_that_is_refused_is_told_and_tried_again() {
    let stage = Stage::new(json!({}));
    stage.pass().await.unwrap();
    pass_time(600);
    stage.0.world().refuse = Some(("POST sparkapplications", 403, "Forbidden", "no rights here"));
    let error = stage.pass().await.unwrap_err();
    assert_eq!((error.category(), error.retry()), ("apply", crate::error::Retry::Backoff));
    let status = stage.status();
    assert!(status.reason.unwrap().contains("no rights here"));
    assert_eq!(stage.next_run(), "2027-01-15T08:10:00Z");
    stage.0.world().refuse = None;
    stage.pass().await.unwrap();
    assert_eq!(stage.runs(), ["pi-1800000600"]);
    assert_eq!(stage.status().reason, None);
}

#[tokio::test]
async fn an_application_of_somebody_else_under_that_name_is_left_alone() {
    let stage = Stage::new(json!({}));
    stage.pass().await.unwrap();
    pass_time(600);
    stage.0.put("sparkapplications", json!({"metadata": {"name": "pi-1800000600", "namespace": "ns"}}));
    stage.pass().await.unwrap();
    assert_eq!(stage.status().last_run_name, None);
    assert_eq!(stage.next_run(), "2027-01-15T08:20:00Z");
}

#[tokio::test]
async fn an_old_cache_does_not_start_a_run_twice() {
    let stage = Stage::new(json!({"successfulRunHistoryLimit": 0}));
    stage.pass().await.unwrap();
    let old = stage.object();
    pass_time(600);
    stage.pass().await.unwrap();
    stage.end("pi-1800000600", "COMPLETED");
    stage.pass().await.unwrap();
    assert!(stage.runs().is_empty());
    // The watch still shows the schedule as it was before the run.
    stage.schedules().take_steps(&old, false).await.unwrap();
    assert!(stage.runs().is_empty());
}

#[tokio::test]
async fn a_suspended_schedule_starts_nothing() {
    let stage = Stage::new(json!({"suspend": true}));
    pass_time(3600);
    assert_eq!(stage.pass().await.unwrap(), None);
    assert!(stage.runs().is_empty());
    assert_eq!(stage.status().schedule_state, None);
}
