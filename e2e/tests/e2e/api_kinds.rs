//! The three kinds through a real API server.

use anyhow::{Context, Result, ensure};
use cerium_e2e::cluster::repository;
use cerium_e2e::scope::{Scope, on_cluster};
use serde_json::{Value, json};

/// A kind: its file in crds/tests/data, and its name for kubectl.
const KINDS: [(&str, &str); 3] = [
    ("sparkapplication", "sparkapplications.sparkoperator.k8s.io"),
    ("scheduledsparkapplication", "scheduledsparkapplications.sparkoperator.k8s.io"),
    ("sparkconnect", "sparkconnects.sparkoperator.k8s.io"),
];

#[tokio::test]
async fn api_every_field_comes_back_unchanged() -> Result<()> {
    on_cluster("api_every_field", async |scope| {
        for (kind, resource) in KINDS {
            let path = repository().join(format!("crds/tests/data/every-field-{kind}.yaml"));
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let sent: Value = serde_yaml::from_str(&text)?;
            scope.apply(&text).await?;
            let name = sent["metadata"]["name"].as_str().context("the fixture has no name")?;
            let back: Value =
                serde_json::from_str(&scope.kubectl(&["get", resource, name, "--output", "json"]).await?)?;
            assert_eq!(
                without_defaults(&sent["spec"], &back["spec"]),
                sent["spec"],
                "{kind} came back changed"
            );
        }
        Ok(())
    })
    .await
}

/// What came back, without what the schema's defaults have added.
fn without_defaults(sent: &Value, back: &Value) -> Value {
    match (sent, back) {
        (Value::Object(sent), Value::Object(back)) => back
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), without_defaults(sent.get(key)?, value))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (Value::Array(sent), Value::Array(back)) if sent.len() == back.len() => {
            sent.iter().zip(back).map(|(sent, back)| without_defaults(sent, back)).collect()
        }
        (_, back) => back.clone(),
    }
}

#[tokio::test]
async fn api_kubectl_shows_the_columns() -> Result<()> {
    on_cluster("api_columns", async |scope| {
        scope.apply(&application("columns", &json!({})).to_string()).await?;
        for (names, columns) in [
            ("sparkapp", &["NAME", "SUSPEND", "STATUS", "ATTEMPTS", "START", "FINISH", "AGE"][..]),
            ("sparkapplications", &["NAME", "SUSPEND", "STATUS", "ATTEMPTS", "START", "FINISH", "AGE"]),
        ] {
            let table = scope.kubectl(&["get", names]).await?;
            let header: Vec<_> = table.lines().next().unwrap_or_default().split_whitespace().collect();
            assert_eq!(header, columns, "columns of kubectl get {names}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn api_schema_refuses_what_cannot_be_right() -> Result<()> {
    on_cluster("api_schema", async |scope| {
        for (name, field, change) in [
            ("type", "spec.type", json!({"type": "Cobol"})),
            ("mode", "spec.mode", json!({"mode": "moon"})),
            ("restart", "spec.restartPolicy.type", json!({"restartPolicy": {"type": "Sometimes"}})),
            ("cores", "spec.driver.cores", json!({"driver": {"cores": 0}})),
            ("instances", "spec.executor.instances", json!({"executor": {"instances": 0}})),
            ("python", "spec.pythonVersion", json!({"pythonVersion": "4"})),
        ] {
            refuses(scope, &application(name, &change), field).await?;
        }
        Ok(())
    })
    .await
}

async fn refuses(scope: &Scope, manifest: &Value, field: &str) -> Result<()> {
    let error = match scope.apply(&manifest.to_string()).await {
        Ok(_) => anyhow::bail!("the API server took a wrong {field}"),
        Err(error) => format!("{error:#}"),
    };
    ensure!(error.contains(field), "the refusal does not name {field}: {error}");
    Ok(())
}

fn application(name: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name},
        "spec": {"type": "SQL", "mode": "cluster", "sparkVersion": "4.1.1", "driver": {}, "executor": {}},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        manifest["spec"][key] = value.clone();
    }
    manifest
}
