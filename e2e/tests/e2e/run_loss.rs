//! Pods that are lost while a job runs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, uid};
use cerium_e2e::flights;
use cerium_e2e::s3::{self, S3};
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use kube::api::DeleteParams;

const LIMIT: Duration = Duration::from_mins(5);

/// Prints a first result soon and works on the second for many seconds: every pair of flights of
/// a carrier in a month is compared.
const LONG_PROGRAM: &str = "
CREATE TEMPORARY VIEW flights USING csv
OPTIONS (path 's3a://cerium/flights/flights.csv', header 'true', inferSchema 'true');
SELECT count(*) AS all_flights FROM flights;
SELECT count(*) AS shorter_pairs
FROM flights a JOIN flights b ON a.carrier = b.carrier AND a.month = b.month
WHERE a.distance < b.distance;
";

/// Both results of the long program, computed without Cerium.
fn long_results() -> Result<[u64; 2]> {
    let mut distances: BTreeMap<(String, String), BTreeMap<i64, u64>> = BTreeMap::new();
    let mut flights = 0;
    flights::read("flights.csv", ["carrier", "month", "distance"], |[carrier, month, distance]| {
        let group = distances.entry((carrier.to_owned(), month.to_owned())).or_default();
        *group.entry(distance.parse()?).or_default() += 1;
        flights += 1;
        Ok(())
    })?;
    let mut pairs = 0;
    for group in distances.values() {
        let mut shorter = 0;
        for count in group.values() {
            pairs += shorter * count;
            shorter += count;
        }
    }
    Ok([flights, pairs])
}

/// Starts the long program and waits until it works on its second result.
async fn start(scope: &Scope) -> Result<Application<'_>> {
    scope.install_chart().await?;
    S3::start(scope).await?.put_flights().await?;
    let application = Application::submit(scope, "long", LONG_PROGRAM, s3::access()).await?;
    application.wait_state("RUNNING", LIMIT).await?;
    application.wait_log("all_flights", LIMIT).await?;
    Ok(application)
}

async fn check_results(application: &Application<'_>) -> Result<()> {
    let log = application.driver_log().await?;
    let printed: Vec<u64> = log
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|')?.trim().parse().ok())
        .collect();
    ensure!(printed == long_results()?, "printed {printed:?} instead of {:?}:\n{log}", long_results()?);
    Ok(())
}

#[tokio::test]
async fn run_lost_executor_costs_time_only() -> Result<()> {
    on_cluster("run_lost_executor", async |scope| {
        let application = start(scope).await?;
        let executors = application.wait_executors(2, LIMIT).await?;
        let lost = executors.first().context("no executor")?;
        let name = lost.metadata.name.as_deref().context("an executor without a name")?;
        scope.pod_api().delete(name, &DeleteParams::default().grace_period(0)).await?;
        application.wait_state("COMPLETED", LIMIT).await?;
        check_results(&application).await
    })
    .await
}

#[tokio::test]
async fn run_lost_operator_does_not_disturb_a_job() -> Result<()> {
    on_cluster("run_lost_operator", async |scope| {
        let application = start(scope).await?;
        let driver = scope.pod_api().get(&application.driver()).await?;
        let operators = scope.pods("app.kubernetes.io/component=controller").await?;
        ensure!(operators.len() == 1, "not one operator pod but {}", operators.len());
        let name = operators[0].metadata.name.as_deref().context("an operator without a name")?;
        scope.pod_api().delete(name, &DeleteParams::default().grace_period(0)).await?;
        application.wait_state("COMPLETED", LIMIT).await?;
        check_results(&application).await?;
        let after = scope.pod_api().get(&application.driver()).await?;
        ensure!(uid(&driver)? == uid(&after)?, "a second driver was started");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn run_lost_driver_fails_with_a_reason() -> Result<()> {
    on_cluster("run_lost_driver", async |scope| {
        let application = start(scope).await?;
        scope.pod_api().delete(&application.driver(), &DeleteParams::default().grace_period(0)).await?;
        let message = application.wait_failure(LIMIT).await?;
        ensure!(message.contains("driver"), "the message does not name the driver: {message}");
        until("the executors of the lost driver to go", LIMIT, async || {
            Ok(scope.pods("spark-role=executor").await?.is_empty().then_some(()))
        })
        .await
    })
    .await
}
