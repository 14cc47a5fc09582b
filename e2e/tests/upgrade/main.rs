//! A release of the Kubeflow Spark Operator becomes one of Cerium by the commands of docs/migration, while
//! applications run.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, state};
use cerium_e2e::cluster::repository;
use cerium_e2e::kubeflow::{driver_with, is_still, left_behind, submission, submitted};
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use jiff::Timestamp;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(90);
/// Who held the Lease before.
const OLD_HOLDER: &str = "spark-operator-controller-7c5d6f8b9-x2x4z_0f8fad5b";

fn folder(path: &str) -> String {
    repository().join(path).to_string_lossy().into_owned()
}

/// Installs what stands for Kubeflow's release, or upgrades it.
async fn kubeflow_release(scope: &Scope, command: &str, webhook: bool) -> Result<()> {
    let values = format!("image={},webhook={webhook}", Scope::image("cerium-examples"));
    let chart = folder("e2e/tests/data/kubeflow-release");
    let fixed = [command, "spark-operator", &chart, "--skip-crds", "--set", &values];
    scope.cluster.helm(&[&fixed[..], &["--namespace", &scope.namespace]].concat()).await?;
    Ok(())
}

/// A new application as its user would make it; only asked for.
async fn is_taken(scope: &Scope, of_type: &str) -> Result<()> {
    let manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "metadata": {"name": "asked"},
        "spec": {
            "type": of_type, "sparkVersion": "4.0.4", "mainApplicationFile": "local:///a.py", "driver": {},
            "executor": {},
        },
    });
    let arguments = ["--namespace", &scope.namespace, "create", "--dry-run=server", "-f", "-"];
    scope.cluster.kubectl_with(&arguments, &manifest.to_string()).await.map(drop)
}

/// Kubeflow's definitions take the place of Cerium's; objects stay.
async fn define_as_kubeflow(scope: &Scope) -> Result<()> {
    let definitions = folder("e2e/tests/data/kubeflow-release/crds");
    scope.cluster.kubectl(&["replace", "-f", &definitions]).await?;
    until("Kubeflow's definitions to count", LIMIT, async || {
        Ok(is_taken(scope, "SQL").await.is_err().then_some(()))
    })
    .await?;
    is_taken(scope, "Python").await.context("what Kubeflow takes is refused")
}

/// The Lease as the old controller left it: held by a process that does not renew it any more.
async fn hold_lease(scope: &Scope) -> Result<()> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "spark-operator-controller-lock"},
        "spec": {
            "holderIdentity": OLD_HOLDER, "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now,
            "leaseTransitions": 3,
        },
    });
    scope.apply(&lease.to_string()).await?;
    Ok(())
}

/// What Kubeflow's release has outside of its namespace and Cerium's has not.
async fn in_the_way(scope: &Scope) -> Result<Vec<String>> {
    let kinds =
        "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings";
    let label = format!("cerium-e2e={}", scope.namespace);
    let names = scope.kubectl(&["get", kinds, "--selector", &label, "--output", "name"]).await?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// A Connect server as Kubeflow makes it; its UID.
async fn connect_server(scope: &Scope) -> Result<String> {
    let manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1alpha1", "kind": "SparkConnect", "metadata": {"name": "shared"},
        "spec": {
            "sparkVersion": "4.0.4", "image": "apache/spark:4.0.4", "server": {"memory": "512m"},
            "executor": {"instances": 1, "memory": "512m"},
        },
    });
    scope.apply(&manifest.to_string()).await?;
    let owner = scope.read("sparkconnect/shared").await?["metadata"]["uid"].clone();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "shared-server",
            "labels": {
                "sparkoperator.k8s.io/connect-name": "shared",
                "sparkoperator.k8s.io/created-by-spark-operator": "true",
                "sparkoperator.k8s.io/launched-by-spark-operator": "true",
                "spark-role": "connect-server", "spark-version": "4.0.4",
            },
            "ownerReferences": [{
                "apiVersion": "sparkoperator.k8s.io/v1alpha1", "kind": "SparkConnect", "name": "shared",
                "uid": owner, "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {"containers": [{
            "name": "spark-kubernetes-driver", "image": Scope::image("cerium-examples"),
            "imagePullPolicy": "IfNotPresent", "command": ["/bin/sh", "-c", "sleep 3600"],
        }]},
    });
    scope.apply(&pod.to_string()).await?;
    server(scope).await
}

