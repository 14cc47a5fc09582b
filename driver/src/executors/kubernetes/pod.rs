//! One executor pod: made from the template, and read. Does not touch the Kubernetes API.

use cerium_conf::{ConfError, SparkConf, env, keys};
use cerium_crds::application::ApplicationType;
use cerium_crds::plan::Resources;
use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, EnvVar, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::json;

use crate::executors::{ExecutorId, Exit};

/// Waiting for one of these does not end by itself.
const CANNOT_START: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
];

/// What is stamped on the template.
pub struct Stamp {
    /// The operator's template.
    pub template: Pod,
    /// Start of the pods' names.
    pub prefix: String,
    /// The application's id.
    pub application_id: String,
    /// Owners of the pods.
    pub owners: Vec<OwnerReference>,
}

impl Stamp {
    /// Name of an executor's pod.
    pub fn name(&self, id: ExecutorId) -> String {
        names::executor_pod_name(&self.prefix, id.0)
    }

    /// Selects all pods of the application, the driver's own among them.
    pub fn selector(&self) -> String {
        format!("{}={}", labels::SPARK_APP_SELECTOR, self.application_id)
    }

    /// The pod of an executor.
    pub fn pod(&self, id: ExecutorId, driver_url: &str) -> Pod {
        let mut pod = self.template.clone();
        pod.metadata.name = Some(self.name(id));
        pod.metadata.generate_name = None;
        pod.metadata.owner_references = Some(self.owners.clone());
        let stamped = pod.metadata.labels.get_or_insert_default();
        stamped.insert(labels::SPARK_APP_SELECTOR.into(), self.application_id.clone());
        stamped.insert(labels::SPARK_EXEC_ID.into(), id.to_string());
        stamped.insert(labels::SPARK_ROLE.into(), labels::ROLE_EXECUTOR.into());
        if let Some(container) = pod.spec.as_mut().and_then(|spec| executor_container(&mut spec.containers)) {
            set_env(container, env::SPARK_EXECUTOR_ID, id.to_string());
            set_env(container, env::SPARK_DRIVER_URL, driver_url.to_string());
        }
        pod
    }
}

/// The template with the cores and memory of `conf`, which a Python program gave in its session's builder.
///
/// # Errors
/// A property that cannot be read.
pub fn resized(mut template: Pod, conf: &SparkConf) -> Result<Pod, ConfError> {
    let resources = Resources::of_executor(conf, ApplicationType::Python)?;
    let cores = conf.get(&keys::EXECUTOR_CORES)?;
    let memory = conf.get(&keys::EXECUTOR_MEMORY)?.mebibytes();
    if let Some(container) = template.spec.as_mut().and_then(|spec| executor_container(&mut spec.containers))
    {
        container.resources = Some(resources.on(container.resources.take()));
        for (name, value) in conf.iter_prefix(keys::EXECUTOR_ENV) {
            set_env(container, name, value.to_owned());
        }
        set_env(container, env::SPARK_EXECUTOR_CORES, cores.to_string());
        set_env(container, env::SPARK_EXECUTOR_MEMORY, format!("{memory}m"));
        set_env(container, env::RUST_MIN_STACK, env::EXECUTOR_STACK.to_owned());
    }
    Ok(template)
}

/// The container with the usual name, else the first.
fn executor_container(containers: &mut [Container]) -> Option<&mut Container> {
    let position =
        containers.iter().position(|container| container.name == names::EXECUTOR_CONTAINER).unwrap_or(0);
    containers.get_mut(position)
}

fn set_env(container: &mut Container, name: &str, value: String) {
    let variables = container.env.get_or_insert_default();
    variables.retain(|variable| variable.name != name);
    variables.push(EnvVar { name: name.into(), value: Some(value), value_from: None });
}

/// How far a pod has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// On its way, and what it waits for.
    Pending(String),
    /// Waiting for something that does not come by itself.
    CannotStart(String),
    /// Its container runs.
    Running,
    /// Its container has ended, or the pod has failed.
    Ended(Exit),
}

/// The executor whose pod this is.
pub fn executor_id(pod: &Pod) -> Option<ExecutorId> {
    pod.metadata.labels.as_ref()?.get(labels::SPARK_EXEC_ID)?.parse().ok().map(ExecutorId)
}

