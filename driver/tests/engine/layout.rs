//! In what order rows come, and how joins are run.

use cerium_spark::layout::{JoinHint, Layout, LayoutNode};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::JoinType;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
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
