//! Strings and bytes made longer.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use crate::functions::kernel::{Kernel, Returns, Rows};

/// `lpad(str, len, pad)`.
pub static LPAD: Kernel = Kernel::new("spark_lpad", Returns::Type(DataType::Utf8), |rows| pad(rows, true));
/// `rpad(str, len, pad)`.
pub static RPAD: Kernel = Kernel::new("spark_rpad", Returns::Type(DataType::Utf8), |rows| pad(rows, false));
/// `lpad` of bytes.
pub static LPAD_BYTES: Kernel =
    Kernel::new("spark_lpad_bytes", Returns::Type(DataType::Binary), |rows| pad_bytes(rows, true));
/// `rpad` of bytes.
pub static RPAD_BYTES: Kernel =
    Kernel::new("spark_rpad_bytes", Returns::Type(DataType::Binary), |rows| pad_bytes(rows, false));
/// `repeat(str, n)`.
pub static REPEAT: Kernel = Kernel::new("spark_repeat", Returns::Type(DataType::Utf8), repeat);

fn pad(rows: &Rows<'_>, left: bool) -> Result<ArrayRef> {
    let (text, length, pad) = (rows.text(0)?, rows.values::<Int32Type>(1)?, rows.text(2)?);
    rows.write(|row, out| {
        let (text, pad) = (text.value(row), pad.value(row));
        let length = usize::try_from(length.value(row)).unwrap_or(0);
        let own = text.chars().count();
        if own >= length || pad.is_empty() {
            out.extend(text.chars().take(length));
            return Ok(true);
        }
        let filler = pad.chars().cycle().take(length - own);
        if left {
            out.extend(filler);
            out.push_str(text);
        } else {
            out.push_str(text);
            out.extend(filler);
        }
        Ok(true)
    })
}

fn pad_bytes(rows: &Rows<'_>, left: bool) -> Result<ArrayRef> {
    let (bytes, length, pad) = (rows.bytes(0)?, rows.values::<Int32Type>(1)?, rows.bytes(2)?);
    rows.write_bytes(|row, out| {
        let (bytes, pad) = (bytes.value(row), pad.value(row));
        let length = usize::try_from(length.value(row)).unwrap_or(0);
        if bytes.len() >= length || pad.is_empty() {
            out.extend(bytes.iter().take(length));
            return Ok(true);
        }
        let filler = pad.iter().cycle().take(length - bytes.len());
        if left {
            out.extend(filler);
            out.extend_from_slice(bytes);
        } else {
            out.extend_from_slice(bytes);
            out.extend(filler);
        }
        Ok(true)
    })
}

fn repeat(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, times) = (rows.text(0)?, rows.values::<Int32Type>(1)?);
    rows.write(|row, out| {
        for _ in 0..times.value(row).max(0) {
            out.push_str(text.value(row));
        }
        Ok(true)
    })
}
