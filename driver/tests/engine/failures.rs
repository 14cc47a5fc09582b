//! Executors that are lost, tasks that fail, results that are too large.

use cerium_driver::driver::ExecuteError;
use cerium_driver::scheduler::{ClusterLoad, JobError};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{CsvReadOptions, SessionContext};

use crate::app::App;

/// Two shuffles and enough work in the last stage to be interrupted: 4000 x 4000 / 7 pairs.
const HEAVY: &str =
    "select a.g, count(*) n, sum(a.v + b.v) s from t a join t b on a.g = b.g group by a.g order by a.g";

async fn expected(app: &App, sql: &str) -> String {
    let single = SessionContext::new();
    let folder = app.dir.path().join("t");
    single.register_csv("t", folder.to_str().unwrap(), CsvReadOptions::default()).await.unwrap();
    pretty_format_batches(&single.sql(sql).await.unwrap().collect().await.unwrap()).unwrap().to_string()
}

fn holder(load: &ClusterLoad) -> Option<String> {
    let found =
        load.executors.iter().find(|executor| executor.holds_shuffle && executor.running_tasks > 0)?;
    Some(found.id.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_killed_in_mid_job_costs_time_but_not_the_result() {
    let app = App::start(&[("spark.sql.shuffle.partitions", "8")]).await;
    app.numbers("t", 8, 500).await;
    app.until(|load| load.executors.len() == 2).await;
    let (found, ()) = tokio::join!(app.table(HEAVY), async {
        let load = app.until(|load| holder(load).is_some()).await;
        app.signal("KILL", &holder(&load).unwrap());
    });
    assert_eq!(found, expected(&app, HEAVY).await);
    // The lost one was replaced, and no slot was lost with the stages that were rolled back.
    let load = app.until(|load| load.executors.len() == 2).await;
    assert!(load.executors.iter().any(|executor| executor.id == "3"), "{load:?}");
    app.until(|load| load.running_tasks == 0 && load.pending_tasks == 0).await;
    let (again, ()) = tokio::join!(app.table(HEAVY), async {
        app.until(|load| load.executors.iter().all(|executor| executor.running_tasks == 1)).await;
    });
    assert_eq!(again, found);
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_told_to_end_finishes_its_tasks_and_serves_what_it_has() {
    let app = App::start(&[("spark.sql.shuffle.partitions", "8")]).await;
    app.numbers("t", 8, 500).await;
    app.until(|load| load.executors.len() == 2).await;
    let (found, ended) = tokio::join!(app.table(HEAVY), async {
        let load = app.until(|load| holder(load).is_some()).await;
        let ended = holder(&load).unwrap();
        app.signal("TERM", &ended);
        ended
    });
    assert_eq!(found, expected(&app, HEAVY).await);
    // With the job over nobody needs its files; it goes, and another one comes.
    let load = app.until(|load| load.executors.iter().any(|executor| executor.id == "3")).await;
    assert!(load.executors.iter().all(|executor| executor.id != ended), "{load:?}");
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_executors_killed_in_mid_job_are_replaced() {
    let app = App::start(&[("spark.sql.shuffle.partitions", "4")]).await;
    app.numbers("t", 4, 1000).await;
    app.until(|load| load.executors.len() == 2).await;
    let (found, ()) = tokio::join!(app.table(HEAVY), async {
        app.until(|load| holder(load).is_some()).await;
        app.signal("KILL", "1");
        app.signal("KILL", "2");
    });
    assert_eq!(found, expected(&app, HEAVY).await);
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_task_fails_the_job_in_the_users_words() {
    let app = App::start(&[("spark.executor.instances", "1")]).await;
    app.numbers("t", 1, 10).await;
    let error = app
        .sql("select arrow_cast(concat('x', cast(k as string)), 'Int32') from t where k > 4")
        .await
        .unwrap_err();
    assert!(matches!(error, ExecuteError::Job(JobError::Task(..))), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with(
            "[CAST_INVALID_INPUT] The value 'x5' of the type \"STRING\" cannot be cast to \"INT\""
        ),
        "{text}"
    );
    // The executor goes on.
    assert_eq!(app.sql("select count(*) from t").await.unwrap().batches[0].num_rows(), 1);
    app.driver.stop().await;
}

fn is_too_large(text: &str, tasks: usize) -> bool {
    text.starts_with(&format!(
        "Job aborted due to stage failure: Total size of serialized results of {tasks} tasks ("
    )) && text.contains(") is bigger than spark.driver.maxResultSize (10.0 KiB)")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_above_the_limit_is_refused() {
    let app = App::start(&[("spark.driver.maxResultSize", "10k")]).await;
    app.numbers("t", 2, 20_000).await;
    let error = app.sql("select k, v from t").await.unwrap_err();
    let text = error.to_string();
    // The task that is over the limit by itself stops before it has written all of it.
    assert!(matches!(error, ExecuteError::Job(JobError::Task(..))), "{text}");
    assert!(is_too_large(&text, 1), "{text}");
    // A small one passes.
    assert_eq!(app.sql("select count(*) from t").await.unwrap().batches[0].num_rows(), 1);
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_that_never_start_end_the_job() {
    // Too little memory for so many cores: the executor refuses to start.
    let settings = [
        ("spark.executor.memory", "450m"),
        ("spark.executor.cores", "64"),
        ("spark.executor.instances", "1"),
        ("spark.executor.maxNumFailures", "1"),
    ];
    let app = App::start(&settings).await;
    app.numbers("t", 1, 10).await;
    let error = app.sql("select count(*) from t").await.unwrap_err().to_string();
    assert!(error.starts_with("Max number of executor failures (1) reached; the last one: "), "{error}");
    app.driver.stop().await;
}
