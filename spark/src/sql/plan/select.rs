//! SELECT: select list, WHERE, GROUP BY, HAVING, windows, DISTINCT and the ORDER BY above it.

use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Partitioning};
use datafusion::sql::sqlparser::ast::{self, Distinct, GroupByExpr, OrderBy, OrderByKind, Select, Value};

use super::Planner;
use super::expr::{Names, position_of};
use crate::analysis::Named;
use crate::analysis::scope::{Relation, UniqueNames};
pub(super) use crate::analysis::select::boolean_condition;
use crate::analysis::select::{SelectList, SortKey};
use crate::error::{Result, SparkError};
use crate::sql::parse::parse_hints;

impl Planner<'_> {
    /// A SELECT and the ORDER BY that belongs to it.
    pub(super) fn select(&mut self, select: &Select, order_by: Option<&OrderBy>) -> Result<Relation> {
        let windows = self.windows.len();
        self.windows.extend(select.named_window.iter().map(|w| (w.0.clone(), w.1.clone())));
        let planned = self.select_in_scope(select, order_by);
        self.windows.truncate(windows);
        planned
    }

    fn select_in_scope(&mut self, select: &Select, order_by: Option<&OrderBy>) -> Result<Relation> {
        let mut input = self.from(&select.from)?;
        for view in &select.lateral_views {
            input = self.lateral_view(input, view)?;
        }
        if let Some(condition) = &select.selection {
            let schema = input.plan.schema().clone();
            let named = self.expr(condition, &Names::input(&input.columns, &schema).condition())?;
            let aggregates = find_aggregate_exprs([&named.expr]);
            if !aggregates.is_empty() || !find_window_exprs([&named.expr]).is_empty() {
                return Err(SparkError::new(
                    "INVALID_WHERE_CONDITION",
                    "42903",
                    format!(
                        "The WHERE condition \"{}\" contains invalid expressions: {}.\n\
                         Rewrite the query to avoid window functions, aggregate functions, and generator functions in the WHERE clause.",
                        named.name,
                        aggregates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                    ),
                )
                .at(position_of(condition)));
            }
            let condition = boolean_condition(named, input.schema(), "Filter expression")?;
            input.plan = LogicalPlanBuilder::from(input.plan).filter(condition)?.build()?;
        }
        let schema = input.plan.schema().clone();
        let grouping = Names::input(&input.columns, &schema);
        let grouping = self.grouping_columns(&select.group_by, &select.projection, &grouping);
        self.grouping.push(grouping);
        let planned = self.grouped(select, input, order_by);
        self.grouping.pop();
        planned
    }

    /// The select list and what refers to it.
    fn grouped(&mut self, select: &Select, input: Relation, order_by: Option<&OrderBy>) -> Result<Relation> {
        let (input, items) = self.items(input, &select.projection)?;
        let schema = input.plan.schema().clone();
        let names = Names { select: &items, ..Names::input(&input.columns, &schema) };
        let groups = self.groups(&select.group_by, &names)?;
        let output_first = Names { prefer_select: true, ..names };
        let having = select.having.as_ref();
        let having = having.map(|h| self.expr(h, &output_first.condition())).transpose()?;
        let mut keys = self.order_keys(order_by, &items, &output_first)?;
        // Rows in one order are in order within each partition, too.
        if keys.is_empty() && !select.sort_by.is_empty() {
            keys = self.sort_keys(&select.sort_by, &output_first)?;
        }
        if keys.is_empty() {
            for key in &select.cluster_by {
                keys.push((self.expr(key, &output_first)?, true, true));
            }
        }
        let mut spread = Vec::new();
        for key in &select.distribute_by {
            spread.push(self.expr(key, &output_first)?.expr);
        }
        let mut input_plan = hinted(input.plan.clone(), &select.optimizer_hints)?;
        if !spread.is_empty() && keys.is_empty() && groups.is_empty() {
            let partitions = self.session.state.config_options().execution.target_partitions;
            input_plan = repartitioned(input_plan, Partitioning::Hash(spread, partitions))?;
        }

        let condition = |named: Named| boolean_condition(named, &schema, "Filter expression");
        let having = having.map(condition).transpose()?;
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err(SparkError::unsupported("DISTINCT ON")),
        };
        let grouped = matches!(&select.group_by, GroupByExpr::All(_));
        let list = SelectList { items, groups, grouped, having, qualify: None, keys, distinct };
        let mut unique = UniqueNames::default();
        list.plan(input_plan, &mut |item| unique.claim(&item.name))
    }

    /// ORDER BY: expressions, positions, aliases, ALL.
    pub(super) fn order_keys(
        &mut self,
        order_by: Option<&OrderBy>,
        items: &[Named],
        names: &Names<'_>,
    ) -> Result<Vec<SortKey>> {
        let Some(order_by) = order_by else { return Ok(Vec::new()) };
        match &order_by.kind {
            OrderByKind::All(options) => {
                let asc = options.asc.unwrap_or(true);
                let nulls_first = options.nulls_first.unwrap_or(asc);
                Ok(items.iter().map(|item| (item.clone(), asc, nulls_first)).collect())
            }
            OrderByKind::Expressions(keys) => {
                if let [key] = keys.as_slice()
                    && let ast::Expr::Identifier(ident) = &key.expr
                    && ident.value.eq_ignore_ascii_case("all")
                    && ident.quote_style.is_none()
                {
                    let asc = key.options.asc.unwrap_or(true);
                    let nulls_first = key.options.nulls_first.unwrap_or(asc);
                    return Ok(items.iter().map(|item| (item.clone(), asc, nulls_first)).collect());
                }
                keys.iter()
                    .map(|key| {
                        let Some(position) = ordinal(&key.expr) else {
                            return Ok(self.sort_keys(std::slice::from_ref(key), names)?.remove(0));
                        };
                        let item = position.checked_sub(1).and_then(|i| items.get(i)).ok_or_else(|| {
                            out_of_range("ORDER BY", "ORDER_BY_POS_OUT_OF_RANGE", position, items.len())
                                .at(position_of(&key.expr))
                        })?;
                        let asc = key.options.asc.unwrap_or(true);
                        Ok((item.clone(), asc, key.options.nulls_first.unwrap_or(asc)))
                    })
                    .collect()
            }
        }
    }
}

