//! The SparkApplication of one run: its name, labels and owner. Pure.

use cerium_crds::{GROUP, ScheduledSparkApplication, SparkApplication, labels, names};
use clap::ValueEnum;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;

/// Precision of the time in the name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// Nanoseconds: 19 digits.
    Nanos,
    /// Microseconds: 16 digits.
    Micros,
    /// Milliseconds: 13 digits.
    Millis,
    /// Seconds: 10 digits.
    Seconds,
    /// Minutes: 8 digits.
    Minutes,
}

impl Precision {
    /// The time since 1970 in this precision.
    fn stamp(self, time: Timestamp) -> i128 {
        let nanoseconds = time.as_nanosecond();
        match self {
            Precision::Nanos => nanoseconds,
            Precision::Micros => nanoseconds / 1_000,
            Precision::Millis => nanoseconds / 1_000_000,
            Precision::Seconds => nanoseconds / 1_000_000_000,
            Precision::Minutes => nanoseconds / 60_000_000_000,
        }
    }
}

/// The name of the run that is due at this time. The same time gives the same name, so that a run is not
/// created twice.
pub fn run_name(schedule: &str, due: Timestamp, precision: Precision) -> String {
    names::scheduled_run_name(schedule, &precision.stamp(due).to_string())
}

/// The application of the run of this name.
pub fn run(schedule: &ScheduledSparkApplication, name: &str) -> SparkApplication {
    let own = schedule.name_any();
    let mut labels = schedule.labels().clone();
    labels.entry(labels::SCHEDULED_APP_NAME.to_owned()).or_insert_with(|| names::schedule_label(&own));
    SparkApplication {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: schedule.namespace(),
            labels: Some(labels),
            owner_references: Some(vec![OwnerReference {
                api_version: format!("{GROUP}/v1beta2"),
                kind: "ScheduledSparkApplication".to_owned(),
                name: own,
                uid: schedule.uid().unwrap_or_default(),
                controller: None,
                block_owner_deletion: Some(true),
            }]),
            ..ObjectMeta::default()
        },
        spec: schedule.spec.template.clone(),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_hold_the_time_in_the_precision_asked_for() {
        let due = Timestamp::from_second(1_700_000_000).unwrap();
        let cases = [
            (Precision::Nanos, "nightly-1700000000000000000"),
            (Precision::Micros, "nightly-1700000000000000"),
            (Precision::Millis, "nightly-1700000000000"),
            (Precision::Seconds, "nightly-1700000000"),
            (Precision::Minutes, "nightly-28333333"),
        ];
        for (precision, expected) in cases {
            assert_eq!(run_name("nightly", due, precision), expected);
        }
    }

    #[test]
    fn a_long_name_is_shortened_to_what_an_application_may_have() {
        let due = Timestamp::from_second(1_700_000_000).unwrap();
        let name = |letters| run_name(&"a".repeat(letters), due, Precision::Nanos);
        assert_eq!(name(43).len(), 63);
        for letters in [44, 253] {
            let name = name(letters);
            assert!(names::is_dns_1035_label(&name) && name.ends_with("-1700000000000000000"), "{name}");
        }
        assert_ne!(name(44), name(45));
    }

    #[test]
    fn a_run_has_kubeflows_labels_and_owner() {
        let schedule: ScheduledSparkApplication = serde_json::from_value(json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "ScheduledSparkApplication",
            "metadata": {
                "name": "nightly", "namespace": "ns", "uid": "u", "labels": {"team": "a"},
                "annotations": {"note": "not of the run"},
            },
            "spec": {"schedule": "@daily", "template": {
                "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///a.sql",
                "driver": {}, "executor": {}, "suspend": true,
            }},
        }))
        .unwrap();
        let run = serde_json::to_value(run(&schedule, "nightly-1")).unwrap();
        assert_eq!(
            run["metadata"],
            json!({
                "name": "nightly-1", "namespace": "ns",
                "labels": {"sparkoperator.k8s.io/scheduled-app-name": "nightly", "team": "a"},
                "ownerReferences": [{
                    "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "ScheduledSparkApplication",
                    "name": "nightly", "uid": "u", "blockOwnerDeletion": true,
                }],
            })
        );
        assert_eq!(run["spec"]["suspend"], json!(true));
    }
}
