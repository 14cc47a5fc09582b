//! The manifests of `examples/` that no other test runs, as they are.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};
use cerium_e2e::application::{Application, state};
use cerium_e2e::cluster::{binary, repository};
use cerium_e2e::s3::S3;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use cerium_e2e::watch::Watch;
use cerium_e2e::{examples, python};
use serde_json::{Value, json};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_mins(2);

/// Waits for the end of an application and looks for a line of its log.
async fn completes(scope: &Scope, name: &str, printed: &str) -> Result<Value> {
    let application = Application::new(scope, name);
    let status = application.wait_state("COMPLETED", LIMIT).await?;
    let log = application.driver_log().await?;
    ensure!(log.contains(printed), "{name} does not print {printed:?}:\n{log}");
    Ok(status)
}

#[tokio::test]
async fn run_examples_of_the_life_cycle() -> Result<()> {
    on_cluster("run_examples_life", async |scope| {
        scope.install_chart().await?;
        let columns = "custom-columns=NAME:.metadata.name,STATE:.status.applicationState.state";
        let states = Watch::start(scope, &["sparkapp", "--output", columns])?;
        let s3 = S3::start(scope).await?;
        examples::apply(scope, "retries.yaml").await?;
        examples::apply(scope, "suspended.yaml").await?;
        examples::apply(scope, "ttl.yaml").await?;

        let suspended = Application::new(scope, "suspended");
        suspended.wait_state("SUSPENDED", LIMIT).await?;
        ensure!(scope.pod_api().get_opt("suspended-driver").await?.is_none(), "a driver while suspended");
        let resume = r#"{"spec": {"suspend": false}}"#;
        scope.kubectl(&["patch", "sparkapp", "suspended", "--type", "merge", "--patch", resume]).await?;
        completes(scope, "suspended", "|at last|").await?;

        until("the example ttl to be gone", LIMIT, async || {
            Ok(Application::api(scope).get_opt("ttl").await?.is_none().then_some(()))
        })
        .await?;
        let states = states.end().await?;
        ensure!(states.iter().any(|state| state == "ttl COMPLETED"), "not completed: {states:?}");

        let retries = Application::new(scope, "retries");
        retries
            .wait("to be tried again", LIMIT, |status| status["executionAttempts"].as_i64() > Some(1))
            .await?;
        s3.put("late/input.csv", "a\nb\n").await?;
        let status = completes(scope, "retries", "|    2|").await?;
        ensure!(status["executionAttempts"].as_i64() > Some(1), "not repeated: {status}");

        // At night it may run as it is; here it runs soon.
        let soon = json!({"spec": {"schedule": "@every 5s"}});
        examples::apply_changed(scope, "nightly.yaml", soon).await?;
        let run = until("the first run", LIMIT, async || {
            Ok(scope.read("scheduledsparkapp/nightly").await?["status"]["lastRunName"]
                .as_str()
                .map(str::to_owned))
        })
        .await?;
        completes(scope, &run, "|good night|").await?;
        // As it is written: half past two in Berlin.
        examples::apply(scope, "nightly.yaml").await?;
        until("the run of the next night", LIMIT, async || {
            let status = scope.read("scheduledsparkapp/nightly").await?["status"].clone();
            let next = status["nextRun"].as_str().unwrap_or_default();
            Ok(["T00:30:00Z", "T01:30:00Z"].iter().any(|time| next.ends_with(time)).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test]
async fn run_examples_of_settings() -> Result<()> {
    on_cluster("run_examples_settings", async |scope| {
        scope.install_chart().await?;
        let s3 = S3::start(scope).await?;
        s3.put_numbers(16).await?;
        s3.put("lib/greeting.py", "WORDS = 'from a module'\n").await?;
        for name in
            ["monitored.yaml", "elastic.yaml", "volumes.yaml", "defaults.yaml", "pods.yaml", "modules.yaml"]
        {
            examples::apply(scope, name).await?;
        }

        // Its driver runs for half a minute.
        let monitored = Application::new(scope, "monitored");
        monitored.wait_log("1000\n", LIMIT).await?;
        let path = format!("/api/v1/namespaces/{}/pods/monitored-driver:8090/proxy/metrics", scope.namespace);
        let metrics = scope.cluster.kubectl(&["get", "--raw", &path]).await?;
        let jobs = "spark_driver_dagscheduler_job_alljobs{";
        ensure!(metrics.contains(jobs), "no {jobs} in {metrics}");
        let driver = scope.pod_api().get("monitored-driver").await?;
        let port = driver.metadata.annotations.unwrap_or_default().remove("prometheus.io/port");
        ensure!(port.as_deref() == Some("8090"), "the port is annotated as {port:?}");

        // 10 * 2 + 20 * 3 + 30 * 2
        completes(scope, "volumes", "|  140|").await?;
        completes(scope, "defaults", "|good morning, all|").await?;
        completes(scope, "modules", "hello from a module\n").await?;
        // The sidecar still runs.
        completes(scope, "pods", "|    6|").await?;
        // 0 + 1 + ... + 15999
        let status = completes(scope, "elastic", "|127992000|").await?;
        let executors = status["executorState"].as_object().map_or(0, serde_json::Map::len);
        ensure!(executors > 0, "no executors came: {status}");
        let status = monitored.status().await?;
        ensure!(["RUNNING", "SUCCEEDING", "COMPLETED"].contains(&state(&status)), "{status}");
        Ok(())
    })
    .await
}

/// A cluster without GPUs is told that its node has some; its pods see no device then.
#[tokio::test]
async fn run_examples_of_devices() -> Result<()> {
    on_cluster("run_examples_devices", async |scope| {
        if !scope.cluster.offers("nvidia.com/gpu", 1).await? {
            eprintln!("SKIPPED run_examples_of_devices: no node of this cluster offers nvidia.com/gpu");
            return Ok(());
        }
        scope.install_chart().await?;
        let gpus = r"GPUS:.spec.containers[*].resources.limits.nvidia\.com/gpu";
        let columns = format!("custom-columns=NAME:.metadata.name,{gpus}");
        let pods = Watch::start(scope, &["pods", "--output", &columns])?;
        examples::apply(scope, "gpu.yaml").await?;
        completes(scope, "gpu", "|devices").await?;
        let pods = pods.end().await?;
        let has_one = |line: &&String| line.contains("-exec-") && line.ends_with(" 1");
        ensure!(pods.iter().any(|line| has_one(&line)), "no executor with a GPU: {pods:?}");
        Ok(())
    })
    .await
}

/// Without a cluster: the manifests that `cerium-driver run` takes.
#[tokio::test]
async fn run_examples_on_this_machine() -> Result<()> {
    let told = ["pi is 3.141593, from 1,000,000 stripes in 8 partitions".to_owned()];
    let etl = examples::read("etl.out")?;
    let etl: Vec<String> = etl.lines().map(str::to_owned).collect();
    for (manifest, expected) in [("pi.yaml", told.as_slice()), ("etl.yaml", etl.as_slice())] {
        let output = Command::new(binary("cerium-driver")?)
            .args(["run", &format!("examples/{manifest}")])
            .current_dir(repository())
            .env("PYSPARK_PYTHON", python::interpreter()?)
            .stdin(Stdio::null())
            .output()
            .await?;
        let printed = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{manifest}: {}", String::from_utf8_lossy(&output.stderr));
        let printed: Vec<&str> =
            printed.lines().filter(|line| expected.iter().any(|other| other == line)).collect();
        ensure!(printed == expected, "{manifest} prints {printed:#?}");
    }
    Ok(())
}
