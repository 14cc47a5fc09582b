//! Manifests for the tests of this crate.

use crate::{SparkApplication, SparkApplicationSpec};

/// A small valid application in the namespace `default`, with `overlay`, a piece of YAML, laid over its spec.
pub fn application(overlay: &str) -> SparkApplication {
    let mut value: serde_json::Value = serde_yaml::from_str(
        "
        apiVersion: sparkoperator.k8s.io/v1beta2
        kind: SparkApplication
        metadata: {name: flights, namespace: default, uid: 6f0e}
        spec:
          type: SQL
          sparkVersion: 4.1.1
          mainApplicationFile: local:///opt/app/flights.sql
          driver: {}
          executor: {}
        ",
    )
    .unwrap();
    merge(&mut value["spec"], serde_yaml::from_str(overlay).unwrap());
    serde_json::from_value(value).unwrap()
}

/// The spec of [`application`].
pub fn spec(overlay: &str) -> SparkApplicationSpec {
    application(overlay).spec
}

fn merge(target: &mut serde_json::Value, overlay: serde_json::Value) {
    match (target.as_object_mut(), overlay) {
        (Some(target), serde_json::Value::Object(overlay)) => {
            for (key, value) in overlay {
                merge(target.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (_, overlay) => *target = overlay,
    }
}
