//! The operator takes over from a running Kubeflow Spark Operator: what that one left behind, in its own shape.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::{Application, state, uid};
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

/// A submission id as Kubeflow makes them.
fn submission(name: &str) -> String {
    let digit = name.len() % 10;
    format!("0f8fad5b-d9cb-469f-a165-7086772895{digit}e")
}

/// An application as Kubeflow leaves it: Java, with its image, and the status of this state.
async fn left_behind(scope: &Scope, name: &str, status: Option<Value>) -> Result<()> {
    let manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name},
        "spec": {
            "type": "Python", "mode": "cluster", "image": "apache/spark:4.0.4", "sparkVersion": "4.0.4",
            "imagePullPolicy": "IfNotPresent", "mainApplicationFile": "local:///opt/spark/pi.py",
            "restartPolicy": {"type": "OnFailure", "onFailureRetries": 3, "onFailureRetryInterval": 1,
                              "onSubmissionFailureRetries": 3, "onSubmissionFailureRetryInterval": 1},
            "driver": {"cores": 1, "memory": "512m", "serviceAccount": "spark-operator-spark",
                       "nodeSelector": {"cerium-e2e": "nowhere"}},
            "executor": {"cores": 1, "instances": 1, "memory": "512m"},
        },
    });
    scope.apply(&manifest.to_string()).await?;
    if let Some(status) = status {
        let patch = Patch::Merge(json!({"status": status}));
        Application::api(scope).patch_status(name, &PatchParams::default(), &patch).await?;
    }
    Ok(())
}

/// Kubeflow's status after a submission.
fn submitted(name: &str, state: &str) -> Value {
    json!({
        "applicationState": {"state": state},
        "driverInfo": {"podName": format!("{name}-driver"), "webUIAddress": "10.96.0.9:4040", "webUIPort": 4040,
                       "webUIServiceName": format!("{name}-ui-svc")},
        "executionAttempts": 1,
        "lastSubmissionAttemptTime": "2026-01-02T03:04:05Z",
        "sparkApplicationId": "spark-1b9d6bcd2f3a4e5d8c7b6a5948372615",
        "submissionAttempts": 1,
        "submissionID": submission(name),
        "terminationTime": null,
    })
}

/// A pod as spark-submit and Kubeflow's webhook make it.
async fn driver_of(scope: &Scope, name: &str) -> Result<String> {
    let application = Application::api(scope).get(name).await?;
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{name}-driver"),
            "labels": {
                "sparkoperator.k8s.io/app-name": name,
                "sparkoperator.k8s.io/launched-by-spark-operator": "true",
                "sparkoperator.k8s.io/mutated-by-spark-operator": "true",
                "sparkoperator.k8s.io/submission-id": submission(name),
                "spark-app-name": name, "spark-app-selector": "spark-1b9d6bcd2f3a4e5d8c7b6a5948372615",
                "spark-role": "driver", "spark-version": "4.0.4",
            },
            "ownerReferences": [{
                "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "name": name,
                "uid": application.uid(), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "restartPolicy": "Never", "serviceAccountName": "spark-operator-spark",
            "nodeSelector": {"cerium-e2e": "nowhere"},
            "containers": [{"name": "spark-kubernetes-driver", "image": "apache/spark:4.0.4"}],
        },
    });
    scope.apply(&pod.to_string()).await?;
    let pod = scope.pod_api().get(&format!("{name}-driver")).await?;
    Ok(uid(&pod)?.to_owned())
}

async fn is_still(scope: &Scope, name: &str, uid_before: &str) -> Result<()> {
    let pod = scope.pod_api().get(&format!("{name}-driver")).await?;
    ensure!(uid(&pod)? == uid_before, "the driver of {name} was replaced");
    ensure!(pod.metadata.deletion_timestamp.is_none(), "the driver of {name} is being deleted");
    Ok(())
}

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
