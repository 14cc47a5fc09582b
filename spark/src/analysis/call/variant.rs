//! Calls of functions on variants.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::cast::{is_variant_part, not_allowed};
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, constant};
use crate::connect::data_type::parse_type;
use crate::error::{Result, SparkError};
use crate::functions::kernel::Kernel;
use crate::functions::variant as kernels;
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "parse_json" => call.run(&kernels::PARSE, &[Param::Text], &[]),
        "try_parse_json" => call.run(&kernels::TRY_PARSE, &[Param::Text], &[]),
        "is_variant_null" => on_variant(call, &kernels::IS_NULL),
        "schema_of_variant" => on_variant(call, &kernels::SCHEMA),
        "variant_get" => get(call, &kernels::GET),
        "try_variant_get" => get(call, &kernels::TRY_GET),
        "to_variant_object" => {
            call.arity(1, 1)?;
            let from = call.data_type(0)?;
            if !from.is_nested() || !is_variant_part(&from, true) {
                return Err(not_allowed(&call.text(), &from, &types::variant()));
            }
            call.named(scalar_call(kernels::TO_VARIANT.function(), vec![call.expr(0)?]))
        }
        "to_json" if call.data_type(0).is_ok_and(|t| types::is_variant(&t)) => {
            call.arity(1, 2)?;
            let args = vec![call.expr(0)?, lit(call.context.time_zone)];
            call.named(scalar_call(kernels::TO_JSON.function(), args))
        }
        _ => Ok(None),
    }
}

fn on_variant(call: &Call<'_>, kernel: &'static Kernel) -> Result<Option<Named>> {
    call.arity(1, 1)?;
    call.named(scalar_call(kernel.function(), vec![variant(call, 0)?]))
}

fn variant(call: &Call<'_>, index: usize) -> Result<Expr> {
    match call.data_type(index)? {
        found if types::is_variant(&found) => call.expr(index),
        datafusion::arrow::datatypes::DataType::Null => call.cast(call.expr(index)?, &types::variant()),
        _ => Err(call.unexpected(index, "VARIANT")),
    }
}

/// The type is not part of the text.
fn get(call: &Call<'_>, kernel: &'static Kernel) -> Result<Option<Named>> {
    call.arity(2, 3)?;
    let to = if call.args.len() == 3 {
        let Some(name) = constant::text(&call.expr(2)?) else {
            return Err(SparkError::type_mismatch(
                "NON_FOLDABLE_INPUT",
                &call.text(),
                &format!(
                    "the input `type` should be a foldable \"STRING\" expression; however, got \"{}\"",
                    call.arg(2)?.name
                ),
            ));
        };
        parse_type(&name, call.context.time_zone)?
    } else {
        types::variant()
    };
    let target = Expr::Literal(ScalarValue::try_from(&to)?, None);
    let args = vec![variant(call, 0)?, call.param(1, Param::Text)?, target, lit(call.context.time_zone)];
    let name = format!("{}({}, {})", call.name, call.arg(0)?.name, call.arg(1)?.name);
    Ok(Some(Named::new(scalar_call(kernel.function(), args), name)))
}
