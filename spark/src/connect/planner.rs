//! Walks a relation from its leaves up, so that depth costs no stack.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::{Column, DFSchema, DFSchemaRef, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Subquery};

use super::expression::Resolver;
use super::proto::relation::RelType;
use super::scope::{Below, Frames, Scope};
use super::{ConnectPlan, Environment, Observations, proto, relation};
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames, display_name};
use crate::analysis::select::SelectList;
use crate::analysis::{Named, correlate, membership};
use crate::error::{Result, SparkError};
use crate::session::Snapshot;
use crate::sql::plan::{finish, fold};

/// The columns of a query around a subquery.
#[derive(Debug, Clone)]
pub(super) struct Outer {
    pub columns: Vec<ScopeColumn>,
    pub frames: Frames,
    pub schema: DFSchemaRef,
}

/// Plans the relations of one request.
pub(super) struct Planner<'a> {
    pub env: &'a Environment<'a>,
    pub session: Snapshot,
    /// Gives every column of the request a name of its own.
    pub names: UniqueNames,
    /// Relations that expressions refer to by id.
    references: HashMap<i64, &'a proto::Relation>,
    pub outer: Vec<Outer>,
    pub observed: Observations,
}

/// What is left to do in the walk.
enum Step<'r> {
    Enter(&'r proto::Relation),
    Leave(&'r proto::Relation, usize),
}

impl<'a> Planner<'a> {
    pub fn new(env: &'a Environment<'a>) -> Result<Self> {
        Ok(Self {
            env,
            session: env.session.snapshot()?,
            names: UniqueNames::default(),
            references: HashMap::new(),
            outer: Vec::new(),
            observed: Vec::new(),
        })
    }

    /// A whole request, and what is observed in it.
    pub async fn whole(mut self, root: &'a proto::Relation) -> Result<(ConnectPlan, Observations)> {
        if let Some(local) = Box::pin(relation::local_result(&mut self, root)).await? {
            return Ok((local, self.observed));
        }
        let scope = self.plan(root).await?;
        Ok((ConnectPlan::Query(Self::finished(scope)?), self.observed))
    }

    /// The observations of a relation.
    pub async fn observations(mut self, root: &'a proto::Relation) -> Result<Observations> {
        self.plan(root).await?;
        Ok(self.observed)
    }

    /// A relation and everything below it.
    pub async fn plan(&mut self, root: &'a proto::Relation) -> Result<Scope> {
        let mut steps = vec![Step::Enter(root)];
        let mut done: Vec<Scope> = Vec::new();
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(relation) => {
                    if let Some(RelType::WithRelations(with)) = &relation.rel_type {
                        for reference in &with.references {
                            if let Some(id) = plan_id(reference) {
                                self.references.insert(id, reference);
                            }
                        }
                    }
                    let inputs = relation::inputs(relation)?;
                    steps.push(Step::Leave(relation, inputs.len()));
                    steps.extend(inputs.into_iter().rev().map(Step::Enter));
                }
                Step::Leave(relation, count) => {
                    let inputs = done.split_off(done.len() - count);
                    let scope = Box::pin(relation::planned(self, relation, inputs)).await?;
                    done.push(scope.noted(plan_id(relation)));
                }
            }
        }
        done.pop().ok_or_else(|| SparkError::internal("a walk without an end"))
    }

    /// A plan for the rows of a relation, under names to show.
    pub fn finished(scope: Scope) -> Result<LogicalPlan> {
        correlate::resolve(finish(scope.into_relation())?)
    }

    /// Plans the subqueries that some expressions hold; their names may mean columns of `scope`.
    pub async fn subqueries<'e>(
        &mut self,
        expressions: impl IntoIterator<Item = &'e proto::Expression>,
        scope: &Scope,
    ) -> Result<HashMap<i64, Subquery>> {
        let mut planned = HashMap::new();
        if self.references.is_empty() {
            return Ok(planned);
        }
        let mut ids = HashSet::new();
        for expression in expressions {
            super::expression::subquery_ids(expression, &mut ids);
        }
        for id in ids {
            let Some(reference) = self.references.get(&id).copied() else { continue };
            self.outer.push(Outer {
                columns: scope.columns.clone(),
                frames: scope.frames.clone(),
                schema: Arc::clone(scope.plan.schema()),
            });
            let inner = Box::pin(self.plan(reference)).await;
            self.outer.pop();
            planned.insert(id, subquery(inner?)?);
        }
        Ok(planned)
    }

    /// The relation that an expression refers to by its id.
    pub fn referenced(&self, id: i64) -> Option<&'a proto::Relation> {
        self.references.get(&id).copied()
    }

    /// What resolves expressions over a relation.
    pub fn resolver<'s>(&'s self, scope: &'s Scope, subqueries: &'s HashMap<i64, Subquery>) -> Resolver<'s> {
        Resolver::new(self, &scope.columns, &scope.frames, scope.plan.schema(), subqueries)
    }

    /// A projection. Columns given out as they are keep their place in the DataFrames they are from.
    pub fn project(&mut self, scope: Scope, items: Vec<Named>) -> Result<Scope> {
        self.select(scope, SelectList { items, ..SelectList::default() })
    }

    /// A select list.
    pub fn select(&mut self, scope: Scope, list: SelectList) -> Result<Scope> {
        let aggregates = list.grouped || !list.groups.is_empty();
        let passed: Vec<Option<Vec<String>>> =
            list.items.iter().map(|item| qualifier_of(item, &scope.columns)).collect();
        let made: Vec<Expr> = match aggregates {
            true => list.items.iter().map(|item| item.expr.clone().unalias()).collect(),
            false => Vec::new(),
        };
        let (columns, schema) = (scope.columns, Arc::clone(scope.plan.schema()));
        let names = &mut self.names;
        let mut taken = HashSet::new();
        let mut relation = list.plan(scope.plan, &mut |item| claim(names, &mut taken, item))?;
        for (column, qualifier) in relation.columns.iter_mut().zip(passed) {
            column.qualifier = qualifier.unwrap_or_default();
        }
        let mut scope = Scope::over(scope.frames, relation);
        let projects = matches!(scope.plan, LogicalPlan::Projection(_));
        let made = made.into_iter().zip(scope.columns.iter().map(|column| column.column.clone())).collect();
        scope.below = projects.then(|| Arc::new(Below { columns, schema, made }));
        Ok(scope)
    }

    /// A plan from elsewhere, its columns under names of their own and with this qualifier.
    pub fn adopt(&mut self, plan: LogicalPlan, qualifier: &[String]) -> Result<Relation> {
        let mut exprs = Vec::new();
        let mut columns = Vec::new();
        let mut changed = false;
        for column in plan.schema().columns() {
            let name = display_name(&column.name).to_owned();
            let inner = self.names.claim(&name);
            changed |= column.relation.is_some() || column.name != inner;
            exprs.push(Expr::Column(column).alias(inner.clone()));
            columns.push(ScopeColumn {
                qualifier: qualifier.to_vec(),
                name,
                column: Column::from_name(inner),
                hidden: false,
            });
        }
        let plan = if changed { LogicalPlanBuilder::from(plan).project(exprs)?.build()? } else { plan };
        Ok(Relation { plan, columns })
    }

    /// The value of an expression without columns.
    pub fn constant(&self, expression: &proto::Expression) -> Result<ScalarValue> {
        let (frames, schema, none) = (Frames::default(), DFSchema::empty(), HashMap::new());
        let named = Resolver::new(self, &[], &frames, &schema, &none).expr(expression)?;
        fold(named.expr.unalias())
    }

    /// The time zone of the session.
    pub fn time_zone(&self) -> &str {
        &self.session.time_zone
    }
}

