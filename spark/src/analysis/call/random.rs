//! Calls of functions of chance.

use std::hash::{BuildHasher, Hasher, RandomState};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::invocation::{Call, Param};
use crate::analysis::coercion::unified;
use crate::analysis::common::Strings;
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, constant};
use crate::error::{Result, SparkError};
use crate::functions::partition::ROW_ID;
use crate::functions::random as kernels;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "rand" | "random" => {
            call.arity(0, 1)?;
            let args = vec![seed(call, 0)?, row_id()];
            let expr = scalar_call(kernels::RAND.function(), args);
            Ok(Some(Named::new(expr, super::call_text("rand", call.args))))
        }
        "randn" => {
            call.arity(0, 1)?;
            call.named(scalar_call(kernels::RANDN.function(), vec![seed(call, 0)?, row_id()]))
        }
        "uniform" => uniform(call),
        "randstr" => {
            call.arity(1, 2)?;
            let length = match constant::fold(&call.param(0, Param::Int)?) {
                Ok(ScalarValue::Int32(length)) if is_constant(call, 0) => length.unwrap_or(0),
                _ => return Err(not_constant(call, 0, "length", "INT")),
            };
            if length < 0 {
                return Err(SparkError::new(
                    "INVALID_PARAMETER_VALUE.LENGTH",
                    "22023",
                    format!(
                        "The value of parameter(s) `length` in `randstr` is invalid: Expects `length` greater than \
                         or equal to 0, but got {length}."
                    ),
                )
                .with_param("parameter", "`length`")
                .with_param("functionName", "`randstr`")
                .with_param("length", length.to_string()));
            }
            call.named(scalar_call(kernels::RANDSTR.function(), vec![lit(length), seed(call, 1)?, row_id()]))
        }
        "shuffle" => {
            call.arity(1, 2)?;
            if !matches!(call.data_type(0)?, DataType::List(_)) {
                return Err(call.unexpected(0, "ARRAY"));
            }
            call.named(scalar_call(
                kernels::SHUFFLE.function(),
                vec![call.expr(0)?, seed(call, 1)?, row_id()],
            ))
        }
        _ => Ok(None),
    }
}

/// Where a row stands in its partition.
fn row_id() -> Expr {
    scalar_call(ROW_ID.function(), vec![])
}

fn is_constant(call: &Call<'_>, index: usize) -> bool {
    call.args.get(index).is_some_and(|arg| arg.expr.column_refs().is_empty())
}

fn not_constant(call: &Call<'_>, index: usize, input: &str, wanted: &str) -> SparkError {
    let shown = call.args.get(index).map_or("", |arg| arg.name.as_str());
    SparkError::type_mismatch(
        "NON_FOLDABLE_INPUT",
        &call.text(),
        &format!(
            "the input `{input}` should be a foldable \"{wanted}\" expression; however, got \"{shown}\""
        ),
    )
}

/// The seed that an argument gives, 0 for null; without one it is left to chance.
fn seed(call: &Call<'_>, index: usize) -> Result<Expr> {
    if call.args.len() <= index {
        let chance = RandomState::new().build_hasher().finish();
        return Ok(lit(chance.cast_signed()));
    }
    if !is_constant(call, index) {
        return Err(not_constant(call, index, "seed", "BIGINT"));
    }
    match constant::fold(&call.param(index, Param::Long)?)? {
        ScalarValue::Int64(seed) => Ok(lit(seed.unwrap_or(0))),
        _ => Err(not_constant(call, index, "seed", "BIGINT")),
    }
}

/// `uniform(low, high[, seed])`, of the type that both bounds have in common.
fn uniform(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(2, 3)?;
    for (index, input) in ["min", "max"].into_iter().enumerate() {
        if !is_constant(call, index) {
            return Err(not_constant(call, index, input, "NUMERIC"));
        }
    }
    let to = unified("uniform", &call.text(), &call.args[..2], call.context.schema, Strings::GiveWay)?;
    let to = to[0].get_type(call.context.schema)?;
    let (low, high) = (call.param(0, Param::Double)?, call.param(1, Param::Double)?);
    let chance = scalar_call(kernels::RAND.function(), vec![seed(call, 2)?, row_id()]);
    let value = call.cast(low.clone() + (high - low) * chance, &to)?;
    call.named(value)
}
