//! What an execution graph says about load: pending and running tasks, and executors that must stay.
//!
//! Pure reading; nothing here changes a graph.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ballista_core::execution_plans::{RangeShuffleReaderExec, ShuffleReaderExec};
use ballista_core::serde::protobuf::task_status::Status;
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use ballista_scheduler::state::execution_stage::{ExecutionStage, TaskInfo};
use bytes::Bytes;
use cerium_engine::partition::kept::KeptPartitionsExec;
use cerium_engine::task_accumulators;
use datafusion::physical_plan::ExecutionPlan;

/// The load of one or more jobs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Load {
    /// Tasks that could start now if there were a free slot.
    pub pending_tasks: usize,
    /// Tasks running, by executor id.
    pub running_tasks: HashMap<String, usize>,
    /// Executors holding output that an unfinished stage, or the driver, still has to read.
    pub shuffle_holders: HashSet<String>,
}

impl Load {
    /// Adds the load of `graph`.
    pub fn add(&mut self, graph: &(dyn ExecutionGraph + Send + Sync)) {
        let stages = graph.stages();
        for stage in stages.values() {
            self.pending_tasks += pending_tasks(stage);
            // A finished stage is needed until all its consumers are finished; the final stage
            // has none and is needed until the job ends.
            let links = stage.output_links();
            let needed = links.is_empty()
                || links.iter().any(|link| !matches!(stages.get(link), Some(ExecutionStage::Successful(_))));
            for task in stage.task_infos().unwrap_or_default() {
                self.add_task(task, matches!(stage, ExecutionStage::Running(_)), needed);
            }
        }
    }

    fn add_task(&mut self, task: &TaskInfo, stage_runs: bool, output_needed: bool) {
        match &task.task_status {
            Status::Running(running) if stage_runs => {
                *self.running_tasks.entry(running.executor_id.clone()).or_default() += 1;
            }
            Status::Successful(done) if output_needed => {
                self.shuffle_holders.insert(done.executor_id.clone());
            }
            _ => {}
        }
    }
}

/// How many tasks have their part of the job's result ready, and its bytes.
pub fn result_so_far(graph: &(dyn ExecutionGraph + Send + Sync)) -> (usize, u64) {
    let last = graph.stages().values().filter(|stage| stage.output_links().is_empty());
    let tasks = last.flat_map(|stage| stage.task_infos().unwrap_or_default());
    let done = tasks.filter_map(|task| match &task.task_status {
        Status::Successful(done) => Some(done.partitions.iter().map(|part| part.num_bytes).sum::<u64>()),
        _ => None,
    });
    done.fold((0, 0), |(tasks, size), more| (tasks + 1, size + more))
}

/// What the tasks of a job that succeeded add to accumulators: each partition once, by the attempt whose
/// output counts.
pub fn accumulated(graph: &(dyn ExecutionGraph + Send + Sync)) -> Vec<Bytes> {
    let stages: BTreeMap<_, _> = graph.stages().iter().collect();
    let mut updates = Vec::new();
    for stage in stages.into_values() {
        let mut counted = HashSet::<usize>::new();
        // The latest attempt is the last.
        for task in stage.task_infos().unwrap_or_default().iter().rev() {
            let Status::Successful(done) = &task.task_status else { continue };
            let partitions = &task.global_input_partition_ids;
            if partitions.iter().all(|partition| !counted.contains(partition)) {
                updates.extend(task_accumulators::unpack(&done.task_column_stats));
                counted.extend(partitions);
            }
        }
    }
    updates
}

/// What tasks have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutorWork {
    /// Tasks that succeeded.
    pub tasks: usize,
    /// Time they ran, in milliseconds.
    pub run_ms: u64,
    /// Bytes they wrote for other stages or as results.
    pub written_bytes: u64,
}

impl ExecutorWork {
    /// Adds other work to it.
    pub fn add(&mut self, other: &Self) {
        self.tasks += other.tasks;
        self.run_ms += other.run_ms;
        self.written_bytes += other.written_bytes;
    }
}

/// How a stage stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StageState {
    /// It waits for others.
    #[default]
    Pending,
    /// Its tasks run or may run.
    Active,
    /// All of it is done.
    Complete,
    /// It ended without success.
    Failed,
}

/// A stage as it is shown to users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageSummary {
    /// Its number within its job.
    pub id: usize,
    /// How it stands.
    pub state: StageState,
    /// Which attempt it is, from 0.
    pub attempt: usize,
    /// Its tasks.
    pub tasks: usize,
    /// Those that are done.
    pub completed: usize,
    /// Those that run.
    pub running: usize,
    /// Those that failed and were or will be repeated.
    pub failed: usize,
    /// When its first task was launched, in milliseconds since 1970.
    pub first_launch_ms: Option<u64>,
    /// When its last task ended, in milliseconds since 1970, once all are done.
    pub ended_ms: Option<u64>,
    /// Bytes of files read.
    pub input_bytes: usize,
    /// Rows written for other stages or as results.
    pub written_rows: u64,
    /// What its tasks did, by executor.
    pub work: BTreeMap<String, ExecutorWork>,
}

