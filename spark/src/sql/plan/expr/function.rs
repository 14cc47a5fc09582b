//! Calls of functions: arguments, and what stands in and behind the parentheses.

use std::sync::{Mutex, PoisonError};

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, OneOrManyWithParens, WildcardAdditionalOptions,
};

use super::super::Planner;
use super::super::routine::Variables;
use super::Names;
use crate::analysis::Named;
use crate::analysis::call::lambda::{self, Lambda};
use crate::analysis::call::{self, generator};
use crate::error::{Result, SparkError};
use crate::routine::Found;
use crate::sql::statement::Name;

/// Functions whose first argument may be the name of a unit of time.
const OF_UNITS: [&str; 6] = ["dateadd", "date_add", "datediff", "date_diff", "timestampadd", "timestampdiff"];

impl Planner<'_> {
    pub(super) fn function(&mut self, function: &ast::Function, names: &Names<'_>) -> Result<Named> {
        let parts: Vec<_> = function.name.0.iter().filter_map(|p| p.as_ident()).collect();
        let Some(ident) = parts.last() else {
            return Err(SparkError::routine_not_found(&function.name.to_string()));
        };
        let name = ident.value.to_lowercase();
        if let Some(found) = self.routine(&Name::new(&function.name))? {
            return self.routine_call(found, function, names);
        }
        let list = match &function.args {
            FunctionArguments::None => None,
            FunctionArguments::List(list) => Some(list),
            FunctionArguments::Subquery(_) => {
                return Err(SparkError::unsupported(format!("a subquery as argument of {name}")));
            }
        };
        let args = list.map(|l| l.args.as_slice()).unwrap_or_default();
        let takes_lambda = args.iter().any(|arg| lambda_of(arg).is_some());
        if takes_lambda && lambda::is_higher_order(&name) {
            return self.higher_order(&name, args, names);
        }
        if generator::is_generator(&name) {
            let args = self.arguments(&name, args, names)?;
            let text = call::call_text(&name, &args);
            return Err(SparkError::new(
                "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
                "42K0E",
                format!("The generator is not supported: nested in expressions \"{text}\"."),
            )
            .with_param("expression", format!("\"{text}\"")));
        }
        let bare_grouping = name == "grouping_id" && args.is_empty();
        if !bare_grouping && (call::is_aggregate(&self.context(names), &name) || function.over.is_some()) {
            let inner = names.inside_aggregate();
            let args = self.arguments(&name, args, &inner)?;
            if let Some(over) = &function.over {
                return self.window_call(function, &name, args, over, names);
            }
            let options = self.aggregate_options(function, names)?;
            let name = match name.as_str() {
                // With IGNORE NULLS these lose their own names.
                "first_value" if options.ignore_nulls => "first",
                "last_value" if options.ignore_nulls => "last",
                name => name,
            };
            return call::aggregate(&self.context(names), name, args, options);
        }
        if function.filter.is_some()
            || !function.within_group.is_empty()
            || list.is_some_and(|l| l.duplicate_treatment.is_some())
        {
            let syntax = if function.filter.is_some() {
                "FILTER clause"
            } else if function.within_group.is_empty() {
                "DISTINCT"
            } else {
                "WITHIN GROUP (ORDER BY ...)"
            };
            return Err(SparkError::new(
                "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
                "42000",
                format!("Invalid SQL syntax: The function `{name}` does not support {syntax}."),
            )
            .with_param("prettyName", format!("`{name}`"))
            .with_param("syntax", syntax));
        }
        if name == "grouping_id" && args.is_empty() {
            return self.grouping_id(names);
        }
        let aliased = args
            .iter()
            .any(|arg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Named { .. }))));
        let of_unit =
            matches!(args, [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(_))), _, _]);
        let called = match name.as_str() {
            "dateadd" | "date_add" if of_unit => "timestampadd",
            "datediff" | "date_diff" if of_unit => "timestampdiff",
            name => name,
        };
        let text = if aliased { Some(self.aliased_text(&name, args, names)?) } else { None };
        let args = self.arguments(&name, args, names)?;
        let call = call::scalar(&self.context(names), called, args)?;
        Ok(Named::new(call.expr, text.unwrap_or(call.name)))
    }

    /// The function that is not built in of this name.
    ///
    /// # Errors
    /// UNRESOLVED_ROUTINE for a name in a database that is none's.
    fn routine(&self, name: &Name) -> Result<Option<Found>> {
        let found = self.session.routines.find(&name.parts);
        let built_in = match name.parts.as_slice() {
            [_] => true,
            [place, _] => place.eq_ignore_ascii_case("builtin"),
            [system, place, _] => {
                system.eq_ignore_ascii_case("system") && place.eq_ignore_ascii_case("builtin")
            }
            _ => false,
        };
        if found.is_none() && !built_in {
            return Err(SparkError::routine_unresolved(&name.parts).at(name.position));
        }
        Ok(found.filter(|found| !found.routine.is_table()))
    }

    /// Spark's text of a call with aliases among its arguments.
    fn aliased_text(&mut self, name: &str, args: &[FunctionArg], names: &Names<'_>) -> Result<String> {
        let mut shown = Vec::with_capacity(args.len());
        for arg in args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Named { expr, name })) => {
                    shown.push(format!("{} AS {}", self.expr(expr, names)?.name, name.value));
                }
                other => {
                    let plain = self.arguments(name, std::slice::from_ref(other), names)?;
                    shown.extend(plain.into_iter().map(|arg| arg.name));
                }
            }
        }
        Ok(format!("{name}({})", shown.join(", ")))
    }

    /// `grouping_id()`, which is about all columns of GROUP BY.
    fn grouping_id(&mut self, names: &Names<'_>) -> Result<Named> {
        let Some(columns) = self.grouping.last().filter(|columns| !columns.is_empty()).cloned() else {
            return Err(SparkError::new(
                "UNSUPPORTED_GROUPING_EXPRESSION",
                "42K0E",
                "grouping()/grouping_id() can only be used with GroupingSets/Cube/Rollup.",
            ));
        };
        let options = call::AggregateOptions::default();
        let id = call::aggregate(&self.context(names), "grouping_id", columns, options)?;
        Ok(Named::new(id.expr, "grouping_id()"))
    }

    /// A call whose arguments are values, then lambdas.
    fn higher_order(&mut self, name: &str, args: &[FunctionArg], names: &Names<'_>) -> Result<Named> {
        let mut values = Vec::new();
        let mut written = Vec::new();
        for arg in args {
            match lambda_of(arg) {
                Some(lambda) => written.push(lambda),
                None => values.extend(self.arguments(name, std::slice::from_ref(arg), names)?),
            }
        }
        let context = self.context(names);
        let planner = Mutex::new(self);
        let planner = &planner;
        let lambdas = written.into_iter().map(|written| {
            let parameters: Vec<String> = match &written.params {
                OneOrManyWithParens::One(one) => vec![one.name.value.clone()],
                OneOrManyWithParens::Many(many) => many.iter().map(|p| p.name.value.clone()).collect(),
            };
            let scope = parameters.clone();
            let body = move |values: &[Named]| {
                let mut planner = planner.lock().unwrap_or_else(PoisonError::into_inner);
                let values = scope.iter().cloned().zip(values.iter().cloned()).collect();
                let level = planner.outer.len();
                planner.lambdas.push(Variables { level, values });
                let body = planner.expr(&written.body, names);
                planner.lambdas.pop();
                body
            };
            Lambda { parameters, body: Box::new(body) }
        });
        lambda::higher_order(&context, name, values, lambdas.collect())
    }

    /// The arguments of a call in the order of the function's parameters, stars expanded.
    pub(in crate::sql::plan) fn arguments(
        &mut self,
        function: &str,
        args: &[FunctionArg],
        names: &Names<'_>,
    ) -> Result<Vec<Named>> {
        let mut made = Vec::with_capacity(args.len());
        let mut by_name = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            match arg {
                FunctionArg::Unnamed(_) if !by_name.is_empty() => {
                    return Err(SparkError::new(
                        "UNEXPECTED_POSITIONAL_ARGUMENT",
                        "4274K",
                        format!(
                            "Cannot invoke routine `{function}` because it contains positional argument(s) following the named argument assigned to `{}`; please rearrange them so the positional arguments come first and then retry the query again.",
                            by_name.last().map_or("", |(name, _): &(String, Named)| name.as_str())
                        ),
                    ));
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(unit)))
                    if i == 0 && args.len() == 3 && OF_UNITS.contains(&function) =>
                {
                    let unit = unit.value.clone();
                    made.push(Named::new(Expr::Literal(ScalarValue::Utf8(Some(unit.clone())), None), unit));
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Named { expr, name })) => {
                    let value = self.expr(expr, names)?;
                    made.push(Named::new(value.expr.alias(name.value.clone()), name.value.clone()));
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => made.push(self.expr(expr, names)?),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if function == "count" => {
                    made.push(Named::new(Expr::Literal(ScalarValue::Int64(Some(1)), None), "1"));
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {
                    made.extend(self.star(names.columns, &[], &WildcardAdditionalOptions::default())?);
                }
                FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                    let qualifier = Name::new(name).parts;
                    made.extend(self.star(
                        names.columns,
                        &qualifier,
                        &WildcardAdditionalOptions::default(),
                    )?);
                }
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. } => {
                    by_name.push((name.value.clone(), self.expr(expr, names)?));
                }
                other => return Err(SparkError::unsupported(format!("the argument {other} of {function}"))),
            }
        }
        if by_name.is_empty() { Ok(made) } else { placed(function, made, by_name) }
    }

    /// DISTINCT, FILTER, ORDER BY and IGNORE NULLS of an aggregate.
    pub(in crate::sql::plan) fn aggregate_options(
        &mut self,
        function: &ast::Function,
        names: &Names<'_>,
    ) -> Result<call::AggregateOptions> {
        let inner = names.inside_aggregate();
        let mut options = call::AggregateOptions::default();
        if let FunctionArguments::List(list) = &function.args {
            options.distinct = matches!(list.duplicate_treatment, Some(ast::DuplicateTreatment::Distinct));
            for clause in &list.clauses {
                match clause {
                    ast::FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => {
                        options.ignore_nulls = matches!(treatment, ast::NullTreatment::IgnoreNulls);
                    }
                    ast::FunctionArgumentClause::OrderBy(keys) => {
                        let keys = self.sort_keys(keys, &inner)?;
                        options.order_by = call::sort_exprs(&keys);
                    }
                    other => return Err(SparkError::unsupported(format!("{other} in a call"))),
                }
            }
        }
        if matches!(function.null_treatment, Some(ast::NullTreatment::IgnoreNulls)) {
            options.ignore_nulls = true;
        }
        if let Some(filter) = &function.filter {
            options.filter = Some(self.expr(filter, &inner)?);
        }
        if !function.within_group.is_empty() {
            let keys = self.sort_keys(&function.within_group, &inner)?;
            options.order_by = call::sort_exprs(&keys);
        }
        Ok(options)
    }
}

