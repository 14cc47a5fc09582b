//! Python functions of messages: in expressions, over partitions and groups, and as tables.

mod table;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
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
use crate::catalog::errors;
use crate::error::{Result, SparkError};
use crate::python::{self, PythonArgument, PythonFunction};
use crate::routine::{Definition, Routine};
use crate::sql::plan::routine::sql_call;
use crate::types::simple_name;
pub(super) use table::{lateral_table, registered_table, table_function};

impl Resolver<'_> {
    /// A call of a function sent with it.
    pub(super) fn user_defined(&self, message: &proto::CommonInlineUserDefinedFunction) -> Result<Named> {
        let context = self.context();
        let function = function(message, context.time_zone)?;
        python::call(&context, function, self.python_arguments(&message.arguments)?)
    }

    /// A call of a function by its name, if it is one that is not built in.
    pub(super) fn routine(
        &self,
        name: &[String],
        arguments: &[proto::Expression],
        distinct: bool,
    ) -> Result<Option<Named>> {
        let session = self.session();
        let built_in = || {
            matches!(name, [_])
                || name.iter().rev().nth(1).is_some_and(|place| place.eq_ignore_ascii_case("builtin"))
        };
        let Some(found) = session.routines.find(name).filter(|found| !found.routine.is_table()) else {
            return if built_in() { Ok(None) } else { Err(SparkError::routine_unresolved(name)) };
        };
        if distinct {
            return Err(SparkError::unsupported(format!(
                "DISTINCT on the function {}",
                found.name.join(".")
            )));
        }
        let arguments = self.python_arguments(arguments)?;
        let context = self.context();
        match &found.routine {
            Routine::Python(udf) => python::call(&context, Arc::clone(udf), arguments).map(Some),
            Routine::Defined(Definition::Class(class)) => Err(errors::class_not_loaded(&found.name, class)),
            _ => {
                let arguments =
                    arguments.into_iter().map(|argument| (argument.keyword, argument.value)).collect();
                sql_call(session, &found, arguments, self.schema()).map(Some)
            }
        }
    }

    pub(super) fn python_arguments(&self, arguments: &[proto::Expression]) -> Result<Vec<PythonArgument>> {
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
    data_type::reject_chars(output)?;
    Ok(Arc::new(PythonFunction {
        name: message.function_name.clone(),
        eval_type: udf.eval_type,
        command: udf.command.clone(),
        python_version: udf.python_ver.clone(),
        output: data_type::from_proto(output, time_zone)?,
        metadata: data_type::mark(output).into_iter().collect(),
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

/// How Spark begins to say that a table function declares no columns; the type follows.
pub const NO_COLUMNS: &str =
    "Invalid Python user-defined table function return type. Expect a struct type, but got ";

fn table_function_of(
    udtf: &proto::PythonUdtf,
    name: &str,
    deterministic: bool,
    time_zone: &str,
) -> Result<PythonFunction> {
    // Without a type the function's own method `analyze` tells the columns.
    let output = match &udtf.return_type {
        Some(output) => match data_type::from_proto(output, time_zone)? {
            columns @ DataType::Struct(_) => columns,
            other => return Err(SparkError::without_class(format!("{NO_COLUMNS}{}.", simple_name(&other)))),
        },
        None => DataType::Null,
    };
    Ok(PythonFunction {
        name: name.to_owned(),
        eval_type: udtf.eval_type,
        command: udtf.command.clone(),
        python_version: udtf.python_ver.clone(),
        output,
        metadata: BTreeMap::new(),
        deterministic,
        includes: vec![],
    })
}

/// `spark.udf.register` and `registerJavaFunction`.
pub(super) fn register(
    env: &super::Environment<'_>,
    message: &proto::CommonInlineUserDefinedFunction,
) -> Result<()> {
    if let Some(Function::JavaUdf(java)) = &message.function {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1329",
            "",
            format!("Can not load class {}, please make sure it is on the classpath.", java.class_name),
        )
        .with_param("className", java.class_name.clone()));
    }
    let function = function(message, &env.session.time_zone()?)?;
    env.session.catalog().register(&message.function_name, Routine::Python(function), true)
}

/// `spark.udtf.register`.
pub(super) fn register_table(
    env: &super::Environment<'_>,
    message: &proto::CommonInlineUserDefinedTableFunction,
) -> Result<()> {
    let Some(TableFunction::PythonUdtf(udtf)) = &message.function else {
        return Err(missing("a table function"));
    };
    let zone = env.session.time_zone()?;
    let function = table_function_of(udtf, &message.function_name, message.deterministic, &zone)?;
    env.session.catalog().register(&message.function_name, Routine::PythonTable(Arc::new(function)), true)
}
