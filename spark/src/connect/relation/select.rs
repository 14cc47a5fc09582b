//! Operators on rows and columns of one input: project, filter, sort, limit.

use std::collections::HashSet;

use datafusion::common::Column;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::local;
use crate::analysis::Named;
use crate::analysis::call::{Context, generator};
use crate::analysis::scope::display_name;
use crate::analysis::select::{SelectList, SortKey, boolean_condition};
use crate::connect::expression::{Item, missing, wide_schema};
use crate::connect::planner::{Planner, with_columns_below};
use crate::connect::proto;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};
use crate::layout::{Layout, LayoutNode};

/// `select(...)`: columns, aggregates without groups, window calls and generators.
pub(super) async fn project(
    planner: &mut Planner<'_>,
    scope: Scope,
    expressions: &[proto::Expression],
) -> Result<Scope> {
    let subqueries = planner.subqueries(expressions, &scope).await?;
    let items = planner.resolver(&scope, &subqueries).items(expressions)?;
    let (scope, items) = generated(planner, scope, items)?;
    planner.project(scope, items)
}

/// Runs the generators among some items over the input, whose columns stay.
pub(super) fn generated(
    planner: &mut Planner<'_>,
    mut scope: Scope,
    items: Vec<Item>,
) -> Result<(Scope, Vec<Named>)> {
    let mut columns = Vec::with_capacity(items.len());
    let mut found = false;
    for item in items {
        match item {
            Item::Column(named) => columns.push(named),
            Item::Generator { name, .. } if found => {
                return Err(SparkError::new(
                    "UNSUPPORTED_GENERATOR.MULTI_GENERATOR",
                    "42K0E",
                    format!(
                        "The generator is not supported: only one generator allowed per SELECT clause but found more, one of them: {name}."
                    ),
                ));
            }
            Item::Generator { name, args, aliases } => {
                found = true;
                let (plan, made) = run_generator(planner, scope.plan.clone(), &name, args)?;
                scope.plan = plan;
                if !aliases.is_empty() && aliases.len() != made.len() {
                    return Err(SparkError::new(
                        "UDTF_ALIAS_NUMBER_MISMATCH",
                        "42802",
                        format!(
                            "The number of aliases supplied in the AS clause does not match the number of columns output by the UDTF. Expected {} aliases, but got {}. Please ensure that the number of aliases provided matches the number of columns output by the UDTF.",
                            made.len(),
                            aliases.join(",")
                        ),
                    ));
                }
                columns.extend(made.into_iter().enumerate().map(|(i, column)| {
                    let name = aliases.get(i).cloned().unwrap_or(column.name);
                    Named::new(column.expr, name)
                }));
            }
        }
    }
    Ok((scope, columns))
}

/// A generator over a plan.
pub(super) fn run_generator(
    planner: &Planner<'_>,
    input: LogicalPlan,
    name: &str,
    args: Vec<Named>,
) -> Result<(LogicalPlan, Vec<Named>)> {
    let schema = std::sync::Arc::clone(input.schema());
    let context = Context {
        state: &planner.session.state,
        schema: schema.as_ref(),
        time_zone: &planner.session.time_zone,
        conf: &planner.session.conf,
        database: &planner.session.database,
    };
    let generated = generator::generate(&context, input, name, args, false)?;
    Ok((generated.plan, generated.columns))
}

/// `filter(condition)`.
pub(super) async fn filter(
    planner: &mut Planner<'_>,
    scope: Scope,
    condition: Option<&proto::Expression>,
) -> Result<Scope> {
    let condition = condition.ok_or_else(|| missing("a condition"))?;
    let subqueries = planner.subqueries([condition], &scope).await?;
    let wide = wide_schema(&scope)?;
    let resolver = planner.resolver(&scope, &subqueries).with_below(scope.below.as_deref(), &wide);
    let named = resolver.expr(condition)?;
    let named = Named::new(scope.above_groups(named.expr.unalias())?, named.name);
    let mut invalid = find_aggregate_exprs([&named.expr]);
    invalid.extend(find_window_exprs([&named.expr]));
    if !invalid.is_empty() {
        let list: Vec<_> = invalid.iter().map(ToString::to_string).collect();
        return Err(SparkError::new(
            "INVALID_WHERE_CONDITION",
            "42903",
            format!(
                "The WHERE condition \"{}\" contains invalid expressions: {}.\n\
                 Rewrite the query to avoid window functions, aggregate functions, and generator functions in the WHERE clause.",
                named.name,
                list.join(", ")
            ),
        ));
    }
    let condition = boolean_condition(named, &wide, "Filter expression")?;
    let used = condition.column_refs().into_iter().cloned().collect();
    over_below(scope, &used, |builder| Ok(builder.filter(condition)?.build()?))
}

