//! What the admission policies refuse the operator refuses as well, in the same words, for clusters without policies
//! (before Kubernetes 1.30): one table for both, which the end-to-end tests hold against a real API server too.

use std::error::Error;
use std::path::Path;

use cerium_crds::admission::admission_policies;
use cerium_crds::connect::validate_connect;
use cerium_crds::refusals::{DENIED_CONF, denied};
use cerium_crds::{scheduled, validate};
use serde::Deserialize;
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const NAMESPACE: &str = "jobs";

#[derive(Deserialize)]
struct Row {
    kind: String,
    #[serde(default = "wrong")]
    name: String,
    #[serde(default)]
    spec: Value,
    told: String,
}

fn wrong() -> String {
    "wrong".to_owned()
}

fn table() -> Outcome<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/refusals.yaml");
    let mut rows: Vec<Row> = serde_yaml::from_str(&std::fs::read_to_string(path)?)?;
    for row in &mut rows {
        row.told = row.told.replace("<namespace>", NAMESPACE);
    }
    Ok(rows)
}

/// What the operator says of an object; nothing if it takes it.
fn controller(kind: &str, name: &str, changes: &Value) -> Outcome<String> {
    let mut spec = match kind {
        "SparkConnect" => json!({"sparkVersion": "4.1.1", "server": {}, "executor": {}}),
        _ => json!({
            "type": "Scala", "sparkVersion": "4.1.1", "image": "spark", "mainClass": "A",
            "mainApplicationFile": "local:///a.jar", "driver": {}, "executor": {},
        }),
    };
    for (key, value) in changes.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let metadata = json!({"name": name, "namespace": NAMESPACE});
    let object = |version: &str, spec: Value| {
        json!({
            "apiVersion": format!("sparkoperator.k8s.io/{version}"), "kind": kind, "metadata": metadata, "spec": spec,
        })
    };
    Ok(match kind {
        "SparkConnect" => {
            let told = validate_connect(&serde_json::from_value(object("v1alpha1", spec))?);
            told.err().map(|error| error.to_string()).unwrap_or_default()
        }
        "ScheduledSparkApplication" => {
            let spec = json!({"schedule": "@every 1h", "template": spec});
            scheduled::admit(&serde_json::from_value(object("v1beta2", spec))?).err().unwrap_or_default()
        }
        _ => {
            let told = validate::validate(&serde_json::from_value(object("v1beta2", spec))?);
            told.err().map(|error| error.to_string()).unwrap_or_default()
        }
    })
}

#[test]
fn the_operator_refuses_each_in_the_same_words() -> Outcome {
    for kind in ["SparkApplication", "ScheduledSparkApplication", "SparkConnect"] {
        assert_eq!(controller(kind, "right", &json!({}))?, "", "{kind}");
        for (key, reason) in DENIED_CONF {
            let told = controller(kind, "wrong", &json!({"sparkConf": {*key: "x"}}))?;
            assert!(told.contains(&denied(key, reason)), "{kind} {key}: {told}");
        }
    }
    for row in table()? {
        let told = controller(&row.kind, &row.name, &row.spec)?;
        assert!(told.contains(&row.told), "{} {} {}: {told}", row.kind, row.name, row.spec);
    }
    Ok(())
}

#[test]
fn the_table_has_every_refusal_of_the_policies() -> Outcome {
    let rows = table()?;
    let policies: Value = serde_yaml::from_str(&admission_policies()?)?;
    for policy in policies.as_array().ok_or("no policies")? {
        for validation in policy["spec"]["validations"].as_array().ok_or("no validations")? {
            let texts = match (validation["message"].as_str(), validation["messageExpression"].as_str()) {
                (Some(text), None) => vec![text.to_owned()],
                (None, Some(expression)) => literals(expression),
                other => return Err(format!("one message each, not {other:?}").into()),
            };
            let of_kind = |row: &&Row| policy["name"] == format!("{}s", row.kind.to_lowercase());
            let found = rows.iter().filter(of_kind).any(|row| has_in_turn(&row.told, &texts));
            assert!(found, "{}: no row for {texts:?}", policy["name"]);
        }
    }
    Ok(())
}

/// The texts that a CEL expression puts together, without what it finds in the object.
fn literals(expression: &str) -> Vec<String> {
    let (mut found, mut depth, mut inside, mut escaped) = (Vec::new(), 0, false, false);
    for letter in expression.chars() {
        match letter {
            '\'' if !escaped => {
                inside = !inside;
                if inside && depth == 0 {
                    found.push(String::new());
                }
            }
            '\\' if inside && !escaped => {
                escaped = true;
                continue;
            }
            '(' | '[' if !inside => depth += 1,
            ')' | ']' if !inside => depth -= 1,
            letter => {
                if let Some(text) = found.last_mut().filter(|_| inside && depth == 0) {
                    text.push(letter);
                }
            }
        }
        escaped = false;
    }
    found
}

/// Whether the text has all parts, one after the other.
fn has_in_turn(text: &str, parts: &[String]) -> bool {
    let mut rest = Some(text);
    for part in parts {
        rest = rest.and_then(|rest| rest.split_once(part.as_str())).map(|(_, after)| after);
    }
    rest.is_some()
}
