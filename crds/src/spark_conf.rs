//! From a manifest to Spark properties, as the Kubeflow Spark Operator hands them to `spark-submit`. Pure.

use std::collections::BTreeMap;

use cerium_conf::{Key, SparkConf, env, keys};

use crate::SparkApplication;
use crate::application::{ApplicationType, DynamicAllocation, SparkApplicationSpec, SparkPodSpec};
use crate::defaults::{NAMESPACE, with_defaults};
use crate::memory::default_overhead_factor;

mod volumes;

/// The Spark properties of an application, with defaults filled in. What a field of the spec says wins over
/// the property of the same meaning in `sparkConf`. Nothing is checked here: values are as they were
/// written.
pub fn spark_conf(application: &SparkApplication) -> SparkConf {
    let spec = with_defaults(&application.spec);
    let mut conf = SparkConf::new();
    let namespace = application.metadata.namespace.as_deref().unwrap_or(NAMESPACE);
    conf.set(keys::KUBERNETES_NAMESPACE.name(), namespace);
    add(&mut conf, keys::KUBERNETES_CONTAINER_IMAGE.name(), spec.image.as_ref());
    add(&mut conf, keys::KUBERNETES_CONTAINER_IMAGE_PULL_POLICY.name(), spec.image_pull_policy.as_ref());
    add_list(
        &mut conf,
        keys::KUBERNETES_CONTAINER_IMAGE_PULL_SECRETS.name(),
        spec.image_pull_secrets.as_deref(),
    );
    add(&mut conf, keys::KUBERNETES_MEMORY_OVERHEAD_FACTOR.name(), spec.memory_overhead_factor.as_ref());
    conf.set("spark.kubernetes.submission.waitAppCompletion", "false");
    if let Some(language) = resource_type(spec.application_type) {
        conf.set("spark.kubernetes.resource.type", language);
    }
    add_dependencies(&mut conf, &spec);

    conf.extend(spec.spark_conf.clone().unwrap_or_default());
    add_map(&mut conf, keys::HADOOP, spec.hadoop_conf.as_ref());
    if let Some(name) = application.metadata.name.as_ref() {
        conf.set(keys::APP_NAME.name(), name);
    }
    add(&mut conf, keys::KUBERNETES_DRIVER_POD_NAME.name(), spec.driver.pod_name.as_ref());
    // Executors inherit what was resolved for the program's language.
    conf.set_if_missing(
        keys::KUBERNETES_MEMORY_OVERHEAD_FACTOR.name(),
        default_overhead_factor(spec.application_type).to_string(),
    );

    add_driver(&mut conf, &spec);
    add_executor(&mut conf, &spec);
    add_map(&mut conf, keys::KUBERNETES_NODE_SELECTOR, spec.node_selector.as_ref());
    if let Some(allocation) = spec.dynamic_allocation.as_ref().filter(|a| a.enabled == Some(true)) {
        add_dynamic_allocation(&mut conf, allocation);
    }
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    volumes::add_local_dirs(&mut conf, keys::KUBERNETES_DRIVER_VOLUMES, volumes, &spec.driver.pod);
    volumes::add_local_dirs(&mut conf, keys::KUBERNETES_EXECUTOR_VOLUMES, volumes, &spec.executor.pod);
    conf
}

/// What Spark calls the kind of the program; SQL programs are Cerium's own and have no name there.
fn resource_type(application: ApplicationType) -> Option<&'static str> {
    match application {
        ApplicationType::Java | ApplicationType::Scala => Some("java"),
        ApplicationType::Python => Some("python"),
        ApplicationType::R => Some("r"),
        ApplicationType::Sql => None,
    }
}

fn add_dependencies(conf: &mut SparkConf, spec: &SparkApplicationSpec) {
    let Some(deps) = &spec.deps else { return };
    for (key, list) in [
        ("spark.jars", &deps.jars),
        ("spark.jars.packages", &deps.packages),
        ("spark.jars.excludes", &deps.exclude_packages),
        ("spark.jars.repositories", &deps.repositories),
        ("spark.submit.pyFiles", &deps.py_files),
        ("spark.files", &deps.files),
        ("spark.archives", &deps.archives),
    ] {
        add_list(conf, key, list.as_deref());
    }
}

fn add_driver(conf: &mut SparkConf, spec: &SparkApplicationSpec) {
    let driver = &spec.driver;
    let pod = &driver.pod;
    add(conf, keys::KUBERNETES_DRIVER_CONTAINER_IMAGE.name(), pod.image.as_ref());
    add(conf, keys::DRIVER_CORES.name(), pod.cores.as_ref());
    add(conf, keys::KUBERNETES_DRIVER_REQUEST_CORES.name(), driver.core_request.as_ref());
    add(conf, keys::KUBERNETES_DRIVER_LIMIT_CORES.name(), pod.core_limit.as_ref());
    add(conf, keys::DRIVER_MEMORY.name(), pod.memory.as_ref());
    add(conf, keys::DRIVER_MEMORY_OVERHEAD.name(), pod.memory_overhead.as_ref());
    add(conf, keys::KUBERNETES_DRIVER_SERVICE_ACCOUNT.name(), pod.service_account.as_ref());
    add(conf, "spark.driver.extraJavaOptions", driver.java_options.as_ref());
    add(conf, "spark.kubernetes.driver.master", driver.kubernetes_master.as_ref());
    add_map(conf, keys::KUBERNETES_DRIVER_LABEL, pod.labels.as_ref());
    add_map(conf, keys::KUBERNETES_DRIVER_ANNOTATION, pod.annotations.as_ref());
    add_map(conf, "spark.kubernetes.driver.service.label.", driver.service_labels.as_ref());
    add_map(conf, "spark.kubernetes.driver.service.annotation.", driver.service_annotations.as_ref());
    add_map(conf, keys::KUBERNETES_DRIVER_ENV, pod.env_vars.as_ref());
    add_map(conf, keys::KUBERNETES_DRIVER_NODE_SELECTOR, pod.node_selector.as_ref());
    add_secrets(
        conf,
        keys::KUBERNETES_DRIVER_SECRETS,
        keys::KUBERNETES_DRIVER_SECRET_KEY_REF,
        keys::KUBERNETES_DRIVER_ENV,
        pod,
    );
}

