//! Python functions over rows, partitions and groups as a node of a logical plan.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore, WindowFrame};

use super::PythonFunction;
use crate::analysis::scope::{UniqueNames, display_name};

/// A call whose arguments are columns of the node's input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The function.
    pub function: Arc<PythonFunction>,
    /// The arguments and the keywords they are passed by.
    pub arguments: Vec<(Column, Option<String>)>,
    /// The name of the column it makes; empty where it makes a whole row.
    pub name: String,
}

/// A sort key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SortKey {
    /// The column.
    pub column: Column,
    /// From large to small.
    pub descending: bool,
    /// Nulls before values.
    pub nulls_first: bool,
}

/// How the rows of an input come to a function that takes groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Groups {
    /// Rows of equal keys are a group.
    pub keys: Vec<Column>,
    /// The order within a group.
    pub sorting: Vec<SortKey>,
    /// What the function gets of each row.
    pub values: Vec<Column>,
}

/// What a [`PythonNode`] does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Adds a column for each call of a scalar function.
    Eval(Vec<Call>),
    /// The rows a function makes of a partition.
    Map(Arc<PythonFunction>),
    /// The rows a function makes of each group.
    GroupMap(Arc<PythonFunction>, Groups),
    /// The rows a function makes of the groups of equal keys in two inputs.
    CoGroupMap(Arc<PythonFunction>, Groups, Groups),
    /// The keys of each group and a column for each call.
    Aggregate {
        /// Rows of equal keys are a group.
        keys: Vec<Column>,
        /// The calls.
        calls: Vec<Call>,
    },
    /// Adds a column for each call over a window.
    Window {
        /// Rows of equal keys are a partition.
        partition: Vec<Column>,
        /// The order within a partition.
        order: Vec<SortKey>,
        /// The calls and their frames.
        calls: Vec<(Call, WindowFrame)>,
    },
    /// Adds the columns of a table function, called with each row.
    Table {
        /// The call.
        call: Call,
        /// How rows come to it.
        input: TableInput,
    },
}

/// How rows come to a table function, and what it knows beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TableInput {
    /// Whether the input's columns stay.
    pub keeps_input: bool,
    /// Which of the arguments are tables.
    pub tables: Vec<u32>,
    /// Columns whose equal values make a partition, and the order within one; without columns all
    /// rows are one partition. Nothing where rows come as they lie.
    pub grouped: Option<(Vec<Column>, Vec<SortKey>)>,
    /// The fields of the table in which a partition has equal values.
    pub partition_fields: Vec<u32>,
    /// The pickled answer of the function's `analyze`.
    pub analyzed: Option<Bytes>,
}

impl Operator {
    /// The function that gives it its name.
    fn functions(&self) -> Vec<&PythonFunction> {
        match self {
            Self::Eval(calls) | Self::Aggregate { calls, .. } => {
                calls.iter().map(|call| call.function.as_ref()).collect()
            }
            Self::Map(function) | Self::GroupMap(function, _) | Self::CoGroupMap(function, _, _) => {
                vec![function]
            }
            Self::Window { calls, .. } => calls.iter().map(|(call, _)| call.function.as_ref()).collect(),
            Self::Table { call, .. } => vec![&call.function],
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Eval(_) => "PythonEval",
            Self::Map(_) => "PythonMapPartitions",
            Self::GroupMap(..) => "PythonGroupMap",
            Self::CoGroupMap(..) => "PythonCoGroupMap",
            Self::Aggregate { .. } => "PythonAggregate",
            Self::Window { .. } => "PythonWindow",
            Self::Table { .. } => "PythonTableFunction",
        }
    }
}

/// Runs Python functions over its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonNode {
    operator: Operator,
    inputs: Vec<LogicalPlan>,
    schema: DFSchemaRef,
}

type QualifiedField = (Option<TableReference>, Arc<Field>);

impl PythonNode {
    /// A node over its inputs: two for a cogrouped map, one else.
    pub fn new(operator: Operator, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let schema = Arc::new(schema(&operator, &inputs)?);
        Ok(Self { operator, inputs, schema })
    }

