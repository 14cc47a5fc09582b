//! A SparkApplication as a user sees it: its status, driver and executors.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::scope::Scope;
use crate::wait::until;

/// States that are left no more.
const FINAL: [&str; 2] = ["COMPLETED", "FAILED"];

/// The container of a driver pod that runs the driver.
const DRIVER_CONTAINER: &str = "spark-kubernetes-driver";

/// A named SparkApplication in the namespace of a test.
pub struct Application<'a> {
    scope: &'a Scope,
    name: String,
}

impl<'a> Application<'a> {
    /// The application of this name; it need not be there yet.
    pub fn new(scope: &'a Scope, name: &str) -> Self {
        Self { scope, name: name.to_owned() }
    }

    /// Submits a SQL program. `changes` is a JSON merge patch of the manifest.
    pub async fn submit(scope: &'a Scope, name: &str, sql: &str, changes: Value) -> Result<Self> {
        Self::submit_program(scope, name, "SQL", "program.sql", sql, changes).await
    }

    /// Submits a Python program. `changes` is a JSON merge patch of the manifest.
    pub async fn submit_python(scope: &'a Scope, name: &str, python: &str, changes: Value) -> Result<Self> {
        Self::submit_program(scope, name, "Python", "program.py", python, changes).await
    }

    /// Submits a program, mounted into the driver from a ConfigMap, with two executors on Cerium's
    /// own image.
    async fn submit_program(
        scope: &'a Scope,
        name: &str,
        language: &str,
        file: &str,
        text: &str,
        changes: Value,
    ) -> Result<Self> {
        let program = format!("{name}-program");
        let mut manifest = json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2",
            "kind": "SparkApplication",
            "metadata": {"name": name},
            "spec": {
                "type": language,
                "mode": "cluster",
                "sparkVersion": "4.1.1",
                "mainApplicationFile": format!("local:///opt/programs/{file}"),
                "driver": {
                    "cores": 1,
                    "coreRequest": "100m",
                    "memory": "512m",
                    "serviceAccount": "spark-operator-spark",
                    "configMaps": [{"name": program, "path": "/opt/programs"}],
                },
                "executor": {"instances": 2, "cores": 1, "coreRequest": "100m", "memory": "512m"},
            },
        });
        merge(&mut manifest, changes);
        let program = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": program},
            "data": {file: text},
        });
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [program, manifest]});
        scope.apply(&list.to_string()).await?;
        Ok(Self::new(scope, name))
    }

    /// Applications of the namespace.
    pub fn api(scope: &Scope) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("sparkoperator.k8s.io", "v1beta2", "SparkApplication");
        Api::namespaced_with(scope.cluster.client.clone(), &scope.namespace, &ApiResource::from_gvk(&kind))
    }

    /// Its status now; null before the first.
    pub async fn status(&self) -> Result<Value> {
        let object = Self::api(self.scope).get(&self.name).await?;
        Ok(object.data.get("status").cloned().unwrap_or_default())
    }

    /// Waits until the status fits.
    pub async fn wait(&self, what: &str, limit: Duration, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let what = format!("application {} {what}", self.name);
        until(&what, limit, async || Ok(Some(self.status().await?).filter(&fits))).await
    }

    /// Waits until it is in this state; another final state on the way is an error.
    pub async fn wait_state(&self, wanted: &str, limit: Duration) -> Result<Value> {
        let status = self
            .wait(&format!("to be {wanted}"), limit, |status| {
                state(status) == wanted || FINAL.contains(&state(status))
            })
            .await?;
        if state(&status) != wanted {
            bail!(
                "application {} is {} instead of {wanted}: {}",
                self.name,
                state(&status),
                message(&status)
            );
        }
        Ok(status)
    }

    /// Waits for its end as a failure and returns the message.
    pub async fn wait_failure(&self, limit: Duration) -> Result<String> {
        let status = self.wait_state("FAILED", limit).await?;
        Ok(message(&status).to_owned())
    }

    /// The name of its driver pod.
    pub fn driver(&self) -> String {
        format!("{}-driver", self.name)
    }

    /// What its driver has printed so far.
    pub async fn driver_log(&self) -> Result<String> {
        self.scope.log(&self.driver(), DRIVER_CONTAINER).await
    }

    /// Its executor pods that run.
    pub async fn running_executors(&self) -> Result<Vec<Pod>> {
        let labels = format!("spark-role=executor,sparkoperator.k8s.io/app-name={}", self.name);
        let mut pods = self.scope.pods(&labels).await?;
        pods.retain(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
        });
        Ok(pods)
    }

    /// Waits until this many executors run and returns them.
    pub async fn wait_executors(&self, count: usize, limit: Duration) -> Result<Vec<Pod>> {
        let what = format!("{count} running executors of {}", self.name);
        until(&what, limit, async || {
            if let status @ ("COMPLETED" | "FAILED") = state(&self.status().await?)
                && count > 0
            {
                bail!("application {} is {status} already", self.name);
            }
            Ok(Some(self.running_executors().await?).filter(|pods| pods.len() == count))
        })
        .await
    }

    /// Waits until the driver has printed the text and returns the log.
    pub async fn wait_log(&self, text: &str, limit: Duration) -> Result<String> {
        let what = format!("\"{text}\" in the log of {}", self.driver());
        until(&what, limit, async || {
            // The API server refuses to read the log of a container that has not started.
            if !self.scope.started(&self.driver(), DRIVER_CONTAINER).await? {
                return Ok(None);
            }
            let log = self.driver_log().await?;
            Ok(Some(log).filter(|log| log.contains(text)))
        })
        .await
    }
}

/// The state in a status.
pub fn state(status: &Value) -> &str {
    status["applicationState"]["state"].as_str().unwrap_or_default()
}

/// The error message in a status.
pub fn message(status: &Value) -> &str {
    status["applicationState"]["errorMessage"].as_str().unwrap_or_default()
}

/// The unique id of a pod's node-local incarnation.
pub fn uid(pod: &Pod) -> Result<&str> {
    pod.metadata.uid.as_deref().context("a pod without a uid")
}

/// Applies a JSON merge patch (RFC 7386).
pub fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(&key);
                } else {
                    merge(target.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch,
    }
}
