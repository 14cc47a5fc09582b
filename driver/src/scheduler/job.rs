//! Running one job to its end: submission, status, cancellation and clearing up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::{JobStatus, job_status};
use ballista_core::serde::scheduler::PartitionLocation;
use ballista_scheduler::cluster::JobState;
use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use bytes::Bytes;
use cerium_engine::python::{Accumulators, accumulates};
use cerium_engine::result_limit::ResultLimitExec;
use cerium_engine::stage::divisible;
use cerium_engine::task_failure::TaskFailure;
use cerium_spark::error::SparkError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Scheduler;
use super::graph::{self, StageState, StageSummary};
use super::history::JobOutcome;

/// Room for status messages; the scheduler drops what does not fit.
const STATUS_BUFFER: usize = 256;
/// How often the status is read in case a message was dropped.
const STATUS_POLL: Duration = Duration::from_secs(1);
/// How often a finished job is looked for in the archive, which it reaches a moment after its end.
const ARCHIVE_POLLS: u32 = 1000;
const ARCHIVE_PAUSE: Duration = Duration::from_millis(5);

/// Why a job did not give a result.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A task failed for good with this error of its own; how often is told where it may be tried again.
    #[error("{0}")]
    Task(TaskFailure, Option<Repeated>),
    /// The job failed for another reason, such as stages that failed too often.
    #[error("Job aborted due to stage failure: {0}")]
    Aborted(String),
    /// The job was cancelled.
    #[error("job was cancelled")]
    Cancelled,
    /// The scheduler did not take the job or misreported on it.
    #[error("the scheduler failed")]
    Scheduler(#[source] BallistaError),
}

/// A task that failed as often as a task may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated {
    /// The partition that it computes.
    pub task: usize,
    /// The number of its stage in the application.
    pub stage: u64,
    /// Times that it failed.
    pub times: usize,
}

impl Repeated {
    /// Finds it in what the scheduler says of a job whose first stage has the number `first_stage`.
    fn find(text: &str, first_stage: u64) -> Option<Self> {
        let (subject, rest) = text.split_once(" in Stage ")?;
        let (stage, rest) = rest.split_once(" failed ")?;
        let times = rest.split_once(" times")?.0.parse().ok()?;
        let task = subject.rsplit_once("Task ")?.1.parse().ok()?;
        // The stages of a job are counted from 1.
        let stage = first_stage + stage.parse::<u64>().ok()?.checked_sub(1)?;
        Some(Self { task, stage, times })
    }
}

impl fmt::Display for Repeated {
    /// In Spark's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, stage, times } = self;
        write!(
            f,
            "Job aborted due to stage failure: Task {task} in stage {stage}.0 failed {times} times, most recent \
             failure: Lost task {task}.{} in stage {stage}.0",
            times.saturating_sub(1)
        )
    }
}

/// Where the result of a finished job lies. Dropping it deletes the job's files on the executors.
pub struct JobOutput {
    scheduler: Scheduler,
    job_id: JobId,
    /// One for each result partition, in order.
    pub partitions: Vec<PartitionLocation>,
    /// What its tasks add to accumulators.
    pub accumulators: Vec<Bytes>,
}

impl Drop for JobOutput {
    fn drop(&mut self) {
        self.scheduler.unfetched().remove(&self.job_id);
        self.scheduler.clear_up(self.job_id.clone());
    }
}

/// The jobs of one caller, to ask how far they are and what came of them beside rows.
#[derive(Debug, Clone, Default)]
pub struct JobWatch {
    jobs: Arc<Mutex<Vec<JobId>>>,
    tags: Arc<[String]>,
    accumulators: Accumulators,
}

impl JobWatch {
    /// For jobs with these tags.
    pub fn tagged(tags: &[String]) -> Self {
        Self { tags: tags.into(), ..Self::default() }
    }

    /// Takes what jobs whose results count have added to accumulators since the last time.
    pub fn take_accumulators(&self) -> Vec<Bytes> {
        self.accumulators.take()
    }

