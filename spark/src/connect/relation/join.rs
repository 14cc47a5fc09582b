//! Joins: on a condition, on columns of one name, cross and lateral.

use std::collections::HashSet;

use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};

use super::range::Called;
use crate::analysis::Named;
use crate::analysis::correlate::lateral_join;
use crate::analysis::join::reject_product;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames, find};
use crate::analysis::select::boolean_condition;
use crate::connect::expression::Resolver;
use crate::connect::planner::{Outer, Planner};
use crate::connect::proto;
use crate::connect::proto::join::JoinType as Kind;
use crate::connect::python;
use crate::connect::scope::{Frames, Scope};
use crate::error::{Result, SparkError, quote};

/// The join of a message's kind.
pub(in crate::connect) fn join_type(kind: Kind) -> JoinType {
    match kind {
        Kind::FullOuter => JoinType::Full,
        Kind::LeftOuter => JoinType::Left,
        Kind::RightOuter => JoinType::Right,
        Kind::LeftAnti => JoinType::LeftAnti,
        Kind::LeftSemi => JoinType::LeftSemi,
        Kind::Inner | Kind::Cross | Kind::Unspecified => JoinType::Inner,
    }
}

/// `join(other, on, how)`.
pub(super) async fn join(
    planner: &mut Planner<'_>,
    message: &proto::Join,
    left: Scope,
    right: Scope,
) -> Result<Scope> {
    if message.join_data_type.is_some() {
        return Err(SparkError::unsupported("typed joins (joinWith)"));
    }
    let kind = join_type(message.join_type());
    if !message.using_columns.is_empty() {
        let frames = left.frames.clone().joined(right.frames.clone());
        let (left, right) = (left.into_relation(), right.into_relation());
        let keys = &message.using_columns;
        let case = planner.session.case;
        let joined = using(left, right, kind, keys, &mut planner.names, case)?;
        return Ok(Scope { plan: joined.plan, columns: joined.columns, frames, below: None });
    }
    let products = message.join_type() == Kind::Cross || products_allowed(planner)?;
    on(planner, left, right, kind, message.join_condition.as_ref(), products).await
}

/// Whether joins may be products without being called so.
fn products_allowed(planner: &Planner<'_>) -> Result<bool> {
    let set = planner.env.session.get("spark.sql.crossJoin.enabled")?;
    Ok(set.is_none_or(|value| value.eq_ignore_ascii_case("true")))
}

/// A join on a condition over the columns of both sides.
async fn on(
    planner: &mut Planner<'_>,
    left: Scope,
    right: Scope,
    kind: JoinType,
    condition: Option<&proto::Expression>,
    products: bool,
) -> Result<Scope> {
    let mut columns = left.columns.clone();
    columns.extend(right.columns.iter().cloned());
    let frames: Frames = left.frames.clone().joined(right.frames.clone());
    let filter = match condition {
        None => None,
        Some(condition) => {
            let schema = left.plan.schema().join(right.plan.schema())?;
            let both = LogicalPlanBuilder::from(left.plan.clone()).cross_join(right.plan.clone())?.build()?;
            let scope = Scope { plan: both, columns: columns.clone(), frames: frames.clone(), below: None };
            let subqueries = planner.subqueries([condition], &scope).await?;
            let resolver = Resolver::new(planner, &columns, &frames, &schema, &subqueries);
            let named = resolver.expr(condition)?;
            Some(boolean_condition(Named::new(named.expr.unalias(), named.name), &schema, "JOIN condition")?)
        }
    };
    if !products {
        reject_product(kind, filter.as_ref(), &left.plan, &right.plan)?;
    }
    let lateral = !right.plan.all_out_ref_exprs().is_empty();
    let plan = match filter {
        filter if lateral => lateral_join(left.plan, right.plan, kind, filter)?,
        None if kind == JoinType::Inner => cross(left.plan, right.plan)?,
        filter => {
            let filter = filter.unwrap_or_else(|| lit(true));
            LogicalPlanBuilder::from(left.plan).join_on(right.plan, kind, Some(filter))?.build()?
        }
    };
    let columns = if matches!(kind, JoinType::LeftSemi | JoinType::LeftAnti) {
        left.columns
    } else {
        columns.sort_by_key(|column| column.hidden);
        columns
    };
    Ok(Scope { plan, columns, frames, below: None })
}

fn cross(left: LogicalPlan, right: LogicalPlan) -> Result<LogicalPlan> {
    let none: (Vec<Column>, Vec<Column>) = (Vec::new(), Vec::new());
    Ok(LogicalPlanBuilder::from(left)
        .join_detailed(right, JoinType::Inner, none, None, NullEquality::NullEqualsNothing)?
        .build()?)
}

