//! The three kinds through a real API server.

use anyhow::{Context, Result, ensure};
use cerium_e2e::cluster::repository;
use cerium_e2e::scope::{Scope, on_cluster};
use serde_json::{Value, json};

/// Their plural names.
const KINDS: [&str; 3] = ["sparkapplications", "scheduledsparkapplications", "sparkconnects"];

/// A manifest with every field is taken, and nothing of it is dropped or changed: once with the
/// values that the fixtures give, once with values made from the schema.
#[tokio::test]
async fn api_every_field_comes_back_unchanged() -> Result<()> {
    on_cluster("api_every_field", async |scope| {
        for plural in KINDS {
            let singular = plural.trim_end_matches('s');
            let fixture = read(&format!("crds/tests/data/every-field-{singular}.yaml"))?;
            comes_back(scope, plural, &fixture).await?;

            let definition = read(&format!("crds/generated/sparkoperator.k8s.io_{plural}.yaml"))?;
            let version = &definition["spec"]["versions"][0];
            let made = json!({
                "apiVersion": fixture["apiVersion"],
                "kind": fixture["kind"],
                "metadata": {"name": "made-from-schema"},
                "spec": every_field(&version["schema"]["openAPIV3Schema"]["properties"]["spec"]),
            });
            comes_back(scope, plural, &made).await?;
        }
        Ok(())
    })
    .await
}

async fn comes_back(scope: &Scope, plural: &str, sent: &Value) -> Result<()> {
    let name = sent["metadata"]["name"].as_str().context("a manifest without a name")?;
    let mut manifest = sent.clone();
    // The test's namespace instead of what the fixture may name.
    manifest["metadata"]["namespace"] = json!(scope.namespace);
    scope.apply(&manifest.to_string()).await?;
    let resource = format!("{plural}.sparkoperator.k8s.io");
    let back = scope.kubectl(&["get", &resource, name, "--output", "json"]).await?;
    let back: Value = serde_json::from_str(&back)?;
    assert_eq!(back["spec"], sent["spec"], "{plural} {name} came back changed");
    Ok(())
}

fn read(path: &str) -> Result<Value> {
    let path = repository().join(path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_yaml::from_str(&text)?)
}

/// A value that a schema allows, with all its fields.
fn every_field(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let mut object = serde_json::Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                object.insert(name.clone(), every_field(field));
            }
            if schema["additionalProperties"].is_object() {
                object.insert("key".to_owned(), every_field(&schema["additionalProperties"]));
            }
            if schema["x-kubernetes-preserve-unknown-fields"] == true {
                object.insert("free".to_owned(), json!({"form": [1, "two"]}));
            }
            object.into()
        }
        Some("array") => json!([every_field(&schema["items"])]),
        Some("integer") => json!(schema["minimum"].as_f64().map_or(7, |minimum| minimum as i64 + 1)),
        Some("boolean") => json!(true),
        Some("string") if schema["format"] == "date-time" => json!("2026-01-02T03:04:05Z"),
        // Also what the patterns of host names and durations allow.
        _ => json!("1"),
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
        "spec": {"type": "SQL", "mode": "cluster", "sparkVersion": "4.1.1",
                 "mainApplicationFile": "local:///program.sql", "driver": {}, "executor": {}},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        manifest["spec"][key] = value.clone();
    }
    manifest
}
