//! Operators with Spark's types: what each side is cast to, and the name of the result.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::{Between, InList, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Like, Operator as DfOperator, ScalarUDF, lit,
};

use std::sync::Arc;

use super::Named;
use super::cast::cast;
use crate::error::{Result, SparkError};
use crate::functions::arithmetic::Operator as Checked;
use crate::functions::interval;
use crate::types;

/// A binary operator of Spark SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `div`
    IntDivide,
    /// `%`
    Remainder,
    /// `=`
    Eq,
    /// `<=>`
    NullSafeEq,
    /// `<>`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

impl Binary {
    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::IntDivide => "div",
            Self::Remainder => "%",
            Self::Eq | Self::NotEq => "=",
            Self::NullSafeEq => "<=>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::And => "AND",
            Self::Or => "OR",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        }
    }

    fn native(self) -> DfOperator {
        match self {
            Self::Add => DfOperator::Plus,
            Self::Subtract => DfOperator::Minus,
            Self::Multiply => DfOperator::Multiply,
            Self::Divide | Self::IntDivide => DfOperator::Divide,
            Self::Remainder => DfOperator::Modulo,
            Self::Eq => DfOperator::Eq,
            Self::NotEq => DfOperator::NotEq,
            Self::NullSafeEq => DfOperator::IsNotDistinctFrom,
            Self::Lt => DfOperator::Lt,
            Self::LtEq => DfOperator::LtEq,
            Self::Gt => DfOperator::Gt,
            Self::GtEq => DfOperator::GtEq,
            Self::And => DfOperator::And,
            Self::Or => DfOperator::Or,
            Self::BitAnd => DfOperator::BitwiseAnd,
            Self::BitOr => DfOperator::BitwiseOr,
            Self::BitXor => DfOperator::BitwiseXor,
            Self::ShiftLeft => DfOperator::BitwiseShiftLeft,
            Self::ShiftRight => DfOperator::BitwiseShiftRight,
        }
    }
}

/// Two expressions joined by an operator.
pub fn binary(op: Binary, left: Named, right: Named, schema: &dyn ExprSchema) -> Result<Named> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    match op {
        Binary::Add | Binary::Subtract if is_temporal(&l) || is_temporal(&r) => {
            temporal(op, left, right, schema)
        }
        Binary::Add
        | Binary::Subtract
        | Binary::Multiply
        | Binary::Divide
        | Binary::IntDivide
        | Binary::Remainder => {
            let name = infix(op, &left, &right);
            let expr = arithmetic(op, left, right, &name, schema)?;
            Ok(Named::new(expr, name))
        }
        Binary::And | Binary::Or => {
            let name = infix(op, &left, &right);
            let boolean = |t: &DataType| matches!(t, DataType::Boolean | DataType::Null);
            if !boolean(&l) || !boolean(&r) {
                let (l, r) = (types::sql_name(&l), types::sql_name(&r));
                return Err(if l == r {
                    SparkError::type_mismatch(
                        "BINARY_OP_WRONG_TYPE",
                        &name,
                        &format!("the binary operator requires the input type \"BOOLEAN\", not \"{l}\""),
                    )
                } else {
                    SparkError::type_mismatch(
                        "BINARY_OP_DIFF_TYPES",
                        &name,
                        &format!(
                            "the left and right operands of the binary operator have incompatible types (\"{l}\" and \"{r}\")"
                        ),
                    )
                });
            }
            let left = cast(left.expr, &DataType::Boolean, false, schema)?;
            let right = cast(right.expr, &DataType::Boolean, false, schema)?;
            Ok(Named::new(native(op, left, right), name))
        }
        Binary::NotEq => {
            let name = format!("(NOT {})", infix(op, &left, &right));
            let (left, right) = comparable(op, left, right, schema)?;
            Ok(Named::new(native(op, left, right), name))
        }
        Binary::BitAnd | Binary::BitOr | Binary::BitXor | Binary::ShiftLeft | Binary::ShiftRight => {
            let name = infix(op, &left, &right);
            if !l.is_integer() || !r.is_integer() {
                return Err(incompatible(&name, &l, &r));
            }
            Ok(Named::new(native(op, left.expr, right.expr), name))
        }
        _ => {
            let name = infix(op, &left, &right);
            let (left, right) = comparable(op, left, right, schema)?;
            Ok(Named::new(native(op, left, right), name))
        }
    }
}

