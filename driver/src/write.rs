//! A distributed write: check the target, run the tasks, make their files visible all at once.

use std::sync::Arc;

use cerium_engine::write::{self, Prepared};
use cerium_spark::error::SparkError;
use cerium_spark::session::SparkSession;
use cerium_spark::sql::WriteCommand;
use datafusion::error::DataFusionError;
use uuid::Uuid;

use crate::driver::{Driver, ExecuteError};
use crate::scheduler::JobWatch;

/// Why a write failed. Nothing of it is to be seen in the target.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The target, the rows or the commit is at fault.
    #[error(transparent)]
    Spark(#[from] SparkError),
    /// The plan could not be made.
    #[error(transparent)]
    Plan(#[from] DataFusionError),
    /// The tasks did not succeed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// Carries a write out. `description` names it in logs; by `watch` the scheduler tells how far it is.
///
/// Until the commit nothing is visible in the target; where the tasks or the commit fail, what
/// they left behind is removed.
pub async fn run(
    driver: &Driver,
    session: &SparkSession,
    command: WriteCommand,
    description: &str,
    watch: &JobWatch,
) -> Result<(), WriteError> {
    let WriteCommand { input, target, then } = command;
    let state = session.state()?;
    let id = Uuid::new_v4().to_string();
    let job = match write::prepare(&state, &target, input.schema().as_arrow(), &id).await? {
        Prepared::Skip => return Ok(()),
        Prepared::Write(job) => job,
    };
    let schema = Arc::clone(input.schema().inner());
    let plan = write::plan(job.clone(), input)?;
    let staged = match driver.execute_watched(&state, &plan, description, watch).await {
        Ok(result) => result.batches,
        Err(error) => {
            if let Err(left) = write::abort(&state, &job, &[]).await {
                tracing::warn!(target = target.path, "files of the failed write are left behind: {left}");
            }
            return Err(error.into());
        }
    };
    let written = write::commit(&state, &job, &schema, &staged).await?;
    tracing::info!(target = target.path, rows = written.rows, files = written.files, "write committed");
    session.committed(then, &written.partitions).await?;
    session.files_changed(&target.path);
    Ok(())
}
