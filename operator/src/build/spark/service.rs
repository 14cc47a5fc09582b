//! The headless Service by which executors reach a driver of Spark's own engine. Pure.

use std::collections::BTreeMap;

use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Spark;
use super::driver::{named_ports, own_labels};

/// The Service of the driver.
pub fn driver_service(spark: &Spark<'_>) -> Service {
    let group = |prefix: &str| -> BTreeMap<String, String> {
        spark.conf.iter_prefix(prefix).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let mut all = group("spark.kubernetes.driver.service.label.");
    all.insert(labels::SPARK_APP_SELECTOR.to_owned(), names::application_id(&spark.submission.id));
    let annotations = group("spark.kubernetes.driver.service.annotation.");
    let policy = spark.conf.get_str("spark.kubernetes.driver.service.ipFamilyPolicy");
    let families = spark.conf.get_str("spark.kubernetes.driver.service.ipFamilies").unwrap_or("IPv4");
    let ports = named_ports(spark).map(|(name, port)| ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(port),
        target_port: Some(IntOrString::Int(i32::from(port))),
        ..ServicePort::default()
    });
    Service {
        metadata: ObjectMeta {
            name: Some(names::spark_driver_service(&spark.application.name, &spark.submission.id)),
            namespace: Some(spark.application.namespace.clone()),
            labels: Some(all),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            ip_family_policy: Some(policy.unwrap_or("SingleStack").to_owned()),
            ip_families: Some(families.split(',').map(|family| family.trim().to_owned()).collect()),
            selector: Some(own_labels(spark)),
            ports: Some(ports.collect()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}
