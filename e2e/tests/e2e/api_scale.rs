//! A running driver is told of another number of executors.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, uid};
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::on_cluster;
use cerium_e2e::wait::until;
use serde_json::json;

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn api_executors_change_without_a_restart() -> Result<()> {
    on_cluster("api_scale", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let operator = Operator::start(scope, &[])?;
        // The test plays the kubelet.
        let changes = json!({"spec": {"driver": {"nodeSelector": {"cerium-e2e": "nowhere"}}}});
        let application = Application::submit(scope, "wide", "SELECT 1", changes).await?;
        application.wait_state("SUBMITTED", LIMIT).await?;
        scope.run_driver(&application.driver()).await?;
        let status = application.wait_state("RUNNING", LIMIT).await?;
        let before = scope.pod_api().get(&application.driver()).await?;

        let more = r#"{"spec": {"executor": {"instances": 7}}}"#;
        scope.kubectl(&["patch", "sparkapp", "wide", "--type", "merge", "--patch", more]).await?;
        let after = until("the number of executors on the driver pod", LIMIT, async || {
            let pod = scope.pod_api().get(&application.driver()).await?;
            let told = pod.metadata.annotations.as_ref().and_then(|all| all.get("cerium.dev/executors"));
            Ok(told.is_some_and(|told| told == "spark.executor.instances=7").then_some(pod))
        })
        .await?;
        ensure!(uid(&before)? == uid(&after)?, "another driver pod");
        let seen =
            application.wait("to have been seen", LIMIT, |status| status["observedGeneration"] == 2).await?;
        ensure!(seen["submissionID"] == status["submissionID"], "submitted again: {seen}");
        let events = scope.events("wide").await?;
        let (_, message) = events
            .iter()
            .find(|(reason, _)| reason == "SparkApplicationScaled")
            .with_context(|| format!("no event: {events:?}"))?;
        ensure!(message.contains("spark.executor.instances=7"), "{message}");
        operator.stop().await
    })
    .await
}
