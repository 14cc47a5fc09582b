//! The driver pod and the template of the executor pods. Pure.

use std::collections::BTreeMap;

use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::{Container, LocalObjectReference, Pod, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::containers::{engine_container, spark_container};
use super::environment::environment;
use super::security::pod_context;
use super::storage::Storage;
use super::{Role, Runtime, Submission, owner};
use cerium_crds::plan::{PodPlan, ValidatedApplication};

/// Tells kubectl which container's log is meant.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The driver pod.
pub fn driver_pod(application: &ValidatedApplication, submission: &Submission, runtime: &Runtime) -> Pod {
    let mut pod = pod(application, submission, Role::Driver, runtime);
    pod.metadata.name = Some(application.driver_pod.clone());
    pod.metadata.namespace = Some(application.namespace.clone());
    pod
}

/// What the driver makes executor pods from: it only adds name, id, and itself as the owner.
pub fn executor_template(
    application: &ValidatedApplication,
    submission: &Submission,
    runtime: &Runtime,
) -> Pod {
    pod(application, submission, Role::Executor, runtime)
}

fn pod(application: &ValidatedApplication, submission: &Submission, role: Role, runtime: &Runtime) -> Pod {
    let plan = match role {
        Role::Driver => &application.driver,
        Role::Executor => &application.executor,
    };
    let PodTemplateSpec { metadata, spec } = plan.template.clone();
    let mut spec = spec.unwrap_or_default();
    let (template, others) = take_spark_container(std::mem::take(&mut spec.containers), role);
    let mut container = spark_container(application, role, template, runtime);

    let template_init = spec.init_containers.take().unwrap_or_default();
    let mut init: Vec<Container> = engine_container(plan, runtime).into_iter().collect();
    init.extend(template_init);
    init.extend(plan.init_containers.iter().cloned());
    let sidecars =
        plan.sidecars.iter().filter(|sidecar| others.iter().all(|other| other.name != sidecar.name));
    let sidecars: Vec<Container> = sidecars.cloned().collect();

    let mut storage = Storage::from_template(
        spec.volumes.take().unwrap_or_default(),
        container.volume_mounts.take().unwrap_or_default(),
    );
    if role == Role::Driver {
        storage.add_driver_conf(&application.driver_pod);
    }
    storage.add_engine(&plan.image);
    let all_others: Vec<&Container> = others.iter().chain(&sidecars).chain(&init).collect();
    storage.add_users(plan, &all_others);
    let local_dirs = storage.add_local_dirs(plan.local_dirs_tmpfs);
    storage.add_tmp();
    let (volumes, mounts) = storage.into_parts();
    container.env = Some(environment(
        application,
        submission,
        role,
        container.env.take().unwrap_or_default(),
        &local_dirs,
    ));
    container.volume_mounts = Some(mounts);

    let single = others.is_empty() && sidecars.is_empty();
    let main = container.name.clone();
    // As in Spark the Spark container comes behind those of the template.
    spec.containers = others.into_iter().chain([container]).chain(sidecars).collect();
    spec.init_containers = (!init.is_empty()).then_some(init);
    spec.volumes = Some(volumes);
    apply_policy(&mut spec, plan, role);

    let mut metadata = metadata_of(application, submission, role, metadata.unwrap_or_default());
    if !single {
        metadata.annotations.get_or_insert_default().entry(DEFAULT_CONTAINER.to_owned()).or_insert(main);
    }
    Pod { metadata, spec: Some(spec), status: None }
}

/// The template's Spark container: the one of that name, else the first; and the others.
fn take_spark_container(mut containers: Vec<Container>, role: Role) -> (Container, Vec<Container>) {
    let name = match role {
        Role::Driver => names::DRIVER_CONTAINER,
        Role::Executor => names::EXECUTOR_CONTAINER,
    };
    if containers.is_empty() {
        return (Container::default(), containers);
    }
    let at = containers.iter().position(|container| container.name == name).unwrap_or(0);
    (containers.remove(at), containers)
}

/// What the manifest says of the pod as a whole.
fn apply_policy(spec: &mut PodSpec, plan: &PodPlan, role: Role) {
    spec.restart_policy = Some("Never".to_owned());
    spec.enable_service_links.get_or_insert(false);
    if role == Role::Executor {
        // Executors have no business with the API server.
        spec.automount_service_account_token.get_or_insert(false);
    }
    if let Some(account) = &plan.service_account {
        spec.service_account_name = Some(account.clone());
        spec.service_account = None;
    }
    if !plan.image_pull_secrets.is_empty() {
        let secrets = plan.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
        spec.image_pull_secrets.get_or_insert_default().extend(secrets);
    }
    if !plan.node_selector.is_empty() {
        spec.node_selector.get_or_insert_default().extend(plan.node_selector.clone());
    }
    if plan.affinity.is_some() {
        spec.affinity.clone_from(&plan.affinity);
    }
    if !plan.tolerations.is_empty() {
        spec.tolerations.get_or_insert_default().extend(plan.tolerations.iter().cloned());
    }
    if plan.scheduler_name.is_some() {
        spec.scheduler_name.clone_from(&plan.scheduler_name);
    }
    if plan.priority_class_name.is_some() {
        spec.priority_class_name.clone_from(&plan.priority_class_name);
        // They follow from the class; the API server refuses others.
        spec.priority = None;
        spec.preemption_policy = None;
    }
    if plan.host_network == Some(true) {
        spec.host_network = Some(true);
        spec.dns_policy = Some("ClusterFirstWithHostNet".to_owned());
    }
    if plan.dns_config.is_some() {
        spec.dns_config.clone_from(&plan.dns_config);
    }
    if !plan.host_aliases.is_empty() {
        spec.host_aliases.get_or_insert_default().extend(plan.host_aliases.iter().cloned());
    }
    if plan.termination_grace_period_seconds.is_some() {
        spec.termination_grace_period_seconds = plan.termination_grace_period_seconds;
    }
    if plan.share_process_namespace.is_some() {
        spec.share_process_namespace = plan.share_process_namespace;
    }
    let context = plan.pod_security_context.clone().or(spec.security_context.take());
    spec.security_context = Some(pod_context(context));
}

/// Labels and annotations: the template's, the application's, the manifest's, and last those by which pods
/// are found.
fn metadata_of(
    application: &ValidatedApplication,
    submission: &Submission,
    role: Role,
    template: ObjectMeta,
) -> ObjectMeta {
    let (plan, spark_role) = match role {
        Role::Driver => (&application.driver, labels::ROLE_DRIVER),
        Role::Executor => (&application.executor, labels::ROLE_EXECUTOR),
    };
    let mut all: BTreeMap<String, String> = template.labels.unwrap_or_default();
    all.extend(application.labels.clone());
    all.extend(plan.labels.clone());
    let fixed = [
        (labels::APP_NAME, application.name.clone()),
        (labels::LAUNCHED_BY_SPARK_OPERATOR, labels::TRUE.to_owned()),
        (labels::SUBMISSION_ID, submission.id.clone()),
        (labels::SPARK_ROLE, spark_role.to_owned()),
        (labels::SPARK_APP_SELECTOR, names::application_id(&submission.id)),
        (labels::SPARK_APP_NAME, names::app_name_label(&application.name)),
        (labels::SPARK_VERSION, application.spark_version.clone()),
    ];
    all.extend(fixed.map(|(key, value)| (key.to_owned(), value)));
    let mut annotations = template.annotations.unwrap_or_default();
    annotations.extend(plan.annotations.clone());
    let mut owners = template.owner_references.unwrap_or_default();
    // Of an executor the driver pod is the controller: it goes with its driver.
    owners.push(owner(application, role == Role::Driver));
    ObjectMeta {
        labels: Some(all),
        annotations: (!annotations.is_empty()).then_some(annotations),
        owner_references: Some(owners),
        finalizers: template.finalizers,
        ..ObjectMeta::default()
    }
}
