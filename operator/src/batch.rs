//! Batch schedulers: what pods carry for volcano, YuniKorn or a kube-scheduler with the plugin for coscheduling,
//! and the pod group beside them. Pure.
//!
//! The names of schedulers, groups, labels and annotations are those of the Kubeflow Spark Operator. The
//! amounts are what the pods really request, overhead included.

use std::collections::BTreeMap;

use cerium_conf::{Key, keys};
use cerium_crds::SparkApplicationSpec;
use cerium_crds::plan::{PodPlan, ValidatedApplication};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, TypeMeta};
use serde_json::{Map, Value, json};

use crate::build::owner;
use crate::demand::Demand;

mod yunikorn;

/// Volcano.
const VOLCANO: &str = "volcano";
/// Apache YuniKorn.
const YUNIKORN: &str = "yunikorn";
/// By this annotation volcano knows the group of a pod.
const VOLCANO_GROUP: &str = "scheduling.k8s.io/group-name";
/// By this label the scheduler plugins know the group of a pod.
const PLUGIN_GROUP: &str = "scheduling.x-k8s.io/pod-group";

/// The batch schedulers that applications may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchSchedulers {
    /// Names of kube-schedulers that have the plugin, besides volcano and YuniKorn.
    pub kube_schedulers: Vec<String>,
    /// The scheduler of applications that name none.
    pub default: Option<String>,
}

/// The batch scheduler of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheduler<'a> {
    Volcano,
    Yunikorn,
    Kube(&'a str),
}

impl Scheduler<'_> {
    fn name(&self) -> &str {
        match self {
            Scheduler::Volcano => VOLCANO,
            Scheduler::Yunikorn => YUNIKORN,
            Scheduler::Kube(name) => name,
        }
    }
}

/// No batch scheduler of this name is switched on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to get scheduler {name}: known are {}", known.join(", "))]
pub struct UnknownScheduler {
    name: String,
    known: Vec<String>,
}

/// The pods could not be prepared for a batch scheduler.
#[derive(Debug, thiserror::Error)]
pub enum ArrangeError {
    /// There is no such scheduler.
    #[error("failed during batch scheduler setup or check: {0}")]
    Unknown(#[from] UnknownScheduler),
    /// The task groups have no form in JSON; a fault of the operator.
    #[error("failed to process batch scheduler: failed to write task groups: {0}")]
    TaskGroups(#[from] serde_json::Error),
}

/// Which pod group it is, of whatever scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupId {
    /// Its kind.
    pub resource: ApiResource,
    /// Its name.
    pub name: String,
}

/// A pod group to be made before the driver pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodGroup {
    /// Which it is.
    pub id: GroupId,
    /// The object.
    pub object: DynamicObject,
}

impl BatchSchedulers {
    /// Whether the default is a scheduler at all.
    ///
    /// # Errors
    /// [`UnknownScheduler`] if it is none.
    pub fn check(&self) -> Result<(), UnknownScheduler> {
        self.default.as_deref().map_or(Ok(()), |name| self.named(name).map(|_| ()))
    }

    fn named<'a>(&self, name: &'a str) -> Result<Scheduler<'a>, UnknownScheduler> {
        // A kube-scheduler may have any name, also one of the two.
        if self.kube_schedulers.iter().any(|known| known == name) {
            return Ok(Scheduler::Kube(name));
        }
        match name {
            VOLCANO => Ok(Scheduler::Volcano),
            YUNIKORN => Ok(Scheduler::Yunikorn),
            other => Err(UnknownScheduler {
                name: other.to_owned(),
                known: [VOLCANO, YUNIKORN]
                    .map(ToOwned::to_owned)
                    .into_iter()
                    .chain(self.kube_schedulers.iter().cloned())
                    .collect(),
            }),
        }
    }

    fn of<'a>(&'a self, spec: &'a SparkApplicationSpec) -> Result<Option<Scheduler<'a>>, UnknownScheduler> {
        let name = named_scheduler(spec).or(self.default.as_deref());
        name.map(|name| self.named(name)).transpose()
    }

    /// The pod group that an application of this name has as long as it runs.
    pub fn group_of(&self, application: &str, spec: &SparkApplicationSpec) -> Option<GroupId> {
        group_id(self.of(spec).ok()??, application)
    }

    /// The pod groups that an earlier specification of an application of this name may have had, and this one has
    /// not.
    pub fn outdated_groups(&self, application: &str, spec: &SparkApplicationSpec) -> Vec<GroupId> {
        let plugin = self.kube_schedulers.first().map(|name| Scheduler::Kube(name));
        let all = [Some(Scheduler::Volcano), plugin].into_iter().flatten();
        let kept = self.group_of(application, spec);
        all.filter_map(|scheduler| group_id(scheduler, application))
            .filter(|group| Some(group) != kept.as_ref())
            .collect()
    }
}

