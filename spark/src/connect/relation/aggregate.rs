//! Aggregation: groups, rollup, cube, grouping sets, pivot; deduplication and observed metrics.

use std::collections::HashMap;

use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlanBuilder};

use super::columns::{kept, named};
use super::pivot;
use crate::analysis::Named;
use crate::analysis::select::SelectList;
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::proto::aggregate::GroupType;
use crate::connect::proto::expression::ExprType;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};

/// `groupBy(...).agg(...)` and its like.
pub(super) async fn aggregate(
    planner: &mut Planner<'_>,
    message: &proto::Aggregate,
    scope: Scope,
) -> Result<Scope> {
    let kind = message.group_type();
    let grouped = &message.grouping_expressions;
    let every = grouped.iter().chain(&message.aggregate_expressions);
    let subqueries = planner.subqueries(every, &scope).await?;
    let resolver = planner.resolver(&scope, &subqueries);
    let keys = resolver.columns(grouped)?;
    let aggregates: Vec<proto::Expression> =
        message.aggregate_expressions.iter().map(|expr| with_grouping_columns(expr, grouped)).collect();
    let aggregates = resolver.columns(&aggregates)?;
    let exprs: Vec<Expr> = keys.iter().map(|key| key.expr.clone().unalias()).collect();
    let mut items: Vec<Named> =
        keys.iter().map(|key| Named::new(key.expr.clone().unalias(), key.name.clone())).collect();
    let groups = match kind {
        GroupType::Rollup => vec![Expr::GroupingSet(GroupingSet::Rollup(exprs))],
        GroupType::Cube => vec![Expr::GroupingSet(GroupingSet::Cube(exprs))],
        GroupType::GroupingSets => {
            let mut sets = Vec::new();
            for set in &message.grouping_sets {
                let set = resolver.columns(&set.grouping_set)?;
                sets.push(set.into_iter().map(|key| key.expr.unalias()).collect());
            }
            vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]
        }
        GroupType::Pivot => {
            let message = message
                .pivot
                .as_ref()
                .ok_or_else(|| crate::connect::expression::missing("the column of a pivot"))?;
            let column = resolver.expr(
                message
                    .col
                    .as_ref()
                    .ok_or_else(|| crate::connect::expression::missing("the column of a pivot"))?,
            )?;
            let column = Named::new(column.expr.unalias(), column.name);
            let values = if message.values.is_empty() {
                pivot::distinct(planner, &scope, &column).await?
            } else {
                pivot::given(planner, &message.values)?
            };
            let schema = std::sync::Arc::clone(scope.plan.schema());
            items.extend(pivot::columns(planner, &schema, &column, &values, &aggregates)?);
            return planner
                .select(scope, SelectList { items, groups: exprs, grouped: true, ..SelectList::default() });
        }
        GroupType::Groupby | GroupType::Unspecified => exprs,
    };
    items.extend(aggregates);
    planner.select(scope, SelectList { items, groups, grouped: true, ..SelectList::default() })
}

/// `grouping_id()` with the columns it is about, which are all of the groups.
fn with_grouping_columns(expr: &proto::Expression, groups: &[proto::Expression]) -> proto::Expression {
    let expr_type = match &expr.expr_type {
        Some(ExprType::UnresolvedFunction(call))
            if call.function_name.eq_ignore_ascii_case("grouping_id") && call.arguments.is_empty() =>
        {
            let call = proto::expression::UnresolvedFunction { arguments: groups.to_vec(), ..call.clone() };
            let inner =
                proto::Expression { expr_type: Some(ExprType::UnresolvedFunction(call)), ..expr.clone() };
            Some(ExprType::Alias(Box::new(proto::expression::Alias {
                expr: Some(Box::new(inner)),
                name: vec!["grouping_id()".to_owned()],
                metadata: None,
            })))
        }
        Some(ExprType::UnresolvedFunction(call)) => {
            let arguments =
                call.arguments.iter().map(|argument| with_grouping_columns(argument, groups)).collect();
            Some(ExprType::UnresolvedFunction(proto::expression::UnresolvedFunction {
                arguments,
                ..call.clone()
            }))
        }
        Some(ExprType::Alias(alias)) => {
            let inner = alias.expr.as_ref().map(|inner| Box::new(with_grouping_columns(inner, groups)));
            Some(ExprType::Alias(Box::new(proto::expression::Alias { expr: inner, ..(**alias).clone() })))
        }
        other => other.clone(),
    };
    proto::Expression { expr_type, ..expr.clone() }
}

/// `dropDuplicates`: one row of each kind.
pub(super) fn deduplicate(
    planner: &mut Planner<'_>,
    message: &proto::Deduplicate,
    scope: Scope,
) -> Result<Scope> {
    if message.within_watermark() {
        return Err(SparkError::unsupported("structured streaming: dropDuplicatesWithinWatermark"));
    }
    let builder = LogicalPlanBuilder::from(scope.plan.clone());
    let visible: Vec<Expr> = scope.visible().map(|c| Expr::Column(c.column.clone())).collect();
    if message.all_columns_as_keys() || message.column_names.is_empty() {
        let shown = scope.visible().count();
        let scope = if shown == scope.columns.len() {
            scope
        } else {
            let items = scope.visible().map(kept).collect();
            planner.project(scope, items)?
        };
        let plan = LogicalPlanBuilder::from(scope.plan.clone()).distinct()?.build()?;
        return Ok(Scope { below: None, ..scope.with_plan(plan) });
    }
    let keys: Result<Vec<Expr>> = message
        .column_names
        .iter()
        .map(|name| Ok(Expr::Column(named(planner, &scope, name)?.column)))
        .collect();
    let plan = builder.distinct_on(keys?, visible, None)?.build()?;
    let columns = scope.visible().cloned().collect();
    Ok(Scope { columns, below: None, ..scope.with_plan(plan) })
}

/// `observe`: rows pass as they are; what the metrics are computed from is kept.
pub(super) fn observe(
    planner: &mut Planner<'_>,
    message: &proto::CollectMetrics,
    scope: Scope,
) -> Result<Scope> {
    let none = HashMap::new();
    let items = planner.resolver(&scope, &none).columns(&message.metrics)?;
    let list = SelectList { items, grouped: true, ..SelectList::default() };
    let metrics = planner.select(scope.clone(), list)?;
    let plan = Planner::finished(metrics)?;
    planner.observed.push((message.name.clone(), plan));
    Ok(scope)
}
