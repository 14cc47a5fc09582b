//! The kind SparkConnect, `sparkoperator.k8s.io/v1alpha1`: a long-running Spark Connect server.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::application::{DynamicAllocation, PodTemplate};
use crate::schema::{conditions, embedded, schemaless_object};
use crate::states::SparkConnectState;

mod plan;
mod refused;

pub use plan::{ValidatedConnect, validate_connect};

/// The port of a server, whatever the specification says: the Service knows no other.
pub const PORT: u16 = 15002;
/// Name of [`PORT`] on the Service.
pub const PORT_NAME: &str = "spark-connect-server";
/// Name of [`PORT`] on the container, where a name has at most 15 letters.
pub const CONTAINER_PORT_NAME: &str = "spark-connect";

/// The server and its executors.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[kube(
    group = "sparkoperator.k8s.io",
    version = "v1alpha1",
    kind = "SparkConnect",
    plural = "sparkconnects",
    singular = "sparkconnect",
    shortname = "sparkconn",
    namespaced,
    status = "SparkConnectStatus",
    derive = "PartialEq",
    doc = "SparkConnect runs a Spark Connect server with its executors.",
    annotation("api-approved.kubernetes.io", "https://github.com/kubeflow/spark-operator/pull/1298"),
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.state"}"#,
    printcolumn = r#"{"name": "PodName", "type": "string", "jsonPath": ".status.server.podName"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SparkConnectSpec {
    /// Version of Spark the clients expect, for example `4.1.1`.
    pub spark_version: String,

    /// Container image of server and executors. Default: the operator's runtime image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// Hadoop properties; each becomes the Spark property `spark.hadoop.<key>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hadoop_conf: Option<BTreeMap<String, String>>,

    /// Spark properties, as `spark-submit --conf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_conf: Option<BTreeMap<String, String>>,

    /// The server pod.
    pub server: ServerSpec,

    /// The executor pods.
    pub executor: ConnectExecutorSpec,

    /// Whether the number of executors follows the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_allocation: Option<DynamicAllocation>,
}

/// The server pod.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServerSpec {
    /// CPU request of the container, unless the template requests resources. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cores: Option<i32>,

    /// Memory in Java's notation, such as `2g`; the overhead comes on top, unless the template requests
    /// resources. Default: 1g.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,

    /// Pod template to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemaless_object")]
    pub template: Option<PodTemplate>,

    /// The Service of the server: its name, metadata and type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Service>")]
    pub service: Option<Service>,
}

/// The executor pods.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectExecutorSpec {
    /// Number of tasks that run at once in an executor. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cores: Option<i32>,

    /// Memory in Java's notation, such as `2g`; the overhead comes on top. Default: 1g.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,

    /// Pod template to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemaless_object")]
    pub template: Option<PodTemplate>,

    /// Number of executors. Default: 2 without dynamic allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub instances: Option<i32>,
}

/// What the operator knows about a server.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SparkConnectStatus {
    /// The generation of the specification that this status tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Conditions; ServerPodReady says whether the server pod is ready, Ready, Reconciling and Stalled what kstatus
    /// reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Option<Vec<Condition>>,

    /// The state of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SparkConnectState>,

    /// The server pod and its Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerStatus>,

    /// Number of executors by pod phase in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors: Option<BTreeMap<String, i64>>,

    /// When the server pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When this status was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
}

/// The server pod and its Service.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    /// Name of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,

    /// IP address of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,

    /// Name of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
}
