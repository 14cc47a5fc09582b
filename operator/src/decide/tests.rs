use super::*;
use crate::phase::is_legal;

const NOW: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn decide_now(situation: &Situation) -> Decision {
    decide(situation, patience(), at(NOW))
}

fn patience() -> Patience {
    Patience {
        creation_grace: SignedDuration::from_secs(10),
        startup: Some(SignedDuration::from_secs(600)),
        scheduling: None,
        sidecars: Some(SignedDuration::from_secs(30)),
    }
}

fn restart(policy: RestartPolicyType) -> Restart {
    Restart {
        policy,
        submission_retries: 2,
        run_retries: 3,
        submission_interval: SignedDuration::from_secs(5),
        run_interval: SignedDuration::from_secs(20),
    }
}

fn situation(phase: Phase, driver: Driver) -> Situation {
    Situation {
        phase,
        wish: Wish {
            suspend: false,
            restart: restart(RestartPolicyType::Never),
            time_to_live: None,
            invalid: None,
            startup: None,
        },
        history: History {
            reserved: false,
            inherited: false,
            submission_attempts: 1,
            execution_attempts: 1,
            last_submission: Some(at(NOW - 60)),
            terminated: None,
        },
        change: Change::None,
        driver,
    }
}

fn ours(state: DriverProgress) -> Driver {
    Driver::Ours(DriverPod { current: true, deleting: false, lingers: false, state })
}

fn blocked(kind: BlockedKind) -> Driver {
    ours(DriverProgress::Pending {
        blocked: Some(Blocked { kind, message: "no such image".into(), since: None }),
    })
}

fn failed() -> DriverProgress {
    DriverProgress::Failed { message: "driver container failed with ExitCode: 1, Reason: Error".into() }
}

fn enter(to: Phase) -> Decision {
    Decision::Move { to, message: Message::Clear }
}

fn wait(seconds: u64) -> Decision {
    Decision::Wait { requeue: Some(Duration::from_secs(seconds)) }
}

#[test]
fn a_driver_that_another_operator_made_last_is_adopted_not_replaced() {
    let unnoted = |current: bool, deleting: bool, inherited: bool| {
        let driver =
            Driver::Ours(DriverPod { current, deleting, lingers: false, state: DriverProgress::Running });
        let mut situation = situation(Phase::PendingRerun, driver);
        situation.history.inherited = inherited;
        decide_now(&situation)
    };
    assert_eq!(unnoted(false, false, true), Decision::Adopt);
    // Of the submission in the status: the one that has ended.
    assert_eq!(unnoted(true, false, true), Decision::RemoveDriver);
    assert!(matches!(unnoted(false, true, true), Decision::Wait { .. }));
    assert_eq!(unnoted(false, false, false), Decision::RemoveDriver);
}

#[test]
fn every_decision_in_every_situation_is_in_the_table() {
    let progress = [
        DriverProgress::Pending { blocked: None },
        DriverProgress::Running,
        DriverProgress::Succeeded,
        failed(),
        DriverProgress::Unknown,
    ];
    let kinds = [
        BlockedKind::Unschedulable,
        BlockedKind::ImagePull,
        BlockedKind::InvalidImageName,
        BlockedKind::ContainerConfig,
        BlockedKind::Starting,
    ];
    let mut drivers = vec![Driver::Absent, Driver::Foreign];
    drivers.extend(kinds.map(blocked));
    for state in progress {
        for (current, deleting) in [(true, false), (true, true), (false, false), (false, true)] {
            let lingers = state.has_ended();
            drivers.push(Driver::Ours(DriverPod { current, deleting, lingers, state: state.clone() }));
        }
    }
    let mut looked_at = 0;
    for phase in Phase::ALL.iter().copied() {
        for driver in &drivers {
            for policy in [RestartPolicyType::Never, RestartPolicyType::Always, RestartPolicyType::OnFailure]
            {
                for bits in 0..128 {
                    let mut situation = situation(phase, driver.clone());
                    situation.wish.restart = restart(policy);
                    situation.wish.suspend = bits & 1 != 0;
                    situation.wish.invalid = (bits & 2 != 0).then(|| "wrong".into());
                    situation.wish.time_to_live = (bits & 4 != 0).then_some(SignedDuration::from_secs(30));
                    situation.history.reserved = bits & 8 != 0;
                    situation.history.last_submission =
                        Some(at(if bits & 16 != 0 { NOW - 5000 } else { NOW - 1 }));
                    situation.history.terminated = situation.history.last_submission;
                    situation.wish.startup = (bits & 32 != 0).then_some(SignedDuration::from_secs(60));
                    situation.change = if bits & 64 != 0 { Change::Application } else { Change::None };
                    let decision = decide_now(&situation);
                    for (from, to) in decision.edges(phase) {
                        // A reserved retry of a failed submission enters New.
                        assert!(is_legal(from, to), "{situation:?} leads to {from:?} -> {to:?}");
                    }
                    looked_at += 1;
                }
            }
        }
    }
    assert_eq!(looked_at, 14 * (2 + 5 + 20) * 3 * 128);
}

