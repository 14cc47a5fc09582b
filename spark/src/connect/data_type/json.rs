//! Data types as Spark's JSON (`StructType.json`).

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value, json};

use super::{marks, udt};
use crate::analysis::scope::display_name;
use crate::error::{Result, SparkError};
use crate::types::{self, interval::Units};

/// The type behind JSON.
pub(crate) fn data_type(value: &Value, time_zone: &str) -> Result<DataType> {
    match value {
        Value::String(name) => super::ddl::parse_type(name, time_zone),
        Value::Object(object) => match object.get("type") {
            Some(Value::String(kind)) if kind == "struct" => {
                let fields = object.get("fields").and_then(Value::as_array).ok_or_else(|| bad(value))?;
                let fields: Result<Fields> = fields.iter().map(|f| field(f, time_zone)).collect();
                Ok(DataType::Struct(fields?))
            }
            Some(Value::String(kind)) if kind == "array" => {
                let written = part(object, "elementType", value)?;
                let element = data_type(written, time_zone)?;
                let element = Field::new_list_field(element, flag(object, "containsNull"));
                Ok(DataType::List(Arc::new(marks::marked(element, mark_of(written)))))
            }
            Some(Value::String(kind)) if kind == "map" => {
                let (key, of) = (part(object, "keyType", value)?, part(object, "valueType", value)?);
                let marks = [key, of].map(mark_of);
                let (key, of) = (data_type(key, time_zone)?, data_type(of, time_zone)?);
                Ok(super::map_of(key, of, flag(object, "valueContainsNull"), marks))
            }
            Some(Value::String(kind)) if kind == "udt" => {
                data_type(part(object, "sqlType", value)?, time_zone)
            }
            _ => Err(bad(value)),
        },
        _ => Err(bad(value)),
    }
}

/// The mark of a type that needs one.
fn mark_of(written: &Value) -> Option<(String, String)> {
    let interval = || {
        let name = written.as_str().filter(|name| name.starts_with("interval "))?;
        Units::of(&super::ddl::parse_column(name, "UTC").ok()?)?.mark()
    };
    udt::mark_of_json(written).or_else(interval)
}

fn field(value: &Value, time_zone: &str) -> Result<Field> {
    let object = value.as_object().ok_or_else(|| bad(value))?;
    let name = object.get("name").and_then(Value::as_str).ok_or_else(|| bad(value))?;
    let written = part(object, "type", value)?;
    let data_type = data_type(written, time_zone)?;
    let mut metadata = match object.get("metadata") {
        Some(Value::Object(metadata)) => texts(metadata),
        _ => HashMap::new(),
    };
    metadata.extend(mark_of(written));
    Ok(Field::new(name, data_type, flag(object, "nullable")).with_metadata(metadata))
}

fn part<'v>(object: &'v Map<String, Value>, key: &str, whole: &Value) -> Result<&'v Value> {
    object.get(key).ok_or_else(|| bad(whole))
}

fn flag(object: &Map<String, Value>, key: &str) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or(true)
}

fn bad(value: &Value) -> SparkError {
    SparkError::new(
        "INVALID_JSON_DATA_TYPE",
        "2203G",
        format!(
            "Failed to convert the JSON string '{value}' to a data type. Please enter a valid data type."
        ),
    )
    .with_param("invalidType", value.to_string())
}

/// The JSON of a type as text.
pub(crate) fn text(data_type: &DataType) -> String {
    type_json(data_type).to_string()
}

/// The JSON of columns.
pub(super) fn structure(fields: &Fields) -> Value {
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| {
            json!({
                "name": display_name(field.name()),
                "type": type_of(field),
                "nullable": field.is_nullable(),
                "metadata": metadata(&marks::without_marks(field.metadata())),
            })
        })
        .collect();
    json!({"type": "struct", "fields": fields})
}

/// The JSON of the type of a column or of the elements of a column.
fn type_of(field: &Field) -> Value {
    let sql_type = match Units::of(field) {
        Some(units) => json!(units.name()),
        None => type_json(field.data_type()),
    };
    match udt::parts(field) {
        Some(mut parts) => {
            parts.insert("sqlType".to_owned(), sql_type);
            Value::Object(parts)
        }
        None => sql_type,
    }
}

fn type_json(data_type: &DataType) -> Value {
    match data_type {
        other if types::is_variant(other) || types::Geo::of(other).is_some() => {
            json!(types::simple_name(other))
        }
        DataType::Struct(fields) => structure(fields),
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            json!({
                "type": "array",
                "elementType": type_of(element),
                "containsNull": element.is_nullable(),
            })
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => json!({
                "type": "map",
                "keyType": type_of(&kv[0]),
                "valueType": type_of(&kv[1]),
                "valueContainsNull": kv[1].is_nullable(),
            }),
            other => type_json(other),
        },
        DataType::Int64 => json!("long"),
        DataType::Int32 => json!("integer"),
        DataType::Int16 => json!("short"),
        DataType::Int8 => json!("byte"),
        other => json!(types::simple_name(other)),
    }
}

/// Spark's metadata of a column: JSON, each of whose members Arrow keeps as a text of its own.
pub(super) fn metadata(metadata: &HashMap<String, String>) -> Value {
    let mut keys: Vec<_> = metadata.iter().collect();
    keys.sort();
    let members = keys.into_iter().map(|(key, text)| {
        (key.clone(), serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
    });
    Value::Object(members.collect())
}

/// The reverse of [`metadata`].
pub(crate) fn metadata_from(text: &str) -> Result<HashMap<String, String>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(texts(&object)),
        _ => Err(SparkError::new(
            "INVALID_COLUMN_METADATA",
            "22023",
            format!("The metadata of a column must be a JSON object, but is: {text}."),
        )),
    }
}

fn texts(object: &Map<String, Value>) -> HashMap<String, String> {
    object.iter().map(|(key, value)| (key.clone(), value.to_string())).collect()
}
