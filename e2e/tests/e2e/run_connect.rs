//! SparkConnect servers: a client outside of the cluster works through the Service, executors are pods that come
//! with the work and go without it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::examples;
use cerium_e2e::python;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::tunnel::Tunnel;
use cerium_e2e::wait::until;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(3);

/// What the Connect test of the Kubeflow Spark Operator asks for: 100 rows, of which that with id 7 doubles to 14.
const CLIENT: &str = "
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
numbers = spark.range(100).selectExpr('id', 'id * 2 AS doubled')
print(numbers.count(), numbers.filter('id = 7').collect()[0].doubled)
spark.stop()
";

/// The server of examples/connect.yaml, with executors that go soon, and changes.
fn connect(changes: Value) -> Result<Value> {
    let mut manifest: Value = serde_yaml::from_str(&examples::read("connect.yaml")?)?;
    let spec = &mut manifest["spec"];
    spec["sparkConf"]["spark.dynamicAllocation.executorIdleTimeout"] = json!("3s");
    for (key, value) in changes.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    Ok(manifest)
}

async fn status(scope: &Scope) -> Result<Value> {
    Ok(scope.read("sparkconnect/shared").await?["status"].clone())
}

async fn wait_ready(scope: &Scope) -> Result<Value> {
    until("the server to be ready", LIMIT, async || {
        Ok(Some(status(scope).await?).filter(|status| status["state"] == "Ready"))
    })
    .await
}

async fn executors(scope: &Scope) -> Result<Vec<Pod>> {
    scope.pods("spark-role=executor,sparkoperator.k8s.io/connect-name=shared").await
}

async fn work(scope: &Scope) -> Result<()> {
    let tunnel = Tunnel::open(scope, "service/shared-server", 15002).await?;
    let printed = python::run(CLIENT, &[&format!("sc://localhost:{}", tunnel.port)]).await?;
    ensure!(printed.trim() == "100 14", "the client printed {printed}");
    Ok(())
}

#[tokio::test]
async fn run_a_client_works_through_the_service_and_idle_executors_go() -> Result<()> {
    on_cluster("run_connect", async |scope| {
        scope.install_chart().await?;
        scope.apply(&connect(json!({}))?.to_string()).await?;
        let ready = wait_ready(scope).await?;
        assert_eq!(ready["server"]["podName"], "shared-server");
        assert_eq!(ready["server"]["serviceName"], "shared-server");
        ensure!(executors(scope).await?.is_empty(), "executors without work");

        work(scope).await?;
        let made = scope.pod_api().get("shared-server").await?;
        let seen = until("executors in the status", LIMIT, async || {
            Ok(Some(status(scope).await?).filter(|status| status["executors"]["running"].as_i64() > Some(0)))
        });
        seen.await?;
        until("the executors to go", LIMIT, async || Ok(executors(scope).await?.is_empty().then_some(())))
            .await?;

        // From nothing again.
        work(scope).await?;

        // The new specification runs in a new server.
        let two =
            connect(json!({"dynamicAllocation": null, "executor": {"instances": 1, "memory": "512m"}}))?;
        scope.apply(&two.to_string()).await?;
        let uid = made.metadata.uid.context("a pod without a uid")?;
        until("another server", LIMIT, async || {
            let pod = scope.pod_api().get_opt("shared-server").await?;
            Ok(pod.filter(|pod| pod.metadata.uid.as_deref() != Some(&uid)))
        })
        .await?;
        wait_ready(scope).await?;
        work(scope).await?;
        // That of the server before may still be on its way out.
        until("one executor", LIMIT, async || Ok((executors(scope).await?.len() == 1).then_some(()))).await?;

        // Their number alone reaches the server that runs.
        let made = scope.pod_api().get("shared-server").await?;
        for count in [2, 1] {
            let wanted = json!({"spec": {"executor": {"instances": count}}}).to_string();
            scope
                .kubectl(&["patch", "sparkconnect", "shared", "--type", "merge", "--patch", &wanted])
                .await?;
            let what = format!("{count} executors");
            until(&what, LIMIT, async || Ok((executors(scope).await?.len() == count).then_some(()))).await?;
        }
        let same = scope.pod_api().get("shared-server").await?;
        ensure!(same.metadata.uid == made.metadata.uid, "the server was replaced");

        scope.kubectl(&["delete", "sparkconnect", "shared", "--wait=false"]).await?;
        until("all to be gone", LIMIT, async || {
            let left = scope.pods("sparkoperator.k8s.io/connect-name=shared").await?;
            let services = scope.kubectl(&[
                "get",
                "services,configmaps",
                "--selector",
                "sparkoperator.k8s.io/connect-name",
                "--output",
                "name",
            ]);
            Ok((left.is_empty() && services.await?.is_empty()).then_some(()))
        })
        .await
    })
    .await
}
