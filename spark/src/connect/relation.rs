//! Relations of messages to plans: which one goes where, and the inputs of each.

mod aggregate;
mod as_of;
mod columns;
mod join;
mod layout;
mod local;
mod missing;
mod pivot;
mod range;
mod read;
mod sample;
mod select;
mod set;
mod show;
mod statistics;
mod unpivot;

use datafusion::logical_expr::LogicalPlanBuilder;

pub(super) use self::join::join_type;
pub(super) use self::range::Called;
use super::planner::Planner;
use super::proto::relation::RelType;
use super::scope::Scope;
use super::{ConnectPlan, proto, python};
use crate::error::{Result, SparkError};

/// The inputs that are planned before a relation is.
pub(super) fn inputs(relation: &proto::Relation) -> Result<Vec<&proto::Relation>> {
    let inputs = match rel_type(relation)? {
        RelType::Project(r) if r.input.is_none() => vec![],
        RelType::Project(r) => one(&r.input),
        RelType::Filter(r) => one(&r.input),
        RelType::Join(r) => both(&r.left, &r.right),
        RelType::SetOp(r) => both(&r.left_input, &r.right_input),
        RelType::Sort(r) => one(&r.input),
        RelType::Limit(r) => one(&r.input),
        RelType::Aggregate(r) => one(&r.input),
        RelType::Sample(r) => one(&r.input),
        RelType::Offset(r) => one(&r.input),
        RelType::Deduplicate(r) => one(&r.input),
        RelType::SubqueryAlias(r) => one(&r.input),
        RelType::Repartition(r) => one(&r.input),
        RelType::ToDf(r) => one(&r.input),
        RelType::WithColumnsRenamed(r) => one(&r.input),
        RelType::ShowString(r) => one(&r.input),
        RelType::HtmlString(r) => one(&r.input),
        RelType::Drop(r) => one(&r.input),
        RelType::Tail(r) => one(&r.input),
        RelType::WithColumns(r) => one(&r.input),
        RelType::Hint(r) => one(&r.input),
        RelType::Unpivot(r) => one(&r.input),
        RelType::ToSchema(r) => one(&r.input),
        RelType::RepartitionByExpression(r) => one(&r.input),
        RelType::MapPartitions(r) => one(&r.input),
        RelType::CollectMetrics(r) => one(&r.input),
        RelType::Parse(r) => one(&r.input),
        RelType::GroupMap(r) => one(&r.input),
        RelType::CoGroupMap(r) => both(&r.input, &r.other),
        RelType::AsOfJoin(r) => both(&r.left, &r.right),
        RelType::WithRelations(r) if with_sql(r).is_some() => vec![],
        RelType::WithRelations(r) => one(&r.root),
        RelType::Transpose(r) => one(&r.input),
        RelType::LateralJoin(r) => one(&r.left),
        RelType::FillNa(r) => one(&r.input),
        RelType::DropNa(r) => one(&r.input),
        RelType::Replace(r) => one(&r.input),
        RelType::Summary(r) => one(&r.input),
        RelType::Crosstab(r) => one(&r.input),
        RelType::Describe(r) => one(&r.input),
        RelType::Cov(r) => one(&r.input),
        RelType::Corr(r) => one(&r.input),
        RelType::ApproxQuantile(r) => one(&r.input),
        RelType::FreqItems(r) => one(&r.input),
        RelType::SampleBy(r) => one(&r.input),
        _ => vec![],
    };
    inputs.into_iter().map(|input| input.ok_or_else(|| super::expression::missing("an input"))).collect()
}

type Input = Option<Box<proto::Relation>>;

fn one(input: &Input) -> Vec<Option<&proto::Relation>> {
    vec![input.as_deref()]
}

fn both<'r>(left: &'r Input, right: &'r Input) -> Vec<Option<&'r proto::Relation>> {
    vec![left.as_deref(), right.as_deref()]
}

fn rel_type(relation: &proto::Relation) -> Result<&RelType> {
    relation.rel_type.as_ref().ok_or_else(|| super::expression::missing("a relation"))
}

