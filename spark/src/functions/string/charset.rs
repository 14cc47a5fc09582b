//! Strings to bytes and back.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `encode(str, charset)`.
pub static ENCODE: Kernel = Kernel::new("spark_encode", Returns::Type(DataType::Binary), encode);
/// `decode(bytes, charset)`.
pub static DECODE: Kernel = Kernel::new("spark_decode", Returns::Type(DataType::Utf8), decode);
/// `to_binary(str, format)`.
pub static TO_BINARY: Kernel =
    Kernel::new("spark_to_binary", Returns::Type(DataType::Binary), |rows| to_binary(rows, true));
/// `try_to_binary(str, format)`.
pub static TRY_TO_BINARY: Kernel =
    Kernel::new("spark_try_to_binary", Returns::Type(DataType::Binary), |rows| to_binary(rows, false));
/// `unbase64(str)`.
pub static UNBASE64: Kernel = Kernel::new("spark_unbase64", Returns::Type(DataType::Binary), unbase64);
/// `validate_utf8(bytes)`.
pub static VALIDATE_UTF8: Kernel =
    Kernel::new("spark_validate_utf8", Returns::Type(DataType::Utf8), |rows| validate(rows, true));
/// `try_validate_utf8(bytes)`.
pub static TRY_VALIDATE_UTF8: Kernel =
    Kernel::new("spark_try_validate_utf8", Returns::Type(DataType::Utf8), |rows| validate(rows, false));

#[derive(Clone, Copy)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    Utf16 { big: bool, mark: bool },
    Utf32,
}

fn charset(function: &str, name: &str) -> Result<Charset> {
    Ok(match name.to_uppercase().as_str() {
        "US-ASCII" => Charset::Ascii,
        "ISO-8859-1" => Charset::Latin1,
        "UTF-8" => Charset::Utf8,
        "UTF-16BE" => Charset::Utf16 { big: true, mark: false },
        "UTF-16LE" => Charset::Utf16 { big: false, mark: false },
        "UTF-16" => Charset::Utf16 { big: true, mark: true },
        "UTF-32" => Charset::Utf32,
        _ => {
            let known = "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8";
            return Err(SparkError::new(
                "INVALID_PARAMETER_VALUE.CHARSET",
                "22023",
                format!(
                    "The value of parameter(s) `charset` in `{function}` is invalid: expects one of the {known}, but got {name}."
                ),
            )
            .with_param("functionName", format!("`{function}`"))
            .with_param("parameter", "`charset`")
            .with_param("charset", name)
            .with_param("charsets", known)
            .into());
        }
    })
}

fn malformed(function: &str, charset: &str) -> datafusion::error::DataFusionError {
    SparkError::new(
        "MALFORMED_CHARACTER_CODING",
        "22000",
        format!("Invalid value found when performing `{function}` with {charset}"),
    )
    .with_param("function", format!("`{function}`"))
    .with_param("charset", charset)
    .into()
}

fn encode(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, name) = (rows.text(0)?, rows.text(1)?);
    rows.write_bytes(|row, out| {
        let (text, name) = (text.value(row), name.value(row));
        let bad = || malformed("encode", name);
        match charset("encode", name)? {
            Charset::Utf8 => out.extend_from_slice(text.as_bytes()),
            Charset::Ascii if text.is_ascii() => out.extend_from_slice(text.as_bytes()),
            Charset::Ascii => return Err(bad()),
            Charset::Latin1 => {
                for c in text.chars() {
                    out.push(u8::try_from(c).map_err(|_| bad())?);
                }
            }
            Charset::Utf16 { big, mark } => {
                let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
                if mark && !text.is_empty() {
                    out.extend(unit(0xFEFF));
                }
                out.extend(text.encode_utf16().flat_map(unit));
            }
            Charset::Utf32 => out.extend(text.chars().flat_map(|c| u32::from(c).to_be_bytes())),
        }
        Ok(true)
    })
}

fn decode(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (bytes, name) = (rows.bytes(0)?, rows.text(1)?);
    rows.write(|row, out| {
        let (bytes, name) = (bytes.value(row), name.value(row));
        let bad = || malformed("decode", name);
        match charset("decode", name)? {
            Charset::Utf8 => out.push_str(std::str::from_utf8(bytes).map_err(|_| bad())?),
            Charset::Ascii if bytes.is_ascii() => out.extend(bytes.iter().map(|b| char::from(*b))),
            Charset::Ascii => return Err(bad()),
            Charset::Latin1 => out.extend(bytes.iter().map(|b| char::from(*b))),
            Charset::Utf16 { big, mark } => {
                let (big, bytes) = match bytes {
                    [0xFE, 0xFF, rest @ ..] if mark => (true, rest),
                    [0xFF, 0xFE, rest @ ..] if mark => (false, rest),
                    _ => (big, bytes),
                };
                if bytes.len() % 2 != 0 {
                    return Err(bad());
                }
                let units = bytes.chunks_exact(2).map(|pair| {
                    let pair = [pair[0], pair[1]];
                    if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
                });
                for c in char::decode_utf16(units) {
                    out.push(c.map_err(|_| bad())?);
                }
            }
            Charset::Utf32 => {
                for four in bytes.chunks(4) {
                    let four: [u8; 4] = four.try_into().map_err(|_| bad())?;
                    out.push(char::from_u32(u32::from_be_bytes(four)).ok_or_else(bad)?);
                }
            }
        }
        Ok(true)
    })
}

