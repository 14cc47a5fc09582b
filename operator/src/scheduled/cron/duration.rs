//! Go's durations with their signs and Go's words for what is none, as `@every` takes them.

use jiff::SignedDuration;

/// Why a text is no duration, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing that looks like one, or one too long to be kept.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number alone.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit nobody knows.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Reads a duration such as `1h30m`, `90s`, `-1.5h`.
pub fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let mut nanoseconds: i128 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale: i128 = match unit {
            "" => return Err(DurationError::MissingUnit(text.to_owned())),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => {
                return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
            }
        };
        // Eighteen digits of either part are more than a duration can hold.
        let digits = |digits: &str| match digits {
            "" => Ok(0),
            digits => digits.parse::<i128>().ok().filter(|_| digits.len() <= 18).ok_or_else(invalid),
        };
        nanoseconds += digits(whole)? * scale;
        let decimals = u32::try_from(fraction.len()).map_err(|_| invalid())?;
        nanoseconds += digits(fraction)? * scale / 10_i128.checked_pow(decimals).ok_or_else(invalid)?;
        rest = tail;
    }
    // Go keeps 63 bits of nanoseconds.
    let nanoseconds = i64::try_from(nanoseconds).map_err(|_| invalid())?;
    let duration = SignedDuration::from_nanos(nanoseconds);
    Ok(if text.starts_with('-') { -duration } else { duration })
}
