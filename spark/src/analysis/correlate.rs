//! Correlated subqueries that DataFusion does not turn into joins: their query is run over the
//! distinct values that it takes from outside, and joined with the outer rows on these.

mod bound;
mod shape;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Projection, lit,
};

use self::bound::Bound;
use self::shape::{has_one_row, is_easy, is_filtered, is_single};
use super::Named;
use super::membership::{count, in_by_counts};
use super::select::replace;
use crate::error::{Result, SparkError};

/// Replaces the subqueries of a plan that DataFusion cannot decorrelate.
///
/// # Errors
/// UNSUPPORTED_CORRELATED_REFERENCE where a subquery uses outer columns in a way that is not known here either.
pub fn resolve(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !holds_query(&plan)? {
        return Ok(plan);
    }
    let mut counter = names_made(&plan)?;
    let mut failure = None;
    let resolved = plan.transform_up_with_subqueries(|node| {
        if failure.is_some() {
            return Ok(Transformed::no(node));
        }
        match resolve_any(node, &mut counter) {
            Ok(changed) => Ok(changed),
            Err(error) => {
                failure = Some(error);
                let empty = LogicalPlanBuilder::empty(false).build()?;
                Ok(Transformed::new(empty, true, TreeNodeRecursion::Stop))
            }
        }
    })?;
    match failure {
        Some(error) => Err(error),
        None => Ok(resolved.data),
    }
}

fn resolve_any(node: LogicalPlan, counter: &mut usize) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Filter(filter) => resolve_node(LogicalPlan::Filter(by_counts(filter)?), counter),
        LogicalPlan::Projection(_) => resolve_node(node, counter),
        LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) => queries_below(node, counter),
        other => Ok(Transformed::no(other)),
    }
}

/// A filter whose conditions count the rows of the queries that DataFusion does not turn into semi-joins: of those that
/// take columns from outside anywhere but in a filter, and of NOT IN, where it leaves out nulls that are in no row, or
/// takes in nulls as it is a part of another condition.
fn by_counts(filter: Filter) -> Result<Filter> {
    if !has_query(&filter.predicate) {
        return Ok(filter);
    }
    let schema = Arc::clone(filter.input.schema());
    let predicate = negations_inside(filter.predicate)?;
    let conjuncts: Vec<Expr> = split_conjunction(&predicate).into_iter().cloned().collect();
    let counted = predicate.transform_down(|e| {
        // As a condition of its own it is an anti-join that knows nulls.
        let denied = |query: &Subquery, e: &Expr| is_correlated(query) || !conjuncts.contains(e);
        let counted = match &e {
            Expr::Not(inner) => match inner.as_ref() {
                Expr::InSubquery(test) if denied(&test.subquery, &e) => {
                    in_counted(test, !test.negated, &schema)?
                }
                _ => return Ok(Transformed::no(e)),
            },
            Expr::InSubquery(test) if test.negated && denied(&test.subquery, &e) => {
                in_counted(test, true, &schema)?
            }
            Expr::InSubquery(test)
                if !test.negated
                    && is_correlated(&test.subquery)
                    && !is_filtered(&test.subquery.subquery) =>
            {
                in_counted(test, false, &schema)?
            }
            Expr::Exists(test) if is_correlated(&test.subquery) && !is_filtered(&test.subquery.subquery) => {
                let found = count(&test.subquery.subquery, None)?.gt(lit(0_i64));
                if test.negated { Expr::Not(Box::new(found)) } else { found }
            }
            _ => return Ok(Transformed::no(e)),
        };
        Ok(Transformed::new(counted, true, TreeNodeRecursion::Jump))
    })?;
    Ok(Filter::try_new(counted.data, filter.input)?)
}