/// The end of an executor whose pod vanished; the words are Spark's.
pub fn deleted(id: ExecutorId) -> Exit {
    Exit {
        reason: format!("The executor with id {id} was deleted by a user or the framework."),
        failed: false,
    }
}

/// A patch that marks a pod as kept for a look only.
pub fn inactive() -> serde_json::Value {
    json!({ "metadata": { "labels": { (labels::SPARK_EXEC_INACTIVE): labels::TRUE } } })
}

/// Reads the condition of a pod.
pub fn condition(pod: &Pod) -> Condition {
    let Some(status) = &pod.status else { return Condition::Pending("waiting to be scheduled".into()) };
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let own = containers
        .iter()
        .find(|container| container.name == names::EXECUTOR_CONTAINER)
        .or(containers.first());
    let terminated = own.and_then(|container| container.state.as_ref()?.terminated.as_ref());
    let phase = status.phase.as_deref().unwrap_or_default();
    if terminated.is_some() || matches!(phase, "Failed" | "Succeeded") {
        let why = [status.reason.as_deref(), status.message.as_deref()];
        return Condition::Ended(exit(pod, terminated, &why));
    }
    if own.is_some_and(|container| container.state.as_ref().is_some_and(|state| state.running.is_some())) {
        return Condition::Running;
    }
    let waiting_inits = status.init_container_statuses.as_deref().unwrap_or_default();
    for container in containers.iter().chain(waiting_inits) {
        if let Some((reason, text)) = waiting(container) {
            return if CANNOT_START.contains(&reason.as_str()) {
                Condition::CannotStart(text)
            } else {
                Condition::Pending(text)
            };
        }
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    Condition::Pending(match unscheduled.and_then(|condition| condition.message.as_deref()) {
        Some(message) => format!("cannot be scheduled: {message}"),
        None => "waiting for its node".into(),
    })
}

/// What a container waits for: Kubernetes' reason, and a text with it.
fn waiting(container: &ContainerStatus) -> Option<(String, String)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.clone()?;
    let text = match &waiting.message {
        Some(message) => format!("{reason} (image {}): {message}", container.image),
        None => format!("{reason} (image {})", container.image),
    };
    Some((reason, text))
}

