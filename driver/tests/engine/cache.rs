//! Cached plans.

use cerium_spark::identity::Identity;
use cerium_spark::session::cache::{PlanCache, StorageLevel};

use crate::app::App;

const SUM: &str = "select k, sum(v) as s from t group by k";
const ASK: &str = "select count(*) as n, sum(s) as s from (select k, sum(v) as s from t group by k)";

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_plan_is_not_computed_again() {
    let app = App::start(&[]).await;
    app.numbers("t", 2, 1000).await;
    let before = app.table(ASK).await;
    let plan = Identity::of(&app.plan(SUM).await).unwrap();
    app.driver.cache().persist(plan, StorageLevel::DEFAULT);
    let plan = Identity::of(&app.plan(SUM).await).unwrap();
    assert_eq!(app.driver.cache().level(&plan), Some(StorageLevel::DEFAULT));
    assert_eq!(app.table(ASK).await, before);

    // Nothing but what was kept can answer now, also when it is read twice in one query.
    app.delete_files("t");
    assert_eq!(app.table(ASK).await, before);
    let joined = format!("select count(*) as n from ({SUM}) a join ({SUM}) b on a.k = b.k");
    let rows = app.sql(&format!("select count(*) as n from ({SUM})")).await.unwrap();
    assert_eq!(app.sql(&joined).await.unwrap().batches, rows.batches);

    app.driver.cache().unpersist(&plan, false);
    assert!(app.sql(ASK).await.is_err(), "the files are gone and nothing is kept");
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_executor_held_is_computed_again() {
    let app = App::start(&[]).await;
    app.numbers("t", 2, 1000).await;
    let before = app.table(ASK).await;
    let plan = Identity::of(&app.plan(SUM).await).unwrap();
    app.driver.cache().persist(plan, StorageLevel::DEFAULT);
    assert_eq!(app.table(ASK).await, before);
    let executors = app.until(|load| !load.executors.is_empty()).await.executors;
    for executor in executors {
        app.signal("KILL", &executor.id);
    }
    assert_eq!(app.table(ASK).await, before);
    app.driver.stop().await;
}
