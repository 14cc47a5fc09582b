//! WITH RECURSIVE as a node of a logical plan: the rows it starts with, and what makes more of each
//! round's rows.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::{no_expressions, no_inputs};

/// How far a recursion may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecursionLimits {
    /// Rounds after the first rows; nothing for any number.
    pub levels: Option<u64>,
    /// Rows of all rounds; nothing for any number.
    pub rows: Option<u64>,
}

/// A recursion. Its second input reads the rows of the round before from a [`WorkTable`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecursionNode {
    anchor: LogicalPlan,
    term: LogicalPlan,
    name: String,
    limits: RecursionLimits,
    schema: DFSchemaRef,
}

impl RecursionNode {
    /// A recursion whose work table has this name and schema, as both plans have it but for nulls.
    pub fn new(
        anchor: LogicalPlan,
        term: LogicalPlan,
        name: String,
        schema: &SchemaRef,
        limits: RecursionLimits,
    ) -> Result<Self> {
        let schema = Arc::new(DFSchema::try_from(schema.as_ref().clone())?);
        Ok(Self { anchor, term, name, limits, schema })
    }

    /// The schema of its rows.
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::clone(self.schema.inner())
    }

    /// The plan that this node is.
    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The first rows, and what makes more of them.
    pub fn terms(&self) -> (&LogicalPlan, &LogicalPlan) {
        (&self.anchor, &self.term)
    }

    /// The name of the work table.
    pub fn table(&self) -> &str {
        &self.name
    }

    /// How far it may go.
    pub fn limits(&self) -> RecursionLimits {
        self.limits
    }
}

impl PartialOrd for RecursionNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let inputs = (&self.anchor, &self.term).partial_cmp(&(&other.anchor, &other.term));
        inputs.filter(|order| *order != Ordering::Equal || self == other)
    }
}

/// Nothing moves through it: each round needs all columns and all rows of the round before.
impl UserDefinedLogicalNodeCore for RecursionNode {
    fn name(&self) -> &'static str {
        "Recursion"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.anchor, &self.term]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recursion: {}", self.name)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 2]>::try_from(inputs) {
            Ok([anchor, term]) => Ok(Self { anchor, term, ..self.clone() }),
            Err(inputs) => Err(DataFusionError::Internal(format!("a recursion of {} inputs", inputs.len()))),
        }
    }
}

/// The rows of a recursion's round before, as a table.
#[derive(Debug)]
pub struct WorkTable {
    name: String,
    schema: SchemaRef,
}

impl WorkTable {
    /// The table of the recursion that names it so.
    pub fn new(name: String, schema: SchemaRef) -> Self {
        Self { name, schema }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl TableProvider for WorkTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        Ok(Arc::new(WorkTableExec::new(self.name.clone(), &self.schema, columns)?))
    }
}

/// Stands for the rows of the round before, which take its place before it runs.
#[derive(Debug)]
pub struct WorkTableExec {
    name: String,
    columns: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl WorkTableExec {
    /// Some columns of the table of this name, which has the schema `whole`.
    ///
    /// # Errors
    /// Where there are no such columns.
    pub fn new(name: String, whole: &SchemaRef, columns: Vec<usize>) -> Result<Self> {
        Ok(Self::of_columns(name, Arc::new(whole.project(&columns)?), columns))
    }

    /// The same by the schema of what it gives.
    pub fn of_columns(name: String, schema: SchemaRef, columns: Vec<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { name, columns, properties: Arc::new(properties) }
    }

    /// The name of the table.
    pub fn table(&self) -> &str {
        &self.name
    }

    /// Which columns of the table it gives.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }
}

impl DisplayAs for WorkTableExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkTableExec: {}", self.name)
    }
}

impl ExecutionPlan for WorkTableExec {
    fn name(&self) -> &'static str {
        "WorkTableExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    no_expressions!();

    no_inputs!();

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Err(DataFusionError::Internal(format!("the work table {} outside of its recursion", self.name)))
    }
}
