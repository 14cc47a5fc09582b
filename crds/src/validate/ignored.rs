//! What a manifest says without effect, as there is no JVM or as it is not built yet: told to the user, and no
//! reason to fail. Pure.

use cerium_conf::{Effect, keys};

use crate::application::{ApplicationType, Dependencies, PythonVersion, SparkApplicationSpec};

const JVM: &str = "there is no JVM";
const JARS: &str = "there is no JVM to load jar files into";
const SQL: &str = "the program is SQL";
const NOT_YET: &str = "it is not supported yet";
const SERVICE: &str = "executors reach the driver by the address of its pod, without a Service";

/// The fields without effect, each with the reason.
pub(super) fn fields(spec: &SparkApplicationSpec) -> Vec<String> {
    let no_deps = Dependencies::default();
    let deps = spec.deps.as_ref().unwrap_or(&no_deps);
    let is_sql = spec.application_type == ApplicationType::Sql;
    let found = [
        ("spec.mainClass", spec.main_class.is_some(), JVM),
        ("spec.deps.jars", deps.jars.is_some(), JARS),
        ("spec.deps.packages", deps.packages.is_some(), JARS),
        ("spec.deps.excludePackages", deps.exclude_packages.is_some(), JARS),
        ("spec.deps.repositories", deps.repositories.is_some(), JARS),
        ("spec.deps.pyFiles", is_sql && deps.py_files.is_some(), SQL),
        ("spec.driver.javaOptions", spec.driver.java_options.is_some(), JVM),
        ("spec.executor.javaOptions", spec.executor.java_options.is_some(), JVM),
        (
            "spec.driver.kubernetesMaster",
            spec.driver.kubernetes_master.is_some(),
            "the driver uses the cluster it runs in",
        ),
        ("spec.driver.serviceLabels", spec.driver.service_labels.is_some(), SERVICE),
        ("spec.driver.serviceAnnotations", spec.driver.service_annotations.is_some(), SERVICE),
        ("spec.proxyUser", spec.proxy_user.is_some(), "there is no Hadoop client to impersonate users with"),
        ("spec.failureRetries", spec.failure_retries.is_some(), "use spec.restartPolicy.onFailureRetries"),
        (
            "spec.retryInterval",
            spec.retry_interval.is_some(),
            "use spec.restartPolicy.onFailureRetryInterval",
        ),
        ("spec.pythonVersion", spec.python_version == Some(PythonVersion::Two), "only Python 3 is supported"),
        ("spec.deps.files", is_sql && deps.files.is_some(), SQL),
        ("spec.deps.archives", is_sql && deps.archives.is_some(), SQL),
        ("spec.monitoring.prometheus", spec.monitoring.as_ref().is_some_and(|m| m.prometheus.is_some()), JVM),
        ("spec.batchScheduler", spec.batch_scheduler.is_some(), NOT_YET),
        ("spec.batchSchedulerOptions", spec.batch_scheduler_options.is_some(), NOT_YET),
    ];
    let fields = found
        .iter()
        .filter(|(_, is_set, _)| *is_set)
        .map(|(field, _, reason)| format!("{field} has no effect: {reason}"));
    let properties = spec.spark_conf.iter().flatten().filter_map(|(key, _)| {
        reason(key).map(|reason| format!("spec.sparkConf[{key}] has no effect: {reason}"))
    });
    fields.chain(properties).collect()
}

/// Why a property has no effect; nothing where it has one, or is the program's own.
fn reason(key: &str) -> Option<&'static str> {
    let not_yet = || keys::info(key).is_some_and(|info| info.effect == Effect::NotYet).then_some(NOT_YET);
    keys::ignored_reason(key).or_else(not_yet)
}
