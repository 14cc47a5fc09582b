//! The whole way as a user goes it: install, apply, look, delete, uninstall.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::examples;
use cerium_e2e::flights;
use cerium_e2e::s3::S3;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use cerium_e2e::watch::Watch;

const LIMIT: Duration = Duration::from_mins(2);

/// The application runs on the user's own image, which holds examples/flights.sql and nothing of
/// Cerium, reads from S3 with credentials from a Secret, and writes back.
#[tokio::test]
async fn run_flights_as_a_user() -> Result<()> {
    on_cluster("run_flights", async |scope| {
        scope.install_chart().await?;
        let s3 = S3::start(scope).await?;
        s3.put_flights().await?;

        let states = ["sparkapp", "--output", "custom-columns=STATE:.status.applicationState.state"];
        let states = Watch::start(scope, &states)?;
        let columns = "custom-columns=NAME:.metadata.name,INIT:.spec.initContainers[*].name";
        let role = "spark-role=executor,sparkoperator.k8s.io/app-name=flights";
        let executors = Watch::start(scope, &["pods", "--selector", role, "--output", columns])?;

        examples::apply(scope, "flights-cluster.yaml").await?;
        let application = Application::new(scope, "flights");
        let status = application.wait_state("COMPLETED", LIMIT).await?;

        let log = application.driver_log().await?;
        assert_eq!(flights::printed(&log)?, flights::expected()?);
        let written = s3.list("out/carrier_months").await?;
        ensure!(written.iter().any(|key| key.ends_with("/_SUCCESS")), "no _SUCCESS: {written:?}");
        for month in 1..=12 {
            let folder = format!("out/carrier_months/month={month}/");
            let is_part = |key: &String| key.starts_with(&folder) && key.ends_with(".parquet");
            ensure!(written.iter().any(is_part), "nothing in {folder}: {written:?}");
        }
        ensure!(!written.iter().any(|key| key.contains("_temporary")), "half-written files: {written:?}");
        let executor_states = status["executorState"].as_object().context("no executorState")?;
        ensure!(executor_states.len() == 2, "not two executors in the status: {executor_states:?}");

        // Both may have come and gone between two looks.
        let executors: BTreeSet<_> = executors.end().await?.into_iter().collect();
        ensure!(
            executors.len() == 2 && executors.iter().all(|pod| pod.ends_with(" cerium-engine")),
            "not two executors with the engine copied into the image: {executors:?}"
        );
        let states = states.end().await?;
        let mut rest = states.iter();
        for state in ["SUBMITTED", "RUNNING", "COMPLETED"] {
            ensure!(rest.any(|seen| *seen == state), "kubectl did not show {state} in its turn: {states:?}");
        }

        scope.kubectl(&["delete", "sparkapp", "flights", "--timeout=30s"]).await?;
        wait_gone(scope, "pods", "sparkoperator.k8s.io/app-name=flights").await?;
        wait_gone(scope, "configmaps,services", "sparkoperator.k8s.io/app-name=flights").await?;

        scope
            .cluster
            .helm(&[
                "uninstall",
                "spark-operator",
                "--namespace",
                &scope.namespace,
                "--wait",
                "--timeout",
                "60s",
            ])
            .await?;
        // All that is left are the S3 server, what every namespace has, and the lease, which no
        // release owns: the operator makes it.
        let stays = ["s3", "serviceaccount/default", "kube-root-ca.crt", "spark-operator-controller-lock"];
        until("the uninstalled chart to leave nothing", LIMIT, async || {
            let mut left = objects(scope).await?;
            left.retain(|object| !stays.iter().any(|name| object.contains(name)));
            Ok(left.is_empty().then_some(()))
        })
        .await
    })
    .await
}

async fn wait_gone(scope: &Scope, kinds: &str, labels: &str) -> Result<()> {
    until(&format!("the {kinds} of the deleted application to go"), LIMIT, async || {
        let left = scope.kubectl(&["get", kinds, "--selector", labels, "--output", "name"]).await?;
        Ok(left.trim().is_empty().then_some(()))
    })
    .await
}

/// Everything in the namespace that an installation or an application may leave.
async fn objects(scope: &Scope) -> Result<Vec<String>> {
    let kinds = "pods,deployments,replicasets,services,configmaps,secrets,serviceaccounts,\
                 roles,rolebindings,poddisruptionbudgets,leases,sparkapplications";
    let names = scope.kubectl(&["get", kinds, "--output", "name"]).await?;
    Ok(names.lines().map(str::to_owned).collect())
}
