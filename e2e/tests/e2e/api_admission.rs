//! What the API server refuses without a webhook: the rules in the definitions and the chart's policies.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::cluster::repository;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use serde::Deserialize;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

/// A row of the table that the operator's own validation is tested with too.
#[derive(Deserialize)]
struct Row {
    kind: String,
    #[serde(default = "wrong")]
    name: String,
    #[serde(default)]
    spec: Value,
    told: String,
}

fn wrong() -> String {
    "wrong".to_owned()
}

fn table(scope: &Scope) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(repository().join("crds/tests/data/refusals.yaml"))?;
    Ok(serde_yaml::from_str(&text.replace("<namespace>", &scope.namespace))?)
}

fn manifest(kind: &str, name: &str, changes: &Value) -> Value {
    let (version, mut spec) = match kind {
        "SparkConnect" => ("v1alpha1", json!({"sparkVersion": "4.1.1", "server": {}, "executor": {}})),
        _ => (
            "v1beta2",
            json!({"type": "Scala", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///a.jar", "driver": {}, "executor": {}}),
        ),
    };
    for (key, value) in changes.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    if kind == "ScheduledSparkApplication" {
        spec = json!({"schedule": "@every 1h", "template": spec});
    }
    json!({
        "apiVersion": format!("sparkoperator.k8s.io/{version}"), "kind": kind,
        "metadata": {"name": name}, "spec": spec,
    })
}

/// Why the API server would not take it; nothing if it would.
async fn refusal(scope: &Scope, manifest: &Value) -> Option<String> {
    let arguments = ["--namespace", &scope.namespace, "create", "--dry-run=server", "-f", "-"];
    let answer = scope.cluster.kubectl_with(&arguments, &manifest.to_string()).await;
    answer.err().map(|error| format!("{error:#}"))
}

/// The chart's policies with these values.
async fn policies(scope: &Scope, values: &[&str]) -> Result<String> {
    let chart = repository().join("charts/cerium");
    let chart = chart.to_str().context("the path of the repository is not UTF-8")?;
    let fixed = ["template", "spark-operator", chart, "--namespace", &scope.namespace];
    // Without asking the cluster helm takes it for an old one.
    let only = ["--kube-version", "1.34.0", "--show-only", "templates/admission/policies.yaml"];
    scope.cluster.helm(&[&fixed[..], &only, values].concat()).await
}

#[tokio::test]
async fn api_admission_refuses_in_kubeflows_words() -> Result<()> {
    on_cluster("api_admission", async |scope| {
        let twice = json!({"driverIngressOptions": [
            {"servicePort": 80, "servicePortName": "a", "ingressURLFormat": "x"},
            {"servicePort": 80, "servicePortName": "b", "ingressURLFormat": "y"},
        ]});
        // Made before there are policies.
        scope.apply(&manifest("SparkApplication", "old", &twice).to_string()).await?;
        let namespaces = format!("spark.jobNamespaces={{{}}}", scope.namespace);
        let policies = policies(scope, &["--set", &namespaces]).await?;
        scope.cluster.kubectl_with(&["apply", "-f", "-"], &policies).await?;
        let checked = check(scope, &twice).await;
        scope.cluster.kubectl_with(&["delete", "-f", "-"], &policies).await?;
        checked
    })
    .await
}

#[tokio::test]
async fn api_admission_by_a_label_leaves_other_namespaces_alone() -> Result<()> {
    on_cluster("api_labelled", async |scope| {
        let selector = format!("spark.jobNamespaceSelector=admission in ({})", scope.namespace);
        let values = ["--set-json", "spark.jobNamespaces=[]", "--set", &selector];
        let policies = policies(scope, &values).await?;
        scope.cluster.kubectl_with(&["apply", "-f", "-"], &policies).await?;
        let checked = check_label(scope).await;
        scope.cluster.kubectl_with(&["delete", "-f", "-"], &policies).await?;
        checked
    })
    .await
}

async fn check_label(scope: &Scope) -> Result<()> {
    let twice = json!({"nodeSelector": {"a": "b"}, "driver": {"nodeSelector": {"a": "b"}}});
    let wrong = manifest("SparkApplication", "wrong", &twice);
    let label = async |label: &str| {
        scope.cluster.kubectl(&["label", "namespace", &scope.namespace, "--overwrite", label]).await
    };
    label(&format!("admission={}", scope.namespace)).await?;
    until("the policy of the labelled namespace", LIMIT, async || {
        Ok(refusal(scope, &wrong).await.filter(|text| text.contains("ValidatingAdmissionPolicy")))
    })
    .await?;
    label("admission=none").await?;
    until("the namespace to be left alone", LIMIT, async || {
        Ok(refusal(scope, &wrong).await.is_none().then_some(()))
    })
    .await
}

async fn check(scope: &Scope, twice: &Value) -> Result<()> {
    // Policies are taken up a moment after they are made.
    for (kind, change) in [
        ("SparkApplication", twice.clone()),
        ("ScheduledSparkApplication", json!({"sparkConf": {"spark.kubernetes.namespace": "other"}})),
        ("SparkConnect", json!({"server": {"memory": "1.5g"}})),
    ] {
        let wrong = manifest(kind, "wrong", &change);
        until(&format!("the policy of {kind}"), LIMIT, async || {
            Ok(refusal(scope, &wrong).await.filter(|text| text.contains("ValidatingAdmissionPolicy")))
        })
        .await?;
    }
    for row in table(scope)? {
        let Row { kind, name, spec, told } = row;
        let refused = refusal(scope, &manifest(&kind, &name, &spec)).await;
        let refused = refused.with_context(|| format!("{kind} {name} {spec} was taken"))?;
        ensure!(refused.contains(&told), "{kind} {name} {spec}: {refused}");
    }
    for (kind, change) in [
        (
            "SparkApplication",
            json!({"sparkConf": {"spark.executor.memory": "1g"}, "driver": {"template": {"spec": {}}}}),
        ),
        ("SparkApplication", json!({"sparkConf": {"spark.kubernetes.namespace": scope.namespace}})),
        ("SparkApplication", json!({"sparkVersion": "v3.5.1", "driver": {"template": {"spec": {}}}})),
        (
            "ScheduledSparkApplication",
            json!({"nodeSelector": {"a": "b"}, "driver": {"nodeSelector": {"a": "b"}}}),
        ),
        (
            "SparkConnect",
            json!({"dynamicAllocation": {"enabled": false, "minExecutors": 3, "maxExecutors": 2}}),
        ),
        ("SparkConnect", json!({"server": {"memory": "512M"}, "executor": {"memory": "1073741824"}})),
    ] {
        let told = refusal(scope, &manifest(kind, &"a".repeat(56), &change)).await;
        ensure!(told.is_none(), "{kind} {change}: {told:?}");
    }
    // An old object may be changed but for its specification, which then has to be right.
    scope.kubectl(&["label", "sparkapplication", "old", "team=a"]).await?;
    let patch = |spec: Value| json!({"spec": spec}).to_string();
    let args = |patch: &str| {
        ["patch", "sparkapplication", "old", "--type=merge", "--patch", patch].map(str::to_owned)
    };
    let run = async |spec: Value| {
        let arguments = args(&patch(spec));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        scope.kubectl(&arguments).await
    };
    let told = run(json!({"suspend": true})).await.err().context("a wrong specification was changed")?;
    ensure!(format!("{told:#}").contains("duplicate ServicePort"), "{told:#}");
    run(json!({"suspend": true, "driverIngressOptions": null})).await?;
    Ok(())
}
