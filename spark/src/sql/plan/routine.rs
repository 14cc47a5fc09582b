//! Calls of functions that are not built in: Python functions, and functions written in SQL.

mod body;

use std::collections::HashMap;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, JoinOperator};

use self::body::{body_expr, body_query};
pub(super) use self::body::{body_tables, check, tables_of_routines};
use super::expr::Names;
use super::{OuterScope, Planner};
use crate::analysis::cast::cast;
use crate::analysis::scope::{Relation, ScopeColumn};
use crate::analysis::window::aggregate_over;
use crate::analysis::{Named, call};
use crate::catalog::errors;
use crate::error::{Result, SparkError, quote, quote_parts};
use crate::python::{self, PythonArgument, eval_type};
use crate::routine::{Definition, Found, Returns, Routine, SqlRoutine};
use crate::session::Snapshot;
use crate::sql::statement;
use crate::types;

/// Functions written in SQL may call each other no deeper.
const MAX_CALLS: usize = 64;

/// Names that stand for values: parameters of a lambda or of a function.
#[derive(Debug)]
pub(super) struct Variables {
    /// How many queries were around where they were bound.
    pub level: usize,
    /// Names and values.
    pub values: Vec<(String, Named)>,
}

/// An argument and the parameter it is for, where it says so.
pub(super) type Argument = (Option<String>, Named);

