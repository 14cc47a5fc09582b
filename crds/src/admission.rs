//! What the API server refuses itself, in CEL: rules within the definitions of the kinds, and the admission policies
//! that the chart installs. Pure.
//!
//! The definitions hold the rules that cost next to nothing whatever the size of the object; the policies hold all
//! of them, as definitions may be older than the operator. Neither stands in the way of an old object whose
//! specification stays as it is.

use serde_json::{Value, json};

use crate::GROUP;
use crate::refusals::{
    self, DENIED_CONF, DNS_LABEL, DNS_LENGTH, MAX_CONNECT_NAME, MEMORY_FORMAT, NODE_SELECTOR,
    TEMPLATE_VERSION,
};
use crate::schema::SchemaError;

/// Rules of the definition of a kind: where in its schema, as a JSON pointer, and what.
pub(crate) fn definition_rules(plural: &str) -> Vec<(&'static str, Vec<Value>)> {
    match plural {
        "sparkapplications" | "sparkconnects" => {
            vec![("/properties/spec/properties/sparkConf", denied_keys())]
        }
        "scheduledsparkapplications" => {
            vec![("/properties/spec/properties/template/properties/sparkConf", denied_keys())]
        }
        _ => Vec::new(),
    }
}

fn denied_keys() -> Vec<Value> {
    let rule = |(key, reason): &(&str, &str)| json!({"rule": format!("!('{key}' in self)"), "message": refusals::denied(key, reason)});
    DENIED_CONF.iter().map(rule).collect()
}

/// The specs of the admission policies, one for each kind and called like it, as a list in YAML.
///
/// # Errors
/// [`SchemaError`] when they cannot be written.
pub fn admission_policies() -> Result<String, SchemaError> {
    let policies = json!([
        policy("sparkapplications", "v1beta2", application_rules()),
        policy("scheduledsparkapplications", "v1beta2", scheduled_rules()),
        policy("sparkconnects", "v1alpha1", connect_rules()),
    ]);
    Ok(serde_yaml::to_string(&policies)?)
}

fn policy(plural: &str, version: &str, rules: Vec<Rule>) -> Value {
    let denied: Value = DENIED_CONF.iter().map(|(key, reason)| ((*key).to_owned(), json!(reason))).collect();
    let validations: Vec<Value> = rules
        .into_iter()
        .map(|rule| match rule.message {
            Message::Text(text) => {
                json!({"expression": rule.expression, "message": text, "reason": "Forbidden"})
            }
            Message::Made(expression) => {
                json!({"expression": rule.expression, "messageExpression": expression, "reason": "Forbidden"})
            }
        })
        .collect();
    json!({
        "name": plural,
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [GROUP],
                "apiVersions": [version],
                "operations": ["CREATE", "UPDATE"],
                "resources": [plural],
            }]},
            "matchConditions": [{
                "name": "specification-changed",
                "expression": "oldObject == null || object.spec != oldObject.spec",
            }],
            "variables": [{"name": "denied", "expression": denied.to_string()}],
            "validations": validations,
        },
    })
}

struct Rule {
    /// What must hold.
    expression: String,
    /// What is said if it does not.
    message: Message,
}

enum Message {
    Text(&'static str),
    /// An expression that makes the text.
    Made(String),
}

impl Rule {
    fn text(expression: impl Into<String>, text: &'static str) -> Rule {
        Rule { expression: expression.into(), message: Message::Text(text) }
    }

    fn made(expression: impl Into<String>, text: impl Into<String>) -> Rule {
        Rule { expression: expression.into(), message: Message::Made(text.into()) }
    }
}

fn name_rules(kind: &str) -> Vec<Rule> {
    let refused = |why: &str| {
        let start = quoted(&format!("invalid {kind} name \""));
        format!("{start} + object.metadata.name + {}", quoted(&format!("\": {why}")))
    };
    vec![
        Rule::made("object.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')", refused(DNS_LABEL)),
        Rule::made("size(object.metadata.name) <= 63", refused(DNS_LENGTH)),
    ]
}

/// A CEL literal of the text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn conf_rules(conf: &str) -> Vec<Rule> {
    let found = format!("{conf}.filter(key, key in variables.denied)[0]");
    let key = "spark.kubernetes.namespace";
    vec![
        Rule::made(
            format!("!has({conf}) || {conf}.all(key, !(key in variables.denied))"),
            format!("'sparkConf key \"' + {found} + '\" is not allowed: ' + variables.denied[{found}]"),
        ),
        Rule::made(
            format!("!has({conf}) || !('{key}' in {conf}) || {conf}['{key}'] == object.metadata.namespace"),
            format!(
                "'sparkConf key \"{key}\" is not allowed: must equal the application namespace \"' + \
                 object.metadata.namespace + '\", got \"' + {conf}['{key}'] + '\"'"
            ),
        ),
    ]
}

