//! Values as literals of messages.

use datafusion::common::ScalarValue;

use crate::connect::data_type;
use crate::connect::proto::expression::Literal;
use crate::connect::proto::expression::literal::{Decimal, LiteralType};
use crate::error::{Result, SparkError};
use crate::types;

/// A value as a literal.
///
/// # Errors
/// UNSUPPORTED_FEATURE for arrays, maps, structs and intervals.
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
        other => {
            let name = types::sql_name(&other.data_type());
            return Err(SparkError::unsupported(format!("observed metrics of the type {name}")));
        }
    };
    Ok(Literal { literal_type: Some(literal), ..Literal::default() })
}