/// The plan as the hints of a SELECT want it; how relations are joined is the optimiser's choice.
fn hinted(plan: LogicalPlan, hints: &[ast::OptimizerHint]) -> Result<LogicalPlan> {
    let mut plan = plan;
    for hint in hints.iter().flat_map(|hint| parse_hints(&hint.text)) {
        let count = hint.parameters.first().and_then(ordinal).filter(|n| *n > 0);
        if let ("REPARTITION" | "COALESCE" | "REPARTITION_BY_RANGE" | "REBALANCE", Some(count)) =
            (hint.name.as_str(), count)
        {
            plan = repartitioned(plan, Partitioning::RoundRobinBatch(count))?;
        }
    }
    Ok(plan)
}

fn repartitioned(plan: LogicalPlan, partitioning: Partitioning) -> Result<LogicalPlan> {
    Ok(LogicalPlanBuilder::from(plan).repartition(partitioning)?.build()?)
}

pub(super) fn ordinal(expr: &ast::Expr) -> Option<usize> {
    match expr {
        ast::Expr::Value(v) => match &v.value {
            Value::Number(n, false) => n.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn out_of_range(clause: &str, class: &str, index: usize, size: usize) -> SparkError {
    SparkError::new(
        class,
        "42805",
        format!("{clause} position {index} is not in select list (valid range is [1, {size}])."),
    )
    .with_param("index", index.to_string())
    .with_param("size", size.to_string())
}
