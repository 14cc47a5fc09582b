//! Operators with Spark's types: what each side is cast to, and the name of the result.

mod arithmetic;
mod predicate;
mod temporal;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator as DfOperator, ScalarUDF};

use self::arithmetic::arithmetic;
pub use self::predicate::{between, in_list, like, not};
pub use self::temporal::binary_in;
use self::temporal::temporal;
use super::cast::cast;
use super::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::arithmetic::Operator as Checked;
use crate::functions::interval as kernels;
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
            // An interval stands before the number it is multiplied by.
            let (left, right) =
                if op == Binary::Multiply && is_interval(&r) { (right, left) } else { (left, right) };
            let call = |function: &str| format!("{function}({}, {})", left.name, right.name);
            let name = match op {
                Binary::Multiply if interval::is_calendar(&left.expr.get_type(schema)?) => {
                    call("multiply_interval")
                }
                Binary::Divide if interval::is_calendar(&l) => call("divide_interval"),
                _ => infix(op, &left, &right),
            };
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
                return Err(incompatible(&name, &left.expr, &right.expr, schema));
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

fn incompatible(name: &str, left: &Expr, right: &Expr, schema: &dyn ExprSchema) -> SparkError {
    let shown = |expr: &Expr| interval::sql_name(expr, schema).unwrap_or_default();
    SparkError::type_mismatch(
        "BINARY_OP_DIFF_TYPES",
        name,
        &format!(
            "the left and right operands of the binary operator have incompatible types (\"{}\" and \"{}\")",
            shown(left),
            shown(right)
        ),
    )
}

fn is_interval(t: &DataType) -> bool {
    matches!(t, DataType::Interval(_) | DataType::Duration(_))
}

fn is_temporal(t: &DataType) -> bool {
    is_interval(t) || matches!(t, DataType::Date32 | DataType::Timestamp(_, _))
}

/// Both sides as types that can be compared.
fn comparable(op: Binary, left: Named, right: Named, schema: &dyn ExprSchema) -> Result<(Expr, Expr)> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    let name = infix(op, &left, &right);
    if interval::is_calendar(&l) || interval::is_calendar(&r) {
        return Err(interval::not_ordered(&name, op.symbol()));
    }
    let intervals_differ = (is_interval(&l) || is_interval(&r))
        && l != r
        && !matches!((&l, &r), (DataType::Null, _) | (_, DataType::Null));
    if intervals_differ {
        return Err(incompatible(&name, &left.expr, &right.expr, schema));
    }
    let left_expr = meet(left.expr.clone(), &r, schema)?;
    let right_expr = meet(right.expr.clone(), &l, schema)?;
    let (a, b) = (left_expr.get_type(schema)?, right_expr.get_type(schema)?);
    let number_and_other =
        |x: &DataType, y: &DataType| x.is_numeric() && (is_temporal(y) || y == &DataType::Boolean);
    if number_and_other(&a, &b)
        || number_and_other(&b, &a)
        || (a.is_nested() != b.is_nested() && a != DataType::Null && b != DataType::Null)
    {
        return Err(incompatible(&name, &left.expr, &right.expr, schema));
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
    if is_interval(&data_type) {
        return Ok(Named::new(scalar_call(kernels::NEGATE.function(), vec![operand.expr]), name));
    }
    if data_type.is_string() {
        let number = cast(operand.expr, &DataType::Float64, false, schema)?;
        return Ok(Named::new(Expr::Negative(Box::new(number)), name));
    }
    Ok(Named::new(Expr::Negative(Box::new(operand.expr)), name))
}

/// A call of a function that DataFusion or datafusion-spark provides.
pub fn scalar_call(function: Arc<ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function, args))
}
