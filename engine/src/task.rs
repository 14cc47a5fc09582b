//! What a node can know of the task it runs in.

use datafusion::execution::TaskContext;

/// The number of a task within its stage, from 0. Ballista hides which partition a task has, but its number
/// is part of the task's name, `TID job/stage.attempt/task.attempt`; outside of a task it is `partition`.
pub fn task_number(context: &TaskContext, partition: usize) -> usize {
    let number = context.task_id().and_then(|id| id.rsplit('/').next()?.split('.').next()?.parse().ok());
    number.unwrap_or(partition)
}
