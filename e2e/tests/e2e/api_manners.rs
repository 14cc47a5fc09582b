//! What Kubernetes' own tools and its usual helpers expect of a controller.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, state};
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

/// Keeps the driver from any node: the test plays the kubelet.
fn unschedulable() -> Value {
    json!({"spec": {"driver": {"nodeSelector": {"cerium-e2e": "nowhere"}}}})
}

fn manifest(name: &str) -> Value {
    json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name},
        "spec": {"type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///program.sql",
                 "driver": {"nodeSelector": {"cerium-e2e": "nowhere"}}, "executor": {}},
    })
}

#[tokio::test]
async fn api_kubectl_waits_shows_progress_and_tells_the_story() -> Result<()> {
    on_cluster("api_kubectl", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let operator = Operator::start(scope, &[])?;
        let application = Application::submit(scope, "story", "SELECT 1", unschedulable()).await?;
        application.wait_state("SUBMITTED", LIMIT).await?;
        scope.run_driver(&application.driver()).await?;
        scope.kubectl(&["wait", "--for=condition=Ready", "sparkapp/story", "--timeout=60s"]).await?;

        // What the driver writes on its own pod.
        let told = json!({"metadata": {"annotations": {"cerium.dev/progress": "stages 3/5, tasks 120/400"}}});
        let pods = scope.pod_api();
        pods.patch(&application.driver(), &PatchParams::default(), &Patch::Merge(told)).await?;
        application
            .wait("to show its progress", LIMIT, |status| status["progress"]["tasks"] == "120/400")
            .await?;
        let table = scope.kubectl(&["get", "sparkapp", "story", "--output", "wide"]).await?;
        let header = table.lines().next().unwrap_or_default();
        ensure!(
            header.split_whitespace().collect::<Vec<_>>().ends_with(&["STAGES", "TASKS", "EXECUTORS"]),
            "columns: {header}"
        );
        ensure!(table.contains("3/5") && table.contains("120/400"), "{table}");

        scope.end_driver(&application.driver(), 0).await?;
        scope.kubectl(&["wait", "--for=condition=Succeeded", "sparkapp/story", "--timeout=60s"]).await?;
        let status = application.status().await?;
        let conditions = status["conditions"].as_array().context("no conditions")?;
        ensure!(
            conditions.iter().all(|condition| condition["observedGeneration"] == 1),
            "not about the generation: {conditions:?}"
        );
        // The last event is written beside the work.
        until("the story to be complete", LIMIT, async || {
            let story = scope.kubectl(&["describe", "sparkapp", "story"]).await?;
            let all = ["Added", "Submitted", "Completed"];
            let told = all.iter().all(|reason| story.contains(&format!("SparkApplication{reason}")));
            Ok((told && story.contains("SparkDriverRunning")).then_some(()))
        })
        .await?;
        operator.stop().await
    })
    .await
}

/// Who owns the fields, by manager: whether it owns any of the spec and any of the status.
fn owners(object: &impl ResourceExt) -> Vec<(String, bool, bool)> {
    let fields = object.managed_fields().iter();
    fields
        .map(|entry| {
            let owned = entry.fields_v1.as_ref().map(|fields| fields.0.to_string()).unwrap_or_default();
            let manager = entry.manager.clone().unwrap_or_default();
            (manager, owned.contains("\"f:spec\""), owned.contains("\"f:status\""))
        })
        .collect()
}

#[tokio::test]
async fn api_server_side_apply_meets_no_conflict() -> Result<()> {
    on_cluster("api_apply", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let operator = Operator::start(scope, &[])?;
        let apply = async |manifest: &Value| {
            let namespace = ["--namespace", scope.namespace.as_str()];
            let arguments =
                [&namespace[..], &["apply", "--server-side", "--field-manager", "team", "-f", "-"]];
            scope.cluster.kubectl_with(&arguments.concat(), &manifest.to_string()).await
        };
        let mut manifest = manifest("applied");
        apply(&manifest).await?;
        let application = Application::new(scope, "applied");
        application.wait_state("SUBMITTED", LIMIT).await?;
        manifest["spec"]["timeToLiveSeconds"] = json!(3600);
        apply(&manifest).await?;
        application.wait("to be seen again", LIMIT, |status| status["observedGeneration"] == 2).await?;
        let object = Application::api(scope).get("applied").await?;
        assert_eq!(object.data["spec"], manifest["spec"], "defaults were written into the spec");
        for (manager, spec, status) in owners(&object) {
            ensure!(spec == (manager == "team"), "{manager} owns fields of the spec");
            ensure!(status == (manager == "cerium-operator"), "{manager} owns fields of the status");
        }
        operator.stop().await
    })
    .await
}

