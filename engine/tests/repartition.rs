//! Repartitions, run in one process.
#![expect(clippy::unwrap_used, reason = "a test may end by panicking, its helpers too")]

use std::sync::Arc;

use cerium_conf::SparkConf;
use cerium_engine::session::new_session_state;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::logical_expr::Partitioning;
use datafusion::physical_plan::collect_partitioned;
use datafusion::prelude::{DataFrame, SessionContext};

fn context() -> SessionContext {
    SessionContext::new_with_state(new_session_state(&SparkConf::new(), 2, Arc::default()).unwrap())
}

async fn rows_by_partition(frame: DataFrame) -> Vec<Vec<i64>> {
    let context = frame.task_ctx();
    let plan = frame.create_physical_plan().await.unwrap();
    let partitions = collect_partitioned(plan, std::sync::Arc::new(context)).await.unwrap();
    let values = |batches: &Vec<datafusion::arrow::array::RecordBatch>| {
        batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect()
    };
    partitions.iter().map(values).collect()
}

#[tokio::test]
async fn as_many_partitions_as_asked_for_each_with_its_share() {
    let context = context();
    for partitions in [1, 8, 200] {
        let frame = context.sql("select value from range(1000)").await.unwrap();
        let frame = frame.repartition(Partitioning::RoundRobinBatch(partitions)).unwrap();
        let rows = rows_by_partition(frame).await;
        assert_eq!(rows.len(), partitions);
        assert!(rows.iter().all(|rows| rows.len() == 1000 / partitions), "of {partitions}");
        let mut all: Vec<i64> = rows.concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn what_comes_after_sees_the_partitions() {
    let context = context();
    let frame = context.sql("select value from range(1000)").await.unwrap();
    let frame = frame.repartition(Partitioning::RoundRobinBatch(8)).unwrap();
    let frame =
        frame.select(vec![datafusion::prelude::col("value") + datafusion::prelude::lit(1_i64)]).unwrap();
    assert_eq!(rows_by_partition(frame).await.len(), 8);
}
