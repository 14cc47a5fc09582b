//! Spark Connect: messages to DataFusion plans, by the functions that SQL is planned with.

pub mod analyze;
mod catalog;
mod command;
pub mod data_type;
pub mod depth;
mod expression;
mod literal;
mod planner;
mod python;
mod relation;
mod scope;
#[cfg(test)]
mod tests;
mod write;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
/// The messages.
pub use spark_connect_proto as proto;

pub use self::catalog::storage_level;
pub use self::command::command;
pub use self::literal::to_proto as literal_to_proto;
use self::proto::command::CommandType;
pub use self::python::NO_COLUMNS;
use crate::error::Result;
use crate::session::SparkSession;
use crate::session::cache::StorageLevel;
use crate::sql::WriteCommand;

/// Runs plans that planning itself needs the rows of: `show`, pivot without values, crosstab.
#[async_trait]
pub trait QueryRunner: Send + Sync {
    /// Runs a plan to its rows.
    async fn collect(&self, state: &SessionState, plan: LogicalPlan) -> Result<Vec<RecordBatch>>;
}

/// What the client sent or left on the server beforehand.
pub trait Artifacts: Send + Sync {
    /// The bytes of the artifact `cache/<hash>`.
    fn cached(&self, hash: &str) -> Option<Bytes>;

    /// The plan a checkpoint is kept as, by the id its command was answered with.
    fn checkpoint(&self, id: &str) -> Option<LogicalPlan>;
}

/// What messages are planned in.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// Conf, catalog and functions.
    pub session: &'a SparkSession,
    /// Runs plans.
    pub runner: &'a dyn QueryRunner,
    /// Cached relations and checkpoints.
    pub artifacts: &'a dyn Artifacts,
}

/// What a relation asks for.
#[derive(Debug, Clone)]
pub enum ConnectPlan {
    /// A query, to be optimised and run. Columns may share a name: see
    /// [`crate::analysis::scope::display_name`].
    Query(LogicalPlan),
    /// Rows that are there already: `show`, the catalog.
    Local(Vec<RecordBatch>, SchemaRef),
}

/// What is left to do after a command.
#[derive(Debug, Clone)]
pub enum CommandOutcome {
    /// Nothing.
    Done,
    /// A write, after which [`SparkSession::committed`] takes note of it.
    Write(Box<WriteCommand>),
    /// The relation to answer an SQL command with: the query itself, or the rows of a command.
    Rows(Box<proto::Relation>),
    /// A plan to keep under a new id; at once run to its rows if `eager`.
    Checkpoint {
        /// The plan.
        plan: LogicalPlan,
        /// Whether to run it now.
        eager: bool,
        /// Where the executors keep its rows, if these may be lost with them.
        local: Option<StorageLevel>,
    },
    /// A checkpoint nobody needs any more, by its id.
    Forget(String),
    /// The resources of the driver (there are none beyond processors and memory).
    Resources,
}

/// Names of observations (`DataFrame.observe`), and plans that give the row of metrics of each.
pub type Observations = Vec<(String, LogicalPlan)>;

/// Plans a relation.
///
/// # Errors
/// What Spark's analyzer would raise.
pub async fn relation(env: &Environment<'_>, relation: &proto::Relation) -> Result<ConnectPlan> {
    Ok(observed_relation(env, relation).await?.0)
}

/// Plans a relation and what is observed in it.
///
/// # Errors
/// What Spark's analyzer would raise.
pub async fn observed_relation(
    env: &Environment<'_>,
    relation: &proto::Relation,
) -> Result<(ConnectPlan, Observations)> {
    loop {
        match planner::Planner::new(env)?.whole(relation).await {
            Err(error) if env.session.load_routine(&error).await? => {}
            planned => return planned,
        }
    }
}

/// What is observed in the rows that a command writes.
///
/// # Errors
/// What Spark's analyzer would raise.
pub async fn observed_in_write(env: &Environment<'_>, command: &proto::Command) -> Result<Observations> {
    let input = match &command.command_type {
        Some(CommandType::WriteOperation(write)) => write.input.as_ref(),
        Some(CommandType::WriteOperationV2(write)) => write.input.as_ref(),
        _ => None,
    };
    match input {
        Some(input) if relation::observes(input)? => planner::Planner::new(env)?.observations(input).await,
        _ => Ok(Vec::new()),
    }
}
