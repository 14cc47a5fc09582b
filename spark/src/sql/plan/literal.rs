//! Literals: numbers, typed strings, intervals.

mod interval;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{self, Value};

pub(super) use self::interval::interval;
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::error::{Result, SparkError};
use crate::text;
use crate::types;

/// A literal without a type before it.
pub(super) fn value(value: &Value) -> Result<Named> {
    let literal = |v: ScalarValue, name: String| Ok(Named::new(Expr::Literal(v, None), name));
    match value {
        Value::Null => literal(ScalarValue::Null, "NULL".to_owned()),
        Value::Boolean(v) => literal(ScalarValue::Boolean(Some(*v)), v.to_string()),
        Value::SingleQuotedString(s) | Value::DoubleQuotedString(s) => {
            literal(ScalarValue::Utf8(Some(s.clone())), s.clone())
        }
        Value::HexStringLiteral(digits) => {
            let padded = if digits.len() % 2 == 0 { digits.clone() } else { format!("0{digits}") };
            let bytes: Option<Vec<u8>> = (0..padded.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(padded.get(i..i + 2)?, 16).ok())
                .collect();
            match bytes {
                Some(bytes) => {
                    literal(ScalarValue::Binary(Some(bytes)), format!("X'{}'", padded.to_uppercase()))
                }
                None => Err(invalid("X", digits)),
            }
        }
        Value::Number(digits, long) => number(digits, *long),
        other => Err(SparkError::unsupported(format!("the literal {other}"))),
    }
}

fn number(digits: &str, long: bool) -> Result<Named> {
    let literal = |v: ScalarValue, name: String| Ok(Named::new(Expr::Literal(v, None), name));
    if long {
        return match digits.parse::<i64>() {
            Ok(v) => literal(ScalarValue::Int64(Some(v)), v.to_string()),
            Err(_) => Err(invalid("BIGINT", digits)),
        };
    }
    if digits.contains(['e', 'E']) {
        return match digits.parse::<f64>() {
            Ok(v) => literal(ScalarValue::Float64(Some(v)), text::double(v)),
            Err(_) => Err(invalid("DOUBLE", digits)),
        };
    }
    if !digits.contains('.') {
        if let Ok(v) = digits.parse::<i32>() {
            return literal(ScalarValue::Int32(Some(v)), v.to_string());
        }
        if let Ok(v) = digits.parse::<i64>() {
            return literal(ScalarValue::Int64(Some(v)), v.to_string());
        }
    }
    decimal(digits)
}

