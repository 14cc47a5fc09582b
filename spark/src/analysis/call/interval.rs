//! Calls of functions that make intervals.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::operator::scalar_call;
use crate::error::Result;
use crate::functions::interval as kernels;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::Int;
    let zero = || lit(0_i32);
    match call.name {
        "make_interval" | "try_make_interval" => {
            let mut args = Vec::with_capacity(7);
            call.arity(0, 7)?;
            for index in 0..7 {
                args.push(match (call.args.get(index), index) {
                    (Some(_), 6) => call.to(6, &DataType::Decimal128(18, 6))?,
                    (Some(_), _) => call.param(index, Int)?,
                    (None, 6) => seconds(),
                    (None, _) => zero(),
                });
            }
            let kernel = if call.name == "make_interval" { &kernels::MAKE } else { &kernels::TRY_MAKE };
            let expr = scalar_call(kernel.function(), args);
            Ok(Some(Named::new(expr, with_defaults(call, 7, "0.000000"))))
        }
        "make_dt_interval" => {
            call.arity(0, 4)?;
            let mut args = Vec::with_capacity(4);
            for index in 0..4 {
                args.push(match (call.args.get(index), index) {
                    (Some(_), 3) => call.to(3, &DataType::Decimal128(18, 6))?,
                    (Some(_), _) => call.param(index, Int)?,
                    (None, 3) => seconds(),
                    (None, _) => zero(),
                });
            }
            let expr = scalar_call(kernels::MAKE_DAY_TIME.function(), args);
            Ok(Some(Named::new(expr, with_defaults(call, 4, "0.000000"))))
        }
        "make_ym_interval" => {
            let args = call.cast_args(&[Int, Int], &[zero(), zero()])?;
            let expr = scalar_call(kernels::MAKE_YEAR_MONTH.function(), args);
            Ok(Some(Named::new(expr, with_defaults(call, 2, "0"))))
        }
        _ => Ok(None),
    }
}

fn seconds() -> Expr {
    lit(datafusion::common::ScalarValue::Decimal128(Some(0), 18, 6))
}

/// Spark's text of the call, with zeros for the arguments left out.
fn with_defaults(call: &Call<'_>, count: usize, last: &str) -> String {
    let mut args: Vec<&str> = call.args.iter().map(|arg| arg.name.as_str()).collect();
    while args.len() < count {
        args.push(if args.len() + 1 == count { last } else { "0" });
    }
    format!("{}({})", call.name, args.join(", "))
}
