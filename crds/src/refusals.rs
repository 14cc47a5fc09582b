//! What the validating webhook of the Kubeflow Spark Operator refuses, in its words: the same texts come from the
//! definitions of the kinds, from the admission policy of the chart and from the controller. Pure.

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

/// Why a property that names another namespace is refused.
pub fn other_namespace(namespace: &str, value: &str) -> String {
    format!("must equal the application namespace \"{namespace}\", got \"{value}\"")
}