fn add_executor(conf: &mut SparkConf, spec: &SparkApplicationSpec) {
    let executor = &spec.executor;
    let pod = &executor.pod;
    add(conf, keys::EXECUTOR_INSTANCES.name(), executor.instances.as_ref());
    add(conf, keys::KUBERNETES_EXECUTOR_CONTAINER_IMAGE.name(), pod.image.as_ref());
    add(conf, keys::EXECUTOR_CORES.name(), pod.cores.as_ref());
    add(conf, keys::KUBERNETES_EXECUTOR_REQUEST_CORES.name(), executor.core_request.as_ref());
    add(conf, keys::KUBERNETES_EXECUTOR_LIMIT_CORES.name(), pod.core_limit.as_ref());
    add(conf, keys::EXECUTOR_MEMORY.name(), pod.memory.as_ref());
    add(conf, keys::EXECUTOR_MEMORY_OVERHEAD.name(), pod.memory_overhead.as_ref());
    add(conf, keys::KUBERNETES_EXECUTOR_SERVICE_ACCOUNT.name(), pod.service_account.as_ref());
    add(
        conf,
        keys::KUBERNETES_EXECUTOR_DELETE_ON_TERMINATION.name(),
        executor.delete_on_termination.as_ref(),
    );
    add(conf, "spark.executor.extraJavaOptions", executor.java_options.as_ref());
    add_map(conf, keys::KUBERNETES_EXECUTOR_LABEL, pod.labels.as_ref());
    add_map(conf, keys::KUBERNETES_EXECUTOR_ANNOTATION, pod.annotations.as_ref());
    add_map(conf, keys::EXECUTOR_ENV, pod.env_vars.as_ref());
    add_map(conf, keys::KUBERNETES_EXECUTOR_NODE_SELECTOR, pod.node_selector.as_ref());
    add_secrets(
        conf,
        keys::KUBERNETES_EXECUTOR_SECRETS,
        keys::KUBERNETES_EXECUTOR_SECRET_KEY_REF,
        keys::EXECUTOR_ENV,
        pod,
    );
}

fn add_secrets(conf: &mut SparkConf, mounts: &str, key_refs: &str, env: &str, pod: &SparkPodSpec) {
    for secret in pod.secrets.iter().flatten() {
        conf.set(format!("{mounts}{}", secret.name), &secret.path);
        if let Some((variable, file)) = secret_file(&secret.secret_type) {
            conf.set(format!("{env}{variable}"), format!("{}/{file}", secret.path));
        }
    }
    for (variable, source) in pod.env_secret_key_refs.iter().flatten() {
        conf.set(format!("{key_refs}{variable}"), format!("{}:{}", source.name, source.key));
    }
}

/// The environment variable that points to the file in a secret of this type.
fn secret_file(secret_type: &str) -> Option<(&'static str, &'static str)> {
    match secret_type {
        "GCPServiceAccount" => Some((env::GOOGLE_APPLICATION_CREDENTIALS, "key.json")),
        "HadoopDelegationToken" => Some((env::HADOOP_TOKEN_FILE_LOCATION, "hadoop.token")),
        _ => None,
    }
}

fn add_dynamic_allocation(conf: &mut SparkConf, allocation: &DynamicAllocation) {
    conf.set(keys::DYNAMIC_ALLOCATION_ENABLED.name(), "true");
    add(conf, keys::DYNAMIC_ALLOCATION_INITIAL_EXECUTORS.name(), allocation.initial_executors.as_ref());
    add(conf, keys::DYNAMIC_ALLOCATION_MIN_EXECUTORS.name(), allocation.min_executors.as_ref());
    add(conf, keys::DYNAMIC_ALLOCATION_MAX_EXECUTORS.name(), allocation.max_executors.as_ref());
    add(
        conf,
        keys::DYNAMIC_ALLOCATION_SHUFFLE_TRACKING_ENABLED.name(),
        allocation.shuffle_tracking_enabled.as_ref(),
    );
    add(
        conf,
        keys::DYNAMIC_ALLOCATION_SHUFFLE_TRACKING_TIMEOUT.name(),
        allocation.shuffle_tracking_timeout.as_ref(),
    );
}

fn add<T: ToString>(conf: &mut SparkConf, key: &str, value: Option<&T>) {
    if let Some(value) = value {
        conf.set(key, value.to_string());
    }
}

fn add_list(conf: &mut SparkConf, key: &str, list: Option<&[String]>) {
    if let Some(list) = list.filter(|list| !list.is_empty()) {
        conf.set(key, list.join(","));
    }
}

fn add_map(conf: &mut SparkConf, prefix: &str, map: Option<&BTreeMap<String, String>>) {
    conf.extend(map.into_iter().flatten().map(|(key, value)| (format!("{prefix}{key}"), value)));
}

#[cfg(test)]
mod tests;
