//! Task groups, by which YuniKorn keeps room for the driver and the first executors. Pure.

use std::collections::BTreeMap;

use cerium_crds::SparkApplicationSpec;
use cerium_crds::plan::{PodPlan, ValidatedApplication};
use k8s_openapi::api::core::v1::{Affinity, Toleration};
use serde::Serialize;

use super::Role;

/// The group a pod belongs to.
const TASK_GROUP_NAME: &str = "yunikorn.apache.org/task-group-name";
/// All groups, on the driver pod alone: it comes first.
const TASK_GROUPS: &str = "yunikorn.apache.org/task-groups";
/// The queue.
const QUEUE: &str = "queue";

const DRIVER_GROUP: &str = "spark-driver";
const EXECUTOR_GROUP: &str = "spark-executor";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskGroup<'a> {
    name: &'static str,
    min_member: u32,
    min_resource: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    node_selector: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[Toleration]>::is_empty")]
    tolerations: &'a [Toleration],
    #[serde(skip_serializing_if = "Option::is_none")]
    affinity: Option<&'a Affinity>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
}

/// Annotates both pods, and puts them into their queue.
pub(super) fn annotate(
    application: &mut ValidatedApplication,
    spec: &SparkApplicationSpec,
) -> Result<(), serde_json::Error> {
    let groups = task_groups(application)?;
    Role::Driver.annotate(application, TASK_GROUPS, &groups);
    Role::Driver.annotate(application, TASK_GROUP_NAME, DRIVER_GROUP);
    Role::Executor.annotate(application, TASK_GROUP_NAME, EXECUTOR_GROUP);
    if let Some(queue) = spec.batch_scheduler_options.as_ref().and_then(|options| options.queue.as_deref()) {
        for role in Role::BOTH {
            role.label(application, QUEUE, queue);
        }
    }
    Ok(())
}

fn task_groups(application: &ValidatedApplication) -> Result<String, serde_json::Error> {
    let memory = |plan: &PodPlan| format!("{}Mi", plan.resources.memory_mib);
    let (driver_memory, executor_memory) = (memory(&application.driver), memory(&application.executor));
    let mut groups = vec![task_group(DRIVER_GROUP, 1, &application.driver, &driver_memory)];
    // YuniKorn refuses a group of none.
    let executors = application.initial_executors();
    if executors > 0 {
        groups.push(task_group(EXECUTOR_GROUP, executors, &application.executor, &executor_memory));
    }
    serde_json::to_string(&groups)
}

fn task_group<'a>(name: &'static str, members: u32, plan: &'a PodPlan, memory: &'a str) -> TaskGroup<'a> {
    let resources = &plan.resources;
    let mut amounts: BTreeMap<&str, &str> =
        resources.extended.iter().map(|(name, amount)| (name.as_str(), amount.0.as_str())).collect();
    amounts.insert("cpu", &resources.cpu_request.0);
    amounts.insert("memory", memory);
    TaskGroup {
        name,
        min_member: members,
        min_resource: amounts,
        node_selector: &plan.node_selector,
        tolerations: &plan.tolerations,
        affinity: plan.affinity.as_ref(),
        labels: &plan.labels,
    }
}
