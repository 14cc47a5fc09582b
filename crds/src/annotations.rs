//! Annotation keys.

/// Says on a pod that Prometheus scrapes it.
pub const PROMETHEUS_SCRAPE: &str = "prometheus.io/scrape";
/// Port on which Prometheus scrapes the pod.
pub const PROMETHEUS_PORT: &str = "prometheus.io/port";
/// Path on which Prometheus scrapes the pod.
pub const PROMETHEUS_PATH: &str = "prometheus.io/path";
