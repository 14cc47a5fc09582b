//! The columns of a partition as a node of a logical plan.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

/// What a column tells of a row's partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Quantity {
    /// Its number, from 0, as INT.
    Partition = 0,
    /// The number in the upper 31 bits, the number of the row in the partition below, as BIGINT.
    Row = 1,
}

impl Quantity {
    /// The column of this quantity.
    pub(super) fn field(self, name: &str) -> Field {
        let data_type = match self {
            Self::Partition => DataType::Int32,
            Self::Row => DataType::Int64,
        };
        Field::new(name, data_type, false)
    }
}

/// Adds columns that tell of the partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionNode {
    input: LogicalPlan,
    columns: Vec<(Quantity, String)>,
    schema: DFSchemaRef,
}

impl PartitionNode {
    /// `input` with more columns, by name.
    pub fn new(input: LogicalPlan, columns: Vec<(Quantity, String)>) -> Result<Self> {
        let kept = input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
        let added = columns.iter().map(|(quantity, name)| (None, Arc::new(quantity.field(name))));
        let schema = DFSchema::new_with_metadata(kept.chain(added).collect(), HashMap::new())?;
        Ok(Self { input, columns, schema: Arc::new(schema) })
    }

    /// The plan that this node is.
    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The columns it adds.
    pub fn columns(&self) -> &[(Quantity, String)] {
        &self.columns
    }
}

impl PartialOrd for PartitionNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input).filter(|order| *order != Ordering::Equal || self == other)
    }
}

/// Nothing moves through it that would change which rows there are, or their order.
impl UserDefinedLogicalNodeCore for PartitionNode {
    fn name(&self) -> &'static str {
        "PartitionColumns"
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
        let quantities: Vec<_> = self.columns.iter().map(|(quantity, _)| quantity).collect();
        write!(f, "PartitionColumns: {quantities:?}")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) if inputs.is_empty() => Self::new(input, self.columns.clone()),
            _ => Err(DataFusionError::Internal("columns of a partition have exactly one input".into())),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.input.schema().fields().len();
        Some(vec![output_columns.iter().copied().filter(|index| *index < width).collect()])
    }
}