impl StageSummary {
    /// What its tasks did altogether.
    pub fn total(&self) -> ExecutorWork {
        let mut total = ExecutorWork::default();
        for work in self.work.values() {
            total.add(work);
        }
        total
    }
}

/// All stages of a job, in order.
pub fn summaries(graph: &(dyn ExecutionGraph + Send + Sync)) -> Vec<StageSummary> {
    let stages: BTreeMap<_, _> = graph.stages().iter().collect();
    stages.into_values().map(summary).collect()
}

fn summary(stage: &ExecutionStage) -> StageSummary {
    let (id, state, attempt, tasks, metrics) = match stage {
        // How many there will be follows from the stages it waits for.
        ExecutionStage::UnResolved(s) => (s.stage_id, StageState::Pending, s.stage_attempt_num, 0, None),
        ExecutionStage::Resolved(s) => {
            let tasks = tasks_of(&s.plan, s.partitions);
            (s.stage_id, StageState::Pending, s.stage_attempt_num, tasks, None)
        }
        ExecutionStage::Running(s) => {
            let tasks = tasks_of(&s.plan, s.partitions);
            (s.stage_id, StageState::Active, s.stage_attempt_num, tasks, s.stage_metrics.as_deref())
        }
        ExecutionStage::Successful(s) => {
            let tasks = tasks_of(&s.plan, s.partitions);
            (s.stage_id, StageState::Complete, s.stage_attempt_num, tasks, Some(s.stage_metrics.as_slice()))
        }
        ExecutionStage::Failed(s) => {
            let tasks = tasks_of(&s.plan, s.partitions);
            (s.stage_id, StageState::Failed, s.stage_attempt_num, tasks, None)
        }
    };
    let scanned =
        metrics.unwrap_or_default().iter().filter_map(|metrics| metrics.sum_by_name("bytes_scanned"));
    let input_bytes = scanned.map(|bytes| bytes.as_usize()).sum();
    let mut summary = StageSummary { id, state, attempt, tasks, input_bytes, ..StageSummary::default() };
    let ms = |time: u128| u64::try_from(time).unwrap_or(u64::MAX);
    for task in stage.task_infos().unwrap_or_default() {
        let launched = ms(task.launch_time);
        summary.first_launch_ms = Some(summary.first_launch_ms.map_or(launched, |first| first.min(launched)));
        match &task.task_status {
            Status::Running(_) => summary.running += 1,
            Status::Failed(_) => summary.failed += 1,
            Status::Successful(done) => {
                summary.completed += 1;
                let work = summary.work.entry(done.executor_id.clone()).or_default();
                work.tasks += 1;
                work.run_ms += ms(task.end_exec_time.saturating_sub(task.start_exec_time));
                for partition in &done.partitions {
                    work.written_bytes += partition.num_bytes;
                    summary.written_rows += partition.num_rows;
                }
                summary.ended_ms = summary.ended_ms.max(Some(ms(task.finish_time)));
            }
        }
    }
    // Output that was lost with its executor has been made twice.
    summary.completed = summary.completed.min(tasks);
    if state != StageState::Complete {
        summary.ended_ms = None;
    }
    summary
}

/// Tasks of a stage that wait for a slot. Stages that wait for their inputs have none yet.
fn pending_tasks(stage: &ExecutionStage) -> usize {
    let (plan, partitions) = match stage {
        ExecutionStage::Running(running) => (&running.plan, running.pending.remaining()),
        ExecutionStage::Resolved(resolved) => (&resolved.plan, resolved.partitions),
        ExecutionStage::UnResolved(_) | ExecutionStage::Successful(_) | ExecutionStage::Failed(_) => {
            return 0;
        }
    };
    tasks_of(plan, partitions)
}

/// How many tasks the partitions of a stage are worked on by.
fn tasks_of(plan: &Arc<dyn ExecutionPlan>, partitions: usize) -> usize {
    if is_single_task(plan) {
        return partitions.min(1);
    }
    // What is left out is one task more.
    KeptPartitionsExec::find(plan).map_or(partitions, |keep| partitions.min(keep.len() + 1))
}

/// Whether a stage must run as one task over all its partitions, because some operator in it
/// merges them all (a final sort merge, an aggregate without keys): split into several tasks,
/// each would merge only its share.
pub fn is_single_task(stage_plan: &Arc<dyn ExecutionPlan>) -> bool {
    let children = stage_plan.children();
    let [child] = children.as_slice() else { return false };
    let mut node: Arc<dyn ExecutionPlan> = Arc::clone(child);
    loop {
        // The leaf that reads another stage is this stage's border, whatever its partitions.
        if node.is::<ShuffleReaderExec>() || node.is::<RangeShuffleReaderExec>() {
            return false;
        }
        if node.properties().output_partitioning().partition_count() == 1 {
            return true;
        }
        let next = match node.children().as_slice() {
            [only] => Arc::clone(only),
            _ => return false,
        };
        node = next;
    }
}
