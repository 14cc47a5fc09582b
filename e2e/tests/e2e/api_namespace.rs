//! A namespace that is being deleted while something holds on to it.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::on_cluster;
use cerium_e2e::wait::until;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_mins(1);

/// The sum of a counter over all its labels.
async fn counted(port: u16, name: &str) -> Result<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.map(|line| Ok(line.rsplit(' ').next().context("no value")?.parse::<f64>()?)).sum()
}

#[tokio::test]
async fn api_a_terminating_namespace_ends_its_drivers_and_is_not_worked_on_for_ever() -> Result<()> {
    on_cluster("api_namespace", async |scope| {
        let namespace = format!("{}-going", scope.namespace);
        let kubectl = async |arguments: &[&str]| {
            scope.cluster.kubectl(&[&["--namespace", &namespace], arguments].concat()).await
        };
        kubectl(&["create", "namespace", &namespace]).await?;
        kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let metrics = format!("--metrics-bind-address=127.0.0.1:{port}");
        let operator = Operator::start_for(scope, &namespace, &["--enable-metrics", &metrics])?;

        let held = json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "metadata": {"name": "held", "finalizers": ["cerium-e2e.example.com/hold"]},
            "spec": {
                "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/programs/program.sql",
                "restartPolicy": {"type": "Always"},
                "driver": {"serviceAccount": "spark-operator-spark", "nodeSelector": {"cerium-e2e": "nowhere"}},
                "executor": {"instances": 1},
            },
        });
        let apply = ["--namespace", &namespace, "apply", "-f", "-"];
        scope.cluster.kubectl_with(&apply, &held.to_string()).await?;
        let driver = ["get", "pod", "held-driver", "--ignore-not-found", "--output", "name"];
        until("a driver", LIMIT, async || Ok((!kubectl(&driver).await?.is_empty()).then_some(()))).await?;

        kubectl(&["delete", "namespace", &namespace, "--wait=false"]).await?;
        until("the namespace to wait for the finalizer alone", LIMIT, async || {
            let object: Value =
                serde_json::from_str(&kubectl(&["get", "namespace", &namespace, "--output", "json"]).await?)?;
            let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
            let waits = conditions.any(|one| {
                let is = |field: &str, value: &str| one[field] == value;
                is("type", "NamespaceFinalizersRemaining") && is("status", "True")
            });
            Ok((waits && kubectl(&driver).await?.is_empty()).then_some(()))
        })
        .await?;
        // A few looks for the application's changes and its driver's; a loop would take thousands.
        let looks = counted(port, "controller_runtime_reconcile_total").await?;
        ensure!(looks < 50.0, "it was looked at {looks} times");

        let release = r#"{"metadata": {"finalizers": null}}"#;
        kubectl(&["patch", "sparkapplication", "held", "--type", "merge", "--patch", release]).await?;
        kubectl(&["wait", "namespace", &namespace, "--for=delete", "--timeout=60s"]).await?;
        operator.stop().await
    })
    .await
}
