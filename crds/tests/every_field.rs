//! The files in tests/data set every field of every kind, and the types read and write them unchanged.

use std::error::Error;
use std::path::Path;

use cerium_crds::{ScheduledSparkApplication, SparkApplication, SparkConnect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn fixture(kind: &str) -> Outcome<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/every-field-{kind}.yaml"));
    Ok(serde_yaml::from_str(&std::fs::read_to_string(path)?)?)
}

/// The schema of a kind, given its plural.
fn schema(plural: &str) -> Outcome<Value> {
    let mut definitions = cerium_crds::definitions()?.into_iter();
    let definition = definitions.find(|d| d.spec.names.plural == plural).ok_or("no such kind")?;
    Ok(serde_json::to_value(&definition.spec.versions[0].schema)?["openAPIV3Schema"].clone())
}

/// Collects fields of the schema the value lacks, and fields of the value the schema lacks. Kubernetes'
/// own types are told by having no descriptions, and are left to Kubernetes.
fn compare(schema: &Value, value: Option<&Value>, path: &str, found: &mut Vec<String>) {
    let Some(value) = value else {
        found.push(format!("{path} is not set"));
        return;
    };
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    if let Some(properties) = schema["properties"].as_object() {
        if properties.values().all(|property| property.get("description").is_none()) {
            return;
        }
        for (name, property) in properties {
            compare(property, value.get(name), &format!("{path}.{name}"), found);
        }
        for name in
            value.as_object().into_iter().flat_map(Map::keys).filter(|name| !properties.contains_key(*name))
        {
            found.push(format!("{path}.{name} is not in the schema"));
        }
    }
    if let Some(items) = schema.get("items") {
        compare(items, value.get(0), &format!("{path}[]"), found);
    }
    if let Some(entry) = schema.get("additionalProperties") {
        compare(
            entry,
            value.as_object().and_then(|entries| entries.values().next()),
            &format!("{path}{{}}"),
            found,
        );
    }
}

fn missing(schema: &Value, fixture: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["spec", "status"] {
        compare(&schema["properties"][part], fixture.get(part), part, &mut found);
    }
    found
}

fn assert_round_trip<T: DeserializeOwned + Serialize>(fixture: &Value) -> Outcome {
    let typed: T = serde_json::from_value(fixture.clone())?;
    assert_eq!(serde_json::to_value(typed)?, *fixture);
    Ok(())
}

#[test]
fn every_field_of_a_spark_application_is_set_and_comes_back() -> Outcome {
    let fixture = fixture("sparkapplication")?;
    assert_eq!(missing(&schema("sparkapplications")?, &fixture), Vec::<String>::new());
    assert_round_trip::<SparkApplication>(&fixture)
}

#[test]
fn every_field_of_a_scheduled_spark_application_is_set_and_comes_back() -> Outcome {
    let mut fixture = fixture("scheduledsparkapplication")?;
    assert_round_trip::<ScheduledSparkApplication>(&fixture)?;
    // The template is the spec of a SparkApplication, whose fields are all set in its own file.
    fixture["spec"]["template"] = self::fixture("sparkapplication")?["spec"].clone();
    assert_eq!(missing(&schema("scheduledsparkapplications")?, &fixture), Vec::<String>::new());
    assert_round_trip::<ScheduledSparkApplication>(&fixture)
}

#[test]
fn every_field_of_a_spark_connect_is_set_and_comes_back() -> Outcome {
    let fixture = fixture("sparkconnect")?;
    assert_eq!(missing(&schema("sparkconnects")?, &fixture), Vec::<String>::new());
    assert_round_trip::<SparkConnect>(&fixture)
}

#[test]
fn a_status_always_carries_what_the_schema_requires() -> Outcome {
    let status = serde_json::to_value(cerium_crds::SparkApplicationStatus::default())?;
    assert_eq!(status, serde_json::json!({"driverInfo": {}, "applicationState": {"state": ""}}));
    Ok(())
}

#[test]
fn times_written_as_null_by_go_clients_are_read() -> Outcome {
    let mut fixture = fixture("sparkapplication")?;
    fixture["status"]["terminationTime"] = Value::Null;
    let application: SparkApplication = serde_json::from_value(fixture)?;
    assert_eq!(application.status.and_then(|status| status.termination_time), None);
    Ok(())
}
