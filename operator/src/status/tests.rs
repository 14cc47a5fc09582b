use super::*;
use std::sync::Arc;

use crate::decide::{Blocked, BlockedKind, DriverPod};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn basis(old: &SparkApplicationStatus, second: i64) -> Basis<'_> {
    Basis { old, generation: Some(3), invalid: None, ignored: "", fingerprint: "1-1", now: at(second) }
}

fn seen(driver: Driver) -> Observation {
    Observation { driver, driver_pod: None, executors: Vec::new() }
}

fn stay() -> Decision {
    Decision::Wait { requeue: None }
}

fn condition<'a>(status: &'a SparkApplicationStatus, type_: &str) -> (&'a str, &'a str, &'a str) {
    let found = status.conditions.iter().flatten().find(|condition| condition.type_ == type_).unwrap();
    (&found.status, &found.reason, &found.message)
}

fn pulling(reason: &str) -> Observation {
    let blocked = Blocked { kind: BlockedKind::ImagePull, message: reason.into(), since: None };
    seen(Driver::Ours(DriverPod {
        current: true,
        deleting: false,
        lingers: false,
        state: DriverProgress::Pending { blocked: Some(blocked) },
    }))
}

fn submitted() -> SparkApplicationStatus {
    let new = SparkApplicationStatus::default();
    let reserved = basis(&new, 100).reserved("5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11", "pi-driver");
    basis(&reserved, 101).submitted(&DriverInfo::default())
}

#[test]
fn the_submission_is_fixed_before_it_is_made() {
    let new = SparkApplicationStatus::default();
    let reserved = basis(&new, 100).reserved("5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11", "pi-driver");
    assert_eq!(reserved.application_state.state, Phase::New);
    assert_eq!(reserved.submission_id.as_deref(), Some("5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11"));
    assert_eq!(reserved.submission_attempts, Some(1));
    assert_eq!(reserved.execution_attempts, None);
    assert_eq!(reserved.last_submission_attempt_time, Some(Time(at(100))));
    assert_eq!(reserved.driver_info.pod_name.as_deref(), Some("pi-driver"));
    assert_eq!(reserved.observed_generation, Some(3));
    let submitted = basis(&reserved, 101).submitted(&DriverInfo::default());
    assert_eq!(submitted.application_state.state, Phase::Submitted);
    assert_eq!(submitted.execution_attempts, Some(1));
    assert_eq!(submitted.spark_application_id.as_deref(), Some("spark-5e4c5a666f2e4b6f9d5f0c6f2f3f6a11"));
}

#[test]
fn a_rerun_forgets_the_last_run_and_counts_on() {
    let mut failing = submitted();
    failing.application_state.state = Phase::Failing;
    let rerun = Decision::Move { to: Phase::PendingRerun, message: Message::Clear };
    let pending = basis(&failing, 110).observed(&rerun, &seen(Driver::Absent), 1000);
    assert_eq!(pending.submission_id, None);
    assert_eq!(pending.driver_info, DriverInfo::default());
    assert_eq!((pending.submission_attempts, pending.execution_attempts), (Some(1), Some(1)));
    let again = basis(&pending, 120).reserved("b", "pi-driver");
    assert_eq!(again.application_state.state, Phase::PendingRerun);
    assert_eq!(again.submission_attempts, Some(2));
}

#[test]
fn a_changed_specification_starts_counting_again() {
    let mut invalidating = submitted();
    invalidating.application_state.state = Phase::Invalidating;
    let rerun = Decision::Move { to: Phase::PendingRerun, message: Message::Clear };
    let pending = basis(&invalidating, 110).observed(&rerun, &seen(Driver::Absent), 1000);
    assert_eq!((pending.submission_attempts, pending.execution_attempts), (None, None));
}

#[test]
fn the_end_is_stamped_once() {
    let mut running = submitted();
    running.application_state.state = Phase::Running;
    let fail = Decision::Move { to: Phase::Failing, message: Message::Set("driver pod not found".into()) };
    let failing = basis(&running, 200).observed(&fail, &seen(Driver::Absent), 1000);
    assert_eq!(failing.termination_time, Some(Time(at(200))));
    let end = Decision::Move { to: Phase::Failed, message: Message::Keep };
    let failed = basis(&failing, 205).observed(&end, &seen(Driver::Absent), 1000);
    assert_eq!(failed.termination_time, Some(Time(at(200))));
    assert_eq!(failed.application_state.error_message.as_deref(), Some("driver pod not found"));
    assert_eq!(condition(&failed, "Failed"), ("True", "Failed", "driver pod not found"));
    assert_eq!(condition(&failed, "Succeeded"), ("False", "Failed", ""));
}