    /// Notes that the result of a job counts.
    pub(crate) fn accumulate(&self, output: &mut JobOutput) {
        self.accumulators.add(std::mem::take(&mut output.accumulators));
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<JobId>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cancels its job unless the job has ended.
struct RunningJob {
    scheduler: Scheduler,
    job_id: Option<JobId>,
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        let Some(job_id) = self.job_id.take() else { return };
        let scheduler = self.scheduler.clone();
        self.scheduler.inner.runtime.spawn(async move {
            if let Err(error) = scheduler.inner.server.cancel_job(job_id.clone()).await {
                tracing::warn!(%job_id, %error, "cancelling the job");
            }
            scheduler.inner.history.ended(
                &job_id,
                JobOutcome::Failed(JobError::Cancelled.to_string()),
                Timestamp::now(),
            );
            scheduler.clear_up(job_id);
        });
    }
}

impl Scheduler {
    /// Runs a physical plan on the executors, waiting for executors as long as it takes. Dropping
    /// the future cancels the job. `watch` learns the job's id.
    ///
    /// A job whose plan is a [`ResultLimitExec`] fails as soon as the parts of its result that are ready are
    /// larger together than the limit of each.
    pub async fn run(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        session: Arc<SessionContext>,
        description: &str,
        watch: &JobWatch,
    ) -> Result<JobOutput, JobError> {
        let plan = divisible(plan).map_err(|error| JobError::Scheduler(error.into()))?;
        let accumulates = accumulates(&plan).map_err(|error| JobError::Scheduler(error.into()))?;
        let limit = plan.downcast_ref::<ResultLimitExec>().map(ResultLimitExec::limit);
        let (status_sender, mut statuses) = mpsc::channel::<JobStatus>(STATUS_BUFFER);
        let job_id = self
            .inner
            .server
            .submit_physical_plan(description, session, plan, Some(status_sender))
            .await
            .map_err(JobError::Scheduler)?;
        let mut running = RunningJob { scheduler: self.clone(), job_id: Some(job_id.clone()) };
        watch.jobs().push(job_id.clone());
        self.inner.history.submitted(&job_id, description, &watch.tags, Timestamp::now());

        let outcome = loop {
            let status = tokio::select! {
                Some(status) = statuses.recv() => Some(status),
                () = tokio::time::sleep(STATUS_POLL) => {
                    self.inner.jobs.get_job_status(&job_id).await.map_err(JobError::Scheduler)?
                }
            };
            match status.and_then(|status| status.status) {
                Some(job_status::Status::Successful(done)) => break Ok(done.partition_location),
                Some(job_status::Status::Failed(failed)) => break Err(failed.error),
                Some(job_status::Status::Queued(_) | job_status::Status::Running(_)) | None => {}
            }
            if let Some(limit) = limit
                && let Some((tasks, size)) = self.result_so_far(&job_id).await
                && size > limit
            {
                return Err(JobError::Task(SparkError::result_too_large(tasks, size, limit).into(), None));
            }
        };
        running.job_id = None;
        self.observe_ended(&job_id).await;
        let state = match &outcome {
            Ok(_) => JobOutcome::Succeeded,
            Err(text) => JobOutcome::Failed(job_error(text, 0).to_string()),
        };
        self.inner.history.ended(&job_id, state, Timestamp::now());

        let locations = match outcome {
            Ok(locations) => locations,
            Err(text) => {
                let first_stage = self.first_stage_of_failed(&job_id, accumulates.then_some(watch)).await;
                self.clear_up(job_id);
                return Err(job_error(&text, first_stage));
            }
        };
        let locations = locations
            .into_iter()
            .map(TryInto::<PartitionLocation>::try_into)
            .collect::<Result<Vec<_>, _>>()
            .map_err(JobError::Scheduler)?;
        let partitions = current_partitions(locations);
        let holders = partitions.iter().map(|partition| partition.executor_meta.id.clone()).collect();
        self.unfetched().insert(job_id.clone(), holders);
        // From here on the job's files are cleared up whatever happens.
        let mut output = JobOutput { scheduler: self.clone(), job_id, partitions, accumulators: Vec::new() };
        if accumulates {
            output.accumulators = self.accumulated(&output.job_id).await?;
        }
        Ok(output)
    }