fn named_scheduler(spec: &SparkApplicationSpec) -> Option<&str> {
    spec.batch_scheduler.as_deref().filter(|name| !name.is_empty())
}

/// Prepares the pods of an application for its batch scheduler, and returns the group to be made before them.
/// Where batch schedulers are switched off, the pods only get the name of the scheduler the manifest names.
///
/// # Errors
/// [`ArrangeError`] if the manifest names a scheduler that there is not.
pub fn arrange(
    application: &mut ValidatedApplication,
    spec: &SparkApplicationSpec,
    schedulers: Option<&BatchSchedulers>,
) -> Result<Option<PodGroup>, ArrangeError> {
    let Some(schedulers) = schedulers else {
        if let Some(name) = named_scheduler(spec) {
            set_scheduler(application, name);
        }
        return Ok(None);
    };
    let Some(scheduler) = schedulers.of(spec)? else { return Ok(None) };
    set_scheduler(application, scheduler.name());
    let Some(id) = group_id(scheduler, &application.name) else {
        yunikorn::annotate(application, spec)?;
        return Ok(None);
    };
    if scheduler == Scheduler::Volcano {
        if application.driver.annotations.contains_key(VOLCANO_GROUP) {
            // The user brings a group.
            return Ok(None);
        }
        for role in Role::BOTH {
            role.annotate(application, VOLCANO_GROUP, &id.name);
        }
    } else {
        for role in Role::BOTH {
            role.label(application, PLUGIN_GROUP, &id.name);
        }
    }
    let object = group(application, spec, scheduler, &id);
    Ok(Some(PodGroup { id, object }))
}

fn group_id(scheduler: Scheduler<'_>, application: &str) -> Option<GroupId> {
    let (group, version, name) = match scheduler {
        Scheduler::Yunikorn => return None,
        Scheduler::Volcano => {
            ("scheduling.volcano.sh", "v1beta1", cerium_crds::names::volcano_group(application))
        }
        Scheduler::Kube(_) => {
            ("scheduling.x-k8s.io", "v1alpha1", cerium_crds::names::plugin_group(application))
        }
    };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, "PodGroup"));
    Some(GroupId { resource, name })
}

fn group(
    application: &ValidatedApplication,
    spec: &SparkApplicationSpec,
    scheduler: Scheduler<'_>,
    id: &GroupId,
) -> DynamicObject {
    // The driver goes first: executors are made by it.
    let mut fields = Map::from_iter([("minMember".to_owned(), json!(1))]);
    let mut resources = Demand::of(application).requests();
    if scheduler == Scheduler::Volcano
        && let Some(options) = &spec.batch_scheduler_options
    {
        if let Some(wanted) = options.resources.as_ref().filter(|wanted| !wanted.is_empty()) {
            resources.clone_from(wanted);
        }
        for (field, value) in [("queue", &options.queue), ("priorityClassName", &options.priority_class_name)]
        {
            if let Some(value) = value {
                fields.insert(field.to_owned(), json!(value));
            }
        }
    }
    let resources = resources.into_iter().map(|(name, amount)| (name, Value::String(amount.0))).collect();
    fields.insert("minResources".to_owned(), Value::Object(resources));
    DynamicObject {
        types: Some(TypeMeta {
            api_version: id.resource.api_version.clone(),
            kind: id.resource.kind.clone(),
        }),
        metadata: ObjectMeta {
            name: Some(id.name.clone()),
            namespace: Some(application.namespace.clone()),
            owner_references: Some(vec![owner(application, true)]),
            ..ObjectMeta::default()
        },
        data: json!({ "spec": fields }),
    }
}

