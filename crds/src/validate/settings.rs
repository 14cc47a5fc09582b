//! Whether the settings of an application make sense, each by itself and together. Pure.

use cerium_conf::{Key, SparkConf, keys};

use super::Findings;
use crate::application::{DriverIngressConfiguration, SparkApplicationSpec};
use crate::defaults::NAMESPACE;
use crate::engine::Engine;
use crate::refusals::{self, DENIED_CONF, NODE_SELECTOR, TEMPLATE_VERSION};
use crate::{SparkApplication, labels, names};

/// Properties without a meaning here that Kubeflow lets through, and why they cannot be set.
const FIXED: &[(&str, &str)] = &[
    ("spark.driver.host", "the driver is reached by the address of its pod"),
    ("spark.driver.bindAddress", "the driver listens on the address of its pod"),
];

/// Ports of the driver that Spark's own executors and users reach by its Service.
const PORTS: [&str; 4] = [
    "spark.driver.port",
    "spark.driver.blockManager.port",
    "spark.ui.port",
    "spark.connect.grpc.binding.port",
];

/// Whether a manifest cannot set this property.
pub fn is_denied(key: &str) -> bool {
    DENIED_CONF.iter().chain(FIXED).any(|(denied, _)| *denied == key)
}

pub(super) fn check(
    application: &SparkApplication,
    conf: &SparkConf,
    engine: Engine,
    findings: &mut Findings<'_>,
) {
    let spec = &application.spec;
    let namespace = application.metadata.namespace.as_deref().unwrap_or(NAMESPACE);
    check_denied(spec, namespace, findings);
    match engine {
        Engine::Native => {
            for error in keys::check(conf) {
                findings.property(&error);
            }
        }
        Engine::Spark => check_for_spark(application, conf, findings),
    }
    check_numbers(spec, conf, findings);
    check_executors(conf, findings);
    check_placement(spec, findings);
    check_version(spec, findings);
    check_ingresses(spec.driver_ingress_options.as_deref().unwrap_or_default(), findings);
    let policy = conf.get_str(keys::KUBERNETES_CONTAINER_IMAGE_PULL_POLICY.name());
    if let Some(policy) = policy.filter(|policy| !["Always", "IfNotPresent", "Never"].contains(policy)) {
        let field = findings.field_of(keys::KUBERNETES_CONTAINER_IMAGE_PULL_POLICY.name());
        findings.invalid(field, policy, "expected Always, IfNotPresent or Never");
    }
    let prefix = conf.get_str(keys::KUBERNETES_EXECUTOR_POD_NAME_PREFIX.name());
    if let Some(prefix) =
        prefix.filter(|p| !names::is_dns_1123_subdomain(p) || p.len() > names::MAX_EXECUTOR_PREFIX)
    {
        let field = findings.field_of(keys::KUBERNETES_EXECUTOR_POD_NAME_PREFIX.name());
        findings.invalid(field, prefix, "expected at most 237 lower case letters, digits, dashes and dots");
    }
}

/// What Spark's submission client refuses; the rest of its properties Spark reads itself.
fn check_for_spark(application: &SparkApplication, conf: &SparkConf, findings: &mut Findings<'_>) {
    let of_application = application.metadata.labels.iter().flatten().map(|(key, _)| key.as_str());
    let of_properties = [keys::KUBERNETES_DRIVER_LABEL, keys::KUBERNETES_EXECUTOR_LABEL]
        .into_iter()
        .flat_map(|prefix| conf.iter_prefix(prefix))
        .map(|(key, _)| key);
    for key in of_application.chain(of_properties).filter(|key| labels::RESERVED_BY_SPARK.contains(key)) {
        findings.problem(
            "labels",
            format!(
                "Label with key {key} is not allowed as it is reserved for Spark bookkeeping operations."
            ),
        );
    }
    for key in PORTS {
        let Some(value) = conf.get_str(key) else { continue };
        if value.trim().parse().is_ok_and(|port: u16| port > 0) {
            continue;
        }
        let field = findings.field_of(key);
        findings.invalid(
            field,
            value,
            "expected a port between 1 and 65535, as the driver's Service publishes it",
        );
    }
}

fn check_denied(spec: &SparkApplicationSpec, namespace: &str, findings: &mut Findings<'_>) {
    let fixed = spec.spark_conf.iter().flatten().filter_map(|(key, _)| {
        FIXED.iter().find(|(other, _)| other == key).map(|(key, reason)| refusals::denied(key, reason))
    });
    for refusal in refusals::conf(spec.spark_conf.as_ref(), namespace).into_iter().chain(fixed) {
        findings.problem("spec.sparkConf", refusal);
    }
}