fn infix(op: Binary, left: &Named, right: &Named) -> String {
    format!("({} {} {})", left.name, op.symbol(), right.name)
}

fn native(op: Binary, left: Expr, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op.native(), Box::new(right)))
}

fn checked(op: Checked, left: Expr, right: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(op.function(), vec![left, right]))
}

fn incompatible(name: &str, left: &DataType, right: &DataType) -> SparkError {
    SparkError::type_mismatch(
        "BINARY_OP_DIFF_TYPES",
        name,
        &format!(
            "the left and right operands of the binary operator have incompatible types (\"{}\" and \"{}\")",
            types::sql_name(left),
            types::sql_name(right)
        ),
    )
}

fn is_interval(t: &DataType) -> bool {
    matches!(t, DataType::Interval(_) | DataType::Duration(_))
}

fn is_temporal(t: &DataType) -> bool {
    is_interval(t) || matches!(t, DataType::Date32 | DataType::Timestamp(_, _))
}

fn arithmetic(op: Binary, left: Named, right: Named, name: &str, schema: &dyn ExprSchema) -> Result<Expr> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    if is_interval(&l) || is_interval(&r) {
        let (interval_side, number, kernel) = match op {
            Binary::Multiply if r.is_numeric() => (left.expr, right.expr, &interval::MULTIPLY),
            Binary::Multiply if l.is_numeric() => (right.expr, left.expr, &interval::MULTIPLY),
            Binary::Divide if r.is_numeric() => (left.expr, right.expr, &interval::DIVIDE),
            _ => return Ok(native(op, left.expr, right.expr)),
        };
        let number = cast(number, &DataType::Float64, false, schema)?;
        return Ok(scalar_call(kernel.function(), vec![interval_side, number]));
    }
    let (l, r) = numeric_pair(&l, &r).ok_or_else(|| incompatible(name, &l, &r))?;
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

/// `+` and `-` with dates, timestamps and intervals.
fn temporal(op: Binary, left: Named, right: Named, schema: &dyn ExprSchema) -> Result<Named> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    let plain = format!("{} {} {}", left.name, op.symbol(), right.name);
    let (left, right) = match (&l, &r) {
        (days, DataType::Date32) if days.is_integer() && op == Binary::Add => (right, left),
        _ => (left, right),
    };
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    match (&l, &r) {
        (DataType::Date32, days) if days.is_integer() => {
            let days = cast(right.expr, &DataType::Int32, false, schema)?;
            let (function, expr) = if op == Binary::Add {
                ("date_add", datafusion_spark::expr_fn::date_add(left.expr, days))
            } else {
                ("date_sub", datafusion_spark::expr_fn::date_sub(left.expr, days))
            };
            Ok(Named::new(expr, format!("{function}({}, {})", left.name, right.name)))
        }
        (DataType::Date32 | DataType::Timestamp(_, _), i) if is_interval(i) => {
            let left = match time_of_day(&right.expr) {
                true if l == DataType::Date32 => {
                    let instant = DataType::Timestamp(TimeUnit::Microsecond, None);
                    cast(left.expr, &instant, false, schema)?
                }
                _ => left.expr,
            };
            Ok(Named::new(native(op, left, right.expr), plain))
        }
        (i, DataType::Date32 | DataType::Timestamp(_, _)) if is_interval(i) && op == Binary::Add => {
            Ok(Named::new(native(op, right.expr, left.expr), plain))
        }
        (DataType::Date32, DataType::Date32) if op == Binary::Subtract => {
            let days = cast(native(op, left.expr, right.expr), &DataType::Int64, false, schema)?;
            let seconds = native(Binary::Multiply, days, lit(86_400_i64));
            let interval = cast(seconds, &DataType::Duration(TimeUnit::Second), false, schema)?;
            Ok(Named::new(interval, format!("({plain})")))
        }
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) if op == Binary::Subtract => {
            Ok(Named::new(native(op, left.expr, right.expr), format!("({plain})")))
        }
        (DataType::Timestamp(_, _), DataType::Date32) if op == Binary::Subtract => {
            let right = cast(right.expr, &l, false, schema)?;
            Ok(Named::new(native(op, left.expr, right), format!("({plain})")))
        }
        (DataType::Date32, DataType::Timestamp(_, _)) if op == Binary::Subtract => {
            let left = cast(left.expr, &r, false, schema)?;
            Ok(Named::new(native(op, left, right.expr), format!("({plain})")))
        }
        (a, b) if is_interval(a) && is_interval(b) => {
            Ok(Named::new(native(op, left.expr, right.expr), format!("({plain})")))
        }
        _ => Err(incompatible(&format!("({plain})"), &l, &r)),
    }
}

