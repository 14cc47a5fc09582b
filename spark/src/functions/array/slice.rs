//! `slice`: a part of an array.

use datafusion::arrow::datatypes::Int32Type;

use super::{Picker, list, places, same_array};
use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns};

/// `slice(array, start, length)`: counted from 1, or from the end.
pub static SLICE: Kernel = Kernel::new("spark_array_slice", Returns::Rule(same_array), |rows| {
    let array = list(rows, 0)?;
    let (starts, lengths) = (rows.values::<Int32Type>(1)?, rows.values::<Int32Type>(2)?);
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        if rows.is_valid(row) {
            let places = places(array, row);
            let (start, length) = (starts.value(row), lengths.value(row));
            if start == 0 {
                let reason = "Expects a positive or a negative value for `start`, but got 0";
                return Err(invalid("START", "start", reason).into());
            }
            let Ok(length) = usize::try_from(length) else {
                let reason = format!("Expects `length` greater than or equal to 0, but got {length}");
                return Err(invalid("LENGTH", "length", &reason).into());
            };
            let distance = start.unsigned_abs() as usize;
            let first = if start > 0 { Some(distance - 1) } else { places.len().checked_sub(distance) };
            if let Some(first) = first.filter(|first| *first < places.len()) {
                out.pick_all(0, places.skip(first).take(length));
            }
        }
        out.end_row(rows.is_valid(row));
    }
    out.finish(&[array.values()])
});

fn invalid(subclass: &str, parameter: &str, reason: &str) -> SparkError {
    SparkError::new(
        format!("INVALID_PARAMETER_VALUE.{subclass}"),
        "22023",
        format!("The value of parameter(s) `{parameter}` in `slice` is invalid: {reason}."),
    )
    .with_param("parameter", format!("`{parameter}`"))
    .with_param("functionName", "`slice`")
}
