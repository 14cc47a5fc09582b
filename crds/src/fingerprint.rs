//! Fingerprints of a specification: by them the operator knows, also after a restart, what changed in it since
//! the current submission was made. Pure.

use std::fmt::Write as _;

use serde_json::Value;

use crate::application::SparkApplicationSpec;
use crate::names::fnv1a;
use crate::scale::scale_keys;

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

/// How many executors there are: a driver of Cerium's engine can be told while it runs.
const EXECUTOR_COUNT: &[&[&str]] = &[
    &["executor", "instances"],
    &["dynamicAllocation", "initialExecutors"],
    &["dynamicAllocation", "minExecutors"],
    &["dynamicAllocation", "maxExecutors"],
];

/// What changed between two specifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// Nothing that matters to what runs.
    #[default]
    None,
    /// Only where new executors are placed.
    ExecutorPods,
    /// Only how many executors there may be.
    ExecutorCount {
        /// And where new ones are placed.
        placed: bool,
    },
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
    let (whole, pods) = (digest(&application), digest(&Value::from(pods)));
    take_count(&mut application);
    Ok(format!("{whole:016x}-{pods:016x}-{:016x}", digest(&application)))
}

/// Takes out how many executors there may be, and what holds nothing else.
fn take_count(application: &mut Value) {
    for path in EXECUTOR_COUNT {
        take(application, path);
    }
    for key in scale_keys() {
        take(application, &["sparkConf", key]);
    }
    for parent in ["dynamicAllocation", "sparkConf"] {
        if application[parent].as_object().is_some_and(serde_json::Map::is_empty) {
            take(application, &[parent]);
        }
    }
}

/// What changed since the fingerprint `old` was taken; nothing if there is none.
pub fn change(old: &str, new: &str) -> Change {
    if old.is_empty() {
        return Change::None;
    }
    let (old_whole, old_pods, old_uncounted) = parts(old);
    let (new_whole, new_pods, new_uncounted) = parts(new);
    if old_whole == new_whole {
        if old_pods == new_pods { Change::None } else { Change::ExecutorPods }
    } else if !old_uncounted.is_empty() && old_uncounted == new_uncounted {
        Change::ExecutorCount { placed: old_pods != new_pods }
    } else {
        Change::Application
    }
}

/// Of the specification without the pods of executors, of these, and of the former without the number of
/// executors; the last was not written by the first versions of the operator.
fn parts(fingerprint: &str) -> (&str, &str, &str) {
    let (whole, rest) = fingerprint.split_once('-').unwrap_or((fingerprint, ""));
    let (pods, uncounted) = rest.split_once('-').unwrap_or((rest, ""));
    (whole, pods, uncounted)
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
            ("{}", "{executor: {instances: 3}}", Change::ExecutorCount { placed: false }),
            (
                "{executor: {instances: 1}}",
                "{executor: {instances: 3, nodeSelector: {disk: ssd}}}",
                Change::ExecutorCount { placed: true },
            ),
            (
                "{dynamicAllocation: {enabled: true}}",
                "{dynamicAllocation: {enabled: true, minExecutors: 1, maxExecutors: 4}}",
                Change::ExecutorCount { placed: false },
            ),
            ("{}", "{dynamicAllocation: {initialExecutors: 2}}", Change::ExecutorCount { placed: false }),
            (
                "{}",
                "{sparkConf: {spark.dynamicAllocation.maxExecutors: '4'}}",
                Change::ExecutorCount { placed: false },
            ),
            ("{}", "{dynamicAllocation: {enabled: true, maxExecutors: 4}}", Change::Application),
            ("{}", "{executor: {instances: 3, cores: 2}}", Change::Application),
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

    #[test]
    fn fingerprints_of_the_first_versions_count_on() {
        let of = |text: &str| fingerprint(&spec(text)).unwrap();
        let old = |text: &str| of(text).rsplit_once('-').unwrap().0.to_owned();
        assert_eq!(change(&old("{}"), &of("{}")), Change::None);
        assert_eq!(change(&old("{}"), &of("{executor: {nodeSelector: {disk: ssd}}}")), Change::ExecutorPods);
        assert_eq!(change(&old("{}"), &of("{executor: {instances: 3}}")), Change::Application);
    }
}