/// Whether an interval literal has a part below a day.
fn time_of_day(interval: &Expr) -> bool {
    matches!(interval,
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(v)), _) if v.nanoseconds != 0)
}

/// Both sides as types that can be compared.
fn comparable(op: Binary, left: Named, right: Named, schema: &dyn ExprSchema) -> Result<(Expr, Expr)> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    let name = infix(op, &left, &right);
    let left_expr = meet(left.expr, &r, schema)?;
    let right_expr = meet(right.expr, &l, schema)?;
    let (a, b) = (left_expr.get_type(schema)?, right_expr.get_type(schema)?);
    let number_and_other =
        |x: &DataType, y: &DataType| x.is_numeric() && (is_temporal(y) || y == &DataType::Boolean);
    if number_and_other(&a, &b)
        || number_and_other(&b, &a)
        || (a.is_nested() != b.is_nested() && a != DataType::Null && b != DataType::Null)
    {
        return Err(incompatible(&name, &l, &r));
    }
    Ok((left_expr, right_expr))
}

/// Casts a string to the type it is compared with, and a date to a timestamp.
fn meet(expr: Expr, other: &DataType, schema: &dyn ExprSchema) -> Result<Expr> {
    let own = expr.get_type(schema)?;
    let to = match (&own, other) {
        (s, n) if s.is_string() && n.is_integer() => DataType::Int64,
        (s, n) if s.is_string() && n.is_numeric() => DataType::Float64,
        (s, DataType::Boolean | DataType::Date32 | DataType::Timestamp(_, _)) if s.is_string() => {
            other.clone()
        }
        (DataType::Date32, DataType::Timestamp(_, _)) => other.clone(),
        _ => return Ok(expr),
    };
    cast(expr, &to, false, schema)
}

/// `-x`; a number literal turns its sign.
pub fn negative(operand: Named, schema: &dyn ExprSchema) -> Result<Named> {
    let data_type = operand.expr.get_type(schema)?;
    if let Expr::Literal(value, metadata) = &operand.expr
        && data_type.is_numeric()
        && let Ok(negated) = value.arithmetic_negate()
    {
        let name = match operand.name.strip_prefix('-') {
            Some(_) => format!("(- {})", operand.name),
            None => format!("-{}", operand.name),
        };
        return Ok(Named::new(Expr::Literal(negated, metadata.clone()), name));
    }
    let name = format!("(- {})", operand.name);
    if data_type.is_integer() {
        let zero = Expr::Literal(ScalarValue::new_zero(&data_type)?, None);
        return Ok(Named::new(checked(Checked::Subtract, zero, operand.expr), name));
    }
    if data_type.is_string() {
        let number = cast(operand.expr, &DataType::Float64, false, schema)?;
        return Ok(Named::new(Expr::Negative(Box::new(number)), name));
    }
    Ok(Named::new(Expr::Negative(Box::new(operand.expr)), name))
}