#[test]
fn a_new_application_is_reserved_before_it_is_submitted() {
    let mut new = situation(Phase::New, Driver::Absent);
    assert_eq!(decide_now(&new), Decision::Reserve);
    new.history.reserved = true;
    assert_eq!(decide_now(&new), Decision::Submit);
}

#[test]
fn a_driver_created_before_a_crash_is_adopted_by_submitting_again() {
    let mut new = situation(Phase::New, ours(DriverProgress::Running));
    new.history.reserved = true;
    assert_eq!(decide_now(&new), Decision::Submit);
}

#[test]
fn a_driver_of_an_earlier_attempt_is_removed_before_the_next_submission() {
    let old = Driver::Ours(DriverPod { current: false, deleting: false, lingers: false, state: failed() });
    assert_eq!(decide_now(&situation(Phase::PendingRerun, old)), Decision::RemoveDriver);
    let leaving = Driver::Ours(DriverPod { current: false, deleting: true, lingers: false, state: failed() });
    assert_eq!(decide_now(&situation(Phase::PendingRerun, leaving)), wait(30));
    assert_eq!(decide_now(&situation(Phase::PendingRerun, Driver::Absent)), Decision::Reserve);
}

#[test]
fn the_driver_pod_decides_between_submitted_and_the_end() {
    let cases = [
        (Phase::Submitted, DriverProgress::Pending { blocked: None }, Decision::Wait { requeue: None }),
        (Phase::Submitted, DriverProgress::Running, enter(Phase::Running)),
        (Phase::Submitted, DriverProgress::Succeeded, enter(Phase::Succeeding)),
        (Phase::Running, DriverProgress::Running, Decision::Wait { requeue: None }),
        (Phase::Running, DriverProgress::Succeeded, enter(Phase::Succeeding)),
        (
            Phase::Running,
            DriverProgress::Unknown,
            Decision::Move { to: Phase::Unknown, message: Message::Keep },
        ),
        (Phase::Unknown, DriverProgress::Running, enter(Phase::Running)),
        (Phase::Unknown, DriverProgress::Pending { blocked: None }, enter(Phase::Submitted)),
    ];
    for (phase, state, expected) in cases {
        assert_eq!(decide_now(&situation(phase, ours(state.clone()))), expected, "{phase:?} {state:?}");
    }
    assert_eq!(
        decide_now(&situation(Phase::Running, ours(failed()))),
        Decision::Move {
            to: Phase::Failing,
            message: Message::Set("driver container failed with ExitCode: 1, Reason: Error".into())
        }
    );
}

#[test]
fn a_missing_driver_is_waited_for_only_within_the_grace_period_of_its_submission() {
    let not_found =
        Decision::Move { to: Phase::Failing, message: Message::Set("driver pod not found".into()) };
    let mut submitted = situation(Phase::Submitted, Driver::Absent);
    submitted.history.last_submission = Some(at(NOW - 4));
    assert_eq!(decide_now(&submitted), wait(6));
    submitted.history.last_submission = Some(at(NOW - 10));
    assert_eq!(decide_now(&submitted), not_found);
    let mut running = situation(Phase::Running, Driver::Absent);
    running.history.last_submission = Some(at(NOW - 4));
    assert_eq!(decide_now(&running), not_found);
}

