//! The write as a node of a logical plan.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use super::WriteJob;
use super::staged;

/// Writes the rows of its input; its own rows say what was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WriteNode {
    job: WriteJob,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl WriteNode {
    /// A node for a job over `input`.
    pub fn new(job: WriteJob, input: LogicalPlan) -> Result<Self> {
        let schema = DFSchema::try_from(staged::schema().as_ref().clone())?;
        Ok(Self { job, input, schema: Arc::new(schema) })
    }

    /// The job.
    pub fn job(&self) -> &WriteJob {
        &self.job
    }
}

impl PartialOrd for WriteNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.job.id.partial_cmp(&other.job.id).filter(|order| *order != Ordering::Equal || self == other)
    }
}

impl UserDefinedLogicalNodeCore for WriteNode {
    fn name(&self) -> &'static str {
        "Write"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Write: {} {}", self.job.spec.format, self.job.display())
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) if inputs.is_empty() => Ok(Self { input, ..self.clone() }),
            _ => Err(DataFusionError::Internal("a write has exactly one input".into())),
        }
    }
}
