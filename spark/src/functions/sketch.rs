//! Sketches of Apache DataSketches, in the bytes that its other implementations read and write.

pub mod hll;
pub mod kll;
pub mod theta;

use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;

use super::aggregate::constant;
use crate::error::SparkError;

/// An argument that is a constant INT.
fn constant_int(args: &AccumulatorArgs<'_>, index: usize) -> Result<i32, DataFusionError> {
    match constant(args, index)? {
        ScalarValue::Int32(Some(value)) => Ok(value),
        other => Err(SparkError::internal(format!("{other} is no size of a sketch")).into()),
    }
}

/// Spark's answer to bytes that are no sketch.
fn invalid_buffer(class: &'static str, kind: &str, function: &str) -> DataFusionError {
    let prefix = kind.to_lowercase();
    SparkError::new(
        class,
        "22546",
        format!(
            "Invalid call to `{function}`; only valid {kind} sketch buffers are supported as inputs (such as \
             those produced by the `{prefix}_sketch_agg` function)."
        ),
    )
    .with_param("function", format!("`{function}`"))
    .into()
}

/// What the library refuses although it was checked before.
fn failed(error: datasketches::error::Error) -> DataFusionError {
    SparkError::internal(format!("a sketch failed: {error}")).into()
}
