//! As-of joins: each row of the left side with the nearest row of the right one.

use std::collections::HashMap;

use datafusion::common::{Column, JoinType};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, lit, when};

use crate::analysis::Named;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::{ScopeColumn, find};
use crate::connect::expression::{Resolver, missing};
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::scope::{Frames, Scope};
use crate::error::{Result, SparkError};

/// `_joinAsOf`, which pandas' `merge_asof` is made of.
pub(super) fn join(
    planner: &mut Planner<'_>,
    message: &proto::AsOfJoin,
    left: Scope,
    right: Scope,
) -> Result<Scope> {
    let kind = match message.join_type.to_lowercase().as_str() {
        "" | "inner" => JoinType::Inner,
        "left" | "leftouter" | "left_outer" => JoinType::Left,
        other => return Err(SparkError::unsupported(format!("as-of joins of the type {other}"))),
    };
    let mut columns = left.columns.clone();
    columns.extend(right.columns.iter().cloned());
    let frames: Frames = left.frames.clone().joined(right.frames.clone());
    // Rows of the left side get a number, so that the candidates of each can be told apart.
    let number = planner.names.claim("__row");
    let rank = planner.names.claim("__rank");
    let numbered = window(left.plan.clone(), row_number(), &number)?;

    let schema = numbered.schema().join(right.plan.schema())?;
    let (condition, distance) = {
        let none = HashMap::new();
        let expr = |scope: &Scope, expression: &Option<proto::Expression>, what: &str| {
            let expression = expression.as_ref().ok_or_else(|| missing(what))?;
            let named = planner.resolver(scope, &none).expr(expression)?;
            Ok::<_, SparkError>(Named::new(named.expr.unalias(), named.name))
        };
        let l = expr(&left, &message.left_as_of, "the as-of column of the left side")?;
        let r = expr(&right, &message.right_as_of, "the as-of column of the right side")?;
        let call = |op: Binary, a: &Named, b: &Named| operator::binary(op, a.clone(), b.clone(), &schema);
        let exact = message.allow_exact_matches;
        let later = |a: &Named, b: &Named| call(if exact { Binary::GtEq } else { Binary::Gt }, a, b);
        let mut conditions = Vec::new();
        let tolerance = match &message.tolerance {
            Some(_) => Some(expr(&left, &message.tolerance, "the tolerance")?),
            None => None,
        };
        let (before, after) = match message.direction.as_str() {
            "forward" => (false, true),
            "nearest" => (true, true),
            _ => (true, false),
        };
        match (before, after) {
            (true, false) => conditions.push(later(&l, &r)?.expr),
            (false, true) => conditions.push(later(&r, &l)?.expr),
            _ if !exact => conditions.push(call(Binary::NotEq, &l, &r)?.expr),
            _ => {}
        }
        if let Some(tolerance) = &tolerance {
            if before {
                let lowest = call(Binary::Subtract, &l, tolerance)?;
                conditions.push(call(Binary::GtEq, &r, &lowest)?.expr);
            }
            if after {
                let highest = call(Binary::Add, &l, tolerance)?;
                conditions.push(call(Binary::LtEq, &r, &highest)?.expr);
            }
        }
        let down = call(Binary::Subtract, &l, &r)?.expr;
        let up = call(Binary::Subtract, &r, &l)?.expr;
        let distance = match (before, after) {
            (true, true) => when(call(Binary::GtEq, &l, &r)?.expr, down).otherwise(up)?,
            (false, _) => up,
            _ => down,
        };
        for key in &message.using_columns {
            let (a, b) = (side(planner, &left, key)?, side(planner, &right, key)?);
            conditions.push(call(Binary::Eq, &a, &b)?.expr);
        }
        if let Some(condition) = &message.join_expr {
            let resolver = Resolver::new(planner, &columns, &frames, &schema, &none);
            conditions.push(resolver.expr(condition)?.expr.unalias());
        }
        (conditions.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true)), distance)
    };
    let joined =
        LogicalPlanBuilder::from(numbered).join_on(right.plan.clone(), kind, Some(condition))?.build()?;
    let nearest = row_number()
        .partition_by(vec![Expr::Column(Column::from_name(number))])
        .order_by(vec![Sort::new(distance, true, false)])
        .build()?;
    let ranked = window(joined, nearest, &rank)?;
    let plan = LogicalPlanBuilder::from(ranked)
        .filter(Expr::Column(Column::from_name(rank)).eq(lit(1_u64)))?
        .project(columns.iter().map(|column| Expr::Column(column.column.clone())))?
        .build()?;
    columns.sort_by_key(|column| column.hidden);
    Ok(Scope { plan, columns, frames, below: None })
}

/// A plan with the column of a window call.
fn window(plan: LogicalPlan, call: Expr, name: &str) -> Result<LogicalPlan> {
    let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let (relation, own) = call.qualified_name();
    let plan = LogicalPlanBuilder::window_plan(plan, vec![call])?;
    exprs.push(Expr::Column(Column::new(relation, own)).alias(name));
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}

fn side(planner: &Planner<'_>, scope: &Scope, key: &str) -> Result<Named> {
    let columns: Vec<ScopeColumn> = scope.visible().cloned().collect();
    let parts = [key.to_owned()];
    match find(&columns, &parts, planner.session.case)? {
        Some(found) => Ok(Named::new(Expr::Column(found.column.column.clone()), key)),
        None => {
            let candidates: Vec<_> = columns.iter().map(ScopeColumn::parts).collect();
            Err(SparkError::column_not_found(&parts, &candidates))
        }
    }
}