/// Whether the version of Spark knows templates, or there are none. What Kubeflow reads as no version at all is
/// below every version.
fn template_version(templates: [&str; 2]) -> String {
    let [a, b] = templates;
    format!(
        "!has(object.spec.{a}.template) && !has(object.spec.{b}.template) || \
         object.spec.sparkVersion.matches('^v?([3-9]|[1-9][0-9]+)([.+-].*)?$')"
    )
}

fn application_rules() -> Vec<Rule> {
    let ingresses = "object.spec.driverIngressOptions";
    let unique = |field: &str| {
        format!(
            "!has({ingresses}) || {ingresses}.all(one, {ingresses}.exists_one(other, other.{field} == one.{field}))"
        )
    };
    let first_double = |field: &str| {
        format!(
            "string({ingresses}.filter(one, !{ingresses}.exists_one(other, other.{field} == one.{field}))[0].{field})"
        )
    };
    let url = "ingressURLFormat";
    let mut rules = name_rules("SparkApplication");
    rules.extend([
        Rule::text(template_version(["driver", "executor"]), TEMPLATE_VERSION),
        Rule::text(
            "!has(object.spec.nodeSelector) || \
             !has(object.spec.driver.nodeSelector) && !has(object.spec.executor.nodeSelector)",
            NODE_SELECTOR,
        ),
        Rule::made(
            unique("servicePort"),
            format!("'DriverIngressOptions has duplicate ServicePort: ' + {}", first_double("servicePort")),
        ),
        Rule::text(
            format!("!has({ingresses}) || {ingresses}.all(one, has(one.{url}) && one.{url} != '')"),
            "DriverIngressOptions has empty IngressURLFormat",
        ),
        Rule::made(
            format!("!has({ingresses}) || !{ingresses}.all(one, has(one.{url})) || ({})", unique(url)),
            format!("'DriverIngressOptions has duplicate IngressURLFormat: ' + {}", first_double(url)),
        ),
    ]);
    rules.extend(conf_rules("object.spec.sparkConf"));
    rules
}

fn scheduled_rules() -> Vec<Rule> {
    let mut rules = name_rules("ScheduledSparkApplication");
    rules.extend(conf_rules("object.spec.template.sparkConf"));
    rules
}

fn connect_rules() -> Vec<Rule> {
    let mut rules = name_rules("SparkConnect");
    rules.push(Rule::made(
        format!("size(object.metadata.name) <= {MAX_CONNECT_NAME}"),
        format!(
            "'invalid SparkConnect name \"' + object.metadata.name + '\": must be at most {MAX_CONNECT_NAME} characters \
             so that the derived Service name \"' + object.metadata.name + '-server\" does not exceed the DNS-1035 \
             label length limit (63 characters)'"
        ),
    ));
    rules.push(Rule::text("object.spec.sparkVersion != ''", "sparkVersion is required"));
    rules.push(Rule::made(
        template_version(["server", "executor"]),
        format!("'{TEMPLATE_VERSION}, got ' + object.spec.sparkVersion"),
    ));
    rules.extend(allocation_rules());
    for pod in ["server", "executor"] {
        let memory = format!("object.spec.{pod}.memory");
        rules.push(Rule::made(
            format!("!has({memory}) || {memory}.matches('^\\\\s*([0-9]+([kmgtpKMGTP]?[bB]?))?\\\\s*$')"),
            format!("'invalid {pod}.memory: invalid memory format \"' + {memory} + '\": {MEMORY_FORMAT}'"),
        ));
    }
    rules.extend(conf_rules("object.spec.sparkConf"));
    rules
}

fn allocation_rules() -> Vec<Rule> {
    let allocation = "object.spec.dynamicAllocation";
    let off = format!("!has({allocation}) || !has({allocation}.enabled) || !{allocation}.enabled");
    let order = |small: &str, large: &str, wrong: &str, relation: &str, right: &str| {
        Rule::made(
            format!(
                "{off} || !has({allocation}.{small}) || !has({allocation}.{large}) || \
                 {allocation}.{small} <= {allocation}.{large}"
            ),
            format!(
                "'dynamicAllocation.{wrong} (' + string({allocation}.{wrong}) + ') cannot be {relation} than \
                 dynamicAllocation.{right} (' + string({allocation}.{right}) + ')'"
            ),
        )
    };
    let least = |field: &str| {
        Rule::made(
            format!("{off} || !has({allocation}.{field}) || {allocation}.{field} >= 0"),
            format!("'dynamicAllocation.{field} must be non-negative, got ' + string({allocation}.{field})"),
        )
    };
    vec![
        order("minExecutors", "maxExecutors", "minExecutors", "greater", "maxExecutors"),
        order("minExecutors", "initialExecutors", "initialExecutors", "less", "minExecutors"),
        order("initialExecutors", "maxExecutors", "initialExecutors", "greater", "maxExecutors"),
        least("minExecutors"),
        least("maxExecutors"),
        least("initialExecutors"),
    ]
}
