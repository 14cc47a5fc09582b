//! Calls of functions that belong to no other family.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use super::window::window_function;
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::{misc as kernels, partition};
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "typeof" => {
            call.arity(1, 1)?;
            lit(types::simple_name_of(interval::field(&call.expr(0)?, call.context.schema)?.as_ref()))
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
            let name = lit(call.context.database);
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
            lit(cerium_conf::SPARK_VERSION)
        }
        "reflect" | "java_method" | "try_reflect" => java_method(call)?,
        "spark_partition_id" => return call.run(&partition::PARTITION_ID, &[], &[]),
        "monotonically_increasing_id" => return call.run(&partition::ROW_ID, &[], &[]),
        "distributed_sequence_id" => row_number(call)?,
        "input_file_name" => return call.run(&partition::FILE_NAME, &[], &[]),
        "input_file_block_start" => return call.run(&partition::FILE_BLOCK_START, &[], &[]),
        "input_file_block_length" => return call.run(&partition::FILE_BLOCK_LENGTH, &[], &[]),
        _ => return Ok(None),
    };
    call.named(expr)
}

/// The index that pandas API on Spark gives rows: 0, 1, 2 and so on, in the order of their partitions.
fn row_number(call: &Call<'_>) -> Result<Expr> {
    call.arity(0, 0)?;
    let function = window_function(call.context, "row_number")
        .ok_or_else(|| SparkError::internal("the session has no row_number"))?;
    let number = Expr::from(WindowFunction::new(function, vec![]));
    Ok(call.cast(number, &DataType::Int64)? - lit(1_i64))
}

/// A call of a static method of Java: of the few that can be done without Java.
fn java_method(call: &Call<'_>) -> Result<Expr> {
    call.arity(2, usize::MAX)?;
    let (Some(class), Some(method)) = (call.constant_text(0), call.constant_text(1)) else {
        return Err(call.unexpected(0, "STRING"));
    };
    let lenient = call.name == "try_reflect";
    let utf8 = || call.constant_text(3).is_some_and(|charset| charset.eq_ignore_ascii_case("UTF-8"));
    match (class, method, call.args.len()) {
        ("java.util.UUID", "randomUUID", 2) => Ok(scalar_call(kernels::UUID.function(), vec![])),
        ("java.util.UUID", "fromString", 3) => {
            let kernel = if lenient { &kernels::TRY_UUID_FROM } else { &kernels::UUID_FROM };
            Ok(scalar_call(kernel.function(), vec![call.param(2, Param::Text)?]))
        }
        ("java.net.URLEncoder", "encode", 4) if utf8() => {
            call.builtin("url_encode", vec![call.param(2, Param::Text)?])
        }
        ("java.net.URLDecoder", "decode", 4) if utf8() => {
            let function = if lenient { "try_url_decode" } else { "url_decode" };
            call.builtin(function, vec![call.param(2, Param::Text)?])
        }
        _ => Err(SparkError::unsupported(format!("the Java method {class}.{method}, as there is no Java"))),
    }
}
