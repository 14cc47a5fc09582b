//! `range` and the other table-valued functions.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};

use super::layout::partitions;
use super::select::run_generator;
use crate::analysis::Named;
use crate::analysis::call::generator::is_generator;
use crate::analysis::scope::{Relation, ScopeColumn, display_name};
use crate::catalog::listing;
use crate::connect::expression::{integer, missing};
use crate::connect::planner::{Planner, plan_id};
use crate::connect::proto;
use crate::connect::proto::relation::RelType;
use crate::connect::scope::{Frames, Scope};
use crate::error::{Result, SparkError};
use crate::source::numbers::Numbers;

/// `spark.range(...)`: each partition makes its own part of the numbers.
pub(super) fn range(planner: &mut Planner<'_>, message: &proto::Range) -> Result<Scope> {
    let (start, end, step) = (message.start.unwrap_or(0), message.end, message.step);
    let table = match message.num_partitions {
        None => Numbers::spread(start, end, step, partitions(planner, None)?)?,
        some => Numbers::new(start, end, step, partitions(planner, some)?)?,
    };
    numbers(planner, table)
}

fn numbers(planner: &mut Planner<'_>, table: Numbers) -> Result<Scope> {
    let name = TableReference::bare(planner.names.claim("__range"));
    let scan = LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(table)), None)?;
    let column = scan.schema().columns().remove(0);
    let plan = scan.project(vec![Expr::Column(column).alias("id")])?.build()?;
    Ok(Scope::leaf(planner.adopt(plan, &[])?))
}

/// `spark.tvf.<name>(...)`: range, and generators over one row.
pub(super) async fn table_valued(
    planner: &mut Planner<'_>,
    message: &proto::UnresolvedTableValuedFunction,
) -> Result<Scope> {
    if let Some(scope) = crate::connect::python::registered_table(planner, message).await? {
        return Ok(scope);
    }
    let name = message.function_name.to_lowercase();
    let plan = LogicalPlanBuilder::empty(true).build()?;
    let one_row = Scope::leaf(Relation { plan, columns: Vec::new() });
    let subqueries = planner.subqueries(&message.arguments, &one_row).await?;
    let args = planner.resolver(&one_row, &subqueries).exprs(&message.arguments)?;
    if name == "range" {
        return range_of(planner, args);
    }
    if let Some(listed) = listing::table(&name, &planner.names.claim("__listing")) {
        return Ok(Scope::leaf(planner.adopt(listed?, &[])?));
    }
    if !is_generator(&name) {
        return Err(SparkError::table_function_not_found(&[name]));
    }
    let (plan, columns) = run_generator(planner, one_row.plan.clone(), &name, args)?;
    let scope = Scope { plan, ..one_row };
    planner.project(scope, columns)
}

fn range_of(planner: &mut Planner<'_>, args: Vec<Named>) -> Result<Scope> {
    let numbers_given: Option<Vec<i64>> = args
        .into_iter()
        .map(|arg| {
            let schema = DFSchema::empty();
            let cast = crate::analysis::cast::cast(
                arg.expr,
                &datafusion::arrow::datatypes::DataType::Int64,
                false,
                &schema,
            );
            cast.and_then(crate::sql::plan::fold).ok().and_then(|value| integer(&Expr::Literal(value, None)))
        })
        .collect();
    let count = partitions(planner, None)?;
    let table = match numbers_given.as_deref() {
        Some([end]) => Numbers::spread(0, *end, 1, count)?,
        Some([start, end]) => Numbers::spread(*start, *end, 1, count)?,
        Some([start, end, step]) => Numbers::spread(*start, *end, *step, count)?,
        Some([start, end, step, parts]) => {
            Numbers::new(*start, *end, *step, usize::try_from(*parts).unwrap_or(count))?
        }
        _ => return Err(SparkError::unsupported("range with these arguments")),
    };
    numbers(planner, table)
}

/// The right side of a lateral join below its aliases.
pub(in crate::connect) struct Called<'m> {
    /// The relation.
    pub relation: &'m proto::Relation,
    alias: Option<String>,
    /// The DataFrames that it is.
    pub ids: Vec<i64>,
}

impl<'m> Called<'m> {
    pub(super) fn of(mut relation: &'m proto::Relation) -> Result<Self> {
        let (mut alias, mut ids) = (None, Vec::new());
        loop {
            ids.extend(plan_id(relation));
            let below = match &relation.rel_type {
                Some(RelType::SubqueryAlias(aliased)) => {
                    alias = alias.or(Some(aliased.alias.clone()));
                    &aliased.input
                }
                Some(RelType::WithRelations(with)) => &with.root,
                _ => return Ok(Self { relation, alias, ids }),
            };
            relation = below.as_deref().ok_or_else(|| missing("an input"))?;
        }
    }

    /// Columns of the right side, with the alias.
    pub fn columns(&self, made: impl Iterator<Item = Column>) -> Vec<ScopeColumn> {
        let qualifier: Vec<String> = self.alias.iter().cloned().collect();
        let named = made.map(|column| ScopeColumn {
            qualifier: qualifier.clone(),
            name: display_name(&column.name).to_owned(),
            column,
            hidden: false,
        });
        named.collect()
    }
}

/// A lateral join with a generator whose arguments are the left side's columns.
pub(super) fn lateral_generator(
    planner: &mut Planner<'_>,
    message: &proto::LateralJoin,
    left: &Scope,
    called: &Called<'_>,
) -> Result<Option<Scope>> {
    use proto::join::JoinType as Kind;
    let Some(RelType::UnresolvedTableValuedFunction(function)) = &called.relation.rel_type else {
        return Ok(None);
    };
    let name = function.function_name.to_lowercase();
    let outer = match message.join_type() {
        Kind::LeftOuter => true,
        Kind::Inner | Kind::Cross | Kind::Unspecified => false,
        _ => return Ok(None),
    };
    if !is_generator(&name) || message.join_condition.is_some() {
        return Ok(None);
    }
    let none = HashMap::new();
    let args = planner.resolver(left, &none).exprs(&function.arguments)?;
    let name = if outer && !name.ends_with("_outer") { format!("{name}_outer") } else { name };
    let (plan, made) = run_generator(planner, left.plan.clone(), &name, args)?;
    let kept = left.columns.iter().map(super::columns::kept);
    let items: Vec<Named> = kept.chain(made).collect();
    let width = left.columns.len();
    let hidden: Vec<bool> = left.columns.iter().map(|c| c.hidden).collect();
    let mut scope = planner.project(Scope { plan, below: None, ..left.clone() }, items)?;
    scope.below = None;
    for (column, hidden) in scope.columns.iter_mut().zip(hidden) {
        column.hidden = hidden;
    }
    for column in &mut scope.columns[width..] {
        column.qualifier = called.alias.iter().cloned().collect();
    }
    let mut frames: Frames = scope.frames.clone();
    for id in &called.ids {
        frames.add(*id, &scope.columns[width..]);
    }
    scope.columns.sort_by_key(|column| column.hidden);
    Ok(Some(Scope { frames, ..scope }))
}
