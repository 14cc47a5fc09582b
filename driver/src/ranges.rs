//! The bounds of `repartitionByRange`: found in a sample of the keys before the plan runs, as in Spark.

use cerium_engine::repartition::{RepartitionNode, Scheme};
use cerium_spark::layout::{Layout, LayoutNode};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::{SortOptions, concat_batches};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::functions::math::random;
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::expr::{Case, Sort};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use crate::driver::{Driver, ExecuteError};

/// Keys sampled for each partition asked for, and at most; Spark's defaults.
const SAMPLE_PER_PARTITION: usize = 100;
const SAMPLE_MAX: usize = 1_000_000;
/// How many times more are sampled than needed, as parts of the input may differ in size.
const OVERSAMPLING: usize = 3;

impl Driver {
    /// A plan whose ranges have bounds.
    pub(crate) async fn bounded(
        &self,
        session: &SessionState,
        plan: LogicalPlan,
    ) -> Result<LogicalPlan, ExecuteError> {
        let mut plan = plan;
        // Innermost first, since a sample needs what is below.
        while let Some(node) = innermost(&plan)? {
            let Layout::Ranges { keys, partitions } = node.layout() else { break };
            let bounds = Box::pin(self.bounds(session, node.input(), keys, *partitions)).await?;
            let place = place(keys, &bounds, 0);
            let ranged =
                RepartitionNode::new(node.input().clone(), bounds.len() + 1, Scheme::Id(place)).into_plan();
            let found = node.into_plan();
            plan = plan
                .transform_down_with_subqueries(|node| {
                    Ok(if node == found {
                        Transformed::new(ranged.clone(), true, TreeNodeRecursion::Jump)
                    } else {
                        Transformed::no(node)
                    })
                })?
                .data;
        }
        Ok(plan)
    }

    /// The last keys of all partitions but the last.
    async fn bounds(
        &self,
        session: &SessionState,
        input: &LogicalPlan,
        keys: &[Sort],
        partitions: usize,
    ) -> Result<Vec<Vec<ScalarValue>>, ExecuteError> {
        let wanted = SAMPLE_PER_PARTITION.saturating_mul(partitions).min(SAMPLE_MAX);
        let rows = self.row_count(session, input).await?;
        let names: Vec<Expr> = keys
            .iter()
            .enumerate()
            .map(|(i, key)| key.expr.clone().unalias().alias(format!("key{i}")))
            .collect();
        let mut sample = LogicalPlanBuilder::from(input.clone()).project(names)?;
        let most = wanted.saturating_mul(OVERSAMPLING);
        if rows > most {
            let fraction = most as f64 / rows as f64;
            sample = sample.filter(random().call(vec![]).lt(lit(fraction)))?;
        }
        let result = self.execute(session, &sample.build()?, "bounds of ranges").await?;
        let all = concat_batches(&result.schema, &result.batches).map_err(DataFusionError::from)?;
        Ok(bounds_of(&all, keys, partitions)?)
    }

    /// How many rows a plan gives, counted unless its sources tell.
    async fn row_count(&self, session: &SessionState, input: &LogicalPlan) -> Result<usize, ExecuteError> {
        let physical = session.create_physical_plan(input).await?;
        let told = StatisticsContext::new().compute(physical.as_ref(), &StatisticsArgs::new())?;
        if let Some(rows) = told.num_rows.get_value() {
            return Ok(*rows);
        }
        let counted = LogicalPlanBuilder::from(input.clone())
            .aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64)).alias("rows")])?
            .build()?;
        let result = self.execute(session, &counted, "bounds of ranges").await?;
        let first = result.batches.iter().find(|batch| batch.num_rows() > 0);
        let rows = first.map(|batch| ScalarValue::try_from_array(batch.column(0), 0)).transpose()?;
        Ok(match rows {
            Some(ScalarValue::Int64(Some(rows))) => usize::try_from(rows).unwrap_or(0),
            _ => 0,
        })
    }
}

