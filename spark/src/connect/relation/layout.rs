//! Partitions and hints: repartition, coalesce, `hint`.

use std::collections::HashMap;

use datafusion::common::Column;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, Partitioning};

use crate::analysis::select::SortKey;
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::proto::expression::ExprType;
use crate::connect::proto::expression::literal::LiteralType;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};
use crate::layout::{JoinHint, Layout, LayoutNode, PartitionHint, TOGETHER, is_partition_hint, partitioned};

/// `repartition(n)` and `coalesce(n)`.
pub(super) fn repartition(
    planner: &Planner<'_>,
    message: &proto::Repartition,
    scope: Scope,
) -> Result<Scope> {
    let count = partitions(planner, Some(message.num_partitions))?;
    if message.shuffle() {
        return shuffled(scope, Partitioning::RoundRobinBatch(count));
    }
    Ok(laid_out(scope, Layout::Coalesce(count)))
}

/// `repartition(n, columns...)`, `repartitionByRange` and `repartitionById`.
pub(super) async fn repartition_by(
    planner: &mut Planner<'_>,
    message: &proto::RepartitionByExpression,
    scope: Scope,
) -> Result<Scope> {
    let count = partitions(planner, message.num_partitions)?;
    let subqueries = planner.subqueries(&message.partition_exprs, &scope).await?;
    let is = |kind: fn(&ExprType) -> bool| {
        !message.partition_exprs.is_empty()
            && message.partition_exprs.iter().all(|e| e.expr_type.as_ref().is_some_and(kind))
    };
    let keys = planner.resolver(&scope, &subqueries).keys(&message.partition_exprs)?;
    if !subqueries.is_empty() {
        return by_subqueries(scope, keys, count);
    }
    if is(|kind| matches!(kind, ExprType::SortOrder(_))) {
        return Ok(laid_out(scope, Layout::Ranges { keys: sorts(keys), partitions: count }));
    }
    let mut keys: Vec<Expr> = keys.into_iter().map(|(key, _, _)| key.expr.unalias()).collect();
    if is(|kind| matches!(kind, ExprType::DirectShufflePartitionId(_)))
        && keys.len() == 1
        && let Some(id) = keys.pop()
    {
        return Ok(laid_out(scope, Layout::Ids(id, count)));
    }
    let scheme =
        if keys.is_empty() { Partitioning::RoundRobinBatch(count) } else { Partitioning::Hash(keys, count) };
    shuffled(scope, scheme)
}

/// Partitions by what subqueries give: columns for as long as rows are sent about.
fn by_subqueries(scope: Scope, keys: Vec<SortKey>, count: usize) -> Result<Scope> {
    let own: Vec<Expr> = scope.plan.schema().columns().into_iter().map(Expr::Column).collect();
    let names: Vec<String> = (0..keys.len()).map(|index| format!("__partition_{index}")).collect();
    let values = keys.into_iter().zip(&names).map(|((key, _, _), name)| key.expr.unalias().alias(name));
    let hashed = names.iter().map(|name| Expr::Column(Column::from_name(name))).collect();
    let plan = LogicalPlanBuilder::from(scope.plan.clone())
        .project(own.iter().cloned().chain(values))?
        .repartition(Partitioning::Hash(hashed, count))?
        .project(own)?
        .build()?;
    Ok(scope.with_plan(plan))
}

/// `hint(name, parameters...)`: honoured as far as can be; one that is not known changes nothing.
pub(super) fn hint(planner: &mut Planner<'_>, message: &proto::Hint, scope: Scope) -> Result<Scope> {
    let name = message.name.to_uppercase();
    if let Some(hint) = JoinHint::of(&name) {
        return Ok(laid_out(scope, Layout::Join(hint)));
    }
    if name == TOGETHER {
        return Ok(laid_out(scope, Layout::Together));
    }
    if !is_partition_hint(&name) {
        tracing::warn!("Unrecognized hint: {}", message.name);
        return Ok(scope);
    }
    let (counts, columns): (Vec<_>, Vec<_>) =
        message.parameters.iter().cloned().partition(|parameter| number(parameter).is_some());
    let none = HashMap::new();
    let keys = planner.resolver(&scope, &none).keys(&columns)?;
    let count = match counts.first().and_then(number) {
        Some(count) => Some(partitions(planner, Some(count))?),
        None => None,
    };
    let default = partitions(planner, None)?;
    let plan = partitioned(scope.plan.clone(), &name, PartitionHint { count, keys: sorts(keys) }, default)?;
    Ok(scope.with_plan(plan))
}

/// The whole number that an expression is.
fn number(expression: &proto::Expression) -> Option<i32> {
    let Some(ExprType::Literal(literal)) = &expression.expr_type else { return None };
    match literal.literal_type.as_ref()? {
        LiteralType::Integer(n) | LiteralType::Short(n) | LiteralType::Byte(n) => Some(*n),
        LiteralType::Long(n) => i32::try_from(*n).ok(),
        _ => None,
    }
}

fn sorts(keys: Vec<SortKey>) -> Vec<Sort> {
    keys.into_iter().map(|(key, asc, nulls_first)| Sort::new(key.expr.unalias(), asc, nulls_first)).collect()
}

fn laid_out(scope: Scope, layout: Layout) -> Scope {
    let plan = LayoutNode::new(scope.plan.clone(), layout).into_plan();
    scope.with_plan(plan)
}

fn shuffled(scope: Scope, scheme: Partitioning) -> Result<Scope> {
    let plan = LogicalPlanBuilder::from(scope.plan.clone()).repartition(scheme)?.build()?;
    Ok(scope.with_plan(plan))
}

/// A number of partitions, which must be positive; else the session's.
pub(super) fn partitions(planner: &Planner<'_>, count: Option<i32>) -> Result<usize> {
    match count {
        None => Ok(planner.session.state.config().target_partitions().max(1)),
        Some(count) => match usize::try_from(count) {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(SparkError::new(
                "INVALID_PARAMETER_VALUE.PARTITION_NUMBER",
                "22023",
                format!("Number of partitions ({count}) must be positive."),
            )),
        },
    }
}
