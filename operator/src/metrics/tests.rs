use super::*;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use prometheus_client::encoding::text::encode;

fn application() -> SparkApplication {
    serde_json::from_value(serde_json::json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {
            "name": "pi", "namespace": "ns", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app-type": "batch"},
        },
        "spec": {
            "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///a.sql",
            "driver": {}, "executor": {},
        },
    }))
    .unwrap()
}

fn status(phase: Phase) -> SparkApplicationStatus {
    let mut status = SparkApplicationStatus::default();
    status.application_state.state = phase;
    status.submission_id = Some("s".into());
    status.execution_attempts = Some(1);
    status.last_submission_attempt_time = Some(Time("2026-01-01T00:00:02Z".parse().unwrap()));
    status.termination_time = Some(Time("2026-01-01T00:00:12Z".parse().unwrap()));
    status
}

fn lines(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    text
}

fn new() -> (Metrics, Registry) {
    Metrics::new(MetricsConfig {
        prefix: "my-".into(),
        labels: vec!["app-type".into(), "namespace".into(), "team".into()],
        submit_latency_buckets: vec![1.0, 4.0],
        start_latency_buckets: vec![30.0],
    })
}

const LABELS: &str = r#"app_type="batch",namespace="ns",team="Unknown""#;

#[test]
fn names_and_labels_are_kubeflows() {
    let (metrics, registry) = new();
    let app = application();
    let now = "2026-01-01T00:00:03Z".parse().unwrap();
    let order = [Phase::Submitted, Phase::Running, Phase::Succeeding, Phase::Completed];
    let mut old = SparkApplicationStatus::default();
    for phase in order {
        metrics.status_changed(&app, &old, &status(phase), now);
        old = status(phase);
    }
    let text = lines(&registry);
    for expected in [
        format!("my_spark_application_count{{{LABELS}}} 1"),
        format!("my_spark_application_submit_count{{{LABELS}}} 1"),
        format!("my_spark_application_success_count{{{LABELS}}} 1"),
        format!("my_spark_application_submit_latency_seconds_sum{{{LABELS}}} 3.0"),
        format!("my_spark_application_submit_latency_seconds_count{{{LABELS}}} 1"),
        format!("my_spark_application_submit_latency_seconds_histogram_bucket{{le=\"1.0\",{LABELS}}} 0"),
        format!("my_spark_application_submit_latency_seconds_histogram_bucket{{le=\"4.0\",{LABELS}}} 1"),
        format!("my_spark_application_success_execution_time_seconds_sum{{{LABELS}}} 10.0"),
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected}\nis not in\n{text}");
    }
}

#[test]
fn gauges_follow_an_application_and_forget_it() {
    let (metrics, registry) = new();
    let key = ObjectKey { namespace: "ns".into(), name: "pi".into() };
    let mut app = application();
    let mut running = status(Phase::Running);
    running.executor_state =
        Some([("e-1".to_owned(), ExecutorState::Running), ("e-2".to_owned(), ExecutorState::Failed)].into());
    app.status = Some(running);
    metrics.seen(&key, &app);
    metrics.seen(&key, &app);
    assert!(lines(&registry).contains(&format!("my_spark_application_running_count{{{LABELS}}} 1\n")));
    assert!(lines(&registry).contains(&format!("my_spark_executor_running_count{{{LABELS}}} 1\n")));
    metrics.forget(&key);
    assert!(lines(&registry).contains(&format!("my_spark_application_running_count{{{LABELS}}} 0\n")));
    assert!(lines(&registry).contains(&format!("my_spark_executor_running_count{{{LABELS}}} 0\n")));
}

#[test]
fn applications_are_counted_by_state_and_moved_from_one_to_the_next() {
    let (metrics, registry) = new();
    let key = ObjectKey { namespace: "ns".into(), name: "pi".into() };
    let mut app = application();
    metrics.seen(&key, &app);
    assert!(lines(&registry).contains("cerium_applications{state=\"NEW\"} 1\n"));
    app.status = Some(status(Phase::Completed));
    metrics.seen(&key, &app);
    let text = lines(&registry);
    assert!(text.contains("cerium_applications{state=\"NEW\"} 0\n"), "{text}");
    assert!(text.contains("cerium_applications{state=\"COMPLETED\"} 1\n"), "{text}");
}
