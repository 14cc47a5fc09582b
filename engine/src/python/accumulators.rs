//! What tasks add to accumulators: collected from workers, carried to the driver with a task's success.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;

use super::exec::PythonExec;

/// The updates of one task, each a pickled pair of an accumulator's id and what is added to it.
#[derive(Debug, Clone, Default)]
pub struct Accumulators(Arc<Mutex<Vec<Bytes>>>);

impl Accumulators {
    /// Adds what a worker sent at its end.
    pub fn add(&self, updates: Vec<Bytes>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(updates);
    }

    /// Takes what was collected.
    pub fn take(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The same plan, whose workers add to `accumulators`.
///
/// # Errors
/// Where a node does not take its inputs.
pub fn collecting(
    plan: Arc<dyn ExecutionPlan>,
    accumulators: &Accumulators,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        Ok(match node.downcast_ref::<PythonExec>() {
            Some(python) => Transformed::yes(Arc::new(python.collecting(accumulators.clone()))),
            None => Transformed::no(node),
        })
    })?;
    Ok(plan.data)
}

/// Whether a plan runs Python functions, which may add to accumulators.
pub fn accumulates(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| Ok(node.is::<PythonExec>()))
}