    /// How many tasks of a running job have their part of the result ready, and its bytes.
    async fn result_so_far(&self, job_id: &JobId) -> Option<(usize, u64)> {
        let running = self.inner.server.state.task_manager.get_running_job_cache();
        // A guard of the map must not be held while waiting.
        let graph = Arc::clone(&running.get(job_id)?.execution_graph);
        let graph = graph.read().await;
        Some(graph::result_so_far(graph.as_ref()))
    }

    /// What the tasks of a job that has succeeded add to accumulators.
    async fn accumulated(&self, job_id: &JobId) -> Result<Vec<Bytes>, JobError> {
        let graph = self.archived(job_id).await?;
        Ok(graph::accumulated(graph.as_ref()))
    }

    /// Notes the stages of a job that has just ended, so that whoever waited for it can ask about them.
    async fn observe_ended(&self, job_id: &JobId) {
        let inner = &self.inner;
        let running = inner.server.state.task_manager.get_running_job_cache();
        let stages = match running.get(job_id) {
            Some(job) => graph::summaries(job.execution_graph.read().await.as_ref()),
            None => match inner.jobs.get_execution_graph(job_id).await {
                Ok(Some(graph)) => graph::summaries(graph.as_ref()),
                // They are noted when it is cleared up.
                Ok(None) | Err(_) => return,
            },
        };
        inner.history.observed(job_id, stages);
    }

    /// The number of the first stage of a job that failed. What its tasks add to accumulators counts as far as
    /// they succeeded, as in Spark.
    async fn first_stage_of_failed(&self, job_id: &JobId, watch: Option<&JobWatch>) -> u64 {
        match self.archived(job_id).await {
            Ok(graph) => {
                self.inner.history.observed(job_id, graph::summaries(graph.as_ref()));
                if let Some(watch) = watch {
                    watch.accumulators.add(graph::accumulated(graph.as_ref()));
                }
            }
            Err(error) => tracing::warn!(%job_id, %error, "looking at a job that failed"),
        }
        self.inner.history.first_stage(job_id)
    }

    /// The graph of a job that has ended.
    async fn archived(&self, job_id: &JobId) -> Result<ExecutionGraphBox, JobError> {
        // The job moves from the running ones to the archive a moment after its end was announced.
        for _ in 0..ARCHIVE_POLLS {
            let graph = self.inner.jobs.get_execution_graph(job_id).await.map_err(JobError::Scheduler)?;
            if let Some(graph) = graph {
                return Ok(graph);
            }
            tokio::time::sleep(ARCHIVE_PAUSE).await;
        }
        Err(JobError::Aborted(format!("the job {job_id} ended but was never archived")))
    }

    /// How far the jobs of a caller are: the stages that have begun, of jobs that have not ended.
    pub async fn progress(&self, watch: &JobWatch) -> Vec<StageSummary> {
        let jobs = watch.jobs().clone();
        let running = self.inner.server.state.task_manager.get_running_job_cache();
        let mut stages = Vec::new();
        for job in jobs.iter().filter_map(|id| running.get(id)) {
            let all = graph::summaries(job.execution_graph.read().await.as_ref());
            let begun =
                |stage: &StageSummary| matches!(stage.state, StageState::Active | StageState::Complete);
            stages.extend(all.into_iter().filter(begun));
        }
        stages
    }

