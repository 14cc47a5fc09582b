//! Which field of the spec a Spark property came from. Pure.

use crate::application::{DynamicAllocation, SparkApplicationSpec};

type IsSet = fn(&SparkApplicationSpec) -> bool;

/// Property, field, and whether the field is set.
const FIELDS: &[(&str, &str, IsSet)] = &[
    ("spark.driver.cores", "spec.driver.cores", |s| s.driver.pod.cores.is_some()),
    ("spark.driver.memory", "spec.driver.memory", |s| s.driver.pod.memory.is_some()),
    ("spark.driver.memoryOverhead", "spec.driver.memoryOverhead", |s| s.driver.pod.memory_overhead.is_some()),
    ("spark.executor.cores", "spec.executor.cores", |s| s.executor.pod.cores.is_some()),
    ("spark.executor.memory", "spec.executor.memory", |s| s.executor.pod.memory.is_some()),
    ("spark.executor.memoryOverhead", "spec.executor.memoryOverhead", |s| {
        s.executor.pod.memory_overhead.is_some()
    }),
    ("spark.executor.instances", "spec.executor.instances", |s| s.executor.instances.is_some()),
    ("spark.kubernetes.driver.pod.name", "spec.driver.podName", |s| s.driver.pod_name.is_some()),
    ("spark.kubernetes.driver.request.cores", "spec.driver.coreRequest", |s| s.driver.core_request.is_some()),
    ("spark.kubernetes.driver.limit.cores", "spec.driver.coreLimit", |s| s.driver.pod.core_limit.is_some()),
    ("spark.kubernetes.executor.request.cores", "spec.executor.coreRequest", |s| {
        s.executor.core_request.is_some()
    }),
    ("spark.kubernetes.executor.limit.cores", "spec.executor.coreLimit", |s| {
        s.executor.pod.core_limit.is_some()
    }),
    ("spark.kubernetes.memoryOverheadFactor", "spec.memoryOverheadFactor", |s| {
        s.memory_overhead_factor.is_some()
    }),
    ("spark.kubernetes.container.image", "spec.image", |s| s.image.is_some()),
    ("spark.kubernetes.container.image.pullPolicy", "spec.imagePullPolicy", |s| {
        s.image_pull_policy.is_some()
    }),
    ("spark.kubernetes.driver.container.image", "spec.driver.image", |s| s.driver.pod.image.is_some()),
    ("spark.kubernetes.executor.container.image", "spec.executor.image", |s| s.executor.pod.image.is_some()),
    ("spark.dynamicAllocation.minExecutors", "spec.dynamicAllocation.minExecutors", |s| {
        enabled(s).is_some_and(|a| a.min_executors.is_some())
    }),
    ("spark.dynamicAllocation.maxExecutors", "spec.dynamicAllocation.maxExecutors", |s| {
        enabled(s).is_some_and(|a| a.max_executors.is_some())
    }),
    ("spark.dynamicAllocation.initialExecutors", "spec.dynamicAllocation.initialExecutors", |s| {
        enabled(s).is_some_and(|a| a.initial_executors.is_some())
    }),
    (
        "spark.dynamicAllocation.shuffleTracking.timeout",
        "spec.dynamicAllocation.shuffleTrackingTimeout",
        |s| enabled(s).is_some_and(|a| a.shuffle_tracking_timeout.is_some()),
    ),
];

fn enabled(spec: &SparkApplicationSpec) -> Option<&DynamicAllocation> {
    spec.dynamic_allocation.as_ref().filter(|allocation| allocation.enabled == Some(true))
}

/// The field a property came from, as a user would look for it.
pub(super) fn field_of(spec: &SparkApplicationSpec, key: &str) -> String {
    if let Some((_, field, _)) = FIELDS.iter().find(|(property, _, is_set)| *property == key && is_set(spec))
    {
        return (*field).to_owned();
    }
    match key.strip_prefix("spark.hadoop.") {
        Some(hadoop) if spec.hadoop_conf.as_ref().is_some_and(|conf| conf.contains_key(hadoop)) => {
            format!("spec.hadoopConf[{hadoop}]")
        }
        _ => format!("spec.sparkConf[{key}]"),
    }
}
