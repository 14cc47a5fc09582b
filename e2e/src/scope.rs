//! One test: its namespace, what is shown when it fails, and what is cleared away.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, LogParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, repository};

/// No test may take longer.
const TEST_LIMIT: Duration = Duration::from_mins(5);

/// A test's own namespace on the cluster.
pub struct Scope {
    /// The cluster.
    pub cluster: Cluster,
    /// The name of the namespace.
    pub namespace: String,
}

/// Runs a test in a namespace of its own. Without a cluster it is reported as skipped. When it
/// fails, what the namespace holds is shown; `KEEP=1` leaves it as it is.
pub async fn on_cluster(name: &str, test: impl AsyncFnOnce(&Scope) -> Result<()>) -> Result<()> {
    let Some(cluster) = Cluster::find().await? else {
        // Past the test runner's capture: skipping must be seen.
        writeln!(std::io::stderr(), "SKIPPED (no cluster): {name}")?;
        return Ok(());
    };
    let scope = Scope::create(cluster, name).await?;
    let outcome = AssertUnwindSafe(tokio::time::timeout(TEST_LIMIT, test(&scope))).catch_unwind().await;
    let failed = !matches!(outcome, Ok(Ok(Ok(()))));
    if failed && let Err(error) = scope.show().await {
        eprintln!("cannot show namespace {}: {error:#}", scope.namespace);
    }
    if std::env::var_os("KEEP").is_some() {
        eprintln!("kept: namespace {}", scope.namespace);
    } else {
        scope.clear().await?;
    }
    match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(anyhow!("{name} took longer than {TEST_LIMIT:?}")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Scope {
    async fn create(cluster: Cluster, test: &str) -> Result<Self> {
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let namespace = format!("{}-{}", test.replace('_', "-"), &suffix[..6]);
        let object = Namespace {
            metadata: ObjectMeta {
                name: Some(namespace.clone()),
                labels: Some([("cerium-e2e".to_owned(), test.to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::all(cluster.client.clone()).create(&PostParams::default(), &object).await?;
        Ok(Self { cluster, namespace })
    }

    /// Runs kubectl in the namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.cluster.kubectl(&[&["--namespace", self.namespace.as_str()], arguments].concat()).await
    }

    /// An object of the namespace, such as `pod/driver`.
    pub async fn read(&self, resource: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.kubectl(&["get", resource, "--output", "json"]).await?)?)
    }

    /// Applies manifests, as a user does.
    pub async fn apply(&self, manifests: &str) -> Result<String> {
        self.cluster.kubectl_with(&["--namespace", &self.namespace, "apply", "-f", "-"], manifests).await
    }

    /// Installs the chart into the namespace, for the applications in it alone.
    pub async fn install_chart(&self) -> Result<()> {
        self.bring_chart("install").await
    }

    /// Brings the release that is there already to the chart.
    pub async fn upgrade_chart(&self) -> Result<()> {
        self.bring_chart("upgrade").await
    }

    async fn bring_chart(&self, command: &str) -> Result<()> {
        let chart = repository().join("charts/cerium");
        let chart = chart.to_str().context("the path of the repository is not UTF-8")?;
        let tag = image_tag();
        let registry = image_registry();
        let mut arguments = vec![command, "spark-operator", chart, "--namespace", &self.namespace];
        arguments.extend(["--wait", "--timeout", "90s"]);
        let values = [
            "image.repository=cerium-operator".to_owned(),
            "runtime.image.repository=cerium-runtime".to_owned(),
            "controller.logLevel=debug".to_owned(),
            "controller.driverStartupTimeout=20s".to_owned(),
            format!("image.tag={tag}"),
            format!("runtime.image.tag={tag}"),
            format!("image.registry={registry}"),
            format!("runtime.image.registry={registry}"),
            format!("spark.jobNamespaces={{{}}}", self.namespace),
        ];
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        self.cluster.helm(&arguments).await?;
        Ok(())
    }

    /// The image of this name that was built for the tests.
    pub fn image(name: &str) -> String {
        let registry = image_registry();
        let separator = if registry.is_empty() { "" } else { "/" };
        format!("{registry}{separator}{name}:{}", image_tag())
    }

    /// The pods of the namespace with these labels.
    pub async fn pods(&self, labels: &str) -> Result<Vec<Pod>> {
        let list = self.pod_api().list(&ListParams::default().labels(labels)).await?;
        Ok(list.items)
    }

    /// The API of the namespace's pods.
    pub fn pod_api(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// Plays the kubelet: the driver of this name runs.
    pub async fn run_driver(&self, name: &str) -> Result<()> {
        self.play_driver(name, "Running", &json!({"running": {}})).await
    }

    /// Plays the kubelet: the driver of this name ends with this exit code.
    pub async fn end_driver(&self, name: &str, exit_code: i32) -> Result<()> {
        let (phase, reason) = if exit_code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
        self.play_driver(name, phase, &json!({"terminated": {"exitCode": exit_code, "reason": reason}})).await
    }

    async fn play_driver(&self, name: &str, phase: &str, state: &Value) -> Result<()> {
        let status = json!({"status": {"phase": phase, "containerStatuses": [{
            "name": "spark-kubernetes-driver", "image": "none", "imageID": "none",
            "ready": phase == "Running", "restartCount": 0, "state": state,
        }]}});
        self.pod_api().patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    /// Whether a container runs or has run; the pod need not be there yet.
    pub async fn started(&self, pod: &str, container: &str) -> Result<bool> {
        let status = self.pod_api().get_opt(pod).await?.and_then(|pod| pod.status);
        let containers = status.and_then(|status| status.container_statuses).unwrap_or_default();
        Ok(containers.iter().filter(|status| status.name == container).any(|status| {
            let state = status.state.as_ref();
            state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
        }))
    }

    /// The log of a container so far.
    pub async fn log(&self, pod: &str, container: &str) -> Result<String> {
        let parameters = LogParams { container: Some(container.to_owned()), ..LogParams::default() };
        Ok(self.pod_api().logs(pod, &parameters).await?)
    }

    /// Messages of the events about an object of this name.
    pub async fn events(&self, name: &str) -> Result<Vec<(String, String)>> {
        let selector = format!("involvedObject.name={name}");
        let text =
            self.kubectl(&["get", "events", "--field-selector", &selector, "--output", "json"]).await?;
        let list: Value = serde_json::from_str(&text)?;
        let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        Ok(list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|event| (word(event, "reason"), word(event, "message")))
            .collect())
    }

    /// Prints what is needed to understand a failure.
    async fn show(&self) -> Result<()> {
        eprintln!("=== namespace {}", self.namespace);
        eprintln!(
            "{}",
            self.kubectl(&["get", "pods,sparkapp,configmaps,services", "--output", "wide"]).await?
        );
        eprintln!(
            "{}",
            self.kubectl(&[
                "get",
                "sparkapp",
                "--output",
                "jsonpath={range .items[*]}{.metadata.name}{\" \"}{.status}{\"\\n\"}{end}"
            ])
            .await?
        );
        eprintln!("{}", self.kubectl(&["get", "events", "--sort-by", ".lastTimestamp"]).await?);
        for pod in self.pods("").await? {
            let name = pod.metadata.name.unwrap_or_default();
            eprintln!("=== log of {name}");
            match self.kubectl(&["logs", &name, "--all-containers", "--prefix", "--tail", "60"]).await {
                Ok(log) => eprintln!("{log}"),
                Err(error) => eprintln!("{error:#}"),
            }
        }
        Ok(())
    }

    async fn clear(&self) -> Result<()> {
        // What the charts make outside of their namespace.
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
            let mut arguments = vec!["delete", kind, "--ignore-not-found"];
            let names = ["sparkapplications", "scheduledsparkapplications", "sparkconnects"]
                .map(|plural| format!("{plural}.spark-operator.{}", self.namespace));
            arguments.extend(names.iter().map(String::as_str));
            self.cluster.kubectl(&arguments).await?;
        }
        let kinds =
            "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings";
        let own = format!("cerium-e2e={}", self.namespace);
        self.cluster.kubectl(&["delete", kinds, "--selector", &own]).await?;
        let all: Api<Namespace> = Api::all(self.cluster.client.clone());
        all.delete(&self.namespace, &DeleteParams::default().grace_period(0)).await?;
        Ok(())
    }
}

/// The registry of the tested images; none: they are on the node.
fn image_registry() -> String {
    std::env::var("CERIUM_IMAGE_REGISTRY").unwrap_or_default()
}

/// The tag of the tested images.
fn image_tag() -> String {
    std::env::var("CERIUM_IMAGE_TAG").unwrap_or_else(|_| "dev".to_owned())
}
