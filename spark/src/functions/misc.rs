//! Functions that belong to no other family.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, NullArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;

use super::kernel::{Kernel, Returns, Rows};
use crate::error::SparkError;

/// `raise_error(message)`.
pub static RAISE_ERROR: Kernel =
    Kernel::volatile("spark_raise_error", Returns::Type(DataType::Null), raise_error);
/// `assert_true(condition, message)`.
pub static ASSERT_TRUE: Kernel =
    Kernel::volatile("spark_assert_true", Returns::Type(DataType::Null), assert_true);
/// Its first argument, where its second one, the number of rows it comes from, is one.
pub static ONLY_ROW: Kernel = Kernel::null_aware("spark_only_row", Returns::Argument(0), only_row);
/// `uuid()`.
pub static UUID: Kernel = Kernel::volatile("spark_uuid", Returns::Type(DataType::Utf8), uuid);

/// `java.util.UUID.fromString(text)`, as text again.
pub static UUID_FROM: Kernel = Kernel::new("spark_uuid_from", Returns::Type(DataType::Utf8), uuid_from);
/// The same, null for what is no UUID.
pub static TRY_UUID_FROM: Kernel =
    Kernel::new("spark_try_uuid_from", Returns::Type(DataType::Utf8), try_uuid_from);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&RAISE_ERROR, &ASSERT_TRUE, &ONLY_ROW, &UUID, &UUID_FROM, &TRY_UUID_FROM];

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

fn only_row(rows: &Rows<'_>) -> Result<ArrayRef> {
    let counts = rows.values::<Int64Type>(1)?;
    if counts.iter().flatten().any(|count| count > 1) {
        return Err(SparkError::too_many_rows().into());
    }
    rows.array(0).cloned()
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

/// The UUID that Java reads in a text: five numbers of any length, of which the lower digits count.
fn java_uuid(text: &str) -> Option<String> {
    const MASKS: [u64; 5] = [0xffff_ffff, 0xffff, 0xffff, 0xffff, 0xffff_ffff_ffff];
    let parts = text.split('-').collect::<Vec<_>>();
    if text.len() > 36 || parts.len() != MASKS.len() {
        return None;
    }
    let number = |(part, mask): (&&str, u64)| u64::from_str_radix(part, 16).ok().map(|number| number & mask);
    let numbers = parts.iter().zip(MASKS).map(number).collect::<Option<Vec<_>>>()?;
    let [low, mid, high, sequence, node] = numbers.as_slice() else { return None };
    Some(format!("{low:08x}-{mid:04x}-{high:04x}-{sequence:04x}-{node:012x}"))
}

fn uuid_from(rows: &Rows<'_>) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    rows.write(|row, out| match java_uuid(texts.value(row)) {
        Some(uuid) => {
            out.push_str(&uuid);
            Ok(true)
        }
        None => Err(SparkError::internal(format!("Invalid UUID string: {}", texts.value(row))).into()),
    })
}

fn try_uuid_from(rows: &Rows<'_>) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    rows.write(|row, out| {
        let uuid = java_uuid(texts.value(row));
        out.push_str(uuid.as_deref().unwrap_or_default());
        Ok(uuid.is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::java_uuid;

    #[test]
    fn uuids_are_read_as_java_reads_them() {
        let whole = "a5cf6c42-0c85-418f-af6c-3e4e5b1328f2";
        assert_eq!(java_uuid(whole).as_deref(), Some(whole));
        // java.util.UUID.fromString("1-2-3-4-5").
        assert_eq!(java_uuid("1-2-3-4-5").as_deref(), Some("00000001-0002-0003-0004-000000000005"));
        assert_eq!(java_uuid("x"), None);
    }
}
