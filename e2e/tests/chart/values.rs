//! Values: Kubeflow's are accepted, wrong ones refused, those without effect told.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn values_of_the_kubeflow_chart_are_accepted() -> Result<()> {
    let objects = template(&["--values", "charts/cerium/ci/kubeflow-values.yaml"])?;
    let spec = &object(&objects, "Deployment spark-operator/sparky-controller")?["spec"];
    assert_eq!(spec["replicas"], 2);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "registry.example.com/mirror/cerium-operator:9.9");
    assert_eq!(
        pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        spec["selector"]["matchLabels"]
    );
    let given: Vec<String> = serde_json::from_value(pod["containers"][0]["args"].clone())?;
    for argument in [
        "--namespaces=a,b",
        "--namespace-selector=spark=enabled",
        "--controller-threads=4",
        "--zap-log-level=debug",
        "--zap-encoder=json",
        "--driver-pod-creation-grace-period=20s",
        "--default-time-to-live-seconds=3600",
        "--leader-election-lease-duration=30s",
        "--metrics-bind-address=:9090",
        "--metrics-labels=team",
        "--enable-ui-service=true",
        "--ingress-url-format={{$appName}}.example.com",
        "--ingress-class-name=nginx",
        r#"--ingress-tls=[{"hosts":["example.com"]}]"#,
        r#"--ingress-annotations={"a":"b"}"#,
        "--enable-batch-scheduler=true",
        "--kube-scheduler-names=scheduler",
        "--default-batch-scheduler=volcano",
        "--enable-driver-pdb=true",
        "--enable-resource-quota-enforcement=true",
        "--scheduled-spark-application-timestamp-precision=seconds",
        "--feature-gates=PartialRestart=true,DefaultTimeToLive=true,RestSubmitter=true",
    ] {
        assert!(has(&given, argument), "no {argument} in {given:?}");
    }
    object(&objects, "PodDisruptionBudget spark-operator/sparky-controller-pdb")?;
    object(&objects, "PodMonitor spark-operator/sparky-podmonitor")?;
    object(&objects, "ServiceAccount b/driver")?;
    Ok(())
}

/// The notes that helm shows after an installation. Without a cluster helm does not show them, so a
/// copy of the chart makes an object of them.
fn notes(options: &[&str]) -> Result<String> {
    static COPIES: AtomicUsize = AtomicUsize::new(0);
    let copy = COPIES.fetch_add(1, Ordering::Relaxed);
    let copy = std::env::temp_dir().join(format!("cerium-notes-{}-{copy}", std::process::id()));
    let copied = Command::new("cp").arg("-R").arg(root().join("charts/cerium/")).arg(&copy).status()?;
    ensure!(copied.success(), "the chart cannot be copied to {}", copy.display());
    let text = std::fs::read_to_string(copy.join("templates/NOTES.txt"))?;
    let made =
        r#"{"kind": "Notes", "metadata": {"name": "notes"}, "text": {{ include "notes" . | toJson }}}"#;
    let template = format!("{{{{- define \"notes\" }}}}{text}{{{{- end }}}}\n{made}\n");
    std::fs::write(copy.join("templates/notes.yaml"), template)?;
    let folder = copy.to_str().context("the temporary folder is not UTF-8")?;
    let fixed = ["template", RELEASE, folder, "--namespace", RELEASE, "--show-only", "templates/notes.yaml"];
    let shown = helm(&[&fixed, options].concat());
    std::fs::remove_dir_all(&copy)?;
    let objects = objects(&shown?)?;
    Ok(object(&objects, "Notes /notes")?["text"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn notes_name_the_values_that_have_no_effect_and_no_others() -> Result<()> {
    let without = "have no effect here";
    let default = notes(&[])?;
    assert!(default.contains("spark-operator-spark") && !default.contains(without), "{default}");
    let told = notes(&["--values", "charts/cerium/ci/kubeflow-values.yaml"])?;
    let (_, told) = told.split_once(without).context("nothing is told")?;
    let named: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("  ")?.split(':').next()).collect();
    let expected = [
        "hook.upgradeCrd",
        "controller.featureGates RestSubmitter, submitter",
        "controller.kubeAPIQPS",
        "controller.kubeAPIBurst",
        "controller.pprof",
        "controller.workqueueRateLimiter",
        "webhook",
        "certManager",
    ];
    assert_eq!(named, expected);
    let upgrade = notes(&["--is-upgrade"])?;
    assert!(upgrade.contains("charts/cerium-crds") && !upgrade.contains(without), "{upgrade}");
    Ok(())
}

#[test]
fn the_default_time_to_live_needs_its_feature_gate() -> Result<()> {
    let seconds = "controller.defaultTimeToLiveSeconds=60";
    let given = |gate: &str| -> Result<bool> {
        let gates = format!(r#"controller.featureGates=[{{"name":"DefaultTimeToLive","enabled":{gate}}}]"#);
        Ok(has(
            &arguments(&template(&["--set", seconds, "--set-json", &gates])?)?,
            "--default-time-to-live-seconds=60",
        ))
    };
    assert!(given("true")?);
    assert!(!given("false")?);
    let told = notes(&["--set", seconds])?;
    assert!(told.contains("controller.defaultTimeToLiveSeconds: needs the feature gate"), "{told}");
    Ok(())
}

#[test]
fn bad_values_are_refused_with_their_names() {
    let cases = [
        ("spark.jobNamespace=x", "jobNamespace"),
        ("controler.replicas=1", "controler"),
        ("controller.replicas=-1", "/controller/replicas"),
        ("controller.workers=0", "/controller/workers"),
        ("controller.logLevel=loud", "/controller/logLevel"),
        ("controller.defaultEngine=flink", "/controller/defaultEngine"),
        ("controller.leaderElection.leaseDuration=15", "/controller/leaderElection/leaseDuration"),
        ("controller.podDisruptionBudget.enable=true", "controller.replicas"),
        ("spark.jobNamespaces={Default}", "/spark/jobNamespaces"),
        ("prometheus.metrics.port=99999", "/prometheus/metrics/port"),
        ("controller.replicas=2,controller.leaderElection.enable=false", "controller.leaderElection.enable"),
        ("controller.uiIngress.enable=true", "controller.uiIngress.urlFormat"),
        ("controller.shards=0", "/controller/shards"),
        ("prometheus.metrics.enable=false,prometheus.podMonitor.create=true", "prometheus.metrics.enable"),
        ("runtime.image.pullPolicy=Sometimes", "/runtime/image/pullPolicy"),
        ("image.repository=", "/image/repository"),
    ];
    for (value, named) in cases {
        let error = template(&["--set", value]).expect_err(value).to_string();
        assert!(error.contains(named), "{value}: {error}");
    }
}
