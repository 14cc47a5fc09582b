//! User-defined types: columns of their SQL type, with a mark by which clients know them again.

use std::collections::HashMap;

use datafusion::arrow::datatypes::Field;
use serde_json::{Map, Value};

use super::proto::data_type::{Kind, Udt};
use super::{proto, to_proto};

/// Key in the metadata of a column. Spark writes it nowhere: it is taken off where metadata are shown.
const MARK: &str = "__udt";

/// Python classes of types that have a class of Spark's own, where clients call them otherwise.
const PYTHON_CLASSES: [(&str, &str); 1] =
    [("org.apache.spark.sql.test.ExamplePointUDT", "pyspark.testing.objects.ExamplePointUDT")];

/// The mark of a type; nothing where the message is of another one.
pub(super) fn mark(data_type: &proto::DataType) -> Option<(String, String)> {
    let Some(Kind::Udt(udt)) = &data_type.kind else { return None };
    let parts = [
        ("type", Some(&udt.r#type)),
        ("class", udt.jvm_class.as_ref()),
        ("pyClass", udt.python_class.as_ref()),
        ("serializedClass", udt.serialized_python_class.as_ref()),
    ];
    let parts =
        parts.into_iter().filter_map(|(key, part)| Some((key.to_owned(), Value::String(part?.clone()))));
    Some((MARK.to_owned(), Value::Object(parts.collect()).to_string()))
}

/// The mark of a type in Spark's JSON.
pub(super) fn mark_of_json(data_type: &Value) -> Option<(String, String)> {
    let mut parts = data_type.as_object()?.clone();
    if parts.get("type").and_then(Value::as_str) != Some("udt") {
        return None;
    }
    parts.remove("sqlType");
    Some((MARK.to_owned(), Value::Object(parts).to_string()))
}

/// What a column's mark says of its type.
pub(super) fn parts(field: &Field) -> Option<Map<String, Value>> {
    serde_json::from_str(field.metadata().get(MARK)?).ok()
}

/// The message of a column's type, where that is user-defined.
pub(super) fn message(field: &Field) -> Option<Kind> {
    let parts = parts(field)?;
    let text = |key: &str| parts.get(key).and_then(Value::as_str).map(str::to_owned);
    let jvm_class = text("class");
    let own = PYTHON_CLASSES.iter().find(|(class, _)| jvm_class.as_deref() == Some(class));
    let python_class = own.map(|(_, python)| (*python).to_owned()).or_else(|| text("pyClass"));
    Some(Kind::Udt(Box::new(Udt {
        r#type: text("type").unwrap_or_default(),
        jvm_class,
        python_class,
        serialized_python_class: text("serializedClass"),
        sql_type: Some(Box::new(to_proto(field.data_type()))),
    })))
}

/// An element of an array or map, with the mark if it is of a user-defined type.
pub(super) fn marked(field: Field, mark: Option<(String, String)>) -> Field {
    match mark {
        Some((key, text)) => field.with_metadata(HashMap::from([(key, text)])),
        None => field,
    }
}

/// A column's metadata as its user gave them.
pub(super) fn without_mark(metadata: &HashMap<String, String>) -> HashMap<String, String> {
    let own = metadata.iter().filter(|(key, _)| *key != MARK);
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}