/// A decimal as narrow as its digits.
fn decimal(digits: &str) -> Result<Named> {
    if let Some((mantissa, exponent)) = digits.split_once(['e', 'E']) {
        return decimal(&shifted(mantissa, exponent).ok_or_else(|| invalid("DECIMAL", digits))?);
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let unscaled = format!("{whole}{fraction}");
    let precision = (whole.len() + fraction.len()).max(1);
    if precision > 38 {
        return Err(SparkError::new(
            "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
            "22003",
            format!("Decimal precision {precision} exceeds max precision 38."),
        ));
    }
    let v: i128 =
        if unscaled.is_empty() { 0 } else { unscaled.parse().map_err(|_| invalid("DECIMAL", digits))? };
    let name = match (whole, fraction) {
        ("", "") => "0".to_owned(),
        ("", f) => format!("0.{f}"),
        (w, "") => w.to_owned(),
        (w, f) => format!("{w}.{f}"),
    };
    let scalar = ScalarValue::Decimal128(Some(v), precision as u8, fraction.len() as i8);
    Ok(Named::new(Expr::Literal(scalar, None), name))
}

/// `mantissa` times ten to the power of `exponent`, written out.
fn shifted(mantissa: &str, exponent: &str) -> Option<String> {
    let exponent: i32 = exponent.parse().ok().filter(|e| (-80..=80).contains(e))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    Some(if point <= 0 {
        format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else if point as usize >= digits.len() {
        format!("{digits}{}", "0".repeat(point as usize - digits.len()))
    } else {
        format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
    })
}

/// `DATE '2020-01-01'`, `TIMESTAMP '...'`, and numbers with a suffix.
pub(super) fn typed(data_type: &ast::DataType, content: &str, time_zone: &str) -> Result<Named> {
    if let ast::DataType::Decimal(_) = data_type {
        return decimal(content);
    }
    let target = types::from_sql(data_type, time_zone)?;
    let bad = || invalid(&types::sql_name(&target), content);
    let schema = DFSchema::empty();
    let from = Expr::Literal(ScalarValue::Utf8(Some(content.to_owned())), None);
    let parsed = match &target {
        DataType::Int8 => ScalarValue::Int8(Some(content.parse().map_err(|_| bad())?)),
        DataType::Int16 => ScalarValue::Int16(Some(content.parse().map_err(|_| bad())?)),
        DataType::Int64 => ScalarValue::Int64(Some(content.parse().map_err(|_| bad())?)),
        DataType::Float32 => ScalarValue::Float32(Some(content.parse().map_err(|_| bad())?)),
        DataType::Float64 => ScalarValue::Float64(Some(content.parse().map_err(|_| bad())?)),
        _ => fold(cast(from, &target, true, &schema)?)?,
    };
    if parsed.is_null() {
        return Err(bad());
    }
    let array = parsed.to_array()?;
    let shown = text::value(&array, 0, text::Style::Cast)?;
    let name = if target.is_numeric() {
        shown
    } else if matches!(target, DataType::Time64(_)) {
        format!("TIME '{shown}'")
    } else {
        format!("{} '{shown}'", types::sql_name(&target))
    };
    Ok(Named::new(Expr::Literal(parsed, None), name))
}

/// The value of an expression without columns.
pub(crate) fn fold(expr: Expr) -> Result<ScalarValue> {
    use datafusion::common::ScalarValue as V;
    use datafusion::logical_expr::execution_props::ExecutionProps;
    use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
    use datafusion::physical_expr::create_physical_expr;
    use datafusion::physical_plan::ColumnarValue;

    if let Expr::Literal(v, _) = expr {
        return Ok(v);
    }
    let schema = DFSchema::empty();
    let physical =
        create_physical_expr(&expr, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    let batch = datafusion::arrow::record_batch::RecordBatch::try_new_with_options(
        std::sync::Arc::new(datafusion::arrow::datatypes::Schema::empty()),
        vec![],
        &datafusion::arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(1)),
    )
    .map_err(datafusion::error::DataFusionError::from)?;
    Ok(match physical.evaluate(&batch)? {
        ColumnarValue::Scalar(v) => v,
        ColumnarValue::Array(array) => V::try_from_array(&array, 0)?,
    })
}

fn invalid(type_name: &str, value: &str) -> SparkError {
    SparkError::new(
        "INVALID_TYPED_LITERAL",
        "42604",
        format!("The value of the typed literal \"{type_name}\" is invalid: '{value}'."),
    )
    .with_param("valueType", format!("\"{type_name}\""))
    .with_param("value", format!("'{value}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_the_narrowest_type() {
        let cases = [
            ("1", "Int32(1)", "1"),
            ("12345678901", "Int64(12345678901)", "12345678901"),
            (".5", "Decimal128(0.5,1,1)", "0.5"),
            ("1.50", "Decimal128(1.50,3,2)", "1.50"),
            ("1e3", "Float64(1000)", "1000.0"),
            ("1234567890123456789012", "Decimal128(1234567890123456789012,22,0)", "1234567890123456789012"),
        ];
        for (digits, expr, name) in cases {
            let named = number(digits, false).expect(digits);
            assert_eq!((named.expr.to_string().as_str(), named.name.as_str()), (expr, name));
        }
    }
}
