//! The part of the spec that shapes the driver and executor pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, EnvFromSource, EnvVar, HostAlias, Lifecycle, PodDNSConfig, PodSecurityContext,
    SecurityContext, Toleration, VolumeMount,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{embedded, schemaless_object};

/// A pod template as it was written. It is kept unparsed, because the API server does not check it: a
/// template that is no pod must become an error of that application, not one of the whole watch.
pub type PodTemplate = serde_json::Map<String, serde_json::Value>;

/// What driver and executor pods have in common.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SparkPodSpec {
    /// Pod template to start from, for whatever the other fields do not cover. The container named
    /// `spark-kubernetes-driver` or `spark-kubernetes-executor`, else the first, is the Spark container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemaless_object")]
    pub template: Option<PodTemplate>,

    /// Number of tasks that run at once, and the CPU request unless `coreRequest` is set. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cores: Option<i32>,

    /// CPU limit of the container, a Kubernetes quantity such as `1200m`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_limit: Option<String>,

    /// Memory of the engine in Java's notation, such as `512m` or `2g`; the overhead comes on top.
    /// Default: 1g.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,

    /// Memory limit of the container in Java's notation. Default: the memory request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<String>,

    /// Memory added to the pod for what lives outside the engine's memory, in Java's notation, MiB
    /// without a unit. Default: the overhead factor times `memory`, at least 384 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_overhead: Option<String>,

    /// GPUs of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuSpec>,

    /// Container image; wins over `spec.image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// ConfigMaps to mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_maps: Option<Vec<NamePath>>,

    /// Secrets to mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<SecretInfo>>,

    /// Environment variables of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<EnvVar>>")]
    pub env: Option<Vec<EnvVar>>,

    /// Environment variables of the container. Deprecated: use `env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_vars: Option<BTreeMap<String, String>>,

    /// ConfigMaps and Secrets whose entries become environment variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<EnvFromSource>>")]
    pub env_from: Option<Vec<EnvFromSource>>,

    /// Environment variables from Secrets, by variable name. Deprecated: use `env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_secret_key_refs: Option<BTreeMap<String, NameKey>>,

    /// Labels of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,

    /// Annotations of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,

    /// Where volumes of `spec.volumes` are mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<VolumeMount>>")]
    pub volume_mounts: Option<Vec<VolumeMount>>,

    /// Affinity and anti-affinity of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Affinity>")]
    pub affinity: Option<Affinity>,

    /// Taints the pod tolerates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<Toleration>>")]
    pub tolerations: Option<Vec<Toleration>>,

    /// Security context of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<PodSecurityContext>")]
    pub pod_security_context: Option<PodSecurityContext>,

    /// Security context of the Spark container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<SecurityContext>")]
    pub security_context: Option<SecurityContext>,

    /// Scheduler of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<String>,

    /// Containers that run beside the Spark container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<Container>>")]
    pub sidecars: Option<Vec<Container>>,

    /// Containers that run to their end before the Spark container starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<Container>>")]
    pub init_containers: Option<Vec<Container>>,

    /// Whether the pod uses the network of its node. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,

    /// Node labels the pod requires. Cannot be set together with `spec.nodeSelector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,

    /// DNS settings of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<PodDNSConfig>")]
    pub dns_config: Option<PodDNSConfig>,

    /// Seconds the pod gets to end by itself when it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,

    /// Service account of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,

    /// Entries of the pod's hosts file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<HostAlias>>")]
    pub host_aliases: Option<Vec<HostAlias>>,

    /// Whether the containers of the pod see each other's processes. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_process_namespace: Option<bool>,
}

/// The driver pod.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DriverSpec {
    /// What it has in common with executor pods.
    #[serde(flatten)]
    pub pod: SparkPodSpec,

    /// Name of the pod. Default: `<application>-driver`.
    // The pattern is not anchored, as in the schema it is compatible with; validation checks the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"))]
    pub pod_name: Option<String>,

    /// CPU request of the container, a Kubernetes quantity such as `500m`. Default: `cores`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_request: Option<String>,

    /// Options for the JVM; only for programs that run on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub java_options: Option<String>,

    /// Hooks of the Spark container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Lifecycle>")]
    pub lifecycle: Option<Lifecycle>,

    /// URL of the API server by which the driver manages its executors.
    /// Default: https://kubernetes.default.svc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_master: Option<String>,

    /// Annotations of the driver's headless Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_annotations: Option<BTreeMap<String, String>>,

    /// Labels of the driver's headless Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_labels: Option<BTreeMap<String, String>>,

    /// Further ports of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<Port>>,

    /// PriorityClass of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
}

/// The executor pods.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExecutorSpec {
    /// What they have in common with the driver pod.
    #[serde(flatten)]
    pub pod: SparkPodSpec,

    /// Number of executors. Default: 1 without dynamic allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub instances: Option<i32>,

    /// CPU request of the container, a Kubernetes quantity such as `500m`. Default: `cores`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_request: Option<String>,

    /// Options for the JVM; only for programs that run on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub java_options: Option<String>,

    /// Hooks of the Spark container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Lifecycle>")]
    pub lifecycle: Option<Lifecycle>,

    /// Whether executor pods are deleted when they end. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_on_termination: Option<bool>,

    /// Further ports of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<Port>>,

    /// PriorityClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
}

/// A ConfigMap and the directory it is mounted at.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
pub struct NamePath {
    /// Name of the ConfigMap.
    pub name: String,
    /// Directory in the container.
    pub path: String,
}

/// A Secret, the directory it is mounted at, and what it holds.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretInfo {
    /// Name of the Secret.
    pub name: String,
    /// Directory in the container.
    pub path: String,
    /// GCPServiceAccount sets GOOGLE_APPLICATION_CREDENTIALS to `<path>/key.json`,
    /// HadoopDelegationToken sets HADOOP_TOKEN_FILE_LOCATION to `<path>/hadoop.token`, Generic sets nothing.
    pub secret_type: String,
}

/// An entry of a Secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
pub struct NameKey {
    /// Name of the Secret.
    pub name: String,
    /// Key in the Secret.
    pub key: String,
}

/// GPUs of a container.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuSpec {
    /// Resource name, for example `nvidia.com/gpu`.
    pub name: String,
    /// Number of GPUs.
    pub quantity: i64,
}

/// A port of a container.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// Name of the port.
    pub name: String,
    /// TCP, UDP or SCTP.
    pub protocol: String,
    /// Number of the port.
    pub container_port: i32,
}
