//! What a manifest says without effect, as there is no JVM: told to the user, and no reason to fail. Pure.

use cerium_conf::keys;

use crate::application::{ApplicationType, Dependencies, PythonVersion, SparkApplicationSpec};

const JVM: &str = "there is no JVM";
const JARS: &str = "there is no JVM to load jar files into";
const SERVICE: &str = "executors reach the driver by the address of its pod, without a Service";

/// The fields without effect, each with the reason.
pub(super) fn fields(spec: &SparkApplicationSpec) -> Vec<String> {
    let no_deps = Dependencies::default();
    let deps = spec.deps.as_ref().unwrap_or(&no_deps);
    let is_sql = spec.application_type == ApplicationType::Sql;
    let monitoring = spec.monitoring.as_ref();
    let found = [
        ("spec.mainClass", spec.main_class.is_some(), JVM),
        ("spec.deps.jars", deps.jars.is_some(), JARS),
        ("spec.deps.packages", deps.packages.is_some(), JARS),
        ("spec.deps.excludePackages", deps.exclude_packages.is_some(), JARS),
        ("spec.deps.repositories", deps.repositories.is_some(), JARS),
        ("spec.deps.pyFiles", is_sql && deps.py_files.is_some(), "the program is SQL"),
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
        (
            "spec.monitoring.prometheus",
            monitoring.is_some_and(|m| m.prometheus.is_some()),
            "there is no JVM to export from",
        ),
        ("spec.batchScheduler", spec.batch_scheduler.is_some(), "batch schedulers are not supported yet"),
        (
            "spec.batchSchedulerOptions",
            spec.batch_scheduler_options.is_some(),
            "batch schedulers are not supported yet",
        ),
    ];
    let fields = found
        .iter()
        .filter(|(_, is_set, _)| *is_set)
        .map(|(field, _, reason)| format!("{field} has no effect: {reason}"));
    let properties = spec.spark_conf.iter().flatten().filter_map(|(key, _)| {
        keys::ignored_reason(key).map(|reason| format!("spec.sparkConf[{key}] has no effect: {reason}"))
    });
    fields.chain(properties).collect()
}