/// A namespace besides the one of the test.
async fn with_namespaces(
    scope: &Scope,
    names: &[String],
    test: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    for name in names {
        scope.cluster.kubectl(&["create", "namespace", name]).await?;
        scope
            .cluster
            .kubectl(&["--namespace", name, "create", "serviceaccount", "spark-operator-spark"])
            .await?;
    }
    let outcome = test().await;
    for name in names {
        scope.cluster.kubectl(&["delete", "namespace", name, "--wait=false"]).await?;
    }
    outcome
}

/// The application's state in another namespace.
async fn state_in(scope: &Scope, namespace: &str, name: &str) -> Result<String> {
    let path = "jsonpath={.status.applicationState.state}";
    scope.cluster.kubectl(&["--namespace", namespace, "get", "sparkapp", name, "--output", path]).await
}

async fn create_in(scope: &Scope, namespace: &str, name: &str) -> Result<()> {
    let manifest = manifest(name).to_string();
    scope.cluster.kubectl_with(&["--namespace", namespace, "apply", "-f", "-"], &manifest).await?;
    Ok(())
}

async fn wait_submitted(scope: &Scope, namespace: &str, name: &str) -> Result<()> {
    until(&format!("{namespace}/{name} to be SUBMITTED"), LIMIT, async || {
        Ok((state_in(scope, namespace, name).await? == "SUBMITTED").then_some(()))
    })
    .await
}

#[tokio::test]
async fn api_a_namespace_labelled_late_is_worked_on() -> Result<()> {
    on_cluster("api_late_label", async |scope| {
        let early = format!("{}-early", scope.namespace);
        let late = format!("{}-late", scope.namespace);
        let label = format!("cerium-late={}", scope.namespace);
        with_namespaces(scope, &[early.clone(), late.clone()], async || {
            scope.cluster.kubectl(&["label", "namespace", &early, &label]).await?;
            create_in(scope, &late, "waits").await?;
            let operator = Operator::start_for(scope, "", &["--namespace-selector", &label])?;
            create_in(scope, &early, "runs").await?;
            wait_submitted(scope, &early, "runs").await?;
            ensure!(state_in(scope, &late, "waits").await?.is_empty(), "worked on without a label");
            scope.cluster.kubectl(&["label", "namespace", &late, &label]).await?;
            wait_submitted(scope, &late, "waits").await?;
            operator.stop().await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn api_shards_divide_the_namespaces() -> Result<()> {
    on_cluster("api_shards", async |scope| {
        let names: Vec<String> = (0..6).map(|number| format!("{}-{number}", scope.namespace)).collect();
        with_namespaces(scope, &names, async || {
            for name in &names {
                create_in(scope, name, "sharded").await?;
            }
            let listed = names.join(",");
            let lock = ["--leader-election=true", "--leader-election-lock-name=sharded"];
            let place = ["--leader-election-lock-namespace", scope.namespace.as_str()];
            let start = |index: &str| {
                let shard = ["--shard-count=3", "--shard-index", index, "--identity", index];
                Operator::start_for(scope, &listed, &[&shard[..], &lock, &place].concat())
            };
            let operators = [start("0")?, start("1")?, start("2")?];
            for name in &names {
                wait_submitted(scope, name, "sharded").await?;
                let attempts = "jsonpath={.status.submissionAttempts}";
                let get = ["--namespace", name, "get", "sparkapp", "sharded", "--output", attempts];
                ensure!(scope.cluster.kubectl(&get).await? == "1", "{name} was submitted twice");
            }
            let leases = scope.kubectl(&["get", "leases", "--output", "name"]).await?;
            for shard in ["sharded-0", "sharded-1", "sharded-2"] {
                ensure!(leases.contains(shard), "no lease {shard}: {leases}");
            }
            for operator in operators {
                operator.stop().await?;
            }
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn api_repeated_events_are_counted() -> Result<()> {
    on_cluster("api_events", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let operator = Operator::start(scope, &[])?;
        let mut again = unschedulable();
        again["spec"]["restartPolicy"] = json!({"type": "Always", "onFailureRetryInterval": 1,
                                                "onSubmissionFailureRetryInterval": 1});
        let application = Application::submit(scope, "again", "SELECT 1", again).await?;
        for run in 1..=3 {
            application
                .wait(&format!("to be in run {run}"), LIMIT, |status| {
                    state(status) == "SUBMITTED" && status["executionAttempts"] == run
                })
                .await?;
            scope.end_driver(&application.driver(), 1).await?;
        }
        until("the submissions to be counted in one event", LIMIT, async || {
            let selector = "involvedObject.name=again,reason=SparkApplicationSubmitted";
            let counts = "jsonpath={.items[*].count}";
            let events = ["get", "events", "--field-selector", selector, "--output", counts];
            let counts = scope.kubectl(&events).await?;
            ensure!(!counts.contains(' '), "more than one event: {counts}");
            Ok(counts.parse::<u32>().is_ok_and(|count| count >= 3).then_some(()))
        })
        .await?;
        operator.stop().await
    })
    .await
}