fn to_binary(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (text, format) = (rows.text(0)?, rows.text(1)?);
    rows.write_bytes(|row, out| {
        let (text, format) = (text.value(row), format.value(row));
        let good = match format.to_lowercase().as_str() {
            "utf-8" | "utf8" => {
                out.extend_from_slice(text.as_bytes());
                true
            }
            "hex" => from_hex(text, out),
            "base64" => from_base64(text, out),
            _ if !strict => false,
            _ => {
                return Err(SparkError::new(
                    "INVALID_PARAMETER_VALUE.BINARY_FORMAT",
                    "22023",
                    format!(
                        "The value of parameter(s) `format` in `to_binary` is invalid: expects one of binary formats \
                         'base64', 'hex', 'utf-8', but got '{format}'."
                    ),
                )
                .into());
            }
        };
        if !good && strict {
            return Err(conversion_invalid(text, format, "to_binary", "try_to_binary"));
        }
        Ok(good)
    })
}

fn conversion_invalid(
    text: &str,
    format: &str,
    function: &str,
    instead: &str,
) -> datafusion::error::DataFusionError {
    let format = format.to_uppercase();
    SparkError::new(
        "CONVERSION_INVALID_INPUT",
        "22018",
        format!(
            "The value '{text}' ('{format}') cannot be converted to \"BINARY\" because it is malformed. \
             Correct the value as per the syntax, or change its format. \
             Use `{instead}` to tolerate malformed input and return NULL instead."
        ),
    )
    .with_param("str", format!("'{text}'"))
    .with_param("fmt", format!("'{format}'"))
    .with_param("targetType", "\"BINARY\"")
    .with_param("suggestion", format!("`{instead}`"))
    .with_param("functionName", format!("`{function}`"))
    .into()
}

/// Digits of base 16; an odd number of them starts with half a byte.
pub(in crate::functions) fn from_hex(text: &str, out: &mut Vec<u8>) -> bool {
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let (first, rest) = text.as_bytes().split_at(text.len() % 2);
    if let [single] = first {
        match digit(*single) {
            Some(value) => out.push(value),
            None => return false,
        }
    }
    for pair in rest.chunks_exact(2) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => out.push(high << 4 | low),
            _ => return false,
        }
    }
    true
}

fn unbase64(rows: &Rows<'_>) -> Result<ArrayRef> {
    let text = rows.text(0)?;
    rows.write_bytes(|row, out| {
        if from_base64(text.value(row), out) {
            return Ok(true);
        }
        Err(conversion_invalid(text.value(row), "BASE64", "unbase64", "try_to_binary"))
    })
}

/// Base64 with line ends and blanks left out; `=` only at the end.
fn from_base64(text: &str, out: &mut Vec<u8>) -> bool {
    let (mut group, mut digits, mut padding) = (0_u32, 0, 0);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return false,
        };
        if padding > 0 {
            return false;
        }
        group = group << 6 | u32::from(value);
        digits += 1;
        if digits == 4 {
            out.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, digits) = (0, 0);
        }
    }
    match (digits, padding) {
        (0, 0) => true,
        (2, 0 | 2) => {
            out.push((group >> 4) as u8);
            true
        }
        (3, 0 | 1) => {
            out.extend_from_slice(&[(group >> 10) as u8, (group >> 2) as u8]);
            true
        }
        _ => false,
    }
}

/// Base64 with padding.
pub(in crate::functions) fn to_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (group >> (18 - 6 * digit)) & 63;
            text.push(if digit <= chunk.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}

fn validate(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let bytes = rows.bytes(0)?;
    rows.slices(|row| match std::str::from_utf8(bytes.value(row)) {
        Ok(text) => Ok(Some(text)),
        Err(_) if !strict => Ok(None),
        Err(_) => {
            let shown =
                bytes.value(row).iter().fold(String::new(), |shown, b| shown + &format!("\\x{b:02X}"));
            Err(SparkError::new(
                "INVALID_UTF8_STRING",
                "22029",
                format!("Invalid UTF8 byte sequence found in string: {shown}."),
            )
            .with_param("str", shown)
            .into())
        }
    })
}
