//! Python functions in plans: what clients send, and the expressions and nodes made of it.

mod aggregate;
pub mod analyze;
pub mod eval_type;
mod node;
mod scalar;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Column;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, Sort};
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, ScalarUDF, lit,
};

pub use aggregate::PythonAggregate;
pub use node::{Call, Groups, Operator, PythonNode, SortKey, TableInput};
pub use scalar::PythonScalar;
pub(crate) use table::outer_lateral;
pub use table::{TableArgument, TableFunctionArgument, TableLayout, table_function};

use crate::analysis::call::Context;
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};

/// A Python function as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonFunction {
    /// What the user calls it.
    pub name: String,
    /// PySpark's number of the kind of function, see [`eval_type`].
    pub eval_type: i32,
    /// The pickled function and its return type; the pickled class of a table function.
    pub command: Bytes,
    /// The client's Python, as in `3.11`; workers refuse another one.
    pub python_version: String,
    /// The type of its result: that of a value, or the struct of the columns it makes.
    pub output: DataType,
    /// What columns of its result carry beside their type: the mark of a user-defined type.
    pub metadata: BTreeMap<String, String>,
    /// Whether equal arguments give equal results.
    pub deterministic: bool,
    /// Files beside it that go on Python's path.
    pub includes: Vec<String>,
}

impl PythonFunction {
    /// The column that a call makes.
    pub fn field(&self, name: &str) -> Field {
        let metadata = self.metadata.clone().into_iter().collect();
        Field::new(name, self.output.clone(), true).with_metadata(metadata)
    }
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonArgument {
    /// The value.
    pub value: Named,
    /// The keyword it is passed by.
    pub keyword: Option<String>,
}

/// A call within an expression: of a scalar function, or of a grouped aggregate one, which can
/// also be the function of a window.
pub fn call(
    _context: &Context<'_>,
    function: Arc<PythonFunction>,
    arguments: Vec<PythonArgument>,
) -> Result<Named> {
    table::check_keywords(&function.name, arguments.iter().map(|argument| argument.keyword.as_deref()))?;
    let shown: Vec<_> = arguments
        .iter()
        .map(|argument| match &argument.keyword {
            Some(keyword) => format!("{keyword} => {}", argument.value.name),
            None => argument.value.name.clone(),
        })
        .collect();
    let name = format!("{}({})", function.name, shown.join(", "));
    let (keywords, values): (Vec<_>, Vec<_>) =
        arguments.into_iter().map(|argument| (argument.keyword, argument.value.expr)).unzip();
    let expr = if eval_type::is_scalar(function.eval_type) {
        let stand_in = ScalarUDF::new_from_impl(PythonScalar::new(function, keywords));
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(stand_in), values))
    } else if eval_type::is_aggregate(function.eval_type) {
        let stand_in = AggregateUDF::new_from_impl(PythonAggregate::new(function, keywords));
        Expr::AggregateFunction(AggregateFunction::new_udf(
            Arc::new(stand_in),
            values,
            false,
            None,
            vec![],
            None,
        ))
    } else {
        return Err(unknown_kind(&function));
    };
    Ok(Named::new(expr, name))
}

fn unknown_kind(function: &PythonFunction) -> SparkError {
    SparkError::unsupported(format!(
        "the Python function {} of the kind {}",
        function.name, function.eval_type
    ))
}

/// Fails unless the function is of one of `kinds`.
fn expect_kind(function: &PythonFunction, kinds: &[i32]) -> Result<()> {
    if kinds.contains(&function.eval_type) { Ok(()) } else { Err(unknown_kind(function)) }
}

/// `mapInPandas` and `mapInArrow`: the rows that the function makes of all columns of `input`.
pub fn map_partitions(input: LogicalPlan, function: Arc<PythonFunction>) -> Result<LogicalPlan> {
    expect_kind(&function, &[eval_type::MAP_PANDAS_ITER, eval_type::MAP_ARROW_ITER])?;
    Ok(PythonNode::new(Operator::Map(function), vec![input])?.into_plan())
}

