//! Fingerprints of a specification: by them the operator knows, also after a restart, what changed in it since
//! the current submission was made. Pure.

use std::fmt::Write as _;

use serde_json::Value;

use crate::application::SparkApplicationSpec;
use crate::names::fnv1a;

/// Fields that may change at any time without an effect on what runs.
const FREE: &[&[&str]] = &[&["suspend"], &["timeToLiveSeconds"]];
/// Fields of the pods of executors that only new executors need to have.
const EXECUTOR_PODS: &[&[&str]] = &[
    &["executor", "priorityClassName"],
    &["executor", "nodeSelector"],
    &["executor", "tolerations"],
    &["executor", "affinity"],
    &["executor", "schedulerName"],
];

/// What changed between two specifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// Nothing that matters to what runs.
    #[default]
    None,
    /// Only where new executors are placed.
    ExecutorPods,
    /// Something that what runs was started with.
    Application,
}

/// The fingerprint of a specification: the same in every version of the operator.
pub fn fingerprint(spec: &SparkApplicationSpec) -> Result<String, serde_json::Error> {
    let mut application = serde_json::to_value(spec)?;
    for path in FREE {
        take(&mut application, path);
    }
    let pods: Vec<Value> = EXECUTOR_PODS.iter().map(|path| take(&mut application, path)).collect();
    Ok(format!("{:016x}-{:016x}", digest(&application), digest(&Value::from(pods))))
}

/// What changed since the fingerprint `old` was taken; nothing if there is none.
pub fn change(old: &str, new: &str) -> Change {
    let (old_application, old_pods) = old.split_once('-').unwrap_or((old, ""));
    let (new_application, new_pods) = new.split_once('-').unwrap_or((new, ""));
    if old.is_empty() {
        Change::None
    } else if old_application != new_application {
        Change::Application
    } else if old_pods != new_pods {
        Change::ExecutorPods
    } else {
        Change::None
    }
}

/// Takes the field at this path out.
fn take(value: &mut Value, path: &[&str]) -> Value {
    let Some((last, parents)) = path.split_last() else { return Value::Null };
    let parent = parents.iter().try_fold(value, |value, key| value.get_mut(key));
    parent.and_then(Value::as_object_mut).and_then(|parent| parent.remove(*last)).unwrap_or_default()
}

fn digest(value: &Value) -> u64 {
    let mut text = String::new();
    write_sorted(value, &mut text);
    fnv1a(&text)
}

/// As JSON, with the keys of objects in order, whatever order they are kept in.
fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in fields {
                // Writing into a String cannot fail.
                let _ = write!(text, "{key:?}:");
                write_sorted(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_sorted(item, text);
                text.push(',');
            }
            text.push(']');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::spec;

    fn changed(old: &str, new: &str) -> Change {
        change(&fingerprint(&spec(old)).unwrap(), &fingerprint(&spec(new)).unwrap())
    }

    #[test]
    fn a_change_is_known_by_the_field_it_is_in() {
        let cases = [
            ("{}", "{suspend: true, timeToLiveSeconds: 5}", Change::None),
            ("{sparkConf: {a: '1', b: '2'}}", "{sparkConf: {b: '2', a: '1'}}", Change::None),
            ("{}", "{executor: {nodeSelector: {disk: ssd}}}", Change::ExecutorPods),
            (
                "{executor: {tolerations: [{key: a}], priorityClassName: low}}",
                "{executor: {schedulerName: mine, affinity: {}}, suspend: true}",
                Change::ExecutorPods,
            ),
            ("{}", "{driver: {nodeSelector: {disk: ssd}}}", Change::Application),
            ("{}", "{executor: {instances: 3, nodeSelector: {disk: ssd}}}", Change::Application),
            ("{arguments: ['1']}", "{arguments: ['2']}", Change::Application),
        ];
        for (old, new, expected) in cases {
            assert_eq!(changed(old, new), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn without_an_earlier_fingerprint_nothing_changed() {
        assert_eq!(change("", &fingerprint(&spec("{}")).unwrap()), Change::None);
    }
}
