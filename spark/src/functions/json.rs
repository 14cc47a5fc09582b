//! Functions on JSON text.

mod path;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::Result;

use self::path::Path;
use self::write::Writer;
pub(super) use self::write::string as write_string;
use super::kernel::{Compiled, Kernel, Returns, Rows};
use crate::error::SparkError;
use crate::source::json::decoder::ValueDecoder;
use crate::source::json::node::{Value, parse};
use crate::source::json::options::JsonOptions;
use crate::source::options::Options;

/// `get_json_object(text, path)`.
pub static GET_OBJECT: Kernel =
    Kernel::new("spark_get_json_object", Returns::Type(DataType::Utf8), get_object);
/// `json_array_length(text)`.
pub static ARRAY_LENGTH: Kernel =
    Kernel::new("spark_json_array_length", Returns::Type(DataType::Int32), array_length);
/// `json_object_keys(text)`.
pub static OBJECT_KEYS: Kernel = Kernel::new(
    "spark_json_object_keys",
    Returns::Rule(|_| Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))))),
    object_keys,
);
/// `from_json(text, options as JSON, null of the result's type)`.
pub static FROM_JSON: Kernel = Kernel::null_aware("spark_from_json", Returns::Argument(2), from_json);
/// `to_json(value, options as JSON, zone)`.
pub static TO_JSON: Kernel = Kernel::new("spark_to_json", Returns::Type(DataType::Utf8), to_json);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&GET_OBJECT, &ARRAY_LENGTH, &OBJECT_KEYS, &FROM_JSON, &TO_JSON];

fn get_object(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (texts, paths) = (rows.text(0)?, rows.text(1)?);
    let mut compiled = Compiled::new();
    rows.write(|row, out| {
        let path = compiled.get(paths.value(row), |text| Ok(Path::new(text)))?;
        let Some(path) = path else { return Ok(false) };
        match parse(texts.value(row)) {
            Some(node) => Ok(path.find(&node, out)),
            None => Ok(false),
        }
    })
}

fn array_length(rows: &Rows<'_>) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    rows.primitives::<Int32Type>(|row| match parse(texts.value(row)).map(|node| node.value) {
        Some(Value::Array(items)) => Ok(Some(items.len() as i32)),
        _ => Ok(None),
    })
}

fn object_keys(rows: &Rows<'_>) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..rows.len {
        let node = if rows.is_valid(row) { parse(texts.value(row)) } else { None };
        match node.map(|node| node.value) {
            Some(Value::Object(members)) => {
                for (name, _) in members {
                    out.values().append_value(name);
                }
                out.append(true);
            }
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// Options that travel as JSON.
pub(super) fn options(text: &str) -> Result<BTreeMap<String, String>> {
    serde_json::from_str(text).map_err(|error| SparkError::internal(error).into())
}

/// The first value of a constant argument.
pub(super) fn constant<'a>(rows: &'a Rows<'_>, index: usize) -> Result<&'a str> {
    let texts = rows.text(index)?;
    Ok(if texts.is_empty() || texts.is_null(0) { "{}" } else { texts.value(0) })
}

fn from_json(rows: &Rows<'_>) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    let given = options(constant(rows, 1)?)?;
    let options = JsonOptions::new(&Options(&given), given.get("timeZone").map_or("UTC", String::as_str))?;
    let mut decoder = ValueDecoder::new(&options, rows.to)?;
    for row in 0..rows.len {
        decoder.append(if texts.is_valid(row) { Some(texts.value(row)) } else { None })?;
    }
    decoder.finish()
}

fn to_json(rows: &Rows<'_>) -> Result<ArrayRef> {
    let values = rows.array(0)?;
    let writer = Writer::new(&options(constant(rows, 1)?)?)?;
    rows.write(|row, out| {
        writer.value(out, values, row)?;
        Ok(true)
    })
}
