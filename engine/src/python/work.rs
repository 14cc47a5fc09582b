//! What a Python node does, as its physical plan has it and as it goes to executors.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use cerium_spark::python::{self, Operator, PythonFunction};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Column, DFSchema};
use datafusion::error::{DataFusionError, Result};
use datafusion_proto::protobuf;
use prost::Message;

use super::broadcast::Broadcast;

/// A function: all that a worker needs of it.
#[derive(Clone, PartialEq, Message)]
pub struct Function {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// PySpark's number of its kind.
    #[prost(int32, tag = "2")]
    pub eval_type: i32,
    /// The pickled function.
    #[prost(bytes = "bytes", tag = "3")]
    pub command: Bytes,
    /// The client's Python.
    #[prost(string, tag = "4")]
    pub python_version: String,
    /// Files that go on Python's path.
    #[prost(string, repeated, tag = "5")]
    pub includes: Vec<String>,
    /// The program's broadcasts that it uses.
    #[prost(message, repeated, tag = "6")]
    pub broadcasts: Vec<Broadcast>,
    /// Under which its profiles are put together; no other function of the driver has it.
    #[prost(int64, tag = "7")]
    pub result_id: i64,
}

/// An argument.
#[derive(Clone, PartialEq, Message)]
pub struct Argument {
    /// The column of the input.
    #[prost(uint32, tag = "1")]
    pub column: u32,
    /// The keyword it is passed by.
    #[prost(string, optional, tag = "2")]
    pub keyword: Option<String>,
}

/// A call.
#[derive(Clone, PartialEq, Message)]
pub struct Call {
    /// The function.
    #[prost(message, required, tag = "1")]
    pub function: Function,
    /// Its arguments.
    #[prost(message, repeated, tag = "2")]
    pub arguments: Vec<Argument>,
}

/// A sort key.
#[derive(Clone, PartialEq, Message)]
pub struct SortKey {
    /// The column of the input.
    #[prost(uint32, tag = "1")]
    pub column: u32,
    /// From large to small.
    #[prost(bool, tag = "2")]
    pub descending: bool,
    /// Nulls before values.
    #[prost(bool, tag = "3")]
    pub nulls_first: bool,
}

/// How rows come to a function that takes groups.
#[derive(Clone, PartialEq, Message)]
pub struct Groups {
    /// Columns whose equal values make a group.
    #[prost(uint32, repeated, tag = "1")]
    pub keys: Vec<u32>,
    /// The order within a group.
    #[prost(message, repeated, tag = "2")]
    pub sorting: Vec<SortKey>,
    /// Columns that the function gets.
    #[prost(uint32, repeated, tag = "3")]
    pub values: Vec<u32>,
}

/// Calls that share their input.
#[derive(Clone, PartialEq, Message)]
pub struct Calls {
    /// The calls.
    #[prost(message, repeated, tag = "1")]
    pub calls: Vec<Call>,
}

/// A function over groups.
#[derive(Clone, PartialEq, Message)]
pub struct GroupMap {
    /// The function.
    #[prost(message, required, tag = "1")]
    pub function: Function,
    /// The groups of its only or its left input.
    #[prost(message, required, tag = "2")]
    pub groups: Groups,
    /// The groups of its right input.
    #[prost(message, optional, tag = "3")]
    pub right: Option<Groups>,
}

/// Calls for each group.
#[derive(Clone, PartialEq, Message)]
pub struct Aggregate {
    /// Columns whose equal values make a group.
    #[prost(uint32, repeated, tag = "1")]
    pub keys: Vec<u32>,
    /// The calls.
    #[prost(message, repeated, tag = "2")]
    pub calls: Vec<Call>,
}

/// Calls over windows.
#[derive(Clone, PartialEq, Message)]
pub struct Window {
    /// Columns whose equal values make a partition.
    #[prost(uint32, repeated, tag = "1")]
    pub partition: Vec<u32>,
    /// The order within a partition.
    #[prost(message, repeated, tag = "2")]
    pub order: Vec<SortKey>,
    /// The calls.
    #[prost(message, repeated, tag = "3")]
    pub calls: Vec<Call>,
    /// The frame of each call.
    #[prost(message, repeated, tag = "4")]
    pub frames: Vec<protobuf::WindowFrame>,
}

/// A table function.
#[derive(Clone, PartialEq, Message)]
pub struct Table {
    /// The call.
    #[prost(message, required, tag = "1")]
    pub call: Call,
    /// Whether the input's columns stay.
    #[prost(bool, tag = "2")]
    pub keeps_input: bool,
    /// Which of the arguments are tables.
    #[prost(uint32, repeated, tag = "3")]
    pub tables: Vec<u32>,
    /// How rows come, if not as they lie; it has no values.
    #[prost(message, optional, tag = "4")]
    pub groups: Option<Groups>,
    /// The fields of the table in which a partition has equal values.
    #[prost(uint32, repeated, tag = "5")]
    pub partition_fields: Vec<u32>,
    /// The pickled answer of the function's `analyze`.
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub analyzed: Option<Bytes>,
}

/// What a node does.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Work {
    /// Adds a column for each call of a scalar function.
    #[prost(message, tag = "2")]
    Eval(Calls),
    /// The rows a function makes of a partition.
    #[prost(message, tag = "3")]
    Map(Function),
    /// The rows a function makes of groups of one or two inputs.
    #[prost(message, tag = "4")]
    GroupMap(GroupMap),
    /// The keys of each group and a column for each call.
    #[prost(message, tag = "5")]
    Aggregate(Aggregate),
    /// Adds a column for each call over a window.
    #[prost(message, tag = "6")]
    Window(Window),
    /// Adds the columns of a table function.
    #[prost(message, tag = "7")]
    Table(Table),
}