/// The DataFrame's id of a relation.
pub(super) fn plan_id(relation: &proto::Relation) -> Option<i64> {
    relation.common.as_ref().and_then(|common| common.plan_id)
}

/// The name of an item in a plan: its own if it is a column given out unchanged and for the first time.
fn claim(names: &mut UniqueNames, taken: &mut HashSet<String>, item: &Named) -> String {
    if let Expr::Column(column) = &item.expr
        && column.relation.is_none()
        && display_name(&column.name) == item.name
        && taken.insert(column.name.clone())
    {
        return column.name.clone();
    }
    names.claim(&item.name)
}

/// The qualifier of a column that an item gives out unchanged.
fn qualifier_of(item: &Named, columns: &[ScopeColumn]) -> Option<Vec<String>> {
    let Expr::Column(column) = &item.expr else { return None };
    columns.iter().find(|c| c.column == *column && c.name == item.name).map(|c| c.qualifier.clone())
}

/// A planned relation as a subquery.
fn subquery(scope: Scope) -> Result<Subquery> {
    // Decorrelation adds inner columns to this projection, so its own names must be no column's.
    let plan = match finish(scope.into_relation())? {
        LogicalPlan::Projection(projection) => {
            let exprs = projection.expr.into_iter().enumerate();
            let exprs = exprs.map(|(i, e)| e.unalias().alias(format!("__subquery_{i}"))).collect();
            LogicalPlan::Projection(Projection::try_new(exprs, projection.input)?)
        }
        other => other,
    };
    Ok(membership::made(plan))
}

/// The columns of a plan that a filter or sort names though the projection below leaves them out.
///
/// Gives the plan with them added, or nothing if they cannot be.
pub(super) fn with_columns_below(plan: LogicalPlan, wanted: &[Column]) -> Result<Option<LogicalPlan>> {
    let missing: Vec<&Column> = wanted.iter().filter(|c| !plan.schema().has_column(c)).collect();
    if missing.is_empty() {
        return Ok(Some(plan));
    }
    Ok(match plan {
        LogicalPlan::Projection(projection) => {
            if !missing.iter().all(|c| projection.input.schema().has_column(c)) {
                return Ok(None);
            }
            let mut exprs = projection.expr;
            exprs.extend(missing.into_iter().map(|c| Expr::Column(c.clone())));
            Some(LogicalPlan::Projection(Projection::try_new(exprs, projection.input)?))
        }
        LogicalPlan::Filter(filter) => {
            match with_columns_below(Arc::unwrap_or_clone(filter.input), wanted)? {
                Some(input) => Some(LogicalPlanBuilder::from(input).filter(filter.predicate)?.build()?),
                None => None,
            }
        }
        LogicalPlan::Sort(sort) => match with_columns_below(Arc::unwrap_or_clone(sort.input), wanted)? {
            Some(input) => {
                Some(LogicalPlanBuilder::from(input).sort_with_limit(sort.expr, sort.fetch)?.build()?)
            }
            None => None,
        },
        _ => None,
    })
}

/// Both schemas as one.
pub(super) fn wider(schema: &DFSchema, below: &DFSchema) -> Result<DFSchema> {
    let mut wider = schema.clone();
    wider.merge(below);
    Ok(wider)
}
