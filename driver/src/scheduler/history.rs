//! What the application has run: its jobs with their stages, and its executors, for those who look.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ballista_core::JobId;
use jiff::Timestamp;

use super::graph::{ExecutorWork, StageSummary};

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// It has been submitted and has not ended.
    Running,
    /// It gave its result.
    Succeeded,
    /// It gave none, for this reason.
    Failed(String),
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its number in the application, from 0.
    pub number: u64,
    /// What it is for: the statement or action.
    pub description: String,
    /// The tags of the operation it is part of.
    pub tags: Vec<String>,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it stands.
    pub state: JobOutcome,
    /// The number of its first stage in the application; the others follow.
    pub first_stage: u64,
    /// Its stages, in order; none before it is planned.
    pub stages: Vec<StageSummary>,
}

impl JobRecord {
    /// Its stages, each with its number in the application.
    pub fn numbered_stages(&self) -> impl Iterator<Item = (u64, &StageSummary)> {
        (self.first_stage..).zip(&self.stages)
    }
}

/// An executor, also one that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorRecord {
    /// Its id in the application.
    pub id: String,
    /// Host and port.
    pub address: String,
    /// Tasks it runs at a time.
    pub slots: u32,
    /// When it registered.
    pub added: Timestamp,
    /// When it was removed.
    pub removed: Option<Timestamp>,
    /// Most physical memory its process had, in bytes; 0 until it said so.
    pub peak_memory: u64,
    /// What it has done.
    pub work: ExecutorWork,
}

/// Everything at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The latest jobs, oldest first.
    pub jobs: Vec<JobRecord>,
    /// All executors, in the order of their ids.
    pub executors: Vec<ExecutorRecord>,
}

/// The log of jobs and executors. Of jobs that have ended only the latest are kept.
#[derive(Debug)]
pub struct History {
    retained: usize,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    next_job: u64,
    next_stage: u64,
    jobs: VecDeque<(JobId, JobRecord)>,
    executors: BTreeMap<String, ExecutorRecord>,
}

