//! Grouped aggregate Python functions, in aggregates and over windows, as nodes of their own.

use std::sync::Arc;

use cerium_spark::error::SparkError;
use cerium_spark::python::{Call, Operator, PythonNode, SortKey, fresh_name, with_columns};
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{NullTreatment, Sort, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, Projection, Window, WindowFrame,
};

use super::aggregate_stand_in;

/// The node without Python functions.
pub(super) fn extract(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Aggregate(node) => aggregate(node),
        LogicalPlan::Window(node) => window(node),
        // Leaves out what was evaluated below for arguments.
        LogicalPlan::Projection(node) if !node.expr.iter().any(holds_call) => {
            let input = extract(Arc::unwrap_or_clone(node.input))?;
            Ok(LogicalPlan::Projection(Projection::try_new(node.expr, Arc::new(input))?))
        }
        other => Err(SparkError::unsupported(format!(
            "a grouped aggregate Python function outside of aggregates and windows, in {}",
            other.display()
        ))
        .into()),
    }
}

fn holds_call(expr: &Expr) -> bool {
    expr.exists(|part| Ok(aggregate_stand_in(part).is_some())).unwrap_or(true)
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// Columns for expressions over `input`, which gets more columns where need be.
fn columns(input: &mut LogicalPlan, exprs: Vec<Expr>) -> Result<Vec<Column>> {
    let (plan, columns) = with_columns(std::mem::take(input), exprs).map_err(DataFusionError::from)?;
    *input = plan;
    Ok(columns)
}

/// The node's columns under the names and qualifiers of another schema, in its order.
fn renamed(node: PythonNode, columns: Vec<Column>, like: &LogicalPlan) -> Result<LogicalPlan> {
    let exprs = columns.into_iter().zip(like.schema().iter()).map(|(column, (qualifier, field))| {
        Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
    });
    LogicalPlanBuilder::from(node.into_plan()).project(exprs.collect::<Vec<_>>())?.build()
}

fn aggregate(node: Aggregate) -> Result<LogicalPlan> {
    let mut input = node.input.as_ref().clone();
    if node.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return Err(SparkError::unsupported("grouped aggregate Python functions with grouping sets").into());
    }
    let groups: Vec<_> = node.group_expr.iter().map(|expr| unaliased(expr).clone()).collect();
    let keys = columns(&mut input, groups)?;
    let mut calls = vec![];
    for expr in &node.aggr_expr {
        let call = unaliased(expr);
        let (Expr::AggregateFunction(call), Some(stand_in)) = (call, aggregate_stand_in(call)) else {
            return Err(mixed(&node));
        };
        let params = &call.params;
        if params.distinct || params.filter.is_some() || !params.order_by.is_empty() {
            return Err(SparkError::unsupported(format!(
                "DISTINCT, FILTER or ORDER BY in a call of the Python function {}",
                stand_in.function.name
            ))
            .into());
        }
        let arguments = columns(&mut input, params.args.clone())?;
        calls.push(Call {
            function: Arc::clone(&stand_in.function),
            arguments: arguments.into_iter().zip(stand_in.keywords.iter().cloned()).collect(),
            name: fresh_name(),
        });
    }
    let mut distinct: Vec<Column> = vec![];
    for key in &keys {
        if !distinct.contains(key) {
            distinct.push(key.clone());
        }
    }
    let made = calls.iter().map(|call| Column::new_unqualified(&call.name));
    let output = keys.into_iter().chain(made).collect();
    // Functions of one kind share a worker; there is no task with two kinds of them.
    if calls.iter().any(|call| call.function.eval_type != calls[0].function.eval_type) {
        return Err(mixed(&node));
    }
    let python = PythonNode::new(Operator::Aggregate { keys: distinct, calls }, vec![input])?;
    renamed(python, output, &LogicalPlan::Aggregate(node))
}