/// A join on columns of one name: they come first and once, then the rest of both sides.
fn using(
    left: Relation,
    right: Relation,
    kind: JoinType,
    keys: &[String],
    names: &mut UniqueNames,
    case: crate::analysis::scope::CaseRule,
) -> Result<Relation> {
    let side = |relation: &Relation, key: &String, which: &str| -> Result<ScopeColumn> {
        let found = find(&relation.columns, std::slice::from_ref(key), case)?;
        found.map(|f| f.column.clone()).ok_or_else(|| {
            let mut names: Vec<_> = relation.visible().map(|c| quote(&c.name)).collect();
            names.sort();
            SparkError::new(
                "UNRESOLVED_USING_COLUMN_FOR_JOIN",
                "42703",
                format!(
                    "USING column {} cannot be resolved on the {which} side of the join. The {which}-side columns: [{}].",
                    quote(key),
                    names.join(", ")
                ),
            )
            .with_param("colName", quote(key))
            .with_param("side", which)
            .with_param("suggestion", names.join(", "))
        })
    };
    let schema = left.schema().join(right.schema())?;
    let mut condition: Option<Expr> = None;
    let mut heads = Vec::new();
    let mut taken = HashSet::new();
    for key in keys {
        let (l, r) = (side(&left, key, "left")?, side(&right, key, "right")?);
        let named = |column: &ScopeColumn| Named::new(Expr::Column(column.column.clone()), key.clone());
        let pair = operator::binary(Binary::Eq, named(&l), named(&r), &schema)?.expr;
        condition = Some(match condition {
            None => pair,
            Some(condition) => condition.and(pair),
        });
        taken.extend([l.column.clone(), r.column.clone()]);
        heads.push((l, r));
    }
    let semi = matches!(kind, JoinType::LeftSemi | JoinType::LeftAnti);
    let (left_columns, right_columns) = (left.columns.clone(), right.columns.clone());
    let mut plan = LogicalPlanBuilder::from(left.plan).join_on(right.plan, kind, condition)?.build()?;
    let mut merged = Vec::new();
    if kind == JoinType::Full {
        let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        for (l, r) in &heads {
            let name = names.claim(&l.name);
            let either = datafusion::functions::core::coalesce()
                .call(vec![Expr::Column(l.column.clone()), Expr::Column(r.column.clone())]);
            exprs.push(either.alias(name.clone()));
            merged.push(Column::from_name(name));
        }
        plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
    }
    let mut columns = Vec::new();
    for (i, (l, r)) in heads.iter().enumerate() {
        let (column, qualifier) = match kind {
            JoinType::Full => (merged[i].clone(), Vec::new()),
            JoinType::Right => (r.column.clone(), r.qualifier.clone()),
            _ => (l.column.clone(), l.qualifier.clone()),
        };
        columns.push(ScopeColumn { qualifier, name: l.name.clone(), column, hidden: false });
    }
    let rest = |column: &&ScopeColumn| !taken.contains(&column.column);
    columns.extend(left_columns.iter().filter(rest).cloned());
    if !semi {
        columns.extend(right_columns.iter().filter(rest).cloned());
    }
    let given: HashSet<Column> = columns.iter().map(|c| c.column.clone()).collect();
    let others = heads.into_iter().flat_map(|(l, r)| if semi { vec![l] } else { vec![l, r] });
    columns.extend(others.filter(|c| !given.contains(&c.column)).map(|c| ScopeColumn { hidden: true, ..c }));
    columns.sort_by_key(|column| column.hidden);
    Ok(Relation { plan, columns })
}

/// `lateralJoin`: the right side's names may mean columns of the left.
pub(super) async fn lateral<'a>(
    planner: &mut Planner<'a>,
    message: &'a proto::LateralJoin,
    left: Scope,
) -> Result<Scope> {
    let right = message.right.as_deref().ok_or_else(|| crate::connect::expression::missing("an input"))?;
    let called = Called::of(right)?;
    if let Some(joined) = super::range::lateral_generator(planner, message, &left, &called)? {
        return Ok(joined);
    }
    if let Some(joined) = python::lateral_table(planner, message, &left, &called)? {
        return Ok(joined);
    }
    planner.outer.push(Outer {
        columns: left.columns.clone(),
        frames: left.frames.clone(),
        schema: std::sync::Arc::clone(left.plan.schema()),
    });
    let planned = Box::pin(planner.plan(right)).await;
    planner.outer.pop();
    let right = planned?;
    let kind = join_type(message.join_type());
    on(planner, left, right, kind, message.join_condition.as_ref(), true).await
}
