//! Table functions of messages: alone, over tables, and beside the rows of a DataFrame.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::{made, table_function_of};
use crate::analysis::Named;
use crate::analysis::scope::{Relation, ScopeColumn, display_name};
use crate::analysis::select::boolean_condition;
use crate::connect::expression::{Resolver, missing};
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::proto::common_inline_user_defined_table_function::Function;
use crate::connect::proto::expression::ExprType;
use crate::connect::proto::relation::RelType;
use crate::connect::proto::subquery_expression::SubqueryType;
use crate::connect::relation::{Called, join_type};
use crate::connect::scope::Scope;
use crate::error::Result;
use crate::python::{self, PythonFunction, TableArgument, TableFunctionArgument, TableLayout};
use crate::routine::Routine;

/// A call of a table function sent with it.
pub(in crate::connect) async fn table_function(
    planner: &mut Planner<'_>,
    message: &proto::CommonInlineUserDefinedTableFunction,
) -> Result<Scope> {
    let function = sent(planner, message)?;
    called(planner, function, &message.arguments).await
}

/// A registered table function called by name.
pub(in crate::connect) async fn registered_table(
    planner: &mut Planner<'_>,
    message: &proto::UnresolvedTableValuedFunction,
) -> Result<Option<Scope>> {
    match registered(planner, &message.function_name) {
        Some(function) => called(planner, function, &message.arguments).await.map(Some),
        None => Ok(None),
    }
}

fn sent(
    planner: &Planner<'_>,
    message: &proto::CommonInlineUserDefinedTableFunction,
) -> Result<Arc<PythonFunction>> {
    let Some(Function::PythonUdtf(udtf)) = &message.function else {
        return Err(missing("a table function"));
    };
    table_function_of(udtf, &message.function_name, message.deterministic, planner.time_zone()).map(Arc::new)
}

fn registered(planner: &Planner<'_>, name: &String) -> Option<Arc<PythonFunction>> {
    match planner.session.routines.find(std::slice::from_ref(name))?.routine {
        Routine::PythonTable(function) => Some(function),
        _ => None,
    }
}

async fn called(
    planner: &mut Planner<'_>,
    function: Arc<PythonFunction>,
    arguments: &[proto::Expression],
) -> Result<Scope> {
    let plan = LogicalPlanBuilder::empty(true).build()?;
    let scope = Scope::leaf(Relation { plan, columns: Vec::new() });
    let none = HashMap::new();
    let mut given = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match table_of(argument) {
            Some((keyword, table)) => {
                given.push(TableFunctionArgument::Table(table_argument(planner, keyword, table).await?));
            }
            None => {
                let resolver = planner.resolver(&scope, &none);
                let values = resolver.python_arguments(std::slice::from_ref(argument))?;
                given.extend(values.into_iter().map(TableFunctionArgument::Value));
            }
        }
    }
    let plan = python::table_function(&planner.session, function, given, None)?;
    made(planner, plan)
}

/// The table that an argument is, and the keyword it is passed by.
fn table_of(argument: &proto::Expression) -> Option<(Option<String>, &proto::SubqueryExpression)> {
    let (keyword, value) = match &argument.expr_type {
        Some(ExprType::NamedArgumentExpression(named)) => (Some(named.key.clone()), named.value.as_deref()?),
        _ => (None, argument),
    };
    match &value.expr_type {
        Some(ExprType::SubqueryExpression(subquery))
            if subquery.subquery_type() == SubqueryType::TableArg =>
        {
            Some((keyword, subquery))
        }
        _ => None,
    }
}

