//! User-defined types: columns of their SQL type, with a mark by which clients know them again.

use datafusion::arrow::datatypes::Field;
use serde_json::{Map, Value};

use super::proto::data_type::{Kind, Udt};
use super::{proto, to_proto};

/// Key of the mark in the metadata of a column. Spark writes it nowhere: it is taken off where metadata are
/// shown. Python workers know it, too.
pub const USER_DEFINED: &str = "__udt";

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
    Some(mark_of(parts.collect()))
}

fn mark_of(mut parts: Map<String, Value>) -> (String, String) {
    let jvm_class = parts.get("class").and_then(Value::as_str);
    if let Some((_, python)) = PYTHON_CLASSES.iter().find(|(class, _)| jvm_class == Some(class)) {
        parts.insert("pyClass".to_owned(), Value::String((*python).to_owned()));
    }
    (USER_DEFINED.to_owned(), Value::Object(parts).to_string())
}

/// The mark of a type in Spark's JSON.
pub(super) fn mark_of_json(data_type: &Value) -> Option<(String, String)> {
    let mut parts = data_type.as_object()?.clone();
    if parts.get("type").and_then(Value::as_str) != Some("udt") {
        return None;
    }
    parts.remove("sqlType");
    Some(mark_of(parts))
}

/// What a column's mark says of its type.
pub(super) fn parts(field: &Field) -> Option<Map<String, Value>> {
    serde_json::from_str(field.metadata().get(USER_DEFINED)?).ok()
}

/// The message of a column's type, where that is user-defined.
pub(super) fn message(field: &Field) -> Option<Kind> {
    let parts = parts(field)?;
    let text = |key: &str| parts.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Kind::Udt(Box::new(Udt {
        r#type: text("type").unwrap_or_default(),
        jvm_class: text("class"),
        python_class: text("pyClass"),
        serialized_python_class: text("serializedClass"),
        sql_type: Some(Box::new(to_proto(field.data_type()))),
    })))
}
