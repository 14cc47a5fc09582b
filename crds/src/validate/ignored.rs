//! What a manifest says without effect, as its engine has no use for it or as it is not built yet: told to the
//! user, and no reason to fail. Pure.

use std::borrow::Cow;

use cerium_conf::keys::Nature;
use cerium_conf::{Effect, keys};

use crate::application::{ApplicationType, Dependencies, PythonVersion, SparkApplicationSpec};
use crate::engine::Engine;

const JVM: &str = "there is no JVM";
const JARS: &str = "there is no JVM to load jar files into";
const SQL: &str = "the program is SQL";
const METRICS: &str = "the engine's metrics are always the same";
const EXPORTER: &str = "driver and executors serve metrics themselves, without an exporter";
const NOT_YET: &str = "it is not supported yet";
const SERVICE: &str = "executors reach the driver by the address of its pod, without a Service";

/// The fields without effect on this engine, each with the reason.
pub fn without_effect(spec: &SparkApplicationSpec, engine: Engine) -> Vec<String> {
    let mut found = match engine {
        Engine::Native => of_native(spec),
        Engine::Spark => of_spark(spec),
    };
    found.extend(of_all(spec));
    let fields = found
        .iter()
        .filter(|(_, is_set, _)| *is_set)
        .map(|(field, _, reason)| format!("{field} has no effect: {reason}"));
    // What is missing of protection goes before all else: a long text is cut at its end.
    let (protection, others): (Vec<_>, Vec<_>) = properties(spec)
        .filter_map(|property| property.told(engine))
        .partition(|(nature, _)| *nature == Nature::Protection);
    let texts = |found: Vec<(Nature, String)>| found.into_iter().map(|(_, text)| text);
    texts(protection).chain(fields).chain(texts(others)).collect()
}

/// A property as the manifest sets it.
struct Property<'a> {
    field: &'static str,
    name: &'a str,
    /// With the prefix of Hadoop's properties.
    key: Cow<'a, str>,
    value: &'a str,
}

fn properties(spec: &SparkApplicationSpec) -> impl Iterator<Item = Property<'_>> {
    let of_spark = spec.spark_conf.iter().flatten().map(|(key, value)| Property {
        field: "spec.sparkConf",
        name: key,
        key: Cow::Borrowed(key),
        value,
    });
    let of_hadoop = spec.hadoop_conf.iter().flatten().map(|(key, value)| Property {
        field: "spec.hadoopConf",
        name: key,
        key: Cow::Owned(format!("{}{key}", keys::HADOOP)),
        value,
    });
    of_spark.chain(of_hadoop)
}

impl Property<'_> {
    /// What is told of it, if it has no effect on this engine.
    fn told(&self, engine: Engine) -> Option<(Nature, String)> {
        let (nature, reason) = match engine {
            Engine::Native => native_reason(&self.key, self.value),
            Engine::Spark => spark_reason(&self.key).map(|reason| (Nature::Means, reason)),
        }?;
        let Property { field, name, .. } = self;
        let not_protected = if nature == Nature::Protection { "NOT PROTECTED: " } else { "" };
        Some((nature, format!("{field}[{name}] has no effect: {not_protected}{reason}")))
    }
}

type Found = (&'static str, bool, &'static str);

/// Of every application.
fn of_all(spec: &SparkApplicationSpec) -> Vec<Found> {
    vec![
        ("spec.failureRetries", spec.failure_retries.is_some(), "use spec.restartPolicy.onFailureRetries"),
        (
            "spec.retryInterval",
            spec.retry_interval.is_some(),
            "use spec.restartPolicy.onFailureRetryInterval",
        ),
    ]
}

/// Of those on Cerium's own engine.
fn of_native(spec: &SparkApplicationSpec) -> Vec<Found> {
    let no_deps = Dependencies::default();
    let deps = spec.deps.as_ref().unwrap_or(&no_deps);
    let monitoring = spec.monitoring.as_ref();
    let prometheus = monitoring.and_then(|monitoring| monitoring.prometheus.as_ref());
    let is_sql = spec.application_type == ApplicationType::Sql;
    vec![
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
        ("spec.pythonVersion", spec.python_version == Some(PythonVersion::Two), "only Python 3 is supported"),
        ("spec.deps.files", is_sql && deps.files.is_some(), SQL),
        ("spec.deps.archives", is_sql && deps.archives.is_some(), SQL),
        (
            "spec.monitoring.metricsProperties",
            monitoring.is_some_and(|m| m.metrics_properties.is_some()),
            METRICS,
        ),
        (
            "spec.monitoring.metricsPropertiesFile",
            monitoring.is_some_and(|m| m.metrics_properties_file.is_some()),
            METRICS,
        ),
        (
            "spec.monitoring.prometheus.configFile",
            prometheus.is_some_and(|p| p.config_file.is_some()),
            EXPORTER,
        ),
        (
            "spec.monitoring.prometheus.configuration",
            prometheus.is_some_and(|p| p.configuration.is_some()),
            EXPORTER,
        ),
    ]
}

/// Of those on the Spark of their image.
fn of_spark(spec: &SparkApplicationSpec) -> Vec<Found> {
    vec![(
        "spec.executor.memoryLimit",
        spec.executor.pod.memory_limit.is_some(),
        "Spark's driver makes the executor pods and sets their memory limit to the request",
    )]
}

/// Why a property has no effect on Spark's own engine: it is for whoever submits.
fn spark_reason(key: &str) -> Option<&'static str> {
    let kerberos =
        ["spark.kerberos.", "spark.kubernetes.kerberos."].iter().any(|start| key.starts_with(start));
    kerberos.then_some("the operator has no Hadoop client to get tokens with")
}

/// Why a property has no effect on Cerium's own engine; nothing where it has one, is the program's own, or is
/// switched off anyway.
fn native_reason(key: &str, value: &str) -> Option<(Nature, &'static str)> {
    if let Some(family) = keys::ignored(key) {
        return family.matters(value).then_some((family.nature, family.reason));
    }
    keys::info(key).is_some_and(|info| info.effect == Effect::NotYet).then_some((Nature::Feature, NOT_YET))
}
