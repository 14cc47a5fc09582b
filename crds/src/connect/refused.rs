//! What Kubeflow's webhook refuses of a SparkConnect, in its words. Pure.

use super::SparkConnect;
use crate::application::DynamicAllocation;
use crate::refusals::{self, MAX_CONNECT_NAME, TEMPLATE_VERSION};
use crate::validate::FieldError;

/// Everything that is refused.
pub(super) fn refused(connect: &SparkConnect) -> Vec<FieldError> {
    let name = connect.metadata.name.as_deref().unwrap_or_default();
    let spec = &connect.spec;
    let mut found = Vec::new();
    let mut refuse =
        |field: &str, problem: String| found.push(FieldError { field: field.to_owned(), problem });
    if let Some(problem) = refusals::name("SparkConnect", name) {
        refuse("metadata.name", problem);
    }
    if name.len() > MAX_CONNECT_NAME {
        refuse(
            "metadata.name",
            format!(
                "invalid SparkConnect name \"{name}\": must be at most {MAX_CONNECT_NAME} characters so that the derived \
                 Service name \"{name}-server\" does not exceed the DNS-1035 label length limit (63 characters)"
            ),
        );
    }
    let version = &spec.spark_version;
    if version.is_empty() {
        refuse("spec.sparkVersion", "sparkVersion is required".to_owned());
    }
    let has_template = spec.server.template.is_some() || spec.executor.template.is_some();
    if has_template && !refusals::knows_templates(version) {
        refuse("spec.sparkVersion", format!("{TEMPLATE_VERSION}, got {version}"));
    }
    for (pod, memory) in [("server", &spec.server.memory), ("executor", &spec.executor.memory)] {
        if let Some(problem) = memory.as_deref().and_then(|memory| refusals::memory(pod, memory)) {
            refuse(&format!("spec.{pod}.memory"), problem);
        }
    }
    for (field, problem) in spec.dynamic_allocation.iter().flat_map(bounds) {
        refuse(&format!("spec.dynamicAllocation.{field}"), problem);
    }
    found
}

/// What is wrong with the bounds of an allocation that is on: the field and why.
fn bounds(allocation: &DynamicAllocation) -> Vec<(&'static str, String)> {
    if allocation.enabled != Some(true) {
        return Vec::new();
    }
    let of = |field: &'static str, value: Option<i32>| (field, value);
    let min = of("minExecutors", allocation.min_executors);
    let max = of("maxExecutors", allocation.max_executors);
    let initial = of("initialExecutors", allocation.initial_executors);
    let mut found = Vec::new();
    for (small, large, wrong, relation, right) in [
        (min, max, min, "greater", max),
        (min, initial, initial, "less", min),
        (initial, max, initial, "greater", max),
    ] {
        if let (Some(small), Some(large)) = (small.1, large.1)
            && small > large
        {
            let told = |(field, value): (&str, Option<i32>)| {
                format!("dynamicAllocation.{field} ({})", value.unwrap_or_default())
            };
            found.push((wrong.0, format!("{} cannot be {relation} than {}", told(wrong), told(right))));
        }
    }
    for (field, value) in [min, max, initial] {
        if let Some(value) = value.filter(|value| *value < 0) {
            found.push((field, format!("dynamicAllocation.{field} must be non-negative, got {value}")));
        }
    }
    found
}