/// Whether metrics are observed in a relation.
pub(super) fn observes(relation: &proto::Relation) -> Result<bool> {
    let mut left = vec![relation];
    while let Some(relation) = left.pop() {
        if matches!(relation.rel_type, Some(RelType::CollectMetrics(_))) {
            return Ok(true);
        }
        left.extend(inputs(relation)?);
    }
    Ok(false)
}

/// The input of a relation that only shows it.
pub(super) fn shown(relation: &proto::Relation) -> Option<&proto::Relation> {
    match relation.rel_type.as_ref()? {
        RelType::ShowString(show) => show.input.as_deref(),
        RelType::HtmlString(show) => show.input.as_deref(),
        _ => None,
    }
}

/// The rows of a relation that are made while it is planned, if it is one of those.
pub(super) async fn local_result<'a>(
    planner: &mut Planner<'a>,
    relation: &'a proto::Relation,
) -> Result<Option<ConnectPlan>> {
    Ok(match rel_type(relation)? {
        RelType::ShowString(_) | RelType::HtmlString(_) => {
            let input = shown(relation).ok_or_else(|| super::expression::missing("an input"))?;
            let scope = planner.plan(input).await?;
            let batch = show::text(planner, relation, scope).await?;
            Some(ConnectPlan::Local(vec![batch.clone()], batch.schema()))
        }
        RelType::Sql(sql) => Some(statement(planner, sql, &[]).await?),
        RelType::WithRelations(with) => match with_sql(with) {
            Some(sql) => Some(statement(planner, sql, &with.references).await?),
            None => None,
        },
        RelType::Catalog(message) => Some(super::catalog::catalog(planner.env, message).await?),
        _ => None,
    })
}

/// The statement that relations are sent with, if it is one.
fn with_sql(with: &proto::WithRelations) -> Option<&proto::Sql> {
    match with.root.as_deref()?.rel_type.as_ref()? {
        RelType::Sql(sql) => Some(sql),
        _ => None,
    }
}

async fn statement(
    planner: &Planner<'_>,
    sql: &proto::Sql,
    references: &[proto::Relation],
) -> Result<ConnectPlan> {
    Ok(match read::sql(planner, sql, references).await? {
        read::Answer::Rows(batches, schema) => ConnectPlan::Local(batches, schema),
        read::Answer::Plan(plan) => ConnectPlan::Query(plan),
    })
}

