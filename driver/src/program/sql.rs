//! Runs a SQL script: statement by statement, results printed as `show` prints them.

use std::io::Write;
use std::time::Instant;

use cerium_conf::{ConfError, keys};
use cerium_spark::error::SparkError;
use cerium_spark::explain;
use cerium_spark::session::SparkSession;
use cerium_spark::show::show_string;
use cerium_spark::sql::{self, Planned, ScriptStatement, split_statements};
use datafusion::arrow::array::AsArray;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use crate::driver::{Driver, ExecuteError};
use crate::scheduler::{JobError, JobWatch};
use crate::write::{self, WriteError};

/// Why a script stopped.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A statement failed.
    #[error("statement {number} of the program failed (line {line}, column {column})")]
    Statement {
        /// Its number, from 1.
        number: usize,
        /// Line of the script where the error is, or else where the statement starts, from 1.
        line: u64,
        /// Column of that line, from 1.
        column: u64,
        /// Why.
        source: Box<StatementError>,
    },
    /// A result could not be written to standard output.
    #[error("failed to print the result of statement {number}")]
    Print {
        /// The statement's number, from 1.
        number: usize,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// What Spark has a class for.
    #[error(transparent)]
    Spark(#[from] SparkError),
    /// What the engine could not do.
    #[error(transparent)]
    Engine(ExecuteError),
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// A write did not succeed; nothing of it is to be seen.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl StatementError {
    fn script_position(&self) -> Option<(u64, u64)> {
        match self {
            Self::Spark(error) => error.script_position(),
            Self::Engine(_) | Self::Conf(_) | Self::Write(_) => None,
        }
    }
}

impl From<DataFusionError> for StatementError {
    fn from(error: DataFusionError) -> Self {
        Self::Spark(error.into())
    }
}

impl From<ExecuteError> for StatementError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Plan(error) => error.into(),
            // A task's own error comes back as text; Spark's class is found in it.
            ExecuteError::Job(JobError::Task(failure, _)) => {
                DataFusionError::External(Box::new(failure)).into()
            }
            other => Self::Engine(other),
        }
    }
}

/// Runs the statements of `script` in order, up to the first that fails, and prints their results to `out`.
pub async fn run_script(
    driver: &Driver,
    session: &SparkSession,
    script: &str,
    out: &mut impl Write,
) -> Result<(), ScriptError> {
    for (index, statement) in split_statements(script).iter().enumerate() {
        let number = index + 1;
        let started = Instant::now();
        let text = run_statement(driver, session, statement).await.map_err(|error| {
            let (line, column) = error.script_position().unwrap_or((statement.line, statement.column));
            ScriptError::Statement { number, line, column, source: Box::new(error) }
        })?;
        tracing::info!(
            statement = number,
            elapsed_ms = started.elapsed().as_secs_f64() * 1e3,
            "statement ended"
        );
        if let Some(text) = text {
            writeln!(out, "{text}")
                .and_then(|()| out.flush())
                .map_err(|source| ScriptError::Print { number, source })?;
        }
    }
    Ok(())
}

/// Runs one statement and gives what it shows, if anything.
async fn run_statement(
    driver: &Driver,
    session: &SparkSession,
    statement: &ScriptStatement,
) -> Result<Option<String>, StatementError> {
    match sql::plan(session, statement).await? {
        Planned::Query(plan) => show_query(driver, session, plan, &statement.text).await.map(Some),
        Planned::Write(command) => {
            write::run(driver, session, command, &statement.text, &JobWatch::default()).await?;
            Ok(None)
        }
        Planned::Compute(plan) => {
            driver.execute(&session.state()?, &plan, &statement.text).await?;
            Ok(None)
        }
        // Commands without columns have nothing to show.
        Planned::Local(_, schema) if schema.fields().is_empty() => Ok(None),
        Planned::Local(batches, schema) if schema.fields().iter().map(|f| f.name()).eq([explain::COLUMN]) => {
            // A plan is read line by line; the cell of a table would cut it off.
            let texts = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten());
            Ok(Some(texts.collect()))
        }
        Planned::Local(batches, schema) => {
            let shown = Shown::of(session)?;
            Ok(Some(show_string(&schema, &batches, usize::MAX, shown.truncate)?))
        }
    }
}

/// Runs a query as `show` does: one row more than is shown, to know whether there are more.
async fn show_query(
    driver: &Driver,
    session: &SparkSession,
    plan: LogicalPlan,
    description: &str,
) -> Result<String, StatementError> {
    let shown = Shown::of(session)?;
    let plan = LogicalPlanBuilder::from(plan).limit(0, Some(shown.rows.saturating_add(1)))?.build()?;
    let result = driver.execute(&session.state()?, &plan, description).await?;
    Ok(show_string(&result.schema, &result.batches, shown.rows, shown.truncate)?)
}

/// How much of a result is printed.
struct Shown {
    rows: usize,
    truncate: usize,
}

impl Shown {
    fn of(session: &SparkSession) -> Result<Self, ConfError> {
        let conf = session.conf();
        Ok(Self {
            rows: conf.get(&keys::SQL_REPL_EAGER_EVAL_MAX_NUM_ROWS)? as usize,
            truncate: conf.get(&keys::SQL_REPL_EAGER_EVAL_TRUNCATE)? as usize,
        })
    }
}
