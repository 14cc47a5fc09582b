//! The kind SparkApplication, `sparkoperator.k8s.io/v1beta2`: what a user writes (`spec`) and reads (`status`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Volume;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::embedded;

mod pod;
mod services;
mod status;

pub use pod::{
    DriverSpec, ExecutorSpec, GpuSpec, NameKey, NamePath, PodTemplate, Port, SecretInfo, SparkPodSpec,
};
pub use services::{
    BatchSchedulerConfiguration, DriverIngressConfiguration, MonitoringSpec, PrometheusSpec,
    SparkUiConfiguration,
};
pub use status::{ApplicationProgress, ApplicationState, DriverInfo, SparkApplicationStatus};

/// What to run and how: everything a `spark-submit` command line carries, and the shape of the pods.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "sparkoperator.k8s.io",
    version = "v1beta2",
    kind = "SparkApplication",
    plural = "sparkapplications",
    singular = "sparkapplication",
    shortname = "sparkapp",
    namespaced,
    status = "SparkApplicationStatus",
    derive = "PartialEq",
    doc = "SparkApplication runs one Spark program on Kubernetes: a driver pod and its executor pods.",
    annotation("api-approved.kubernetes.io", "https://github.com/kubeflow/spark-operator/pull/1298"),
    printcolumn = r#"{"name": "Suspend", "type": "boolean", "jsonPath": ".spec.suspend"}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.applicationState.state"}"#,
    printcolumn = r#"{"name": "Attempts", "type": "string", "jsonPath": ".status.executionAttempts"}"#,
    printcolumn = r#"{"name": "Start", "type": "string", "jsonPath": ".status.lastSubmissionAttemptTime"}"#,
    printcolumn = r#"{"name": "Finish", "type": "string", "jsonPath": ".status.terminationTime"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Stages", "type": "string", "jsonPath": ".status.progress.stages", "priority": 1}"#,
    printcolumn = r#"{"name": "Tasks", "type": "string", "jsonPath": ".status.progress.tasks", "priority": 1}"#,
    printcolumn = r#"{"name": "Executors", "type": "integer", "jsonPath": ".status.progress.executors", "priority": 1}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SparkApplicationSpec {
    /// When true the application is not started; set on a running one, its pods are deleted until the
    /// flag is taken back. Default: false. May be changed at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Language of the program. SQL is Cerium's addition: the main file is a script of SQL statements.
    #[serde(rename = "type")]
    pub application_type: ApplicationType,

    /// Version of Spark the program was written for, for example `4.1.1`.
    pub spark_version: String,

    /// Where the driver runs. Only `cluster` is supported. Default: cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<DeployMode>,

    /// User to impersonate towards Hadoop services, as `spark-submit --proxy-user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_user: Option<String>,

    /// Container image of driver and executors, overridden by `driver.image` and `executor.image`.
    /// Default: the operator's runtime image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// Pull policy of the images: Always, IfNotPresent or Never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,

    /// Names of the secrets with which images are pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_secrets: Option<Vec<String>>,

    /// Fully qualified main class, for Java and Scala programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_class: Option<String>,

    /// The program: a path or URI such as `local:///opt/app/report.sql`, `s3a://bucket/job.py`.
    pub main_application_file: String,

    /// Arguments handed to the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<String>>,

    /// Spark properties, as `spark-submit --conf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_conf: Option<BTreeMap<String, String>>,

    /// Hadoop properties; each becomes the Spark property `spark.hadoop.<key>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hadoop_conf: Option<BTreeMap<String, String>>,

    /// Name of a ConfigMap with Spark configuration files, mounted at /etc/spark/conf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_config_map: Option<String>,

    /// Name of a ConfigMap with Hadoop configuration files, mounted at /etc/hadoop/conf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hadoop_config_map: Option<String>,

    /// Volumes that driver and executors may mount by `volumeMounts`. Those named `spark-local-dir-*`
    /// become scratch space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<Vec<Volume>>")]
    pub volumes: Option<Vec<Volume>>,

    /// The driver pod.
    pub driver: DriverSpec,

    /// The executor pods.
    pub executor: ExecutorSpec,

    /// Files and packages the program depends on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deps: Option<Dependencies>,

    /// Whether and when a finished or failed application is run again. Default: Never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,

    /// Node labels that driver and executor pods require. Cannot be set together with the field of the
    /// same name in driver or executor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,

    /// Accepted for compatibility and without effect: use `restartPolicy.onFailureRetries`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_retries: Option<i32>,

    /// Accepted for compatibility and without effect: use `restartPolicy.onFailureRetryInterval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<i64>,

    /// Major version of Python.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python_version: Option<PythonVersion>,

    /// Share of the memory added to each pod for what lives outside the engine's memory, for example
    /// `"0.2"`. Default: 0.4 for Python and R, 0.1 otherwise; an explicit `memoryOverhead` wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_overhead_factor: Option<String>,

    /// What driver and executors expose to monitoring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<MonitoringSpec>,

    /// Name of the batch scheduler: volcano, yunikorn, or a kube-scheduler with the PodGroup plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_scheduler: Option<String>,

    /// Seconds after its termination at which the application is deleted; 0 or less: at once.
    /// Default: never. May be changed at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_live_seconds: Option<i64>,

    /// Settings for the batch scheduler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_scheduler_options: Option<BatchSchedulerConfiguration>,

    /// Service and Ingress of the driver's web UI.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "sparkUIOptions")]
    pub spark_ui_options: Option<SparkUiConfiguration>,

    /// Further ports of the driver to publish by Service and Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_ingress_options: Option<Vec<DriverIngressConfiguration>>,

    /// Whether the number of executors follows the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_allocation: Option<DynamicAllocation>,

    /// When true, and the operator runs with `--enable-driver-pdb`, a PodDisruptionBudget protects the
    /// driver pod from voluntary eviction. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_pod_disruption_budget: Option<bool>,
}

