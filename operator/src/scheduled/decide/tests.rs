use super::*;
use jiff::tz::TimeZone;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn run(name: &str, outcome: RunOutcome, created: &str) -> Run {
    Run {
        name: name.into(),
        uid: name.into(),
        owner: "schedule".into(),
        created: Some(at(created)),
        outcome,
        deleting: false,
    }
}

/// Every ten minutes, planned for 08:10.
fn situation(concurrency: Concurrency, runs: Vec<Run>) -> Situation {
    let schedule = Schedule::parse("*/10 * * * *", |_| Some(TimeZone::UTC)).unwrap();
    Situation {
        wish: Ok(Wish { schedule, concurrency }),
        suspend: false,
        memory: Memory {
            scheduled: true,
            edited: false,
            next_run: Some(at("2027-01-15T08:10:00Z")),
            next_run_name: "s-0810".into(),
            last_run_name: Some("s-0800".into()),
        },
        runs,
    }
}

const DUE: &str = "2027-01-15T08:10:00Z";

fn start(next_run: &str, replaced: Vec<Run>) -> Decision {
    Decision::Start { due: at(DUE), next_run: at(next_run), replaced }
}

#[test]
fn a_run_starts_when_it_is_due_and_not_before() {
    let situation = situation(Concurrency::Allow, vec![]);
    let wait = |seconds| Decision::Wait { requeue: Some(Duration::from_secs(seconds)) };
    assert_eq!(decide(&situation, at("2027-01-15T08:09:30Z")), wait(30));
    assert_eq!(decide(&situation, at(DUE)), start("2027-01-15T08:20:00Z", vec![]));
}

#[test]
fn of_all_runs_that_were_missed_one_is_made_up_for() {
    let situation = situation(Concurrency::Allow, vec![]);
    assert_eq!(decide(&situation, at("2027-01-15T11:07:00Z")), start("2027-01-15T11:10:00Z", vec![]));
}

#[test]
fn a_run_that_has_not_ended_counts_by_the_policy() {
    let old = || run("s-0800", RunOutcome::Unfinished, "2027-01-15T08:00:00Z");
    let ended = run("s-0750", RunOutcome::Failed, "2027-01-15T07:50:00Z");
    let next = "2027-01-15T08:20:00Z";
    let decided = |concurrency, runs| decide(&situation(concurrency, runs), at(DUE));
    assert_eq!(decided(Concurrency::Allow, vec![old()]), start(next, vec![]));
    assert_eq!(
        decided(Concurrency::Forbid, vec![ended.clone(), old()]),
        Decision::Skip { next_run: at(next), reason: "run s-0800 has not ended".into() }
    );
    assert_eq!(decided(Concurrency::Forbid, vec![ended.clone()]), start(next, vec![]));
    assert_eq!(decided(Concurrency::Replace, vec![ended, old()]), start(next, vec![old()]));
    let leaving = Run { deleting: true, ..old() };
    assert_eq!(decided(Concurrency::Replace, vec![leaving]), start(next, vec![]));
}

#[test]
fn a_run_created_just_before_a_crash_is_neither_left_out_nor_replaced() {
    let created = run("s-0810", RunOutcome::Unfinished, DUE);
    for concurrency in [Concurrency::Allow, Concurrency::Forbid, Concurrency::Replace] {
        let situation = situation(concurrency, vec![created.clone()]);
        assert_eq!(decide(&situation, at(DUE)), start("2027-01-15T08:20:00Z", vec![]), "{concurrency:?}");
    }
}

#[test]
fn a_name_that_was_used_is_not_used_again() {
    let mut situation = situation(Concurrency::Allow, vec![]);
    situation.memory.last_run_name = Some("s-0810".into());
    assert!(
        matches!(decide(&situation, at(DUE)), Decision::Skip { reason, .. } if reason.contains("precision"))
    );
}

#[test]
fn a_new_or_edited_or_healed_schedule_is_planned_at_once() {
    let now = at("2027-01-15T08:13:00Z");
    let plan = Decision::Plan { next_run: at("2027-01-15T08:20:00Z") };
    let changes: [fn(&mut Memory); 3] = [
        |memory| *memory = Memory::default(),
        |memory| memory.edited = true,
        |memory| memory.scheduled = false,
    ];
    for change in changes {
        let mut situation = situation(Concurrency::Allow, vec![]);
        change(&mut situation.memory);
        assert_eq!(decide(&situation, now), plan);
    }
}

#[test]
fn a_suspended_schedule_waits_and_makes_up_for_one_run_when_resumed() {
    let mut situation = situation(Concurrency::Allow, vec![]);
    situation.suspend = true;
    let now = at("2027-01-15T09:01:00Z");
    assert_eq!(decide(&situation, now), Decision::Wait { requeue: None });
    situation.suspend = false;
    assert_eq!(decide(&situation, now), start("2027-01-15T09:10:00Z", vec![]));
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let mut situation = situation(Concurrency::Allow, vec![]);
    let schedule = Schedule::parse("0 0 30 2 *", |_| Some(TimeZone::UTC)).unwrap();
    situation.wish = Ok(Wish { schedule, concurrency: Concurrency::Allow });
    assert!(matches!(decide(&situation, at(DUE)), Decision::Refuse { .. }));
    situation.wish = Err("wrong".into());
    assert_eq!(decide(&situation, at(DUE)), Decision::Refuse { reason: "wrong".into() });
}

#[test]
fn the_newest_runs_are_kept() {
    let runs = [
        run("a", RunOutcome::Successful, "2027-01-15T08:00:00Z"),
        run("b", RunOutcome::Failed, "2027-01-15T08:10:00Z"),
        run("c", RunOutcome::Successful, "2027-01-15T08:30:00Z"),
        run("d", RunOutcome::Successful, "2027-01-15T08:20:00Z"),
        run("e", RunOutcome::Unfinished, "2027-01-15T08:40:00Z"),
    ];
    let kept = history(&runs, 2, 1);
    assert_eq!((kept.successful, kept.failed), (vec!["c".into(), "d".into()], vec!["b".into()]));
    assert_eq!(kept.expired, [runs[0].clone()]);
    let kept = history(&runs, 0, -1);
    assert_eq!(kept.expired.len(), 4);
    assert!(kept.successful.is_empty() && kept.failed.is_empty());
}
