use super::*;
use clap::CommandFactory;

fn start(flags: &[&str]) -> Settings {
    let mut line = vec!["cerium-operator", "controller", "start"];
    line.extend(flags);
    match Cli::try_parse_from(line).unwrap().command {
        Command::Controller(ControllerCommand::Start(flags)) => flags.into_settings(),
        Command::Crds => panic!("parsed as crds"),
    }
}

#[test]
fn verify_cli() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_are_kubeflows() {
    let settings = start(&[]);
    assert!(settings.scope.namespaces.is_empty());
    assert!(settings.scope.selector.is_none());
    assert_eq!(settings.concurrency, 10);
    assert_eq!(settings.cache_sync_timeout, Duration::from_secs(30));
    assert_eq!(settings.policy.max_tracked_executors, 1000);
    assert_eq!(settings.policy.default_time_to_live, None);
    assert_eq!(settings.policy.patience.creation_grace, SignedDuration::from_secs(10));
    assert_eq!(settings.policy.patience.startup, Some(SignedDuration::from_mins(10)));
    assert_eq!(settings.policy.patience.scheduling, None);
    assert_eq!(settings.policy.exposure, ExposurePolicy { ui_service: true, ..ExposurePolicy::default() });
    assert_eq!(settings.policy.default_engine, Engine::Native);
    assert!(settings.lease.is_none());
    assert_eq!(settings.metrics_listen, Listen(None));
    assert_eq!(settings.health_listen, Listen::parse(":8081").unwrap());
    assert!(settings.without_effect.is_empty());
}

#[test]
fn the_flags_of_kubeflows_chart_are_accepted() {
    let settings = start(&[
        "--zap-encoder=console",
        "--zap-log-level=info",
        "--namespaces=\"\"",
        "--namespace-selector=spark=enabled",
        "--controller-threads=10",
        "--enable-ui-service=true",
        "--enable-metrics=true",
        "--metrics-bind-address=:8080",
        "--metrics-endpoint=/metrics",
        "--metrics-prefix=",
        "--metrics-labels=app_type",
        "--metrics-job-start-latency-buckets=30,60,90,120,150,180,210,240,270,300",
        "--leader-election=true",
        "--leader-election-lock-name=spark-operator-controller-lock",
        "--leader-election-lock-namespace=spark-operator",
        "--workqueue-ratelimiter-bucket-qps=50",
        "--workqueue-ratelimiter-bucket-size=500",
        "--workqueue-ratelimiter-max-delay=6h",
        "--driver-pod-creation-grace-period=10s",
        "--max-tracked-executor-per-app=1000",
        "--kube-api-qps=20",
        "--kube-api-burst=30",
        "--default-time-to-live-seconds=60",
    ]);
    assert!(settings.scope.namespaces.is_empty());
    assert!(settings.scope.selector.is_some());
    assert_eq!(settings.lease.unwrap().name, "spark-operator-controller-lock");
    assert_eq!(settings.metrics_listen, Listen::parse(":8080").unwrap());
    assert_eq!(settings.metrics.start_latency_buckets.len(), 10);
    assert_eq!(settings.policy.default_time_to_live, Some(SignedDuration::from_mins(1)));
    assert_eq!(
        settings.without_effect,
        [
            "workqueue-ratelimiter-bucket-qps",
            "workqueue-ratelimiter-bucket-size",
            "workqueue-ratelimiter-max-delay",
            "kube-api-qps",
            "kube-api-burst",
        ]
    );
}

#[test]
fn ingresses_are_described_in_json() {
    let policy = start(&[
        "--enable-driver-pdb",
        "--default-engine=spark",
        "--ingress-class-name=nginx",
        "--ingress-url-format={{$appName}}.example.org",
        "--ingress-tls=[{\"hosts\":[\"*.example.org\"],\"secretName\":\"tls\"}]",
        "--ingress-annotations={\"a\":\"b\"}",
    ])
    .policy;
    assert_eq!(policy.default_engine, Engine::Spark);
    let exposure = policy.exposure;
    assert!(exposure.budgets);
    assert_eq!(exposure.ingress_url.as_deref(), Some("{{$appName}}.example.org"));
    assert_eq!(exposure.ingress_tls[0].secret_name.as_deref(), Some("tls"));
    assert_eq!(exposure.ingress_annotations["a"], "b");
}

#[test]
fn a_switch_needs_no_value() {
    assert!(start(&["--leader-election"]).lease.is_some());
    assert!(start(&["--leader-election=false"]).lease.is_none());
}

#[test]
fn wrong_values_are_refused() {
    for flag in [
        "--controller-threads=0",
        "--cache-sync-timeout=soon",
        "--namespaces=A",
        "--zap-encoder=xml",
        "--default-engine=flink",
        "--ingress-tls={}",
    ] {
        let parsed = Cli::try_parse_from(["cerium-operator", "controller", "start", flag]);
        assert!(parsed.is_err(), "{flag}");
    }
}

#[test]
fn batch_schedulers_are_off_unless_switched_on() {
    assert_eq!(start(&["--default-batch-scheduler=volcano"]).policy.batch, None);
    let settings = start(&["--enable-batch-scheduler=true", "--kube-scheduler-names=a,b"]);
    let expected = BatchSchedulers { kube_schedulers: vec!["a".into(), "b".into()], default: None };
    assert_eq!(settings.policy.batch, Some(expected));
}
