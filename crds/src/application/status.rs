//! The status of a SparkApplication, written by the operator alone.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::conditions;
use crate::states::{ApplicationStateType, ExecutorState};

/// What the operator knows about an application.
///
/// `driverInfo` and `applicationState.state` are required by the schema, so they are always written.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SparkApplicationStatus {
    /// Value of `spark.app.id`, also the label spark-app-selector of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_application_id: Option<String>,

    /// Unique id of the current submission, also a label of its pods.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "submissionID")]
    pub submission_id: Option<String>,

    /// When the current submission was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_submission_attempt_time: Option<Time>,

    /// When the application ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_time: Option<Time>,

    /// The driver pod and its web UI.
    pub driver_info: DriverInfo,

    /// The state of the application.
    #[serde(default)]
    pub application_state: ApplicationState,

    /// State of each executor by pod name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor_state: Option<BTreeMap<String, ExecutorState>>,

    /// How far the current run is; `kubectl get --output wide` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ApplicationProgress>,

    /// Number of runs so far; starts again when the spec changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_attempts: Option<i32>,

    /// Number of submissions so far; starts again when the spec changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_attempts: Option<i32>,

    /// Fingerprint of the spec the current submission was made from; by it a change is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_spec: Option<String>,

    /// Generation of the spec this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The state in the form Kubernetes' own tools wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Option<Vec<Condition>>,
}

/// How far a run is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationProgress {
    /// Stages done of those planned so far, such as `3/5`; known of Cerium's own engine only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<String>,

    /// Tasks done of those planned so far, such as `120/400`; known of Cerium's own engine only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<String>,

    /// Executors that run now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors: Option<i32>,
}

/// The state of the application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationState {
    /// The state; empty for an application not yet looked at.
    pub state: ApplicationStateType,

    /// What went wrong, where, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// The driver pod and its web UI.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DriverInfo {
    /// Name of the Service of the web UI.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "webUIServiceName")]
    pub web_ui_service_name: Option<String>,

    /// Address of the web UI within the cluster, `<cluster IP>:<port>`.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "webUIAddress")]
    pub web_ui_address: Option<String>,

    /// Port of the web UI's Service.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "webUIPort")]
    pub web_ui_port: Option<i32>,

    /// Name of the Ingress of the web UI.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "webUIIngressName")]
    pub web_ui_ingress_name: Option<String>,

    /// Address of the web UI outside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "webUIIngressAddress")]
    pub web_ui_ingress_address: Option<String>,

    /// Name of the driver pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
}