/// A condition whose negations stand before its parts, by De Morgan's laws: so Spark knows which IN is a NOT IN.
fn negations_inside(condition: Expr) -> Result<Expr> {
    let moved = condition.transform_down(|e| {
        let Expr::Not(inner) = e else { return Ok(Transformed::no(e)) };
        Ok(match *inner {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Transformed::yes(Expr::Not(left).or(Expr::Not(right)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Transformed::yes(Expr::Not(left).and(Expr::Not(right)))
            }
            other => Transformed::no(Expr::Not(Box::new(other))),
        })
    })?;
    Ok(moved.data)
}

fn in_counted(test: &InSubquery, negated: bool, schema: &DFSchema) -> Result<Expr> {
    let value = Named::new(test.expr.as_ref().clone(), "");
    in_by_counts(&[value], &test.subquery.subquery, negated, schema)
}

/// Whether there is a query in an expression of the plan.
fn holds_query(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found = found || node.expressions().iter().any(has_query);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_correlated(query: &Subquery) -> bool {
    !query.outer_ref_columns.is_empty()
}

/// An aggregation or window over a projection that computes its correlated queries: DataFusion computes them nowhere
/// else.
fn queries_below(node: LogicalPlan, counter: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let mut queries: Vec<Expr> = Vec::new();
    for expr in node.expressions() {
        expr.apply(|e| {
            if matches!(e, Expr::ScalarSubquery(query) if is_correlated(query)) && !queries.contains(e) {
                queries.push(e.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    if queries.is_empty() {
        return Ok(Transformed::no(node));
    }
    let input = node.inputs().first().map(|plan| (*plan).clone()).ok_or_else(no_input)?;
    let width = input.schema().fields().len();
    let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut columns = Vec::with_capacity(queries.len());
    for query in &queries {
        *counter += 1;
        let name = format!("__query_{counter}");
        exprs.push(query.clone().alias(name.clone()));
        columns.push((query.clone(), Column::from_name(name)));
    }
    let below = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?);
    let below = resolve_node(below, counter)?.data;
    let replaced = |exprs: Vec<Expr>| -> Result<Vec<Expr>> {
        exprs.into_iter().map(|expr| replace(expr, &columns)).collect()
    };
    let own = node.schema().columns();
    let (plan, found) = match node {
        LogicalPlan::Aggregate(node) => {
            let (groups, calls) = (replaced(node.group_expr)?, replaced(node.aggr_expr)?);
            let plan = LogicalPlanBuilder::from(below).aggregate(groups, calls)?.build()?;
            let found = plan.schema().columns();
            (plan, found)
        }
        LogicalPlan::Window(node) => {
            let plan = LogicalPlanBuilder::window_plan(below, replaced(node.window_expr)?)?;
            let mut found = plan.schema().columns();
            // The values of the queries are between the input's columns and those of the windows.
            found.drain(width..width + columns.len());
            (plan, found)
        }
        other => return Ok(Transformed::no(other)),
    };
    let named =
        found.into_iter().zip(own).map(|(from, to)| Expr::Column(from).alias_qualified(to.relation, to.name));
    Ok(Transformed::yes(LogicalPlanBuilder::from(plan).project(named)?.build()?))
}

/// A filter or projection whose difficult subqueries have become columns of its input.
fn resolve_node(node: LogicalPlan, counter: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let difficult = difficult_queries(&node)?;
    let mut input = node.inputs().first().map(|plan| (*plan).clone()).ok_or_else(no_input)?;
    let known = |column: &Column| input.schema().has_column(column);
    for subquery in &difficult {
        if !outer_columns(&subquery.subquery)?.iter().all(known) {
            return Ok(Transformed::no(node));
        }
    }
    if difficult.is_empty() {
        return Ok(Transformed::no(node));
    }
    let original = node.schema().columns();
    if let LogicalPlan::Filter(filter) = &node {
        // The queries run for the rows that the other conditions leave.
        let parts = split_conjunction(&filter.predicate).into_iter();
        let plain = parts.filter(|part| !part.is_volatile() && !has_query(part)).cloned();
        if let Some(condition) = conjunction(plain) {
            input = LogicalPlanBuilder::from(input).filter(condition)?.build()?;
        }
    }
    let mut values: Vec<(Expr, Column)> = Vec::new();
    for subquery in difficult {
        let outer = outer_columns(&subquery.subquery)?;
        let mut bound = Bound::bind(&subquery.subquery, &input, &outer, counter)?;
        if !has_one_row(&subquery.subquery) {
            bound = bound.one_row()?;
        }
        *counter += 1;
        let name = format!("__scalar_{counter}");
        let value = bound.plan.schema().columns().remove(0);
        let mut exprs = vec![Expr::Column(value).alias(name.clone())];
        exprs.extend(bound.keys.iter().cloned().map(Expr::Column));
        let right = LogicalPlanBuilder::from(bound.plan).project(exprs)?.build()?;
        let condition = same(&outer, &bound.keys);
        input = LogicalPlanBuilder::from(input).join_on(right, JoinType::Left, condition)?.build()?;
        values.push((Expr::ScalarSubquery(subquery), Column::from_name(name)));
    }
    let plan = match node {
        LogicalPlan::Filter(filter) => LogicalPlanBuilder::from(input)
            .filter(replace(filter.predicate, &values)?)?
            .project(original.into_iter().map(Expr::Column))?
            .build()?,
        LogicalPlan::Projection(projection) => {
            let named = projection.expr.into_iter().zip(original).map(|(expr, column)| {
                let replaced = replace(expr, &values)?;
                let unchanged = replaced.qualified_name() == (column.relation.clone(), column.name.clone());
                Ok(if unchanged { replaced } else { replaced.alias_qualified(column.relation, column.name) })
            });
            let named: Vec<Expr> = named.collect::<Result<_>>()?;
            LogicalPlanBuilder::from(input).project(named)?.build()?
        }
        other => other,
    };
    Ok(Transformed::yes(plan))
}

/// The correlated scalar subqueries of a node that DataFusion does not turn into joins.
fn difficult_queries(node: &LogicalPlan) -> Result<Vec<Subquery>> {
    let mut found: Vec<Subquery> = Vec::new();
    for expr in node.expressions() {
        expr.apply(|e| {
            if let Expr::ScalarSubquery(subquery) = e
                && !subquery.outer_ref_columns.is_empty()
                && !(is_single(&subquery.subquery) && is_easy(&subquery.subquery))
                && !found.contains(subquery)
            {
                found.push(subquery.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(found)
}

fn has_query(expr: &Expr) -> bool {
    let is_query = |e: &Expr| {
        matches!(e, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_))
    };
    expr.exists(|e| Ok(is_query(e))).unwrap_or(true)
}

/// A join with a query that uses columns of the left side.
///
/// # Errors
/// UNSUPPORTED_CORRELATED_REFERENCE where the query uses them in a way that is not known here.
pub fn lateral_join(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    condition: Option<Expr>,
) -> Result<LogicalPlan> {
    let wanted = left.schema().join(right.schema())?.columns();
    let mut outer = outer_columns(&right)?;
    // Others are of a query further out.
    outer.retain(|column| left.schema().has_column(column));
    let mut counter = names_made(&left)?.max(names_made(&right)?);
    if outer.is_empty() {
        return Ok(LogicalPlanBuilder::from(left).join_on(right, join_type, condition)?.build()?);
    }
    let bound = Bound::bind(&right, &left, &outer, &mut counter)?;
    let keys = same(&outer, &bound.keys);
    let whole = keys.into_iter().chain(condition);
    let plan = LogicalPlanBuilder::from(left).join_on(bound.plan, join_type, whole)?;
    Ok(plan.project(wanted.into_iter().map(Expr::Column))?.build()?)
}

/// How many names this module has made in a plan already, as a query may hold another one.
fn names_made(plan: &LogicalPlan) -> Result<usize> {
    let mut most = 0;
    plan.apply_with_subqueries(|node| {
        for field in node.schema().fields() {
            let number =
                field.name().strip_prefix("__").and_then(|name| name.rsplit('_').next()?.parse().ok());
            most = most.max(number.unwrap_or(0));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(most)
}

/// The columns that a query takes from outside.
fn outer_columns(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    for expr in plan.all_out_ref_exprs() {
        expr.apply(|e| {
            if let Expr::OuterReferenceColumn(_, column) = e
                && !columns.contains(column)
            {
                columns.push(column.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(columns)
}

/// Conditions that pairs of columns hold the same value, or none both.
fn same(left: &[Column], right: &[Column]) -> Vec<Expr> {
    let pair = |(l, r): (&Column, &Column)| null_safe(Expr::Column(l.clone()), Expr::Column(r.clone()));
    left.iter().zip(right).map(pair).collect()
}

/// `left <=> right`.
fn null_safe(left: Expr, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::IsNotDistinctFrom, Box::new(right)))
}

fn no_input() -> SparkError {
    SparkError::internal("a plan node without input")
}

/// Columns from outside where they cannot be followed.
fn unsupported(what: &str) -> SparkError {
    SparkError::new(
        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_REFERENCE",
        "0A000",
        format!("Unsupported subquery expression: a correlated reference inside {what}."),
    )
}
