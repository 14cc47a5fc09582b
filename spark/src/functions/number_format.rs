//! Numbers as formatted text and back.

mod pattern;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type};
use datafusion::common::{Result, exec_err};

use self::pattern::NumberFormat;
use super::kernel::{Compiled, Kernel, Returns, Rows};
use crate::error::SparkError;

/// `to_number(text, format, null of the result's type)`.
pub static TO_NUMBER: Kernel =
    Kernel::null_aware("spark_to_number", Returns::Argument(2), |rows| to_number(rows, true));
/// The same, null where the text does not match.
pub static TRY_TO_NUMBER: Kernel =
    Kernel::null_aware("spark_try_to_number", Returns::Argument(2), |rows| to_number(rows, false));
/// `to_char(decimal, format)`.
pub static TO_CHAR: Kernel = Kernel::new("spark_to_char", Returns::Type(DataType::Utf8), to_char);
/// `format_number(number, digits)`.
pub static FORMAT_DIGITS: Kernel =
    Kernel::new("spark_format_number", Returns::Type(DataType::Utf8), format_digits);
/// `format_number(number, pattern)`.
pub static FORMAT_PATTERN: Kernel =
    Kernel::new("spark_format_number_pattern", Returns::Type(DataType::Utf8), format_pattern);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&TO_NUMBER, &TRY_TO_NUMBER, &TO_CHAR, &FORMAT_DIGITS, &FORMAT_PATTERN];

/// Precision and scale of the numbers that a format reads.
pub fn result_type(format: &str) -> Result<DataType, SparkError> {
    let format = NumberFormat::new(format)?;
    Ok(DataType::Decimal128(format.precision().clamp(1, 38), format.scale() as i8))
}

fn to_number(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    use datafusion::arrow::array::Array;
    let (texts, formats) = (rows.text(0)?, rows.text(1)?);
    let mut compiled = Compiled::new();
    rows.primitives::<Decimal128Type>(|row| {
        if texts.is_null(row) || formats.is_null(row) {
            return Ok(None);
        }
        let format = compiled.get(formats.value(row), |f| Ok(NumberFormat::new(f)?))?;
        let text = texts.value(row);
        match format.read(text) {
            None if strict => Err(SparkError::new(
                "INVALID_FORMAT.MISMATCH_INPUT",
                "42601",
                format!(
                    "The format is invalid: '{}'. The input \"STRING\" '{text}' does not match the format.",
                    formats.value(row)
                ),
            )
            .with_param("format", formats.value(row))
            .with_param("inputType", "\"STRING\"")
            .with_param("input", text)
            .into()),
            value => Ok(value),
        }
    })
}

fn to_char(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (values, formats) = (rows.values::<Decimal128Type>(0)?, rows.text(1)?);
    let DataType::Decimal128(_, scale) = rows.array(0)?.data_type().clone() else {
        return exec_err!("to_char takes decimals");
    };
    let mut compiled = Compiled::new();
    rows.write(|row, out| {
        let format = compiled.get(formats.value(row), |f| Ok(NumberFormat::new(f)?))?;
        format.write(values.value(row), scale.max(0).unsigned_abs().into(), out);
        Ok(true)
    })
}

/// Sign, whole digits and fraction of a number, rounded to so many digits behind the point.
fn digits_of(rows: &Rows<'_>, row: usize, digits: usize) -> Result<Option<(bool, String, String)>> {
    let text = match rows.array(0)?.data_type() {
        DataType::Decimal128(_, scale) => {
            let value = rows.values::<Decimal128Type>(0)?.value(row);
            let scale = scale.max(&0).unsigned_abs().into();
            pattern::plain(pattern::half_even(value, scale, digits), digits)
        }
        _ => {
            let value = rows.values::<Float64Type>(0)?.value(row);
            if !value.is_finite() {
                return Ok(None);
            }
            format!("{value:.digits$}")
        }
    };
    let (negative, text) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let zero = text.bytes().all(|b| b == b'0' || b == b'.');
    Ok(Some((negative && !zero, whole.to_owned(), fraction.to_owned())))
}

fn grouped(whole: &str, size: usize, out: &mut String) {
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && size > 0 && (whole.len() - index).is_multiple_of(size) {
            out.push(',');
        }
        out.push(digit);
    }
}

/// What is no number is shown as Java shows it.
fn odd(value: f64) -> &'static str {
    match value {
        v if v.is_nan() => "NaN",
        v if v > 0.0 => "∞",
        _ => "-∞",
    }
}

fn format_digits(rows: &Rows<'_>) -> Result<ArrayRef> {
    let digits = rows.values::<Int32Type>(1)?;
    rows.write(|row, out| {
        let Ok(digits) = usize::try_from(digits.value(row)) else { return Ok(false) };
        match digits_of(rows, row, digits)? {
            Some((negative, whole, fraction)) => {
                if negative {
                    out.push('-');
                }
                grouped(&whole, 3, out);
                if digits > 0 {
                    out.push('.');
                    out.push_str(&fraction);
                }
            }
            None => out.push_str(odd(rows.values::<Float64Type>(0)?.value(row))),
        }
        Ok(true)
    })
}

fn format_pattern(rows: &Rows<'_>) -> Result<ArrayRef> {
    let patterns = rows.text(1)?;
    let mut compiled = Compiled::new();
    rows.write(|row, out| {
        let layout = compiled.get(patterns.value(row), |p| Ok(pattern::Layout::new(p)))?;
        let Some((negative, whole, fraction)) = digits_of(rows, row, layout.most)? else {
            out.push_str(odd(rows.values::<Float64Type>(0)?.value(row)));
            return Ok(true);
        };
        if negative {
            out.push('-');
        }
        out.push_str(&layout.prefix);
        let whole = whole.trim_start_matches('0');
        grouped(&format!("{whole:0>least$}", least = layout.whole), layout.group, out);
        let kept = fraction.trim_end_matches('0').len().max(layout.least);
        if kept > 0 {
            out.push('.');
            out.push_str(&fraction[..kept]);
        }
        out.push_str(&layout.suffix);
        Ok(true)
    })
}
