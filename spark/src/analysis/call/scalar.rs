//! Calls of scalar functions: each family knows its own, the rest are registered under Spark's names.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ExprSchemable;

use super::invocation::Call;
use super::{
    Context, array, cipher, conditional, conversion, csv, datetime, geo, hash, interval, json, map, math,
    misc, names, number_format, random, regexp, sketch, string, structs, time, time_window, timestamp, url,
    variant, xml,
};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::operator;
use crate::error::{Result, SparkError};

/// A family gives nothing for names that are not its own.
type Family = fn(&Call<'_>) -> Result<Option<Named>>;

const FAMILIES: [Family; 25] = [
    time_window::call,
    time::call,
    array::call,
    map::call,
    structs::call,
    conditional::call,
    conversion::call,
    number_format::call,
    string::call,
    regexp::call,
    math::call,
    datetime::call,
    timestamp::call,
    interval::call,
    hash::call,
    cipher::call,
    variant::call,
    json::call,
    csv::call,
    xml::call,
    url::call,
    misc::call,
    random::call,
    geo::call,
    sketch::call,
];

pub(super) fn call(context: &Context<'_>, name: &str, args: Vec<Named>) -> Result<Named> {
    let call = Call { context, name, args: &args };
    for family in FAMILIES {
        if let Some(named) = family(&call)? {
            return Ok(named);
        }
    }
    registered(&call)
}

/// A function that is registered under Spark's name.
fn registered(call: &Call<'_>) -> Result<Named> {
    let name = call.name;
    // DataFusion has these names for something else, or not for Spark's users.
    let hidden = name.starts_with("spark_") || matches!(name, "arrow_cast" | "arrow_typeof" | "make_array");
    if hidden {
        return Err(SparkError::routine_not_found(name));
    }
    let function = call.context.function(name)?;
    let text = names::text(name, call.args);
    let expr = operator::scalar_call(function, call.exprs());
    let schema = call.context.schema;
    // Unsigned integers are DataFusion's own.
    let expr = match expr.get_type(schema) {
        Err(error) => {
            let reason = error.strip_backtrace();
            let reason = reason.lines().next().unwrap_or_default().trim_end_matches('.');
            return Err(SparkError::type_mismatch("UNEXPECTED_INPUT_TYPE", &text, reason));
        }
        Ok(DataType::UInt64) => cast(expr, &DataType::Int64, false, schema)?,
        Ok(DataType::UInt32 | DataType::UInt16 | DataType::UInt8) => {
            cast(expr, &DataType::Int32, false, schema)?
        }
        _ => expr,
    };
    Ok(Named::new(expr, text))
}
