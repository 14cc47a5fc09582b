//! Where metrics are served, as `spec.monitoring` wishes: port and annotations, the same on both engines. Pure.

use cerium_crds::application::{MonitoringSpec, PrometheusSpec};
use cerium_crds::plan::ValidatedApplication;
use k8s_openapi::api::core::v1::ContainerPort;

use super::Role;

const PORT: i32 = 8090;
const PORT_NAME: &str = "jmx-exporter";
const PATH: &str = "/metrics";

/// The wish for metrics in Prometheus' format.
pub struct Exporter<'a> {
    /// All of it.
    pub monitoring: &'a MonitoringSpec,
    /// How they are to be served.
    pub prometheus: &'a PrometheusSpec,
}

/// The application's wish, if it has one.
pub fn exporter(application: &ValidatedApplication) -> Option<Exporter<'_>> {
    let monitoring = application.spec.monitoring.as_ref()?;
    Some(Exporter { monitoring, prometheus: monitoring.prometheus.as_ref()? })
}

impl Exporter<'_> {
    /// The port.
    pub fn port(&self) -> i32 {
        self.prometheus.port.unwrap_or(PORT)
    }

    /// The port as its container opens it.
    pub fn container_port(&self) -> ContainerPort {
        ContainerPort {
            name: Some(self.prometheus.port_name.clone().unwrap_or_else(|| PORT_NAME.to_owned())),
            container_port: self.port(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }
    }

    /// Whether pods of this role are to serve metrics.
    pub fn exposes(&self, role: Role) -> bool {
        match role {
            Role::Driver => self.monitoring.expose_driver_metrics,
            Role::Executor => self.monitoring.expose_executor_metrics,
        }
    }

    /// What Prometheus finds a pod's metrics by.
    pub fn annotations(&self) -> [(&'static str, String); 3] {
        [
            ("prometheus.io/scrape", "true".to_owned()),
            ("prometheus.io/port", self.port().to_string()),
            ("prometheus.io/path", PATH.to_owned()),
        ]
    }
}