/// A Python node as it goes to executors.
#[derive(Clone, PartialEq, Message)]
pub struct PythonPlan {
    #[prost(message, optional, tag = "1")]
    schema: Option<protobuf::Schema>,
    #[prost(oneof = "Work", tags = "2, 3, 4, 5, 6, 7")]
    work: Option<Work>,
}

impl PythonPlan {
    /// A node and the schema of what it makes.
    pub fn new(work: Work, schema: &Schema) -> Result<Self> {
        Ok(Self { schema: Some(schema.try_into()?), work: Some(work) })
    }

    /// The node and the schema.
    pub fn into_parts(self) -> Result<(Work, SchemaRef)> {
        let (Some(work), Some(schema)) = (self.work, self.schema) else {
            return Err(DataFusionError::Internal("a Python node arrived incomplete".into()));
        };
        Ok((work, Arc::new(Schema::try_from(&schema)?)))
    }
}

impl From<&PythonFunction> for Function {
    fn from(function: &PythonFunction) -> Self {
        static RESULT_ID: AtomicI64 = AtomicI64::new(0);
        let broadcasts: Vec<_> =
            function.includes.iter().filter_map(|include| Broadcast::of(include)).collect();
        let is_file = |include: &&String| Broadcast::of(include).is_none();
        Self {
            name: function.name.clone(),
            eval_type: function.eval_type,
            command: function.command.clone(),
            python_version: function.python_version.clone(),
            includes: function.includes.iter().filter(is_file).cloned().collect(),
            broadcasts,
            result_id: RESULT_ID.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Finds the columns of an operator in the schemas of its inputs.
pub fn bind(operator: &Operator, inputs: &[&DFSchema]) -> Result<Work> {
    let Some(first) = inputs.first() else {
        return Err(DataFusionError::Internal("a Python node without an input".into()));
    };
    Ok(match operator {
        Operator::Eval(list) => Work::Eval(Calls { calls: calls(list, first)? }),
        Operator::Map(function) => Work::Map(function.as_ref().into()),
        Operator::GroupMap(function, list) => Work::GroupMap(GroupMap {
            function: function.as_ref().into(),
            groups: groups(list, first)?,
            right: None,
        }),
        Operator::CoGroupMap(function, left, right) => {
            let Some(second) = inputs.get(1) else {
                return Err(DataFusionError::Internal("a cogrouped map of one input".into()));
            };
            Work::GroupMap(GroupMap {
                function: function.as_ref().into(),
                groups: groups(left, first)?,
                right: Some(groups(right, second)?),
            })
        }
        Operator::Aggregate { keys, calls: list } => {
            Work::Aggregate(Aggregate { keys: indexes(keys, first)?, calls: calls(list, first)? })
        }
        Operator::Window { partition, order, calls: list } => Work::Window(Window {
            partition: indexes(partition, first)?,
            order: sort_keys(order, first)?,
            calls: list.iter().map(|(one, _)| call(one, first)).collect::<Result<_>>()?,
            frames: list
                .iter()
                .map(|(_, frame)| {
                    frame.try_into().map_err(|error| DataFusionError::External(Box::new(error)))
                })
                .collect::<Result<_>>()?,
        }),
        Operator::Table { call: one, input } => Work::Table(Table {
            call: call(one, first)?,
            keeps_input: input.keeps_input,
            tables: input.tables.clone(),
            groups: match &input.grouped {
                None => None,
                Some((keys, sorting)) => Some(Groups {
                    keys: indexes(keys, first)?,
                    sorting: sort_keys(sorting, first)?,
                    values: vec![],
                }),
            },
            partition_fields: input.partition_fields.clone(),
            analyzed: input.analyzed.clone(),
        }),
    })
}

fn index(column: &Column, schema: &DFSchema) -> Result<u32> {
    Ok(schema.index_of_column(column)? as u32)
}

fn indexes(columns: &[Column], schema: &DFSchema) -> Result<Vec<u32>> {
    columns.iter().map(|column| index(column, schema)).collect()
}

fn calls(calls: &[python::Call], schema: &DFSchema) -> Result<Vec<Call>> {
    calls.iter().map(|one| call(one, schema)).collect()
}

fn call(call: &python::Call, schema: &DFSchema) -> Result<Call> {
    let arguments = call
        .arguments
        .iter()
        .map(|(column, keyword)| Ok(Argument { column: index(column, schema)?, keyword: keyword.clone() }))
        .collect::<Result<_>>()?;
    Ok(Call { function: call.function.as_ref().into(), arguments })
}

fn sort_keys(keys: &[python::SortKey], schema: &DFSchema) -> Result<Vec<SortKey>> {
    keys.iter()
        .map(|key| {
            Ok(SortKey {
                column: index(&key.column, schema)?,
                descending: key.descending,
                nulls_first: key.nulls_first,
            })
        })
        .collect()
}

fn groups(groups: &python::Groups, schema: &DFSchema) -> Result<Groups> {
    Ok(Groups {
        keys: indexes(&groups.keys, schema)?,
        sorting: sort_keys(&groups.sorting, schema)?,
        values: indexes(&groups.values, schema)?,
    })
}