#[test]
fn an_image_that_cannot_be_pulled_fails_the_driver_after_the_startup_timeout() {
    let mut waiting = situation(Phase::Submitted, blocked(BlockedKind::ImagePull));
    assert_eq!(decide_now(&waiting), wait(540));
    waiting.history.last_submission = Some(at(NOW - 600));
    assert_eq!(
        decide_now(&waiting),
        Decision::Move {
            to: Phase::Failing,
            message: Message::Set(
                "driver pod did not start within 600 s: ImagePullFailed: no such image".into()
            ),
        }
    );
}

#[test]
fn time_spent_waiting_for_a_node_does_not_count_as_start_up() {
    let pulling = Blocked { kind: BlockedKind::ImagePull, message: "slow".into(), since: Some(at(NOW - 1)) };
    let mut waiting = situation(Phase::Submitted, ours(DriverProgress::Pending { blocked: Some(pulling) }));
    waiting.history.last_submission = Some(at(NOW - 7200));
    assert_eq!(decide_now(&waiting), wait(599));
}

#[test]
fn an_image_name_that_is_no_name_is_not_waited_for() {
    let decision = decide_now(&situation(Phase::Submitted, blocked(BlockedKind::InvalidImageName)));
    assert!(matches!(decision, Decision::Move { to: Phase::Failing, .. }), "{decision:?}");
}

#[test]
fn a_driver_waiting_for_room_waits_for_ever_unless_told_otherwise() {
    let mut waiting = situation(Phase::Submitted, blocked(BlockedKind::Unschedulable));
    waiting.history.last_submission = Some(at(NOW - 1_000_000));
    assert_eq!(decide_now(&waiting), Decision::Wait { requeue: None });
    let strict = Patience { scheduling: Some(SignedDuration::from_hours(1)), ..patience() };
    let decision = decide(&waiting, strict, at(NOW));
    assert!(matches!(decision, Decision::Move { to: Phase::Failing, .. }), "{decision:?}");
}

#[test]
fn a_driver_given_up_on_is_removed_so_that_it_cannot_start_after_all() {
    assert_eq!(
        decide_now(&situation(Phase::Failing, blocked(BlockedKind::ImagePull))),
        Decision::RemoveDriver
    );
    assert_eq!(
        decide_now(&situation(Phase::Failing, ours(failed()))),
        Decision::Move { to: Phase::Failed, message: Message::Keep }
    );
}

#[test]
fn runs_are_repeated_as_often_as_the_policy_says() {
    let cases = [
        (RestartPolicyType::Never, 1, false),
        (RestartPolicyType::Always, 1_000, true),
        (RestartPolicyType::OnFailure, 3, true),
        (RestartPolicyType::OnFailure, 4, false),
    ];
    for (policy, runs, again) in cases {
        let mut failing = situation(Phase::Failing, ours(failed()));
        failing.wish.restart = restart(policy);
        failing.history.execution_attempts = runs;
        let expected = if again {
            enter(Phase::PendingRerun)
        } else {
            Decision::Move { to: Phase::Failed, message: Message::Keep }
        };
        assert_eq!(decide_now(&failing), expected, "{policy:?} after {runs}");
    }
}

#[test]
fn the_pause_before_a_repeated_run_grows_with_the_submissions() {
    let mut failing = situation(Phase::Failing, ours(failed()));
    failing.wish.restart = restart(RestartPolicyType::OnFailure);
    failing.history.submission_attempts = 3;
    failing.history.last_submission = Some(at(NOW - 45));
    // 3 submissions of 20 s each, 45 s of them over.
    assert_eq!(decide_now(&failing), wait(15));
}

