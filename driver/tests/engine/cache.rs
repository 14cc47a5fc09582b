//! Cached plans.

use std::fs;
use std::path::Path;

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

/// Asks for a plan kept at a level until it is kept, then spoils all files of the executors and asks again:
/// both answers, and how many jobs the last one took.
async fn with_spoilt_files(level: &str) -> (String, String, usize) {
    let app = App::start(&[("spark.executor.instances", "1")]).await;
    app.numbers("t", 2, 1000).await;
    let plan = Identity::of(&app.plan(SUM).await).unwrap();
    app.driver.cache().persist(plan, StorageLevel::of_name(level).unwrap());
    let before = app.table(ASK).await;
    assert_eq!(app.table(ASK).await, before);
    assert!(spoil(app.dir.path()) > 0, "no files are kept");
    let jobs = app.driver.scheduler().report().await.jobs.len();
    let after = app.table(ASK).await;
    let more = app.driver.scheduler().report().await.jobs.len() - jobs;
    app.driver.stop().await;
    (before, after, more)
}

/// Fills the Arrow files below a folder with zeros and answers how many there were.
fn spoil(folder: &Path) -> usize {
    let entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    let files: Vec<_> =
        files.iter().filter(|file| file.extension().is_some_and(|end| end == "arrow")).collect();
    for file in &files {
        // The shuffle files of the query that is done go meanwhile.
        let Ok(known) = fs::metadata(file) else { continue };
        fs::write(file, vec![0; known.len() as usize]).unwrap();
    }
    files.len() + folders.iter().map(|folder| spoil(folder)).sum::<usize>()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_in_memory_where_the_level_says_so() {
    let (before, after, jobs) = with_spoilt_files("MEMORY_AND_DISK").await;
    assert_eq!((after, jobs), (before, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_cannot_be_read_are_computed_again() {
    let (before, after, jobs) = with_spoilt_files("DISK_ONLY").await;
    // The one that fails, the one that computes them and the one that reads them.
    assert_eq!((after, jobs), (before, 3));
}
