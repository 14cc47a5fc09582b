//! Literals of messages to typed literals with Spark's text.

mod write;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, MapArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;

pub use self::write::to_proto;
use super::proto::expression::{Literal, literal::LiteralType, literal::specialized_array::ValueType};
use super::{data_type, proto};
use crate::analysis::Named;
use crate::error::{Result, SparkError};
use crate::text::{self, Style};
use crate::types;

/// A literal as an expression, named as Spark prints it.
pub(super) fn named(literal: &Literal, time_zone: &str) -> Result<Named> {
    let value = scalar(literal, time_zone)?;
    let name = shown(&value)?;
    Ok(Named::new(Expr::Literal(value, None), name))
}

/// Spark's text of a literal.
fn shown(value: &ScalarValue) -> Result<String> {
    if value.is_null() {
        return Ok("NULL".to_owned());
    }
    let array = value.to_array()?;
    let text = text::value(&array, 0, Style::Cast)?;
    Ok(match value {
        ScalarValue::Binary(Some(bytes)) => {
            let digits: Vec<_> = bytes.iter().map(|b| format!("{b:02X}")).collect();
            format!("X'{}'", digits.concat())
        }
        ScalarValue::Date32(_) | ScalarValue::TimestampMicrosecond(_, _) => {
            format!("{} '{text}'", types::sql_name(&value.data_type()))
        }
        ScalarValue::Time64Nanosecond(_) => format!("TIME '{text}'"),
        ScalarValue::List(list) => {
            let elements = list.value(0);
            let parts: Result<Vec<String>> =
                (0..elements.len()).map(|i| shown(&ScalarValue::try_from_array(&elements, i)?)).collect();
            format!("ARRAY({})", parts?.join(", "))
        }
        _ => text,
    })
}

/// The value of a literal.
pub(super) fn scalar(literal: &Literal, time_zone: &str) -> Result<ScalarValue> {
    let Some(value) = &literal.literal_type else {
        return Ok(ScalarValue::Null);
    };
    let declared = literal
        .data_type
        .as_ref()
        .map(|data_type| data_type::from_proto(data_type, time_zone))
        .transpose()?;
    let zone: Arc<str> = time_zone.into();
    Ok(match value {
        LiteralType::Null(data_type) => ScalarValue::try_from(&data_type::from_proto(data_type, time_zone)?)?,
        LiteralType::Binary(v) => ScalarValue::Binary(Some(v.to_vec())),
        LiteralType::Boolean(v) => ScalarValue::Boolean(Some(*v)),
        LiteralType::Byte(v) => ScalarValue::Int8(Some(i8::try_from(*v).map_err(|_| out_of_range(*v))?)),
        LiteralType::Short(v) => ScalarValue::Int16(Some(i16::try_from(*v).map_err(|_| out_of_range(*v))?)),
        LiteralType::Integer(v) => ScalarValue::Int32(Some(*v)),
        LiteralType::Long(v) => ScalarValue::Int64(Some(*v)),
        LiteralType::Float(v) => ScalarValue::Float32(Some(*v)),
        LiteralType::Double(v) => ScalarValue::Float64(Some(*v)),
        LiteralType::Decimal(v) => decimal(v)?,
        LiteralType::String(v) => ScalarValue::Utf8(Some(v.clone())),
        LiteralType::Date(v) => ScalarValue::Date32(Some(*v)),
        LiteralType::Timestamp(v) => ScalarValue::TimestampMicrosecond(Some(*v), Some(zone)),
        LiteralType::TimestampNtz(v) => ScalarValue::TimestampMicrosecond(Some(*v), None),
        LiteralType::TimestampNtzNanos(v) => ScalarValue::TimestampMicrosecond(Some(v.epoch_micros), None),
        LiteralType::TimestampLtzNanos(v) => {
            ScalarValue::TimestampMicrosecond(Some(v.epoch_micros), Some(zone))
        }
        LiteralType::CalendarInterval(v) => {
            let nanoseconds = v.microseconds.checked_mul(1000).ok_or_else(|| out_of_range(v.microseconds))?;
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(v.months, v.days, nanoseconds)))
        }
        LiteralType::YearMonthInterval(months) => ScalarValue::IntervalYearMonth(Some(*months)),
        LiteralType::DayTimeInterval(micros) => ScalarValue::DurationMicrosecond(Some(*micros)),
        LiteralType::Time(v) => ScalarValue::Time64Nanosecond(Some(v.nano)),
        LiteralType::Array(v) => {
            let element = match declared {
                Some(DataType::List(field)) => Some(field.data_type().clone()),
                _ => element_type(v, time_zone)?,
            };
            list(scalars(&v.elements, time_zone)?, element)?
        }
        LiteralType::SpecializedArray(v) => specialized(v.value_type.as_ref())?,
        LiteralType::Map(v) => {
            let (key, value) = match declared {
                Some(DataType::Map(entries, _)) => entry_types(entries.data_type()),
                _ => map_types(v, time_zone)?,
            };
            map(scalars(&v.keys, time_zone)?, scalars(&v.values, time_zone)?, key, value)?
        }
        LiteralType::Struct(v) => {
            let fields = match declared {
                Some(DataType::Struct(fields)) => fields,
                _ => struct_fields(v, time_zone)?,
            };
            structure(scalars(&v.elements, time_zone)?, &fields)?
        }
    })
}

