//! CHAR and VARCHAR: strings to the engine, with a mark by which parsed types are known again.

use datafusion::arrow::datatypes::Field;

use super::proto;
use super::proto::data_type::{self as kinds, Kind};
use crate::error::SparkError;

/// Key of the mark in the metadata of a column, as Spark has it.
pub(super) const MARK: &str = "__CHAR_VARCHAR_TYPE_STRING";

/// The mark of `char(length)` or `varchar(length)`.
pub(super) fn mark(name: &str, length: i64) -> (String, String) {
    let name = if name == "varchar" { name } else { "char" };
    (MARK.to_owned(), format!("{name}({length})"))
}

/// The message of a marked column's type.
pub(super) fn message(field: &Field) -> Option<Kind> {
    let (name, length) = field.metadata().get(MARK)?.strip_suffix(')')?.split_once('(')?;
    let length = length.parse().ok()?;
    Some(match name {
        "varchar" => Kind::VarChar(kinds::VarChar { length, ..Default::default() }),
        _ => Kind::Char(kinds::Char { length, ..Default::default() }),
    })
}

/// Fails where a type that Python is to make values of has a CHAR or VARCHAR in it.
///
/// # Errors
/// UNSUPPORTED_DATA_TYPE_FOR_ENCODER.
pub(in crate::connect) fn reject(data_type: &proto::DataType) -> Result<(), SparkError> {
    let name = match &data_type.kind {
        Some(Kind::Char(char)) => format!("\"CHAR({})\"", char.length),
        Some(Kind::VarChar(varchar)) => format!("\"VARCHAR({})\"", varchar.length),
        Some(Kind::Array(array)) => return array.element_type.as_deref().map_or(Ok(()), reject),
        Some(Kind::Map(map)) => {
            return map.key_type.iter().chain(&map.value_type).try_for_each(|part| reject(part));
        }
        Some(Kind::Struct(columns)) => {
            return columns.fields.iter().filter_map(|field| field.data_type.as_ref()).try_for_each(reject);
        }
        _ => return Ok(()),
    };
    Err(SparkError::new(
        "UNSUPPORTED_DATA_TYPE_FOR_ENCODER",
        "0A000",
        format!(
            "Cannot create encoder for {name}. Please use a different output data type for your UDF or DataFrame."
        ),
    )
    .with_param("dataType", name))
}