#[test]
fn an_unchanged_observation_leaves_the_status_unchanged() {
    let status = submitted();
    let again = basis(&status, 500).observed(&stay(), &seen(Driver::Absent), 1000);
    assert_eq!(again, status);
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_once_and_taken_back_when_it_can() {
    let status = submitted();
    let first =
        basis(&status, 110).observed(&stay(), &pulling("container c: ErrImagePull: no such host"), 1000);
    assert_eq!(
        first.application_state.error_message.as_deref(),
        Some("driver pod cannot start yet: ImagePullFailed: container c: ErrImagePull: no such host")
    );
    assert_eq!(
        condition(&first, "Running"),
        ("False", "ImagePullFailed", "container c: ErrImagePull: no such host")
    );
    let second =
        basis(&first, 120).observed(&stay(), &pulling("container c: ImagePullBackOff: back-off"), 1000);
    assert_eq!(second, first);
    let run = Decision::Move { to: Phase::Running, message: Message::Clear };
    let running = basis(&second, 130).observed(&run, &seen(Driver::Absent), 1000);
    assert_eq!(running.application_state.error_message, None);
    assert_eq!(condition(&running, "Running"), ("True", "Running", ""));
}

#[test]
fn a_wrong_specification_and_ignored_fields_show_in_the_condition_valid() {
    let new = SparkApplicationStatus::default();
    let wrong =
        Basis { invalid: Some("spec.driver.memory: \"1x\""), ..basis(&new, 1) }.submission_failed("failed");
    assert_eq!(condition(&wrong, "Valid"), ("False", "InvalidSpec", "spec.driver.memory: \"1x\""));
    let ignored = Basis { ignored: "spec.mainClass", ..basis(&new, 1) }.reserved("a", "pi-driver");
    assert_eq!(condition(&ignored, "Valid"), ("True", "FieldsIgnored", "spec.mainClass"));
}

#[test]
fn kstatus_sees_an_application_in_progress_then_current_or_failed() {
    let new = SparkApplicationStatus::default();
    // kstatus: Stalled is Failed; Reconciling, or Ready that is not true, is InProgress; else Current.
    let verdict = |phase: Phase| {
        let mut next = new.clone();
        next.application_state.state = phase;
        next.application_state.error_message = Some("because".into());
        let stay = basis(&next, 1).observed(&stay(), &seen(Driver::Absent), 1000);
        let holds = |type_: &str| {
            let mut all = stay.conditions.iter().flatten();
            all.find(|condition| condition.type_ == type_).map(|condition| condition.status == "True")
        };
        match (holds("Stalled"), holds("Reconciling"), holds("Ready")) {
            (Some(true), None, Some(false)) => "Failed",
            (None, Some(true), Some(false)) => "InProgress",
            (None, None, Some(false)) => "InProgress, nobody works on it",
            (None, None, Some(true)) => "Current",
            contradiction => panic!("{phase}: {contradiction:?}"),
        }
    };
    for phase in [Phase::New, Phase::Submitted, Phase::Failing, Phase::PendingRerun, Phase::SubmissionFailed]
    {
        assert_eq!(verdict(phase), "InProgress", "{phase}");
    }
    for phase in [Phase::Running, Phase::Succeeding, Phase::Completed] {
        assert_eq!(verdict(phase), "Current", "{phase}");
    }
    assert_eq!(verdict(Phase::Suspended), "InProgress, nobody works on it");
    assert_eq!(verdict(Phase::Failed), "Failed");
}

#[test]
fn progress_comes_from_the_drivers_annotation_and_the_executors() {
    let mut running = submitted();
    running.application_state.state = Phase::Running;
    let annotated = |text: &str| {
        let pod = serde_json::json!({"metadata": {"name": "pi-driver", "annotations": {"cerium.dev/progress": text}}});
        let executor = serde_json::json!({"metadata": {"name": "pi-exec-1"}, "status": {"phase": "Running"}});
        let facts = |pod: serde_json::Value| Arc::new(PodFacts::of(&serde_json::from_value(pod).unwrap()));
        Observation { driver_pod: Some(facts(pod)), executors: vec![facts(executor)], ..seen(Driver::Absent) }
    };
    let observed = |text: &str| {
        let next = basis(&running, 150).observed(&stay(), &annotated(text), 1000);
        let progress = next.progress.clone().unwrap();
        (progress.stages, progress.tasks, progress.executors)
    };
    assert_eq!(observed("stages 1/2, tasks 30/40"), (Some("1/2".into()), Some("30/40".into()), Some(1)));
    assert_eq!(observed("nonsense"), (None, None, Some(1)));
    let old = basis(&running, 150).observed(&stay(), &annotated("stages 2/2, tasks 40/40"), 1000);
    let end = Decision::Move { to: Phase::Succeeding, message: Message::Clear };
    let ended = basis(&old, 160).observed(&end, &seen(Driver::Absent), 1000).progress.unwrap();
    assert_eq!((ended.stages.as_deref(), ended.executors), (Some("2/2"), Some(0)));
    let rerun = Decision::Move { to: Phase::PendingRerun, message: Message::Clear };
    assert_eq!(basis(&old, 170).observed(&rerun, &seen(Driver::Absent), 1000).progress, None);
}

#[test]
fn conditions_keep_their_time_until_they_turn() {
    let status = submitted();
    let time = |status: &SparkApplicationStatus, type_: &str| {
        let mut all = status.conditions.iter().flatten();
        all.find(|condition| condition.type_ == type_).unwrap().last_transition_time.0
    };
    let run = Decision::Move { to: Phase::Running, message: Message::Clear };
    let running = basis(&status, 150).observed(&run, &seen(Driver::Absent), 1000);
    assert_eq!(time(&running, "Submitted"), at(101));
    assert_eq!(time(&running, "Running"), at(150));
    assert_eq!(time(&running, "Failed"), at(100));
}
