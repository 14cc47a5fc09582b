//! Calls of functions on JSON.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::lit;

use super::invocation::{Call, Param};
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, constant};
use crate::error::{Result, SparkError};
use crate::functions::json as kernels;
use crate::source::json::infer;
use crate::source::json::options::JsonOptions;
use crate::source::options::Options;
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "get_json_object" => call.run(&kernels::GET_OBJECT, &[Param::Text, Param::Text], &[]),
        "json_array_length" => call.run(&kernels::ARRAY_LENGTH, &[Param::Text], &[]),
        "json_object_keys" => call.run(&kernels::OBJECT_KEYS, &[Param::Text], &[]),
        "to_json" => {
            call.arity(1, 2)?;
            if !call.data_type(0)?.is_nested() {
                return Err(call.unexpected(0, "(\"STRUCT\" or \"ARRAY\" or \"MAP\" or \"VARIANT\")"));
            }
            let given = lit(json_text(&given_options(call, 1)?)?);
            let expr = scalar_call(kernels::TO_JSON.function(), vec![call.expr(0)?, given]);
            Ok(Some(Named::new(expr, format!("to_json({})", call.arg(0)?.name))))
        }
        "schema_of_json" => {
            call.arity(1, 2)?;
            let Some(text) = constant::text(&call.expr(0)?) else {
                return Err(SparkError::type_mismatch(
                    "NON_FOLDABLE_INPUT",
                    &call.text(),
                    &format!(
                        "the input `json` should be a foldable \"STRING\" expression; however, got \"{}\"",
                        call.arg(0)?.name
                    ),
                ));
            };
            let given = given_options(call, 1)?;
            let options = JsonOptions::new(&Options(&given), call.context.time_zone)?;
            let data_type = infer::value_type(&text, &options)?.unwrap_or(DataType::Utf8);
            Ok(Some(Named::new(
                lit(types::ddl(&data_type)),
                format!("schema_of_json({})", call.arg(0)?.name),
            )))
        }
        _ => Ok(None),
    }
}

/// The options of a call, with the session's zone among them.
pub(super) fn given_options(call: &Call<'_>, index: usize) -> Result<BTreeMap<String, String>> {
    let mut given = match call.args.get(index) {
        Some(arg) => constant::options(&arg.expr)?,
        None => BTreeMap::new(),
    };
    if !given.keys().any(|key| key.eq_ignore_ascii_case("timeZone")) {
        given.insert("timeZone".to_owned(), call.context.time_zone.to_owned());
    }
    Ok(given)
}

/// The options as they travel to the kernels.
pub(super) fn json_text(given: &BTreeMap<String, String>) -> Result<String> {
    serde_json::to_string(given).map_err(SparkError::internal)
}
