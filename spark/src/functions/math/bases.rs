//! Numbers written in other bases, and factorials.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::common::Result;

use crate::error::arithmetic_overflow;
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `bin(n)`.
pub static BIN: Kernel = Kernel::new("spark_bin", Returns::Type(DataType::Utf8), bin);
/// `hex(n)`.
pub static HEX: Kernel = Kernel::new("spark_hex", Returns::Type(DataType::Utf8), hex);
/// `hex(bytes)`.
pub static HEX_BYTES: Kernel = Kernel::new("spark_hex_bytes", Returns::Type(DataType::Utf8), hex_bytes);
/// `unhex(str)`: null where the string is not hexadecimal.
pub static UNHEX: Kernel = Kernel::new("spark_unhex", Returns::Type(DataType::Binary), unhex);
/// `conv(str, from, to)`.
pub static CONV: Kernel =
    Kernel::ansi("spark_conv", Returns::Type(DataType::Utf8), |rows| conv(rows, true), &CONV_LENIENT);
/// The same; a number too large is the largest.
pub static CONV_LENIENT: Kernel =
    Kernel::new("spark_conv_lenient", Returns::Type(DataType::Utf8), |rows| conv(rows, false));
/// `factorial(n)`: null outside of 0 to 20.
pub static FACTORIAL: Kernel = Kernel::new("spark_factorial", Returns::Type(DataType::Int64), factorial);

fn bin(rows: &Rows<'_>) -> Result<ArrayRef> {
    let values = rows.values::<Int64Type>(0)?;
    rows.write(|row, out| {
        out.push_str(&format!("{:b}", values.value(row)));
        Ok(true)
    })
}

fn hex(rows: &Rows<'_>) -> Result<ArrayRef> {
    let values = rows.values::<Int64Type>(0)?;
    rows.write(|row, out| {
        out.push_str(&format!("{:X}", values.value(row)));
        Ok(true)
    })
}

fn hex_bytes(rows: &Rows<'_>) -> Result<ArrayRef> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let values = rows.bytes(0)?;
    rows.write(|row, out| {
        for byte in values.value(row) {
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        Ok(true)
    })
}

fn unhex(rows: &Rows<'_>) -> Result<ArrayRef> {
    let text = rows.text(0)?;
    rows.write_bytes(|row, out| Ok(crate::functions::string::from_hex(text.value(row), out)))
}

fn factorial(rows: &Rows<'_>) -> Result<ArrayRef> {
    let values = rows.values::<Int32Type>(0)?;
    rows.primitives::<Int64Type>(|row| {
        let n = i64::from(values.value(row));
        Ok((0..=20).contains(&n).then(|| (1..=n).product()))
    })
}

fn conv(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (text, from, to) = (rows.text(0)?, rows.values::<Int32Type>(1)?, rows.values::<Int32Type>(2)?);
    rows.write(|row, out| {
        let (from, to) = (from.value(row), to.value(row));
        if !(2..=36).contains(&from) || !(2..=36).contains(&to.abs()) {
            return Ok(false);
        }
        let text = text.value(row).trim();
        if text.is_empty() {
            return Ok(false);
        }
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mut value, mut overflow) = (0_u64, false);
        // What is no digit of the base ends the number.
        for digit in digits.chars().map_while(|c| c.to_digit(from as u32)) {
            match value.checked_mul(from as u64).and_then(|v| v.checked_add(u64::from(digit))) {
                Some(next) => value = next,
                None => overflow = true,
            }
        }
        if overflow {
            if strict {
                return Err(arithmetic_overflow("Overflow in function conv()", None).into());
            }
            value = u64::MAX;
        }
        // A negative target base asks for a sign, a positive one for 64 bits without.
        let mut minus = false;
        if negative && to > 0 {
            value = if (value as i64) < 0 { u64::MAX } else { (value as i64).wrapping_neg() as u64 };
        }
        if to < 0 {
            let signed = if negative { (value as i64).wrapping_neg() } else { value as i64 };
            minus = signed < 0;
            value = signed.unsigned_abs();
        }
        let base = to.unsigned_abs();
        let start = out.len();
        loop {
            let digit = char::from_digit((value % u64::from(base)) as u32, base).unwrap_or('0');
            out.insert(start, digit.to_ascii_uppercase());
            value /= u64::from(base);
            if value == 0 {
                break;
            }
        }
        if minus {
            out.insert(start, '-');
        }
        Ok(true)
    })
}