/// One of the two kinds of pods: its plan, and the properties from which Spark itself makes such pods.
#[derive(Clone, Copy)]
enum Role {
    Driver,
    Executor,
}

impl Role {
    const BOTH: [Role; 2] = [Role::Driver, Role::Executor];

    fn plan(self, application: &mut ValidatedApplication) -> &mut PodPlan {
        match self {
            Role::Driver => &mut application.driver,
            Role::Executor => &mut application.executor,
        }
    }

    fn annotate(self, application: &mut ValidatedApplication, key: &str, value: &str) {
        self.plan(application).annotations.insert(key.to_owned(), value.to_owned());
        let prefix = match self {
            Role::Driver => keys::KUBERNETES_DRIVER_ANNOTATION,
            Role::Executor => keys::KUBERNETES_EXECUTOR_ANNOTATION,
        };
        application.conf.set(format!("{prefix}{key}"), value);
    }

    fn label(self, application: &mut ValidatedApplication, key: &str, value: &str) {
        self.plan(application).labels.insert(key.to_owned(), value.to_owned());
        let prefix = match self {
            Role::Driver => keys::KUBERNETES_DRIVER_LABEL,
            Role::Executor => keys::KUBERNETES_EXECUTOR_LABEL,
        };
        application.conf.set(format!("{prefix}{key}"), value);
    }
}

fn set_scheduler(application: &mut ValidatedApplication, name: &str) {
    for role in Role::BOTH {
        role.plan(application).scheduler_name = Some(name.to_owned());
    }
    application.conf.set(keys::KUBERNETES_DRIVER_SCHEDULER_NAME.name(), name);
    application.conf.set(keys::KUBERNETES_EXECUTOR_SCHEDULER_NAME.name(), name);
}

/// Settings for the batch scheduler that it does not know, in words.
pub fn unused(spec: &SparkApplicationSpec, schedulers: Option<&BatchSchedulers>) -> Vec<String> {
    let Some(schedulers) = schedulers else {
        let off = "batch schedulers are switched off (--enable-batch-scheduler)";
        let name = named_scheduler(spec).map(|name| {
            format!("spec.batchScheduler has no effect but the pods' scheduler name \"{name}\": {off}")
        });
        let options = spec.batch_scheduler_options.is_some();
        let options = options.then(|| format!("spec.batchSchedulerOptions has no effect: {off}"));
        return name.into_iter().chain(options).collect();
    };
    let Some(options) = &spec.batch_scheduler_options else { return Vec::new() };
    let Ok(scheduler) = schedulers.of(spec) else { return Vec::new() };
    let known: &[&str] = match scheduler {
        Some(Scheduler::Volcano) => &["queue", "priorityClassName", "resources"],
        Some(Scheduler::Yunikorn) => &["queue"],
        Some(Scheduler::Kube(_)) | None => &[],
    };
    let reason = scheduler.map_or_else(
        || "the application has no batch scheduler".to_owned(),
        |scheduler| format!("the scheduler {} has no such setting", scheduler.name()),
    );
    let set = BTreeMap::from([
        ("queue", options.queue.is_some()),
        ("priorityClassName", options.priority_class_name.is_some()),
        ("resources", options.resources.is_some()),
    ]);
    set.into_iter()
        .filter(|(name, is_set)| *is_set && !known.contains(name))
        .map(|(name, _)| format!("spec.batchSchedulerOptions.{name} has no effect: {reason}"))
        .collect()
}

#[cfg(test)]
mod tests;
