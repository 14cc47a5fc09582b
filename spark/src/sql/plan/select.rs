//! SELECT: select list, WHERE, GROUP BY, HAVING, windows, DISTINCT and the ORDER BY above it.

use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    self, Distinct, GroupByExpr, GroupByWithModifier, OrderBy, OrderByKind, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Value, WildcardAdditionalOptions,
};

use super::Planner;
use super::expr::{Names, position_of};
use super::from::Generator;
use crate::analysis::Named;
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames, ends_with};
pub(super) use crate::analysis::select::boolean_condition;
use crate::analysis::select::{SelectList, SortKey};
use crate::error::{Result, SparkError};
use crate::sql::statement::Name;

impl Planner<'_> {
    /// A SELECT and the ORDER BY that belongs to it.
    pub(super) fn select(&mut self, select: &Select, order_by: Option<&OrderBy>) -> Result<Relation> {
        refuse(select)?;
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
            let named = self.expr(condition, &Names::input(&input.columns, input.schema()))?;
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
        let (input, items) = self.items(input, &select.projection)?;
        let schema = input.plan.schema().clone();
        let names = Names { columns: &input.columns, schema: &schema, select: &items, prefer_select: false };
        let groups = self.groups(&select.group_by, &names)?;
        let output_first = Names { prefer_select: true, ..names };
        let having = select.having.as_ref().map(|h| self.expr(h, &output_first)).transpose()?;
        let qualify = select.qualify.as_ref().map(|q| self.expr(q, &output_first)).transpose()?;
        let mut keys = self.order_keys(order_by, &items, &output_first)?;
        if !select.sort_by.is_empty() {
            keys = self.sort_keys(&select.sort_by, &output_first)?;
        }

        let condition = |named: Named| boolean_condition(named, &schema, "Filter expression");
        let having = having.map(condition).transpose()?;
        let qualify = qualify.map(condition).transpose()?;
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err(SparkError::unsupported("DISTINCT ON")),
        };
        let grouped = matches!(&select.group_by, GroupByExpr::All(_));
        let list = SelectList { items, groups, grouped, having, qualify, keys, distinct };
        let mut unique = UniqueNames::default();
        list.plan(input.plan, &mut |item| unique.claim(&item.name))
    }

    /// The select list: stars expanded, generators made columns of the input.
    fn items(&mut self, input: Relation, projection: &[SelectItem]) -> Result<(Relation, Vec<Named>)> {
        let mut input = input;
        let mut items: Vec<Named> = Vec::new();
        let own = input.columns.clone();
        for item in projection {
            let (expr, alias) = match item {
                SelectItem::Wildcard(options) => {
                    items.extend(self.star(&own, &[], options)?);
                    continue;
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
                        return Err(SparkError::unsupported("expanding the fields of a struct by a star"));
                    };
                    items.extend(self.star(&own, &Name::new(name).parts, options)?);
                    continue;
                }
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.value.clone())),
                SelectItem::ExprWithAliases { .. } => {
                    return Err(SparkError::unsupported("several aliases of one expression"));
                }
            };
            if let ast::Expr::Function(function) = expr
                && let Some(generator) = Generator::of(function)
            {
                let (relation, column) = self.generate(input, &generator, false, alias.as_deref())?;
                input = Relation { plan: relation.plan, columns: own.clone() };
                items.push(Named::new(Expr::Column(column), alias.unwrap_or_else(|| "col".to_owned())));
                continue;
            }
            let names =
                Names { columns: &own, schema: input.plan.schema(), select: &items, prefer_select: false };
            let mut named = self.expr(expr, &names)?;
            if let Some(alias) = alias {
                named.name = alias;
            } else if let ast::Expr::Cast { expr: inner, .. } = expr
                && let ast::Expr::Identifier(ident) = inner.as_ref()
            {
                named.name.clone_from(&ident.value);
            } else if let ast::Expr::Cast { expr: inner, .. } = expr
                && let ast::Expr::CompoundIdentifier(idents) = inner.as_ref()
                && let Some(last) = idents.last()
            {
                named.name.clone_from(&last.value);
            }
            items.push(named);
        }
        Ok((input, items))
    }

    /// The columns of `*` or `qualifier.*`, without those after EXCEPT.
    fn star(
        &self,
        columns: &[ScopeColumn],
        qualifier: &[String],
        options: &WildcardAdditionalOptions,
    ) -> Result<Vec<Named>> {
        let case = self.session.case;
        if options.opt_replace.is_some() || options.opt_rename.is_some() || options.opt_ilike.is_some() {
            return Err(SparkError::unsupported("REPLACE, RENAME and ILIKE after a star"));
        }
        let left_out: Vec<&str> = options.opt_except.as_ref().map_or_else(Vec::new, |except| {
            std::iter::once(&except.first_element)
                .chain(&except.additional_elements)
                .map(|ident| ident.value.as_str())
                .collect()
        });
        let found: Vec<&ScopeColumn> = columns
            .iter()
            .filter(|c| !c.hidden || !qualifier.is_empty())
            .filter(|c| qualifier.is_empty() || ends_with(&c.qualifier, qualifier, case))
            .collect();
        if found.is_empty() {
            return Err(if qualifier.is_empty() {
                SparkError::new(
                    "INVALID_USAGE_OF_STAR_OR_REGEX",
                    "42000",
                    "Invalid usage of '*' in expression: there are no columns.",
                )
            } else {
                let target = qualifier.join(".");
                SparkError::new(
                    "CANNOT_RESOLVE_STAR_EXPAND",
                    "42704",
                    format!(
                        "Cannot resolve {}.* given input columns {}. Please check that the specified table or struct exists and is accessible in the input columns.",
                        crate::error::quote(&target),
                        columns.iter().map(|c| crate::error::quote(&c.name)).collect::<Vec<_>>().join(", ")
                    ),
                )
            });
        }
        Ok(found
            .into_iter()
            .filter(|c| !left_out.iter().any(|name| case.same(name, &c.name)))
            .map(|c| Named::new(Expr::Column(c.column.clone()), c.name.clone()))
            .collect())
    }

    /// GROUP BY: expressions, positions, aliases, ALL, ROLLUP, CUBE, GROUPING SETS.
    fn groups(&mut self, group_by: &GroupByExpr, names: &Names<'_>) -> Result<Vec<Expr>> {
        let (exprs, modifiers) = match group_by {
            GroupByExpr::All(modifiers) => {
                let plain = names
                    .select
                    .iter()
                    .filter(|item| find_aggregate_exprs([&item.expr]).is_empty())
                    .map(|item| item.expr.clone())
                    .collect();
                (plain, modifiers)
            }
            GroupByExpr::Expressions(exprs, modifiers) => {
                let mut groups = Vec::new();
                for expr in exprs {
                    let group = match expr {
                        ast::Expr::Rollup(sets) => {
                            Expr::GroupingSet(GroupingSet::Rollup(self.flat_group(sets, names)?))
                        }
                        ast::Expr::Cube(sets) => {
                            Expr::GroupingSet(GroupingSet::Cube(self.flat_group(sets, names)?))
                        }
                        ast::Expr::GroupingSets(sets) => {
                            let sets: Result<Vec<Vec<Expr>>> =
                                sets.iter().map(|set| self.group_set(set, names)).collect();
                            Expr::GroupingSet(GroupingSet::GroupingSets(sets?))
                        }
                        expr => self.group(expr, names)?,
                    };
                    if !groups.contains(&group) {
                        groups.push(group);
                    }
                }
                (groups, modifiers)
            }
        };
        match modifiers.as_slice() {
            [] => Ok(exprs),
            [GroupByWithModifier::Rollup] => Ok(vec![Expr::GroupingSet(GroupingSet::Rollup(exprs))]),
            [GroupByWithModifier::Cube] => Ok(vec![Expr::GroupingSet(GroupingSet::Cube(exprs))]),
            _ => Err(SparkError::unsupported("this GROUP BY modifier")),
        }
    }

    fn group_set(&mut self, set: &[ast::Expr], names: &Names<'_>) -> Result<Vec<Expr>> {
        set.iter().map(|expr| self.group(expr, names)).collect()
    }

    fn flat_group(&mut self, sets: &[Vec<ast::Expr>], names: &Names<'_>) -> Result<Vec<Expr>> {
        sets.iter()
            .map(|set| match set.as_slice() {
                [single] => self.group(single, names),
                _ => Err(SparkError::unsupported("composite columns in ROLLUP and CUBE")),
            })
            .collect()
    }

    fn group(&mut self, expr: &ast::Expr, names: &Names<'_>) -> Result<Expr> {
        if let Some(position) = ordinal(expr) {
            let size = names.select.len();
            let item = position.checked_sub(1).and_then(|i| names.select.get(i));
            let Some(item) = item else {
                return Err(out_of_range("GROUP BY", "GROUP_BY_POS_OUT_OF_RANGE", position, size)
                    .at(position_of(expr)));
            };
            if !find_aggregate_exprs([&item.expr]).is_empty() {
                return Err(SparkError::new(
                    "GROUP_BY_POS_AGGREGATE",
                    "42903",
                    format!(
                        "GROUP BY {position} refers to an expression {} that contains an aggregate function. Aggregate functions are not allowed in GROUP BY.",
                        item.name
                    ),
                )
                .at(position_of(expr)));
            }
            return Ok(item.expr.clone());
        }
        let named = self.expr(expr, names)?;
        if !find_aggregate_exprs([&named.expr]).is_empty() {
            return Err(SparkError::new(
                "GROUP_BY_AGGREGATE",
                "42903",
                format!("Aggregate functions are not allowed in GROUP BY, but found {}.", named.name),
            )
            .at(position_of(expr)));
        }
        Ok(named.expr)
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

/// Parts of the parser's SELECT that are other systems'.
fn refuse(select: &Select) -> Result<()> {
    let foreign = [
        (select.top.is_some(), "TOP"),
        (select.into.is_some(), "SELECT INTO"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
        (select.value_table_mode.is_some(), "SELECT AS VALUE"),
    ];
    match foreign.iter().find(|(found, _)| *found) {
        Some((_, feature)) => Err(SparkError::unsupported(feature)),
        None => Ok(()),
    }
}

fn ordinal(expr: &ast::Expr) -> Option<usize> {
    match expr {
        ast::Expr::Value(v) => match &v.value {
            Value::Number(n, false) => n.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn out_of_range(clause: &str, class: &str, index: usize, size: usize) -> SparkError {
    SparkError::new(
        class,
        "42805",
        format!("{clause} position {index} is not in select list (valid range is [1, {size}])."),
    )
    .with_param("index", index.to_string())
    .with_param("size", size.to_string())
}
