//! Calls of functions on dates.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::Context;
use super::invocation::{Call, Param};
use crate::analysis::cast::cast;
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::datetime as kernels;
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Date, Int, Text};
    if let Some(field) = date_field(call.name) {
        call.arity(1, 1)?;
        let part = date_part(call.context, field, call.expr(0)?)?;
        return call.named(call.cast(part, &DataType::Int32)?);
    }
    let zone = || lit(call.context.time_zone);
    match call.name {
        "extract" | "date_part" | "datepart" => {
            call.arity(2, 2)?;
            let Some(field) = call.constant_text(0) else {
                return Err(SparkError::type_mismatch(
                    "NON_FOLDABLE_INPUT",
                    &call.text(),
                    "the input `field` should be a foldable \"STRING\" expression",
                ));
            };
            let part = super::extract(call.context, &field.to_lowercase(), call.expr(1)?)?;
            if call.name == "extract" {
                let name = format!("extract({} FROM {})", call.arg(0)?.name, call.arg(1)?.name);
                return Ok(Some(Named::new(part, name)));
            }
            call.named(part)
        }
        "dayname" | "monthname" => {
            call.arity(1, 1)?;
            let instant = call.cast(call.param(0, Date)?, &types::timestamp("UTC"))?;
            let pattern = if call.name == "dayname" { "EEE" } else { "MMM" };
            call.named(scalar_call(kernels::FORMAT.function(), vec![instant, lit(pattern), lit("UTC")]))
        }
        "current_date" | "curdate" => {
            call.arity(0, 0)?;
            let now = call.now()?;
            let date = scalar_call(kernels::TO_DATE.function(), vec![now, zone()]);
            Ok(Some(Named::new(date, "current_date()")))
        }
        "add_months" => call.run(&kernels::ADD_MONTHS, &[Date, Int], &[]),
        "date_add" | "dateadd" | "date_sub" if call.args.len() == 2 => {
            let expr = call.builtin(call.name, vec![call.param(0, Date)?, call.param(1, Int)?])?;
            let name = if call.name == "date_sub" { "date_sub" } else { "date_add" };
            Ok(Some(Named::new(expr, format!("{name}({})", super::list(call.args)))))
        }
        "datediff" | "date_diff" if call.args.len() == 2 => {
            let expr = call.builtin("date_diff", vec![call.param(0, Date)?, call.param(1, Date)?])?;
            call.named(expr)
        }
        "last_day" => call.run(&kernels::LAST_DAY, &[Date], &[]),
        "next_day" => call.run(&kernels::NEXT_DAY, &[Date, Text], &[]),
        "trunc" => call.run(&kernels::TRUNC, &[Date, Text], &[]),
        "make_date" => call.run(&kernels::MAKE_DATE, &[Int, Int, Int], &[]),
        "date_from_unix_date" => {
            call.arity(1, 1)?;
            let date = Expr::Cast(datafusion::logical_expr::Cast::new(
                Box::new(call.param(0, Int)?),
                DataType::Date32,
            ));
            call.named(date)
        }
        "unix_date" => {
            call.arity(1, 1)?;
            let days = Expr::Cast(datafusion::logical_expr::Cast::new(
                Box::new(call.param(0, Date)?),
                DataType::Int32,
            ));
            call.named(days)
        }
        "to_date" | "try_to_date" => to_date(call),
        _ => Ok(None),
    }
}

fn to_date(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(1, 2)?;
    let tolerant = call.name == "try_to_date";
    let text = call.data_type(0)?.is_string();
    if call.args.len() == 2 && text {
        let kernel = if tolerant { &kernels::TRY_PARSE_DATE } else { &kernels::PARSE_DATE };
        return call.run(kernel, &[Param::Text, Param::Text], &[]);
    }
    let date = cast(call.expr(0)?, &DataType::Date32, tolerant, call.context.schema)?;
    call.named(date)
}

/// Functions that take one field of a date or timestamp.
fn date_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "year" => "year",
        "quarter" => "quarter",
        "month" => "month",
        "weekofyear" => "week",
        "day" | "dayofmonth" => "day",
        "dayofyear" => "doy",
        "dayofweek" => "dow",
        "weekday" => "weekday",
        "hour" => "hour",
        "minute" => "minute",
        "second" => "second_int",
        _ => return None,
    })
}

/// A field of a date, timestamp or interval. `second` has microseconds, `second_int` none; Sunday is 1
/// for `dow`.
pub(super) fn date_part(context: &Context<'_>, field: &str, arg: Expr) -> Result<Expr> {
    let schema = context.schema;
    let from = arg.get_type(schema)?;
    if matches!(from, DataType::Interval(_) | DataType::Duration(TimeUnit::Microsecond)) {
        let fits = match (&from, interval::units(&arg, schema)?) {
            (_, Some(units)) => (units.first..=units.last).any(|number| units.unit(number) == field),
            _ => matches!(field, "year" | "quarter" | "month" | "day" | "hour" | "minute" | "second"),
        };
        if !fits {
            return Err(no_field(field, &interval::shown(&arg, schema)?));
        }
        let value = scalar_call(kernels::INTERVAL_FIELD.function(), vec![arg, lit(field)]);
        let to = match field {
            "second" => DataType::Decimal128(8, 6),
            "year" => DataType::Int32,
            "month" | "hour" | "minute" => DataType::Int8,
            _ if matches!(from, DataType::Duration(_)) => DataType::Int32,
            _ => DataType::Int32,
        };
        return cast(value, &to, false, schema);
    }
    let clock = matches!(field, "hour" | "minute" | "second" | "second_int");
    if !clock {
        let date = cast(arg, &DataType::Date32, false, schema)?;
        if !matches!(
            field,
            "year"
                | "quarter"
                | "month"
                | "day"
                | "doy"
                | "week"
                | "yearofweek"
                | "dow"
                | "dow_iso"
                | "weekday"
        ) {
            return Err(no_field(field, "source"));
        }
        return Ok(scalar_call(kernels::WEEK_FIELD.function(), vec![date, lit(field)]));
    }
    if from == super::time::TIME {
        return Ok(match field {
            "second" => scalar_call(kernels::CLOCK_SECOND_FRACTION.function(), vec![arg]),
            other => {
                let field = if other == "second_int" { "second" } else { other };
                scalar_call(kernels::CLOCK_FIELD.function(), vec![arg, lit(field)])
            }
        });
    }
    let (time, zone) = match from {
        DataType::Timestamp(_, None) => (arg, "UTC"),
        _ => (cast(arg, &types::timestamp(context.time_zone), false, schema)?, context.time_zone),
    };
    Ok(match field {
        "second" => scalar_call(kernels::SECOND_FRACTION.function(), vec![time, lit(zone)]),
        "second_int" => scalar_call(kernels::TIME_FIELD.function(), vec![time, lit("second"), lit(zone)]),
        other => scalar_call(kernels::TIME_FIELD.function(), vec![time, lit(other), lit(zone)]),
    })
}

fn no_field(field: &str, source: &str) -> SparkError {
    SparkError::new("INVALID_EXTRACT_FIELD", "42601", format!("Cannot extract `{field}` from \"{source}\"."))
        .with_param("field", format!("`{field}`"))
}