/// `sort(...)`; `sortWithinPartitions(...)` where it is not `global`.
pub(super) async fn sort(
    planner: &mut Planner<'_>,
    scope: Scope,
    order: &[proto::expression::SortOrder],
    global: bool,
) -> Result<Scope> {
    let children: Vec<&proto::Expression> = order.iter().filter_map(|o| o.child.as_deref()).collect();
    let subqueries = planner.subqueries(children, &scope).await?;
    let wide = wide_schema(&scope)?;
    let resolver = planner.resolver(&scope, &subqueries).with_below(scope.below.as_deref(), &wide);
    let keys = resolver.sort_keys(order)?.into_iter().map(|(key, asc, nulls_first)| {
        Ok((Named::new(scope.above_groups(key.expr)?, key.name), asc, nulls_first))
    });
    let keys: Vec<SortKey> = keys.collect::<Result<_>>()?;
    if keys.iter().any(|(key, _, _)| !find_window_exprs([&key.expr]).is_empty()) {
        return sort_by_windows(planner, scope, keys, global);
    }
    let used = keys.iter().flat_map(|(key, _, _)| key.expr.column_refs()).cloned().collect();
    let sorts: Vec<Sort> =
        keys.into_iter().map(|(key, asc, nulls_first)| Sort::new(key.expr, asc, nulls_first)).collect();
    over_below(scope, &used, |builder| {
        if global {
            return Ok(builder.sort(sorts)?.build()?);
        }
        Ok(LayoutNode::new(builder.build()?, Layout::Sorted(sorts)).into_plan())
    })
}

/// Sort keys with window calls ride along with the columns.
fn sort_by_windows(
    planner: &mut Planner<'_>,
    scope: Scope,
    keys: Vec<SortKey>,
    global: bool,
) -> Result<Scope> {
    let items: Vec<Named> =
        scope.visible().map(|c| Named::new(Expr::Column(c.column.clone()), c.name.clone())).collect();
    planner.select(scope, SelectList { items, keys, within: !global, ..SelectList::default() })
}

/// Puts an operator over a scope; columns it uses that the projection at the top leaves out are
/// added to that, and taken away again above the operator.
fn over_below(
    scope: Scope,
    used: &HashSet<Column>,
    build: impl FnOnce(LogicalPlanBuilder) -> Result<LogicalPlan>,
) -> Result<Scope> {
    let schema = scope.plan.schema();
    let missing: Vec<Column> = used.iter().filter(|c| !schema.has_column(c)).cloned().collect();
    if missing.is_empty() {
        let plan = build(LogicalPlanBuilder::from(scope.plan.clone()))?;
        return Ok(scope.with_plan(plan));
    }
    let keep: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let Some(wide) = with_columns_below(scope.plan.clone(), &missing)? else {
        let parts = [display_name(&missing[0].name).to_owned()];
        let candidates: Vec<_> = scope.visible().map(crate::analysis::scope::ScopeColumn::parts).collect();
        return Err(SparkError::column_not_found(&parts, &candidates));
    };
    let plan = build(LogicalPlanBuilder::from(wide))?;
    let plan = LogicalPlanBuilder::from(plan).project(keep)?.build()?;
    Ok(scope.with_plan(plan))
}

/// `limit` and `offset`.
pub(super) fn limit(scope: Scope, skip: i32, fetch: Option<i32>) -> Result<Scope> {
    let count = |n: i32, what: &str| {
        usize::try_from(n).map_err(|_| {
            SparkError::new(
                "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE",
                "42K0E",
                format!(
                    "The limit like expression \"{n}\" is invalid. The {what} expression must be equal to or greater than 0, but got {n}."
                ),
            )
            .with_param("name", what)
            .with_param("expr", format!("\"{n}\""))
            .with_param("v", n.to_string())
        })
    };
    let skip = count(skip, "offset")?;
    let fetch = fetch.map(|n| count(n, "limit")).transpose()?;
    let plan = LogicalPlanBuilder::from(scope.plan.clone()).limit(skip, fetch)?.build()?;
    Ok(Scope { below: None, ..scope.with_plan(plan) })
}

/// `tail`: the last rows, which must be known to be the last.
pub(super) async fn tail(planner: &mut Planner<'_>, scope: Scope, count: i32) -> Result<Scope> {
    let count = usize::try_from(count).unwrap_or(0);
    let plan = Planner::finished(scope)?;
    let schema = std::sync::Arc::clone(plan.schema().inner());
    let batches = planner.env.runner.collect(&planner.session.state, plan).await?;
    let mut left = count;
    let mut last = Vec::new();
    for batch in batches.iter().rev() {
        let rows = batch.num_rows().min(left);
        last.push(batch.slice(batch.num_rows() - rows, rows));
        left -= rows;
    }
    last.reverse();
    local::rows(planner, schema, last)
}
