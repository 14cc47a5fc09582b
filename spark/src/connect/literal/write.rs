//! Values as literals of messages.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::connect::data_type;
use crate::connect::proto;
use crate::connect::proto::expression::Literal;
use crate::connect::proto::expression::literal::{self, Decimal, LiteralType};
use crate::error::{Result, SparkError};
use crate::types;

/// A value as a literal.
///
/// # Errors
/// UNSUPPORTED_FEATURE for intervals.
pub fn to_proto(value: &ScalarValue) -> Result<Literal> {
    let literal = match value {
        null if null.is_null() => LiteralType::Null(data_type::to_proto(&null.data_type())),
        ScalarValue::Boolean(Some(v)) => LiteralType::Boolean(*v),
        ScalarValue::Int8(Some(v)) => LiteralType::Byte(i32::from(*v)),
        ScalarValue::Int16(Some(v)) => LiteralType::Short(i32::from(*v)),
        ScalarValue::Int32(Some(v)) => LiteralType::Integer(*v),
        ScalarValue::Int64(Some(v)) => LiteralType::Long(*v),
        ScalarValue::Float32(Some(v)) => LiteralType::Float(*v),
        ScalarValue::Float64(Some(v)) => LiteralType::Double(*v),
        ScalarValue::Decimal128(Some(_), precision, scale) => LiteralType::Decimal(Decimal {
            value: value.to_string(),
            precision: Some(i32::from(*precision)),
            scale: Some(i32::from(*scale)),
        }),
        ScalarValue::Utf8(Some(v)) => LiteralType::String(v.clone()),
        ScalarValue::Binary(Some(v)) => LiteralType::Binary(v.clone().into()),
        ScalarValue::Date32(Some(v)) => LiteralType::Date(*v),
        ScalarValue::TimestampMicrosecond(Some(v), Some(_)) => LiteralType::Timestamp(*v),
        ScalarValue::TimestampMicrosecond(Some(v), None) => LiteralType::TimestampNtz(*v),
        ScalarValue::List(list) => array(&list.value(0))?,
        ScalarValue::Map(map) => {
            let entries = map.value(0);
            keyed(entries.column(0), entries.column(1))?
        }
        ScalarValue::Struct(row) => structure(&value.data_type(), row.columns())?,
        other => {
            let name = types::sql_name(&other.data_type());
            return Err(SparkError::unsupported(format!("observed metrics of the type {name}")));
        }
    };
    Ok(Literal { literal_type: Some(literal), ..Literal::default() })
}

fn elements(array: &ArrayRef) -> Result<Vec<Literal>> {
    (0..array.len()).map(|at| to_proto(&ScalarValue::try_from_array(array, at)?)).collect()
}

fn type_of(array: &ArrayRef) -> Option<proto::DataType> {
    Some(data_type::to_proto(array.data_type()))
}

// Clients know the types of parts by fields that are deprecated since 4.1.
#[expect(deprecated, reason = "clients read it")]
fn array(values: &ArrayRef) -> Result<LiteralType> {
    Ok(LiteralType::Array(literal::Array { element_type: type_of(values), elements: elements(values)? }))
}

#[expect(deprecated, reason = "clients read it")]
fn keyed(keys: &ArrayRef, values: &ArrayRef) -> Result<LiteralType> {
    Ok(LiteralType::Map(literal::Map {
        key_type: type_of(keys),
        value_type: type_of(values),
        keys: elements(keys)?,
        values: elements(values)?,
    }))
}

#[expect(deprecated, reason = "clients read it")]
fn structure(data_type: &DataType, columns: &[ArrayRef]) -> Result<LiteralType> {
    let parts = columns.iter().map(|column| to_proto(&ScalarValue::try_from_array(column, 0)?));
    Ok(LiteralType::Struct(literal::Struct {
        struct_type: Some(data_type::to_proto(data_type)),
        elements: parts.collect::<Result<_>>()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::literal::scalar;

    #[test]
    fn nested_values_come_back_as_they_were() {
        let one = |value: i64| ScalarValue::Int64(Some(value));
        let list = ScalarValue::List(ScalarValue::new_list_nullable(&[one(1), one(2)], &DataType::Int64));
        assert_eq!(scalar(&to_proto(&list).unwrap(), "UTC").unwrap(), list);
        let fields =
            vec![("rows", one(10).to_array().unwrap()), ("text", ScalarValue::from("a").to_array().unwrap())];
        let row = datafusion::arrow::array::StructArray::try_from(fields).unwrap();
        let row = ScalarValue::Struct(std::sync::Arc::new(row));
        let back = scalar(&to_proto(&row).unwrap(), "UTC").unwrap();
        assert_eq!(back.to_string(), row.to_string());
    }
}
