//! Calls of functions on CSV.

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use super::json::{constant_input, given_options, json_text, nullable, schema_argument};
use crate::analysis::Named;
use crate::analysis::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::csv as kernels;
use crate::source::csv::infer::{self, Guess, Inference};
use crate::source::csv::options::CsvOptions;
use crate::source::csv::tokenizer::Tokenizer;
use crate::source::datetime::parse_zone;
use crate::source::options::{Options, ParseMode};
use crate::source::{errors, today};
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "from_csv" => {
            call.arity(2, 3)?;
            let schema = schema_argument(call)?;
            if !matches!(schema, DataType::Struct(_)) {
                return Err(SparkError::new(
                    "INVALID_SCHEMA.NON_STRUCT_TYPE",
                    "42K07",
                    format!(
                        "The input schema \"{}\" is not a valid schema string. The input expression should be \
                         evaluated to struct type, but got \"{}\".",
                        call.arg(1)?.name,
                        types::sql_name(&schema)
                    ),
                ));
            }
            let to = nullable(&schema);
            let given = given_options(call, 2)?;
            refuse_dropping(call.name, &Options(&given))?;
            let target = Expr::Literal(ScalarValue::try_from(&to)?, None);
            let args = vec![call.param(0, Param::Text)?, lit(json_text(&given)?), target];
            let expr = scalar_call(kernels::FROM_CSV.function(), args);
            Ok(Some(Named::new(expr, format!("from_csv({})", call.arg(0)?.name))))
        }
        "to_csv" => {
            call.arity(1, 2)?;
            if !matches!(call.data_type(0)?, DataType::Struct(_)) {
                return Err(call.unexpected(0, "STRUCT"));
            }
            let given = lit(json_text(&given_options(call, 1)?)?);
            let expr = scalar_call(kernels::TO_CSV.function(), vec![call.expr(0)?, given]);
            Ok(Some(Named::new(expr, format!("to_csv({})", call.arg(0)?.name))))
        }
        "schema_of_csv" => {
            call.arity(1, 2)?;
            let text = constant_input(call, "csv")?;
            let given = given_options(call, 1)?;
            let schema = inferred(&text, &Options(&given), call.context.time_zone)?;
            Ok(Some(Named::new(lit(types::ddl(&schema)), format!("schema_of_csv({})", call.arg(0)?.name))))
        }
        _ => Ok(None),
    }
}

/// A function cannot leave out its row.
pub(super) fn refuse_dropping(function: &str, options: &Options<'_>) -> Result<()> {
    if options.mode() != ParseMode::DropMalformed {
        return Ok(());
    }
    Err(SparkError::new(
        "PARSE_MODE_UNSUPPORTED",
        "42601",
        format!(
            "The function `{function}` doesn't support the DROPMALFORMED mode. Acceptable modes are PERMISSIVE and FAILFAST."
        ),
    )
    .with_param("funcName", format!("`{function}`"))
    .with_param("mode", "DROPMALFORMED"))
}

/// The type of one record.
fn inferred(text: &str, given: &Options<'_>, time_zone: &str) -> Result<DataType> {
    let options = CsvOptions::new(given, time_zone)?;
    let zone = parse_zone(&options.time_zone)
        .ok_or_else(|| errors::bad_option("timeZone", &options.time_zone, "a time zone"))?;
    let formats = infer::formats(&options, zone, today(&options.time_zone)?);
    let inference =
        Inference { options: &options, formats: &formats, prefer_date: given.flag("preferDate", true)? };
    let mut tokenizer = Tokenizer::new(&options);
    tokenizer.record(text.as_bytes());
    let mut guesses = vec![Guess::Null; tokenizer.width()];
    inference.add(&mut guesses, &tokenizer, text.as_bytes());
    let fields: Fields = guesses
        .into_iter()
        .enumerate()
        .map(|(index, guess)| {
            Field::new(format!("_c{index}"), infer::data_type(guess, &options.time_zone), true)
        })
        .collect();
    Ok(DataType::Struct(fields))
}
