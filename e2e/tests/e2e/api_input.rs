//! Bad input that the operator finds, or the API server when the driver is created.

use std::time::Duration;

use anyhow::{Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

/// Submits a changed manifest and expects it to fail, with all the words in the message and
/// in an event, and without a driver.
async fn fails(scope: &Scope, name: &str, changes: Value, words: &[&str]) -> Result<()> {
    let application = Application::submit(scope, name, "SELECT 1", changes).await?;
    let message = application.wait_failure(LIMIT).await?;
    for word in words {
        ensure!(message.contains(word), "the message of {name} does not say \"{word}\": {message}");
    }
    let events = scope.events(name).await?;
    ensure!(
        events.iter().any(|(_, event)| words.iter().all(|word| event.contains(word))),
        "no event about {name} says {words:?}: {events:?}"
    );
    let driver = scope.pod_api().get_opt(&application.driver()).await?;
    ensure!(driver.is_none(), "{name} has a driver");
    Ok(())
}

#[tokio::test]
async fn api_bad_input_fails_with_a_reason() -> Result<()> {
    on_cluster("api_bad_input", async |scope| {
        let _operator = Operator::start(scope, &[])?;
        let memory = json!({"spec": {"executor": {"memory": "plenty"}}});
        fails(scope, "memory", memory, &["memory", "plenty"]).await?;
        let bounds =
            json!({"spec": {"dynamicAllocation": {"enabled": true, "minExecutors": 5, "maxExecutors": 2}}});
        fails(scope, "bounds", bounds, &["minExecutors", "5", "2"]).await?;
        let java = json!({"spec": {"type": "Java", "mainClass": "org.example.Main"}});
        fails(scope, "java", java, &["spec.image", "Java"]).await?;
        let account = json!({"spec": {"driver": {"serviceAccount": "nobody"}}});
        fails(scope, "account", account, &["failed to run spark-submit", "nobody"]).await
    })
    .await
}

#[tokio::test]
async fn api_full_quota_fails_with_a_reason() -> Result<()> {
    on_cluster("api_full_quota", async |scope| {
        scope.kubectl(&["create", "quota", "full", "--hard=pods=0"]).await?;
        scope
            .kubectl(&["wait", "--for=jsonpath={.status.hard.pods}=0", "quota/full", "--timeout=30s"])
            .await?;
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let _operator = Operator::start(scope, &[])?;
        fails(scope, "quota", json!({}), &["failed to run spark-submit", "exceeded quota"]).await
    })
    .await
}
