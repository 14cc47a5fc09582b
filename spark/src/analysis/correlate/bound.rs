//! A query run for all values from outside at once.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprFunctionExt, ExprSchemable, FetchType, Join, Limit, LogicalPlan,
    LogicalPlanBuilder, Projection, SkipType, SubqueryAlias, Union, Window, lit, when,
};

use super::{no_input, same, unsupported};
use crate::analysis::operator::scalar_call;
use crate::error::Result;
use crate::functions::misc::ONLY_ROW;

/// A query that no longer takes anything from outside, and its columns that hold the values it took.
/// The query's own columns come first.
pub(super) struct Bound {
    pub(super) plan: LogicalPlan,
    pub(super) keys: Vec<Column>,
}

impl Bound {
    /// Runs `query` for the values that the columns `outer` of `outside` have. `counter` counts the
    /// names that are made.
    ///
    /// # Errors
    /// UNSUPPORTED_CORRELATED_REFERENCE where the query uses these columns in a way that is not known.
    pub(super) fn bind(
        query: &LogicalPlan,
        outside: &LogicalPlan,
        outer: &[Column],
        counter: &mut usize,
    ) -> Result<Self> {
        Binder { outside, outer, counter }.bind(query)
    }

    /// The same for a query of one column with an error for values that give it several rows.
    pub(super) fn one_row(self) -> Result<Self> {
        let value = self.plan.schema().columns().into_iter().next().ok_or_else(no_input)?;
        let keys: Vec<Expr> = self.keys.iter().cloned().map(Expr::Column).collect();
        let calls = vec![first_value(Expr::Column(value.clone()), vec![]), count(lit(1_i64))];
        let grouped = LogicalPlanBuilder::from(self.plan).aggregate(keys.clone(), calls)?;
        let made = grouped.schema().columns().split_off(keys.len());
        let checked = scalar_call(ONLY_ROW.function(), made.into_iter().map(Expr::Column).collect());
        let mut exprs = vec![checked.alias_qualified(value.relation, value.name)];
        exprs.extend(keys);
        Ok(Self { plan: grouped.project(exprs)?.build()?, keys: self.keys })
    }

    /// An expression of the query, the columns from outside in it now columns of this plan.
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

    fn key_exprs(&self) -> impl Iterator<Item = Expr> {
        self.keys.iter().cloned().map(Expr::Column)
    }
}

struct Binder<'a> {
    outside: &'a LogicalPlan,
    outer: &'a [Column],
    counter: &'a mut usize,
}

