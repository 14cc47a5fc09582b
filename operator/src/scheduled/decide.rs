//! What to do next for a schedule: one pure, total function.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cron::Schedule;
use super::runs::{Run, RunOutcome};

/// Everything a decision may depend on, apart from the time.
#[derive(Clone, Debug)]
pub struct Situation {
    /// What the manifest asks for, or why that cannot be.
    pub wish: Result<Wish, String>,
    /// `spec.suspend`.
    pub suspend: bool,
    /// What the status remembers.
    pub memory: Memory,
    /// All runs that are there.
    pub runs: Vec<Run>,
}

/// What the manifest asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// When a run is due.
    pub schedule: Schedule,
    /// What happens if the last run has not ended.
    pub concurrency: Concurrency,
}

/// `spec.concurrencyPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// Another run starts.
    Allow,
    /// The run is left out.
    Forbid,
    /// The run that goes on is deleted.
    Replace,
}

impl Concurrency {
    /// Reads the field; nothing is Allow.
    pub fn parse(text: Option<&str>) -> Option<Concurrency> {
        match text {
            None | Some("" | "Allow") => Some(Concurrency::Allow),
            Some("Forbid") => Some(Concurrency::Forbid),
            Some("Replace") => Some(Concurrency::Replace),
            Some(_) => None,
        }
    }
}

/// What the status remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The state is Scheduled.
    pub scheduled: bool,
    /// The schedule was edited since `next_run` was written.
    pub edited: bool,
    /// `status.nextRun`.
    pub next_run: Option<Timestamp>,
    /// The name of the run that is due then.
    pub next_run_name: String,
    /// `status.lastRunName`.
    pub last_run_name: Option<String>,
}

/// What is to be done. Exactly one step; the next one is decided on what it leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Say why the schedule cannot be followed, and wait for an edit.
    Refuse {
        /// Why.
        reason: String,
    },
    /// Write when the next run is due.
    Plan {
        /// That time.
        next_run: Timestamp,
    },
    /// Start the run that is due, once these are deleted.
    Start {
        /// When it was due.
        due: Timestamp,
        /// When the next one is.
        next_run: Timestamp,
        /// Runs it replaces.
        replaced: Vec<Run>,
    },
    /// Leave the run out that is due.
    Skip {
        /// When the next one is due.
        next_run: Timestamp,
        /// Why.
        reason: String,
    },
    /// Look again after this time at the latest.
    Wait {
        /// `None`: only when something changes.
        requeue: Option<Duration>,
    },
}

/// The one decision for this situation at this time.
pub fn decide(situation: &Situation, now: Timestamp) -> Decision {
    let Situation { wish, suspend, memory, runs } = situation;
    if *suspend {
        return Decision::Wait { requeue: None };
    }
    let wish = match wish {
        Ok(wish) => wish,
        Err(reason) => return Decision::Refuse { reason: reason.clone() },
    };
    let Some(next_run) = wish.schedule.next(now) else {
        return Decision::Refuse { reason: "the schedule is not due within the next five years".to_owned() };
    };
    let due = match memory.next_run {
        Some(due) if memory.scheduled && !memory.edited => due,
        _ => return Decision::Plan { next_run },
    };
    if due > now {
        return Decision::Wait { requeue: Some(until(due, now)) };
    }
    let due_name = &memory.next_run_name;
    if memory.last_run_name.as_ref() == Some(due_name) {
        let reason = format!("there was a run {due_name} already: the precision of its time is too low");
        return Decision::Skip { next_run, reason };
    }
    // A run of that name was created just before the process was stopped.
    let mut others = runs.iter().filter(|run| run.outcome == RunOutcome::Unfinished && run.name != *due_name);
    let is_started = runs.iter().any(|run| run.name == *due_name);
    match wish.concurrency {
        Concurrency::Forbid if !is_started => match others.next() {
            Some(run) => Decision::Skip { next_run, reason: format!("run {} has not ended", run.name) },
            None => Decision::Start { due, next_run, replaced: Vec::new() },
        },
        Concurrency::Allow | Concurrency::Forbid => Decision::Start { due, next_run, replaced: Vec::new() },
        Concurrency::Replace => {
            // What is being deleted already needs no further deletion.
            let replaced = others.filter(|run| !run.deleting).cloned().collect();
            Decision::Start { due, next_run, replaced }
        }
    }
}

/// The time until then, at least one millisecond, as the next look must be in the future.
pub fn until(then: Timestamp, now: Timestamp) -> Duration {
    let left = then.duration_since(now).max(SignedDuration::from_millis(1));
    Duration::try_from(left).unwrap_or(Duration::from_millis(1))
}

/// The runs that have ended, as the limits keep them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Names of the successful runs that are kept, the newest first.
    pub successful: Vec<String>,
    /// Names of the failed runs that are kept, the newest first.
    pub failed: Vec<String>,
    /// Runs beyond the limits.
    pub expired: Vec<Run>,
}

/// Sorts the runs that have ended; a negative limit is 0.
pub fn history(runs: &[Run], successful_limit: i32, failed_limit: i32) -> History {
    let mut history = History::default();
    let limits = [(RunOutcome::Successful, successful_limit), (RunOutcome::Failed, failed_limit)];
    for (outcome, limit) in limits {
        let ended = runs.iter().filter(|run| run.outcome == outcome && !run.deleting);
        let mut ended: Vec<&Run> = ended.collect();
        ended.sort_by_key(|run| std::cmp::Reverse((run.created, &run.name)));
        let (kept, expired) = ended.split_at(ended.len().min(usize::try_from(limit).unwrap_or(0)));
        let names = kept.iter().map(|run| run.name.clone()).collect();
        match outcome {
            RunOutcome::Failed => history.failed = names,
            RunOutcome::Successful | RunOutcome::Unfinished => history.successful = names,
        }
        history.expired.extend(expired.iter().map(|run| (*run).clone()));
    }
    history
}

#[cfg(test)]
mod tests;
