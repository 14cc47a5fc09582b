//! In what order rows come, and how joins are run.

use cerium_engine::repartition::{RepartitionNode, Scheme};
use cerium_spark::layout::{JoinHint, Layout, LayoutNode};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::JoinType;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use datafusion::physical_plan::{ExecutionPlanProperties, displayable};

use crate::app::App;

async fn values(app: &App, plan: &LogicalPlan) -> Vec<i64> {
    let result = app.driver.execute(&app.context.state(), plan, "layout").await.unwrap();
    let column = |batch: &datafusion::arrow::array::RecordBatch| {
        batch.column(0).as_primitive::<Int64Type>().values().to_vec()
    };
    result.batches.iter().flat_map(column).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_sorted_within_are_sorted_as_a_whole() {
    let app = App::start(&[]).await;
    app.numbers("t", 3, 500).await;
    let plan = app.plan("select v from t").await;
    let column = plan.schema().columns().remove(0);
    let keys = || vec![Sort::new(Expr::Column(column.clone()), false, false)];
    let ranged = LayoutNode::new(plan, Layout::Ranges { keys: keys(), partitions: 4 }).into_plan();
    let sorted = LayoutNode::new(ranged, Layout::Sorted(keys())).into_plan();
    let expected: Vec<i64> = (0..1500).rev().map(|k| 3 * k).collect();
    assert_eq!(values(&app, &sorted).await, expected);
    app.driver.stop().await;
}

/// Pairs of a row's number and its column, after a shuffle that follows the numbering.
async fn numbered_and_spread(app: &App, sorted: LogicalPlan) -> Vec<(i64, i64)> {
    let number = app.context.state().scalar_functions()["spark_monotonically_increasing_id"].call(vec![]);
    let rows = LogicalPlanBuilder::from(sorted).project(vec![col("k"), number.alias("i")]).unwrap();
    let place = cast(col("k") % lit(3_i64), DataType::Int32);
    let spread = RepartitionNode::new(rows.build().unwrap(), 3, Scheme::Id(place)).into_plan();
    let both = vec![col("i") * lit(1000_i64) + col("k")];
    let both = LogicalPlanBuilder::from(spread).project(both).unwrap().build().unwrap();
    let mut both = values(app, &both).await;
    both.sort_unstable();
    both.into_iter().map(|both| (both / 1000, both % 1000)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sort_that_rows_are_numbered_by_outlives_a_shuffle_above() {
    let app = App::start(&[]).await;
    app.numbers("t", 2, 100).await;
    let plan = app.plan("select k from t").await;
    let keys = vec![col("k").sort(false, false)];
    let within = LayoutNode::new(plan.clone(), Layout::Sorted(keys.clone())).into_plan();
    let rows = numbered_and_spread(&app, within).await;
    // The upper bits of a number are the partition: within each of them the largest comes first.
    let falls = |pair: &[(i64, i64)]| pair[0].0 >> 33 != pair[1].0 >> 33 || pair[0].1 > pair[1].1;
    assert!(rows.len() == 200 && rows.windows(2).all(falls), "{rows:?}");

    let whole = LogicalPlanBuilder::from(plan).sort(keys).unwrap().build().unwrap();
    let rows = numbered_and_spread(&app, whole).await;
    let expected: Vec<i64> = (0..200).rev().collect();
    assert_eq!(rows.into_iter().map(|(_, k)| k).collect::<Vec<_>>(), expected);
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_broadcasts_where_thresholds_do_not() {
    let app = App::start(&[("spark.sql.autoBroadcastJoinThreshold", "-1")]).await;
    app.numbers("l", 2, 100).await;
    app.numbers("r", 2, 50).await;
    let join = async |hint: bool| {
        let (left, right) = (app.plan("select k as a from l").await, app.plan("select k as b from r").await);
        let right = match hint {
            true => LayoutNode::new(right, Layout::Join(JoinHint::Broadcast)).into_plan(),
            false => right,
        };
        let on = (vec!["a"], vec!["b"]);
        LogicalPlanBuilder::from(left).join(right, JoinType::Left, on, None).unwrap().build().unwrap()
    };
    for (hint, mode) in [(true, "CollectLeft"), (false, "Partitioned")] {
        let plan = join(hint).await;
        let physical = app.context.state().create_physical_plan(&plan).await.unwrap();
        let shown = displayable(physical.as_ref()).indent(false).to_string();
        assert!(shown.contains(&format!("mode={mode}")), "{shown}");
        // Two files of 100 rows, each with one partner at most.
        assert_eq!(values(&app, &plan).await.len(), 200);
    }
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coalesced_files_are_read_by_one_task() {
    let app = App::start(&[]).await;
    app.numbers("t", 4, 100).await;
    let plan = LayoutNode::new(app.plan("select k from t where k >= 0").await, Layout::Coalesce(1));
    let plan = plan.into_plan();
    let physical = app.context.state().create_physical_plan(&plan).await.unwrap();
    let shown = displayable(physical.as_ref()).indent(false).to_string();
    assert_eq!(physical.output_partitioning().partition_count(), 1, "{shown}");
    assert!(!shown.contains("CoalescePartitionsExec") && !shown.contains("RepartitionExec"), "{shown}");
    let mut rows = values(&app, &plan).await;
    rows.sort_unstable();
    assert_eq!(rows, (0..400).collect::<Vec<_>>());
    app.driver.stop().await;
}
