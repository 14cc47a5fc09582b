//! Lines of text in chunks of bytes, and values in text as Spark reads them.

use std::borrow::Cow;

use memchr::{memchr2, memmem};

use super::options::Encoding;

/// Iterates over the lines of a chunk, without their ends.
pub struct Lines<'a> {
    rest: &'a [u8],
    separator: Option<&'a [u8]>,
}

impl<'a> Lines<'a> {
    /// Lines that end with `separator`, or with `\n`, `\r\n` or `\r` where none is given.
    pub fn new(chunk: &'a [u8], separator: Option<&'a [u8]>) -> Self {
        Self { rest: chunk, separator }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (end, width) = match self.separator {
            Some(separator) => match memmem::find(self.rest, separator) {
                Some(end) => (end, separator.len()),
                None => (self.rest.len(), 0),
            },
            None => match memchr2(b'\n', b'\r', self.rest) {
                Some(end) if self.rest[end..].starts_with(b"\r\n") => (end, 2),
                Some(end) => (end, 1),
                None => (self.rest.len(), 0),
            },
        };
        let line = &self.rest[..end];
        self.rest = &self.rest[end + width..];
        Some(line)
    }
}

/// Decodes text; bytes that make no sense become U+FFFD, as in Java.
pub fn decode(bytes: &[u8], encoding: Encoding) -> Cow<'_, str> {
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes),
        Encoding::Latin1 if bytes.is_ascii() => String::from_utf8_lossy(bytes),
        Encoding::Latin1 => Cow::Owned(bytes.iter().map(|b| char::from(*b)).collect()),
    }
}

/// Whether a line holds nothing but white space.
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|b| *b <= b' ')
}

/// An integer as Java's `parseInt` reads it: an optional sign and digits.
pub fn parse_integer(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A number as Java's `parseDouble` reads it.
pub fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => {}
    }
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    if !text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
        return None;
    }
    text.parse().ok()
}

/// A decimal number of any form, as digits and scale: `1.50` is (150, 2), `1e2` is (1, -2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// Digits with a sign, without superfluous zeros in front.
    pub unscaled: String,
    pub scale: i32,
}

impl Decimal {
    /// Reads a number as Java's `BigDecimal` does, after taking out grouping commas.
    pub fn parse(text: &str) -> Option<Self> {
        let text: Cow<'_, str> =
            if text.contains(',') { Cow::Owned(text.replace(',', "")) } else { Cow::Borrowed(text) };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], i32::try_from(parse_integer(&text[at + 1..])?).ok()?),
            None => (&text[..], 0),
        };
        let (negative, unsigned) = match mantissa.as_bytes().first()? {
            b'-' => (true, &mantissa[1..]),
            b'+' => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.len() + part.len() == 0 || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = format!("{whole}{part}");
        let digits = digits.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        let scale = i32::try_from(part.len()).ok()?.checked_sub(exponent)?;
        Some(Self { unscaled: if negative { format!("-{digits}") } else { digits.to_owned() }, scale })
    }

    /// Number of digits.
    pub fn precision(&self) -> usize {
        self.unscaled.trim_start_matches('-').len()
    }

    /// The number at another scale, rounded half up; `None` where `precision` digits don't hold it.
    pub fn rescale(&self, precision: u8, scale: i8) -> Option<i128> {
        let shift = i32::from(scale).checked_sub(self.scale)?;
        // What has more digits than an i128 could only fit after losing all of them.
        let value = if shift >= 0 {
            if shift > 38 && self.unscaled != "0" {
                return None;
            }
            let unscaled: i128 = self.unscaled.parse().ok()?;
            unscaled.checked_mul(10i128.checked_pow(shift.min(38).unsigned_abs())?)?
        } else {
            let cut = shift.unsigned_abs() as usize;
            let negative = self.unscaled.starts_with('-');
            let digits = self.unscaled.trim_start_matches('-');
            let keep = digits.len().saturating_sub(cut);
            let kept: i128 = if keep == 0 { 0 } else { digits[..keep].parse().ok()? };
            let next = if digits.len() >= cut { digits.as_bytes().get(keep) } else { None };
            let rounded = if next.is_some_and(|d| *d >= b'5') { kept.checked_add(1)? } else { kept };
            if negative { -rounded } else { rounded }
        };
        let limit = 10i128.checked_pow(u32::from(precision))?;
        (value.abs() < limit).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunk: &str, separator: Option<&str>) -> Vec<String> {
        Lines::new(chunk.as_bytes(), separator.map(str::as_bytes))
            .map(|line| decode(line, Encoding::Utf8).into_owned())
            .collect()
    }

    #[test]
    fn lines_end_with_any_line_end_or_the_given_one() {
        assert_eq!(lines("a\nb\r\nc\rd", None), ["a", "b", "c", "d"]);
        assert_eq!(lines("a||b\n||c", Some("||")), ["a", "b\n", "c"]);
        assert_eq!(lines("a\n\n", None), ["a", ""]);
    }

    #[test]
    fn decimals_are_rounded_half_up_and_must_fit() {
        let rescale = |text: &str, p, s| Decimal::parse(text).unwrap().rescale(p, s);
        assert_eq!(rescale("1.005", 10, 2), Some(101));
        assert_eq!(rescale("-1.005", 10, 2), Some(-101));
        assert_eq!(rescale("1e2", 10, 2), Some(10_000));
        assert_eq!(rescale("0.5", 1, 0), Some(1));
        assert_eq!(rescale("0.05", 1, 0), Some(0));
        assert_eq!(rescale("99.995", 4, 2), None);
        assert_eq!(rescale("1e50", 38, 0), None);
        assert_eq!(rescale("1e-2000000000", 38, 0), Some(0));
        assert_eq!(rescale("1,234", 10, 0), Some(1234));
        assert_eq!(Decimal::parse("."), None);
        assert_eq!(Decimal::parse("1e99999999999"), None);
    }

    #[test]
    fn numbers_have_javas_forms() {
        assert_eq!(parse_integer("+5"), Some(5));
        assert_eq!(parse_integer("5 "), None);
        assert_eq!(parse_integer("+"), None);
        assert_eq!(parse_double("1e3f"), Some(1000.0));
        assert_eq!(parse_double("inf"), None);
        assert_eq!(parse_double("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_double("d"), None);
    }
}