/// Language of the program.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplicationType {
    Java,
    Python,
    #[default]
    Scala,
    R,
    #[serde(rename = "SQL")]
    Sql,
}

impl ApplicationType {
    /// The value as the manifest spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Java => "Java",
            Self::Python => "Python",
            Self::Scala => "Scala",
            Self::R => "R",
            Self::Sql => "SQL",
        }
    }
}

/// Where the driver runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DeployMode {
    Cluster,
    Client,
}

/// Major version of Python.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PythonVersion {
    #[serde(rename = "2")]
    Two,
    #[serde(rename = "3")]
    Three,
}

impl PythonVersion {
    /// The value as the manifest spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Two => "2",
            Self::Three => "3",
        }
    }
}

/// Files and packages the program depends on. The lists hold paths or URIs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Dependencies {
    /// Jar files; only for programs that run on a JVM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jars: Option<Vec<String>>,

    /// Files placed in the working directory of driver and executors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,

    /// Python files and packages (.py, .zip, .egg) put on the PYTHONPATH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub py_files: Option<Vec<String>>,

    /// Maven coordinates of jar files; only for programs that run on a JVM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<String>>,

    /// Maven coordinates (`group:artifact`) left out of `packages`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_packages: Option<Vec<String>>,

    /// Additional Maven repositories for `packages`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<String>>,

    /// Archives unpacked into the working directory of driver and executors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archives: Option<Vec<String>>,
}

/// Whether and when an application is run again.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RestartPolicy {
    /// Never, Always or OnFailure. Default: Never.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    pub policy: Option<RestartPolicyType>,

    /// With OnFailure: how often a failed submission is repeated. Default: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub on_submission_failure_retries: Option<i32>,

    /// With OnFailure: how often a failed run is repeated. Default: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub on_failure_retries: Option<i32>,

    /// Seconds between submissions, multiplied by the number of the attempt. Default: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub on_submission_failure_retry_interval: Option<i64>,

    /// Seconds between runs, multiplied by the number of the attempt. Default: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub on_failure_retry_interval: Option<i64>,
}

/// When an application is run again.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicyType {
    #[default]
    Never,
    Always,
    OnFailure,
}

/// Whether the number of executors follows the work.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DynamicAllocation {
    /// Whether executors are requested as tasks queue up and released when idle. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,

    /// Executors at the start; the larger of this, `minExecutors` and `executor.instances` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_executors: Option<i32>,

    /// Lower bound of the number of executors. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_executors: Option<i32>,

    /// Upper bound of the number of executors. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_executors: Option<i32>,

    /// Whether executors that hold shuffle output of running jobs are kept. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle_tracking_enabled: Option<bool>,

    /// Milliseconds after which an executor that holds shuffle output is released all the same.
    /// Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle_tracking_timeout: Option<i64>,
}
