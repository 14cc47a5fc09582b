//! What holds where a manifest says nothing. Pure.

use std::collections::BTreeMap;

use cerium_conf::{Key, keys};

use crate::application::{DeployMode, RestartPolicyType, SparkApplicationSpec};

/// Cores of driver and executors.
pub const CORES: i32 = 1;
/// Memory of driver and executors, in Java's notation.
pub const MEMORY: &str = "1g";
/// Executors without dynamic allocation.
pub const INSTANCES: i32 = 1;
/// Seconds between two attempts, times the number of the attempt.
pub const RETRY_INTERVAL_SECONDS: i64 = 5;
/// Namespace of an application that names none: only outside a cluster.
pub const NAMESPACE: &str = "default";

/// The spec with every default filled in. A Spark property of the manifest stands in the way of the default
/// of the field that would override it.
pub fn with_defaults(spec: &SparkApplicationSpec) -> SparkApplicationSpec {
    let mut spec = spec.clone();
    let conf = spec.spark_conf.clone().unwrap_or_default();
    spec.mode.get_or_insert(DeployMode::Cluster);

    let restart = spec.restart_policy.get_or_insert_default();
    if *restart.policy.get_or_insert(RestartPolicyType::Never) != RestartPolicyType::Never {
        restart.on_failure_retry_interval.get_or_insert(RETRY_INTERVAL_SECONDS);
        restart.on_submission_failure_retry_interval.get_or_insert(RETRY_INTERVAL_SECONDS);
    }

    let is_set = |key: &str| conf.contains_key(key);
    for (pod, cores, memory) in [
        (&mut spec.driver.pod, keys::DRIVER_CORES.name(), keys::DRIVER_MEMORY.name()),
        (&mut spec.executor.pod, keys::EXECUTOR_CORES.name(), keys::EXECUTOR_MEMORY.name()),
    ] {
        if !is_set(cores) {
            pod.cores.get_or_insert(CORES);
        }
        if !is_set(memory) {
            pod.memory.get_or_insert_with(|| MEMORY.to_owned());
        }
    }

    let dynamic = has_dynamic_allocation(&spec, &conf);
    if !dynamic && !is_set(keys::EXECUTOR_INSTANCES.name()) {
        spec.executor.instances.get_or_insert(INSTANCES);
    }
    if let Some(allocation) = spec.dynamic_allocation.as_mut().filter(|a| a.enabled == Some(true)) {
        allocation.shuffle_tracking_enabled.get_or_insert(true);
    }
    spec
}

/// Whether the number of executors follows the work, by the field or by the property.
fn has_dynamic_allocation(spec: &SparkApplicationSpec, conf: &BTreeMap<String, String>) -> bool {
    let by_field = spec.dynamic_allocation.as_ref().and_then(|allocation| allocation.enabled);
    by_field == Some(true)
        || conf
            .get(keys::DYNAMIC_ALLOCATION_ENABLED.name())
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::spec;

    #[test]
    fn an_empty_manifest_gets_kubeflows_defaults() {
        let spec = with_defaults(&spec("{}"));
        assert_eq!(spec.mode, Some(DeployMode::Cluster));
        assert_eq!(spec.driver.pod.cores, Some(1));
        assert_eq!(spec.driver.pod.memory.as_deref(), Some("1g"));
        assert_eq!(spec.executor.pod.cores, Some(1));
        assert_eq!(spec.executor.pod.memory.as_deref(), Some("1g"));
        assert_eq!(spec.executor.instances, Some(1));
        let restart = spec.restart_policy.unwrap();
        assert_eq!(restart.policy, Some(RestartPolicyType::Never));
        assert_eq!(restart.on_failure_retry_interval, None);
    }

    #[test]
    fn retries_get_an_interval_only_where_there_are_any() {
        let restart = with_defaults(&spec("{restartPolicy: {type: OnFailure}}")).restart_policy.unwrap();
        assert_eq!(restart.on_failure_retry_interval, Some(5));
        assert_eq!(restart.on_submission_failure_retry_interval, Some(5));
    }

    #[test]
    fn properties_stand_in_the_way_of_defaults() {
        let spec = with_defaults(&spec(
            "{sparkConf: {spark.driver.memory: 3g, spark.executor.cores: '4', spark.executor.instances: '2'}}",
        ));
        assert_eq!(spec.driver.pod.memory, None);
        assert_eq!(spec.executor.pod.cores, None);
        assert_eq!(spec.executor.instances, None);
    }

    #[test]
    fn dynamic_allocation_has_no_default_of_instances_however_it_is_switched_on() {
        for manifest in
            ["{dynamicAllocation: {enabled: true}}", "{sparkConf: {spark.dynamicAllocation.enabled: 'true'}}"]
        {
            assert_eq!(with_defaults(&spec(manifest)).executor.instances, None, "{manifest}");
        }
        let spec = with_defaults(&spec("{dynamicAllocation: {enabled: true}}"));
        assert_eq!(spec.dynamic_allocation.unwrap().shuffle_tracking_enabled, Some(true));
    }
}
