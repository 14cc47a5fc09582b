//! Correlated subqueries that DataFusion does not turn into joins: their query is run over the
//! distinct values that it takes from outside, and joined with the outer rows on these.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprFunctionExt, ExprSchemable, FetchType, Limit, LogicalPlan,
    LogicalPlanBuilder, Operator, SkipType, lit, when,
};

use crate::error::{Result, SparkError};
use crate::source::numbers::Numbers;

/// Replaces the scalar subqueries of a plan that DataFusion cannot decorrelate.
///
/// # Errors
/// UNSUPPORTED_FEATURE where a subquery uses outer columns in a way that is not known here either.
pub fn resolve(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut counter = 0_usize;
    let mut failure = None;
    let resolved = plan.transform_up_with_subqueries(|node| {
        if failure.is_some() || !matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Projection(_)) {
            return Ok(Transformed::no(node));
        }
        match resolve_node(node, &mut counter) {
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

/// A filter or projection whose difficult subqueries have become columns of its input.
fn resolve_node(node: LogicalPlan, counter: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let mut difficult: Vec<Subquery> = Vec::new();
    let mut several_rows = false;
    for expr in node.expressions() {
        expr.apply(|e| {
            if let Expr::ScalarSubquery(subquery) = e
                && !subquery.outer_ref_columns.is_empty()
                && !is_single(&subquery.subquery)
                && !has_one_row(&subquery.subquery)
                && !matches!(subquery.subquery.as_ref(), LogicalPlan::Limit(_))
            {
                several_rows = true;
            }
            if let Expr::ScalarSubquery(subquery) = e
                && !subquery.outer_ref_columns.is_empty()
                && (has_one_row(&subquery.subquery)
                    || is_single(&subquery.subquery) && !is_easy(&subquery.subquery))
                && !difficult.contains(subquery)
            {
                difficult.push(subquery.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    if several_rows {
        return Err(SparkError::unsupported("a correlated scalar subquery that does not aggregate"));
    }
    if difficult.is_empty() {
        return Ok(Transformed::no(node));
    }
    let original = node.schema().columns();
    let mut input = node.inputs().first().map(|plan| (*plan).clone()).ok_or_else(no_input)?;
    let mut values: Vec<(Subquery, Column)> = Vec::new();
    for subquery in difficult {
        let outer = outer_columns(&subquery.subquery)?;
        if outer.iter().any(|column| !input.schema().has_column(column)) {
            return Ok(Transformed::no(node));
        }
        let bound = bind(&subquery.subquery, &input, &outer, counter)?;
        *counter += 1;
        let name = format!("__scalar_{counter}");
        let value = bound.plan.schema().columns().remove(0);
        let mut exprs = vec![Expr::Column(value).alias(name.clone())];
        exprs.extend(bound.keys.iter().cloned().map(Expr::Column));
        let right = LogicalPlanBuilder::from(bound.plan).project(exprs)?.build()?;
        let condition = same(&outer, &bound.keys);
        input = LogicalPlanBuilder::from(input).join_on(right, JoinType::Left, condition)?.build()?;
        values.push((subquery, Column::from_name(name)));
    }
    let replace = |expr: Expr| -> Result<Expr> {
        let replaced = expr.transform(|e| match &e {
            Expr::ScalarSubquery(subquery) => Ok(match values.iter().find(|(from, _)| from == subquery) {
                Some((_, column)) => Transformed::yes(Expr::Column(column.clone())),
                None => Transformed::no(e),
            }),
            _ => Ok(Transformed::no(e)),
        })?;
        Ok(replaced.data)
    };
    let plan = match node {
        LogicalPlan::Filter(filter) => LogicalPlanBuilder::from(input)
            .filter(replace(filter.predicate)?)?
            .project(original.into_iter().map(Expr::Column))?
            .build()?,
        LogicalPlan::Projection(projection) => {
            let named = projection.expr.into_iter().zip(original).map(|(expr, column)| {
                let replaced = replace(expr)?;
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

/// A join with a query that uses columns of the left side.
///
/// # Errors
/// UNSUPPORTED_FEATURE where the query uses them in a way that is not known here.
pub fn lateral_join(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    condition: Option<Expr>,
) -> Result<LogicalPlan> {
    let wanted = left.schema().join(right.schema())?.columns();
    let outer = outer_columns(&right)?;
    let mut counter = 0;
    let bound = bind(&right, &left, &outer, &mut counter)?;
    let keys = same(&outer, &bound.keys);
    let whole = keys.into_iter().chain(condition);
    let plan = LogicalPlanBuilder::from(left).join_on(bound.plan, join_type, whole)?;
    Ok(plan.project(wanted.into_iter().map(Expr::Column))?.build()?)
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

fn same(outer: &[Column], keys: &[Column]) -> Vec<Expr> {
    let pair = |(outer, key): (&Column, &Column)| {
        Expr::BinaryExpr(BinaryExpr::new(
            Box::new(Expr::Column(outer.clone())),
            Operator::IsNotDistinctFrom,
            Box::new(Expr::Column(key.clone())),
        ))
    };
    outer.iter().zip(keys).map(pair).collect()
}

/// Whether DataFusion turns the query into a join: it takes from outside only what its filter
/// compares with columns for equality.
fn is_easy(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => no_outer(&node.expr) && is_easy(&node.input),
        LogicalPlan::SubqueryAlias(node) => is_easy(&node.input),
        LogicalPlan::Aggregate(node) => {
            no_outer(&node.group_expr) && no_outer(&node.aggr_expr) && is_easy(&node.input)
        }
        LogicalPlan::Filter(node) => {
            let equal = |part: &&Expr| match part {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                    let pure = |inner: &Expr, outer: &Expr| {
                        !inner.contains_outer() && outer.column_refs().is_empty()
                    };
                    pure(left, right) || pure(right, left)
                }
                _ => false,
            };
            let correlated = split_conjunction(&node.predicate).into_iter().filter(|p| p.contains_outer());
            correlated.collect::<Vec<_>>().iter().all(equal) && node.input.all_out_ref_exprs().is_empty()
        }
        other => other.all_out_ref_exprs().is_empty(),
    }
}

fn no_outer(exprs: &[Expr]) -> bool {
    !exprs.iter().any(Expr::contains_outer)
}

/// Whether the query has one row for each set of values from outside: it aggregates without groups.
fn is_single(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => is_single(&node.input),
        LogicalPlan::SubqueryAlias(node) => is_single(&node.input),
        LogicalPlan::Aggregate(node) => node.group_expr.is_empty(),
        _ => false,
    }
}

/// Whether the query reads one row at most, whatever the values from outside.
fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => has_one_row(&node.input),
        LogicalPlan::Filter(node) => has_one_row(&node.input),
        LogicalPlan::SubqueryAlias(node) => has_one_row(&node.input),
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::TableScan(scan) => source_as_provider(&scan.source)
            .ok()
            .and_then(|table| table.downcast_ref::<Numbers>().map(Numbers::rows))
            .is_some_and(|rows| rows <= 1),
        _ => false,
    }
}

/// A query run for all values from outside at once, and the columns that hold these values.
struct Bound {
    plan: LogicalPlan,
    keys: Vec<Column>,
}

/// The distinct values of the outer columns, under names of their own.
fn domain(outer_plan: &LogicalPlan, outer: &[Column], counter: &mut usize) -> Result<Bound> {
    let mut exprs = Vec::with_capacity(outer.len());
    let mut keys = Vec::with_capacity(outer.len());
    for column in outer {
        *counter += 1;
        let name = format!("__outer_{counter}");
        exprs.push(Expr::Column(column.clone()).alias(name.clone()));
        keys.push(Column::from_name(name));
    }
    let plan = LogicalPlanBuilder::from(outer_plan.clone()).project(exprs)?.distinct()?.build()?;
    Ok(Bound { plan, keys })
}

/// The query's own columns first, then the keys.
fn bind(
    plan: &LogicalPlan,
    outer_plan: &LogicalPlan,
    outer: &[Column],
    counter: &mut usize,
) -> Result<Bound> {
    if plan.all_out_ref_exprs().is_empty() {
        let values = domain(outer_plan, outer, counter)?;
        let joined = LogicalPlanBuilder::from(plan.clone()).cross_join(values.plan)?.build()?;
        return Ok(Bound { plan: joined, keys: values.keys });
    }
    match plan {
        LogicalPlan::Filter(node) => {
            let bound = bind(&node.input, outer_plan, outer, counter)?;
            let condition = bound.inside(node.predicate.clone(), outer)?;
            Ok(Bound { plan: LogicalPlanBuilder::from(bound.plan).filter(condition)?.build()?, ..bound })
        }
        LogicalPlan::Projection(node) => {
            let bound = bind(&node.input, outer_plan, outer, counter)?;
            let mut exprs = Vec::with_capacity(node.expr.len() + bound.keys.len());
            for (expr, column) in node.expr.iter().zip(node.schema.columns()) {
                let inside = bound.inside(expr.clone(), outer)?;
                let same = inside.qualified_name() == (column.relation.clone(), column.name.clone());
                exprs.push(if same { inside } else { inside.alias_qualified(column.relation, column.name) });
            }
            exprs.extend(bound.keys.iter().cloned().map(Expr::Column));
            Ok(Bound { plan: LogicalPlanBuilder::from(bound.plan).project(exprs)?.build()?, ..bound })
        }
        LogicalPlan::SubqueryAlias(node) => {
            let bound = bind(&node.input, outer_plan, outer, counter)?;
            let plan = LogicalPlanBuilder::from(bound.plan).alias(node.alias.clone())?.build()?;
            let keys = bound.keys.into_iter().map(|key| Column::new(Some(node.alias.clone()), key.name));
            Ok(Bound { plan, keys: keys.collect() })
        }
        LogicalPlan::Aggregate(node) => aggregate(node, outer_plan, outer, counter),
        LogicalPlan::Distinct(_) => {
            let input = plan.inputs().first().map(|input| (*input).clone()).ok_or_else(no_input)?;
            let bound = bind(&input, outer_plan, outer, counter)?;
            Ok(Bound { plan: LogicalPlanBuilder::from(bound.plan).distinct()?.build()?, ..bound })
        }
        LogicalPlan::Sort(node) if node.fetch.is_none() => bind(&node.input, outer_plan, outer, counter),
        LogicalPlan::Join(node) if node.join_type == JoinType::Inner => {
            let (first, second) = (&node.left, &node.right);
            let swapped = first.all_out_ref_exprs().is_empty();
            let (with, without) = if swapped { (second, first) } else { (first, second) };
            if !without.all_out_ref_exprs().is_empty() {
                return Err(unsupported("both sides of a join"));
            }
            let bound = bind(with, outer_plan, outer, counter)?;
            let mut conditions: Vec<Expr> = Vec::new();
            for (l, r) in &node.on {
                conditions.push(l.clone().eq(r.clone()));
            }
            conditions.extend(node.filter.clone());
            let conditions =
                conditions.into_iter().map(|c| bound.inside(c, outer)).collect::<Result<Vec<_>>>()?;
            let joined = LogicalPlanBuilder::from(bound.plan)
                .join_on(without.as_ref().clone(), JoinType::Inner, conditions)?
                .project(
                    plan.schema().columns().into_iter().chain(bound.keys.iter().cloned()).map(Expr::Column),
                )?
                .build()?;
            Ok(Bound { plan: joined, keys: bound.keys })
        }
        LogicalPlan::Limit(node) => limit(node, outer_plan, outer, counter),
        LogicalPlan::Unnest(node) => {
            let bound = bind(&node.input, outer_plan, outer, counter)?;
            let columns = node.exec_columns.clone();
            let builder = LogicalPlanBuilder::from(bound.plan);
            let plan = builder.unnest_columns_with_options(columns, node.options.clone())?.build()?;
            Ok(Bound { plan, keys: bound.keys })
        }
        other => Err(unsupported(&other.display().to_string())),
    }
}

/// A limit becomes one for each set of values: by the number of a row among those of the same values.
fn limit(node: &Limit, outer_plan: &LogicalPlan, outer: &[Column], counter: &mut usize) -> Result<Bound> {
    let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
        (node.get_skip_type()?, node.get_fetch_type()?)
    else {
        return Err(unsupported("a limit that is no literal"));
    };
    let (input, order) = match node.input.as_ref() {
        LogicalPlan::Sort(sort) => (sort.input.as_ref(), sort.expr.clone()),
        other => (other, Vec::new()),
    };
    let bound = bind(input, outer_plan, outer, counter)?;
    let order = order
        .into_iter()
        .map(|key| Ok(key.with_expr(bound.inside(key.expr.clone(), outer)?)))
        .collect::<Result<Vec<_>>>()?;
    *counter += 1;
    let number = format!("__number_{counter}");
    let call = row_number()
        .partition_by(bound.keys.iter().cloned().map(Expr::Column).collect())
        .order_by(order)
        .build()?;
    let columns: Vec<Expr> = bound.plan.schema().columns().into_iter().map(Expr::Column).collect();
    let (relation, name) = call.qualified_name();
    let mut with_number = columns.clone();
    with_number.push(Expr::Column(Column::new(relation, name)).alias(number.clone()));
    let numbered = LogicalPlanBuilder::window_plan(bound.plan, vec![call])?;
    let number = Expr::Column(Column::from_name(number));
    let mut wanted = number.clone().gt(lit(skip as u64));
    if let Some(fetch) = fetch {
        wanted = wanted.and(number.lt_eq(lit(skip.saturating_add(fetch) as u64)));
    }
    let plan =
        LogicalPlanBuilder::from(numbered).project(with_number)?.filter(wanted)?.project(columns)?.build()?;
    Ok(Bound { plan, keys: bound.keys })
}

/// An aggregation becomes one for each set of values; without groups, each set has a row even
/// where no rows were aggregated.
fn aggregate(
    node: &Aggregate,
    outer_plan: &LogicalPlan,
    outer: &[Column],
    counter: &mut usize,
) -> Result<Bound> {
    let bound = bind(&node.input, outer_plan, outer, counter)?;
    if node.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
        return Err(unsupported("grouping sets"));
    }
    let inside =
        |exprs: &[Expr]| exprs.iter().map(|e| bound.inside(e.clone(), outer)).collect::<Result<Vec<_>>>();
    let (groups, aggregates) = (inside(&node.group_expr)?, inside(&node.aggr_expr)?);
    let own = node.schema.columns();
    let keys = bound.keys.clone();
    let all: Vec<Expr> = groups.into_iter().chain(keys.iter().cloned().map(Expr::Column)).collect();
    let width = node.group_expr.len();
    let grouped = LogicalPlanBuilder::from(bound.plan.clone()).aggregate(all, aggregates.clone())?;
    let found = grouped.schema().columns();
    let outputs = found[..width].iter().chain(&found[width + keys.len()..]);
    if width > 0 {
        let mut exprs: Vec<Expr> = outputs
            .zip(own)
            .map(|(column, own)| Expr::Column(column.clone()).alias_qualified(own.relation, own.name))
            .collect();
        exprs.extend(keys.iter().cloned().map(Expr::Column));
        return Ok(Bound { plan: grouped.project(exprs)?.build()?, keys });
    }
    *counter += 1;
    let mark = format!("__found_{counter}");
    let mut exprs: Vec<Expr> = found.iter().cloned().map(Expr::Column).collect();
    let mut renamed = Vec::with_capacity(keys.len());
    for (expr, key) in exprs.iter_mut().zip(&keys) {
        let name = format!("{}_{counter}", key.name);
        *expr = expr.clone().alias(name.clone());
        renamed.push(Column::from_name(name));
    }
    exprs.push(lit(true).alias(mark.clone()));
    let grouped = grouped.project(exprs)?.build()?;
    let values = domain(outer_plan, outer, counter)?;
    let joined = LogicalPlanBuilder::from(values.plan)
        .join_on(grouped, JoinType::Left, same(&values.keys, &renamed))?
        .build()?;
    let missing = Expr::Column(Column::from_name(mark)).is_null();
    let mut exprs = Vec::with_capacity(own.len() + keys.len());
    for ((column, own), aggregate) in found[keys.len()..].iter().zip(own).zip(&aggregates) {
        let value = Expr::Column(column.clone());
        let empty = match aggregate.clone().unalias() {
            Expr::AggregateFunction(f) => {
                let data_type =
                    aggregate.get_type(node.input.schema()).or_else(|_| value.get_type(joined.schema()))?;
                f.func.default_value(&data_type)?
            }
            _ => return Err(unsupported("this aggregate")),
        };
        let value =
            if empty.is_null() { value } else { when(missing.clone(), lit(empty)).otherwise(value)? };
        exprs.push(value.alias_qualified(own.relation, own.name));
    }
    exprs.extend(values.keys.iter().cloned().map(Expr::Column));
    Ok(Bound { plan: LogicalPlanBuilder::from(joined).project(exprs)?.build()?, keys: values.keys })
}

impl Bound {
    /// An expression of the query, the outer columns in it now columns of this plan.
    fn inside(&self, expr: Expr, outer: &[Column]) -> Result<Expr> {
        let moved = expr.transform(|e| match &e {
            Expr::OuterReferenceColumn(_, column) => Ok(match outer.iter().position(|o| o == column) {
                Some(i) => Transformed::yes(Expr::Column(self.keys[i].clone())),
                None => Transformed::no(e),
            }),
            _ => Ok(Transformed::no(e)),
        })?;
        Ok(moved.data)
    }
}

fn no_input() -> SparkError {
    SparkError::internal("a plan node without input")
}

fn unsupported(what: &str) -> SparkError {
    SparkError::new(
        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_REFERENCE",
        "0A000",
        format!("Unsupported subquery expression: a correlated reference inside {what}."),
    )
}
