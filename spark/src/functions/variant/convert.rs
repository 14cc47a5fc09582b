//! Variants from values of other types, and values of other types from variants.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, StructArray, new_empty_array, new_null_array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, internal_err};

use super::json;
use super::value::Variant;
use crate::functions::convert::tolerant_value;
use crate::functions::datetime::Zone;
use crate::text::is_null;
use crate::types;

/// A column of variants in the making.
pub struct Builder {
    values: BinaryBuilder,
    metadata: BinaryBuilder,
    valid: Vec<bool>,
}

impl Builder {
    /// An empty column.
    pub fn new() -> Self {
        Self { values: BinaryBuilder::new(), metadata: BinaryBuilder::new(), valid: Vec::new() }
    }

    /// Appends a variant, or SQL's null.
    pub fn append(&mut self, value: Option<&Variant>) {
        let (bytes, metadata) = value.unwrap_or(&Variant::Null).encode();
        self.values.append_value(bytes);
        self.metadata.append_value(metadata);
        self.valid.push(value.is_some());
    }

    /// The column.
    pub fn finish(mut self) -> Result<ArrayRef> {
        let DataType::Struct(fields) = types::variant() else {
            return internal_err!("the type of variants is no struct");
        };
        let columns: Vec<ArrayRef> = vec![Arc::new(self.values.finish()), Arc::new(self.metadata.finish())];
        Ok(Arc::new(StructArray::try_new(fields, columns, Some(NullBuffer::from(self.valid)))?))
    }
}

/// The variant in a row; `None` for null and for bytes that are none.
pub fn variant_at(array: &dyn Array, row: usize) -> Option<Variant> {
    let array = array.as_struct_opt()?;
    if array.is_null(row) {
        return None;
    }
    let value = array.column_by_name("value")?.as_binary_opt::<i32>()?.value(row);
    let metadata = array.column_by_name("metadata")?.as_binary_opt::<i32>()?.value(row);
    Variant::decode(value, metadata)
}

/// The value in a row of any column as a variant.
pub fn from_value(array: &dyn Array, row: usize) -> Result<Variant> {
    if is_null(array, row) {
        return Ok(Variant::Null);
    }
    if types::is_variant(array.data_type()) {
        return Ok(variant_at(array, row).unwrap_or(Variant::Null));
    }
    Ok(match array.data_type() {
        DataType::Boolean => Variant::Boolean(array.as_boolean().value(row)),
        t if t.is_integer() => {
            let one = cast(&array.slice(row, 1), &DataType::Int64)?;
            Variant::Long(one.as_primitive::<Int64Type>().value(0))
        }
        DataType::Float32 => Variant::Float(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Variant::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            Variant::decimal(array.as_primitive::<Decimal128Type>().value(row), scale.unsigned_abs())
        }
        DataType::Utf8 => Variant::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Variant::Binary(array.as_binary::<i32>().value(row).to_vec()),
        DataType::Date32 => Variant::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(_, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            if zone.is_some() { Variant::Timestamp(micros) } else { Variant::TimestampNtz(micros) }
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Variant::Array((0..items.len()).map(|i| from_value(items.as_ref(), i)).collect::<Result<_>>()?)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns);
            object(
                members.map(|(field, column)| Ok((field.name().clone(), from_value(column.as_ref(), row)?))),
            )?
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let keys = cast(entries.column(0), &DataType::Utf8)?;
            let keys = keys.as_string::<i32>();
            let values = entries.column(1);
            object(
                (0..entries.len()).map(|i| Ok((keys.value(i).to_owned(), from_value(values.as_ref(), i)?))),
            )?
        }
        other => return internal_err!("{other} cannot be a variant"),
    })
}

fn object(members: impl Iterator<Item = Result<(String, Variant)>>) -> Result<Variant> {
    let mut members = members.collect::<Result<Vec<_>>>()?;
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Variant::Object(members))
}

