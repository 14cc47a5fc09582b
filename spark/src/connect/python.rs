//! Python functions of messages: in expressions, over partitions and groups, and as tables.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::expression::{Resolver, missing};
use super::planner::Planner;
use super::proto::common_inline_user_defined_function::Function;
use super::proto::common_inline_user_defined_table_function::Function as TableFunction;
use super::proto::expression::ExprType;
use super::scope::Scope;
use super::{data_type, proto};
use crate::analysis::Named;
use crate::analysis::scope::{Relation, display_name};
use crate::error::{Result, SparkError};
use crate::python::{self, PythonArgument, PythonFunction};

impl Resolver<'_> {
    /// A call of a function sent with it.
    pub(super) fn user_defined(&self, message: &proto::CommonInlineUserDefinedFunction) -> Result<Named> {
        let context = self.context();
        let function = function(message, context.time_zone)?;
        python::call(&context, function, self.python_arguments(&message.arguments)?)
    }

    fn python_arguments(&self, arguments: &[proto::Expression]) -> Result<Vec<PythonArgument>> {
        let mut all = Vec::with_capacity(arguments.len());
        for argument in arguments {
            if let Some(ExprType::NamedArgumentExpression(named)) = &argument.expr_type {
                let value = self.expr(named.value.as_deref().ok_or_else(|| missing("an argument"))?)?;
                all.push(PythonArgument { value: unaliased(value), keyword: Some(named.key.clone()) });
            } else {
                let values = self.exprs(std::slice::from_ref(argument))?;
                all.extend(
                    values.into_iter().map(|value| PythonArgument { value: unaliased(value), keyword: None }),
                );
            }
        }
        Ok(all)
    }
}

fn unaliased(named: Named) -> Named {
    Named::new(named.expr.unalias(), named.name)
}

/// The function that a message brings.
fn function(
    message: &proto::CommonInlineUserDefinedFunction,
    time_zone: &str,
) -> Result<Arc<PythonFunction>> {
    let Some(Function::PythonUdf(udf)) = &message.function else {
        return Err(SparkError::unsupported(format!("the Scala or Java function {}", message.function_name)));
    };
    let output = udf.output_type.as_ref().ok_or_else(|| missing("the type of a Python function"))?;
    Ok(Arc::new(PythonFunction {
        name: message.function_name.clone(),
        eval_type: udf.eval_type,
        command: udf.command.clone(),
        python_version: udf.python_ver.clone(),
        output: data_type::from_proto(output, time_zone)?,
        deterministic: message.deterministic,
        includes: udf.additional_includes.clone(),
    }))
}

fn required(
    message: Option<&proto::CommonInlineUserDefinedFunction>,
    time_zone: &str,
) -> Result<Arc<PythonFunction>> {
    function(message.ok_or_else(|| missing("a Python function"))?, time_zone)
}

/// The plan with the columns that are shown, and no others.
fn visible(scope: &Scope) -> Result<LogicalPlan> {
    if scope.visible().count() == scope.plan.schema().fields().len() {
        return Ok(scope.plan.clone());
    }
    let columns: Vec<_> = scope.visible().map(|column| Expr::Column(column.column.clone())).collect();
    Ok(LogicalPlanBuilder::from(scope.plan.clone()).project(columns)?.build()?)
}

/// What a function makes, under names that no other column of the request has.
fn made(planner: &mut Planner<'_>, plan: LogicalPlan) -> Result<Scope> {
    let columns: Vec<_> = plan
        .schema()
        .columns()
        .into_iter()
        .map(|column| {
            let name = planner.names.claim(display_name(&column.name));
            Expr::Column(column).alias(name)
        })
        .collect();
    let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
    Ok(Scope::leaf(Relation::unqualified(plan)))
}

/// `mapInPandas` and `mapInArrow`.
pub(super) fn map_partitions(
    planner: &mut Planner<'_>,
    message: &proto::MapPartitions,
    scope: &Scope,
) -> Result<Scope> {
    let function = required(message.func.as_ref(), planner.time_zone())?;
    let plan = python::map_partitions(visible(scope)?, function)?;
    made(planner, plan)
}

fn keys(planner: &Planner<'_>, scope: &Scope, expressions: &[proto::Expression]) -> Result<Vec<Named>> {
    let none = HashMap::new();
    let keys = planner.resolver(scope, &none).exprs(expressions)?;
    Ok(keys.into_iter().map(unaliased).collect())
}

/// `applyInPandas` and `applyInArrow` on groups.
pub(super) fn group_map(
    planner: &mut Planner<'_>,
    message: &proto::GroupMap,
    scope: &Scope,
) -> Result<Scope> {
    if !message.sorting_expressions.is_empty() || message.initial_input.is_some() {
        return Err(SparkError::unsupported("structured streaming: functions with a state"));
    }
    let function = required(message.func.as_ref(), planner.time_zone())?;
    let keys = keys(planner, scope, &message.grouping_expressions)?;
    let plan = python::group_map(visible(scope)?, keys, vec![], function)?;
    made(planner, plan)
}

/// `applyInPandas` and `applyInArrow` on cogroups.
pub(super) fn co_group_map(
    planner: &mut Planner<'_>,
    message: &proto::CoGroupMap,
    left: &Scope,
    right: &Scope,
) -> Result<Scope> {
    let function = required(message.func.as_ref(), planner.time_zone())?;
    let left_keys = keys(planner, left, &message.input_grouping_expressions)?;
    let right_keys = keys(planner, right, &message.other_grouping_expressions)?;
    let plan = python::co_group_map(visible(left)?, left_keys, visible(right)?, right_keys, function)?;
    made(planner, plan)
}

/// A call of a table function sent with it.
pub(super) fn table_function(
    planner: &mut Planner<'_>,
    message: &proto::CommonInlineUserDefinedTableFunction,
) -> Result<Scope> {
    let Some(TableFunction::PythonUdtf(udtf)) = &message.function else {
        return Err(missing("a table function"));
    };
    let Some(output) = &udtf.return_type else {
        return Err(SparkError::unsupported(format!(
            "the table function {} whose columns its method `analyze` tells",
            message.function_name
        )));
    };
    let function = PythonFunction {
        name: message.function_name.clone(),
        eval_type: udtf.eval_type,
        command: udtf.command.clone(),
        python_version: udtf.python_ver.clone(),
        output: data_type::from_proto(output, planner.time_zone())?,
        deterministic: message.deterministic,
        includes: vec![],
    };
    let plan = LogicalPlanBuilder::empty(true).build()?;
    let scope = Scope::leaf(Relation { plan, columns: Vec::new() });
    let none = HashMap::new();
    let arguments = planner.resolver(&scope, &none).python_arguments(&message.arguments)?;
    let plan = python::table_function(Arc::new(function), arguments, None)?;
    made(planner, plan)
}
