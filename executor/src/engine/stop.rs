//! Ends the work of a task that was cancelled. Ballista's shuffle writers run detached from their task:
//! without this they, and a Python function that never ends, would go on.

use std::fmt;
use std::sync::Arc;

use cerium_spark::{no_expressions, one_input};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
    replace_children_if_necessary,
};
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

/// Puts what can be ended below the writer of a stage.
///
/// # Errors
/// Where the writer does not take it.
pub fn stoppable(
    plan: Arc<dyn ExecutionPlan>,
    stopped: &CancellationToken,
) -> Result<Arc<dyn ExecutionPlan>> {
    let inputs = plan.children().into_iter().map(|input| {
        let (input, stopped) = (Arc::clone(input), stopped.clone());
        Arc::new(StoppableExec { input, stopped }) as Arc<dyn ExecutionPlan>
    });
    let inputs = inputs.collect();
    replace_children_if_necessary(plan, inputs)
}

/// Hands on the rows of its input until it is stopped.
#[derive(Debug)]
struct StoppableExec {
    input: Arc<dyn ExecutionPlan>,
    stopped: CancellationToken,
}

impl DisplayAs for StoppableExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoppableExec")
    }
}

impl ExecutionPlan for StoppableExec {
    fn name(&self) -> &'static str {
        "StoppableExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    no_expressions!();

    one_input!(|node, input| Self { input, stopped: node.stopped.clone() });

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let rows = stream::unfold((input, self.stopped.clone()), |(mut input, stopped)| async move {
            let batch = tokio::select! {
                biased;
                () = stopped.cancelled() => Some(Err(DataFusionError::Execution("the task was cancelled".into()))),
                batch = input.next() => batch,
            };
            batch.map(|batch| (batch, (input, stopped)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Schema;
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;

    #[tokio::test]
    async fn what_is_stopped_ends_with_an_error() {
        let empty: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::new(Schema::empty())));
        let stopped = CancellationToken::new();
        let plan = StoppableExec { input: empty, stopped: stopped.clone() };
        assert!(plan.execute(0, Arc::default()).unwrap().next().await.is_none());
        let mut rows = plan.execute(0, Arc::default()).unwrap();
        stopped.cancel();
        assert!(rows.next().await.unwrap().is_err());
    }
}