/// A node with ranges that has none below it.
fn innermost(plan: &LogicalPlan) -> Result<Option<LayoutNode>, DataFusionError> {
    let mut found = None;
    // The walk goes down, so that the last on a path is the innermost.
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Extension(extension) = node
            && let Some(layout) = extension.node.as_any().downcast_ref::<LayoutNode>()
            && matches!(layout.layout(), Layout::Ranges { .. })
        {
            found = Some(layout.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn options(key: &Sort) -> SortOptions {
    SortOptions { descending: !key.asc, nulls_first: key.nulls_first }
}

/// Keys that divide the sample in parts of the same size; fewer where keys are the same.
fn bounds_of(
    sample: &RecordBatch,
    keys: &[Sort],
    partitions: usize,
) -> Result<Vec<Vec<ScalarValue>>, DataFusionError> {
    let columns: &[ArrayRef] = sample.columns();
    let fields =
        columns.iter().zip(keys).map(|(c, k)| SortField::new_with_options(c.data_type().clone(), options(k)));
    let converter = RowConverter::new(fields.collect())?;
    let rows = converter.convert_columns(columns)?;
    let mut order: Vec<usize> = (0..rows.num_rows()).collect();
    order.sort_by(|a, b| rows.row(*a).cmp(&rows.row(*b)));
    let step = order.len() as f64 / partitions.max(1) as f64;
    let mut bounds: Vec<usize> = Vec::new();
    let mut target = step;
    for (seen, row) in order.into_iter().enumerate() {
        if bounds.len() + 1 >= partitions {
            break;
        }
        let larger = bounds.last().is_none_or(|last| rows.row(row) > rows.row(*last));
        if (seen + 1) as f64 >= target && larger {
            bounds.push(row);
            target += step;
        }
    }
    bounds
        .into_iter()
        .map(|row| columns.iter().map(|column| ScalarValue::try_from_array(column, row)).collect())
        .collect()
}

/// The number of a row's partition, counted from `first`: a search by halves among the bounds.
fn place(keys: &[Sort], bounds: &[Vec<ScalarValue>], first: usize) -> Expr {
    let middle = bounds.len() / 2;
    let Some(bound) = bounds.get(middle) else {
        return lit(i32::try_from(first).unwrap_or(i32::MAX));
    };
    let below = place(keys, &bounds[..middle], first);
    let above = place(keys, &bounds[middle + 1..], first + middle + 1);
    let within = not_after(keys, bound);
    Expr::Case(Case::new(None, vec![(Box::new(within), Box::new(below))], Some(Box::new(above))))
}

/// Whether keys are at or before a bound; never null.
fn not_after(keys: &[Sort], bound: &[ScalarValue]) -> Expr {
    let (Some(key), Some(value)) = (keys.first(), bound.first()) else { return lit(true) };
    let rest = not_after(&keys[1..], &bound[1..]);
    let last = keys.len() == 1;
    let expr = key.expr.clone().unalias();
    let (is_null, is_known) = (expr.clone().is_null(), expr.clone().is_not_null());
    if value.is_null() {
        // Nulls are the same as the bound, and values before it where nulls are last.
        let same = if last { is_null } else { is_null.and(rest) };
        return if key.nulls_first { same } else { same.or(is_known) };
    }
    let value = Expr::Literal(value.clone(), None);
    let before = if key.asc { expr.clone().lt(value.clone()) } else { expr.clone().gt(value.clone()) };
    let same = expr.eq(value);
    let by_value = before.or(if last { same } else { same.and(rest) });
    if key.nulls_first { is_null.or(by_value) } else { is_known.and(by_value) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::Int64Array;
    use datafusion::prelude::{SessionContext, col};

    use super::*;

    fn keys(asc: bool) -> Vec<Sort> {
        vec![Sort::new(col("key0"), asc, asc)]
    }

    fn batch(values: Vec<Option<i64>>) -> RecordBatch {
        RecordBatch::try_from_iter([("key0", Arc::new(Int64Array::from(values)) as ArrayRef)]).unwrap()
    }

    #[test]
    fn bounds_divide_the_keys_evenly() {
        let sample = batch(vec![Some(14), Some(23), Some(16)]);
        let bounds = bounds_of(&sample, &keys(true), 2).unwrap();
        assert_eq!(bounds, [vec![ScalarValue::Int64(Some(16))]]);
        let same = batch(vec![Some(1); 10]);
        assert_eq!(bounds_of(&same, &keys(true), 4).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn rows_go_to_their_range_nulls_included() {
        let rows = batch(vec![Some(3), None, Some(1), Some(2), Some(4)]);
        for (asc, expected) in [(true, [1, 0, 0, 1, 2]), (false, [1, 2, 2, 1, 0])] {
            let bounds = [[1, 3], [4, 2]][usize::from(!asc)].map(|v| vec![ScalarValue::Int64(Some(v))]);
            let context = SessionContext::new();
            let places = context.read_batch(rows.clone()).unwrap();
            let places = places.select(vec![place(&keys(asc), &bounds, 0).alias("p")]).unwrap();
            let found = places.collect().await.unwrap();
            let found: Vec<i32> = found
                .iter()
                .flat_map(|b| {
                    let column = b.column(0).as_any().downcast_ref::<datafusion::arrow::array::Int32Array>();
                    column.unwrap().values().to_vec()
                })
                .collect();
            assert_eq!(found, expected, "ascending: {asc}");
        }
    }
}