impl Planner<'_> {
    /// A call in an expression of a function that is not built in.
    pub(super) fn routine_call(
        &mut self,
        found: Found,
        function: &ast::Function,
        names: &Names<'_>,
    ) -> Result<Named> {
        let args = match &function.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            _ => &[],
        };
        match &found.routine {
            Routine::Python(udf) => {
                let aggregate = eval_type::is_aggregate(udf.eval_type);
                plain_syntax(function, if aggregate { "pythonudaf" } else { "pythonudf" })?;
                let inner = if aggregate { names.inside_aggregate() } else { *names };
                let args = self.routine_arguments(&found.name, args, &inner)?;
                let call = python_call(&self.context(names), &found, args)?;
                let Some(over) = &function.over else { return Ok(call) };
                if !aggregate {
                    return Err(SparkError::new(
                        "UNSUPPORTED_EXPR_FOR_WINDOW",
                        "42P20",
                        format!("Expression \"{}\" not supported within a window function.", call.name),
                    )
                    .with_param("sqlExpr", format!("\"{}\"", call.name)));
                }
                let window = self.window(over, names)?;
                aggregate_over(&udf.name, call, window)
            }
            Routine::Defined(Definition::Sql(sql)) if !found.routine.is_table() => {
                let sql = sql.clone();
                plain_syntax(function, &found.name.join("."))?;
                let args = self.routine_arguments(&found.name, args, names)?;
                self.sql_call(&found.name, &sql, args, names.schema)
            }
            Routine::Defined(Definition::Class(class)) => Err(errors::class_not_loaded(&found.name, class)),
            Routine::PythonTable(_) | Routine::Defined(Definition::Sql(_)) => {
                Err(SparkError::routine_unresolved(&found.name[found.name.len() - 1..]))
            }
        }
    }

    /// Arguments of a call with the names they are given by.
    pub(super) fn routine_arguments(
        &mut self,
        routine: &[String],
        args: &[FunctionArg],
        names: &Names<'_>,
    ) -> Result<Vec<Argument>> {
        let mut made: Vec<Argument> = Vec::with_capacity(args.len());
        for arg in args {
            match arg {
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. } => {
                    made.push((Some(name.value.clone()), self.expr(expr, names)?));
                }
                positional => {
                    if let Some((Some(keyword), _)) = made.last() {
                        return Err(positional_after(routine, keyword));
                    }
                    let values = self.arguments("", std::slice::from_ref(positional), names)?;
                    made.extend(values.into_iter().map(|value| (None, value)));
                }
            }
        }
        Ok(made)
    }

    /// The body of a function written in SQL with the arguments in the place of its parameters.
    pub(in crate::sql) fn sql_call(
        &mut self,
        name: &[String],
        routine: &SqlRoutine,
        args: Vec<Argument>,
        schema: &DFSchema,
    ) -> Result<Named> {
        let values = self.assigned(name, routine, args, schema)?;
        let shown: Vec<_> = values.iter().map(|(_, _, shown)| shown.clone().unwrap_or_default()).collect();
        let given = values.iter().filter(|(_, _, shown)| shown.is_some()).count();
        let text = format!("{}({})", name.join("."), shown[..given].join(", "));
        let values = values.into_iter().map(|(parameter, value, _)| (parameter, value)).collect();
        let body = body_expr(&routine.body)?;
        let result = self.in_body(values, |planner| planner.expr(&body, &Names::input(&[], schema)))?;
        let expr = match &routine.returns {
            Returns::Value(to) => cast(result.expr.unalias(), &self.sql_type(to)?, false, schema)?,
            _ => result.expr.unalias(),
        };
        Ok(Named::new(expr, text))
    }

    fn sql_type(&self, text: &str) -> Result<datafusion::arrow::datatypes::DataType> {
        types::from_sql(&statement::parse_type(text)?, &self.session.time_zone)
    }

    /// The parameters with their values, and the names of those given.
    fn assigned(
        &mut self,
        name: &[String],
        routine: &SqlRoutine,
        args: Vec<Argument>,
        schema: &DFSchema,
    ) -> Result<Vec<(String, Named, Option<String>)>> {
        let parameters = &routine.parameters;
        let wrong = |count: usize| {
            let required = parameters.iter().filter(|p| p.default.is_none()).count();
            let expected = match parameters.len() {
                all if all == required => all.to_string(),
                all => {
                    let counts: Vec<_> = (required..=all).map(|n| n.to_string()).collect();
                    format!("[{}]", counts.join(", "))
                }
            };
            SparkError::wrong_num_args_of(&quote_parts(name), &expected, count)
        };
        let count = args.len();
        if count > parameters.len() {
            return Err(wrong(count));
        }
        let mut given: Vec<Option<Named>> = vec![None; parameters.len()];
        for (i, (keyword, value)) in args.into_iter().enumerate() {
            let at = match &keyword {
                None => i,
                Some(keyword) => parameters
                    .iter()
                    .position(|p| p.name.eq_ignore_ascii_case(keyword))
                    .ok_or_else(|| unknown_parameter(name, keyword, routine))?,
            };
            given[at] = Some(value);
        }
        let mut values = Vec::with_capacity(parameters.len());
        for (parameter, value) in parameters.iter().zip(given) {
            let shown = value.as_ref().map(|value| value.name.clone());
            let value = match (value, &parameter.default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    let default = statement::parse_expression(default)?;
                    self.in_body(Vec::new(), |planner| planner.expr(&default, &Names::input(&[], schema)))?
                }
                (None, None) => return Err(wrong(count)),
            };
            let to = self.sql_type(&parameter.data_type)?;
            let expr = cast(value.expr.unalias(), &to, false, schema)?;
            values.push((parameter.name.clone(), Named::new(expr, parameter.name.clone()), shown));
        }
        Ok(values)
    }

    /// Plans what stands in the body of a function: it sees the function's parameters and no more.
    fn in_body<T>(
        &mut self,
        values: Vec<(String, Named)>,
        plan: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.calls >= MAX_CALLS {
            return Err(SparkError::unsupported(format!(
                "more than {MAX_CALLS} SQL functions in each other"
            )));
        }
        self.calls += 1;
        let ctes = std::mem::take(&mut self.ctes);
        let variables = Variables { level: self.outer.len(), values };
        let lambdas = std::mem::replace(&mut self.lambdas, vec![variables]);
        let planned = plan(self);
        self.lambdas = lambdas;
        self.ctes = ctes;
        self.calls -= 1;
        planned
    }

    /// A call in FROM of a function that is not built in.
    pub(super) fn routine_table(&mut self, found: &Found, args: &[FunctionArg]) -> Result<Relation> {
        let empty = DFSchema::empty();
        let names = Names::input(&[], &empty);
        match &found.routine {
            Routine::PythonTable(udtf) => self.python_table(found, udtf, args),
            Routine::Defined(Definition::Sql(sql)) => {
                let Returns::Table(columns) = &sql.returns else {
                    let quoted = quote_parts(&found.name);
                    return Err(SparkError::new(
                        "NOT_A_TABLE_FUNCTION",
                        "42887",
                        format!(
                            "{quoted} appears as a table function here, but the function was defined as a scalar function. \
                             Please update the query to move the function call outside the FROM clause, or redefine {quoted} as a table function instead."
                        ),
                    )
                    .with_param("functionName", quoted));
                };
                let args = self.routine_arguments(&found.name, args, &names)?;
                let values = self.assigned(&found.name, sql, args, &empty)?;
                let values = values.into_iter().map(|(name, value, _)| (name, value)).collect();
                let query = body_query(&sql.body)?;
                let rows = self.in_body(values, |planner| planner.query(&query))?;
                match columns {
                    None => Ok(rows),
                    Some(columns) => self.typed_columns(rows, columns),
                }
            }
            Routine::Defined(Definition::Class(class)) => Err(errors::class_not_loaded(&found.name, class)),
            Routine::Python(_) => Err(SparkError::table_function_not_found(&found.name)),
        }
    }

    /// Rows as the columns of RETURNS TABLE.
    fn typed_columns(&self, rows: Relation, columns: &[(String, String)]) -> Result<Relation> {
        let given: Vec<ScopeColumn> = rows.visible().cloned().collect();
        if given.len() != columns.len() {
            return Err(SparkError::new(
                "USER_DEFINED_FUNCTIONS.RETURN_COLUMN_COUNT_MISMATCH",
                "42601",
                format!(
                    "User defined function is invalid: The number of columns produced by the RETURN clause (num: `{}`) does not match the number of column names specified by the RETURNS clause (num: `{}`).",
                    given.len(),
                    columns.len()
                ),
            ));
        }
        let mut exprs = Vec::with_capacity(columns.len());
        for (column, (name, data_type)) in given.into_iter().zip(columns) {
            let expr = Expr::Column(column.column);
            exprs.push(cast(expr, &self.sql_type(data_type)?, false, rows.schema())?.alias(name));
        }
        let plan = LogicalPlanBuilder::from(rows.plan).project(exprs)?.build()?;
        Ok(Relation::unqualified(plan))
    }

    /// A call after LATERAL: its arguments may be columns of the relation before it.
    pub(super) fn lateral_routine(
        &mut self,
        left: Relation,
        found: &Found,
        args: &[FunctionArg],
        alias: Option<&ast::TableAlias>,
        op: &JoinOperator,
    ) -> Result<Relation> {
        if let Routine::PythonTable(udtf) = &found.routine {
            return self.lateral_python_table(left, found, udtf, args, alias, op);
        }
        self.outer.push(OuterScope { columns: left.columns.clone(), schema: left.plan.schema().clone() });
        let planned = self.routine_table(found, args);
        self.outer.pop();
        let right = planned.and_then(|relation| self.aliased(relation, alias, None))?;
        self.lateral(left, right, op)
    }
}

