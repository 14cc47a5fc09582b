//! Results of distributed queries.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionContext};

use crate::app::{App, write_numbers};

const QUERIES: [&str; 6] = [
    "select g, count(*), sum(v), min(k), max(k) from t group by g order by g",
    "select a.g, count(*) from t a join t b on a.k = b.v group by a.g order by a.g",
    "select k, v from t where g = 3 order by v desc limit 5",
    "select count(*) from t where k > (select avg(k) from t)",
    "select k, sum(v) over (partition by g order by k) s from t where k < 30 order by k",
    "select count(*) from t where k not in (select v from t)",
];

#[tokio::test(flavor = "multi_thread")]
async fn csv_and_parquet_give_what_one_process_gives() {
    let app = App::start(&[("spark.executor.instances", "2")]).await;
    let csv = app.dir.path().join("csv");
    let parquet = app.dir.path().join("parquet");
    write_numbers(&csv, 4, 500);
    let single = SessionContext::new();
    let csv_table = single.read_csv(csv.to_str().unwrap(), CsvReadOptions::new()).await.unwrap();
    csv_table.write_parquet(parquet.to_str().unwrap(), DataFrameWriteOptions::new(), None).await.unwrap();

    for format in ["csv", "parquet"] {
        for context in [&single, &app.context] {
            context.deregister_table("t").unwrap();
            match format {
                "csv" => context.register_csv("t", csv.to_str().unwrap(), CsvReadOptions::new()).await,
                _ => {
                    context.register_parquet("t", parquet.to_str().unwrap(), ParquetReadOptions::new()).await
                }
            }
            .unwrap();
        }
        for query in QUERIES {
            let expected = single.sql(query).await.unwrap().collect().await.unwrap();
            let expected = pretty_format_batches(&expected).unwrap().to_string();
            assert_eq!(app.table(query).await, expected, "{format}: {query}");
        }
    }
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_global_order_holds_over_many_partitions() {
    let app = App::start(&[("spark.sql.shuffle.partitions", "8")]).await;
    app.numbers("t", 8, 1000).await;
    let result = app.sql("select k from t order by v desc").await.unwrap();
    let found: Vec<i64> = result
        .batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    assert_eq!(found, (0..8000).rev().collect::<Vec<i64>>());
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_and_spark_functions_run_on_executors() {
    let app = App::start(&[("spark.executor.instances", "1")]).await;
    app.numbers("t", 1, 3).await;
    let found = app
        .table(
            "select k, array_distinct(make_array(k, k, v)) a, array_length(make_array(k, v)) n, shiftleft(k, 1) s \
             from t order by k",
        )
        .await;
    let expected = "\
+---+--------+---+---+
| k | a      | n | s |
+---+--------+---+---+
| 0 | [0]    | 2 | 0 |
| 1 | [1, 3] | 2 | 2 |
| 2 | [2, 6] | 2 | 4 |
+---+--------+---+---+";
    assert_eq!(found, expected);
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reads_no_data_needs_no_executor() {
    // None is ever started.
    let app = App::start(&[("spark.executor.instances", "0")]).await;
    let expected = "\
+---+
| a |
+---+
| 1 |
| 2 |
+---+";
    assert_eq!(app.table("select a from (values (2), (1)) t(a) order by a").await, expected);
    assert_eq!(app.sql("select 1 as one").await.unwrap().batches[0].num_rows(), 1);
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_is_no_trouble() {
    let app = App::start(&[("spark.executor.instances", "1")]).await;
    app.numbers("t", 1, 0).await;
    let result = app.sql("select g, count(*) n from t group by g").await.unwrap();
    assert_eq!(result.schema.fields().len(), 2);
    assert_eq!(result.batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    let expected = "\
+---+
| n |
+---+
| 0 |
+---+";
    assert_eq!(app.table("select count(*) n from t").await, expected);
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_nothing_stand_beside_rows_of_files() {
    let app = App::start(&[]).await;
    app.numbers("t", 2, 10).await;
    let union = "select k from t union all select 42 as k union all select 43 union all select 44";
    let table =
        app.table(&format!("select k % 2 as odd, count(*) as n from ({union}) group by 1 order by 1")).await;
    // Of 0 to 19 each half, and 42, 43, 44.
    assert_eq!(table.lines().skip(3).collect::<Vec<_>>()[..2], ["| 0   | 12 |", "| 1   | 11 |"]);
    app.driver.stop().await;
}
