//! Running one task, so that what goes wrong in it reaches the user in readable words.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use bytes::Bytes;
use cerium_engine::python::worker::WorkerError;
use cerium_engine::python::{Accumulators, collecting};
use cerium_engine::session::MAX_MESSAGE_SIZE;
use cerium_engine::stage::arranged;
use cerium_engine::task_accumulators;
use cerium_engine::task_failure::TaskFailure;
use cerium_spark::error::SparkError;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
use super::stop::stoppable;
use crate::metrics::Tasks;

/// Ballista names a task's files by the task's number in its stage. Executors that share a directory may run
/// the same task, one after another or, where one is taken for lost, at once: what is above these bits tells
/// them apart.
const TASK_BITS: u32 = 20;
/// Numbers of files have 32 bits.
const EXECUTOR_BITS: u32 = 32 - TASK_BITS;

/// Ballista's engine with failures made readable.
pub struct TaskEngine {
    inner: DefaultExecutionEngine,
    /// What the numbers of this executor's files begin with.
    file_prefix: usize,
    counted: Arc<Tasks>,
    /// Bytes that a task may add to accumulators.
    most: usize,
}

impl TaskEngine {
    /// An engine that keeps connections to other executors for a while, and runs `cores` tasks at a time.
    pub fn new(executor_id: u64, cores: usize, counted: Arc<Tasks>) -> Self {
        let number = (executor_id % (1 << EXECUTOR_BITS)) as usize;
        Self {
            inner: DefaultExecutionEngine::with_client_pool(Arc::new(Connections::default())),
            file_prefix: number << TASK_BITS,
            counted,
            // All of them may report in one message.
            most: MAX_MESSAGE_SIZE as usize / 2 / cores.max(1),
        }
    }
}

impl ExecutionEngine for TaskEngine {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        let plan = arranged(plan, config.options()).map_err(readable)?;
        let accumulators = Accumulators::default();
        let plan = collecting(plan, &accumulators).map_err(readable)?;
        let stopped = CancellationToken::new();
        let plan = stoppable(plan, &stopped).map_err(readable)?;
        let inner = self
            .inner
            .create_query_stage_exec(
                job_id,
                stage_id,
                self.file_prefix | task_id,
                global_output_partition_ids,
                plan,
                work_dir,
                config,
            )
            .map_err(readable)?;
        Ok(Arc::new(Task {
            inner,
            counted: Arc::clone(&self.counted),
            accumulators,
            most: self.most,
            too_large: AtomicUsize::new(0),
            stopped,
        }))
    }
}

#[derive(Debug)]
struct Task {
    inner: Arc<dyn QueryStageExecutor>,
    counted: Arc<Tasks>,
    accumulators: Accumulators,
    most: usize,
    /// The size of updates of accumulators that were too large to be sent, in bytes.
    too_large: AtomicUsize,
    /// Ends what the task runs.
    stopped: CancellationToken,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for Task {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let _running = self.counted.begin();
        // When this future is dropped, as at its end.
        let _stopped = self.stopped.clone().drop_guard();
        let run = AssertUnwindSafe(self.inner.execute_query_stage(task_id, context)).catch_unwind();
        match run.await {
            Ok(outcome) => outcome.map_err(readable),
            Err(panic) => {
                let error = SparkError::internal(format!("the task panicked: {}", panic_text(&*panic)));
                Err(failure(error.into()))
            }
        }
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.inner.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.inner.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        // The last that is asked of a task, and an error fails it.
        let too_large = self.too_large.load(Ordering::Relaxed);
        if too_large > 0 {
            let text = format!(
                "a task adds {} MiB to accumulators, and the most that is sent to the driver is {} MiB: \
                 return rows instead",
                too_large >> 20,
                self.most >> 20
            );
            return Err(failure(SparkError::new("ACCUMULATOR_UPDATES_TOO_LARGE", "54000", text).into()));
        }
        self.inner.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        let mut stats = self.inner.collect_column_stats();
        let updates = self.accumulators.take();
        let size = updates.iter().map(Bytes::len).sum();
        if size > self.most {
            self.too_large.store(size, Ordering::Relaxed);
            return stats;
        }
        stats.extend(task_accumulators::pack(updates));
        stats
    }
}

fn failure(failure: TaskFailure) -> DataFusionError {
    DataFusionError::External(Box::new(failure))
}

