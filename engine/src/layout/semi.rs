//! Semi-joins before the joins whose rows they would thin out.
//!
//! `k IN (subquery)` above an inner join keeps or drops rows of the side that `k` is of. Done on that side first
//! the join has less to do, if the side has fewer rows than the join. Spark does the same with
//! `PushLeftSemiLeftAntiThroughJoin`.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, HashJoinExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;

use super::joins::rows;

type Plan = Arc<dyn ExecutionPlan>;

/// Pushes semi- and anti-joins below the inner joins they stand on.
#[derive(Debug)]
pub struct PushSemiJoins;

impl PhysicalOptimizerRule for PushSemiJoins {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        let pushed = plan.transform_down(|node| {
            let below = node.downcast_ref::<HashJoinExec>().map(pushed).transpose()?.flatten();
            Ok(below.map_or_else(|| Transformed::no(node), Transformed::yes))
        })?;
        Ok(pushed.data)
    }

    fn name(&self) -> &'static str {
        "push_semi_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with the semi-join on one side of the join that it stands on, if that is right and worth it.
fn pushed(semi: &HashJoinExec) -> Result<Option<Plan>> {
    let filters_by_keys_alone = matches!(semi.join_type(), JoinType::LeftSemi | JoinType::LeftAnti)
        && semi.filter().is_none()
        && !semi.null_aware
        && !semi.contains_projection();
    if !filters_by_keys_alone {
        return Ok(None);
    }
    let mut between = Vec::new();
    let mut below = semi.left();
    while let Some(projection) = below.downcast_ref::<ProjectionExec>() {
        between.push(projection);
        below = projection.input();
    }
    let Some(join) = below.downcast_ref::<HashJoinExec>() else { return Ok(None) };
    if *join.join_type() != JoinType::Inner {
        return Ok(None);
    }
    let Some((side, keys)) = keys_of_side(semi, &between, join) else { return Ok(None) };
    let mut sides = vec![Arc::clone(join.left()), Arc::clone(join.right())];
    let thins_out = matches!((rows(&sides[side]), rows(below)), (Some(side), Some(join)) if side < join);
    if !thins_out {
        return Ok(None);
    }
    let on = keys.into_iter().zip(semi.on()).map(|(key, (_, other))| (key, Arc::clone(other))).collect();
    sides[side] =
        HashJoinExecBuilder::new(Arc::clone(&sides[side]), Arc::clone(semi.right()), on, *semi.join_type())
            .with_partition_mode(*semi.partition_mode())
            .with_null_equality(semi.null_equality())
            .build_exec()?;
    let joined = join.builder().with_new_children(sides)?.build_exec()?;
    between
        .into_iter()
        .rev()
        .try_fold(joined, |plan, projection| -> Result<Plan> {
            Ok(Arc::new(ProjectionExec::try_new(projection.expr().to_vec(), plan)?))
        })
        .map(Some)
}

/// Which side of the join, 0 or 1, all keys of the semi-join are columns of, and the keys there.
fn keys_of_side(
    semi: &HashJoinExec,
    between: &[&ProjectionExec],
    join: &HashJoinExec,
) -> Option<(usize, Vec<PhysicalExprRef>)> {
    let width = join.left().schema().fields().len();
    let mut keys = Vec::with_capacity(semi.on().len());
    let mut sides = Vec::with_capacity(semi.on().len());
    for (key, _) in semi.on() {
        let mut index = key.downcast_ref::<Column>()?.index();
        for projection in between {
            index = projection.expr().get(index)?.expr.downcast_ref::<Column>()?.index();
        }
        if let Some(projection) = &join.projection {
            index = *projection.get(index)?;
        }
        let side = usize::from(index >= width);
        let (input, index) = if side == 0 { (join.left(), index) } else { (join.right(), index - width) };
        keys.push(Arc::new(Column::new(input.schema().fields().get(index)?.name(), index)) as PhysicalExprRef);
        sides.push(side);
    }
    let side = *sides.first()?;
    sides.iter().all(|other| *other == side).then_some((side, keys))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use cerium_conf::SparkConf;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::session::new_session_state;

    /// Ten orders with five lines each, in files: those tell how many rows a join gives.
    async fn context(dir: &Path) -> SessionContext {
        let state = new_session_state(&SparkConf::new(), 2, Arc::default()).unwrap();
        let context = SessionContext::new_with_state(state);
        for (table, query) in [
            ("orders", "select value as o from range(10)"),
            ("lines", "select value % 10 as l, value as v from range(50)"),
        ] {
            let file = dir.join(format!("{table}.parquet"));
            let file = file.display();
            for sql in [
                format!("copy ({query}) to '{file}' stored as parquet"),
                format!("create external table {table} stored as parquet location '{file}'"),
            ] {
                context.sql(&sql).await.unwrap().collect().await.unwrap();
            }
        }
        context
    }

    /// The joins from the top, as one text, and the rows.
    async fn planned(sql: &str) -> (String, String) {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path()).await;
        let frame = context.sql(sql).await.unwrap();
        let plan = frame.clone().create_physical_plan().await.unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        let joins: Vec<&str> =
            text.lines().filter_map(|line| line.split("join_type=").nth(1)?.split(',').next()).collect();
        let rows = pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string();
        (joins.join(" "), rows)
    }

    #[tokio::test]
    async fn the_smaller_side_is_thinned_out_first() {
        let sql = "select sum(v) as s from orders join lines on o = l
                   where o in (select l from lines where v > 47)";
        let (joins, rows) = planned(sql).await;
        assert!(joins.starts_with("Inner") && joins.contains("Semi"), "{joins}");
        // Lines of the orders 8 and 9: 8 + 18 + 28 + 38 + 48 and five more than that.
        assert!(rows.contains(" 285 "), "{rows}");
    }

    #[tokio::test]
    async fn the_larger_side_is_not() {
        let sql = "select sum(o) as s from orders join lines on o = l
                   where v in (select v from lines where l > 7)";
        let (joins, rows) = planned(sql).await;
        assert!(joins.contains("Semi") && !joins.starts_with("Inner"), "{joins}");
        // Five lines each of the orders 8 and 9.
        assert!(rows.contains(" 85 "), "{rows}");
    }

    #[tokio::test]
    async fn what_is_not_in_the_subquery_is_thinned_out_too() {
        let sql = "select sum(v) as s from orders join lines on o = l
                   where not exists (select 1 from lines as m where m.l = o and m.v > 47)";
        let (joins, rows) = planned(sql).await;
        assert!(joins.starts_with("Inner") && joins.contains("Anti"), "{joins}");
        // All lines, 49 * 50 / 2, but those of the orders 8 and 9.
        assert!(rows.contains(" 940 "), "{rows}");
    }
}
