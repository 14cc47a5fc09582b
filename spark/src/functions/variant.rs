//! Functions on variants, which travel as Spark's own bytes of value and metadata.

mod convert;
mod json;
mod path;
mod schema;
mod value;

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Builder, ListArray, StringBuilder, StructArray, new_empty_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, internal_err};

use self::convert::{Builder, from_value, to_value, variant_at};
use self::path::Path;
use self::schema::Schema;
use self::value::Variant;
use super::datetime::Zone;
use super::kernel::{Compiled, Kernel, Returns, Rows};
use crate::error::SparkError;
use crate::source::errors;
use crate::types;

const VARIANT: Returns = Returns::Rule(|_| Ok(types::variant()));

/// `parse_json(text)`.
pub static PARSE: Kernel = Kernel::new("spark_parse_json", VARIANT, |rows| parse(rows, true));
/// The same, null for what is no JSON.
pub static TRY_PARSE: Kernel = Kernel::new("spark_try_parse_json", VARIANT, |rows| parse(rows, false));
/// `is_variant_null(variant)`.
pub static IS_NULL: Kernel =
    Kernel::null_aware("spark_is_variant_null", Returns::Type(DataType::Boolean), |rows| {
        let values = rows.array(0)?;
        rows.booleans(|row| Ok(Some(variant_at(values.as_ref(), row) == Some(Variant::Null))))
    });
/// `variant_get(variant, path, null of the result's type, zone)`.
pub static GET: Kernel =
    Kernel::null_aware("spark_variant_get", Returns::Argument(2), |rows| get(rows, true));
/// The same, null for what cannot be cast.
pub static TRY_GET: Kernel =
    Kernel::null_aware("spark_try_variant_get", Returns::Argument(2), |rows| get(rows, false));
/// `schema_of_variant(variant)`.
pub static SCHEMA: Kernel = Kernel::new("spark_schema_of_variant", Returns::Type(DataType::Utf8), |rows| {
    let values = rows.array(0)?;
    rows.write(|row, out| {
        let value = variant_at(values.as_ref(), row).ok_or_else(malformed)?;
        out.push_str(&Schema::of(&value).to_string());
        Ok(true)
    })
});
/// The schema that all variants of a list have in common.
pub static SCHEMA_OF_ALL: Kernel =
    Kernel::null_aware("spark_schema_of_variants", Returns::Type(DataType::Utf8), |rows| {
        let Some(lists) = rows.array(0)?.as_list_opt::<i32>() else {
            return internal_err!("schema_of_variant_agg gathers lists");
        };
        rows.write(|row, out| {
            let mut all = Schema::Void;
            if lists.is_valid(row) {
                let items = lists.value(row);
                for value in (0..items.len()).filter_map(|item| variant_at(items.as_ref(), item)) {
                    all = all.merge(Schema::of(&value));
                }
            }
            out.push_str(&all.to_string());
            Ok(true)
        })
    });
/// `to_variant_object(value)`.
pub static TO_VARIANT: Kernel = Kernel::new("spark_to_variant", VARIANT, |rows| {
    let values = rows.array(0)?;
    let mut out = Builder::new();
    for row in 0..rows.len {
        let value = if rows.is_valid(row) { Some(from_value(values.as_ref(), row)?) } else { None };
        out.append(value.as_ref());
    }
    out.finish()
});
/// `to_json(variant, zone)`.
pub static TO_JSON: Kernel = Kernel::new("spark_variant_to_json", Returns::Type(DataType::Utf8), |rows| {
    let (values, zones) = (rows.array(0)?, rows.text(1)?);
    let mut zone = Compiled::new();
    rows.write(|row, out| {
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        json::write(&variant_at(values.as_ref(), row).ok_or_else(malformed)?, zone, out);
        Ok(true)
    })
});
/// The rows of `variant_explode(variant)`: position, key and value of each part.
pub static PARTS: Kernel =
    Kernel::null_aware("spark_variant_parts", Returns::Rule(|_| Ok(list_of_parts())), parts_of);

/// The functions of this family.
pub static KERNELS: &[&Kernel] =
    &[&PARSE, &TRY_PARSE, &IS_NULL, &GET, &TRY_GET, &SCHEMA, &SCHEMA_OF_ALL, &TO_VARIANT, &TO_JSON, &PARTS];

fn malformed() -> SparkError {
    SparkError::new(
        "MALFORMED_VARIANT",
        "22023",
        "Variant binary is malformed. Please check the data source is valid.",
    )
}

