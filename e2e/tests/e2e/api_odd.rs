//! Objects that are large, have long or foreign names, or stand where others already are: they run, or say why not
//! and run when that is mended.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, uid};
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

/// Creates a Python application; the fields of `spec` and `metadata` come on top. No node takes its driver: the
/// test plays the kubelet.
async fn create<'a>(scope: &'a Scope, name: &str, metadata: Value, spec: Value) -> Result<Application<'a>> {
    let mut manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name},
        "spec": {
            "type": "Python", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///program.py",
            "driver": {"nodeSelector": {"cerium-e2e": "nowhere"}}, "executor": {},
        },
    });
    for (part, fields) in [("metadata", metadata), ("spec", spec)] {
        for (key, value) in fields.as_object().into_iter().flatten() {
            manifest[part][key] = value.clone();
        }
    }
    let object: DynamicObject = serde_json::from_value(manifest)?;
    // Not by kubectl apply, whose annotation would be too long.
    Application::api(scope).create(&PostParams::default(), &object).await?;
    Ok(Application::new(scope, name))
}

async fn patch(scope: &Scope, name: &str, patch: &Value) -> Result<()> {
    scope.kubectl(&["patch", "sparkapp", name, "--type", "merge", "--patch", &patch.to_string()]).await?;
    Ok(())
}

async fn fails(application: &Application<'_>, words: &[&str]) -> Result<()> {
    let message = application.wait_failure(LIMIT).await?;
    for word in words {
        ensure!(message.contains(word), "the message does not say \"{word}\": {message}");
    }
    Ok(())
}

async fn driver(scope: &Scope, application: &Application<'_>) -> Result<Pod> {
    application.wait_state("SUBMITTED", LIMIT).await?;
    Ok(scope.pod_api().get(&application.driver()).await?)
}

#[tokio::test]
async fn api_long_large_and_foreign_words_run_or_say_why() -> Result<()> {
    on_cluster("api_odd_words", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let _operator = Operator::start(scope, &[])?;
        driver(scope, &create(scope, &"n".repeat(63), json!({}), json!({})).await?).await?;
        let long = create(scope, &"n".repeat(64), json!({}), json!({})).await?;
        fails(&long, &["metadata.name", "no more than 63 characters"]).await?;

        let words = json!(["größe", "漢字 😀", "a\nb"]);
        let unicode = create(scope, "unicode", json!({}), json!({"arguments": words.clone()})).await?;
        let pod = driver(scope, &unicode).await?;
        let container =
            pod.spec.and_then(|spec| spec.containers.into_iter().next()).context("no container")?;
        let given = json!(container.args.unwrap_or_default());
        let given = given.as_array().map(Vec::as_slice).unwrap_or_default();
        ensure!(
            words.as_array().is_some_and(|words| given.ends_with(words)),
            "the driver is given {given:?}"
        );

        let labels: serde_json::Map<String, Value> =
            (0..10_000).map(|number| (format!("l{number}"), json!("v"))).collect();
        let labelled = create(scope, "labelled", json!({"labels": labels}), json!({})).await?;
        let found = driver(scope, &labelled).await?.metadata.labels.unwrap_or_default();
        ensure!(found.len() > 10_000, "the driver has {} labels", found.len());

        // It fits into the application, but not into a ConfigMap.
        let conf = json!({"spark.large": "x".repeat(1024 * 1024)});
        let large = create(scope, "large", json!({}), json!({"sparkConf": conf})).await?;
        fails(&large, &["failed to run spark-submit", "1048576"]).await?;
        patch(scope, "large", &json!({"spec": {"sparkConf": null}})).await?;
        large.wait("to run", LIMIT, |status| status["applicationState"]["state"] == "SUBMITTED").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn api_what_others_made_is_left_alone() -> Result<()> {
    on_cluster("api_odd_others", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let maps: Api<ConfigMap> = Api::namespaced(scope.cluster.client.clone(), &scope.namespace);
        let pod = json!({
            "metadata": {"name": "taken-driver"},
            "spec": {"nodeSelector": {"cerium-e2e": "nowhere"}, "containers": [{"name": "mine", "image": "mine"}]},
        });
        let pod = scope.pod_api().create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
        scope.kubectl(&["create", "configmap", "mapped-driver-conf-map", "--from-literal=mine=1"]).await?;
        let _operator = Operator::start(scope, &[])?;

        let taken = create(scope, "taken", json!({}), json!({})).await?;
        fails(&taken, &["driver pod already exist", "taken-driver"]).await?;
        let mapped = create(scope, "mapped", json!({}), json!({})).await?;
        fails(&mapped, &["mapped-driver-conf-map"]).await?;
        ensure!(uid(&scope.pod_api().get("taken-driver").await?)? == uid(&pod)?, "the pod was replaced");
        let map = maps.get("mapped-driver-conf-map").await?.data.unwrap_or_default();
        ensure!(map.contains_key("mine"), "the map was written: {map:?}");
        // Out of the way, and asked for again.
        scope.kubectl(&["delete", "pod/taken-driver", "configmap/mapped-driver-conf-map", "--wait"]).await?;
        for (name, application) in [("taken", &taken), ("mapped", &mapped)] {
            patch(scope, name, &json!({"spec": {"arguments": ["again"]}})).await?;
            let is_submitted = |status: &Value| status["applicationState"]["state"] == "SUBMITTED";
            application.wait("to run", LIMIT, is_submitted).await?;
        }

        // What somebody wrote into our ConfigMap lasts until the next submission.
        let broken = r#"{"data": {"spark.properties": "broken"}}"#;
        let map = ["patch", "configmap", "mapped-driver-conf-map", "--type", "merge", "--patch", broken];
        scope.kubectl(&map).await?;
        patch(scope, "mapped", &json!({"spec": {"arguments": ["and again"]}})).await?;
        until("the properties to be written again", LIMIT, async || {
            let data = maps.get("mapped-driver-conf-map").await?.data.unwrap_or_default();
            Ok(data.get("spark.properties").is_some_and(|text| text.contains("spark.app.name")).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test]
async fn api_owners_of_an_application_do_not_matter() -> Result<()> {
    on_cluster("api_odd_owners", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        scope.kubectl(&["create", "configmap", "owner"]).await?;
        let maps: Api<ConfigMap> = Api::namespaced(scope.cluster.client.clone(), &scope.namespace);
        let owner = maps.get("owner").await?.metadata.uid;
        let _operator = Operator::start(scope, &[])?;
        let owners = json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner, "controller": true,
        }]);
        let owned = create(scope, "owned", json!({"ownerReferences": owners}), json!({})).await?;
        driver(scope, &owned).await?;
        // Its own owner.
        let own = Application::api(scope).get("owned").await?.metadata.uid;
        let cycle = json!({"metadata": {"ownerReferences": [{
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "name": "owned", "uid": own,
        }]}});
        patch(scope, "owned", &cycle).await?;
        scope.run_driver(&owned.driver()).await?;
        owned.wait_state("RUNNING", LIMIT).await?;
        scope.end_driver(&owned.driver(), 0).await?;
        owned.wait_state("COMPLETED", LIMIT).await?;
        Ok(())
    })
    .await
}