/// The UID of the Connect server's pod; an error if it is about to go.
async fn server(scope: &Scope) -> Result<String> {
    let metadata = scope.read("pod/shared-server").await?["metadata"].clone();
    ensure!(metadata["deletionTimestamp"].is_null(), "the server is being deleted: {metadata}");
    Ok(metadata["uid"].as_str().context("a server without a UID")?.to_owned())
}

#[tokio::test]
async fn run_upgrade_of_a_release_while_applications_run() -> Result<()> {
    on_cluster("run_upgrade", async |scope| {
        define_as_kubeflow(scope).await?;
        kubeflow_release(scope, "install", false).await?;
        left_behind(scope, "running", Some(submitted("running", "RUNNING"))).await?;
        let running = driver_with(scope, "running", "until [ -e /tmp/end ]; do sleep 0.2; done").await?;
        let mut over = submitted("over", "COMPLETED");
        over["terminationTime"] = json!("2026-01-02T03:14:05Z");
        left_behind(scope, "over", Some(over)).await?;
        let over = driver_with(scope, "over", "true").await?;
        let shared = connect_server(scope).await?;
        scope.kubectl(&["wait", "pod/running-driver", "--for=condition=Ready", "--timeout=60s"]).await?;
        scope
            .kubectl(&[
                "wait",
                "pod/over-driver",
                "--for=jsonpath={.status.phase}=Succeeded",
                "--timeout=60s",
            ])
            .await?;
        kubeflow_release(scope, "upgrade", true).await?;
        hold_lease(scope).await?;
        let refused =
            is_taken(scope, "Python").await.err().context("Kubeflow's webhook is not in the way")?;
        ensure!(format!("{refused:#}").contains("failed calling webhook"), "{refused:#}");
        ensure!(in_the_way(scope).await?.len() == 6, "not all of the release is there");
        let account = scope.read("serviceaccount/spark-operator-spark").await?;

        // The commands of docs/migration/kubeflow.md.
        let definitions = folder("charts/cerium-crds");
        let command = ["upgrade", "--install", "cerium-crds", &definitions, "--take-ownership"];
        scope.cluster.helm(&[&command[..], &["--namespace", &scope.namespace]].concat()).await?;
        scope.upgrade_chart().await?;

        // What drivers run as is the same object; what stood in the way is gone.
        let kept = scope.read("serviceaccount/spark-operator-spark").await?;
        ensure!(kept["metadata"]["uid"] == account["metadata"]["uid"], "another service account");
        let left = in_the_way(scope).await?;
        ensure!(left.is_empty(), "left: {left:?}");
        let deployments = scope.kubectl(&["get", "deployments", "--output", "name"]).await?;
        ensure!(deployments.trim() == "deployment.apps/spark-operator-controller", "left: {deployments}");
        until("the new controller to lead", LIMIT, async || {
            let lease = scope.read("lease/spark-operator-controller-lock").await?;
            Ok(lease["spec"]["holderIdentity"].as_str().filter(|holder| *holder != OLD_HOLDER).map(drop))
        })
        .await?;

        // A new one runs, on definitions that know its type and its conditions.
        let fresh = Application::submit(scope, "fresh", "SELECT 1", json!({})).await?;
        fresh.wait_state("COMPLETED", LIMIT).await?;

        for (name, expected, driver) in [("running", "RUNNING", &running), ("over", "COMPLETED", &over)] {
            let status = Application::new(scope, name)
                .wait("to be looked at", LIMIT, |status| status["observedGeneration"] == 1)
                .await?;
            ensure!(state(&status) == expected, "{name} is {}", state(&status));
            ensure!(status["submissionID"] == submission(name), "{name} was submitted again: {status}");
            ensure!(status["executionAttempts"] == 1, "{name} was counted again: {status}");
            is_still(scope, name, driver).await?;
        }
        let status = Application::new(scope, "over").status().await?;
        ensure!(status["terminationTime"] == "2026-01-02T03:14:05Z", "it ended anew: {status}");

        // The end of what runs is seen.
        scope.kubectl(&["exec", "running-driver", "--", "/bin/sh", "-c", "echo > /tmp/end"]).await?;
        Application::new(scope, "running").wait_state("COMPLETED", LIMIT).await?;
        scope
            .kubectl(&["wait", "sparkconnect/shared", "--for=condition=ServerPodReady", "--timeout=60s"])
            .await?;
        ensure!(server(scope).await? == shared, "the Connect server was replaced");
        let drivers = scope.pods("spark-role=driver").await?;
        ensure!(drivers.len() == 3, "{} drivers instead of 3", drivers.len());
        Ok(())
    })
    .await
}