fn lambda_of(arg: &FunctionArg) -> Option<&ast::LambdaFunction> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Lambda(lambda))) => Some(lambda),
        _ => None,
    }
}

/// The parameters of the functions that take their arguments by name, with what stands for those
/// left out.
fn parameters(function: &str) -> Option<&'static [(&'static str, Option<&'static str>)]> {
    Some(match function {
        "mask" => &[
            ("str", None),
            ("upperChar", Some("X")),
            ("lowerChar", Some("x")),
            ("digitChar", Some("n")),
            ("otherChar", Some("")),
        ],
        "explode" | "explode_outer" | "posexplode" | "posexplode_outer" => &[("collection", None)],
        "inline" | "inline_outer" => &[("input", None)],
        "count_min_sketch" => &[("column", None), ("epsilon", None), ("confidence", None), ("seed", None)],
        _ => return None,
    })
}

/// Puts arguments given by name where they belong.
fn placed(function: &str, mut made: Vec<Named>, by_name: Vec<(String, Named)>) -> Result<Vec<Named>> {
    let Some(parameters) = parameters(function) else {
        return Err(SparkError::new(
            "NAMED_PARAMETERS_NOT_SUPPORTED",
            "4274K",
            format!(
                "Named parameters are not supported for function `{function}`; please retry the query with positional arguments to the function call instead."
            ),
        )
        .with_param("functionName", format!("`{function}`")));
    };
    let mut rest = by_name;
    for (i, (parameter, default)) in parameters.iter().enumerate() {
        let given = rest.iter().position(|(name, _)| name.eq_ignore_ascii_case(parameter));
        match given {
            Some(_) if i < made.len() => {
                return Err(SparkError::new(
                    "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.BOTH_POSITIONAL_AND_NAMED",
                    "4274K",
                    format!(
                        "Call to routine `{function}` is invalid because it includes multiple argument assignments to the same parameter name `{parameter}`. A positional argument and named argument both referred to the same parameter. Please remove the named argument referring to this parameter."
                    ),
                ));
            }
            Some(at) => made.push(rest.remove(at).1),
            None if i < made.len() || rest.is_empty() => {}
            None => {
                let Some(default) = default else {
                    return Err(SparkError::new(
                        "REQUIRED_PARAMETER_NOT_FOUND",
                        "4274K",
                        format!(
                            "Cannot invoke routine `{function}` because the parameter named `{parameter}` is required, but the routine call did not supply a value. Please update the routine call to supply an argument value (either positionally at index {i} or by name) and retry the query again."
                        ),
                    ));
                };
                let value = (!default.is_empty()).then(|| (*default).to_owned());
                let shown = value.clone().unwrap_or_else(|| "NULL".to_owned());
                made.push(Named::new(Expr::Literal(ScalarValue::Utf8(value), None), shown));
            }
        }
    }
    if let Some((unknown, _)) = rest.first() {
        let known: Vec<_> = parameters.iter().map(|(name, _)| format!("`{name}`")).collect();
        return Err(SparkError::new(
            "UNRECOGNIZED_PARAMETER_NAME",
            "4274K",
            format!(
                "Cannot invoke routine `{function}` because the routine call included a named argument reference for the argument named `{unknown}`, but this routine does not include any signature containing an argument with this name. Did you mean one of the following? [{}].",
                known.join(" ")
            ),
        ));
    }
    Ok(made)
}
