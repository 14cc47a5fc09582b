//! Calls of `window`, `session_window` and `window_time`: windows of time to group by.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::invocation::Call;
use crate::analysis::Named;
use crate::analysis::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::time_window::{SESSION, SLIDING, WINDOW};
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "window" => {
            call.arity(2, 4)?;
            let (width, slide) =
                (duration(call, 1)?, duration(call, if call.args.len() > 2 { 2 } else { 1 })?);
            let offset = if call.args.len() > 3 { duration(call, 3)? } else { 0 };
            if width <= 0 {
                return Err(out_of_range(call, "window_duration", width));
            }
            if slide <= 0 {
                return Err(out_of_range(call, "slide_duration", slide));
            }
            if slide > width {
                return Err(SparkError::type_mismatch(
                    "PARAMETER_CONSTRAINT_VIOLATION",
                    &format!("window({}, {width}, {slide}, {offset})", call.arg(0)?.name),
                    &format!("The `slide_duration`({slide}L) must be <= the `window_duration`({width}L)"),
                ));
            }
            let time = time(call)?;
            let expr = if slide == width {
                scalar_call(WINDOW.function(), vec![time, lit(width), lit(offset)])
            } else {
                scalar_call(SLIDING.function(), vec![time, lit(width), lit(slide), lit(offset)])
            };
            Ok(Some(Named::new(expr, "window")))
        }
        "window_time" => {
            call.arity(1, 1)?;
            let window = call.expr(0)?;
            let DataType::Struct(fields) = call.data_type(0)? else {
                return Err(call.unexpected(0, "STRUCT"));
            };
            if !fields.iter().any(|field| field.name() == "end") {
                return Err(call.unexpected(0, "STRUCT"));
            }
            let end = datafusion::functions::core::get_field().call(vec![window, lit("end")]);
            let data_type = end.get_type(call.context.schema)?;
            // The last instant within the window.
            let last = end.cast_to(&DataType::Int64, call.context.schema)? - lit(1_i64);
            call.named(last.cast_to(&data_type, call.context.schema)?)
        }
        "session_window" => {
            call.arity(2, 2)?;
            if call.constant_text(1).is_none() {
                return Err(SparkError::unsupported("gaps of session_window that are no constants"));
            }
            let expr = scalar_call(SESSION.function(), vec![time(call)?, lit(duration(call, 1)?)]);
            Ok(Some(Named::new(expr, "session_window")))
        }
        _ => Ok(None),
    }
}

/// The first argument, as a timestamp.
fn time(call: &Call<'_>) -> Result<Expr> {
    match call.data_type(0)? {
        DataType::Timestamp(_, None) => call.expr(0),
        _ => call.to(0, &types::timestamp(call.context.time_zone)),
    }
}

fn out_of_range(call: &Call<'_>, what: &str, value: i64) -> SparkError {
    SparkError::type_mismatch(
        "VALUE_OUT_OF_RANGE",
        &call.text(),
        &format!("The `{what}` must be between (0, 9223372036854775807] (current value = {value}L)"),
    )
}

/// An argument like `10 minutes` or `1 hour 30 minutes`, in microseconds.
fn duration(call: &Call<'_>, index: usize) -> Result<i64> {
    let expr = call.expr(index)?;
    let text = match (&expr, call.constant_text(index)) {
        (_, Some(text)) => text.to_owned(),
        (Expr::Literal(value, _), None) if value.data_type().is_integer() => format!("{value} microseconds"),
        _ => return Err(call.unexpected(index, "STRING")),
    };
    parse(&text).ok_or_else(|| {
        SparkError::new("CANNOT_PARSE_INTERVAL", "22006", format!("Unable to parse '{text}'. Please ensure that the value provided is in a valid format for defining an interval. You can reference the documentation for the correct format. If the issue persists, please double check that the input value is not null or empty and try again."))
            .with_param("intervalString", format!("'{text}'"))
    })
}

fn parse(text: &str) -> Option<i64> {
    let lower = text.trim().to_lowercase();
    let words: Vec<&str> = lower.strip_prefix("interval ").unwrap_or(&lower).split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return None;
    }
    words.chunks(2).try_fold(0_i64, |total, pair| {
        let count: i64 = pair.first()?.parse().ok()?;
        let unit = match pair.last()?.trim_end_matches('s') {
            "microsecond" => 1,
            "millisecond" => 1_000,
            "second" => 1_000_000,
            "minute" => 60_000_000,
            "hour" => 3_600_000_000,
            "day" => 86_400_000_000,
            "week" => 7 * 86_400_000_000,
            _ => return None,
        };
        total.checked_add(count.checked_mul(unit)?)
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_are_counts_of_units() {
        assert_eq!(parse("5 seconds"), Some(5_000_000));
        assert_eq!(parse("interval 1 hour 30 minutes"), Some(5_400_000_000));
        assert_eq!(parse("1 month"), None);
    }
}
