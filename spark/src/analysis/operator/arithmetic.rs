//! Arithmetic on numbers and of intervals with numbers.

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::{Binary, checked, incompatible, is_interval, native, scalar_call};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::error::{Result, SparkError};
use crate::functions::arithmetic::Operator as Checked;
use crate::functions::interval;

/// An operator whose sides may be numbers, or an interval and a number.
pub(super) fn arithmetic(
    op: Binary,
    left: Named,
    right: Named,
    name: &str,
    schema: &dyn ExprSchema,
) -> Result<Expr> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    if is_interval(&l) || is_interval(&r) {
        return intervals(op, left, right, name, schema);
    }
    let (l, r) = numeric_pair(&l, &r).ok_or_else(|| incompatible(name, &left.expr, &right.expr, schema))?;
    let left = cast(left.expr, &l, false, schema)?;
    let right = cast(right.expr, &r, false, schema)?;
    let is_decimal = |t: &DataType| matches!(t, DataType::Decimal128(_, _));
    if is_floating(&l) || is_floating(&r) {
        let single = op != Binary::Divide && l == DataType::Float32 && r == DataType::Float32;
        let common = if single { DataType::Float32 } else { DataType::Float64 };
        let left = cast(left, &common, false, schema)?;
        let right = cast(right, &common, false, schema)?;
        return Ok(match op {
            Binary::Divide => checked(Checked::Divide, left, right),
            Binary::Remainder => checked(Checked::Remainder, left, right),
            Binary::IntDivide => {
                let quotient = checked(Checked::Divide, left, right);
                cast(quotient, &DataType::Int64, false, schema)?
            }
            _ => native(op, left, right),
        });
    }
    if is_decimal(&l) || is_decimal(&r) {
        let left = to_decimal(left, schema)?;
        let right = to_decimal(right, schema)?;
        return Ok(match op {
            Binary::Divide => checked(Checked::Divide, left, right),
            Binary::IntDivide => {
                let quotient = checked(Checked::Divide, left, right);
                cast(quotient, &DataType::Int64, false, schema)?
            }
            Binary::Remainder => {
                let (common, result) = same_decimal(&left, &right, schema)?;
                let left = cast(left, &common, false, schema)?;
                let right = cast(right, &common, false, schema)?;
                cast(checked(Checked::Remainder, left, right), &result, false, schema)?
            }
            // Where 38 digits suffice the plain operators have Spark's types, and cannot overflow.
            _ if fits(op, &left, &right, schema)? => native(op, left, right),
            Binary::Add => checked(Checked::Add, left, right),
            Binary::Subtract => checked(Checked::Subtract, left, right),
            _ => checked(Checked::Multiply, left, right),
        });
    }
    if op == Binary::Divide {
        let left = cast(left, &DataType::Float64, false, schema)?;
        let right = cast(right, &DataType::Float64, false, schema)?;
        return Ok(checked(Checked::Divide, left, right));
    }
    let common = match op {
        Binary::IntDivide => DataType::Int64,
        _ => wider_integer(&l, &r),
    };
    let left = cast(left, &common, false, schema)?;
    let right = cast(right, &common, false, schema)?;
    let op = match op {
        Binary::Add => Checked::Add,
        Binary::Subtract => Checked::Subtract,
        Binary::Multiply => Checked::Multiply,
        Binary::IntDivide => Checked::IntDivide,
        _ => Checked::Remainder,
    };
    Ok(checked(op, left, right))
}

/// An interval times or divided by a number, or divided by another one in whole parts.
fn intervals(op: Binary, left: Named, right: Named, name: &str, schema: &dyn ExprSchema) -> Result<Expr> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    if op == Binary::IntDivide && l == r && l != DataType::Interval(IntervalUnit::MonthDayNano) {
        let count = |side: Expr| scalar_call(interval::COUNT.function(), vec![side]);
        return Ok(checked(Checked::IntDivide, count(left.expr), count(right.expr)));
    }
    let kernel = match op {
        Binary::Multiply => &interval::MULTIPLY,
        Binary::Divide => &interval::DIVIDE,
        _ => return Err(incompatible(name, &left.expr, &right.expr, schema)),
    };
    let to = match &r {
        t if t.is_integer() => DataType::Int64,
        DataType::Decimal128(..) => r.clone(),
        t if t.is_numeric() || t.is_string() || t == &DataType::Null => DataType::Float64,
        _ => return Err(incompatible(name, &left.expr, &right.expr, schema)),
    };
    let number = cast(right.expr, &to, false, schema)?;
    Ok(scalar_call(kernel.function(), vec![left.expr, number]))
}

