//! Calls of hash functions.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ExprSchemable;

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::hash as kernels;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "hash" | "xxhash64" => {
            call.arity(1, usize::MAX)?;
            for index in 0..call.args.len() {
                if matches!(call.data_type(index)?, DataType::Map(..)) {
                    return Err(SparkError::type_mismatch(
                        "HASH_MAP_TYPE",
                        &call.text(),
                        &format!(
                            "Input to the function `{}` cannot contain elements of the \"MAP\" type",
                            call.name
                        ),
                    ));
                }
            }
            let kernel = if call.name == "hash" { &kernels::HASH } else { &kernels::XXHASH64 };
            scalar_call(kernel.function(), call.exprs())
        }
        "md5" => {
            call.arity(1, 1)?;
            call.builtin("md5", vec![call.param(0, Param::Bytes)?])?
        }
        "sha" | "sha1" => {
            call.arity(1, 1)?;
            call.builtin("sha1", vec![call.param(0, Param::Bytes)?])?
        }
        "sha2" => {
            call.arity(2, 2)?;
            call.builtin("sha2", vec![call.param(0, Param::Bytes)?, call.param(1, Param::Int)?])?
        }
        "crc32" => {
            call.arity(1, 1)?;
            call.builtin("crc32", vec![call.param(0, Param::Bytes)?])?
        }
        _ => return Ok(None),
    };
    // Digests come in DataFusion's string types.
    let expr = match expr.get_type(call.context.schema)? {
        t if t.is_string() && t != DataType::Utf8 => call.cast(expr, &DataType::Utf8)?,
        _ => expr,
    };
    call.named(expr)
}