impl History {
    /// A log that keeps `retained` jobs that have ended.
    pub fn new(retained: usize) -> Self {
        Self { retained, log: Mutex::default() }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job has been submitted.
    pub fn submitted(&self, job: &JobId, description: &str, tags: &[String], now: Timestamp) {
        let mut log = self.log();
        let number = log.next_job;
        log.next_job += 1;
        let record = JobRecord {
            number,
            description: description.to_owned(),
            tags: tags.to_vec(),
            submitted: now,
            ended: None,
            state: JobOutcome::Running,
            first_stage: 0,
            stages: Vec::new(),
        };
        log.jobs.push_back((job.clone(), record));
    }

    /// The stages of a job as they are now.
    pub fn observed(&self, job: &JobId, stages: Vec<StageSummary>) {
        let mut log = self.log();
        let next_stage = log.next_stage;
        let Some(record) = log.job(job) else { return };
        let is_new = record.stages.is_empty();
        if is_new {
            record.first_stage = next_stage;
        }
        let count = stages.len() as u64;
        record.stages = stages;
        if is_new {
            log.next_stage += count;
        }
    }

    /// The number of the first stage of a job, 0 where it is not known.
    pub fn first_stage(&self, job: &JobId) -> u64 {
        self.log().job(job).map_or(0, |record| record.first_stage)
    }

    /// A job has ended.
    pub fn ended(&self, job: &JobId, state: JobOutcome, now: Timestamp) {
        let mut log = self.log();
        if let Some(record) = log.job(job) {
            record.state = state;
            record.ended = Some(now);
        }
    }

    /// A job that has ended is as it will stay: what its tasks did is added to their executors.
    pub fn settled(&self, job: &JobId) {
        let mut log = self.log();
        let Some(record) = log.job(job) else { return };
        let work: Vec<_> = record.stages.iter().flat_map(|stage| stage.work.clone()).collect();
        for (id, work) in work {
            if let Some(executor) = log.executors.get_mut(&id) {
                executor.work.add(&work);
            }
        }
        while log.jobs.iter().filter(|(_, job)| job.ended.is_some()).count() > self.retained {
            let Some(oldest) = log.jobs.iter().position(|(_, job)| job.ended.is_some()) else { break };
            log.jobs.remove(oldest);
        }
    }

    /// An executor has registered.
    pub fn executor_added(&self, id: &str, address: String, slots: u32, now: Timestamp) {
        let record = ExecutorRecord {
            id: id.to_owned(),
            address,
            slots,
            added: now,
            removed: None,
            peak_memory: 0,
            work: ExecutorWork::default(),
        };
        self.log().executors.insert(id.to_owned(), record);
    }

    /// An executor says how much memory its process had at most, in bytes.
    pub fn executor_memory(&self, id: &str, peak: u64) {
        if let Some(executor) = self.log().executors.get_mut(id) {
            executor.peak_memory = executor.peak_memory.max(peak);
        }
    }

    /// An executor is gone.
    pub fn executor_removed(&self, id: &str, now: Timestamp) {
        if let Some(executor) = self.log().executors.get_mut(id) {
            executor.removed.get_or_insert(now);
        }
    }

    /// All of it, with what running jobs have done so far.
    pub fn report(&self) -> Report {
        let log = self.log();
        let mut executors = log.executors.clone();
        for (_, job) in log.jobs.iter().filter(|(_, job)| job.ended.is_none()) {
            for (id, work) in job.stages.iter().flat_map(|stage| &stage.work) {
                if let Some(executor) = executors.get_mut(id) {
                    executor.work.add(work);
                }
            }
        }
        Report {
            jobs: log.jobs.iter().map(|(_, job)| job.clone()).collect(),
            executors: executors.into_values().collect(),
        }
    }
}

impl Log {
    fn job(&mut self, id: &JobId) -> Option<&mut JobRecord> {
        self.jobs.iter_mut().rev().find(|(job, _)| job == id).map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::graph::StageState;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stage(executor: &str, tasks: usize) -> StageSummary {
        let work = ExecutorWork { tasks, ..ExecutorWork::default() };
        StageSummary {
            tasks,
            completed: tasks,
            state: StageState::Complete,
            work: [(executor.to_owned(), work)].into(),
            ..StageSummary::default()
        }
    }

    #[test]
    fn stages_are_numbered_through_the_application_and_work_counts_once() {
        let history = History::new(10);
        history.executor_added("1", "host:7079".into(), 2, at(0));
        for (job, stages) in [("a", vec![stage("1", 3), stage("1", 2)]), ("b", vec![stage("1", 4)])] {
            let job = JobId::from(job);
            history.submitted(&job, "count", &[], at(1));
            history.observed(&job, stages.clone());
            assert_eq!(history.report().jobs.last().unwrap().state, JobOutcome::Running);
            history.observed(&job, stages);
            history.ended(&job, JobOutcome::Succeeded, at(2));
            history.settled(&job);
        }
        let report = history.report();
        let numbers: Vec<_> = report.jobs.iter().map(|job| (job.number, job.first_stage)).collect();
        assert_eq!(numbers, [(0, 0), (1, 2)]);
        assert_eq!(report.executors[0].work.tasks, 9);
    }

    #[test]
    fn the_oldest_ended_jobs_are_forgotten_but_not_their_work() {
        let history = History::new(1);
        history.executor_added("1", "host:7079".into(), 2, at(0));
        history.submitted(&JobId::from("runs"), "long", &[], at(1));
        for job in ["a", "b"] {
            let job = JobId::from(job);
            history.submitted(&job, "count", &[], at(1));
            history.observed(&job, vec![stage("1", 1)]);
            history.ended(&job, JobOutcome::Failed("disk full".into()), at(2));
            history.settled(&job);
        }
        history.executor_removed("1", at(3));
        history.executor_removed("1", at(4));
        let report = history.report();
        assert_eq!(report.jobs.iter().map(|job| job.number).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((report.executors[0].work.tasks, report.executors[0].removed), (2, Some(at(3))));
    }
}
