//! SELECT: select list, WHERE, GROUP BY, HAVING, windows, DISTINCT and the ORDER BY above it.

use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{LogicalPlanBuilder, Partitioning};
use datafusion::sql::sqlparser::ast::{self, Distinct, GroupByExpr, OrderBy, OrderByKind, Select, Value};

use super::expr::{Names, position_of};
use super::{Planner, hint};
use crate::analysis::Named;
use crate::analysis::scope::{Relation, UniqueNames};
pub(super) use crate::analysis::select::boolean_condition;
use crate::analysis::select::{SelectList, SortKey};
use crate::error::{Result, SparkError};
use crate::sql::parse::{Hint, parse_hints};

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
        let hints: Vec<Hint> =
            select.optimizer_hints.iter().flat_map(|hint| parse_hints(&hint.text)).collect();
        self.join_hints.push(hint::of_relations(&hints));
        let input = self.from(&select.from);
        self.join_hints.pop();
        let mut input = input?;
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
        let planned = self.grouped(select, input, order_by, &hints);
        self.grouping.pop();
        planned
    }

    /// The select list and what refers to it.
    fn grouped(
        &mut self,
        select: &Select,
        input: Relation,
        order_by: Option<&OrderBy>,
        hints: &[Hint],
    ) -> Result<Relation> {
        let (input, items) = self.items(input, &select.projection)?;
        let schema = input.plan.schema().clone();
        let names = Names { select: &items, ..Names::input(&input.columns, &schema) };
        let groups = self.groups(&select.group_by, &names)?;
        let output_first = Names { prefer_select: true, ..names };
        let having = select.having.as_ref();
        let having = having.map(|h| self.expr(h, &output_first.condition())).transpose()?;
        let mut keys = self.order_keys(order_by, &items, &output_first)?;
        let within = keys.is_empty();
        if within && !select.sort_by.is_empty() {
            keys = self.sort_keys(&select.sort_by, &output_first)?;
        } else if within {
            for key in &select.cluster_by {
                keys.push((self.expr(key, &output_first)?, true, true));
            }
        }
        let mut spread = Vec::new();
        for key in select.distribute_by.iter().chain(&select.cluster_by) {
            spread.push(self.expr(key, &output_first)?.expr);
        }
        let mut input_plan = input.plan.clone();
        if !spread.is_empty() && within && groups.is_empty() {
            let partitions = self.session.state.config_options().execution.target_partitions;
            let scheme = Partitioning::Hash(spread, partitions);
            input_plan = LogicalPlanBuilder::from(input_plan).repartition(scheme)?.build()?;
        }
        // Hints mean what the list gives out, below what orders it.
        let hinted_below = !keys.is_empty();
        if hinted_below {
            input_plan = self.with_partitions(input_plan, hints, &output_first)?;
        }

        let condition = |named: Named| boolean_condition(named, &schema, "Filter expression");
        let having = having.map(condition).transpose()?;
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err(SparkError::unsupported("DISTINCT ON")),
        };
        let grouped = matches!(&select.group_by, GroupByExpr::All(_));
        let list = SelectList { items, groups, grouped, having, qualify: None, keys, within, distinct };
        let mut unique = UniqueNames::default();
        let mut relation = list.plan(input_plan, &mut |item| unique.claim(&item.name))?;
        if !hinted_below && !hints.is_empty() {
            let schema = relation.plan.schema().clone();
            let names = Names::input(&relation.columns, &schema);
            relation.plan = self.with_partitions(relation.plan.clone(), hints, &names)?;
        }
        Ok(relation)
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
                let places = self.session.is_on("spark.sql.orderByOrdinal");
                keys.iter()
                    .map(|key| {
                        let Some(position) = ordinal(&key.expr).filter(|_| places) else {
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