/// Python functions beside other aggregate functions.
fn mixed(node: &Aggregate) -> DataFusionError {
    let names: Vec<_> = node
        .aggr_expr
        .iter()
        .filter_map(|expr| aggregate_stand_in(unaliased(expr)))
        .map(|stand_in| format!("`{}`", stand_in.function.name))
        .collect();
    let list = names.join(", ");
    SparkError::new(
        "INVALID_PANDAS_UDF_PLACEMENT",
        "0A000",
        format!(
            "The group aggregate pandas UDF {list} cannot be invoked together with as other, non-pandas \
             aggregate functions."
        ),
    )
    .with_param("functionList", list)
    .into()
}

/// Python functions of one window: those that partition and order alike.
struct Windows {
    partition_by: Vec<Expr>,
    order_by: Vec<Sort>,
    calls: Vec<(Call, WindowFrame)>,
}

fn window(node: Window) -> Result<LogicalPlan> {
    let mut input = node.input.as_ref().clone();
    let kept = input.schema().columns();
    let (mut windows, mut rest, mut made): (Vec<Windows>, Vec<Expr>, Vec<Column>) = (vec![], vec![], vec![]);
    for expr in &node.window_expr {
        let Expr::WindowFunction(call) = unaliased(expr) else {
            return Err(DataFusionError::Internal(format!("{expr} is no window function")));
        };
        let Some(stand_in) = aggregate_stand_in(unaliased(expr)) else {
            let name = fresh_name();
            rest.push(expr.clone().unalias().alias(&name));
            made.push(Column::new_unqualified(name));
            continue;
        };
        let params = &call.as_ref().params;
        refuse_extras(call, &stand_in.function.name)?;
        let arguments = columns(&mut input, params.args.clone())?;
        let call = Call {
            function: Arc::clone(&stand_in.function),
            arguments: arguments.into_iter().zip(stand_in.keywords.iter().cloned()).collect(),
            name: fresh_name(),
        };
        made.push(Column::new_unqualified(&call.name));
        let frame = params.window_frame.clone();
        let same = windows.iter_mut().find(|window| {
            window.partition_by == params.partition_by
                && window.order_by == params.order_by
                && window.calls.iter().all(|(c, _)| c.function.eval_type == call.function.eval_type)
        });
        match same {
            Some(window) => window.calls.push((call, frame)),
            None => windows.push(Windows {
                partition_by: params.partition_by.clone(),
                order_by: params.order_by.clone(),
                calls: vec![(call, frame)],
            }),
        }
    }
    for Windows { partition_by, order_by, calls } in windows {
        let partition = columns(&mut input, partition_by)?;
        let orders: Vec<_> = order_by.iter().map(|sort| (sort.asc, sort.nulls_first)).collect();
        let order = columns(&mut input, order_by.into_iter().map(|sort| sort.expr).collect())?
            .into_iter()
            .zip(orders)
            .map(|(column, (asc, nulls_first))| SortKey { column, descending: !asc, nulls_first })
            .collect();
        let operator = Operator::Window { partition, order, calls };
        input = PythonNode::new(operator, vec![input])?.into_plan();
    }
    let mut plan = LogicalPlanBuilder::from(input);
    if !rest.is_empty() {
        plan = plan.window(rest)?;
    }
    let like = LogicalPlan::Window(node);
    let exprs = kept.into_iter().chain(made).zip(like.schema().iter()).map(|(column, (qualifier, field))| {
        Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
    });
    plan.project(exprs.collect::<Vec<_>>())?.build()
}

fn refuse_extras(call: &WindowFunction, name: &str) -> Result<()> {
    let params = &call.params;
    if params.distinct
        || params.filter.is_some()
        || matches!(params.null_treatment, Some(NullTreatment::IgnoreNulls))
    {
        return Err(SparkError::unsupported(format!(
            "DISTINCT, FILTER or IGNORE NULLS in a call of the Python function {name}"
        ))
        .into());
    }
    Ok(())
}