/// `applyInPandas` and `applyInArrow`: the function gets all columns of `input`, one group of
/// equal `grouping` values at a time, sorted by `sorting`.
pub fn group_map(
    input: LogicalPlan,
    grouping: Vec<Named>,
    sorting: Vec<Sort>,
    function: Arc<PythonFunction>,
) -> Result<LogicalPlan> {
    expect_kind(
        &function,
        &[
            eval_type::GROUPED_MAP_PANDAS,
            eval_type::GROUPED_MAP_ARROW,
            eval_type::GROUPED_MAP_ARROW_ITER,
            eval_type::GROUPED_MAP_PANDAS_ITER,
        ],
    )?;
    let (input, groups) = groups(input, grouping.into_iter().map(|key| key.expr).collect(), sorting)?;
    Ok(PythonNode::new(Operator::GroupMap(function, groups), vec![input])?.into_plan())
}

/// Grouped maps over two inputs: the function gets the groups of both with equal keys.
pub fn co_group_map(
    left: LogicalPlan,
    left_keys: Vec<Named>,
    right: LogicalPlan,
    right_keys: Vec<Named>,
    function: Arc<PythonFunction>,
) -> Result<LogicalPlan> {
    expect_kind(&function, &[eval_type::COGROUPED_MAP_PANDAS, eval_type::COGROUPED_MAP_ARROW])?;
    if left_keys.len() != right_keys.len() {
        return Err(SparkError::without_class(format!(
            "requirement failed: Cogroup keys must have same size: {} != {}",
            left_keys.len(),
            right_keys.len()
        )));
    }
    let mut left_exprs = vec![];
    let mut right_exprs = vec![];
    for (a, b) in left_keys.into_iter().zip(right_keys) {
        let (from, to) = (a.expr.get_type(left.schema())?, b.expr.get_type(right.schema())?);
        // Keys are compared as they are.
        if from != to {
            return Err(SparkError::unsupported(format!(
                "cogrouping by keys of the different types {from} and {to}"
            )));
        }
        left_exprs.push(a.expr);
        right_exprs.push(b.expr);
    }
    let (left, left_groups) = groups(left, left_exprs, vec![])?;
    let (right, right_groups) = groups(right, right_exprs, vec![])?;
    let operator = Operator::CoGroupMap(function, left_groups, right_groups);
    Ok(PythonNode::new(operator, vec![left, right])?.into_plan())
}

/// A plan in which keys and sort keys are columns, and the groups by them of the plan's columns.
fn groups(input: LogicalPlan, keys: Vec<Expr>, sorting: Vec<Sort>) -> Result<(LogicalPlan, Groups)> {
    let values = input.schema().columns();
    let (input, keys) = with_columns(input, keys)?;
    let (input, sorting) = sort_keys(input, sorting)?;
    Ok((input, Groups { keys, sorting, values }))
}

/// A plan in which sort keys are columns.
fn sort_keys(input: LogicalPlan, sorting: Vec<Sort>) -> Result<(LogicalPlan, Vec<SortKey>)> {
    let orders: Vec<_> = sorting.iter().map(|sort| (sort.asc, sort.nulls_first)).collect();
    let (input, columns) = with_columns(input, sorting.into_iter().map(|sort| sort.expr).collect())?;
    let keys = columns
        .into_iter()
        .zip(orders)
        .map(|(column, (asc, nulls_first))| SortKey { column, descending: !asc, nulls_first })
        .collect();
    Ok((input, keys))
}

/// A plan in which the expressions are columns: those that are no columns yet come after its own.
pub fn with_columns(input: LogicalPlan, exprs: Vec<Expr>) -> Result<(LogicalPlan, Vec<Column>)> {
    let mut added = vec![];
    let columns = exprs
        .into_iter()
        .map(|expr| {
            Ok(match expr {
                Expr::Column(column) => column,
                other => {
                    let name = fresh_name();
                    added.push(interval::marked(other, input.schema())?.alias(&name));
                    Column::new_unqualified(name)
                }
            })
        })
        .collect::<Result<Vec<_>>>()?;
    // A row without columns has no place for Python's rows to be counted by.
    if added.is_empty() && input.schema().fields().is_empty() {
        added.push(lit(true).alias(fresh_name()));
    }
    if added.is_empty() {
        return Ok((input, columns));
    }
    let own = input.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    let plan = LogicalPlanBuilder::from(input).project(own.into_iter().chain(added))?.build()?;
    Ok((plan, columns))
}

/// A name for a column that no other column of any plan has.
pub fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("__python_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
