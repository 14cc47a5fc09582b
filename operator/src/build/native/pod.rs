//! The driver pod and the template of the executor pods. Pure.

use std::collections::BTreeMap;

use cerium_conf::{Key, keys, paths};
use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::containers::{engine_container, spark_container};
use super::environment::environment;
use super::security::pod_context;
use crate::build::monitoring::exporter;
use crate::build::storage::Storage;
use crate::build::template::{not_yet_present, take_spark_container};
use crate::build::{Role, Runtime, Submission, owner, policy};
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
    let (template, others) = take_spark_container(&mut spec, role);
    let mut container = spark_container(application, role, template, runtime);

    let template_init = spec.init_containers.take().unwrap_or_default();
    let mut init: Vec<Container> = engine_container(plan, runtime).into_iter().collect();
    init.extend(template_init);
    init.extend(plan.init_containers.iter().cloned());
    let sidecars = not_yet_present(&plan.sidecars, &others);

    let mut storage = Storage::from_template(
        spec.volumes.take().unwrap_or_default(),
        container.volume_mounts.take().unwrap_or_default(),
    );
    if role == Role::Driver {
        let keys = [paths::SPARK_PROPERTIES_KEY, paths::EXECUTOR_POD_KEY];
        let map = names::conf_map_name(&application.driver_pod);
        storage.add_driver_conf(&map, &keys);
    }
    storage.add_engine(&plan.image);
    let all_others: Vec<&Container> = others.iter().chain(&sidecars).chain(&init).collect();
    storage.add_users(plan, &all_others);
    let local_dirs = storage.add_local_dirs(&[paths::LOCAL_DIR], plan.local_dirs_tmpfs);
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
    apply_policy(&mut spec, plan);
    if role == Role::Executor && !names_executor_account(application) {
        // Executors that share the driver's account have no business with the API server.
        spec.automount_service_account_token.get_or_insert(false);
    }

    let mut metadata = metadata_of(application, submission, role, metadata.unwrap_or_default());
    if !single {
        metadata.annotations.get_or_insert_default().entry(DEFAULT_CONTAINER.to_owned()).or_insert(main);
    }
    Pod { metadata, spec: Some(spec), status: None }
}

/// What the manifest says of the pod as a whole.
fn apply_policy(spec: &mut PodSpec, plan: &PodPlan) {
    policy::apply(spec, plan);
    spec.enable_service_links.get_or_insert(false);
    policy::add_pull_secrets(spec, &plan.image_pull_secrets);
    spec.security_context = Some(pod_context(spec.security_context.take()));
}

/// Whether the manifest gives executors a service account of their own, whose token they then get as in Kubeflow.
fn names_executor_account(application: &ValidatedApplication) -> bool {
    let template = application.executor.template.spec.as_ref();
    application.conf.contains(keys::KUBERNETES_EXECUTOR_SERVICE_ACCOUNT.name())
        || template.is_some_and(|spec| spec.service_account_name.is_some())
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
    if let Some(exporter) = exporter(application).filter(|exporter| exporter.exposes(role)) {
        annotations.extend(exporter.annotations().map(|(name, value)| (name.to_owned(), value)));
    }
    annotations.extend(plan.annotations.clone());
    let has_template = match role {
        Role::Driver => application.spec.driver.pod.template.is_some(),
        Role::Executor => application.spec.executor.pod.template.is_some(),
    };
    if !has_template {
        all.insert(labels::MUTATED_BY_SPARK_OPERATOR.to_owned(), labels::TRUE.to_owned());
    }
    // The driver makes itself the one owner of its executors: they go with it.
    let owners = (role == Role::Driver).then(|| {
        let mut owners = template.owner_references.unwrap_or_default();
        owners.push(owner(application, true));
        owners
    });
    ObjectMeta {
        labels: Some(all),
        annotations: (!annotations.is_empty()).then_some(annotations),
        owner_references: owners,
        finalizers: template.finalizers,
        ..ObjectMeta::default()
    }
}
