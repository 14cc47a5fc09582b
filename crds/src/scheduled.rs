//! The kind ScheduledSparkApplication, `sparkoperator.k8s.io/v1beta2`: a SparkApplication on a cron schedule.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::application::SparkApplicationSpec;
use crate::defaults::NAMESPACE;
use crate::refusals;
use crate::states::ScheduleState;

/// Which application to run, and when.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[kube(
    group = "sparkoperator.k8s.io",
    version = "v1beta2",
    kind = "ScheduledSparkApplication",
    plural = "scheduledsparkapplications",
    singular = "scheduledsparkapplication",
    shortname = "scheduledsparkapp",
    namespaced,
    status = "ScheduledSparkApplicationStatus",
    derive = "PartialEq",
    doc = "ScheduledSparkApplication runs a SparkApplication again and again on a cron schedule.",
    annotation("api-approved.kubernetes.io", "https://github.com/kubeflow/spark-operator/pull/1298"),
    printcolumn = r#"{"name": "Schedule", "type": "string", "jsonPath": ".spec.schedule"}"#,
    printcolumn = r#"{"name": "TimeZone", "type": "string", "jsonPath": ".spec.timeZone"}"#,
    printcolumn = r#"{"name": "Suspend", "type": "string", "jsonPath": ".spec.suspend"}"#,
    printcolumn = r#"{"name": "Last Run", "type": "date", "jsonPath": ".status.lastRun"}"#,
    printcolumn = r#"{"name": "Last Run Name", "type": "string", "jsonPath": ".status.lastRunName"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledSparkApplicationSpec {
    /// When to run: five cron fields, `@every <duration>`, or a name such as `@daily`.
    pub schedule: String,

    /// Name of the time zone of the schedule in the IANA database. Default: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,

    /// The application to run.
    pub template: SparkApplicationSpec,

    /// When true no further run is started. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// What happens when the last run has not ended: Allow starts another, Forbid skips this one, Replace
    /// deletes the last. Default: Allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_policy: Option<String>,

    /// Number of successful runs to keep. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful_run_history_limit: Option<i32>,

    /// Number of failed runs to keep. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_run_history_limit: Option<i32>,
}

/// What the operator knows about a schedule.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledSparkApplicationStatus {
    /// When the last run was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Time>,

    /// When the next run will be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run: Option<Time>,

    /// Name of the SparkApplication of the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_name: Option<String>,

    /// Names of the successful runs that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_successful_run_names: Option<Vec<String>>,

    /// Names of the failed runs that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_failed_run_names: Option<Vec<String>>,

    /// The state of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_state: Option<ScheduleState>,

    /// Why the schedule is in that state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// The schedule, with its time zone, from which `nextRun` was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_schedule: Option<String>,

    /// Generation of the spec this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Whether Kubeflow's webhook would take a schedule.
///
/// # Errors
/// All that it refuses, in its words.
pub fn admit(schedule: &ScheduledSparkApplication) -> Result<(), String> {
    let metadata = &schedule.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or(NAMESPACE);
    let name = refusals::name("ScheduledSparkApplication", metadata.name.as_deref().unwrap_or_default());
    let conf = refusals::conf(schedule.spec.template.spark_conf.as_ref(), namespace);
    let found: Vec<_> = name.into_iter().chain(conf).collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}
