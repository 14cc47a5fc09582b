//! What a Kubeflow Spark Operator leaves behind, in its own shape.

use anyhow::{Result, ensure};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::application::{Application, uid};
use crate::scope::Scope;

/// A submission id as Kubeflow makes them.
pub fn submission(name: &str) -> String {
    let digit = name.len() % 10;
    format!("0f8fad5b-d9cb-469f-a165-7086772895{digit}e")
}

/// An application as Kubeflow leaves it: Python on the Spark of its image, and the status of this state.
pub async fn left_behind(scope: &Scope, name: &str, status: Option<Value>) -> Result<()> {
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
pub fn submitted(name: &str, state: &str) -> Value {
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

/// A pod as spark-submit and Kubeflow's webhook make it, that no node takes; its UID.
pub async fn driver_of(scope: &Scope, name: &str) -> Result<String> {
    let spec = json!({
        "nodeSelector": {"cerium-e2e": "nowhere"},
        "containers": [{"name": "spark-kubernetes-driver", "image": "apache/spark:4.0.4"}],
    });
    make_driver(scope, name, spec).await
}

/// The same, whose program is a script that a node runs.
pub async fn driver_with(scope: &Scope, name: &str, script: &str) -> Result<String> {
    let spec = json!({"containers": [{
        "name": "spark-kubernetes-driver", "image": Scope::image("cerium-examples"), "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "ports": [
            {"name": "driver-rpc-port", "containerPort": 7078, "protocol": "TCP"},
            {"name": "blockmanager", "containerPort": 7079, "protocol": "TCP"},
            {"name": "spark-ui", "containerPort": 4040, "protocol": "TCP"},
        ],
    }]});
    make_driver(scope, name, spec).await
}

async fn make_driver(scope: &Scope, name: &str, mut spec: Value) -> Result<String> {
    spec["restartPolicy"] = json!("Never");
    spec["serviceAccountName"] = json!("spark-operator-spark");
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
        "spec": spec,
    });
    scope.apply(&pod.to_string()).await?;
    let pod = scope.pod_api().get(&format!("{name}-driver")).await?;
    Ok(uid(&pod)?.to_owned())
}

/// An error if the driver is another one, or about to go.
pub async fn is_still(scope: &Scope, name: &str, uid_before: &str) -> Result<()> {
    let pod = scope.pod_api().get(&format!("{name}-driver")).await?;
    ensure!(uid(&pod)? == uid_before, "the driver of {name} was replaced");
    ensure!(pod.metadata.deletion_timestamp.is_none(), "the driver of {name} is being deleted");
    Ok(())
}
