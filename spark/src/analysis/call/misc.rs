//! Calls of functions that belong to no other family.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{ExprSchemable, lit};

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::coercion::unified;
use crate::analysis::operator::scalar_call;
use crate::error::Result;
use crate::functions::misc as kernels;
use crate::types;

/// The version of Spark whose meaning Cerium gives to programs.
const SPARK_VERSION: &str = "4.1.1";

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "typeof" => {
            call.arity(1, 1)?;
            lit(types::simple_name(&call.data_type(0)?))
        }
        "raise_error" => return call.run(&kernels::RAISE_ERROR, &[Param::Text], &[]),
        "assert_true" => {
            call.arity(1, 2)?;
            let message = match call.args.len() {
                2 => call.param(1, Param::Text)?,
                _ => lit(format!("'{}' is not true!", call.arg(0)?.name)),
            };
            let args = vec![call.param(0, Param::Flag)?, message];
            scalar_call(kernels::ASSERT_TRUE.function(), args)
        }
        "uuid" => {
            call.arity(0, 1)?;
            scalar_call(kernels::UUID.function(), vec![])
        }
        "current_database" | "current_schema" => {
            call.arity(0, 0)?;
            let name = lit("default");
            return Ok(Some(Named::new(name, "current_schema()")));
        }
        "current_catalog" => {
            call.arity(0, 0)?;
            lit("spark_catalog")
        }
        "current_user" | "user" | "session_user" => {
            call.arity(0, 0)?;
            lit(std::env::var("SPARK_USER")
                .or_else(|_| std::env::var("USER"))
                .unwrap_or_else(|_| "root".to_owned()))
        }
        "version" => {
            call.arity(0, 0)?;
            lit(SPARK_VERSION)
        }
        "rand" | "random" => call.builtin("random", vec![])?,
        "randn" => {
            // Two uniform numbers make a normal one.
            let radius = lit(1.0) - call.builtin("random", vec![])?;
            let radius = call.builtin("sqrt", vec![call.builtin("ln", vec![radius])? * lit(-2.0)])?;
            let angle = call.builtin("random", vec![])? * lit(std::f64::consts::TAU);
            radius * call.builtin("cos", vec![angle])?
        }
        "uniform" => {
            call.arity(2, 3)?;
            let (low, high) = (call.param(0, Param::Double)?, call.param(1, Param::Double)?);
            let whole = call.data_type(0)?.is_integer() && call.data_type(1)?.is_integer();
            let value = low.clone() + (high - low) * call.builtin("random", vec![])?;
            if whole {
                let wide = unified("uniform", &call.text(), &call.args[..2], call.context.schema)?;
                let to = wide[0].get_type(call.context.schema)?;
                call.cast(call.builtin("floor", vec![call.cast(value, &DataType::Float64)?])?, &to)?
            } else {
                value
            }
        }
        _ => return Ok(None),
    };
    call.named(expr)
}
