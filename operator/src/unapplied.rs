//! Fields of a manifest that the flags of the operator switch off: told, not dropped. Pure.

use cerium_crds::SparkApplicationSpec;

use crate::build::ExposurePolicy;

/// The fields, each with the reason.
pub fn unapplied(spec: &SparkApplicationSpec, policy: &ExposurePolicy) -> Vec<String> {
    let found = [
        (
            "spec.sparkUIOptions",
            spec.spark_ui_options.is_some() && !policy.ui_service,
            "the operator runs with --enable-ui-service=false",
        ),
        (
            "spec.driverPodDisruptionBudget",
            spec.driver_pod_disruption_budget == Some(true) && !policy.budgets,
            "the operator runs without --enable-driver-pdb",
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
        let off = ExposurePolicy::default();
        assert!(unapplied(&spec(serde_json::json!({})), &off).is_empty());
        let wishes = spec(serde_json::json!({"sparkUIOptions": {}, "driverPodDisruptionBudget": true}));
        let on = ExposurePolicy { ui_service: true, budgets: true, ..ExposurePolicy::default() };
        assert!(unapplied(&wishes, &on).is_empty());
        let told = unapplied(&wishes, &off);
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("spec.sparkUIOptions has no effect: "), "{}", told[0]);
    }
}