#[test]
fn submissions_are_repeated_as_often_as_the_policy_says() {
    let cases = [
        (RestartPolicyType::Never, 1, false),
        (RestartPolicyType::Always, 1_000, true),
        (RestartPolicyType::OnFailure, 2, true),
        (RestartPolicyType::OnFailure, 3, false),
    ];
    for (policy, submissions, again) in cases {
        let mut situation = situation(Phase::SubmissionFailed, Driver::Absent);
        situation.wish.restart = restart(policy);
        situation.history.submission_attempts = submissions;
        situation.history.last_submission = Some(at(NOW - 100_000));
        let expected = if again {
            Decision::Reserve
        } else {
            Decision::Move { to: Phase::Failed, message: Message::Keep }
        };
        assert_eq!(decide_now(&situation), expected, "{policy:?} after {submissions}");
    }
}

#[test]
fn a_wrong_specification_is_never_submitted_twice() {
    let mut situation = situation(Phase::SubmissionFailed, Driver::Absent);
    situation.wish.restart = restart(RestartPolicyType::Always);
    situation.wish.invalid = Some("spec.driver.memory".into());
    assert_eq!(decide_now(&situation), Decision::Move { to: Phase::Failed, message: Message::Keep });
}

#[test]
fn suspending_removes_the_driver_and_resuming_submits_again() {
    let mut running = situation(Phase::Running, ours(DriverProgress::Running));
    running.wish.suspend = true;
    assert_eq!(decide_now(&running), enter(Phase::Suspending));
    running.phase = Phase::Suspending;
    assert_eq!(decide_now(&running), Decision::RemoveDriver);
    running.driver = Driver::Absent;
    assert_eq!(decide_now(&running), enter(Phase::Suspended));
    running.phase = Phase::Suspended;
    assert_eq!(decide_now(&running), Decision::Wait { requeue: None });
    running.wish.suspend = false;
    assert_eq!(decide_now(&running), enter(Phase::Resuming));
    running.phase = Phase::Resuming;
    assert_eq!(decide_now(&running), Decision::Reserve);
}

#[test]
fn an_application_that_always_restarts_runs_again_after_success() {
    let mut succeeding = situation(Phase::Succeeding, ours(DriverProgress::Succeeded));
    assert_eq!(decide_now(&succeeding), enter(Phase::Completed));
    succeeding.wish.restart = restart(RestartPolicyType::Always);
    assert_eq!(decide_now(&succeeding), enter(Phase::PendingRerun));
}

#[test]
fn a_finished_application_is_deleted_when_its_time_to_live_is_over() {
    let mut done = situation(Phase::Completed, Driver::Absent);
    done.history.terminated = Some(at(NOW - 20));
    assert_eq!(decide_now(&done), Decision::Wait { requeue: None });
    done.wish.time_to_live = Some(SignedDuration::from_secs(30));
    assert_eq!(decide_now(&done), wait(10));
    done.history.terminated = Some(at(NOW - 30));
    assert_eq!(decide_now(&done), Decision::DeleteApplication);
    done.history.terminated = Some(at(NOW));
    done.wish.time_to_live = Some(SignedDuration::ZERO);
    assert_eq!(decide_now(&done), Decision::DeleteApplication);
}

#[test]
fn a_changed_specification_restarts_what_is_under_way_or_failed_and_nothing_else() {
    let restarted = [
        Phase::Submitted,
        Phase::Running,
        Phase::Unknown,
        Phase::Failing,
        Phase::SubmissionFailed,
        Phase::Failed,
    ];
    for phase in Phase::ALL.iter().copied() {
        let mut changed = situation(phase, ours(DriverProgress::Running));
        changed.change = Change::Application;
        let restarts = decide_now(&changed) == enter(Phase::Invalidating);
        assert_eq!(restarts, restarted.contains(&phase), "{phase:?}");
        changed.change = Change::ExecutorPods;
        assert_ne!(decide_now(&changed), enter(Phase::Invalidating), "{phase:?}");
        // A driver that runs is told; without one, another run may go better.
        changed.change = Change::ExecutorCount { placed: true };
        let runs = matches!(phase, Phase::Submitted | Phase::Running | Phase::Unknown);
        assert_eq!(decide_now(&changed) == Decision::Scale, runs, "{phase:?}");
        let restarts = decide_now(&changed) == enter(Phase::Invalidating);
        assert_eq!(restarts, restarted.contains(&phase) && !runs, "{phase:?}");
    }
    assert_eq!(
        decide_now(&situation(Phase::Invalidating, ours(DriverProgress::Running))),
        Decision::RemoveDriver
    );
    assert_eq!(decide_now(&situation(Phase::Invalidating, Driver::Absent)), enter(Phase::PendingRerun));
}

