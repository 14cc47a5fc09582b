//! A select list over a plan: aggregates, windows, output names, DISTINCT and the sort above it.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs, grouping_set_to_exprlist};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection};

use super::cast::cast;
use super::scope::{Relation, ScopeColumn, UniqueNames, display_name};
use super::{Named, interval, time_window};
use crate::error::{Result, SparkError};
use crate::functions::kernel::Kernel;
use crate::functions::{misc, partition, random};
use crate::layout::{Layout, LayoutNode};
use crate::python::PythonScalar;
use crate::types;

/// A sort key: expression, ascending, nulls first.
pub type SortKey = (Named, bool, bool);

/// A select list and the clauses whose expressions mean the columns of its input.
#[derive(Debug, Clone, Default)]
pub struct SelectList {
    /// The columns to give out.
    pub items: Vec<Named>,
    /// What rows are grouped by; several, or one grouping set.
    pub groups: Vec<Expr>,
    /// Rows are aggregated even without groups and aggregate functions.
    pub grouped: bool,
    /// A condition on groups.
    pub having: Option<Expr>,
    /// A condition on the results of window functions.
    pub qualify: Option<Expr>,
    /// The order of the rows.
    pub keys: Vec<SortKey>,
    /// That order is one within each partition.
    pub within: bool,
    /// Rows that are the same are given out once.
    pub distinct: bool,
}

