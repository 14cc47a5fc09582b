use super::*;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

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
    text(registry).unwrap()
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
        format!("my_spark_application_submit_latency_seconds_histogram_bucket{{le=\"1\",{LABELS}}} 0"),
        format!("my_spark_application_submit_latency_seconds_histogram_bucket{{le=\"4\",{LABELS}}} 1"),
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

/// Types are those of Kubeflow's metrics (internal/metrics) and of the Go clients of Kubernetes and Prometheus.
#[tokio::test]
async fn types_are_those_of_kubeflow() {
    let (metrics, registry) = new();
    let (app, now) = (application(), "2026-01-01T00:00:03Z".parse().unwrap());
    let states = [Phase::New, Phase::Submitted, Phase::Running, Phase::Completed];
    for pair in states.windows(2) {
        let mut next = status(pair[1]);
        next.executor_state = Some(
            [("e-1".to_owned(), ExecutorState::Completed), ("e-2".to_owned(), ExecutorState::Failed)].into(),
        );
        let old = if pair[0] == Phase::New { SparkApplicationStatus::default() } else { status(pair[0]) };
        metrics.status_changed(&app, &old, &next, now);
    }
    metrics.status_changed(&app, &status(Phase::Failing), &status(Phase::Failed), now);
    metrics.status_changed(&app, &status(Phase::New), &status(Phase::SubmissionFailed), now);
    let mut running = app.clone();
    running.status = Some(status(Phase::Running));
    let key = ObjectKey { namespace: "ns".into(), name: "pi".into() };
    metrics.seen(&key, &running);
    metrics.set_leading("lock", true);
    metrics.work.requested("spark-application-controller", &key);
    metrics.work.taken("spark-application-controller", &key);
    metrics.work.reconciling("spark-application-controller").end("success");
    metrics.work.retried("spark-application-controller");
    metrics.scheduled_run("started");
    let text = lines(&registry);
    let types: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for (name, kind) in [
        ("my_spark_application_count", "counter"),
        ("my_spark_application_submit_count", "counter"),
        ("my_spark_application_failed_submission_count", "counter"),
        ("my_spark_application_running_count", "gauge"),
        ("my_spark_application_success_count", "counter"),
        ("my_spark_application_failure_count", "counter"),
        ("my_spark_application_success_execution_time_seconds", "summary"),
        ("my_spark_application_failure_execution_time_seconds", "summary"),
        ("my_spark_application_submit_latency_seconds", "summary"),
        ("my_spark_application_submit_latency_seconds_histogram", "histogram"),
        ("my_spark_application_start_latency_seconds", "summary"),
        ("my_spark_application_start_latency_seconds_histogram", "histogram"),
        ("my_spark_executor_running_count", "gauge"),
        ("my_spark_executor_success_count", "counter"),
        ("my_spark_executor_failure_count", "counter"),
        ("controller_runtime_reconcile_total", "counter"),
        ("controller_runtime_reconcile_errors_total", "counter"),
        ("controller_runtime_reconcile_time_seconds", "histogram"),
        ("controller_runtime_active_workers", "gauge"),
        ("workqueue_depth", "gauge"),
        ("workqueue_adds_total", "counter"),
        ("workqueue_retries_total", "counter"),
        ("workqueue_queue_duration_seconds", "histogram"),
        ("workqueue_unfinished_work_seconds", "gauge"),
        ("leader_election_master_status", "gauge"),
        ("process_cpu_seconds_total", "counter"),
        ("process_open_fds", "gauge"),
        ("process_max_fds", "gauge"),
        ("process_virtual_memory_bytes", "gauge"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_start_time_seconds", "gauge"),
        ("go_goroutines", "gauge"),
    ] {
        assert!(types.contains(&(name, kind)), "{name} is no {kind} in {types:?}");
    }
    // A name has one type, and each sample stands below the name it belongs to.
    let names: std::collections::BTreeSet<&str> = types.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), types.len());
    let mut current = "";
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            current = described.split(' ').next().unwrap();
        } else if !line.starts_with('#') {
            let sample = line.split(['{', ' ']).next().unwrap();
            let suffix = sample.strip_prefix(current).unwrap_or_else(|| panic!("{line} below {current}"));
            assert!(["", "_sum", "_count", "_bucket"].contains(&suffix), "{line} below {current}");
        }
    }
}

#[test]
fn a_lease_names_its_leader() {
    let (metrics, registry) = new();
    metrics.set_leading("spark-operator-controller-lock", false);
    let line =
        |value| format!("leader_election_master_status{{name=\"spark-operator-controller-lock\"}} {value}\n");
    assert!(lines(&registry).contains(&line(0)));
    metrics.set_leading("spark-operator-controller-lock", true);
    assert!(lines(&registry).contains(&line(1)));
}
