//! Which task runs on which executor: jobs first come, first served; tasks go where most is free.

use std::collections::BTreeMap;

use ballista_core::serde::scheduler::TaskKey;
use ballista_scheduler::cluster::BoundTask;
use ballista_scheduler::state::execution_graph::{ExecutionGraph, TaskDescription, create_task_info};
use ballista_scheduler::state::execution_stage::{ExecutionStage, RunningStage};

use cerium_engine::partition::kept::KeptPartitionsExec;

use super::graph::is_single_task;

/// Tasks that can start, by executor id.
pub type FreeSlots = BTreeMap<String, u32>;

/// Binds as many pending tasks of one job as there are free slots, lowest stage first.
pub fn bind_job(
    graph: &mut (dyn ExecutionGraph + Send + Sync),
    free: &mut FreeSlots,
    bound: &mut Vec<BoundTask>,
) {
    graph.revive();
    let session_id = graph.session_id().to_string();
    let mut ready: Vec<usize> = graph
        .stages()
        .iter()
        .filter(
            |(_, stage)| matches!(stage, ExecutionStage::Running(running) if running.available_tasks() > 0),
        )
        .map(|(id, _)| *id)
        .collect();
    ready.sort_unstable();
    for stage_id in ready {
        // The graph hands out a running stage by exclusion only.
        let others: Vec<usize> = graph.stages().keys().copied().filter(|id| *id != stage_id).collect();
        let job_id = graph.job_id().clone();
        let Some(stage) = graph.fetch_running_stage(&others) else { continue };
        while let Some(executor_id) = freest(free) {
            let Some(task) = take_task(stage, &session_id, job_id.clone(), &executor_id) else { break };
            if let Some(slots) = free.get_mut(&executor_id) {
                *slots = slots.saturating_sub(1);
            }
            bound.push((executor_id, task));
        }
    }
}

/// The executor with most free slots; the first by id among equals. None where all are busy.
fn freest(free: &FreeSlots) -> Option<String> {
    let most = *free.values().max()?;
    if most == 0 {
        return None;
    }
    free.iter().find(|(_, slots)| **slots == most).map(|(id, _)| id.clone())
}

/// Takes the next partition of the stage (all of them where it must be a single task) and
/// enters the task as running on the executor.
fn take_task(
    stage: &mut RunningStage,
    session_id: &str,
    job_id: ballista_core::JobId,
    executor_id: &str,
) -> Option<TaskDescription> {
    let partitions = next_partitions(stage);
    if partitions.is_empty() {
        return None;
    }
    let task_id = stage.task_infos.len();
    let task_attempt = partitions
        .iter()
        .filter_map(|partition| stage.task_failure_numbers.get(*partition))
        .max()
        .copied()
        .unwrap_or(0);
    let mut info = create_task_info(executor_id.to_string(), task_id);
    info.global_input_partition_ids.clone_from(&partitions);
    info.vcores_consumed = 1;
    stage.task_infos.push(info);
    Some(TaskDescription {
        session_id: session_id.to_string(),
        key: TaskKey { job_id, stage_id: stage.stage_id, task_id },
        stage_attempt_num: stage.stage_attempt_num,
        task_attempt,
        global_input_partition_ids: partitions,
        vcores_consumed: 1,
        plan: stage.plan.clone(),
        session_config: stage.session_config.clone(),
    })
}

/// The partitions of the next task: one, or all where the stage must be a single task. Of a stage that
/// runs some of its partitions, those that give no rows are one task together.
fn next_partitions(stage: &mut RunningStage) -> Vec<usize> {
    if is_single_task(&stage.plan) {
        return stage.pending.next_slice(usize::MAX);
    }
    if let Some(keep) = KeptPartitionsExec::find(&stage.plan) {
        let pending = stage.pending.next_slice(usize::MAX);
        let (kept, empty): (Vec<_>, Vec<_>) = pending.into_iter().partition(|part| keep.contains(part));
        stage.pending.reschedule(kept);
        if !empty.is_empty() {
            return empty;
        }
    }
    stage.pending.next_slice(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_freest_executor_is_next_and_none_when_all_are_busy() {
        let mut free = FreeSlots::from([("1".into(), 1), ("2".into(), 2)]);
        assert_eq!(freest(&free).as_deref(), Some("2"));
        free.insert("2".into(), 1);
        assert_eq!(freest(&free).as_deref(), Some("1"));
        free.insert("1".into(), 0);
        free.insert("2".into(), 0);
        assert_eq!(freest(&free), None);
    }
}
