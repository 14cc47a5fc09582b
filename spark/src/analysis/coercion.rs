//! Arguments that must be of one type.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::cast::cast;
use super::common::{Strings, common_type_with};
use super::{Named, interval};
use crate::error::{Result, SparkError};
use crate::types;

/// Digits of a decimal that holds all values of an integer type.
pub(crate) fn integer_digits(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Int8 => 3,
        DataType::Int16 | DataType::UInt8 => 5,
        DataType::Int32 | DataType::UInt16 => 10,
        _ => 20,
    }
}

/// The type that all arguments of a call become; VOID for none.
fn common(
    function: &str,
    text: &str,
    args: &[Named],
    schema: &dyn ExprSchema,
    strings: Strings,
) -> Result<DataType> {
    let mut data_types = Vec::with_capacity(args.len());
    for arg in args {
        data_types.push(arg.expr.get_type(schema)?);
    }
    // Strings are looked at last, so that 'a', 1, 2.5 become doubles.
    let (texts, others): (Vec<_>, Vec<_>) = data_types.iter().partition(|t| t.is_string());
    common_type_with(strings, others.into_iter().chain(texts))
        .ok_or_else(|| different(function, text, &data_types))
}

/// The arguments of a call, all cast to one type.
pub fn unified(
    function: &str,
    text: &str,
    args: &[Named],
    schema: &dyn ExprSchema,
    strings: Strings,
) -> Result<Vec<Expr>> {
    let to = common(function, text, args, schema, strings)?;
    let exprs = args.iter().map(|arg| cast(arg.expr.clone(), &to, false, schema));
    interval::unified(exprs.collect::<Result<_>>()?, schema)
}

fn different(function: &str, text: &str, data_types: &[DataType]) -> SparkError {
    let mut names: Vec<String> = Vec::new();
    for data_type in data_types {
        names.push(format!("\"{}\"", types::sql_name(data_type)));
    }
    let list = format!("({})", names.join(" or "));
    SparkError::type_mismatch(
        "DATA_DIFF_TYPES",
        text,
        &format!("Input to `{function}` should all be the same type, but it's {list}"),
    )
    .with_param("functionName", format!("`{function}`"))
    .with_param("dataType", list)
}