/// Puts the message of an error into a form that survives the way to the driver, and keeps what
/// the scheduler decides by: lost shuffle files and cancellations pass as they are, failures of
/// input and output stay such and those of Python become such, so that the task is tried again.
fn readable(error: DataFusionError) -> DataFusionError {
    match verdict(&error) {
        Verdict::Scheduling => error,
        Verdict::Passing => DataFusionError::IoError(std::io::Error::other(TaskFailure::of(&error))),
        Verdict::Final => failure(TaskFailure::of(&error)),
    }
}

/// What an error means for the task.
enum Verdict {
    /// The scheduler reads it: shuffle files were lost, or the task was cancelled.
    Scheduling,
    /// The same task may well succeed when tried again.
    Passing,
    /// It would fail again.
    Final,
}

fn verdict(error: &DataFusionError) -> Verdict {
    match error.find_root() {
        DataFusionError::IoError(_) => Verdict::Passing,
        DataFusionError::ObjectStore(error) => match **error {
            object_store::Error::Generic { .. } | object_store::Error::JoinError { .. } => Verdict::Passing,
            _ => Verdict::Final,
        },
        DataFusionError::External(inner) if is_of_python(inner.as_ref()) => Verdict::Passing,
        DataFusionError::External(inner) => match inner.downcast_ref::<BallistaError>() {
            Some(BallistaError::FetchFailed(..) | BallistaError::Cancelled) => Verdict::Scheduling,
            Some(BallistaError::IoError(_)) => Verdict::Passing,
            Some(BallistaError::DataFusionError(inner)) => verdict(inner),
            _ => Verdict::Final,
        },
        _ => Verdict::Final,
    }
}

/// Whether a Python worker or the function it ran failed: what they do depends on more than their rows.
fn is_of_python(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let class = error.downcast_ref::<SparkError>().map_or("", SparkError::class);
    matches!(class, WorkerError::PYTHON_EXCEPTION | WorkerError::PYTHON_WORKER_FAILED)
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use ballista_core::serde::protobuf::FailedTask;
    use ballista_core::serde::protobuf::failed_task::FailedReason;

    use super::*;

    fn reported(error: DataFusionError) -> FailedTask {
        FailedTask::from(BallistaError::from(readable(error)))
    }

    #[test]
    fn the_users_error_arrives_whole_and_is_final() {
        let error = SparkError::new("DIVIDE_BY_ZERO", "22012", "Division by zero.");
        let failed = reported(error.clone().into());
        assert!(!failed.retryable);
        assert_eq!(SparkError::from(TaskFailure::find(&failed.error).unwrap()), error);
    }

    #[test]
    fn no_two_executors_write_files_of_one_number() {
        let [first, second] = [1, 2].map(|id| TaskEngine::new(id, 1, Arc::default()).file_prefix);
        assert_ne!(first | 5, second | 5);
        // The last executor's last task still has a number of 32 bits.
        let last = TaskEngine::new(4095, 1, Arc::default()).file_prefix | ((1 << TASK_BITS) - 1);
        assert_eq!(u32::try_from(last), Ok(u32::MAX));
    }

    #[test]
    fn input_errors_are_tried_again() {
        for error in [
            DataFusionError::IoError(std::io::Error::other("disk")),
            DataFusionError::ObjectStore(Box::new(object_store::Error::Generic {
                store: "S3",
                source: "503".into(),
            })),
        ] {
            let failed = reported(error);
            assert!(failed.retryable && failed.count_to_failures);
            assert!(TaskFailure::find(&failed.error).is_some());
        }
    }

    #[test]
    fn what_python_raises_is_tried_again() {
        for class in ["PYTHON_EXCEPTION", "PYTHON_WORKER_FAILED"] {
            let failed = reported(SparkError::new(class, "38000", "ValueError: no").into());
            assert!(failed.retryable && failed.count_to_failures);
            assert_eq!(SparkError::from(TaskFailure::find(&failed.error).unwrap()).class(), class);
        }
    }

    #[test]
    fn missing_objects_are_final() {
        let missing = object_store::Error::NotFound { path: "a".into(), source: "404".into() };
        assert!(!reported(DataFusionError::ObjectStore(Box::new(missing))).retryable);
    }

    #[test]
    fn lost_shuffle_files_are_still_recognised() {
        let lost = BallistaError::FetchFailed("3".into(), 1, 0, "connection refused".into());
        let failed = reported(DataFusionError::Context("while".into(), Box::new(lost.into_datafusion())));
        assert!(matches!(failed.failed_reason, Some(FailedReason::FetchPartitionError(_))));
    }
}