impl Binder<'_> {
    fn name(&mut self, what: &str) -> String {
        *self.counter += 1;
        format!("__{what}_{}", self.counter)
    }

    /// The distinct values from outside, under names of their own.
    fn domain(&mut self) -> Result<Bound> {
        let mut exprs = Vec::with_capacity(self.outer.len());
        let mut keys = Vec::with_capacity(self.outer.len());
        for column in self.outer {
            let name = self.name("outer");
            exprs.push(Expr::Column(column.clone()).alias(name.clone()));
            keys.push(Column::from_name(name));
        }
        let plan = LogicalPlanBuilder::from(self.outside.clone()).project(exprs)?.distinct()?.build()?;
        Ok(Bound { plan, keys })
    }

    /// Whether an expression uses a column from outside; it may use those of a query further out.
    fn uses(&self, expr: &Expr) -> bool {
        let ours =
            |e: &Expr| matches!(e, Expr::OuterReferenceColumn(_, column) if self.outer.contains(column));
        expr.exists(|e| Ok(ours(e))).unwrap_or(true)
    }

    fn is_correlated(&self, plan: &LogicalPlan) -> bool {
        plan.all_out_ref_exprs().iter().any(|expr| self.uses(expr))
    }

    fn bind(&mut self, plan: &LogicalPlan) -> Result<Bound> {
        if !self.is_correlated(plan) {
            let values = self.domain()?;
            let joined = LogicalPlanBuilder::from(plan.clone()).cross_join(values.plan)?.build()?;
            return Ok(Bound { plan: joined, keys: values.keys });
        }
        match plan {
            LogicalPlan::Filter(node) => {
                let bound = self.bind(&node.input)?;
                let condition = bound.inside(node.predicate.clone(), self.outer)?;
                Ok(Bound { plan: LogicalPlanBuilder::from(bound.plan).filter(condition)?.build()?, ..bound })
            }
            LogicalPlan::Projection(node) => self.projection(node),
            LogicalPlan::SubqueryAlias(node) => self.alias(node),
            LogicalPlan::Aggregate(node) => self.aggregate(node),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let bound = self.bind(input)?;
                Ok(Bound { plan: LogicalPlanBuilder::from(bound.plan).distinct()?.build()?, ..bound })
            }
            LogicalPlan::Sort(node) if node.fetch.is_none() => self.bind(&node.input),
            LogicalPlan::Join(node) => self.join(node),
            LogicalPlan::Union(node) => self.union(node),
            LogicalPlan::Limit(node) => self.limit(node),
            LogicalPlan::Window(node) => self.window(node),
            LogicalPlan::Unnest(node) => {
                let bound = self.bind(&node.input)?;
                let columns = node.exec_columns.clone();
                let builder = LogicalPlanBuilder::from(bound.plan);
                let plan = builder.unnest_columns_with_options(columns, node.options.clone())?.build()?;
                Ok(Bound { plan, keys: bound.keys })
            }
            other => Err(unsupported(&other.display().to_string())),
        }
    }

    fn projection(&mut self, node: &Projection) -> Result<Bound> {
        let bound = self.bind(&node.input)?;
        let mut exprs = Vec::with_capacity(node.expr.len() + bound.keys.len());
        for (expr, column) in node.expr.iter().zip(node.schema.columns()) {
            let inside = bound.inside(expr.clone(), self.outer)?;
            let same = inside.qualified_name() == (column.relation.clone(), column.name.clone());
            exprs.push(if same { inside } else { inside.alias_qualified(column.relation, column.name) });
        }
        exprs.extend(bound.key_exprs());
        Ok(Bound { plan: LogicalPlanBuilder::from(bound.plan).project(exprs)?.build()?, keys: bound.keys })
    }

    fn alias(&mut self, node: &SubqueryAlias) -> Result<Bound> {
        let bound = self.bind(&node.input)?;
        let plan = LogicalPlanBuilder::from(bound.plan).alias(node.alias.clone())?.build()?;
        let keys = bound.keys.into_iter().map(|key| Column::new(Some(node.alias.clone()), key.name));
        Ok(Bound { plan, keys: keys.collect() })
    }

    /// A join whose rows belong together where the values from outside are the same on both sides. The
    /// side whose rows are all kept has to hold these values.
    fn join(&mut self, node: &Join) -> Result<Bound> {
        let (left_holds, right_holds) = match node.join_type {
            JoinType::Inner => {
                let right = self.is_correlated(&node.right);
                (self.is_correlated(&node.left) || !right, right)
            }
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => {
                (true, self.is_correlated(&node.right))
            }
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => {
                (self.is_correlated(&node.left), true)
            }
            _ => return Err(unsupported("a full outer join")),
        };
        let left = if left_holds { Some(self.bind(&node.left)?) } else { None };
        let right = if right_holds { Some(self.bind(&node.right)?) } else { None };
        let keeps_right =
            matches!(node.join_type, JoinType::Right | JoinType::RightSemi | JoinType::RightAnti);
        let Some(kept) = (if keeps_right { right.as_ref() } else { left.as_ref().or(right.as_ref()) }) else {
            return Err(no_input());
        };
        let mut conditions: Vec<Expr> = Vec::with_capacity(node.on.len() + 1);
        for (l, r) in &node.on {
            conditions.push(match node.null_equality {
                NullEquality::NullEqualsNothing => l.clone().eq(r.clone()),
                NullEquality::NullEqualsNull => super::null_safe(l.clone(), r.clone()),
            });
        }
        conditions.extend(node.filter.clone());
        let mut conditions =
            conditions.into_iter().map(|c| kept.inside(c, self.outer)).collect::<Result<Vec<_>>>()?;
        if let (Some(left), Some(right)) = (&left, &right) {
            conditions.extend(same(&left.keys, &right.keys));
        }
        let keys = kept.keys.clone();
        let plan_of =
            |bound: Option<Bound>, plan: &LogicalPlan| bound.map_or_else(|| plan.clone(), |b| b.plan);
        let (left, right) = (plan_of(left, &node.left), plan_of(right, &node.right));
        let wanted = node.schema.columns().into_iter().chain(keys.iter().cloned()).map(Expr::Column);
        let joined =
            LogicalPlanBuilder::from(left).join_on(right, node.join_type, conditions)?.project(wanted)?;
        Ok(Bound { plan: joined.build()?, keys })
    }

    /// The rows of all inputs, each with the values from outside under the same names.
    fn union(&mut self, node: &Union) -> Result<Bound> {
        let own = node.schema.columns();
        let names: Vec<String> = self.outer.iter().map(|_| self.name("outer")).collect();
        let mut whole: Option<LogicalPlanBuilder> = None;
        for input in &node.inputs {
            let bound = self.bind(input)?;
            let columns = input.schema().columns().into_iter().zip(&own);
            let mut exprs: Vec<Expr> = columns
                .map(|(from, to)| Expr::Column(from).alias_qualified(to.relation.clone(), to.name.clone()))
                .collect();
            exprs.extend(bound.key_exprs().zip(&names).map(|(key, name)| key.alias(name.clone())));
            let part = LogicalPlanBuilder::from(bound.plan).project(exprs)?;
            whole = Some(match whole {
                None => part,
                Some(before) => before.union(part.build()?)?,
            });
        }
        let plan = whole.ok_or_else(no_input)?.build()?;
        let keys = plan.schema().columns().split_off(own.len());
        let outputs = plan.schema().columns().into_iter().zip(own);
        let mut exprs: Vec<Expr> =
            outputs.map(|(from, to)| Expr::Column(from).alias_qualified(to.relation, to.name)).collect();
        exprs.extend(keys.iter().cloned().map(Expr::Column));
        Ok(Bound { plan: LogicalPlanBuilder::from(plan).project(exprs)?.build()?, keys })
    }

    /// Window functions see the rows of one set of values.
    fn window(&mut self, node: &Window) -> Result<Bound> {
        let bound = self.bind(&node.input)?;
        let keys: Vec<Expr> = bound.key_exprs().collect();
        let mut calls = Vec::with_capacity(node.window_expr.len());
        for call in &node.window_expr {
            let inside = bound.inside(call.clone(), self.outer)?;
            let parted = inside.transform(|e| {
                Ok(match e {
                    Expr::WindowFunction(mut function) => {
                        function.params.partition_by.extend(keys.iter().cloned());
                        Transformed::yes(Expr::WindowFunction(function))
                    }
                    other => Transformed::no(other),
                })
            })?;
            calls.push(parted.data);
        }
        let own = node.schema.columns();
        let width = node.input.schema().fields().len();
        let computed = LogicalPlanBuilder::window_plan(bound.plan, calls)?;
        let made = computed.schema().columns().split_off(width + keys.len());
        let mut exprs: Vec<Expr> = own[..width].iter().cloned().map(Expr::Column).collect();
        let named = made.into_iter().zip(&own[width..]);
        exprs.extend(
            named.map(|(from, to)| Expr::Column(from).alias_qualified(to.relation.clone(), to.name.clone())),
        );
        exprs.extend(keys);
        Ok(Bound { plan: LogicalPlanBuilder::from(computed).project(exprs)?.build()?, keys: bound.keys })
    }

    /// A limit becomes one for each set of values: by the number of a row among those of the same values.
    fn limit(&mut self, node: &Limit) -> Result<Bound> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
            (node.get_skip_type()?, node.get_fetch_type()?)
        else {
            return Err(unsupported("a limit that is no literal"));
        };
        let (input, order) = match node.input.as_ref() {
            LogicalPlan::Sort(sort) => (sort.input.as_ref(), sort.expr.clone()),
            // The columns of the order may be none of the projection's.
            LogicalPlan::Projection(columns) if matches!(columns.input.as_ref(), LogicalPlan::Sort(_)) => {
                let input = Arc::clone(&columns.input);
                let below = LogicalPlan::Limit(Limit { input, ..node.clone() });
                return self.projection(&Projection::try_new(columns.expr.clone(), Arc::new(below))?);
            }
            other => (other, Vec::new()),
        };
        let bound = self.bind(input)?;
        let order = order
            .into_iter()
            .map(|key| Ok(key.with_expr(bound.inside(key.expr.clone(), self.outer)?)))
            .collect::<Result<Vec<_>>>()?;
        let number = self.name("number");
        let mut call = row_number().partition_by(bound.key_exprs().collect());
        if !order.is_empty() {
            call = call.order_by(order);
        }
        let call = call.build()?;
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
        let plan = LogicalPlanBuilder::from(numbered)
            .project(with_number)?
            .filter(wanted)?
            .project(columns)?
            .build()?;
        Ok(Bound { plan, keys: bound.keys })
    }

    /// An aggregation becomes one for each set of values; without groups, each set has a row even
    /// where no rows were aggregated.
    fn aggregate(&mut self, node: &Aggregate) -> Result<Bound> {
        let bound = self.bind(&node.input)?;
        if node.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
            return Err(unsupported("grouping sets"));
        }
        let inside = |exprs: &[Expr]| {
            exprs.iter().map(|e| bound.inside(e.clone(), self.outer)).collect::<Result<Vec<_>>>()
        };
        let (groups, aggregates) = (inside(&node.group_expr)?, inside(&node.aggr_expr)?);
        let own = node.schema.columns();
        let keys = bound.keys.clone();
        let all: Vec<Expr> = groups.into_iter().chain(keys.iter().cloned().map(Expr::Column)).collect();
        let width = node.group_expr.len();
        let grouped = LogicalPlanBuilder::from(bound.plan.clone()).aggregate(all, aggregates.clone())?;
        let found = grouped.schema().columns();
        if width > 0 {
            let outputs = found[..width].iter().chain(&found[width + keys.len()..]);
            let mut exprs: Vec<Expr> = outputs
                .zip(own)
                .map(|(column, own)| Expr::Column(column.clone()).alias_qualified(own.relation, own.name))
                .collect();
            exprs.extend(keys.iter().cloned().map(Expr::Column));
            return Ok(Bound { plan: grouped.project(exprs)?.build()?, keys });
        }
        let mark = self.name("found");
        let mut exprs: Vec<Expr> = found.iter().cloned().map(Expr::Column).collect();
        let mut renamed = Vec::with_capacity(keys.len());
        for expr in exprs.iter_mut().take(keys.len()) {
            let name = self.name("outer");
            *expr = expr.clone().alias(name.clone());
            renamed.push(Column::from_name(name));
        }
        exprs.push(lit(true).alias(mark.clone()));
        let grouped = grouped.project(exprs)?.build()?;
        let values = self.domain()?;
        let joined = LogicalPlanBuilder::from(values.plan)
            .join_on(grouped, JoinType::Left, same(&values.keys, &renamed))?
            .build()?;
        let missing = Expr::Column(Column::from_name(mark)).is_null();
        let mut exprs = Vec::with_capacity(own.len() + keys.len());
        for ((column, own), aggregate) in found[keys.len()..].iter().zip(own).zip(&aggregates) {
            let value = Expr::Column(column.clone());
            let empty = match aggregate.clone().unalias() {
                Expr::AggregateFunction(f) => {
                    let data_type = aggregate
                        .get_type(node.input.schema())
                        .or_else(|_| value.get_type(joined.schema()))?;
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
}