fn exit(pod: &Pod, terminated: Option<&ContainerStateTerminated>, why: &[Option<&str>]) -> Exit {
    // A pod being deleted ends by order, whatever code its processes end with.
    let by_order = pod.metadata.deletion_timestamp.is_some();
    let by_node =
        matches!(why[0], Some("Evicted" | "NodeShutdown" | "Preempting" | "Terminated" | "NodeLost"));
    let mut parts = Vec::new();
    if by_order {
        parts.push("its pod was deleted by a user or the framework".to_string());
    }
    if let Some(terminated) = terminated {
        let gloss = match terminated.exit_code {
            0 => ", ended well",
            56 => ", the driver did not answer",
            126 => ", the program cannot be executed",
            137 => ", SIGKILL, possibly out of memory",
            139 => ", SIGSEGV",
            143 => ", SIGTERM",
            _ => "",
        };
        let reason =
            terminated.reason.as_deref().map(|reason| format!(", reason {reason}")).unwrap_or_default();
        parts.push(format!("exit code {}{gloss}{reason}", terminated.exit_code));
    }
    parts.extend(why.iter().flatten().map(ToString::to_string));
    if parts.is_empty() {
        parts.push("its pod failed".into());
    }
    Exit { reason: parts.join("; "), failed: !by_order && !by_node }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(yaml: &str) -> Pod {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn stamp() -> Stamp {
        Stamp {
            template: pod("metadata: {labels: {team: a}}
spec:
  containers:
  - {name: sidecar}
  - {name: spark-kubernetes-executor, env: [{name: SPARK_EXECUTOR_ID, value: EXECID}, {name: X, value: y}]}"),
            prefix: "flights".into(),
            application_id: "spark-1".into(),
            owners: vec![OwnerReference { name: "flights-driver".into(), ..OwnerReference::default() }],
        }
    }

    #[test]
    fn is_resized_as_the_operator_would_have_made_it() {
        let conf =
            [("spark.executor.memory", "2g"), ("spark.executor.cores", "3"), ("spark.executorEnv.X", "z")];
        let pod = resized(stamp().template, &conf.into_iter().collect()).unwrap();
        let container = &pod.spec.unwrap().containers[1];
        let resources = container.resources.as_ref().unwrap();
        assert_eq!(resources.requests.as_ref().unwrap()["cpu"].0, "3");
        // Python programs get four tenths on top: 2048 MiB and 819 MiB.
        assert_eq!(resources.limits.as_ref().unwrap()["memory"].0, "2867Mi");
        let value = |name: &str| {
            let variable = container.env.iter().flatten().find(|variable| variable.name == name);
            variable.and_then(|variable| variable.value.as_deref())
        };
        assert_eq!(value("SPARK_EXECUTOR_MEMORY"), Some("2048m"));
        assert_eq!(value("SPARK_EXECUTOR_CORES"), Some("3"));
        assert_eq!(value("X"), Some("z"));
    }

    #[test]
    fn stamps_name_labels_owner_and_environment() {
        let pod = stamp().pod(ExecutorId(7), "http://10.0.0.1:7078");
        assert_eq!(pod.metadata.name.as_deref(), Some("flights-exec-7"));
        let labels = pod.metadata.labels.as_ref().unwrap();
        assert_eq!(labels["spark-exec-id"], "7");
        assert_eq!(labels["spark-app-selector"], "spark-1");
        assert_eq!(labels["team"], "a");
        assert_eq!(pod.metadata.owner_references.as_ref().unwrap()[0].name, "flights-driver");
        assert_eq!(executor_id(&pod), Some(ExecutorId(7)));
        let containers = pod.spec.unwrap().containers;
        assert_eq!(containers[0].env, None);
        let env: Vec<_> = containers[1]
            .env
            .iter()
            .flatten()
            .map(|variable| (variable.name.as_str(), variable.value.as_deref().unwrap()))
            .collect();
        assert_eq!(
            env,
            [("X", "y"), ("SPARK_EXECUTOR_ID", "7"), ("SPARK_DRIVER_URL", "http://10.0.0.1:7078")]
        );
    }

    fn status(yaml: &str) -> Condition {
        condition(&pod(&format!("metadata: {{}}\nstatus: {yaml}")))
    }

    const OWN: &str =
        "name: spark-kubernetes-executor, image: img, imageID: '', ready: false, restartCount: 0";

    #[test]
    fn reads_how_far_a_pod_is() {
        assert_eq!(status("{phase: Pending}"), Condition::Pending("waiting for its node".into()));
        assert_eq!(
            status(
                "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', message: 0/3 nodes}]}"
            ),
            Condition::Pending("cannot be scheduled: 0/3 nodes".into())
        );
        assert_eq!(
            status(&format!("{{phase: Running, containerStatuses: [{{{OWN}, state: {{running: {{}}}}}}]}}")),
            Condition::Running
        );
        assert_eq!(
            status(&format!(
                "{{phase: Pending, containerStatuses: [{{{OWN}, state: {{waiting: {{reason: ImagePullBackOff, \
                 message: not found}}}}}}]}}"
            )),
            Condition::CannotStart("ImagePullBackOff (image img): not found".into())
        );
    }

    #[test]
    fn out_of_memory_is_a_failure() {
        let oom = format!(
            "{{phase: Failed, containerStatuses: [{{{OWN}, state: {{terminated: {{exitCode: 137, reason: \
             OOMKilled}}}}}}]}}"
        );
        assert_eq!(
            status(&oom),
            Condition::Ended(Exit {
                reason: "exit code 137, SIGKILL, possibly out of memory, reason OOMKilled".into(),
                failed: true
            })
        );
    }

    #[test]
    fn an_evicted_pod_is_not_the_applications_fault() {
        let Condition::Ended(exit) = status("{phase: Failed, reason: Evicted, message: low on memory}")
        else {
            panic!("not ended")
        };
        assert_eq!(exit, Exit { reason: "Evicted; low on memory".into(), failed: false });
    }

    #[test]
    fn a_deleted_pod_is_not_a_failure() {
        let yaml = format!(
            "metadata: {{deletionTimestamp: '2026-01-01T00:00:00Z'}}
status: {{phase: Failed, containerStatuses: [{{{OWN}, state: {{terminated: {{exitCode: 143}}}}}}]}}"
        );
        let Condition::Ended(exit) = condition(&pod(&yaml)) else { panic!("not ended") };
        assert_eq!(exit.reason, "its pod was deleted by a user or the framework; exit code 143, SIGTERM");
        assert!(!exit.failed);
    }
}
