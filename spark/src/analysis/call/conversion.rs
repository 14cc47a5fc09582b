//! Calls that are casts under a type's name.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::invocation::Call;
use crate::analysis::Named;
use crate::error::Result;
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let to = match call.name {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "decimal" => DataType::Decimal128(10, 0),
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => types::timestamp(call.context.time_zone),
        "time" => DataType::Time64(TimeUnit::Nanosecond),
        _ => return Ok(None),
    };
    call.arity(1, 1)?;
    let expr = call.cast(call.expr(0)?, &to)?;
    Ok(Some(Named::new(expr, call.arg(0)?.name.clone())))
}
