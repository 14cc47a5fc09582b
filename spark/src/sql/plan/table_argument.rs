//! Calls of Python table functions in FROM: their arguments, and the relation before LATERAL.

use std::sync::Arc;

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::expr::Sort;
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, JoinConstraint, JoinOperator, Query, WindowSpec,
    WindowType,
};

use super::Planner;
use super::expr::Names;
use super::routine::python_arguments;
use super::select::boolean_condition;
use crate::analysis::scope::{Relation, ScopeColumn, display_name};
use crate::error::{Result, SparkError};
use crate::python::{
    PythonFunction, TableArgument, TableFunctionArgument, TableLayout, outer_lateral, table_function,
};
use crate::routine::Found;
use crate::sql::parse::TABLE;

impl Planner<'_> {
    /// A call that stands alone.
    pub(super) fn python_table(
        &mut self,
        found: &Found,
        function: &Arc<PythonFunction>,
        args: &[FunctionArg],
    ) -> Result<Relation> {
        let empty = DFSchema::empty();
        let args = self.table_arguments(found, args, &Names::input(&[], &empty))?;
        let plan = table_function(self.session, Arc::clone(function), args, None)?;
        Ok(Relation::unqualified(plan))
    }

    /// A call after LATERAL: for each row of the relation before it, unless its rows are those of a table.
    pub(super) fn lateral_python_table(
        &mut self,
        left: Relation,
        found: &Found,
        function: &Arc<PythonFunction>,
        args: &[FunctionArg],
        alias: Option<&ast::TableAlias>,
        op: &JoinOperator,
    ) -> Result<Relation> {
        if args.iter().any(|arg| written_table(expr_of(arg)).is_some()) {
            let right = self.python_table(found, function, args)?;
            let right = self.aliased(right, alias, None)?;
            return self.lateral(left, right, op);
        }
        let schema = left.plan.schema().clone();
        let args = self.table_arguments(found, args, &Names::input(&left.columns, &schema))?;
        let scope_of = |made: Vec<Column>| {
            let mut columns = left.columns.clone();
            columns.extend(made_columns(made, alias));
            columns.sort_by_key(|column| column.hidden);
            columns
        };
        let session = self.session;
        let function = Arc::clone(function);
        let (outer, constraint) = match op {
            JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => (false, c),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (true, c),
            _ => {
                return Err(SparkError::unsupported(
                    "LATERAL in a join that is neither inner nor left outer",
                ));
            }
        };
        let mut condition = |columns: &[ScopeColumn], schema: &DFSchema| match constraint {
            JoinConstraint::None => Ok(None),
            JoinConstraint::On(condition) => {
                let named = self.expr(condition, &Names::input(columns, schema))?;
                boolean_condition(named, schema, "JOIN condition").map(Some)
            }
            _ => Err(SparkError::unsupported("LATERAL with USING")),
        };
        let width = schema.fields().len();
        if outer {
            let plan = outer_lateral(session, function, args, left.plan.clone(), |schema, made| {
                condition(&scope_of(made.to_vec()), schema)
            })?;
            let columns = scope_of(plan.schema().columns().split_off(width));
            return Ok(Relation { plan, columns });
        }
        let mut plan = table_function(session, function, args, Some(left.plan.clone()))?;
        let columns = scope_of(plan.schema().columns().split_off(width));
        if let Some(condition) = condition(&columns, &plan.schema().clone())? {
            plan = LogicalPlanBuilder::from(plan).filter(condition)?.build()?;
        }
        Ok(Relation { plan, columns })
    }

    fn table_arguments(
        &mut self,
        found: &Found,
        args: &[FunctionArg],
        names: &Names<'_>,
    ) -> Result<Vec<TableFunctionArgument>> {
        let mut made = Vec::with_capacity(args.len());
        for arg in args {
            if let Some((query, layout)) = written_table(expr_of(arg)) {
                let keyword = match arg {
                    FunctionArg::Named { name, .. } => Some(name.value.clone()),
                    _ => None,
                };
                made.push(TableFunctionArgument::Table(self.table_argument(keyword, query, layout)?));
            } else {
                let values = self.routine_arguments(&found.name, std::slice::from_ref(arg), names)?;
                made.extend(python_arguments(values).into_iter().map(TableFunctionArgument::Value));
            }
        }
        Ok(made)
    }

    fn table_argument(
        &mut self,
        keyword: Option<String>,
        query: &Query,
        layout: Option<&WindowSpec>,
    ) -> Result<TableArgument> {
        let relation = self.query(query)?;
        let schema = relation.plan.schema().clone();
        let names = Names::input(&relation.columns, &schema);
        let layout = match layout {
            None => None,
            Some(spec) => {
                let mut partition_by = Vec::with_capacity(spec.partition_by.len());
                for key in &spec.partition_by {
                    partition_by.push(self.expr(key, &names)?.expr.unalias());
                }
                let keys = self.sort_keys(&spec.order_by, &names)?;
                let order_by =
                    keys.into_iter().map(|(key, asc, nulls)| Sort::new(key.expr.unalias(), asc, nulls));
                Some(TableLayout { partition_by, order_by: order_by.collect() })
            }
        };
        Ok(TableArgument { keyword, relation, layout })
    }
}

/// The columns of a function under the names of an alias.
fn made_columns(made: Vec<Column>, alias: Option<&ast::TableAlias>) -> impl Iterator<Item = ScopeColumn> {
    let names: Vec<String> =
        alias.map(|a| a.columns.iter().map(|c| c.name.value.clone()).collect()).unwrap_or_default();
    let qualifier: Vec<String> = alias.map(|a| a.name.value.clone()).into_iter().collect();
    made.into_iter().enumerate().map(move |(i, column)| ScopeColumn {
        qualifier: qualifier.clone(),
        name: names.get(i).cloned().unwrap_or_else(|| display_name(&column.name).to_owned()),
        column,
        hidden: false,
    })
}

fn expr_of(arg: &FunctionArg) -> Option<&ast::Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(expr), .. } => Some(expr),
        _ => None,
    }
}

/// The query of a table that is an argument, and how its rows come.
fn written_table(expr: Option<&ast::Expr>) -> Option<(&Query, Option<&WindowSpec>)> {
    let Some(ast::Expr::Function(function)) = expr else { return None };
    let FunctionArguments::Subquery(query) = &function.args else { return None };
    let is_table =
        matches!(function.name.0.as_slice(), [name] if name.as_ident().is_some_and(|n| n.value == TABLE));
    let layout = match &function.over {
        Some(WindowType::WindowSpec(spec)) => Some(spec),
        _ => None,
    };
    is_table.then_some((query.as_ref(), layout))
}
