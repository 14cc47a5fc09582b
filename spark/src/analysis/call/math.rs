//! Calls of functions on numbers and bits.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::invocation::{Call, Param};
use crate::analysis::coercion::{integer_digits, unified};
use crate::analysis::common::Strings;
use crate::analysis::operator::{self, Binary, scalar_call};
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::arithmetic;
use crate::functions::interval as intervals;
use crate::functions::kernel::Kernel;
use crate::functions::math as kernels;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Bytes, Double, Int, Long, Text};
    let name = match call.name {
        "sign" => "signum",
        "pow" => "power",
        "ceiling" => "ceil",
        other => other,
    };
    if name == "signum"
        && call.args.len() == 1
        && interval::units(&call.expr(0)?, call.context.schema)?.is_some()
    {
        let count = scalar_call(intervals::COUNT.function(), vec![call.expr(0)?]);
        let count = call.cast(count, &DataType::Float64)?;
        return call.named(call.builtin("signum", vec![count])?);
    }
    if let Some(kernel) = kernels::unary(name) {
        return call.run(kernel, &[Double], &[]);
    }
    if name == "log" && call.args.len() == 1 {
        let expr = call.builtin("spark_ln", vec![call.param(0, Double)?])?;
        return call.named(expr);
    }
    if let Some(kernel) = kernels::binary(name) {
        return call.run(kernel, &[Double, Double], &[]);
    }
    match name {
        "e" => call.cast_args(&[], &[]).and_then(|_| call.named(lit(std::f64::consts::E))),
        "pi" => call.cast_args(&[], &[]).and_then(|_| call.named(lit(std::f64::consts::PI))),
        "abs" => {
            call.arity(1, 1)?;
            if interval::units(&call.expr(0)?, call.context.schema)?.is_some() {
                return call.named(scalar_call(intervals::ABS.function(), vec![call.expr(0)?]));
            }
            let arg = if call.data_type(0)?.is_string() { call.param(0, Double)? } else { call.expr(0)? };
            let expr = call.builtin("abs", vec![arg])?;
            call.named(expr)
        }
        "positive" => {
            call.arity(1, 1)?;
            Ok(Some(Named::new(call.expr(0)?, format!("(+ {})", call.arg(0)?.name))))
        }
        "negative" => {
            call.arity(1, 1)?;
            let negative = operator::negative(call.arg(0)?.clone(), call.context.schema)?;
            call.named(negative.expr)
        }
        "ceil" | "floor" => ceil_or_floor(call, name == "ceil"),
        "round" => rounded(call, &kernels::ROUND),
        "bround" => rounded(call, &kernels::BROUND),
        "mod" => operators(call, Binary::Remainder).and_then(|expr| call.named(expr)),
        "pmod" => positive_remainder(call),
        "div" => operators(call, Binary::IntDivide).and_then(|expr| call.named(expr)),
        "try_add" => tolerant(call, Binary::Add),
        "try_subtract" => tolerant(call, Binary::Subtract),
        "try_multiply" => tolerant(call, Binary::Multiply),
        "try_divide" => tolerant(call, Binary::Divide),
        "try_mod" => tolerant(call, Binary::Remainder),
        "greatest" | "least" => {
            if call.args.len() < 2 {
                return Err(SparkError::wrong_num_args(call.name, "> 1", call.args.len()));
            }
            let args = unified(call.name, &call.text(), call.args, call.context.schema, Strings::GiveWay)?;
            let expr = call.builtin(call.name, args)?;
            call.named(expr)
        }
        "bin" => call.run(&kernels::BIN, &[Long], &[]),
        "hex" => {
            call.arity(1, 1)?;
            let text = call.data_type(0)?;
            if text.is_string() || text == DataType::Binary {
                return call.run(&kernels::HEX_BYTES, &[Bytes], &[]);
            }
            call.run(&kernels::HEX, &[Long], &[])
        }
        "unhex" => call.run(&kernels::UNHEX, &[Text], &[]),
        "conv" => call.run(&kernels::CONV, &[Text, Int, Int], &[]),
        "factorial" => call.run(&kernels::FACTORIAL, &[Int], &[]),
        "width_bucket" => {
            call.arity(4, 4)?;
            let mut args = Vec::with_capacity(4);
            for index in 0..3 {
                args.push(match interval::units(&call.expr(index)?, call.context.schema)? {
                    Some(_) => {
                        let count = scalar_call(intervals::COUNT.function(), vec![call.expr(index)?]);
                        call.cast(count, &DataType::Float64)?
                    }
                    None => call.param(index, Double)?,
                });
            }
            args.push(call.param(3, Long)?);
            let expr = call.builtin("width_bucket", args)?;
            let expr = call.cast(expr, &DataType::Int64)?;
            call.named(expr)
        }
        "shiftleft" | "shiftright" | "shiftrightunsigned" => {
            call.arity(2, 2)?;
            let value = match call.data_type(0)? {
                DataType::Int64 => call.expr(0)?,
                _ => call.param(0, Int)?,
            };
            let expr = call.builtin(name, vec![value, call.param(1, Int)?])?;
            call.named(expr)
        }
        "bit_get" | "getbit" => {
            call.arity(2, 2)?;
            let expr = call.builtin("bit_get", vec![call.expr(0)?, call.param(1, Int)?])?;
            call.named(expr)
        }
        _ => Ok(None),
    }
}

