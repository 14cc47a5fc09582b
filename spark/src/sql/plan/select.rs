//! SELECT: select list, WHERE, GROUP BY, HAVING, windows, DISTINCT and the ORDER BY above it.

use std::collections::HashSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs, grouping_set_to_exprlist};
use datafusion::logical_expr::{Expr, ExprSchemable, GroupingSet, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    self, Distinct, GroupByExpr, GroupByWithModifier, OrderBy, OrderByKind, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Value, WildcardAdditionalOptions,
};

use super::Planner;
use super::expr::{Names, position_of};
use super::from::Generator;
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames, display_name, ends_with};
use crate::error::{Result, SparkError};
use crate::sql::statement::Name;
use crate::types;

/// A sort key: expression, ascending, nulls first.
type Key = (Named, bool, bool);

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

        let mut plan = input.plan;
        let mut exprs: Vec<Expr> = items.iter().map(|item| item.expr.clone()).collect();
        let mut sorts: Vec<Expr> = keys.iter().map(|(key, _, _)| key.expr.clone()).collect();
        let mut having = having.map(|h| boolean_condition(h, &schema, "Filter expression")).transpose()?;
        let mut qualify = qualify.map(|q| boolean_condition(q, &schema, "Filter expression")).transpose()?;

        let every: Vec<&Expr> =
            exprs.iter().chain(&sorts).chain(having.as_ref()).chain(qualify.as_ref()).collect();
        let aggregates = find_aggregate_exprs(every);
        if !groups.is_empty() || !aggregates.is_empty() || matches!(&select.group_by, GroupByExpr::All(_)) {
            let has_groups = !groups.is_empty();
            let aggregated = Aggregated::new(plan, groups, aggregates, has_groups)?;
            exprs = aggregated.rebase_all(exprs, &items)?;
            sorts = sorts.into_iter().map(|e| aggregated.rebase(e)).collect::<Result<_>>()?;
            having = having.map(|e| aggregated.rebase(e)).transpose()?;
            qualify = qualify.map(|e| aggregated.rebase(e)).transpose()?;
            plan = aggregated.plan;
        }
        if let Some(condition) = having {
            plan = LogicalPlanBuilder::from(plan).filter(condition)?.build()?;
        }
        let windows = find_window_exprs(exprs.iter().chain(&sorts).chain(qualify.as_ref()));
        if !windows.is_empty() {
            plan = LogicalPlanBuilder::window_plan(plan, windows.clone())?;
            let columns = replacements(&windows);
            let replace = |e: Expr| replace(e, &columns);
            exprs = exprs.into_iter().map(replace).collect::<Result<_>>()?;
            sorts = sorts.into_iter().map(replace).collect::<Result<_>>()?;
            qualify = qualify.map(replace).transpose()?;
        }
        if let Some(condition) = qualify {
            plan = LogicalPlanBuilder::from(plan).filter(condition)?.build()?;
        }
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err(SparkError::unsupported("DISTINCT ON")),
        };
        let keys: Vec<(Expr, bool, bool)> =
            sorts.into_iter().zip(keys).map(|(e, (_, asc, nulls))| (e, asc, nulls)).collect();
        output(plan, exprs, &items, distinct, keys)
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
    ) -> Result<Vec<Key>> {
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

/// A condition, which must be boolean.
pub(super) fn boolean_condition(named: Named, schema: &DFSchema, what: &str) -> Result<Expr> {
    let data_type = named.expr.get_type(schema)?;
    match data_type {
        DataType::Boolean => Ok(named.expr),
        DataType::Null => cast(named.expr, &DataType::Boolean, false, schema),
        other => Err(SparkError::type_mismatch(
            if what == "JOIN condition" {
                "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE"
            } else {
                "FILTER_NOT_BOOLEAN"
            },
            &named.name,
            &format!("{what} \"{}\" of type \"{}\" is not a boolean", named.name, types::sql_name(&other)),
        )),
    }
}

/// An aggregation, and how expressions over its input become expressions over its output.
struct Aggregated {
    plan: LogicalPlan,
    columns: Vec<(Expr, Column)>,
    has_groups: bool,
}

impl Aggregated {
    fn new(input: LogicalPlan, groups: Vec<Expr>, aggregates: Vec<Expr>, has_groups: bool) -> Result<Self> {
        let keys: Vec<Expr> = if matches!(groups.as_slice(), [Expr::GroupingSet(_)]) {
            grouping_set_to_exprlist(&groups)?.into_iter().cloned().collect()
        } else {
            groups.clone()
        };
        let mut columns = replacements(&keys);
        columns.extend(replacements(&aggregates));
        let plan = LogicalPlanBuilder::from(input).aggregate(groups, aggregates)?.build()?;
        Ok(Self { plan, columns, has_groups })
    }

    fn rebase_all(&self, exprs: Vec<Expr>, items: &[Named]) -> Result<Vec<Expr>> {
        exprs.into_iter().zip(items).map(|(e, _)| self.rebase(e)).collect()
    }

    /// Groups and aggregates become columns; another column is an error.
    fn rebase(&self, expr: Expr) -> Result<Expr> {
        let expr = replace(expr, &self.columns)?;
        let known: HashSet<Column> = self.plan.schema().columns().into_iter().collect();
        let mut stray = None;
        expr.apply(|e| {
            if let Expr::Column(column) = e
                && !known.contains(column)
            {
                stray = Some(column.clone());
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        match stray {
            None => Ok(expr),
            Some(_) if !self.has_groups => Err(SparkError::new(
                "MISSING_GROUP_BY",
                "42803",
                "The query does not include a GROUP BY clause. Add GROUP BY or turn it into the window functions using OVER clauses.",
            )),
            Some(column) => Err(SparkError::missing_aggregation(display_name(&column.name))),
        }
    }
}

/// Expressions and the columns under which a plan above gives them out.
fn replacements(exprs: &[Expr]) -> Vec<(Expr, Column)> {
    exprs
        .iter()
        .map(|expr| {
            let (relation, name) = expr.qualified_name();
            (expr.clone(), Column::new(relation, name))
        })
        .collect()
}

fn replace(expr: Expr, columns: &[(Expr, Column)]) -> Result<Expr> {
    let replaced = expr.transform_down(|e| {
        Ok(match columns.iter().find(|(from, _)| *from == e) {
            Some((_, column)) => {
                Transformed::new(Expr::Column(column.clone()), true, TreeNodeRecursion::Jump)
            }
            None => Transformed::no(e),
        })
    })?;
    Ok(replaced.data)
}

/// The projection with its names, DISTINCT, and the sort, whose other keys ride along unseen.
fn output(
    plan: LogicalPlan,
    exprs: Vec<Expr>,
    items: &[Named],
    distinct: bool,
    keys: Vec<(Expr, bool, bool)>,
) -> Result<Relation> {
    let mut unique = UniqueNames::default();
    let names: Vec<String> = items.iter().map(|item| unique.claim(&item.name)).collect();
    let mut projection: Vec<Expr> =
        exprs.iter().zip(&names).map(|(e, name)| e.clone().alias(name.clone())).collect();
    let mut sorts = Vec::with_capacity(keys.len());
    for (key, asc, nulls_first) in keys {
        let place = exprs.iter().position(|e| *e == key);
        let name = match place {
            Some(i) => names[i].clone(),
            None if distinct => {
                return Err(SparkError::column_not_found(
                    &[display_name(&key.schema_name().to_string()).to_owned()],
                    &items.iter().map(|item| vec![item.name.clone()]).collect::<Vec<_>>(),
                ));
            }
            None => {
                let name = unique.claim("__sort");
                projection.push(key.alias(name.clone()));
                name
            }
        };
        sorts.push(Sort::new(Expr::Column(Column::from_name(name)), asc, nulls_first));
    }
    let mut builder = LogicalPlanBuilder::from(plan).project(projection)?;
    if distinct {
        builder = builder.distinct()?;
    }
    let rides_along = builder.schema().fields().len() > names.len();
    if !sorts.is_empty() {
        builder = builder.sort(sorts)?;
    }
    if rides_along {
        builder = builder.project(names.iter().map(|n| Expr::Column(Column::from_name(n.clone()))))?;
    }
    let plan = builder.build()?;
    let columns = items
        .iter()
        .zip(names)
        .map(|(item, name)| ScopeColumn {
            qualifier: Vec::new(),
            name: item.name.clone(),
            column: Column::from_name(name),
            hidden: false,
        })
        .collect();
    Ok(Relation { plan, columns })
}
