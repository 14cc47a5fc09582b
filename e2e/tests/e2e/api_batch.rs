//! Batch schedulers against the definitions of their pod groups on a real API server.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::cluster::repository;
use cerium_e2e::examples;
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

/// Applies the definitions and waits until the API server serves them.
async fn define_pod_groups(scope: &Scope) -> Result<()> {
    let file = repository().join("e2e/tests/data/podgroups.yaml");
    let file = file.to_str().context("the path of the repository is not UTF-8")?;
    scope.cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", file]).await?;
    for group in ["scheduling.volcano.sh", "scheduling.x-k8s.io"] {
        let name = format!("customresourcedefinition/podgroups.{group}");
        cerium_e2e::wait::until(&name, LIMIT, async || {
            let wait = ["wait", "--for=condition=Established", "--timeout=30s", &name];
            Ok(scope.cluster.kubectl(&wait).await.ok())
        })
        .await?;
    }
    Ok(())
}

/// Ends the driver as a kubelet would: no node has this scheduler's pods.
async fn end(scope: &Scope, application: &Application<'_>) -> Result<()> {
    scope.end_driver(&application.driver(), 0).await?;
    application.wait_state("COMPLETED", LIMIT).await?;
    Ok(())
}

/// One core and 512 + 384 MiB for the driver, twice half a core and as much memory for executors.
fn on(scheduler: &str, options: Value) -> Value {
    json!({"spec": {
        "batchScheduler": scheduler,
        "batchSchedulerOptions": options,
        "driver": {"coreRequest": "1", "nodeSelector": {"cerium-e2e": "nowhere"}},
        "executor": {"coreRequest": "500m", "instances": 2},
    }})
}

#[tokio::test]
async fn api_pod_groups_come_before_the_driver_and_go_with_it() -> Result<()> {
    on_cluster("api_batch", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        define_pod_groups(scope).await?;
        let flags = ["--enable-batch-scheduler", "--kube-scheduler-names=default-scheduler"];
        let operator = Operator::start(scope, &flags)?;

        examples::apply(scope, "gang.yaml").await?;
        let application = Application::new(scope, "gang");
        application.wait_state("SUBMITTED", LIMIT).await?;
        let resource = "podgroups.scheduling.volcano.sh";
        let group = scope.read(&format!("{resource}/spark-gang-pg")).await?;
        let expected = json!({
            "minMember": 1, "queue": "blue", "priorityClassName": "high",
            "minResources": {"cpu": "2", "memory": "2688Mi"},
        });
        assert_eq!(group["spec"], expected);
        assert_eq!(group["metadata"]["ownerReferences"][0]["kind"], "SparkApplication");
        let driver = scope.read("pod/gang-driver").await?;
        assert_eq!(driver["spec"]["schedulerName"], "volcano");
        assert_eq!(driver["metadata"]["annotations"]["scheduling.k8s.io/group-name"], "spark-gang-pg");
        end(scope, &application).await?;
        let left = scope.kubectl(&["get", resource, "--output", "name"]).await?;
        ensure!(left.is_empty(), "left: {left}");

        let application =
            Application::submit(scope, "plugin", "SELECT 1", on("default-scheduler", Value::Null)).await?;
        application.wait_state("SUBMITTED", LIMIT).await?;
        let resource = "podgroups.scheduling.x-k8s.io";
        let group = scope.read(&format!("{resource}/plugin-pg")).await?;
        assert_eq!(group["spec"], json!({"minMember": 1, "minResources": {"cpu": "2", "memory": "2688Mi"}}));
        let driver = scope.read("pod/plugin-driver").await?;
        assert_eq!(driver["metadata"]["labels"]["scheduling.x-k8s.io/pod-group"], "plugin-pg");
        end(scope, &application).await?;
        let left = scope.kubectl(&["get", resource, "--output", "name"]).await?;
        ensure!(left.is_empty(), "left: {left}");

        examples::apply(scope, "queues.yaml").await?;
        Application::new(scope, "queues").wait_state("SUBMITTED", LIMIT).await?;
        let driver = scope.read("pod/queues-driver").await?;
        assert_eq!(driver["spec"]["schedulerName"], "yunikorn");
        assert_eq!(driver["metadata"]["labels"]["queue"], "root.default");
        let groups = driver["metadata"]["annotations"]["yunikorn.apache.org/task-groups"].as_str();
        let groups: Value = serde_json::from_str(groups.context("no task groups")?)?;
        assert_eq!(groups[1]["minMember"], 2);
        assert_eq!(groups[1]["minResource"], json!({"cpu": "500m", "memory": "896Mi"}));

        let application = Application::submit(scope, "other", "SELECT 1", on("other", Value::Null)).await?;
        let message = application.wait_failure(LIMIT).await?;
        ensure!(message.contains("failed to get scheduler other"), "{message}");
        operator.stop().await
    })
    .await
}

#[tokio::test]
async fn api_a_quota_without_room_is_told_before_anything_is_made() -> Result<()> {
    on_cluster("api_quota", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        scope.kubectl(&["create", "quota", "small", "--hard=requests.memory=2Gi"]).await?;
        cerium_e2e::wait::until("the quota to be taken up", LIMIT, async || {
            Ok(Some(scope.read("quota/small").await?).filter(|quota| quota["status"]["hard"].is_object()))
        })
        .await?;
        let operator = Operator::start(scope, &["--enable-resource-quota-enforcement"])?;
        // Three times 512 + 384 MiB.
        let application = Application::submit(scope, "large", "SELECT 1", json!({})).await?;
        let message = application.wait_failure(LIMIT).await?;
        let text = format!("failed to validate resource quota \"{}/small\"", scope.namespace);
        ensure!(message.contains(&text) && message.contains("2688Mi"), "{message}");
        ensure!(scope.pods("").await?.is_empty(), "pods were made");
        // Twice 512 + 384 MiB.
        let one = json!({"spec": {"executor": {"instances": 1}, "driver": {"nodeSelector": {"cerium-e2e": "nowhere"}}}});
        let application = Application::submit(scope, "fits", "SELECT 1", one).await?;
        application.wait_state("SUBMITTED", LIMIT).await?;
        operator.stop().await
    })
    .await
}
