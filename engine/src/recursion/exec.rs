//! Runs a recursion round by round.

use std::fmt;
use std::sync::Arc;

use cerium_spark::error::SparkError;
use cerium_spark::recursion::{RecursionLimits, WorkTableExec};
use cerium_spark::{no_expressions, no_inputs};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream, execute_stream,
};
use futures::{TryStreamExt, stream};

/// A recursion with its plans ready to run.
#[derive(Debug, Clone)]
pub struct Recursion {
    /// The first rows.
    pub anchor: Arc<dyn ExecutionPlan>,
    /// What makes more of the rows of a round.
    pub term: Arc<dyn ExecutionPlan>,
    /// The table as which the term reads them.
    pub table: String,
    /// The columns of all rows, which may have nulls.
    pub schema: SchemaRef,
    /// How far it may go.
    pub limits: RecursionLimits,
}

/// Runs a recursion. Its plans are no children: stages are not cut out of them.
#[derive(Debug)]
pub struct RecursionExec {
    recursion: Recursion,
    properties: Arc<PlanProperties>,
}

impl RecursionExec {
    /// A node without children.
    pub fn new(recursion: Recursion) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&recursion.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { recursion, properties: Arc::new(properties) }
    }

    /// What it runs.
    pub fn recursion(&self) -> &Recursion {
        &self.recursion
    }
}

impl DisplayAs for RecursionExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecursionExec: {}", self.recursion.table)
    }
}

impl ExecutionPlan for RecursionExec {
    fn name(&self) -> &'static str {
        "RecursionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    no_expressions!();

    no_inputs!();

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows =
            execute_stream(reset_plan_states(Arc::clone(&self.recursion.anchor))?, Arc::clone(&context))?;
        let start =
            Rounds { recursion: self.recursion.clone(), context, rows, round: vec![], level: 0, count: 0 };
        let batches = stream::try_unfold(start, |mut rounds| async move {
            Ok(rounds.next().await?.map(|batch| (batch, rounds)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

struct Rounds {
    recursion: Recursion,
    context: Arc<TaskContext>,
    /// What is left of the round.
    rows: SendableRecordBatchStream,
    /// What came of it.
    round: Vec<RecordBatch>,
    /// Rounds before this one.
    level: u64,
    /// Rows of all rounds.
    count: u64,
}

impl Rounds {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.rows.try_next().await? {
                if batch.num_rows() == 0 {
                    continue;
                }
                let schema = Arc::clone(&self.recursion.schema);
                let batch = RecordBatch::try_new(schema, batch.columns().to_vec())?;
                // A round that goes beyond the limit need not be read to its end.
                check_rows(self.recursion.limits, self.count)?;
                self.count += batch.num_rows() as u64;
                self.round.push(batch.clone());
                return Ok(Some(batch));
            }
            if self.round.is_empty() {
                return Ok(None);
            }
            self.level += 1;
            check_levels(self.recursion.limits, self.level)?;
            check_rows(self.recursion.limits, self.count)?;
            let round = std::mem::take(&mut self.round);
            let term = over(Arc::clone(&self.recursion.term), &self.recursion.table, &round)?;
            self.rows = execute_stream(reset_plan_states(term)?, Arc::clone(&self.context))?;
        }
    }
}

fn check_levels(limits: RecursionLimits, level: u64) -> Result<()> {
    match limits.levels {
        Some(limit) if level > limit => Err(external(
            SparkError::new(
                "RECURSION_LEVEL_LIMIT_EXCEEDED",
                "42836",
                format!(
                    "Recursion level limit {limit} reached but query has not exhausted, try increasing it like 'WITH RECURSIVE t(col) MAX RECURSION LEVEL 200'."
                ),
            )
            .with_param("levelLimit", limit.to_string()),
        )),
        _ => Ok(()),
    }
}

/// As in Spark the last round must end below the limit.
fn check_rows(limits: RecursionLimits, rows: u64) -> Result<()> {
    match limits.rows {
        Some(limit) if rows >= limit => Err(external(
            SparkError::new(
                "RECURSION_ROW_LIMIT_EXCEEDED",
                "42836",
                format!(
                    "Recursion row limit {limit} reached but query has not exhausted, try setting a larger LIMIT value when querying the CTE relation."
                ),
            )
            .with_param("rowLimit", limit.to_string()),
        )),
        _ => Ok(()),
    }
}

fn external(error: SparkError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A plan with rows in the place of a work table, also within recursions below.
fn over(plan: Arc<dyn ExecutionPlan>, table: &str, rows: &[RecordBatch]) -> Result<Arc<dyn ExecutionPlan>> {
    let replaced = plan.transform_down(|node| {
        if let Some(work) = node.downcast_ref::<WorkTableExec>()
            && work.table() == table
        {
            let columns = work.columns();
            let rows = rows.iter().map(|batch| Ok(batch.project(columns)?)).collect::<Result<Vec<_>>>()?;
            return Ok(Transformed::yes(MemorySourceConfig::try_new_exec(&[rows], work.schema(), None)?));
        }
        if let Some(inner) = node.downcast_ref::<RecursionExec>() {
            let recursion = Recursion {
                anchor: over(Arc::clone(&inner.recursion.anchor), table, rows)?,
                term: over(Arc::clone(&inner.recursion.term), table, rows)?,
                ..inner.recursion.clone()
            };
            return Ok(Transformed::yes(Arc::new(RecursionExec::new(recursion))));
        }
        Ok(Transformed::no(node))
    })?;
    Ok(replaced.data)
}
