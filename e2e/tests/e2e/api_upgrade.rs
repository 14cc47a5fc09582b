//! The operator takes over from a running Kubeflow Spark Operator: what that one left behind, in its own shape.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, state, uid};
use cerium_e2e::kubeflow::{driver_of, is_still, left_behind, submission, submitted};
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::on_cluster;
use serde_json::json;

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn api_applications_of_kubeflow_are_taken_over() -> Result<()> {
    on_cluster("api_upgrade", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        // Running, with an executor.
        let mut running = submitted("running", "RUNNING");
        running["executorState"] = json!({"running-exec-1": "RUNNING"});
        left_behind(scope, "running", Some(running)).await?;
        let running = driver_of(scope, "running").await?;
        scope.run_driver("running-driver").await?;
        // Submitted, its driver not yet scheduled.
        left_behind(scope, "submitted", Some(submitted("submitted", "SUBMITTED"))).await?;
        let waiting = driver_of(scope, "submitted").await?;
        // Submitted, and the operator went before it could write that down.
        left_behind(scope, "unnoted", None).await?;
        let unnoted = driver_of(scope, "unnoted").await?;
        scope.run_driver("unnoted-driver").await?;
        // Over.
        for (name, state) in [("completed", "COMPLETED"), ("failed", "FAILED")] {
            let mut status = submitted(name, state);
            status["terminationTime"] = json!("2026-01-02T03:14:05Z");
            status["executorState"] = json!({format!("{name}-exec-1"): state});
            left_behind(scope, name, Some(status)).await?;
        }
        // About to run again: Kubeflow keeps the id of the last submission and empties driverInfo.
        let mut rerun = submitted("rerun", "PENDING_RERUN");
        rerun["driverInfo"] = json!({});
        left_behind(scope, "rerun", Some(rerun)).await?;

        let operator = Operator::start(scope, &[])?;
        let rerun = Application::new(scope, "rerun").wait_state("SUBMITTED", LIMIT).await?;
        ensure!(rerun["submissionID"] != submission("rerun"), "the id of the last submission was used again");
        ensure!(rerun["submissionAttempts"] == 2, "not the second submission: {rerun}");
        Application::new(scope, "unnoted").wait_state("RUNNING", LIMIT).await?;
        for name in ["running", "submitted", "unnoted", "completed", "failed"] {
            Application::new(scope, name)
                .wait("to be looked at", LIMIT, |status| status["observedGeneration"] == 1)
                .await?;
        }
        for (name, expected, driver) in [
            ("running", "RUNNING", &running),
            ("submitted", "SUBMITTED", &waiting),
            ("unnoted", "RUNNING", &unnoted),
        ] {
            let status = Application::new(scope, name).status().await?;
            ensure!(state(&status) == expected, "{name} is {} instead of {expected}", state(&status));
            ensure!(status["submissionID"] == submission(name), "{name} was submitted again: {status}");
            ensure!(status["executionAttempts"] == 1, "{name} was counted again: {status}");
            is_still(scope, name, driver).await?;
        }
        for (name, expected) in [("completed", "COMPLETED"), ("failed", "FAILED")] {
            let status = Application::new(scope, name).status().await?;
            ensure!(state(&status) == expected, "{name} is {}", state(&status));
            ensure!(status["terminationTime"] == "2026-01-02T03:14:05Z", "{name} ended anew: {status}");
            let driver = scope.pod_api().get_opt(&format!("{name}-driver")).await?;
            ensure!(driver.is_none(), "{name} was submitted again");
        }
        // They end under the new operator as they would have under the old one.
        scope.run_driver("submitted-driver").await?;
        for name in ["running", "submitted", "unnoted"] {
            scope.end_driver(&format!("{name}-driver"), 0).await?;
            Application::new(scope, name).wait_state("COMPLETED", LIMIT).await?;
        }
        let drivers = scope.pods("spark-role=driver").await?;
        let names: Vec<_> = drivers.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
        ensure!(names.len() == 4, "a driver too many: {names:?}");
        drivers.iter().try_for_each(|pod| uid(pod).map(drop)).context("a driver without a uid")?;
        operator.stop().await
    })
    .await
}