fn is_floating(t: &DataType) -> bool {
    matches!(t, DataType::Float16 | DataType::Float32 | DataType::Float64)
}

/// What both sides of an arithmetic operator become before numbers are widened.
fn numeric_pair(l: &DataType, r: &DataType) -> Option<(DataType, DataType)> {
    let one = |this: &DataType, other: &DataType| -> Option<DataType> {
        match this {
            t if t.is_numeric() => Some(t.clone()),
            DataType::Null => Some(if other.is_numeric() { other.clone() } else { DataType::Float64 }),
            t if t.is_string() => Some(if other.is_integer() { DataType::Int64 } else { DataType::Float64 }),
            _ => None,
        }
    };
    Some((one(l, r)?, one(r, l)?))
}

fn wider_integer(l: &DataType, r: &DataType) -> DataType {
    let rank = |t: &DataType| match t {
        DataType::Int8 => 0,
        DataType::Int16 | DataType::UInt8 => 1,
        DataType::Int32 | DataType::UInt16 => 2,
        _ => 3,
    };
    match rank(l).max(rank(r)) {
        0 => DataType::Int8,
        1 => DataType::Int16,
        2 => DataType::Int32,
        _ => DataType::Int64,
    }
}

/// Integers beside decimals: literals as narrow as they are, columns as wide as their type.
fn to_decimal(expr: Expr, schema: &dyn ExprSchema) -> Result<Expr> {
    let data_type = expr.get_type(schema)?;
    let precision = match (&data_type, integer_literal(&expr)) {
        (DataType::Decimal128(_, _), _) => return Ok(expr),
        (_, Some(v)) => (v.unsigned_abs().checked_ilog10().unwrap_or(0) + 1) as u8,
        (DataType::Int8, _) => 3,
        (DataType::Int16 | DataType::UInt8, _) => 5,
        (DataType::Int32 | DataType::UInt16, _) => 10,
        _ => 20,
    };
    cast(expr, &DataType::Decimal128(precision, 0), false, schema)
}

fn integer_literal(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int8(Some(v)), _) => Some(i64::from(*v)),
        Expr::Literal(ScalarValue::Int16(Some(v)), _) => Some(i64::from(*v)),
        Expr::Literal(ScalarValue::Int32(Some(v)), _) => Some(i64::from(*v)),
        Expr::Literal(ScalarValue::Int64(Some(v)), _) => Some(*v),
        _ => None,
    }
}

/// Whether the result of an operator on decimals has at most 38 digits.
fn fits(op: Binary, left: &Expr, right: &Expr, schema: &dyn ExprSchema) -> Result<bool> {
    let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) =
        (left.get_type(schema)?, right.get_type(schema)?)
    else {
        return Ok(false);
    };
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let precision = match op {
        Binary::Multiply => p1 + p2 + 1,
        _ => (p1 - s1).max(p2 - s2) + s1.max(s2) + 1,
    };
    Ok(precision <= 38)
}

/// The type both decimals fit in, and the type of their remainder.
fn same_decimal(left: &Expr, right: &Expr, schema: &dyn ExprSchema) -> Result<(DataType, DataType)> {
    let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) =
        (left.get_type(schema)?, right.get_type(schema)?)
    else {
        return Err(SparkError::internal("remainder of decimals without decimals"));
    };
    let scale = s1.max(s2);
    let whole = (p1 as i8 - s1).max(p2 as i8 - s2);
    let smaller = (p1 as i8 - s1).min(p2 as i8 - s2);
    let common = DataType::Decimal128((whole + scale).min(38) as u8, scale);
    Ok((common, DataType::Decimal128((smaller + scale).clamp(1, 38) as u8, scale)))
}