/// `NOT x`.
pub fn not(operand: Named, schema: &dyn ExprSchema) -> Result<Named> {
    let name = format!("(NOT {})", operand.name);
    let data_type = operand.expr.get_type(schema)?;
    if !matches!(data_type, DataType::Boolean | DataType::Null) {
        return Err(SparkError::type_mismatch(
            "UNEXPECTED_INPUT_TYPE",
            &name,
            &format!(
                "The first parameter requires the \"BOOLEAN\" type, however \"{}\" has the type \"{}\"",
                operand.name,
                types::sql_name(&data_type)
            ),
        ));
    }
    Ok(Named::new(Expr::Not(Box::new(operand.expr)), name))
}

/// `x [NOT] BETWEEN low AND high`.
pub fn between(
    value: Named,
    low: Named,
    high: Named,
    negated: bool,
    schema: &dyn ExprSchema,
) -> Result<Named> {
    let name = format!("between({}, {}, {})", value.name, low.name, high.name);
    let name = if negated { format!("(NOT {name})") } else { name };
    let data_type = value.expr.get_type(schema)?;
    let (low_type, high_type) = (low.expr.get_type(schema)?, high.expr.get_type(schema)?);
    if data_type.is_string() && !(low_type.is_string() && high_type.is_string()) {
        let from = comparable(Binary::GtEq, value.clone(), low, schema)?;
        let to = comparable(Binary::LtEq, value, high, schema)?;
        let both = native(Binary::GtEq, from.0, from.1).and(native(Binary::LtEq, to.0, to.1));
        return Ok(Named::new(if negated { Expr::Not(Box::new(both)) } else { both }, name));
    }
    let (_, low) = comparable(Binary::GtEq, value.clone(), low, schema)?;
    let (value, high) = comparable(Binary::LtEq, value, high, schema)?;
    let expr = Expr::Between(Between::new(Box::new(value), negated, Box::new(low), Box::new(high)));
    Ok(Named::new(expr, name))
}

/// `x [NOT] IN (a, b)`.
pub fn in_list(value: Named, list: Vec<Named>, negated: bool, schema: &dyn ExprSchema) -> Result<Named> {
    let names: Vec<_> = list.iter().map(|item| item.name.as_str()).collect();
    let name = format!("({} IN ({}))", value.name, names.join(", "));
    let name = if negated { format!("(NOT {name})") } else { name };
    let own = value.expr.get_type(schema)?;
    // A string among numbers is compared as a number, on whichever side it stands.
    let mut expr = value.expr.clone();
    for item in &list {
        let other = item.expr.get_type(schema)?;
        if own.is_string() && !other.is_string() && other != DataType::Null {
            expr = meet(value.expr.clone(), &other, schema)?;
            break;
        }
    }
    let items: Result<Vec<_>> =
        list.into_iter().map(|item| Ok(comparable(Binary::Eq, value.clone(), item, schema)?.1)).collect();
    Ok(Named::new(Expr::InList(InList::new(Box::new(expr), items?, negated)), name))
}

/// `x [NOT] LIKE pattern`, with or without regard to case.
pub fn like(
    value: Named,
    pattern: Named,
    escape: Option<char>,
    insensitive: bool,
    negated: bool,
    schema: &dyn ExprSchema,
) -> Result<Named> {
    let name = if insensitive {
        format!("ilike({}, {})", value.name, pattern.name)
    } else {
        let escape = escape.map_or_else(String::new, |c| format!(" ESCAPE '{c}'"));
        format!("{} LIKE {}{escape}", value.name, pattern.name)
    };
    let name = if negated { format!("(NOT {name})") } else { name };
    let value = cast(value.expr, &DataType::Utf8, false, schema)?;
    let pattern = cast(pattern.expr, &DataType::Utf8, false, schema)?;
    // Arrow escapes with a backslash only.
    let (pattern, escape) = match escape {
        Some(other) if other != '\\' => {
            let kernel = crate::functions::string::LIKE_PATTERN.function();
            (scalar_call(kernel, vec![pattern, lit(other.to_string())]), None)
        }
        escape => (pattern, escape),
    };
    let like = Like::new(negated, Box::new(value), Box::new(pattern), escape, insensitive);
    Ok(Named::new(Expr::Like(like), name))
}

/// A call of a function that DataFusion or datafusion-spark provides.
pub fn scalar_call(function: Arc<ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function, args))
}