#[test]
fn a_driver_is_told_of_its_executors_only_while_it_can_listen_and_the_number_is_right() {
    let changed = |driver: Driver, invalid: Option<&str>| {
        let mut running = situation(Phase::Running, driver);
        running.change = Change::ExecutorCount { placed: false };
        running.wish.invalid = invalid.map(str::to_owned);
        decide_now(&running)
    };
    let stay = Decision::Wait { requeue: None };
    assert_eq!(changed(ours(DriverProgress::Running), Some("minExecutors is larger")), stay);
    let succeeding = move_to(Phase::Succeeding, Message::Clear);
    assert_eq!(changed(ours(DriverProgress::Succeeded), None), succeeding);
    let pod = DriverPod { current: true, deleting: true, lingers: false, state: DriverProgress::Running };
    assert_eq!(changed(Driver::Ours(pod), None), stay);
}

#[test]
fn a_suspended_application_stays_suspended_when_it_changes() {
    let mut suspended = situation(Phase::Suspended, Driver::Absent);
    suspended.wish.suspend = true;
    suspended.change = Change::Application;
    assert_eq!(decide_now(&suspended), Decision::Wait { requeue: None });
}

#[test]
fn what_was_reserved_for_another_specification_is_reserved_again() {
    let mut new = situation(Phase::New, Driver::Absent);
    new.history.reserved = true;
    new.change = Change::Application;
    assert_eq!(decide_now(&new), Decision::Reserve);
    new.driver = ours(DriverProgress::Running);
    assert_eq!(decide_now(&new), Decision::RemoveDriver);
}

#[test]
fn a_startup_timeout_of_the_application_counts_whatever_keeps_the_driver() {
    let pending = |blocked| ours(DriverProgress::Pending { blocked });
    let unschedulable =
        Blocked { kind: BlockedKind::Unschedulable, message: "no nodes".into(), since: Some(at(NOW - 1)) };
    for (driver, reason) in
        [(pending(None), "its pod is pending"), (pending(Some(unschedulable)), "Unschedulable: no nodes")]
    {
        let mut waiting = situation(Phase::Submitted, driver);
        waiting.wish.startup = Some(SignedDuration::from_secs(90));
        assert_eq!(decide_now(&waiting), wait(30));
        waiting.history.last_submission = Some(at(NOW - 90));
        let message = Message::Set(format!("driver pod did not start within 90 s: {reason}"));
        assert_eq!(decide_now(&waiting), Decision::Move { to: Phase::Failing, message });
    }
}

#[test]
fn sidecars_that_outlive_the_driver_end_with_its_pod() {
    let pod = DriverPod { current: true, deleting: false, lingers: true, state: DriverProgress::Succeeded };
    let mut done = situation(Phase::Completed, Driver::Ours(pod.clone()));
    done.history.terminated = Some(at(NOW - 20));
    assert_eq!(decide_now(&done), wait(10));
    done.wish.time_to_live = Some(SignedDuration::from_secs(25));
    assert_eq!(decide_now(&done), wait(5));
    done.wish.time_to_live = None;
    done.history.terminated = Some(at(NOW - 30));
    assert_eq!(decide_now(&done), Decision::RemoveDriver);
    let patient = Patience { sidecars: None, ..patience() };
    assert_eq!(decide(&done, patient, at(NOW)), Decision::Wait { requeue: None });
    done.driver = Driver::Ours(DriverPod { lingers: false, ..pod });
    assert_eq!(decide_now(&done), Decision::Wait { requeue: None });
}