    /// Deletes what an ended job left: files on executors, state in the scheduler.
    fn clear_up(&self, job_id: JobId) {
        let scheduler = self.clone();
        self.inner.runtime.spawn(async move {
            let inner = &scheduler.inner;
            inner.server.state.executor_manager.clean_up_job_data(job_id.clone());
            // The job is archived a moment after its end was announced.
            for _ in 0..ARCHIVE_POLLS {
                let status = inner.jobs.get_job_status(&job_id).await.ok().flatten().and_then(|s| s.status);
                if let Some(job_status::Status::Successful(_) | job_status::Status::Failed(_)) = status {
                    if let Ok(Some(graph)) = inner.jobs.get_execution_graph(&job_id).await {
                        inner.history.observed(&job_id, graph::summaries(graph.as_ref()));
                    }
                    inner.history.settled(&job_id);
                    if let Err(error) = inner.jobs.remove_job(&job_id).await {
                        tracing::warn!(%job_id, %error, "deleting the job's state");
                    }
                    return;
                }
                tokio::time::sleep(ARCHIVE_PAUSE).await;
            }
            tracing::warn!(%job_id, "the job ended but was never archived");
        });
    }
}

/// One location for each result partition, in order. When an executor is lost while the last stage
/// runs, its finished partitions are computed again, but their first locations stay in the
/// scheduler's list: the latest one counts.
fn current_partitions(locations: Vec<PartitionLocation>) -> Vec<PartitionLocation> {
    let latest: BTreeMap<usize, PartitionLocation> =
        locations.into_iter().map(|location| (location.partition_id.partition_id, location)).collect();
    latest.into_values().collect()
}

/// The error in what the scheduler says of a job whose first stage has the number `first_stage`.
fn job_error(text: &str, first_stage: u64) -> JobError {
    if let Some(failure) = TaskFailure::find(text) {
        return JobError::Task(failure, Repeated::find(text, first_stage));
    }
    match text.trim() {
        "Cancelled" => JobError::Cancelled,
        text => JobError::Aborted(text.strip_prefix("Job failed due to ").unwrap_or(text).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use cerium_spark::error::SparkError;

    use super::*;
    use ballista_core::serde::scheduler::{
        ExecutorMetadata, ExecutorOperatingSystemSpecification, ExecutorSpecification, PartitionId,
        PartitionStats,
    };

    fn location(partition_id: usize, executor: &str) -> PartitionLocation {
        PartitionLocation {
            map_partition_id: partition_id,
            partition_id: PartitionId { job_id: "job".into(), stage_id: 2, partition_id },
            executor_meta: ExecutorMetadata {
                id: executor.into(),
                host: "127.0.0.1".into(),
                port: 1,
                grpc_port: 2,
                specification: ExecutorSpecification::default(),
                os_info: ExecutorOperatingSystemSpecification::default(),
            },
            partition_stats: PartitionStats::default(),
            file_id: None,
            is_sort_shuffle: false,
        }
    }

    #[test]
    fn a_partition_computed_twice_counts_once_and_order_is_restored() {
        let found = current_partitions(vec![location(1, "lost"), location(0, "a"), location(1, "b")]);
        let found: Vec<_> =
            found.iter().map(|l| (l.partition_id.partition_id, l.executor_meta.id.as_str())).collect();
        assert_eq!(found, [(0, "a"), (1, "b")]);
    }

    #[test]
    fn the_users_error_comes_out_of_the_schedulers_text() {
        let failure = TaskFailure::from(SparkError::new("DIVIDE_BY_ZERO", "22012", "Division by zero."));
        let text = format!("Job failed due to stage 1 failed: {failure:?}\n");
        assert!(job_error(&text, 0).to_string().starts_with("[DIVIDE_BY_ZERO] Division by zero."));
        assert!(matches!(job_error("Cancelled", 0), JobError::Cancelled));
        assert_eq!(
            job_error("Job failed due to stage 1 failed: disk full\n", 0).to_string(),
            "Job aborted due to stage failure: stage 1 failed: disk full"
        );
    }

    #[test]
    fn a_task_that_failed_too_often_is_told_as_spark_tells_it() {
        let failure = TaskFailure::from(SparkError::new("PYTHON_EXCEPTION", "38000", "Task 9 in Stage 9"));
        let text = format!(
            "Job failed due to stage 2 failed: Task 3 in Stage 2 failed 4 times, fail the stage, most recent \
             failure reason: {failure:?}"
        );
        let JobError::Task(_, Some(repeated)) = job_error(&text, 5) else { panic!("a task's error") };
        // As Spark 4.1.1 on a local cluster says of its third task.
        assert_eq!(
            repeated.to_string(),
            "Job aborted due to stage failure: Task 3 in stage 6.0 failed 4 times, most recent failure: Lost task \
             3.3 in stage 6.0"
        );
        assert_eq!(Repeated::find("Stage 2 has failed 4 times", 0), None);
    }
}
