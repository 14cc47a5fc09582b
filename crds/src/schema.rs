//! Pieces of the OpenAPI schemas, and the custom resource definitions made of them.
//!
//! The schemas accept what those of the Kubeflow Spark Operator accept. What schemars writes for `Option` and
//! defaults (`nullable`, a `null` among the values of an enum, `default`) is taken back, except that timestamps
//! stay nullable, as Go clients write them as `null`. Names that Go clients may leave out are not required.
//! Descriptions of Kubernetes' own types are left out: they are the Kubernetes reference once more, and
//! would make the definitions too large for a client-side `kubectl apply`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::admission::definition_rules;
use crate::{ScheduledSparkApplication, SparkApplication, SparkConnect};

/// Why the definitions could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A definition does not convert to or from JSON.
    #[error("failed to convert a custom resource definition to or from JSON")]
    Json(#[from] serde_json::Error),
    /// A definition does not convert to YAML.
    #[error("failed to write a custom resource definition as YAML")]
    Yaml(#[from] serde_yaml::Error),
}

/// The schema of a Kubernetes type, without descriptions.
pub(crate) fn embedded<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut value = generator.subschema_for::<T>().to_value();
    strip_descriptions(&mut value);
    relax_references(&mut value);
    Schema::try_from(value).unwrap_or_default()
}

/// The schema of an object of which only the user and the reader know the shape.
pub(crate) fn schemaless_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// The schema of conditions: a list with one entry for each type.
pub(crate) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = embedded::<Vec<Condition>>(generator);
    schema.insert("x-kubernetes-list-type".into(), "map".into());
    schema.insert("x-kubernetes-list-map-keys".into(), Value::Array(vec!["type".into()]));
    schema
}

/// The definitions of the three kinds.
pub fn definitions() -> Result<Vec<CustomResourceDefinition>, SchemaError> {
    [SparkApplication::crd(), ScheduledSparkApplication::crd(), SparkConnect::crd()]
        .into_iter()
        .map(|definition| {
            let rules = definition_rules(&definition.spec.names.plural);
            let mut value = serde_json::to_value(definition)?;
            if let Some(versions) = value.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
                for version in versions {
                    if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                        strip_optional(schema);
                        require_metadata(schema);
                        add_rules(schema, &rules);
                    }
                }
            }
            Ok(serde_json::from_value(value)?)
        })
        .collect()
}

/// The definition as YAML, with its file name `<group>_<plural>.yaml`.
pub fn generated_files() -> Result<Vec<(String, String)>, SchemaError> {
    definitions()?
        .iter()
        .map(|definition| {
            let name = format!("{}_{}.yaml", definition.spec.group, definition.spec.names.plural);
            Ok((name, serde_yaml::to_string(definition)?))
        })
        .collect()
}

/// All definitions as one stream of YAML documents.
pub fn generated_yaml() -> Result<String, SchemaError> {
    let documents: Vec<String> = generated_files()?.into_iter().map(|(_, yaml)| yaml).collect();
    Ok(format!("---\n{}", documents.join("---\n")))
}

fn strip_descriptions(schema: &mut Value) {
    each_schema(schema, &mut |node| {
        node.shift_remove("description");
    });
}

fn strip_optional(schema: &mut Value) {
    each_schema(schema, &mut |node| {
        if node.get("format").and_then(Value::as_str) != Some("date-time") {
            node.shift_remove("nullable");
        }
        node.shift_remove("default");
        if let Some(values) = node.get_mut("enum").and_then(Value::as_array_mut) {
            values.retain(|value| !value.is_null());
        }
    });
}

/// Go's types let the name of a referred object and the metadata of an embedded one be left out.
fn relax_references(schema: &mut Value) {
    const REFERENCES: [&str; 8] = [
        "configMap",
        "configMapKeyRef",
        "configMapRef",
        "nodePublishSecretRef",
        "secret",
        "secretKeyRef",
        "secretRef",
        "imagePullSecrets",
    ];
    let not_required = |node: &mut Map<String, Value>, name: &str| {
        if let Some(required) = node.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|required| required != name);
            if required.is_empty() {
                node.shift_remove("required");
            }
        }
    };
    each_schema(schema, &mut |node| {
        if node.get("properties").is_some_and(|properties| properties.get("metadata").is_some()) {
            not_required(node, "metadata");
        }
        let properties = node.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
        for (_, reference) in properties.filter(|(name, _)| REFERENCES.contains(&name.as_str())) {
            if let Some(reference) = reference.as_object_mut() {
                not_required(reference, "name");
            }
        }
    });
}

fn add_rules(schema: &mut Value, rules: &[(&str, Vec<Value>)]) {
    for (place, rules) in rules {
        if let Some(node) = schema.pointer_mut(place).and_then(Value::as_object_mut) {
            node.insert("x-kubernetes-validations".into(), Value::Array(rules.clone()));
        }
    }
}

fn require_metadata(schema: &mut Value) {
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.insert(0, "metadata".into());
    }
}

/// Visits the schema and every schema within it; a property that is itself called `description` or
/// `nullable` is not mistaken for the keyword.
fn each_schema(schema: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Some(node) = schema.as_object_mut() else { return };
    visit(node);
    for (keyword, value) in node.iter_mut() {
        match keyword.as_str() {
            "properties" => {
                for property in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                    each_schema(property, visit);
                }
            }
            "items" | "additionalProperties" => each_schema(value, visit),
            "anyOf" | "oneOf" | "allOf" => {
                for alternative in value.as_array_mut().into_iter().flatten() {
                    each_schema(alternative, visit);
                }
            }
            _ => {}
        }
    }
}
