//! Programs that run on the Apache Spark of their own image: `cerium-spark`, made by `e2e/images/spark/build`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, merge};
use cerium_e2e::examples;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(4);

/// Spark waits longer: a machine that also builds something is slow to answer.
fn patience() -> Value {
    json!({"spec": {"sparkConf": {
        "spark.kubernetes.driver.requestTimeout": "120000",
        "spark.kubernetes.driver.connectionTimeout": "120000",
    }}})
}

async fn submit<'a>(scope: &'a Scope, name: &str, program: Value) -> Result<Application<'a>> {
    let mut manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name},
        "spec": {
            "sparkVersion": "4.1.1",
            "image": Scope::image("cerium-spark"),
            "imagePullPolicy": "IfNotPresent",
            "driver": {
                "cores": 1, "coreRequest": "100m", "memory": "512m", "serviceAccount": "spark-operator-spark",
            },
            "executor": {"instances": 1, "cores": 1, "coreRequest": "100m", "memory": "512m"},
        },
    });
    merge(&mut manifest, json!({"spec": program}));
    merge(&mut manifest, patience());
    scope.apply(&manifest.to_string()).await?;
    Ok(Application::new(scope, name))
}

/// A Java program with a broadcast and a shuffle whose executors follow the work, a PySpark program of RDDs that
/// asks for Spark by one line, and a main class that fails.
#[tokio::test]
async fn run_spark_programs_on_their_own_spark() -> Result<()> {
    on_cluster("run_spark", async |scope| {
        scope.install_chart().await?;
        let words = json!({
            "type": "Python",
            "mainApplicationFile": "local:///opt/programs/words.py",
            "sparkConf": {"spark.cerium.engine": "spark"},
        });
        let fail = json!({
            "type": "Java", "mainApplicationFile": "local:///opt/programs/programs.jar",
            "mainClass": "org.example.Fail", "arguments": ["3"],
        });
        let mut changes = patience();
        changes["spec"]["image"] = json!(Scope::image("cerium-spark"));
        examples::apply_changed(scope, "java.yaml", changes).await?;
        let count = Application::new(scope, "count");
        let words = submit(scope, "words", words).await?;
        let fail = submit(scope, "fail", fail).await?;

        let status = count.wait_state("COMPLETED", LIMIT).await?;
        let log = count.driver_log().await?;
        for rest in 0..7 {
            ensure!(log.contains(&format!("remainder {rest}: 100\n")), "{rest} is not counted right:\n{log}");
        }
        // What Spark says when it is given one.
        ensure!(log.contains("Running driver with proxy user"), "it is not run for a proxy user:\n{log}");
        let executors = status["executorState"].as_object().context("no executorState")?;
        ensure!(
            executors.keys().any(|name| name.starts_with("count-") && name.contains("-exec-")),
            "no executors of Spark in the status: {executors:?}"
        );

        words.wait_state("COMPLETED", LIMIT).await?;
        let log = words.driver_log().await?;
        for line in ["a: 3\n", "is: 2\n", "rose: 3\n"] {
            ensure!(log.contains(line), "{line:?} is not in the log:\n{log}");
        }

        let message = fail.wait_failure(LIMIT).await?;
        ensure!(message.starts_with("driver container failed with ExitCode: 3"), "{message}");

        // What a driver owns goes with it.
        scope.kubectl(&["delete", "sparkapp", "--all", "--timeout=30s"]).await?;
        until("what the drivers owned to go", LIMIT, async || {
            let left = scope.kubectl(&["get", "pods,services,configmaps", "--output", "name"]).await?;
            let owned = ["-driver", "-exec-", "spark-drv-", "-ui-svc"];
            Ok(left.lines().all(|name| owned.iter().all(|part| !name.contains(part))).then_some(()))
        })
        .await
    })
    .await
}
