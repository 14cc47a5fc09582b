//! The web UI: pages, REST API and metrics.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use cerium_driver::ui::Ui;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::App;

/// Status and body of an answer.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: driver\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn json(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_seen_in_pages_rest_and_metrics() {
    let settings = [
        ("spark.ui.port", "0"),
        ("spark.app.id", "spark-1"),
        ("spark.app.name", "a <b>"),
        ("spark.x.token", "t0p"),
    ];
    let app = App::start(&settings).await;
    let ui = Ui::start(Arc::clone(&app.driver), Ipv4Addr::LOCALHOST.into()).await.unwrap().unwrap();
    let address = ui.address();
    assert_eq!(json(address, "/api/v1/applications/spark-1/jobs").await, Value::Array(vec![]));

    app.numbers("t", 2, 100).await;
    app.sql("select g, sum(v) as s from t group by g").await.unwrap();
    let work = app.driver.scheduler().report().await;
    assert_eq!(work.jobs.len(), 1);
    // The last tasks are counted a moment after the result has come.
    let job = loop {
        let job = json(address, "/api/v1/applications/spark-1/jobs/0").await;
        if job["numCompletedStages"] == 2 {
            break job;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((job["status"].as_str(), job["numActiveTasks"].as_u64()), (Some("SUCCEEDED"), Some(0)));
    assert_eq!(job["numTasks"], job["numCompletedTasks"]);
    assert_eq!(job["stageIds"], serde_json::json!([0, 1]));
    assert!(job["completionTime"].as_str().unwrap().ends_with("GMT"));
    let complete = json(address, "/api/v1/applications/spark-1/stages?status=complete").await;
    assert_eq!(complete.as_array().unwrap().len(), 2);
    let failed = json(address, "/api/v1/applications/spark-1/stages?status=failed").await;
    assert_eq!(failed, Value::Array(vec![]));

    let executors = json(address, "/api/v1/applications/spark-1/executors").await;
    let tasks: u64 = executors
        .as_array()
        .unwrap()
        .iter()
        .map(|executor| executor["completedTasks"].as_u64().unwrap())
        .sum();
    assert_eq!(Some(tasks), job["numCompletedTasks"].as_u64());
    assert_eq!(get(address, "/api/v1/applications/other/jobs").await, (404, "no such app: other".to_owned()));

    let (_, metrics) = get(address, "/metrics/executors/prometheus/").await;
    assert!(
        metrics.contains("metrics_executor_completedTasks_total{application_id=\"spark-1\""),
        "{metrics}"
    );
    for page in ["/jobs/", "/stages/", "/executors/"] {
        let (status, body) = get(address, page).await;
        assert_eq!(status, 200, "{page}");
        assert!(body.contains("a &lt;b&gt;") && !body.contains("a <b>"), "{page}");
    }
    assert!(get(address, "/jobs/").await.1.contains("SUCCEEDED"));
    let (_, environment) = get(address, "/environment/").await;
    assert!(environment.contains("spark.x.token") && !environment.contains("t0p"));
    app.driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_gives_way_to_the_next() {
    let app = App::start(&[]).await;
    let first = Ui::start(Arc::clone(&app.driver), Ipv4Addr::LOCALHOST.into()).await.unwrap().unwrap();
    let second = Ui::start(Arc::clone(&app.driver), Ipv4Addr::LOCALHOST.into()).await.unwrap().unwrap();
    assert!(first.address().port() >= 4040 && second.address().port() > first.address().port());
    app.driver.stop().await;
    let none = App::start(&[("spark.ui.enabled", "false")]).await;
    assert!(Ui::start(Arc::clone(&none.driver), Ipv4Addr::LOCALHOST.into()).await.unwrap().is_none());
    none.driver.stop().await;
}
