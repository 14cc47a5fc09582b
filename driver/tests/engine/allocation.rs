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
