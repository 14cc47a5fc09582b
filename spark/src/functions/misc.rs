//! Functions that belong to no other family.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, NullArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::kernel::{Kernel, Returns, Rows};
use crate::error::SparkError;

/// `raise_error(message)`.
pub static RAISE_ERROR: Kernel =
    Kernel::volatile("spark_raise_error", Returns::Type(DataType::Null), raise_error);
/// `assert_true(condition, message)`.
pub static ASSERT_TRUE: Kernel =
    Kernel::volatile("spark_assert_true", Returns::Type(DataType::Null), assert_true);
/// `uuid()`.
pub static UUID: Kernel = Kernel::volatile("spark_uuid", Returns::Type(DataType::Utf8), uuid);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&RAISE_ERROR, &ASSERT_TRUE, &UUID];

fn raised(message: &str) -> SparkError {
    SparkError::new("USER_RAISED_EXCEPTION", "P0001", message).with_param("errorMessage", message)
}

fn raise_error(rows: &Rows<'_>) -> Result<ArrayRef> {
    let messages = rows.text(0)?;
    if rows.len > 0 {
        let message = if messages.is_null(0) { "null" } else { messages.value(0) };
        return Err(raised(message).into());
    }
    Ok(Arc::new(NullArray::new(0)))
}

fn assert_true(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (conditions, messages) = (rows.flags(0)?, rows.text(1)?);
    for row in 0..rows.len {
        if conditions.is_null(row) || !conditions.value(row) {
            return Err(raised(if messages.is_null(row) { "null" } else { messages.value(row) }).into());
        }
    }
    Ok(Arc::new(NullArray::new(rows.len)))
}

fn uuid(rows: &Rows<'_>) -> Result<ArrayRef> {
    let call = datafusion::logical_expr::ScalarFunctionArgs {
        args: vec![],
        arg_fields: vec![],
        number_rows: rows.len,
        return_field: Arc::new(datafusion::arrow::datatypes::Field::new("uuid", DataType::Utf8, false)),
        config_options: Arc::default(),
    };
    datafusion::functions::string::uuid().invoke_with_args(call)?.into_array(rows.len)
}
