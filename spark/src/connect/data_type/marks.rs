//! What Spark's types say beside Arrow's goes along in the metadata of columns, under keys that are not shown.

use std::collections::HashMap;

use datafusion::arrow::datatypes::Field;

use super::proto::data_type::Kind;
use super::{chars, interval, proto, udt};

/// The mark of a type, if it needs one.
pub(in crate::connect) fn mark(data_type: &proto::DataType) -> Option<(String, String)> {
    udt::mark(data_type).or_else(|| interval::mark(data_type))
}

/// The message of a column's type, where a mark tells it.
pub(super) fn message(field: &Field) -> Option<Kind> {
    udt::message(field).or_else(|| chars::message(field)).or_else(|| interval::message(field))
}

/// An element of an array or map, with its mark if it has one.
pub(super) fn marked(field: Field, mark: Option<(String, String)>) -> Field {
    match mark {
        Some((key, text)) => field.with_metadata(HashMap::from([(key, text)])),
        None => field,
    }
}

/// A column's metadata as its user gave them.
pub(super) fn without_marks(metadata: &HashMap<String, String>) -> HashMap<String, String> {
    let marks = [udt::USER_DEFINED, chars::MARK, crate::types::interval::MARK];
    let own = metadata.iter().filter(|(key, _)| !marks.contains(&key.as_str()));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}
