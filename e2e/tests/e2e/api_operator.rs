//! The operator as a process: killed at any moment, and two of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, state};
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use kube::api::ListParams;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);
const APPLICATIONS: usize = 20;

/// Keeps the driver from any node: the test plays the kubelet.
fn unschedulable() -> Value {
    json!({"spec": {"driver": {"nodeSelector": {"cerium-e2e": "nowhere"}}}})
}

/// Every application of the namespace and its state.
async fn states(scope: &Scope) -> Result<BTreeMap<String, String>> {
    let list = Application::api(scope).list(&ListParams::default()).await?;
    Ok(list
        .items
        .into_iter()
        .map(|object| {
            let status = object.data.get("status").cloned().unwrap_or_default();
            (object.metadata.name.unwrap_or_default(), state(&status).to_owned())
        })
        .collect())
}

/// Waits until so many applications are in the state.
async fn wait_states(scope: &Scope, wanted: &str, count: usize) -> Result<()> {
    until(&format!("{count} applications to be {wanted}"), LIMIT, async || {
        let reached = states(scope).await?.values().filter(|state| *state == wanted).count();
        Ok((reached >= count).then_some(()))
    })
    .await
}

#[tokio::test]
async fn api_killed_operator_loses_and_doubles_nothing() -> Result<()> {
    on_cluster("api_killed", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        for number in 0..APPLICATIONS {
            Application::submit(scope, &format!("app-{number:02}"), "SELECT 1", unschedulable()).await?;
        }
        // Each life ends as soon as a little more is done than in the one before.
        for done in [1, 3, 5, 8, 11, 15, 18] {
            let operator = Operator::start(scope, &[])?;
            wait_states(scope, "SUBMITTED", done).await?;
            operator.kill().await?;
        }
        let operator = Operator::start(scope, &[])?;
        wait_states(scope, "SUBMITTED", APPLICATIONS).await?;
        let drivers = scope.pods("spark-role=driver").await?;
        let mut owners = BTreeMap::<String, usize>::new();
        for driver in &drivers {
            let owner = driver
                .metadata
                .owner_references
                .iter()
                .flatten()
                .next()
                .context("a driver without an owner")?;
            *owners.entry(owner.name.clone()).or_default() += 1;
        }
        ensure!(
            owners.len() == APPLICATIONS && owners.values().all(|count| *count == 1),
            "not one driver for each application: {owners:?}"
        );
        for object in Application::api(scope).list(&ListParams::default()).await? {
            let attempts = &object.data["status"]["submissionAttempts"];
            ensure!(*attempts == 1, "{:?} was submitted {attempts} times", object.metadata.name);
        }

        operator.kill().await?;
        for driver in drivers {
            let name = driver.metadata.name.context("a driver without a name")?;
            scope.end_driver(&name, 0).await?;
        }
        for done in [2, 9, 16] {
            let operator = Operator::start(scope, &[])?;
            wait_states(scope, "COMPLETED", done).await?;
            operator.kill().await?;
        }
        let operator = Operator::start(scope, &[])?;
        wait_states(scope, "COMPLETED", APPLICATIONS).await?;
        operator.kill().await
    })
    .await
}

#[tokio::test]
async fn api_one_operator_leads_and_the_other_takes_over() -> Result<()> {
    on_cluster("api_leader", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let first = contender(scope, "first")?;
        wait_holder(scope, "first").await?;
        let second = contender(scope, "second")?;
        Application::submit(scope, "one", "SELECT 1", unschedulable()).await?;
        wait_states(scope, "SUBMITTED", 1).await?;

        // Killed: the lease must run out, and another operator leads within 15 s.
        first.kill().await?;
        let killed = Instant::now();
        wait_holder(scope, "second").await?;
        let took = killed.elapsed();
        eprintln!("the second operator leads {took:.1?} after the first was killed");
        ensure!(took <= Duration::from_secs(15), "it took {took:?} until the second operator leads");
        Application::submit(scope, "two", "SELECT 1", unschedulable()).await?;
        wait_states(scope, "SUBMITTED", 2).await?;

        // Asked to end: the lease is given back.
        let third = contender(scope, "third")?;
        second.stop().await?;
        wait_holder(scope, "third").await?;
        Application::submit(scope, "three", "SELECT 1", unschedulable()).await?;
        wait_states(scope, "SUBMITTED", 3).await?;
        ensure!(scope.pods("spark-role=driver").await?.len() == 3, "not one driver for each application");
        third.stop().await
    })
    .await
}

/// An operator with the times of the chart.
fn contender(scope: &Scope, identity: &str) -> Result<Operator> {
    let values: Value = serde_yaml::from_str(include_str!("../../../charts/cerium/values.yaml"))?;
    let time = |name: &str| {
        let time = values["controller"]["leaderElection"][name].as_str();
        time.map(str::to_owned).with_context(|| format!("the chart has no {name}"))
    };
    Operator::start(
        scope,
        &[
            "--identity",
            identity,
            "--leader-election=true",
            "--leader-election-lock-name=contended",
            "--leader-election-lock-namespace",
            &scope.namespace,
            "--leader-election-lease-duration",
            &time("leaseDuration")?,
            "--leader-election-renew-deadline",
            &time("renewDeadline")?,
            "--leader-election-retry-period",
            &time("retryPeriod")?,
        ],
    )
}

async fn wait_holder(scope: &Scope, identity: &str) -> Result<()> {
    until(&format!("{identity} to hold the lease"), LIMIT, async || {
        let leases = scope.kubectl(&[
            "get",
            "lease",
            "contended",
            "--ignore-not-found",
            "--output",
            "jsonpath={.spec.holderIdentity}",
        ]);
        Ok(leases.await?.starts_with(identity).then_some(()))
    })
    .await
}
