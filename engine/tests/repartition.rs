//! Repartitions, and what rows know of their partition and file, run in one process.
#![expect(clippy::unwrap_used, reason = "a test may end by panicking, its helpers too")]

use std::collections::BTreeMap;
use std::sync::Arc;

use cerium_conf::SparkConf;
use cerium_engine::session::{codecs, new_session_state};
use cerium_spark::source;
use cerium_spark::source::numbers::Numbers;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::logical_expr::Partitioning;
use datafusion::physical_plan::collect_partitioned;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;

fn context() -> SessionContext {
    SessionContext::new_with_state(new_session_state(&SparkConf::new(), 2, Arc::default()).unwrap())
}

async fn rows_by_partition(frame: DataFrame) -> Vec<Vec<i64>> {
    let context = frame.task_ctx();
    let plan = frame.create_physical_plan().await.unwrap();
    let partitions = collect_partitioned(plan, Arc::new(context)).await.unwrap();
    let values = |batches: &Vec<RecordBatch>| {
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
async fn few_rows_are_not_spread_unless_adaptive_execution_is_off() {
    let partitions = async |conf: SparkConf| {
        let state = new_session_state(&conf, 2, Arc::default()).unwrap();
        let sql = "select column1, count(*) from (values (1), (2), (1)) group by column1";
        let frame = SessionContext::new_with_state(state).sql(sql).await.unwrap();
        rows_by_partition(frame).await.len()
    };
    assert_eq!(partitions(SparkConf::new()).await, 1);
    assert_eq!(partitions([("spark.sql.adaptive.enabled", "false")].into_iter().collect()).await, 2);
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

/// The rows of each partition as texts, after the plan has been on the wire.
async fn texts_by_partition(context: &SessionContext, sql: &str) -> Vec<Vec<String>> {
    let (_, codec) = codecs();
    let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let node = PhysicalPlanNode::try_from_physical_plan(plan, codec.as_ref()).unwrap();
    let plan = node.try_into_physical_plan(context.task_ctx().as_ref(), codec.as_ref()).unwrap();
    let partitions = collect_partitioned(plan, context.task_ctx()).await.unwrap();
    let row = |batch: &RecordBatch, row: usize| -> String {
        let values = batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap());
        values.collect::<Vec<_>>().join(" ")
    };
    let rows = |batches: &Vec<RecordBatch>| {
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|at| row(batch, at))).collect()
    };
    partitions.iter().map(rows).collect()
}

#[tokio::test]
async fn rows_are_numbered_in_the_partitions_of_the_place_that_asks() {
    let context = context();
    context.register_table("t", Arc::new(Numbers::new(0, 6, 1, 3).unwrap())).unwrap();
    let ids = "spark_partition_id(), spark_monotonically_increasing_id(), id";
    let first = ["0 0 0", "0 1 1"];
    let second = ["1 8589934592 2", "1 8589934593 3"];
    let third = ["2 17179869184 4", "2 17179869185 5"];
    let rows = texts_by_partition(&context, &format!("select {ids} from t")).await;
    assert_eq!(rows, [first, second, third]);
    // Each side of a union counts for itself.
    let both = format!("select {ids} from t union all select {ids} from t");
    assert_eq!(texts_by_partition(&context, &both).await, [first, second, third, first, second, third]);
    // A filter that comes later does not change the numbers.
    let odd = format!("select * from (select {ids} from t) where id % 2 = 1");
    assert_eq!(texts_by_partition(&context, &odd).await, [[first[1]], [second[1]], [third[1]]]);
    let early = "select id from t where spark_monotonically_increasing_id() % 2 = 1";
    assert_eq!(texts_by_partition(&context, early).await, [["1"], ["3"], ["5"]]);

    let join = "select a.id from t a join t b on a.id = b.id and spark_partition_id() = 0";
    let error = context.sql(join).await.unwrap().create_physical_plan().await.unwrap_err().to_string();
    assert!(error.contains("INVALID_NON_DETERMINISTIC_EXPRESSIONS"), "{error}");
}

#[tokio::test]
async fn rows_know_the_file_they_are_read_from() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a b.csv"), "1\n2\n").unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let (state, options) = (context.state(), BTreeMap::new());
    let table = source::resolve(&state, "csv", std::slice::from_ref(&path), &options, None).await.unwrap();
    context.register_table("f", table).unwrap();
    let told = "spark_input_file_name(), spark_input_file_block_start(), spark_input_file_block_length()";
    let url = format!("file://{path}/a%20b.csv 0 4");
    let all = async |sql: String| texts_by_partition(&context, &sql).await.concat();
    assert_eq!(all(format!("select {told} from f")).await, [url.clone(), url.clone()]);
    let deep = format!("select _c0, {told} from (select * from f x where _c0 = '2') y");
    assert_eq!(all(deep).await, [format!("2 {url}")]);
    let mixed = format!("select {told} from (select _c0 from f limit 1)");
    assert_eq!(all(mixed).await, [" -1 -1"]);
    let both = format!("select {told} from (select _c0 from f union all select 'x')");
    assert_eq!(all(both).await, [url.clone(), url, " -1 -1".to_owned()]);
}
