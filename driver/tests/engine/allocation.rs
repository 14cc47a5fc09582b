//! Dynamic allocation with real executors.

use crate::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn executors_come_with_work_and_go_when_idle() {
    let app = App::start(&[
        ("spark.dynamicAllocation.enabled", "true"),
        ("spark.dynamicAllocation.maxExecutors", "2"),
        ("spark.dynamicAllocation.executorIdleTimeout", "1s"),
        ("spark.dynamicAllocation.schedulerBacklogTimeout", "100ms"),
    ])
    .await;
    app.numbers("t", 8, 500).await;
    assert_eq!(app.driver.scheduler().load().await.executors, []);

    let expected = "\
+------+
| n    |
+------+
| 4000 |
+------+";
    assert_eq!(app.table("select count(*) n from t").await, expected);
    assert!(!app.driver.scheduler().load().await.executors.is_empty());
    app.until(|load| load.executors.is_empty()).await;

    // And again from none.
    assert_eq!(app.table("select count(*) n from t").await, expected);
    app.until(|load| load.executors.is_empty()).await;
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_of_a_program_that_has_run_nothing_are_replaced() {
    let app = App::start(&[("spark.executor.instances", "1")]).await;
    app.numbers("t", 2, 500).await;
    app.until(|load| load.executors.len() == 1).await;

    let wanted = [("spark.executor.instances", "2"), ("spark.executor.cores", "2")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert!(app.driver.reconfigure(&wanted).unwrap());
    let load =
        app.until(|load| load.executors.len() == 2 && load.executors.iter().all(|e| e.slots == 2)).await;
    assert!(load.executors.iter().all(|executor| executor.id != "1"), "{load:?}");

    app.sql("select sum(v) from t").await.unwrap();
    let later = [("spark.executor.instances".to_owned(), "1".to_owned())];
    assert!(!app.driver.reconfigure(&later).unwrap());
    assert_eq!(app.driver.conf().get_str("spark.executor.instances"), Some("2"));
    app.driver.stop().await;
}