/// Plans a relation whose inputs are planned.
pub(super) async fn planned<'a>(
    planner: &mut Planner<'a>,
    relation: &'a proto::Relation,
    inputs: Vec<Scope>,
) -> Result<Scope> {
    let mut inputs = inputs.into_iter();
    let mut next = || inputs.next().ok_or_else(|| SparkError::internal("an input was not planned"));
    match rel_type(relation)? {
        RelType::Read(r) => read::read(planner, r).await,
        RelType::Sql(r) => read::nested_sql(planner, r, &[]).await,
        RelType::LocalRelation(r) => local::relation(planner, r),
        RelType::CachedLocalRelation(r) => local::cached(planner, r),
        RelType::ChunkedCachedLocalRelation(r) => local::chunked(planner, r),
        RelType::CachedRemoteRelation(r) => local::checkpoint(planner, r),
        RelType::Range(r) => range::range(planner, r),
        RelType::UnresolvedTableValuedFunction(r) => range::table_valued(planner, r).await,
        RelType::Project(r) if r.input.is_none() => {
            let plan = LogicalPlanBuilder::empty(true).build()?;
            let scope = Scope::leaf(crate::analysis::scope::Relation { plan, columns: Vec::new() });
            select::project(planner, scope, &r.expressions).await
        }
        RelType::Project(r) => select::project(planner, next()?, &r.expressions).await,
        RelType::Filter(r) => select::filter(planner, next()?, r.condition.as_ref()).await,
        RelType::Sort(r) => select::sort(planner, next()?, &r.order, r.is_global.unwrap_or(true)).await,
        RelType::Limit(r) => select::limit(next()?, 0, Some(r.limit)),
        RelType::Offset(r) => select::limit(next()?, r.offset, None),
        RelType::Tail(r) => select::tail(planner, next()?, r.limit).await,
        RelType::Join(r) => {
            let (left, right) = (next()?, next()?);
            join::join(planner, r, left, right).await
        }
        RelType::AsOfJoin(r) => {
            let (left, right) = (next()?, next()?);
            as_of::join(planner, r, left, right)
        }
        RelType::LateralJoin(r) => join::lateral(planner, r, next()?).await,
        RelType::SetOp(r) => {
            let (left, right) = (next()?, next()?);
            set::operation(planner, r, left, right)
        }
        RelType::Aggregate(r) => aggregate::aggregate(planner, r, next()?).await,
        RelType::Deduplicate(r) => aggregate::deduplicate(planner, r, next()?),
        RelType::Sample(r) => sample::sample(planner, r, next()?),
        RelType::SampleBy(r) => sample::sample_by(planner, r, next()?),
        RelType::SubqueryAlias(r) => Ok(columns::alias(next()?, &r.alias)),
        RelType::Repartition(r) => layout::repartition(planner, r, next()?),
        RelType::RepartitionByExpression(r) => layout::repartition_by(planner, r, next()?).await,
        RelType::ToDf(r) => columns::to_df(planner, next()?, &r.column_names),
        RelType::WithColumns(r) => columns::with_columns(planner, r, next()?).await,
        RelType::WithColumnsRenamed(r) => columns::renamed(planner, r, next()?),
        RelType::Drop(r) => columns::drop(planner, r, next()?).await,
        RelType::ToSchema(r) => columns::to_schema(planner, r, next()?),
        RelType::Hint(r) => layout::hint(planner, r, next()?),
        RelType::WithRelations(with) => match with_sql(with) {
            Some(sql) => read::nested_sql(planner, sql, &with.references).await,
            None => next(),
        },
        RelType::Unpivot(r) => unpivot::unpivot(planner, r, next()?).await,
        RelType::Transpose(r) => unpivot::transpose(planner, r, next()?).await,
        RelType::ShowString(_) | RelType::HtmlString(_) => {
            let scope = next()?;
            let batch = show::text(planner, relation, scope).await?;
            local::rows(planner, batch.schema(), vec![batch])
        }
        RelType::CollectMetrics(r) => aggregate::observe(planner, r, next()?),
        RelType::FillNa(r) => missing::fill(planner, r, next()?),
        RelType::DropNa(r) => missing::drop(planner, r, next()?),
        RelType::Replace(r) => missing::replace(planner, r, next()?),
        RelType::Summary(r) => statistics::summary(planner, next()?, &[], &r.statistics),
        RelType::Describe(r) => statistics::describe(planner, next()?, &r.cols),
        RelType::Crosstab(r) => statistics::crosstab(planner, r, next()?).await,
        RelType::Cov(r) => statistics::covariance(planner, r, next()?),
        RelType::Corr(r) => statistics::correlation(planner, r, next()?),
        RelType::ApproxQuantile(r) => statistics::quantiles(planner, r, next()?),
        RelType::FreqItems(r) => statistics::frequent_items(planner, r, next()?),
        RelType::MapPartitions(r) => python::map_partitions(planner, r, &next()?),
        RelType::GroupMap(r) => python::group_map(planner, r, &next()?),
        RelType::CoGroupMap(r) => python::co_group_map(planner, r, &next()?, &next()?),
        RelType::CommonInlineUserDefinedTableFunction(r) => python::table_function(planner, r).await,
        other => Err(SparkError::unsupported(feature(other))),
    }
}

/// What a relation that is not planned is called.
fn feature(relation: &RelType) -> &'static str {
    match relation {
        RelType::WithWatermark(_) => "structured streaming: withWatermark",
        RelType::ApplyInPandasWithState(_) => "structured streaming: applyInPandasWithState",
        RelType::CommonInlineUserDefinedDataSource(_) => "user-defined data sources",
        RelType::NearestByJoin(_) => "nearest-by joins",
        RelType::Parse(_) => "reading CSV and JSON from a DataFrame of lines",
        RelType::RelationChanges(_) => "change data feeds",
        RelType::Zip(_) => "zipping DataFrames",
        RelType::Catalog(_) => "the catalog API inside of a query",
        RelType::MlRelation(_) => "machine learning",
        RelType::Extension(_) => "relations of plugins",
        _ => "this relation",
    }
}
