//! The part of the spec about what stands around the pods: monitoring, batch schedulers, Services, Ingresses.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::IngressTLS;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::embedded;

/// What driver and executors expose to monitoring.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringSpec {
    /// Whether the driver exposes metrics.
    pub expose_driver_metrics: bool,

    /// Whether the executors expose metrics.
    pub expose_executor_metrics: bool,

    /// Content of a `metrics.properties` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_properties: Option<String>,

    /// Path in the container of a `metrics.properties` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_properties_file: Option<String>,

    /// Metrics in Prometheus' format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSpec>,
}

/// Metrics in Prometheus' format.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSpec {
    /// Path in the container of the JMX exporter's jar; only for programs that run on a JVM.
    pub jmx_exporter_jar: String,

    /// Port of the exporter. Default: 8090.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 49151))]
    pub port: Option<i32>,

    /// Name of the exporter's port. Default: jmx-exporter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_name: Option<String>,

    /// Path in the container of the exporter's configuration; wins over `configuration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_file: Option<String>,

    /// Content of the exporter's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
}

/// Settings for the batch scheduler.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BatchSchedulerConfiguration {
    /// Queue the application belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,

    /// PriorityClass of the pod group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,

    /// Resources that must be free before the pod group starts. Default: what driver and executors request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "embedded::<BTreeMap<String, Quantity>>")]
    pub resources: Option<BTreeMap<String, Quantity>>,
}

/// Service and Ingress of the driver's web UI.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SparkUiConfiguration {
    /// Port of the Service. Default: 4040.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_port: Option<i32>,

    /// Name of the Service's port. Default: spark-driver-ui-port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_port_name: Option<String>,

    /// Type of the Service. Default: ClusterIP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_type: Option<String>,

    /// Annotations of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_annotations: Option<BTreeMap<String, String>>,

    /// Labels of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_labels: Option<BTreeMap<String, String>>,

    /// Annotations of the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_annotations: Option<BTreeMap<String, String>>,

    /// TLS settings of the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "ingressTLS")]
    #[schemars(schema_with = "embedded::<Vec<IngressTLS>>")]
    pub ingress_tls: Option<Vec<IngressTLS>>,
}

/// A further port of the driver, published by Service and Ingress.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DriverIngressConfiguration {
    /// Port of the Service and of the driver.
    pub service_port: i32,

    /// Name of the Service's port.
    pub service_port_name: String,

    /// Type of the Service. Default: ClusterIP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_type: Option<String>,

    /// Annotations of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_annotations: Option<BTreeMap<String, String>>,

    /// Labels of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_labels: Option<BTreeMap<String, String>>,

    /// URL of the Ingress, with `{{$appName}}`, `{{$appNamespace}}` and `{{$appId}}` filled in.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "ingressURLFormat")]
    pub ingress_url_format: Option<String>,

    /// Annotations of the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_annotations: Option<BTreeMap<String, String>>,

    /// TLS settings of the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "ingressTLS")]
    #[schemars(schema_with = "embedded::<Vec<IngressTLS>>")]
    pub ingress_tls: Option<Vec<IngressTLS>>,
}