/// Numbers that the schema of the API server refuses, and which others may yet bring here.
fn check_numbers(spec: &SparkApplicationSpec, conf: &SparkConf, findings: &mut Findings<'_>) {
    for (role, pod) in [("spec.driver", &spec.driver.pod), ("spec.executor", &spec.executor.pod)] {
        if let Some(gpu) = pod.gpu.as_ref().filter(|gpu| gpu.quantity < 0) {
            findings.invalid(
                format!("{role}.gpu.quantity"),
                &gpu.quantity.to_string(),
                "must not be negative",
            );
        }
        if let Some(seconds) = pod.termination_grace_period_seconds.filter(|seconds| *seconds < 0) {
            let field = format!("{role}.terminationGracePeriodSeconds");
            findings.invalid(field, &seconds.to_string(), "must not be negative");
        }
    }
    // The properties of a disabled allocation are not set, so its fields are looked at here.
    let allocation = spec.dynamic_allocation.as_ref();
    for (field, count) in [
        ("minExecutors", allocation.and_then(|a| a.min_executors)),
        ("maxExecutors", allocation.and_then(|a| a.max_executors)),
        ("initialExecutors", allocation.and_then(|a| a.initial_executors)),
    ] {
        if let Some(count) = count.filter(|count| *count < 0 && !is_dynamic(conf)) {
            findings.invalid(
                format!("spec.dynamicAllocation.{field}"),
                &count.to_string(),
                "must not be negative",
            );
        }
    }
}

fn is_dynamic(conf: &SparkConf) -> bool {
    // A malformed value is on the list already.
    conf.get(&keys::DYNAMIC_ALLOCATION_ENABLED).unwrap_or(false)
}

fn check_executors(conf: &SparkConf, findings: &mut Findings<'_>) {
    let instances = findings.kept(conf.get(&keys::EXECUTOR_INSTANCES)).flatten();
    if !is_dynamic(conf) {
        if instances == Some(0) {
            let field = findings.field_of(keys::EXECUTOR_INSTANCES.name());
            findings.invalid(field, "0", "at least 1 executor is needed without dynamic allocation");
        }
        return;
    }
    let min = findings.kept(conf.get(&keys::DYNAMIC_ALLOCATION_MIN_EXECUTORS));
    let max = findings.kept(conf.get(&keys::DYNAMIC_ALLOCATION_MAX_EXECUTORS));
    let initial = findings.kept(conf.get(&keys::DYNAMIC_ALLOCATION_INITIAL_EXECUTORS)).flatten();
    let (Some(min), Some(max)) = (min, max) else { return };
    let max = max.unwrap_or(u32::MAX);
    if min > max {
        let field = findings.field_of(keys::DYNAMIC_ALLOCATION_MIN_EXECUTORS.name());
        findings.invalid(
            field,
            &min.to_string(),
            &format!("must not be larger than maxExecutors, which is {max}"),
        );
    } else if let Some(initial) = initial.filter(|initial| *initial < min || *initial > max) {
        let field = findings.field_of(keys::DYNAMIC_ALLOCATION_INITIAL_EXECUTORS.name());
        let bounds = match max {
            u32::MAX => format!("must be at least minExecutors, which is {min}"),
            max => format!("must lie between minExecutors, which is {min}, and maxExecutors, which is {max}"),
        };
        findings.invalid(field, &initial.to_string(), &bounds);
    }
}

fn check_placement(spec: &SparkApplicationSpec, findings: &mut Findings<'_>) {
    let of_pods = spec.driver.pod.node_selector.is_some() || spec.executor.pod.node_selector.is_some();
    if spec.node_selector.is_some() && of_pods {
        findings.problem("spec.nodeSelector", NODE_SELECTOR);
    }
}

fn check_version(spec: &SparkApplicationSpec, findings: &mut Findings<'_>) {
    let version = &spec.spark_version;
    if version.is_empty() || !names::is_label_value(version) {
        findings.invalid("spec.sparkVersion", version, "expected a version of Spark, such as 4.1.1");
        return;
    }
    let has_template = spec.driver.pod.template.is_some() || spec.executor.pod.template.is_some();
    if has_template && !refusals::knows_templates(version) {
        findings.invalid("spec.sparkVersion", version, TEMPLATE_VERSION);
    }
}

fn check_ingresses(ingresses: &[DriverIngressConfiguration], findings: &mut Findings<'_>) {
    for (index, ingress) in ingresses.iter().enumerate() {
        let field = |name: &str| format!("spec.driverIngressOptions[{index}].{name}");
        let port = ingress.service_port;
        if !(1..=65535).contains(&port) {
            findings.invalid(field("servicePort"), &port.to_string(), "expected a port between 1 and 65535");
        }
        if ingresses[..index].iter().any(|other| other.service_port == port) {
            findings.invalid(
                field("servicePort"),
                &port.to_string(),
                &format!("DriverIngressOptions has duplicate ServicePort: {port}"),
            );
        }
        let url = ingress.ingress_url_format.as_deref().unwrap_or_default();
        if url.is_empty() {
            findings.invalid(
                field("ingressURLFormat"),
                url,
                "DriverIngressOptions has empty IngressURLFormat",
            );
        } else if ingresses[..index].iter().any(|other| other.ingress_url_format.as_deref() == Some(url)) {
            let double = format!("DriverIngressOptions has duplicate IngressURLFormat: {url}");
            findings.invalid(field("ingressURLFormat"), url, &double);
        }
    }
}
