//! The bodies of SQL functions: their text, what they read, and whether a function can be made of them.

use std::collections::HashMap;

use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, Query, Visit, Visitor};

use super::super::expr::Names;
use super::super::{OuterScope, Planner, TableEntry, TableKey, TableNames};
use crate::analysis::cast::cast;
use crate::analysis::scope::Relation;
use crate::error::{Result, SparkError, quote};
use crate::routine::{Definition, Returns, Routine, SqlRoutine};
use crate::session::Snapshot;
use crate::sql::Parameters;
use crate::sql::statement::{self, Name, Statement};

/// Fails where a function cannot be written in SQL as this one is.
pub(in crate::sql::plan) fn check(
    session: &Snapshot,
    tables: HashMap<TableKey, TableEntry>,
    name: &[String],
    sql: &SqlRoutine,
) -> Result<()> {
    let mut planner = Planner::new(session, tables);
    let mut exprs = Vec::new();
    for parameter in &sql.parameters {
        let same = |other: &&crate::routine::Parameter| other.name.eq_ignore_ascii_case(&parameter.name);
        if sql.parameters.iter().filter(same).count() > 1 {
            let routine = name.join(".");
            return Err(SparkError::new(
                "DUPLICATE_ROUTINE_PARAMETER_NAMES",
                "42734",
                format!(
                    "Found duplicate name(s) in the parameter list of the user-defined routine {routine}: {}.",
                    quote(&parameter.name)
                ),
            )
            .with_param("routineName", routine)
            .with_param("names", quote(&parameter.name)));
        }
        let to = planner.sql_type(&parameter.data_type)?;
        let null = datafusion::common::ScalarValue::try_from(&to)?;
        exprs.push(Expr::Literal(null, None).alias(&parameter.name));
    }
    let inputs = LogicalPlanBuilder::empty(true).project(exprs)?.build()?;
    let inputs = Relation::unqualified(inputs);
    if let Returns::Table(columns) = &sql.returns {
        planner.outer.push(OuterScope { columns: inputs.columns, schema: inputs.plan.schema().clone() });
        let rows = planner.query(&body_query(&sql.body)?)?;
        return match columns {
            None => Ok(()),
            Some(columns) => planner.typed_columns(rows, columns).map(drop),
        };
    }
    let schema = inputs.plan.schema().clone();
    let body = planner.expr(&body_expr(&sql.body)?, &Names::input(&inputs.columns, &schema))?;
    if !find_aggregate_exprs([&body.expr]).is_empty() || !find_window_exprs([&body.expr]).is_empty() {
        return Err(SparkError::new(
            "USER_DEFINED_FUNCTIONS.CANNOT_CONTAIN_COMPLEX_FUNCTIONS",
            "42601",
            format!(
                "User defined function is invalid: SQL scalar function cannot contain aggregate/window/generate functions: {}",
                sql.body
            ),
        )
        .with_param("queryText", sql.body.clone()));
    }
    if let Returns::Value(to) = &sql.returns {
        cast(body.expr.unalias(), &planner.sql_type(to)?, false, schema.as_ref())?;
    }
    Ok(())
}

/// The expression of a body; a query stands for its value.
pub(super) fn body_expr(body: &str) -> Result<ast::Expr> {
    if starts_query(body) {
        return Ok(ast::Expr::Subquery(Box::new(body_query(body)?)));
    }
    statement::parse_expression(body)
}

fn starts_query(body: &str) -> bool {
    let first = body.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ["select", "with", "values", "from"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

pub(super) fn body_query(body: &str) -> Result<Query> {
    match statement::parse(body, &Parameters::default())? {
        Statement::Query(query) => Ok(*query),
        _ => Err(SparkError::internal(format!("the body of a function is no query: {body}"))),
    }
}

/// The tables that the body of a function names.
pub(in crate::sql::plan) fn body_tables(body: &str) -> Result<TableNames> {
    let mut names = TableNames::default();
    // The visitor never breaks.
    let _ = if starts_query(body) {
        body_query(body)?.visit(&mut names)
    } else {
        statement::parse_expression(body)?.visit(&mut names)
    };
    Ok(names)
}

/// The names of functions in a syntax tree.
#[derive(Default)]
struct FunctionNames(Vec<Vec<String>>);

impl Visitor for FunctionNames {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> std::ops::ControlFlow<()> {
        if let ast::Expr::Function(function) = expr {
            self.0.push(Name::new(&function.name).parts);
        }
        std::ops::ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &ast::TableFactor) -> std::ops::ControlFlow<()> {
        if let ast::TableFactor::Table { name, args: Some(_), .. } | ast::TableFactor::Function { name, .. } =
            factor
        {
            self.0.push(Name::new(name).parts);
        }
        std::ops::ControlFlow::Continue(())
    }
}

/// The tables that functions written in SQL need where `visited` calls them.
pub(in crate::sql::plan) fn tables_of_routines(
    session: &Snapshot,
    visited: &impl Visit,
) -> Result<TableNames> {
    let mut found = TableNames::default();
    if session.routines.is_empty() {
        return Ok(found);
    }
    let mut functions = FunctionNames::default();
    // The visitor never breaks.
    let _ = visited.visit(&mut functions);
    let mut seen: Vec<Vec<String>> = Vec::new();
    while let Some(name) = functions.0.pop() {
        let Some(called) = session.routines.find(&name) else { continue };
        let Routine::Defined(Definition::Sql(sql)) = called.routine else { continue };
        if seen.contains(&called.name) {
            continue;
        }
        seen.push(called.name);
        found.0.extend(body_tables(&sql.body)?.0);
        // The visitor never breaks.
        let _ = body_expr(&sql.body)?.visit(&mut functions);
    }
    Ok(found)
}