/// The variant in a row as JSON, in UTC.
pub fn to_json(array: &dyn Array, row: usize) -> Result<String, SparkError> {
    let value = variant_at(array, row).ok_or_else(malformed)?;
    let mut out = String::new();
    json::write(&value, &Zone::new("UTC")?, &mut out);
    Ok(out)
}

fn parse(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    let mut out = Builder::new();
    for row in 0..rows.len {
        if !rows.is_valid(row) {
            out.append(None);
            continue;
        }
        let text = texts.value(row);
        match json::parse(text) {
            None if strict => return Err(errors::malformed_record(text).into()),
            value => out.append(value.as_ref()),
        }
    }
    out.finish()
}

fn get(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (values, paths, zones) = (rows.array(0)?, rows.text(1)?, rows.text(3)?);
    let (mut compiled, mut zone) = (Compiled::new(), Compiled::new());
    let nothing = datafusion::arrow::array::new_null_array(rows.to, 1);
    let mut parts: Vec<ArrayRef> = Vec::with_capacity(rows.len);
    for row in 0..rows.len {
        let value = variant_at(values.as_ref(), row);
        let (Some(value), true) = (value, paths.is_valid(row)) else {
            parts.push(Arc::clone(&nothing));
            continue;
        };
        let function = if strict { "variant_get" } else { "try_variant_get" };
        let path =
            compiled.get(paths.value(row), |text| Path::new(text).ok_or_else(|| no_path(text, function)))?;
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let Some(found) = path.find(&value) else {
            parts.push(Arc::clone(&nothing));
            continue;
        };
        match to_value(found, rows.to, zone)? {
            Some(part) => parts.push(part),
            None if strict => return Err(no_cast(found, zone, rows.to)),
            None => parts.push(Arc::clone(&nothing)),
        }
    }
    if parts.is_empty() {
        return Ok(new_empty_array(rows.to));
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(concat(&parts)?)
}

fn no_path(path: &str, function: &str) -> datafusion::error::DataFusionError {
    SparkError::new(
        "INVALID_VARIANT_GET_PATH",
        "22023",
        format!(
            "The path `{path}` is not a valid variant extraction path in ``{function}``.\nA valid path should start with \
             `$` and is followed by zero or more segments like `[123]`, `.name`, `['name']`, or `[\"name\"]`."
        ),
    )
    .with_param("path", path)
    .with_param("functionName", format!("`{function}`"))
    .into()
}

fn no_cast(value: &Variant, zone: &Zone, to: &DataType) -> datafusion::error::DataFusionError {
    let mut shown = String::new();
    json::write(value, zone, &mut shown);
    let name = format!("\"{}\"", types::sql_name(to));
    SparkError::new(
        "INVALID_VARIANT_CAST",
        "22023",
        format!(
            "The variant value `{shown}` cannot be cast into `{name}`. Please use `try_variant_get` instead."
        ),
    )
    .with_param("value", shown)
    .with_param("dataType", name)
    .into()
}

fn part_fields() -> Fields {
    vec![
        Field::new("pos", DataType::Int32, true),
        Field::new("key", DataType::Utf8, true),
        Field::new("value", types::variant(), true),
    ]
    .into()
}

fn list_of_parts() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(part_fields()), true)))
}

fn parts_of(rows: &Rows<'_>) -> Result<ArrayRef> {
    let values = rows.array(0)?;
    let (mut positions, mut keys, mut parts) = (Int32Builder::new(), StringBuilder::new(), Builder::new());
    let (mut lengths, mut valid) = (Vec::with_capacity(rows.len), Vec::with_capacity(rows.len));
    for row in 0..rows.len {
        let mut add = |position: usize, key: Option<&str>, value: &Variant| {
            positions.append_value(position as i32);
            keys.append_option(key);
            parts.append(Some(value));
        };
        let length = match variant_at(values.as_ref(), row) {
            Some(Variant::Array(items)) => {
                items.iter().enumerate().for_each(|(at, item)| add(at, None, item));
                items.len()
            }
            Some(Variant::Object(members)) => {
                members.iter().enumerate().for_each(|(at, (name, value))| add(at, Some(name), value));
                members.len()
            }
            _ => 0,
        };
        lengths.push(length);
        valid.push(length > 0);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(positions.finish()), Arc::new(keys.finish()), parts.finish()?];
    let structs = StructArray::try_new(part_fields(), columns, None)?;
    let item = Arc::new(Field::new_list_field(DataType::Struct(part_fields()), true));
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), Arc::new(structs), nulls)?))
}