fn scalars(literals: &[Literal], time_zone: &str) -> Result<Vec<ScalarValue>> {
    literals.iter().map(|literal| scalar(literal, time_zone)).collect()
}

fn out_of_range(value: impl std::fmt::Display) -> SparkError {
    SparkError::new(
        "CONNECT_INVALID_PLAN.INVALID_LITERAL",
        "56K00",
        format!("The Spark Connect plan is invalid. The literal {value} is out of its type's range."),
    )
}

fn decimal(v: &proto::expression::literal::Decimal) -> Result<ScalarValue> {
    let bad = || out_of_range(&v.value);
    let text = v.value.trim();
    // Python writes large and small ones with an exponent.
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| bad())?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unscaled: i128 = format!("{whole}{fraction}").parse().map_err(|_| bad())?;
    let own_scale = i32::try_from(fraction.len()).map_err(|_| bad())? - exponent;
    let scale = v.scale.unwrap_or_else(|| own_scale.max(0));
    let shift = scale - own_scale;
    let ten = |power: i32| 10_i128.checked_pow(power.unsigned_abs()).ok_or_else(bad);
    let unscaled =
        if shift >= 0 { unscaled.checked_mul(ten(shift)?).ok_or_else(bad)? } else { unscaled / ten(shift)? };
    let digits = i32::try_from(unscaled.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1)).unwrap_or(39);
    let precision = v.precision.unwrap_or_else(|| digits.max(scale));
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(p), Ok(s)) if p <= 38 && digits <= precision => Ok(ScalarValue::Decimal128(Some(unscaled), p, s)),
        _ => Err(bad()),
    }
}

// Clients before 4.1 say the types of parts in fields that are deprecated since.
fn element_type(v: &proto::expression::literal::Array, time_zone: &str) -> Result<Option<DataType>> {
    #[expect(deprecated, reason = "older clients set it")]
    v.element_type.as_ref().map(|t| data_type::from_proto(t, time_zone)).transpose()
}

type KeyAndValue = (Option<DataType>, Option<DataType>);

fn map_types(v: &proto::expression::literal::Map, time_zone: &str) -> Result<KeyAndValue> {
    #[expect(deprecated, reason = "older clients set it")]
    let (key, value) = (v.key_type.as_ref(), v.value_type.as_ref());
    let read = |t: Option<&proto::DataType>| t.map(|t| data_type::from_proto(t, time_zone)).transpose();
    Ok((read(key)?, read(value)?))
}

fn entry_types(entries: &DataType) -> KeyAndValue {
    match entries {
        DataType::Struct(kv) if kv.len() == 2 => {
            (Some(kv[0].data_type().clone()), Some(kv[1].data_type().clone()))
        }
        _ => (None, None),
    }
}

