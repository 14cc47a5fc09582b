//! SparkConnect against a real API server; the test plays the kubelet.

use std::time::Duration;

use anyhow::{Result, ensure};
use cerium_e2e::examples;
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

async fn read(scope: &Scope, resource: &str, name: &str) -> Result<Value> {
    let text = scope.kubectl(&["get", resource, name, "--ignore-not-found", "--output", "json"]).await?;
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
}

async fn wait_state(scope: &Scope, state: &str) -> Result<Value> {
    until(&format!("the state {state}"), LIMIT, async || {
        let status = read(scope, "sparkconnect", "shared").await?["status"].clone();
        Ok(Some(status).filter(|status| status["state"] == state))
    })
    .await
}

async fn wait_pod(scope: &Scope, other_than: &str) -> Result<String> {
    until("a server pod", LIMIT, async || {
        let pod = read(scope, "pod", "shared-server").await?;
        Ok(pod["metadata"]["uid"].as_str().filter(|uid| *uid != other_than).map(str::to_owned))
    })
    .await
}

/// What a kubelet says of a server that answers, or does not.
async fn tell(scope: &Scope, ready: bool) -> Result<()> {
    let status = json!({"status": {
        "phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}],
        "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
        "containerStatuses": [{
            "name": "spark-kubernetes-driver", "image": "none", "imageID": "none", "ready": ready, "restartCount": 0,
            "state": {"running": {}},
        }],
    }});
    scope.pod_api().patch_status("shared-server", &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

#[tokio::test]
async fn api_connect_servers_come_up_and_are_mended() -> Result<()> {
    on_cluster("api_connect", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let operator = Operator::start(scope, &[])?;
        let mut manifest: Value = serde_yaml::from_str(&examples::read("connect.yaml")?)?;
        manifest["spec"]["server"]["template"]["spec"]["nodeSelector"] = json!({"cerium-e2e": "nowhere"});
        scope.apply(&manifest.to_string()).await?;
        let first = wait_pod(scope, "").await?;
        wait_state(scope, "NotReady").await?;
        tell(scope, true).await?;
        let status = wait_state(scope, "Ready").await?;
        assert_eq!(status["server"]["podIp"], "10.1.2.3");
        let ports = read(scope, "service", "shared-server").await?["spec"]["ports"].clone();
        assert_eq!(ports[3]["name"], "spark-connect-server");
        assert_eq!(ports[3]["port"], 15002);

        // Somebody deletes the Service; the server falls silent and comes back.
        scope.kubectl(&["delete", "service", "shared-server"]).await?;
        until("the Service to be there again", LIMIT, async || {
            Ok(Some(read(scope, "service", "shared-server").await?).filter(Value::is_object))
        })
        .await?;
        tell(scope, false).await?;
        wait_state(scope, "NotReady").await?;
        tell(scope, true).await?;
        wait_state(scope, "Ready").await?;

        let version = async |resource: &str, name: &str| -> Result<Value> {
            Ok(read(scope, resource, name).await?["metadata"]["resourceVersion"].clone())
        };
        let before = version("service", "shared-server").await?;

        // Another specification, another server behind the same Service.
        manifest["spec"]["executor"]["cores"] = json!(2);
        scope.apply(&manifest.to_string()).await?;
        let second = wait_pod(scope, &first).await?;
        ensure!(first != second, "the same pod");
        ensure!(version("service", "shared-server").await? == before, "the Service was written again");
        operator.stop().await
    })
    .await
}
