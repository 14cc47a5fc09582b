//! Calls that write numbers by a format, or read them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::coercion::integer_digits;
use crate::analysis::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::number_format as kernels;
use crate::functions::{math, string};

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "to_number" | "try_to_number" => {
            call.arity(2, 2)?;
            let Some(format) = call.constant_text(1) else { return Err(not_constant(call)) };
            let to = kernels::result_type(format)?;
            let kernel = if call.name == "to_number" { &kernels::TO_NUMBER } else { &kernels::TRY_TO_NUMBER };
            let target = Expr::Literal(ScalarValue::try_from(&to)?, None);
            call.named(scalar_call(
                kernel.function(),
                vec![call.param(0, Param::Text)?, call.expr(1)?, target],
            ))
        }
        "to_char" | "to_varchar" => to_char(call),
        "format_number" => {
            call.arity(2, 2)?;
            let value = match call.data_type(0)? {
                DataType::Decimal128(..) => call.expr(0)?,
                integer if integer.is_integer() => call.to(0, &DataType::Decimal128(20, 0))?,
                _ => call.param(0, Param::Double)?,
            };
            let (kernel, param) = match call.data_type(1)?.is_string() {
                true => (&kernels::FORMAT_PATTERN, Param::Text),
                false => (&kernels::FORMAT_DIGITS, Param::Int),
            };
            call.named(scalar_call(kernel.function(), vec![value, call.param(1, param)?]))
        }
        _ => Ok(None),
    }
}

fn not_constant(call: &Call<'_>) -> SparkError {
    SparkError::type_mismatch(
        "NON_FOLDABLE_INPUT",
        &call.text(),
        "the input `format` should be a foldable \"STRING\" expression",
    )
}

/// Numbers by a number format, dates by a date pattern, bytes by the name of an encoding.
fn to_char(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(2, 2)?;
    let data_type = call.data_type(0)?;
    match &data_type {
        DataType::Date32 | DataType::Timestamp(..) => {
            let format = Call { name: "date_format", ..*call };
            let named = super::timestamp::call(&format)?;
            Ok(named.map(|named| Named::new(named.expr, named.name)))
        }
        DataType::Binary => {
            let expr = match call.constant_text(1).map(str::to_lowercase).as_deref() {
                Some("base64") => call.builtin("base64", vec![call.expr(0)?])?,
                Some("hex") => scalar_call(math::HEX_BYTES.function(), vec![call.expr(0)?]),
                Some("utf-8") => scalar_call(string::DECODE.function(), vec![call.expr(0)?, lit("UTF-8")]),
                _ => {
                    return Err(SparkError::new(
                        "INVALID_PARAMETER_VALUE.BINARY_FORMAT",
                        "22023",
                        format!(
                            "The value of parameter(s) `format` in `{}` is invalid: expects one of binary formats \
                             'base64', 'hex', 'utf-8', but got {}.",
                            call.name,
                            call.arg(1)?.name
                        ),
                    ));
                }
            };
            let shown = &call.arg(0)?.name;
            let name = match (call.name, call.constant_text(1).map(str::to_lowercase).as_deref()) {
                ("to_varchar", _) => format!("to_varchar({shown})"),
                (_, Some("utf-8")) => format!("decode({shown}, utf-8)"),
                (_, format) => format!("{}({shown})", format.unwrap_or_default()),
            };
            Ok(Some(Named::new(expr, name)))
        }
        _ => {
            let value = match &data_type {
                DataType::Decimal128(..) => call.expr(0)?,
                integer if integer.is_integer() => {
                    call.to(0, &DataType::Decimal128(integer_digits(integer), 0))?
                }
                DataType::Float32 => call.to(0, &DataType::Decimal128(14, 7))?,
                _ => call.to(0, &DataType::Decimal128(30, 15))?,
            };
            call.named(scalar_call(kernels::TO_CHAR.function(), vec![value, call.param(1, Param::Text)?]))
        }
    }
}