/// A variant as one value of a type; `None` where it cannot be one.
pub fn to_value(value: &Variant, to: &DataType, zone: &Zone) -> Result<Option<ArrayRef>> {
    if types::is_variant(to) {
        let mut builder = Builder::new();
        builder.append(Some(value));
        return builder.finish().map(Some);
    }
    let null = || Ok(Some(new_null_array(to, 1)));
    match (value, to) {
        (Variant::Null, _) => null(),
        (Variant::Array(items), DataType::List(item)) => {
            let Some(values) = column(items.iter(), item.data_type(), zone)? else { return Ok(None) };
            let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([items.len()]);
            let list = datafusion::arrow::array::ListArray::try_new(Arc::clone(item), offsets, values, None)?;
            Ok(Some(Arc::new(list)))
        }
        (Variant::Object(members), DataType::Struct(fields)) => {
            let mut columns = Vec::with_capacity(fields.len());
            for field in fields {
                let member = members.iter().find(|(name, _)| name == field.name()).map(|(_, value)| value);
                let Some(column) = to_value(member.unwrap_or(&Variant::Null), field.data_type(), zone)?
                else {
                    return Ok(None);
                };
                columns.push(column);
            }
            Ok(Some(Arc::new(StructArray::try_new(fields.clone(), columns, None)?)))
        }
        (Variant::Object(members), DataType::Map(entries, sorted)) => {
            let DataType::Struct(kv) = entries.data_type() else { return Ok(None) };
            let [key, of] = kv.as_ref() else { return Ok(None) };
            if key.data_type() != &DataType::Utf8 {
                return Ok(None);
            }
            let keys: datafusion::arrow::array::StringArray =
                members.iter().map(|(name, _)| Some(name.as_str())).collect();
            let values = column(members.iter().map(|(_, value)| value), of.data_type(), zone)?;
            let Some(values) = values else { return Ok(None) };
            let pairs = StructArray::try_new(kv.clone(), vec![Arc::new(keys), values], None)?;
            let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([members.len()]);
            let map = datafusion::arrow::array::MapArray::try_new(
                Arc::clone(entries),
                offsets,
                pairs,
                None,
                *sorted,
            )?;
            Ok(Some(Arc::new(map)))
        }
        (_, t) if t.is_nested() => Ok(None),
        (Variant::Array(_) | Variant::Object(_), t) if !t.is_string() => Ok(None),
        (value, t) if t.is_string() => {
            Ok(Some(ScalarValue::Utf8(Some(json::plain(value, zone))).to_array()?))
        }
        (value, _) => {
            let from = scalar(value, zone);
            let comparable = match (&from, to) {
                (ScalarValue::Binary(_), DataType::Binary) => true,
                (ScalarValue::Binary(_), _) => false,
                (_, DataType::Binary) => false,
                (ScalarValue::Date32(_), t) => matches!(t, DataType::Date32 | DataType::Timestamp(..)),
                (ScalarValue::Boolean(_), DataType::Date32 | DataType::Timestamp(..)) => false,
                (ScalarValue::Utf8(_), _) => true,
                (from, DataType::Date32) => !from.data_type().is_numeric(),
                (ScalarValue::TimestampMicrosecond(..), DataType::Boolean) => false,
                _ => true,
            };
            if !comparable {
                return Ok(None);
            }
            tolerant_value(&from, to)
        }
    }
}

/// Variants as a column of a type.
fn column<'v>(
    values: impl Iterator<Item = &'v Variant>,
    to: &DataType,
    zone: &Zone,
) -> Result<Option<ArrayRef>> {
    let mut parts = Vec::new();
    for value in values {
        match to_value(value, to, zone)? {
            Some(part) => parts.push(part),
            None => return Ok(None),
        }
    }
    if parts.is_empty() {
        return Ok(Some(new_empty_array(to)));
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(Some(concat(&parts)?))
}

fn scalar(value: &Variant, zone: &Zone) -> ScalarValue {
    match value {
        Variant::Boolean(v) => ScalarValue::Boolean(Some(*v)),
        Variant::Long(v) => ScalarValue::Int64(Some(*v)),
        Variant::Float(v) => ScalarValue::Float32(Some(*v)),
        Variant::Double(v) => ScalarValue::Float64(Some(*v)),
        Variant::Decimal(unscaled, scale) => {
            ScalarValue::Decimal128(Some(*unscaled), 38, (*scale).try_into().unwrap_or(38))
        }
        Variant::Binary(v) => ScalarValue::Binary(Some(v.clone())),
        Variant::Date(v) => ScalarValue::Date32(Some(*v)),
        Variant::Timestamp(v) => ScalarValue::TimestampMicrosecond(Some(*v), Some(zone.name().into())),
        Variant::TimestampNtz(v) => ScalarValue::TimestampMicrosecond(Some(*v), None),
        other => ScalarValue::Utf8(Some(json::plain(other, zone))),
    }
}