async fn table_argument(
    planner: &mut Planner<'_>,
    keyword: Option<String>,
    message: &proto::SubqueryExpression,
) -> Result<TableArgument> {
    let table = planner.referenced(message.plan_id).ok_or_else(|| missing("the table of an argument"))?;
    let scope = Box::pin(planner.plan(table)).await?;
    let none = HashMap::new();
    let layout = match &message.table_arg_options {
        Some(options) if options.with_single_partition() || !options.partition_spec.is_empty() => {
            let resolver = planner.resolver(&scope, &none);
            let partition_by = resolver.exprs(&options.partition_spec)?;
            let order_by = resolver.sort_keys(&options.order_spec)?;
            Some(TableLayout {
                partition_by: partition_by.into_iter().map(|key| key.expr.unalias()).collect(),
                order_by: order_by
                    .into_iter()
                    .map(|(key, asc, nulls)| Sort::new(key.expr, asc, nulls))
                    .collect(),
            })
        }
        _ => None,
    };
    Ok(TableArgument { keyword, relation: scope.into_relation(), layout })
}

/// A lateral join with a Python table function, whose arguments are the left side's columns.
pub(in crate::connect) fn lateral_table(
    planner: &mut Planner<'_>,
    message: &proto::LateralJoin,
    left: &Scope,
    called: &Called<'_>,
) -> Result<Option<Scope>> {
    let (function, arguments) = match &called.relation.rel_type {
        Some(RelType::CommonInlineUserDefinedTableFunction(call)) => (sent(planner, call)?, &call.arguments),
        Some(RelType::UnresolvedTableValuedFunction(call)) => {
            match registered(planner, &call.function_name) {
                Some(function) => (function, &call.arguments),
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    if arguments.iter().any(|argument| table_of(argument).is_some()) {
        return Ok(None);
    }
    let kind = join_type(message.join_type());
    if !matches!(kind, JoinType::Inner | JoinType::Left) {
        return Ok(None);
    }
    let none = HashMap::new();
    let arguments = planner.resolver(left, &none).python_arguments(arguments)?;
    let arguments = arguments.into_iter().map(TableFunctionArgument::Value).collect();
    let width = left.plan.schema().fields().len();
    let condition = |schema: &DFSchema, columns: &[Column]| -> Result<Option<Expr>> {
        let Some(condition) = &message.join_condition else { return Ok(None) };
        let made = called.columns(columns.iter().cloned());
        let mut frames = left.frames.clone();
        called.ids.iter().for_each(|id| frames.add(*id, &made));
        let all: Vec<ScopeColumn> = left.columns.iter().cloned().chain(made).collect();
        let named = Resolver::new(planner, &all, &frames, schema, &none).expr(condition)?;
        let named = Named::new(named.expr.unalias(), named.name);
        boolean_condition(named, schema, "JOIN condition").map(Some)
    };
    let plan = if kind == JoinType::Left {
        python::outer_lateral(&planner.session, function, arguments, left.plan.clone(), condition)?
    } else {
        let plan = python::table_function(&planner.session, function, arguments, Some(left.plan.clone()))?;
        match condition(plan.schema(), &plan.schema().columns().split_off(width))? {
            Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build()?,
            None => plan,
        }
    };
    beside(planner, left, plan, width, called).map(Some)
}

/// The left side's columns and those that were made, under names that no other column of the request has.
fn beside(
    planner: &mut Planner<'_>,
    left: &Scope,
    plan: LogicalPlan,
    width: usize,
    called: &Called<'_>,
) -> Result<Scope> {
    let mut own = plan.schema().columns();
    let made = own.split_off(width);
    let mut exprs: Vec<Expr> = own.into_iter().map(Expr::Column).collect();
    let mut named = Vec::with_capacity(made.len());
    for column in made {
        let name = planner.names.claim(display_name(&column.name));
        exprs.push(Expr::Column(column).alias(&name));
        named.push(Column::from_name(name));
    }
    let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
    let made = called.columns(named.into_iter());
    let mut columns = left.columns.clone();
    columns.extend(made.iter().cloned());
    columns.sort_by_key(|column| column.hidden);
    let mut scope = Scope::over(left.frames.clone(), Relation { plan, columns });
    called.ids.iter().for_each(|id| scope.frames.add(*id, &made));
    Ok(scope)
}