fn struct_fields(v: &proto::expression::literal::Struct, time_zone: &str) -> Result<Fields> {
    #[expect(deprecated, reason = "older clients set it")]
    let declared = v.struct_type.as_ref();
    match declared.map(|t| data_type::from_proto(t, time_zone)).transpose()? {
        Some(DataType::Struct(fields)) => Ok(fields),
        _ => scalars(&v.elements, time_zone)?
            .iter()
            .enumerate()
            .map(|(i, value)| Ok(Field::new(format!("col{}", i + 1), value.data_type(), true)))
            .collect(),
    }
}

fn list(values: Vec<ScalarValue>, element: Option<DataType>) -> Result<ScalarValue> {
    let element =
        element.or_else(|| values.iter().map(ScalarValue::data_type).find(|t| t != &DataType::Null));
    let element = element.unwrap_or(DataType::Null);
    let values = cast_all(values, &element)?;
    Ok(ScalarValue::List(ScalarValue::new_list(&values, &element, true)))
}

fn cast_all(values: Vec<ScalarValue>, to: &DataType) -> Result<Vec<ScalarValue>> {
    values.into_iter().map(|v| if &v.data_type() == to { Ok(v) } else { Ok(v.cast_to(to)?) }).collect()
}

fn column(values: Vec<ScalarValue>, data_type: &DataType) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(datafusion::arrow::array::new_empty_array(data_type));
    }
    Ok(ScalarValue::iter_to_array(cast_all(values, data_type)?)?)
}

fn map(
    keys: Vec<ScalarValue>,
    values: Vec<ScalarValue>,
    key: Option<DataType>,
    value: Option<DataType>,
) -> Result<ScalarValue> {
    let first = |values: &[ScalarValue]| {
        values.iter().map(ScalarValue::data_type).find(|t| t != &DataType::Null).unwrap_or(DataType::Null)
    };
    let key = key.unwrap_or_else(|| first(&keys));
    let value = value.unwrap_or_else(|| first(&values));
    if keys.len() != values.len() {
        return Err(out_of_range("map"));
    }
    let DataType::Map(entries, sorted) = types::map(key.clone(), value.clone()) else {
        return Err(SparkError::internal("a map type that is none"));
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(SparkError::internal("a map without entries"));
    };
    let offsets = OffsetBuffer::from_lengths([keys.len()]);
    let arrays = vec![column(keys, &key)?, column(values, &value)?];
    let rows = StructArray::try_new(fields.clone(), arrays, None).map_err(DataFusionError::from)?;
    let map = MapArray::try_new(entries, offsets, rows, None, sorted).map_err(DataFusionError::from)?;
    Ok(ScalarValue::Map(Arc::new(map)))
}

fn structure(values: Vec<ScalarValue>, fields: &Fields) -> Result<ScalarValue> {
    let arrays: Result<Vec<ArrayRef>> = values
        .into_iter()
        .zip(fields.iter())
        .map(|(value, field)| column(vec![value], field.data_type()))
        .collect();
    let array = StructArray::try_new(fields.clone(), arrays?, None).map_err(DataFusionError::from)?;
    Ok(ScalarValue::Struct(Arc::new(array)))
}

fn specialized(values: Option<&ValueType>) -> Result<ScalarValue> {
    let (values, element): (Vec<ScalarValue>, DataType) = match values {
        None => (vec![], DataType::Null),
        Some(ValueType::Bools(v)) => (v.values.iter().map(|v| (*v).into()).collect(), DataType::Boolean),
        Some(ValueType::Ints(v)) => (v.values.iter().map(|v| (*v).into()).collect(), DataType::Int32),
        Some(ValueType::Longs(v)) => (v.values.iter().map(|v| (*v).into()).collect(), DataType::Int64),
        Some(ValueType::Floats(v)) => (v.values.iter().map(|v| (*v).into()).collect(), DataType::Float32),
        Some(ValueType::Doubles(v)) => (v.values.iter().map(|v| (*v).into()).collect(), DataType::Float64),
        Some(ValueType::Strings(v)) => (v.values.iter().map(|v| v.as_str().into()).collect(), DataType::Utf8),
    };
    list(values, Some(element))
}
