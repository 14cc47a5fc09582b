//! Rounding to a number of digits, by the digits that a number is printed with.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::{Result, exec_err};

use crate::error::{SparkError, arithmetic_overflow};
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `round(value, digits, null of the result's type)`.
pub static ROUND: Kernel =
    Kernel::null_aware("spark_round", Returns::Argument(2), |rows| round(rows, Mode::HalfUp));
/// `bround`: halves go to the even neighbour.
pub static BROUND: Kernel =
    Kernel::null_aware("spark_bround", Returns::Argument(2), |rows| round(rows, Mode::HalfEven));
/// `ceil` of a decimal.
pub static CEIL: Kernel =
    Kernel::null_aware("spark_ceil", Returns::Argument(2), |rows| round(rows, Mode::Ceiling));
/// `floor` of a decimal.
pub static FLOOR: Kernel =
    Kernel::null_aware("spark_floor", Returns::Argument(2), |rows| round(rows, Mode::Floor));

#[derive(Clone, Copy)]
enum Mode {
    HalfUp,
    HalfEven,
    Ceiling,
    Floor,
}

impl Mode {
    /// `value / 10^digits` as a whole number.
    fn divide(self, value: i128, digits: u32) -> i128 {
        let Some(unit) = 10_i128.checked_pow(digits) else {
            return match self {
                Self::Ceiling if value > 0 => 1,
                Self::Floor if value < 0 => -1,
                _ => 0,
            };
        };
        let (quotient, rest) = (value / unit, value % unit);
        let step = if value < 0 { -1 } else { 1 };
        let up = match self {
            Self::HalfUp => rest.abs() >= unit - rest.abs(),
            Self::HalfEven => {
                let other = unit - rest.abs();
                rest.abs() > other || (rest.abs() == other && quotient % 2 != 0)
            }
            Self::Ceiling => rest > 0,
            Self::Floor => rest < 0,
        };
        if up && rest != 0 { quotient + step } else { quotient }
    }
}

fn round(rows: &Rows<'_>, mode: Mode) -> Result<ArrayRef> {
    let (value, digits) = (rows.array(0)?, rows.values::<Int32Type>(1)?);
    use datafusion::arrow::array::Array;
    let known = |row: usize| value.is_valid(row) && digits.is_valid(row);
    macro_rules! integers {
        ($t:ty, $native:ty) => {{
            let values = rows.values::<$t>(0)?;
            rows.primitives::<$t>(|row| {
                if !known(row) {
                    return Ok(None);
                }
                let (v, digits) = (values.value(row), digits.value(row));
                if digits >= 0 {
                    return Ok(Some(v));
                }
                let dropped = digits.unsigned_abs();
                let rounded = mode.divide(i128::from(v), dropped);
                let unit = if rounded == 0 { 1 } else { 10_i128.pow(dropped.min(30)) };
                match <$native>::try_from(rounded * unit) {
                    Ok(v) => Ok(Some(v)),
                    Err(_) => Err(arithmetic_overflow("Overflow", None).into()),
                }
            })
        }};
    }
    match (value.data_type(), rows.to) {
        (DataType::Int8, _) => integers!(Int8Type, i8),
        (DataType::Int16, _) => integers!(Int16Type, i16),
        (DataType::Int32, _) => integers!(Int32Type, i32),
        (DataType::Int64, _) => integers!(Int64Type, i64),
        (DataType::Float64, _) => {
            let values = rows.values::<Float64Type>(0)?;
            rows.primitives::<Float64Type>(|row| {
                let (v, digits) = (values.value(row), digits.value(row));
                Ok(known(row).then(|| floating(v, &format!("{v:e}"), digits, mode)))
            })
        }
        (DataType::Float32, _) => {
            let values = rows.values::<Float32Type>(0)?;
            rows.primitives::<Float32Type>(|row| {
                let (v, digits) = (values.value(row), digits.value(row));
                Ok(known(row).then(|| floating(f64::from(v), &format!("{v:e}"), digits, mode) as f32))
            })
        }
        (DataType::Decimal128(_, scale), DataType::Decimal128(precision, to)) => {
            let values = rows.values::<Decimal128Type>(0)?;
            rows.primitives::<Decimal128Type>(|row| {
                if !known(row) {
                    return Ok(None);
                }
                decimal(
                    values.value(row),
                    i32::from(*scale),
                    digits.value(row),
                    i32::from(*to),
                    *precision,
                    mode,
                )
                .map(Some)
            })
        }
        (other, _) => exec_err!("{other} cannot be rounded"),
    }
}

/// `scientific` are the digits that the value is printed with, as in `1.25e-1`.
fn floating(v: f64, scientific: &str, digits: i32, mode: Mode) -> f64 {
    if !v.is_finite() || v == 0.0 {
        return v;
    }
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return v };
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let whole: String = mantissa.chars().filter(|c| *c != '.').collect();
    let (Ok(whole), Ok(exponent)) = (whole.parse::<i128>(), exponent.parse::<i32>()) else { return v };
    // v = whole * 10^-scale
    let scale = fraction as i32 - exponent;
    if scale <= digits {
        return v;
    }
    let rounded = mode.divide(whole, (scale - digits).unsigned_abs());
    format!("{rounded}e{}", -digits).parse().unwrap_or(v)
}

fn decimal(v: i128, scale: i32, digits: i32, to: i32, precision: u8, mode: Mode) -> Result<i128> {
    let kept = digits.min(scale);
    let rounded = mode.divide(v, (scale - kept).unsigned_abs());
    // Digits dropped left of the point come back as zeros.
    let out = match to - kept {
        0 => Some(rounded),
        shift if shift > 0 => {
            10_i128.checked_pow(shift.unsigned_abs()).and_then(|unit| rounded.checked_mul(unit))
        }
        shift => Some(mode.divide(rounded, shift.unsigned_abs())),
    };
    let limit = 10_i128.checked_pow(u32::from(precision));
    match out {
        Some(out) if limit.is_none_or(|limit| out.abs() < limit) => Ok(out),
        _ if rounded == 0 => Ok(0),
        _ => Err(SparkError::new(
            "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
            "22003",
            format!(
                "The rounded value cannot be represented as Decimal({precision}, {to}). \
                 If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error, and return NULL instead."
            ),
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_round_by_their_digits() {
        // From the documentation of round and bround, and java.math.BigDecimal.
        let round = |v: f64, digits, mode| floating(v, &format!("{v:e}"), digits, mode).to_string();
        assert_eq!(round(2.5, 0, Mode::HalfUp), "3");
        assert_eq!(round(2.5, 0, Mode::HalfEven), "2");
        assert_eq!(round(2.675, 2, Mode::HalfUp), "2.68");
        assert_eq!(round(-1.5, 0, Mode::HalfUp), "-2");
        assert_eq!(round(125.0, -1, Mode::HalfUp), "130");
        assert_eq!(round(0.004, 1, Mode::HalfUp), "0");
    }
}
