//! Calls of functions on JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, constant};
use crate::connect::data_type::parse_type;
use crate::error::{Result, SparkError};
use crate::functions::json as kernels;
use crate::session::is_on;
use crate::source::json::infer;
use crate::source::json::options::JsonOptions;
use crate::source::options::Options;
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "get_json_object" => call.run(&kernels::GET_OBJECT, &[Param::Text, Param::Text], &[]),
        "json_array_length" => call.run(&kernels::ARRAY_LENGTH, &[Param::Text], &[]),
        "json_object_keys" => call.run(&kernels::OBJECT_KEYS, &[Param::Text], &[]),
        "from_json" => {
            call.arity(2, 3)?;
            let to = nullable(&schema_argument(call)?);
            let given = lit(json_text(&given_options(call, 2)?)?);
            let target = Expr::Literal(ScalarValue::try_from(&to)?, None);
            let expr =
                scalar_call(kernels::FROM_JSON.function(), vec![call.param(0, Param::Text)?, given, target]);
            Ok(Some(Named::new(expr, format!("from_json({})", call.arg(0)?.name))))
        }
        "to_json" => {
            call.arity(1, 2)?;
            if !call.data_type(0)?.is_nested() {
                return Err(call.unexpected(0, "(\"STRUCT\" or \"ARRAY\" or \"MAP\" or \"VARIANT\")"));
            }
            let mut given = given_options(call, 1)?;
            let kept = !is_on(call.context.conf, "spark.sql.jsonGenerator.ignoreNullFields");
            if kept && !given.keys().any(|key| key.eq_ignore_ascii_case("ignoreNullFields")) {
                given.insert("ignoreNullFields".to_owned(), "false".to_owned());
            }
            let given = lit(json_text(&given)?);
            let expr = scalar_call(kernels::TO_JSON.function(), vec![call.expr(0)?, given]);
            Ok(Some(Named::new(expr, format!("to_json({})", call.arg(0)?.name))))
        }
        "schema_of_json" => {
            call.arity(1, 2)?;
            let text = constant_input(call, "json")?;
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

/// The type that the second argument tells, which must be a constant string.
pub(super) fn schema_argument(call: &Call<'_>) -> Result<DataType> {
    let Some(schema) = constant::text(&call.expr(1)?) else {
        return Err(SparkError::new(
            "INVALID_SCHEMA.NON_STRING_LITERAL",
            "42K07",
            format!(
                "The input schema \"{}\" is not a valid schema string. The input expression must be string literal and not null.",
                call.arg(1)?.name
            ),
        ));
    };
    parse_type(&schema, call.context.time_zone)
}

/// The first argument, which must be a constant string.
pub(super) fn constant_input(call: &Call<'_>, name: &str) -> Result<String> {
    constant::text(&call.expr(0)?).ok_or_else(|| {
        let shown = call.args.first().map_or("", |arg| arg.name.as_str());
        SparkError::type_mismatch(
            "NON_FOLDABLE_INPUT",
            &call.text(),
            &format!(
                "the input `{name}` should be a foldable \"STRING\" expression; however, got \"{shown}\""
            ),
        )
    })
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

/// The type with fields and items that may be null, whatever the schema says.
pub(super) fn nullable(data_type: &DataType) -> DataType {
    let field = |field: &Field| -> Field {
        field.clone().with_data_type(nullable(field.data_type())).with_nullable(true)
    };
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| field(f)).collect()),
        DataType::List(item) => DataType::List(Arc::new(field(item))),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                types::map(kv[0].data_type().clone(), nullable(kv[1].data_type()))
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}
