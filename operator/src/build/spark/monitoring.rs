//! Metrics of drivers and executors on Spark's own engine by the JMX exporter, as Kubeflow's operator sets it up: its
//! configuration in a ConfigMap, the agent among Java's options, annotations by which Prometheus finds it. Pure.

use std::collections::BTreeMap;

use cerium_conf::{SparkConf, keys};
use cerium_crds::plan::ValidatedApplication;
use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::{ConfigMap, Container};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::build::monitoring::{Exporter, exporter};
use crate::build::storage::Storage;
use crate::build::{Role, owner};

/// Where the configuration is mounted.
const DIR: &str = "/etc/metrics/conf";
const METRICS_PROPERTIES: &str = "metrics.properties";
const PROMETHEUS_YAML: &str = "prometheus.yaml";

/// What Spark reports where the manifest says nothing: all to JMX, and the JVM's own numbers.
const DEFAULT_METRICS: &str = "*.sink.jmx.class=org.apache.spark.metrics.sink.JmxSink\n\
    driver.source.jvm.class=org.apache.spark.metrics.source.JvmSource\n\
    executor.source.jvm.class=org.apache.spark.metrics.source.JvmSource\n";

/// How Spark's names in JMX, `<namespace>.<application>.<executor or driver>.<source>.<metric>`, become Kubeflow's names,
/// types and labels of Prometheus where the manifest says nothing. The first rule that fits counts. Since Spark 3 a type
/// stands behind the name in JMX; names are the same with and without it.
const DEFAULT_EXPORTER: &str = r#"lowercaseOutputName: true
attrNameSnakeCase: true
rules:
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.driver\.\S+\.StreamingMetrics\.streaming\.([^,>]+)(?:, type=\w+)?><>Value'
    name: spark_streaming_driver_$3
    type: GAUGE
    labels: {app_namespace: "$1", app_id: "$2"}
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.driver\.spark\.streaming\.(\S+)\.([^.,>]+)(?:, type=\w+)?><>Value'
    name: spark_structured_streaming_driver_$4
    type: GAUGE
    labels: {app_namespace: "$1", app_id: "$2", query_name: "$3"}
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.([^.]+)\.executor\.([^,>]+)(?:, type=\w+)?><>Value'
    name: spark_executor_$4
    type: GAUGE
    labels: {app_namespace: "$1", app_id: "$2", executor_id: "$3"}
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.([^.]+)\.executor\.([^,>]+)(?:, type=\w+)?><>Count'
    name: spark_executor_$4_count
    type: COUNTER
    labels: {app_namespace: "$1", app_id: "$2", executor_id: "$3"}
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.driver\.([^.]+)\.([^,>]+)(?:, type=\w+)?><>Value'
    name: spark_driver_$3_$4
    type: GAUGE
    labels: {app_namespace: "$1", app_id: "$2"}
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.driver\.([^.]+)\.([^,>]+)(?:, type=\w+)?><>Count'
    name: spark_driver_$3_$4_count
    type: COUNTER
    labels: {app_namespace: "$1", app_id: "$2"}
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.(\d+)\.([^.]+)\.([^,>]+)(?:, type=\w+)?><>Value'
    name: spark_executor_$4_$5
    type: GAUGE
    labels: {app_namespace: "$1", app_id: "$2", executor_id: "$3"}
  - pattern: 'metrics<name=([^.]+)\.([^.]+)\.(\d+)\.([^.]+)\.([^,>]+)(?:, type=\w+)?><>Count'
    name: spark_executor_$4_$5_count
    type: COUNTER
    labels: {app_namespace: "$1", app_id: "$2", executor_id: "$3"}
"#;

impl Exporter<'_> {
    fn properties_file(&self) -> Option<&str> {
        self.monitoring.metrics_properties_file.as_deref().filter(|file| !file.is_empty())
    }

    fn config_file(&self) -> Option<&str> {
        self.prometheus.config_file.as_deref().filter(|file| !file.is_empty())
    }

    /// Whether there is anything to mount: files of the image need no ConfigMap.
    fn has_map(&self) -> bool {
        self.properties_file().is_none() || self.config_file().is_none()
    }
}

/// Adds the properties: where Spark finds its file, the agent, the annotations.
pub fn add_properties(conf: &mut SparkConf, application: &ValidatedApplication) {
    let Some(exporter) = exporter(application) else { return };
    let in_map = |file: &str| format!("{DIR}/{file}");
    conf.set("spark.metrics.namespace", format!("{}.{}", application.namespace, application.name));
    let properties = exporter.properties_file().map_or_else(|| in_map(METRICS_PROPERTIES), str::to_owned);
    conf.set("spark.metrics.conf", properties);
    let config = exporter.config_file().map_or_else(|| in_map(PROMETHEUS_YAML), str::to_owned);
    let port = exporter.port();
    let agent = format!("-javaagent:{}={port}:{config}", exporter.prometheus.jmx_exporter_jar);
    for (role, annotation, options) in [
        (Role::Driver, keys::KUBERNETES_DRIVER_ANNOTATION, "spark.driver.extraJavaOptions"),
        (Role::Executor, keys::KUBERNETES_EXECUTOR_ANNOTATION, "spark.executor.extraJavaOptions"),
    ] {
        if !exporter.exposes(role) {
            continue;
        }
        for (name, value) in exporter.annotations() {
            conf.set(format!("{annotation}{name}"), value);
        }
        let all = conf.get_str(options).map_or_else(|| agent.clone(), |given| format!("{given} {agent}"));
        conf.set(options, all);
    }
}

/// The ConfigMap with the files that the image does not have.
pub fn config_map(application: &ValidatedApplication) -> Option<ConfigMap> {
    let exporter = exporter(application).filter(Exporter::has_map)?;
    let mut data = BTreeMap::new();
    if exporter.properties_file().is_none() {
        let text = exporter.monitoring.metrics_properties.as_deref().unwrap_or(DEFAULT_METRICS);
        data.insert(METRICS_PROPERTIES.to_owned(), text.to_owned());
    }
    if exporter.config_file().is_none() {
        let text = exporter.prometheus.configuration.as_deref().unwrap_or(DEFAULT_EXPORTER);
        data.insert(PROMETHEUS_YAML.to_owned(), text.to_owned());
    }
    let labels = [(labels::CREATED_BY_SPARK_OPERATOR.to_owned(), labels::TRUE.to_owned())];
    Some(ConfigMap {
        metadata: ObjectMeta {
            name: Some(names::prometheus_map(&application.name)),
            namespace: Some(application.namespace.clone()),
            labels: Some(labels.into()),
            owner_references: Some(vec![owner(application, true)]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    })
}

/// Mounts the files into a Spark container that exposes metrics, and opens the exporter's port.
pub fn mount(
    application: &ValidatedApplication,
    role: Role,
    container: &mut Container,
    storage: &mut Storage,
) {
    let wanted = |exporter: &Exporter<'_>| exporter.has_map() && exporter.exposes(role);
    let Some(exporter) = exporter(application).filter(wanted) else { return };
    let map = names::prometheus_map(&application.name);
    storage.add_config_map(&names::volume_name(&map, "-vol"), &map, None, DIR);
    container.ports.get_or_insert_default().push(exporter.container_port());
}

#[cfg(test)]
mod tests;