impl SelectList {
    /// The plan that gives out the items; `claim` says under which name each goes into the plan.
    ///
    /// # Errors
    /// MISSING_AGGREGATION, MISSING_GROUP_BY.
    pub fn plan(self, input: LogicalPlan, claim: &mut dyn FnMut(&Named) -> String) -> Result<Relation> {
        let Self { items, mut groups, grouped, mut having, mut qualify, keys, within, distinct } = self;
        let mut plan = input;
        // What aggregates and windows give has no units on its own.
        let marked = |named: &Named| interval::marked(named.expr.clone(), plan.schema());
        let mut exprs: Vec<Expr> = items.iter().map(marked).collect::<Result<_>>()?;
        let mut sorts: Vec<Expr> = keys.iter().map(|(key, _, _)| marked(key)).collect::<Result<_>>()?;
        let windows = time_window::over(plan, &groups, exprs.iter().chain(&sorts).chain(having.as_ref()))?;
        let made = windows.columns;
        plan = windows.plan;
        if !made.is_empty() {
            let replace = |e: Expr| replace(e, &made);
            groups = groups.into_iter().map(replace).collect::<Result<_>>()?;
            exprs = exprs.into_iter().map(replace).collect::<Result<_>>()?;
            sorts = sorts.into_iter().map(replace).collect::<Result<_>>()?;
            having = having.map(replace).transpose()?;
            qualify = qualify.map(replace).transpose()?;
        }
        let every: Vec<&Expr> =
            exprs.iter().chain(&sorts).chain(having.as_ref()).chain(qualify.as_ref()).collect();
        let aggregates = find_aggregate_exprs(every);
        aggregates.iter().try_for_each(plain_arguments)?;
        if grouped || !groups.is_empty() || !aggregates.is_empty() {
            let has_groups = !groups.is_empty();
            let aggregated = Aggregated::new(plan, groups, aggregates, has_groups)?;
            let rebase = |e: Expr| aggregated.rebase(e);
            exprs = exprs.into_iter().map(rebase).collect::<Result<_>>()?;
            sorts = sorts.into_iter().map(rebase).collect::<Result<_>>()?;
            having = having.map(rebase).transpose()?;
            qualify = qualify.map(rebase).transpose()?;
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
        let keys = sorts.into_iter().zip(keys).map(|(e, (_, asc, nulls))| (e, asc, nulls)).collect();
        output(plan, exprs, &items, distinct, (keys, within), claim)
    }
}

/// A projection. Where all its columns are the input's own, nothing is looked for further down:
/// the builder searches the whole plan for each column, which long chains cannot afford.
///
/// # Errors
/// DataFusion's, as for columns that share a name.
pub fn project(input: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> =
        exprs.into_iter().map(|expr| interval::marked(expr, input.schema())).collect::<Result<_>>()?;
    let mut plain =
        matches!(input, LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::TableScan(_));
    if plain {
        let known: HashSet<(Option<&TableReference>, &str)> =
            input.schema().iter().map(|(qualifier, field)| (qualifier, field.name().as_str())).collect();
        for expr in &exprs {
            expr.apply(|e| {
                if let Expr::Column(column) = e {
                    plain &= known.contains(&(column.relation.as_ref(), column.name.as_str()));
                }
                Ok(if plain { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
            })?;
        }
    }
    if plain {
        return Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?));
    }
    Ok(LogicalPlanBuilder::from(input).project(exprs)?.build()?)
}

/// A condition, which must be boolean.
pub fn boolean_condition(named: Named, schema: &DFSchema, what: &str) -> Result<Expr> {
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
        // DataFusion's names leave casts out, so that different aggregates can share one.
        let mut names = UniqueNames::default();
        let mut named = Vec::with_capacity(aggregates.len());
        let order = order_of(&input);
        for aggregate in aggregates {
            let (relation, name) = aggregate.qualified_name();
            let unique = names.claim(&name);
            if let Some(ordered) = order.as_deref().and_then(|order| in_order(&aggregate, order)) {
                columns.push((aggregate, Column::from_name(unique.clone())));
                named.push(ordered.alias(unique));
            } else if unique == name {
                columns.push((aggregate.clone(), Column::new(relation, name)));
                named.push(aggregate);
            } else {
                columns.push((aggregate.clone(), Column::from_name(unique.clone())));
                named.push(aggregate.alias(unique));
            }
        }
        let plan = LogicalPlanBuilder::from(input).aggregate(groups, named)?.build()?;
        Ok(Self { plan, columns, has_groups })
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

/// Functions that Spark calls non-deterministic.
static NONDETERMINISTIC: [&Kernel; 10] = [
    &random::RAND,
    &random::RANDN,
    &random::RANDSTR,
    &random::SHUFFLE,
    &misc::UUID,
    &partition::PARTITION_ID,
    &partition::ROW_ID,
    &partition::FILE_NAME,
    &partition::FILE_BLOCK_START,
    &partition::FILE_BLOCK_LENGTH,
];

/// Fails where an argument of an aggregate may be another value each time, or is one of an aggregate.
fn plain_arguments(aggregate: &Expr) -> Result<()> {
    let changes = |e: &Expr| match e {
        Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<PythonScalar>() {
            Some(stand_in) => !stand_in.function.deterministic,
            None => NONDETERMINISTIC.iter().any(|kernel| kernel.name == call.func.name()),
        },
        _ => false,
    };
    let Expr::AggregateFunction(call) = aggregate else { return Ok(()) };
    for argument in &call.params.args {
        if argument.exists(|e| Ok(matches!(e, Expr::AggregateFunction(_))))? {
            return Err(SparkError::new(
                "NESTED_AGGREGATE_FUNCTION",
                "42607",
                "It is not allowed to use an aggregate function in the argument of another aggregate function. \
                 Please use the inner aggregate function in a sub-query.",
            ));
        }
        if argument.exists(|e| Ok(changes(e)))? {
            let text = format!("\"{aggregate}\"");
            return Err(SparkError::new(
                "AGGREGATE_FUNCTION_WITH_NONDETERMINISTIC_EXPRESSION",
                "42845",
                format!(
                    "Non-deterministic expression {text} should not appear in the arguments of an aggregate function."
                ),
            )
            .with_param("sqlExpr", text));
        }
    }
    Ok(())
}

/// The order in which a plan gives its rows, where that is told by its columns.
fn order_of(plan: &LogicalPlan) -> Option<Vec<Sort>> {
    match plan {
        LogicalPlan::Sort(sort) => Some(sort.expr.clone()),
        LogicalPlan::Filter(filter) => order_of(&filter.input),
        _ => None,
    }
}

/// `first` and `last` of sorted rows: DataFusion drops a sort that nothing asks for.
fn in_order(aggregate: &Expr, order: &[Sort]) -> Option<Expr> {
    let Expr::AggregateFunction(call) = aggregate else { return None };
    let asks = matches!(call.func.name(), "first_value" | "last_value");
    if !asks || call.params.distinct || !call.params.order_by.is_empty() {
        return None;
    }
    let mut call = call.clone();
    call.params.order_by = order.to_vec();
    Some(Expr::AggregateFunction(call))
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

/// An expression in which those that have a column are that column.
///
/// # Errors
/// DataFusion's.
pub fn replace(expr: Expr, columns: &[(Expr, Column)]) -> Result<Expr> {
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
    (keys, within): (Vec<(Expr, bool, bool)>, bool),
    claim: &mut dyn FnMut(&Named) -> String,
) -> Result<Relation> {
    let names: Vec<String> = items.iter().map(&mut *claim).collect();
    let mut projection: Vec<Expr> =
        exprs.iter().zip(&names).map(|(e, name)| renamed(e.clone(), name)).collect();
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
                let name = claim(&Named::new(key.clone(), "__sort"));
                projection.push(renamed(key, &name));
                name
            }
        };
        sorts.push(Sort::new(Expr::Column(Column::from_name(name)), asc, nulls_first));
    }
    let mut builder = LogicalPlanBuilder::from(project(plan, projection)?);
    if distinct {
        builder = builder.distinct()?;
    }
    let rides_along = builder.schema().fields().len() > names.len();
    if !sorts.is_empty() {
        builder = if within {
            let sorted = LayoutNode::new(builder.build()?, Layout::Sorted(sorts));
            LogicalPlanBuilder::from(sorted.into_plan())
        } else {
            builder.sort(sorts)?
        };
    }
    if rides_along {
        let shown = names.iter().map(|n| Expr::Column(Column::from_name(n.clone()))).collect();
        builder = LogicalPlanBuilder::from(project(builder.build()?, shown)?);
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

/// An expression under a name of the plan, which is no new one where it is the column's own.
fn renamed(expr: Expr, name: &str) -> Expr {
    match &expr {
        Expr::Column(column) if column.relation.is_none() && column.name == name => expr,
        _ => expr.alias(name),
    }
}
