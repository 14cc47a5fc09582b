//! Calls of functions on the time of day.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::lit;

use super::invocation::{Call, Param};
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, constant};
use crate::error::{Result, SparkError};
use crate::functions::datetime as kernels;

/// Arrow's type of TIME.
pub(super) const TIME: DataType = DataType::Time64(TimeUnit::Nanosecond);

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Int, Text};
    match call.name {
        "make_time" => {
            call.arity(3, 3)?;
            let args =
                vec![call.param(0, Int)?, call.param(1, Int)?, call.to(2, &DataType::Decimal128(16, 6))?];
            call.named(scalar_call(kernels::MAKE_TIME.function(), args))
        }
        "to_time" | "try_to_time" => {
            call.arity(1, 2)?;
            let kernel = if call.name == "to_time" { &kernels::TO_TIME } else { &kernels::TRY_TO_TIME };
            let params = [Text, Text];
            call.run(kernel, &params[..call.args.len()], &[])
        }
        "time_diff" => {
            call.arity(3, 3)?;
            let args = vec![call.param(0, Text)?, call.to(1, &TIME)?, call.to(2, &TIME)?];
            call.named(scalar_call(kernels::TIME_DIFF.function(), args))
        }
        "time_trunc" => {
            call.arity(2, 2)?;
            let args = vec![call.param(0, Text)?, call.to(1, &TIME)?];
            call.named(scalar_call(kernels::TIME_TRUNC.function(), args))
        }
        "current_time" => current_time(call),
        _ => Ok(None),
    }
}

/// The time at which the statement is planned, in the session's zone.
fn current_time(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(0, 1)?;
    let digits = match call.args.first() {
        None => 6,
        Some(arg) => match constant::fold(&call.param(0, Param::Int)?) {
            Ok(ScalarValue::Int32(Some(digits))) => digits,
            _ => {
                let reason = format!(
                    "the input `precision` should be a foldable \"INT\" expression; however, got \"{}\"",
                    arg.name
                );
                return Err(SparkError::type_mismatch("NON_FOLDABLE_INPUT", &call.text(), &reason));
            }
        },
    };
    let Some(unit) = u32::try_from(digits).ok().filter(|d| *d <= 6).map(|d| 10_i64.pow(9 - d)) else {
        return Err(SparkError::type_mismatch(
            "VALUE_OUT_OF_RANGE",
            &call.text(),
            &format!("The `precision` must be between [0, 6] (current value = {digits})"),
        ));
    };
    let local = scalar_call(kernels::TO_LOCAL.function(), vec![call.now()?, lit(call.context.time_zone)]);
    let ScalarValue::TimestampMicrosecond(Some(micros), _) = constant::fold(&local)? else {
        return Err(SparkError::internal("a time that is none"));
    };
    let nanos = micros.rem_euclid(86_400_000_000) * 1000;
    let time = ScalarValue::Time64Nanosecond(Some(nanos - nanos % unit));
    Ok(Some(Named::new(lit(time), format!("current_time({digits})"))))
}
