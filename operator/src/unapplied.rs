//! Fields of a manifest that this version of the operator does not carry out yet: told, not dropped. Pure.

use cerium_crds::SparkApplicationSpec;

/// The fields, each with the reason.
pub fn unapplied(spec: &SparkApplicationSpec) -> Vec<String> {
    const UI: &str = "the web UI has no Service or Ingress yet";
    let monitoring = spec.monitoring.as_ref();
    let found = [
        ("spec.sparkUIOptions", spec.spark_ui_options.is_some(), UI),
        ("spec.driverIngressOptions", spec.driver_ingress_options.is_some(), UI),
        (
            "spec.driverPodDisruptionBudget",
            spec.driver_pod_disruption_budget == Some(true),
            "drivers have no PodDisruptionBudget yet",
        ),
        (
            "spec.monitoring.metricsProperties",
            monitoring.is_some_and(|monitoring| {
                monitoring.metrics_properties.is_some() || monitoring.metrics_properties_file.is_some()
            }),
            "drivers and executors expose no metrics yet",
        ),
        (
            "spec.sparkConfigMap",
            spec.spark_config_map.is_some(),
            "it is mounted, but properties are read from spec.sparkConf only",
        ),
        (
            "spec.hadoopConfigMap",
            spec.hadoop_config_map.is_some(),
            "it is mounted, but properties are read from spec.hadoopConf only",
        ),
    ];
    let set = found.into_iter().filter(|(_, is_set, _)| *is_set);
    set.map(|(field, _, reason)| format!("{field} has no effect: {reason}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_carried_out_are_told() {
        let spec = |extra: serde_json::Value| -> SparkApplicationSpec {
            let mut spec = serde_json::json!({
                "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///a.sql",
                "driver": {}, "executor": {},
            });
            for (key, value) in extra.as_object().unwrap() {
                spec[key] = value.clone();
            }
            serde_json::from_value(spec).unwrap()
        };
        assert!(unapplied(&spec(serde_json::json!({}))).is_empty());
        let told =
            unapplied(&spec(serde_json::json!({"sparkUIOptions": {}, "driverPodDisruptionBudget": true})));
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("spec.sparkUIOptions has no effect: "), "{}", told[0]);
    }
}
