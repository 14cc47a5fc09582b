//! Calls of functions on XML.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::csv::refuse_dropping;
use super::invocation::{Call, Param};
use super::json::{constant_input, given_options, json_text, nullable, schema_argument};
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, constant};
use crate::error::{Result, SparkError};
use crate::functions::xml as kernels;
use crate::source::options::Options;
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let kernel = match call.name {
        "xpath" => &kernels::XPATH,
        "xpath_boolean" => &kernels::XPATH_BOOLEAN,
        "xpath_string" => &kernels::XPATH_STRING,
        "xpath_double" | "xpath_number" => &kernels::XPATH_DOUBLE,
        "xpath_float" => &kernels::XPATH_FLOAT,
        "xpath_long" => &kernels::XPATH_LONG,
        "xpath_int" => &kernels::XPATH_INT,
        "xpath_short" => &kernels::XPATH_SHORT,
        "from_xml" => return from_xml(call),
        "to_xml" => {
            call.arity(1, 2)?;
            if !matches!(call.data_type(0)?, DataType::Struct(_)) {
                return Err(call.unexpected(0, "STRUCT"));
            }
            let given = lit(json_text(&given_options(call, 1)?)?);
            let expr = scalar_call(kernels::TO_XML.function(), vec![call.expr(0)?, given]);
            return Ok(Some(Named::new(expr, format!("to_xml({})", call.arg(0)?.name))));
        }
        "schema_of_xml" => {
            call.arity(1, 2)?;
            let text = constant_input(call, "xml")?;
            let given = given_options(call, 1)?;
            let schema = kernels::schema_of(&text, &Options(&given), call.context.time_zone)?;
            return Ok(Some(Named::new(
                lit(types::ddl(&schema)),
                format!("schema_of_xml({})", call.arg(0)?.name),
            )));
        }
        _ => return Ok(None),
    };
    call.arity(2, 2)?;
    let path = call.expr(1)?;
    if constant::text(&path).is_none() && !matches!(path, Expr::Literal(..)) {
        return Err(SparkError::type_mismatch(
            "NON_FOLDABLE_INPUT",
            &call.text(),
            &format!(
                "the input `path` should be a foldable \"STRING\" expression; however, got \"{}\"",
                call.arg(1)?.name
            ),
        ));
    }
    call.run(kernel, &[Param::Text, Param::Text], &[])
}

fn from_xml(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(2, 3)?;
    let schema = schema_argument(call)?;
    if !matches!(schema, DataType::Struct(_)) {
        return Err(SparkError::type_mismatch(
            "INVALID_XML_SCHEMA",
            &call.text(),
            &format!("Input schema \"{}\" must be a struct or a variant", types::sql_name(&schema)),
        ));
    }
    let to = nullable(&schema);
    let given = given_options(call, 2)?;
    refuse_dropping(call.name, &Options(&given))?;
    let target = Expr::Literal(ScalarValue::try_from(&to)?, None);
    let args = vec![call.param(0, Param::Text)?, lit(json_text(&given)?), target];
    let expr = scalar_call(kernels::FROM_XML.function(), args);
    Ok(Some(Named::new(expr, format!("from_xml({})", call.arg(0)?.name))))
}