    /// The plan that this node is.
    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(datafusion::logical_expr::Extension { node: Arc::new(self) })
    }

    /// What it does.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Its inputs.
    pub fn plans(&self) -> &[LogicalPlan] {
        &self.inputs
    }

    /// The schema of what it makes.
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::clone(self.schema.inner())
    }
}

fn schema(operator: &Operator, inputs: &[LogicalPlan]) -> Result<DFSchema> {
    let expected = if matches!(operator, Operator::CoGroupMap(..)) { 2 } else { 1 };
    let Some(input) = inputs.first().filter(|_| inputs.len() == expected) else {
        return Err(DataFusionError::Internal(format!("{} has {} inputs", operator.name(), inputs.len())));
    };
    let kept = || input.schema().iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect::<Vec<_>>();
    let fields = match operator {
        Operator::Eval(calls) => with_calls(kept(), calls.iter()),
        Operator::Window { calls, .. } => with_calls(kept(), calls.iter().map(|(call, _)| call)),
        Operator::Map(function) | Operator::GroupMap(function, _) | Operator::CoGroupMap(function, _, _) => {
            columns_of(function)?
        }
        Operator::Aggregate { keys, calls } => {
            let keys = keys.iter().map(|key| {
                let (qualifier, field) = input.schema().qualified_field_from_column(key)?;
                Ok((qualifier.cloned(), Arc::clone(field)))
            });
            with_calls(keys.collect::<Result<Vec<_>>>()?, calls.iter())
        }
        Operator::Table { call, input } => {
            let mut fields = if input.keeps_input { kept() } else { vec![] };
            let mut names = UniqueNames::default();
            for (_, field) in &fields {
                names.take(field.name());
            }
            fields.extend(columns_of(&call.function)?.into_iter().map(|(qualifier, field)| {
                let name = names.claim(display_name(field.name()));
                let same = name == *field.name();
                (qualifier, if same { field } else { Arc::new(field.as_ref().clone().with_name(name)) })
            }));
            fields
        }
    };
    DFSchema::new_with_metadata(fields, HashMap::new())
}

fn with_calls<'a>(
    mut fields: Vec<QualifiedField>,
    calls: impl Iterator<Item = &'a Call>,
) -> Vec<QualifiedField> {
    fields.extend(calls.map(|call| (None, Arc::new(call.function.field(&call.name)))));
    fields
}

/// The columns of a function whose results are rows.
fn columns_of(function: &PythonFunction) -> Result<Vec<QualifiedField>> {
    match &function.output {
        DataType::Struct(fields) => Ok(fields.iter().map(|field| (None, Arc::clone(field))).collect()),
        other => Err(DataFusionError::Plan(format!(
            "the result of {} must be a struct, not {other}",
            function.name
        ))),
    }
}

impl PartialOrd for PythonNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.inputs.partial_cmp(&other.inputs).filter(|order| *order != Ordering::Equal || self == other)
    }
}

impl UserDefinedLogicalNodeCore for PythonNode {
    fn name(&self) -> &str {
        self.operator.name()
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    /// None: columns are found by their names, which no rule changes.
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    /// A filter over columns that only pass through can be applied before.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        match &self.operator {
            Operator::Eval(calls) => calls.iter().map(|call| call.name.clone()).collect(),
            _ => self.schema.fields().iter().map(|field| field.name().clone()).collect(),
        }
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.operator.functions().iter().map(|function| function.name.as_str()).collect();
        write!(f, "{}: {}", self.operator.name(), names.join(", "))
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Self::new(self.operator.clone(), inputs)
    }

    /// Scalar functions let columns through that they do not need themselves.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let Operator::Eval(calls) = &self.operator else { return None };
        let input = self.inputs.first()?.schema();
        let width = input.fields().len();
        let mut needed: BTreeSet<usize> =
            output_columns.iter().copied().filter(|index| *index < width).collect();
        for (column, _) in calls.iter().flat_map(|call| &call.arguments) {
            needed.insert(input.maybe_index_of_column(column)?);
        }
        Some(vec![needed.into_iter().collect()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        matches!(self.operator, Operator::Eval(_))
    }
}
