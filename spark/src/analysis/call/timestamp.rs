//! Calls of functions on timestamps.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::datetime as kernels;
use crate::types;

/// The pattern of `unix_timestamp` and its like where none is given.
const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Flag, Long, Text, Timestamp};
    let zone = || lit(call.context.time_zone);
    let instants = types::timestamp(call.context.time_zone);
    let target = || -> Result<Expr> { Ok(Expr::Literal(ScalarValue::try_from(&instants)?, None)) };
    match call.name {
        "now" | "current_timestamp" => {
            call.arity(0, 0)?;
            let expr = call.now()?;
            call.named(expr)
        }
        "localtimestamp" => {
            call.arity(0, 0)?;
            let now = call.now()?;
            call.named(scalar_call(kernels::TO_LOCAL.function(), vec![now, zone()]))
        }
        "current_timezone" => {
            call.arity(0, 0)?;
            call.named(lit(shown_zone(call.context.time_zone)))
        }
        "date_format" => {
            call.arity(2, 2)?;
            let (time, zone) = match call.data_type(0)? {
                DataType::Timestamp(_, None) => (call.expr(0)?, lit("UTC")),
                _ => (call.param(0, Timestamp)?, lit(shown_zone(call.context.time_zone))),
            };
            call.named(scalar_call(kernels::FORMAT.function(), vec![time, call.param(1, Text)?, zone]))
        }
        "from_unixtime" => {
            let args = call.cast_args(&[Long, Text], &[lit(DEFAULT_PATTERN)])?;
            let [seconds, pattern] = <[Expr; 2]>::try_from(args)
                .map_err(|_| SparkError::internal("arguments lost after they were counted"))?;
            let time =
                scalar_call(kernels::FROM_UNITS.function(), vec![seconds, lit(1_000_000_i64), target()?]);
            let zone = lit(shown_zone(call.context.time_zone));
            call.named(scalar_call(kernels::FORMAT.function(), vec![time, pattern, zone]))
        }
        "unix_timestamp" | "to_unix_timestamp" => {
            let least = usize::from(call.name == "to_unix_timestamp");
            call.arity(least, 2)?;
            let time = if call.args.is_empty() {
                call.now()?
            } else if call.data_type(0)?.is_string() {
                let pattern = if call.args.len() == 2 { call.param(1, Text)? } else { lit(DEFAULT_PATTERN) };
                let args = vec![call.expr(0)?, pattern, target()?, zone()];
                scalar_call(kernels::PARSE_TIMESTAMP.function(), args)
            } else {
                call.param(0, Timestamp)?
            };
            let expr = scalar_call(kernels::TO_UNITS.function(), vec![time, lit(1_000_000_i64)]);
            if call.args.is_empty() {
                let name = format!("unix_timestamp(current_timestamp(), {DEFAULT_PATTERN})");
                return Ok(Some(Named::new(expr, name)));
            }
            call.named(expr)
        }
        "to_timestamp" | "to_timestamp_ltz" | "try_to_timestamp" => {
            call.arity(1, 2)?;
            let tolerant = call.name == "try_to_timestamp";
            if call.args.len() == 2 && call.data_type(0)?.is_string() {
                let kernel = if tolerant { &kernels::TRY_PARSE_TIMESTAMP } else { &kernels::PARSE_TIMESTAMP };
                let args = vec![call.expr(0)?, call.param(1, Text)?, target()?, zone()];
                return call.named(scalar_call(kernel.function(), args));
            }
            let expr = cast(call.expr(0)?, &instants, tolerant, call.context.schema)?;
            call.named(expr)
        }
        "to_timestamp_ntz" => {
            call.arity(1, 2)?;
            if call.args.len() == 2 && call.data_type(0)?.is_string() {
                return call.run(&kernels::PARSE_TIMESTAMP_NTZ, &[Text, Text], &[]);
            }
            let expr = cast(call.expr(0)?, &types::timestamp_ntz(), false, call.context.schema)?;
            call.named(expr)
        }
        "timestamp_seconds" => {
            call.arity(1, 1)?;
            if call.data_type(0)?.is_integer() {
                let args = vec![call.param(0, Long)?, lit(1_000_000_i64), target()?];
                return call.named(scalar_call(kernels::FROM_UNITS.function(), args));
            }
            let args = vec![call.param(0, Param::Double)?, target()?];
            call.named(scalar_call(kernels::FROM_DECIMAL_SECONDS.function(), args))
        }
        "timestamp_millis" | "timestamp_micros" => {
            call.arity(1, 1)?;
            let per = if call.name == "timestamp_millis" { 1000_i64 } else { 1 };
            let args = vec![call.param(0, Long)?, lit(per), target()?];
            call.named(scalar_call(kernels::FROM_UNITS.function(), args))
        }
        "unix_seconds" | "unix_millis" | "unix_micros" => {
            call.arity(1, 1)?;
            let per = match call.name {
                "unix_seconds" => 1_000_000_i64,
                "unix_millis" => 1000,
                _ => 1,
            };
            call.named(scalar_call(kernels::TO_UNITS.function(), vec![call.param(0, Timestamp)?, lit(per)]))
        }
        "from_utc_timestamp" => call.run(&kernels::FROM_UTC, &[Timestamp, Text], &[]),
        "to_utc_timestamp" => call.run(&kernels::TO_UTC, &[Timestamp, Text], &[]),
        "convert_timezone" => convert(call),
        "date_trunc" => {
            call.arity(2, 2)?;
            let (time, zone) = match call.data_type(1)? {
                DataType::Timestamp(_, None) => (call.expr(1)?, lit("UTC")),
                _ => (call.param(1, Timestamp)?, zone()),
            };
            call.named(scalar_call(kernels::DATE_TRUNC.function(), vec![call.param(0, Text)?, time, zone]))
        }
        "months_between" => {
            let mut args = call.cast_args(&[Timestamp, Timestamp, Flag], &[lit(true)])?;
            args.push(zone());
            call.named(scalar_call(kernels::MONTHS_BETWEEN.function(), args))
        }
        "timestampadd" | "dateadd" | "date_add" if call.args.len() == 3 => units(call, "timestampadd"),
        "timestampdiff" | "datediff" | "date_diff" if call.args.len() == 3 => units(call, "timestampdiff"),
        "make_timestamp" | "make_timestamp_ltz" | "try_make_timestamp" | "try_make_timestamp_ltz" => {
            if matches!(call.args.len(), 2 | 3) {
                let zone = if call.args.len() == 3 { call.param(2, Text)? } else { zone() };
                let instant = scalar_call(kernels::TO_UTC.function(), vec![at_time(call)?, zone]);
                let micros = Expr::Cast(Cast::new(Box::new(instant), DataType::Int64));
                return call
                    .named(scalar_call(kernels::FROM_UNITS.function(), vec![micros, lit(1_i64), target()?]));
            }
            call.arity(6, 7)?;
            let mut args = made_of(call)?;
            args.push(if call.args.len() == 7 { call.param(6, Text)? } else { zone() });
            args.push(target()?);
            let kernel = match call.name.starts_with("try_") {
                true => &kernels::TRY_MAKE_TIMESTAMP,
                false => &kernels::MAKE_TIMESTAMP,
            };
            call.named(scalar_call(kernel.function(), args))
        }
        "make_timestamp_ntz" | "try_make_timestamp_ntz" => {
            if call.args.len() == 2 {
                return call.named(at_time(call)?);
            }
            call.arity(6, 6)?;
            let kernel = match call.name.starts_with("try_") {
                true => &kernels::TRY_MAKE_TIMESTAMP_NTZ,
                false => &kernels::MAKE_TIMESTAMP_NTZ,
            };
            call.named(scalar_call(kernel.function(), made_of(call)?))
        }
        _ => Ok(None),
    }
}