fn operators(call: &Call<'_>, op: Binary) -> Result<Expr> {
    call.arity(2, 2)?;
    let context = call.context;
    let (left, right) = (call.arg(0)?.clone(), call.arg(1)?.clone());
    Ok(operator::binary_in(op, left, right, context.schema, context.time_zone)?.expr)
}

/// An operator that gives null where it would fail.
fn tolerant(call: &Call<'_>, op: Binary) -> Result<Option<Named>> {
    let expr = operators(call, op)?;
    call.named(arithmetic::tolerant(expr))
}

fn positive_remainder(call: &Call<'_>) -> Result<Option<Named>> {
    let schema = call.context.schema;
    let rest = operators(call, Binary::Remainder)?;
    let to = rest.get_type(schema)?;
    let zero = Expr::Literal(ScalarValue::new_zero(&to)?, None);
    let remainder = Named::new(rest.clone(), "");
    let moved = operator::binary(Binary::Add, remainder, call.arg(1)?.clone(), schema)?;
    let moved = operator::binary(Binary::Remainder, moved, call.arg(1)?.clone(), schema)?;
    let moved = call.cast(moved.expr, &to)?;
    let expr = datafusion::logical_expr::when(rest.clone().lt(zero), moved).otherwise(rest)?;
    call.named(expr)
}

/// The type of a decimal rounded to some digits.
fn rounded_decimal(precision: u8, scale: i8, digits: i32) -> DataType {
    let whole = i32::from(precision) - i32::from(scale) + 1;
    if digits < 0 {
        return DataType::Decimal128(whole.max(1 - digits).min(38) as u8, 0);
    }
    let kept = i32::from(scale).min(digits);
    DataType::Decimal128((whole + kept).min(38) as u8, kept as i8)
}

/// The digits argument, which must be constant.
fn digits(call: &Call<'_>) -> Result<i32> {
    if call.args.len() < 2 {
        return Ok(0);
    }
    let value = match call.param(1, Param::Int)? {
        Expr::Literal(ScalarValue::Int32(value), _) => value,
        Expr::Cast(cast) => match *cast.expr {
            Expr::Literal(value, _) => match value.cast_to(&DataType::Int32)? {
                ScalarValue::Int32(value) => value,
                _ => None,
            },
            _ => return Err(not_constant(call)),
        },
        _ => return Err(not_constant(call)),
    };
    Ok(value.unwrap_or(0))
}

fn not_constant(call: &Call<'_>) -> SparkError {
    let shown = call.args.get(1).map_or("", |arg| arg.name.as_str());
    SparkError::type_mismatch(
        "NON_FOLDABLE_INPUT",
        &call.text(),
        &format!("the input `scale` should be a foldable \"INT\" expression; however, got \"{shown}\""),
    )
}

fn rounded(call: &Call<'_>, kernel: &'static Kernel) -> Result<Option<Named>> {
    call.arity(1, 2)?;
    let digits = digits(call)?;
    let data_type = call.data_type(0)?;
    let value = if data_type.is_numeric() { call.expr(0)? } else { call.param(0, Param::Double)? };
    let to = match value.get_type(call.context.schema)? {
        DataType::Decimal128(precision, scale) => rounded_decimal(precision, scale, digits),
        other => other,
    };
    let target = Expr::Literal(ScalarValue::try_from(&to)?, None);
    call.named(scalar_call(kernel.function(), vec![value, lit(digits), target]))
}

fn ceil_or_floor(call: &Call<'_>, up: bool) -> Result<Option<Named>> {
    call.arity(1, 2)?;
    let kernel = if up { &kernels::CEIL } else { &kernels::FLOOR };
    let data_type = call.data_type(0)?;
    if call.args.len() == 2 {
        // Digits turn every number into a decimal.
        let value = match &data_type {
            DataType::Decimal128(..) => call.expr(0)?,
            t if t.is_integer() => call.to(0, &DataType::Decimal128(integer_digits(t), 0))?,
            DataType::Float32 => call.to(0, &DataType::Decimal128(14, 7))?,
            _ => call.to(0, &DataType::Decimal128(30, 15))?,
        };
        let digits = digits(call)?;
        let DataType::Decimal128(precision, scale) = value.get_type(call.context.schema)? else {
            return Err(SparkError::internal("a decimal lost its type"));
        };
        let target = Expr::Literal(ScalarValue::try_from(&rounded_decimal(precision, scale, digits))?, None);
        return call.named(scalar_call(kernel.function(), vec![value, lit(digits), target]));
    }
    match data_type {
        DataType::Decimal128(precision, scale) => {
            let target = Expr::Literal(ScalarValue::try_from(&rounded_decimal(precision, scale, 0))?, None);
            call.named(scalar_call(kernel.function(), vec![call.expr(0)?, lit(0_i32), target]))
        }
        integer if integer.is_integer() => {
            let expr = call.param(0, Param::Long)?;
            call.named(expr)
        }
        _ => {
            let value = call.param(0, Param::Double)?;
            // Those of the registry: executors find functions by name, and DataFusion's own of these
            // names give doubles.
            call.named(call.builtin(if up { "ceil" } else { "floor" }, vec![value])?)
        }
    }
}
