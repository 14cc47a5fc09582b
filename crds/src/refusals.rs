//! What the validating webhook of the Kubeflow Spark Operator refuses, in its words: the same texts come from the
//! definitions of the kinds, from the admission policy of the chart and from the controller. Pure.

use std::collections::BTreeMap;

use cerium_conf::{Key, keys};

use crate::names;

/// Properties that a manifest may not set, and what stands after "is not allowed".
pub const DENIED_CONF: &[(&str, &str)] = &[
    ("spark.kubernetes.authenticate.driver.serviceAccountName", SERVICE_ACCOUNT),
    ("spark.kubernetes.authenticate.executor.serviceAccountName", SERVICE_ACCOUNT),
    ("spark.kubernetes.authenticate.oauthTokenFile", CREDENTIALS),
    ("spark.kubernetes.authenticate.oauthToken", CREDENTIALS),
    ("spark.kubernetes.authenticate.driver.oauthTokenFile", CREDENTIALS),
    ("spark.kubernetes.authenticate.driver.oauthToken", CREDENTIALS),
    ("spark.kubernetes.authenticate.executor.oauthTokenFile", CREDENTIALS),
    ("spark.kubernetes.authenticate.executor.oauthToken", CREDENTIALS),
    ("spark.master", MANAGED),
    ("spark.kubernetes.driver.master", MANAGED),
    ("spark.kubernetes.container.image", IMAGE),
    ("spark.kubernetes.driver.container.image", IMAGE),
    ("spark.kubernetes.executor.container.image", IMAGE),
];

const SERVICE_ACCOUNT: &str = "configure the service account via the CRD spec instead";
const CREDENTIALS: &str = "authentication credentials are managed by the operator";
const MANAGED: &str = "this value is managed by the operator";
const IMAGE: &str = "use the image field on the CRD instead";

/// Node labels asked for in two places.
pub const NODE_SELECTOR: &str =
    "node selector cannot be defined at both SparkApplication and Driver/Executor";
/// A template with a version of Spark that knows none.
pub const TEMPLATE_VERSION: &str = "pod template feature requires Spark version 3.0.0 or higher";
/// A name that is no DNS-1035 label.
pub const DNS_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with \
     an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
     validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
/// A name that is too long for a DNS-1035 label.
pub const DNS_LENGTH: &str = "must be no more than 63 characters";
/// A size of memory that is none.
pub const MEMORY_FORMAT: &str = "must be a non-negative integer with optional suffix (e.g., 1g, 512m, 1024k)";

/// Longest name of a SparkConnect: with `-server` it is the name of a Service.
pub const MAX_CONNECT_NAME: usize = 56;

/// The refusal of a property.
pub fn denied(key: &str, reason: &str) -> String {
    format!("sparkConf key \"{key}\" is not allowed: {reason}")
}

/// What is refused of the properties of an object in this namespace.
pub fn conf(conf: Option<&BTreeMap<String, String>>, namespace: &str) -> Vec<String> {
    let refusal = |(key, value): (&String, &String)| {
        if key == keys::KUBERNETES_NAMESPACE.name() && value != namespace {
            let why = format!("must equal the application namespace \"{namespace}\", got \"{value}\"");
            return Some(denied(key, &why));
        }
        DENIED_CONF.iter().find(|(other, _)| other == key).map(|(key, reason)| denied(key, reason))
    };
    conf.into_iter().flatten().filter_map(refusal).collect()
}

/// Why an object of this kind cannot have this name, if so.
pub fn name(kind: &str, name: &str) -> Option<String> {
    let why = if name.len() > names::MAX_DNS_LABEL { DNS_LENGTH } else { DNS_LABEL };
    (!names::is_dns_1035_label(name)).then(|| format!("invalid {kind} name \"{name}\": {why}"))
}

/// Whether this version of Spark knows pod templates. What Kubeflow reads as no version at all is below every version.
pub fn knows_templates(version: &str) -> bool {
    let version = version.strip_prefix('v').unwrap_or(version);
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    let (major, rest) = version.split_at(end);
    let rest_is_of_a_version = rest.is_empty() || rest.starts_with(['.', '+', '-']);
    !major.starts_with('0') && major.parse().is_ok_and(|major: u64| major >= 3) && rest_is_of_a_version
}

/// Why a pod of a SparkConnect cannot have this memory, if so.
pub fn memory(pod: &str, value: &str) -> Option<String> {
    let text = value.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = &text[digits..];
    let is_unit = |unit: &str| matches!(unit, "" | "k" | "m" | "g" | "t" | "p");
    let is_size = digits > 0 && is_unit(unit.strip_suffix('b').unwrap_or(unit));
    (!text.is_empty() && !is_size)
        .then(|| format!("invalid {pod}.memory: invalid memory format \"{value}\": {MEMORY_FORMAT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_below_three_and_what_is_no_version_know_no_templates() {
        for version in ["3", "3.0.0", "v3.5.1", "4.1.1-preview", "10+x"] {
            assert!(knows_templates(version), "{version}");
        }
        for version in ["2.4.5", "", "v", "next", "03.1", "3x", "-3"] {
            assert!(!knows_templates(version), "{version}");
        }
    }

    #[test]
    fn memory_is_a_whole_number_with_a_unit_or_without() {
        for size in ["", " ", "1", "512m", "1G", "2gb", " 3T ", "4B"] {
            assert_eq!(memory("server", size), None, "{size}");
        }
        for size in ["1.5g", "g", "-1g", "1gib", "1 g", "1bb"] {
            assert!(memory("server", size).is_some(), "{size}");
        }
    }
}