/// UTC is shown as what Spark calls it.
fn shown_zone(zone: &str) -> &str {
    if zone == "UTC" { "Etc/UTC" } else { zone }
}

/// A date and a time of day as one wall-clock time.
fn at_time(call: &Call<'_>) -> Result<Expr> {
    let args = vec![call.param(0, Param::Date)?, call.to(1, &super::time::TIME)?];
    Ok(scalar_call(kernels::AT_TIME.function(), args))
}

/// Year, month, day, hour, minute and second.
fn made_of(call: &Call<'_>) -> Result<Vec<Expr>> {
    let mut args = Vec::with_capacity(8);
    for index in 0..5 {
        args.push(call.param(index, Param::Int)?);
    }
    args.push(call.to(5, &DataType::Decimal128(16, 6))?);
    Ok(args)
}

fn units(call: &Call<'_>, function: &str) -> Result<Option<Named>> {
    let Some(unit) = call.constant_text(0) else {
        return Err(SparkError::type_mismatch(
            "NON_FOLDABLE_INPUT",
            &call.text(),
            "the input `unit` should be a foldable \"STRING\" expression",
        ));
    };
    let name = format!("{function}({unit}, {}, {})", call.arg(1)?.name, call.arg(2)?.name);
    let unit = unit.to_uppercase();
    let zone = lit(call.context.time_zone);
    if function == "timestampdiff" {
        let (start, end) = (call.param(1, Param::Timestamp)?, call.param(2, Param::Timestamp)?);
        let args = vec![lit(unit), start, end, zone];
        return Ok(Some(Named::new(scalar_call(kernels::TIMESTAMP_DIFF.function(), args), name)));
    }
    let (time, zone) = match call.data_type(2)? {
        DataType::Timestamp(_, None) => (call.expr(2)?, lit("UTC")),
        _ => (call.param(2, Param::Timestamp)?, zone),
    };
    let args = vec![lit(unit), call.param(1, Param::Long)?, time, zone];
    Ok(Some(Named::new(scalar_call(kernels::TIMESTAMP_ADD.function(), args), name)))
}

/// `convert_timezone([source,] target, timestamp_ntz)`.
fn convert(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(2, 3)?;
    let last = call.args.len() - 1;
    let source = if last == 2 { call.param(0, Param::Text)? } else { lit(call.context.time_zone) };
    let to = call.param(last - 1, Param::Text)?;
    let time = call.param(last, Param::TimestampNtz)?;
    let instant = scalar_call(kernels::TO_UTC.function(), vec![time, source]);
    let expr = scalar_call(kernels::FROM_UTC.function(), vec![instant, to]);
    if last == 2 {
        return call.named(expr);
    }
    Ok(Some(Named::new(expr, format!("convert_timezone(current_timezone(), {})", super::list(call.args)))))
}