/// A value bound outside of queries that are open now: columns in it are those of the query around.
pub(super) fn seen_from_within(value: Named, outer: &[OuterScope], level: usize) -> Result<Named> {
    let Some(scope) = outer.get(level) else { return Ok(value) };
    let expr = value.expr.transform(|expr| match expr {
        Expr::Column(column) if scope.schema.has_column(&column) => {
            let field = scope.schema.field_from_column(&column)?;
            Ok(Transformed::yes(Expr::OuterReferenceColumn(std::sync::Arc::clone(field), column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(Named::new(expr.data, value.name))
}

pub(super) fn python_arguments(args: Vec<Argument>) -> Vec<PythonArgument> {
    args.into_iter()
        .map(|(keyword, value)| PythonArgument {
            value: Named::new(value.expr.unalias(), value.name),
            keyword,
        })
        .collect()
}

/// A call of a registered Python function.
pub(crate) fn python_call(
    context: &call::Context<'_>,
    found: &Found,
    args: Vec<(Option<String>, Named)>,
) -> Result<Named> {
    match &found.routine {
        Routine::Python(udf) => python::call(context, std::sync::Arc::clone(udf), python_arguments(args)),
        _ => Err(SparkError::routine_unresolved(&found.name)),
    }
}

/// A call of a function written in SQL by a message.
pub(crate) fn sql_call(
    session: &Snapshot,
    found: &Found,
    args: Vec<(Option<String>, Named)>,
    schema: &DFSchema,
) -> Result<Named> {
    let Routine::Defined(Definition::Sql(sql)) = &found.routine else {
        return Err(SparkError::routine_unresolved(&found.name));
    };
    let mut planner = Planner::new(session, HashMap::new());
    crate::sql::stack::with_room(|| planner.sql_call(&found.name, sql, args, schema))
}

/// A call may say no more than its arguments.
fn plain_syntax(function: &ast::Function, name: &str) -> Result<()> {
    let distinct = match &function.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_some(),
        _ => false,
    };
    let syntax = if function.filter.is_some() {
        "FILTER CLAUSE"
    } else if distinct {
        "DISTINCT"
    } else if !function.within_group.is_empty() {
        "WITHIN GROUP (ORDER BY ...)"
    } else {
        return Ok(());
    };
    Err(SparkError::new(
        "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
        "42000",
        format!("Invalid SQL syntax: The function {} does not support {syntax}.", quote(name)),
    )
    .with_param("prettyName", quote(name))
    .with_param("syntax", syntax))
}

pub(crate) fn positional_after(routine: &[String], keyword: &str) -> SparkError {
    let name = quote_parts(routine);
    SparkError::new(
        "UNEXPECTED_POSITIONAL_ARGUMENT",
        "4274K",
        format!(
            "Cannot invoke routine {name} because it contains positional argument(s) following the named argument assigned to {}; please rearrange them so the positional arguments come first and then retry the query again.",
            quote(keyword)
        ),
    )
    .with_param("routineName", name)
    .with_param("parameterName", quote(keyword))
}

fn unknown_parameter(routine: &[String], given: &str, sql: &SqlRoutine) -> SparkError {
    let name = quote_parts(routine);
    let known: Vec<_> = sql.parameters.iter().map(|parameter| quote(&parameter.name)).collect();
    let known = known.join(", ");
    SparkError::new(
        "UNRECOGNIZED_PARAMETER_NAME",
        "4274K",
        format!(
            "Cannot invoke routine {name} because the routine call included a named argument reference for the argument named {}, but this routine does not include any signature containing an argument with this name. Did you mean one of the following? [{known}].",
            quote(given)
        ),
    )
    .with_param("routineName", name)
    .with_param("argumentName", quote(given))
    .with_param("proposal", known)
}
