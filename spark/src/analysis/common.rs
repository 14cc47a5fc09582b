//! The type that values of several types have in common, as Spark finds it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::cast::cast;
use super::{ansi, interval};
use crate::error::Result;
use crate::functions::arithmetic::bounded;
use crate::types;

/// What becomes of strings beside values of other types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// They become the other type: Spark's ANSI rules.
    GiveWay,
    /// All others become strings, but for booleans and binary values: its rules without ANSI, for values
    /// that come together in one column or array.
    Prevail,
}

impl Strings {
    /// By `spark.sql.ansi.enabled`.
    pub fn of(state: &SessionState) -> Self {
        if ansi::is_off(state) { Self::Prevail } else { Self::GiveWay }
    }
}

/// The type all of these can be cast to without being told; `None` if there is none. Nulls fit any.
pub fn common_type<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Option<DataType> {
    common_type_with(Strings::GiveWay, types)
}

/// The same, with strings treated so.
pub fn common_type_with<'a>(
    strings: Strings,
    types: impl IntoIterator<Item = &'a DataType>,
) -> Option<DataType> {
    types.into_iter().try_fold(DataType::Null, |common, next| pair(&common, next, strings))
}

/// Casts all to the type they have in common; `None` if there is none.
pub fn to_common_type(
    exprs: Vec<Expr>,
    schema: &dyn datafusion::common::ExprSchema,
    strings: Strings,
) -> Result<Option<Vec<Expr>>> {
    let types: Vec<DataType> = exprs.iter().map(|e| Ok(e.get_type(schema)?)).collect::<Result<_>>()?;
    let Some(common) = common_type_with(strings, &types) else { return Ok(None) };
    let exprs = exprs.into_iter().map(|e| cast(e, &common, false, schema)).collect::<Result<Vec<_>>>()?;
    interval::unified(exprs, schema).map(Some)
}

fn pair(a: &DataType, b: &DataType, strings: Strings) -> Option<DataType> {
    use DataType::{
        Binary, Boolean, Date32, Float32, Float64, Interval, List, Map, Null, Struct, Timestamp, Utf8,
    };
    Some(match (a, b) {
        _ if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        _ if a.is_string() && b.is_string() => Utf8,
        (s, other) | (other, s) if strings == Strings::Prevail && s.is_string() => {
            return (!other.is_nested() && !matches!(other, Boolean | Binary)).then_some(Utf8);
        }
        (Float32 | Float64, Float32 | Float64) => Float64,
        _ if is_integer(a) && is_integer(b) => {
            if rank(a) > rank(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        // A float has no room for an integer's digits.
        (Float32 | Float64, n) | (n, Float32 | Float64) if n.is_numeric() => Float64,
        _ if a.is_numeric() && b.is_numeric() => wider_decimal(decimal(a)?, decimal(b)?),
        (s, n) | (n, s) if s.is_string() && is_integer(n) => DataType::Int64,
        (s, n) | (n, s) if s.is_string() && n.is_numeric() => Float64,
        (s, other @ (Boolean | Date32 | Timestamp(_, _) | Binary | Interval(_))) if s.is_string() => {
            other.clone()
        }
        (other @ (Boolean | Date32 | Timestamp(_, _) | Binary | Interval(_)), s) if s.is_string() => {
            other.clone()
        }
        (Date32, t @ Timestamp(_, _)) | (t @ Timestamp(_, _), Date32) => t.clone(),
        (t @ Timestamp(TimeUnit::Microsecond, Some(_)), Timestamp(_, None))
        | (Timestamp(_, None), t @ Timestamp(TimeUnit::Microsecond, Some(_))) => t.clone(),
        (Interval(_) | DataType::Duration(_), Interval(IntervalUnit::MonthDayNano))
        | (Interval(IntervalUnit::MonthDayNano), Interval(_) | DataType::Duration(_)) => {
            Interval(IntervalUnit::MonthDayNano)
        }
        (List(a), List(b)) => {
            List(Arc::new(Field::new_list_field(pair(a.data_type(), b.data_type(), strings)?, true)))
        }
        (Map(a, _), Map(b, _)) => {
            let (Struct(a), Struct(b)) = (a.data_type(), b.data_type()) else { return None };
            let ([ak, av], [bk, bv]) = (a.as_ref(), b.as_ref()) else { return None };
            types::map(
                pair(ak.data_type(), bk.data_type(), strings)?,
                pair(av.data_type(), bv.data_type(), strings)?,
            )
        }
        (Struct(a), Struct(b)) if a.len() == b.len() => {
            let fields = a.iter().zip(b).map(|(a, b)| {
                let same = a.name().eq_ignore_ascii_case(b.name());
                let data_type = pair(a.data_type(), b.data_type(), strings).filter(|_| same)?;
                Some(Field::new(a.name(), data_type, a.is_nullable() || b.is_nullable()))
            });
            Struct(fields.collect::<Option<Fields>>()?)
        }
        _ => return None,
    })
}

fn is_integer(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)
}

fn rank(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Int8 => 0,
        DataType::Int16 => 1,
        DataType::Int32 => 2,
        _ => 3,
    }
}

/// Precision and scale that hold a number type.
fn decimal(data_type: &DataType) -> Option<(u8, i8)> {
    Some(match data_type {
        DataType::Int8 => (3, 0),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        DataType::Int64 => (20, 0),
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => return None,
    })
}

fn wider_decimal((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> DataType {
    let scale = i32::from(s1.max(s2));
    let whole = (i32::from(p1) - i32::from(s1)).max(i32::from(p2) - i32::from(s2));
    let (precision, scale) = bounded(whole + scale, scale);
    DataType::Decimal128(precision, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_widen_and_strings_give_way() {
        use DataType::{Date32, Decimal128, Float32, Float64, Int8, Int32, Int64, Null, Utf8};
        // Spark's documentation of ANSI mode: "Type promotion and precedence".
        for (types, expected) in [
            (vec![Int8, Int32], Some(Int32)),
            (vec![Float32, Int32], Some(Float64)),
            (vec![Null, Utf8, Int32], Some(Int64)),
            (vec![Utf8, Date32], Some(Date32)),
            (vec![Int32, Decimal128(5, 2)], Some(Decimal128(12, 2))),
            (vec![Int32, Date32], None),
        ] {
            assert_eq!(common_type(&types), expected, "{types:?}");
        }
    }

    /// Recorded from Spark 4.1.1 with `spark.sql.ansi.enabled=false`: `array('a', 1)` and the like.
    #[test]
    fn strings_prevail_without_ansi() {
        use DataType::{Binary, Boolean, Date32, Decimal128, Int32, Null, Utf8};
        for (types, expected) in [
            (vec![Utf8, Int32, Null, Decimal128(2, 1)], Some(Utf8)),
            (vec![Date32, Utf8], Some(Utf8)),
            (vec![Boolean, Utf8], None),
            (vec![Utf8, Binary], None),
        ] {
            assert_eq!(common_type_with(Strings::Prevail, &types), expected, "{types:?}");
        }
    }
}
