//! Durations as Spark writes them: a whole number and a unit, such as `60s`, `100ms` or `1min`.

use std::fmt;
use std::time::Duration;

/// A length of time, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SparkDuration(Duration);

/// What a number without a unit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// `1.5s`.
    #[error("fractional durations are not supported; write it with a smaller unit, such as 1500ms for 1.5s")]
    Fractional,
    /// `-1s`.
    #[error("must not be negative")]
    Negative,
    /// A unit that does not exist, no number, or something else.
    #[error(
        "expected a whole number and a unit: microseconds (us), milliseconds (ms), seconds (s), \
         minutes (m or min), hours (h) or days (d), such as 60s or 100ms"
    )]
    Malformed,
    /// More microseconds than fit into 63 bits.
    #[error("longer than 2^63 - 1 microseconds")]
    TooLong,
}

impl SparkDuration {
    /// The duration of this many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The duration of this many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The duration as the standard library has it.
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// Reads a duration; `default_unit` counts where the text has no unit.
    pub fn parse(text: &str, default_unit: TimeUnit) -> Result<Self, TimeError> {
        let text = text.trim().to_ascii_lowercase();
        let (negative, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let end = magnitude.find(|c: char| !c.is_ascii_digit()).unwrap_or(magnitude.len());
        let (digits, unit) = magnitude.split_at(end);
        if digits.is_empty() {
            return Err(TimeError::Malformed);
        }
        let micros_of_unit: i64 = match unit {
            "" => match default_unit {
                TimeUnit::Milliseconds => 1_000,
                TimeUnit::Seconds => 1_000_000,
            },
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" | "min" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            other if other.strip_prefix('.').is_some_and(|f| f.starts_with(|c: char| c.is_ascii_digit())) => {
                return Err(TimeError::Fractional);
            }
            _ => return Err(TimeError::Malformed),
        };
        let number: i64 = digits.parse().map_err(|_| TimeError::TooLong)?;
        let micros = number.checked_mul(micros_of_unit).ok_or(TimeError::TooLong)?;
        if negative && micros > 0 {
            return Err(TimeError::Negative);
        }
        Ok(Self(Duration::from_micros(micros.unsigned_abs())))
    }
}

impl From<SparkDuration> for Duration {
    fn from(duration: SparkDuration) -> Self {
        duration.0
    }
}

impl fmt::Display for SparkDuration {
    /// Writes the duration with the largest of `s`, `ms` and `us` that needs no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_micros() {
            0 => write!(f, "{}s", self.0.as_secs()),
            micros if micros % 1000 == 0 => write!(f, "{}ms", self.0.as_millis()),
            _ => write!(f, "{}us", self.0.as_micros()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Result<Duration, TimeError> {
        SparkDuration::parse(text, TimeUnit::Seconds).map(SparkDuration::as_duration)
    }

    #[test]
    fn every_unit_is_read() {
        for (text, millis) in [
            ("0", 0),
            ("60", 60_000),
            ("60s", 60_000),
            ("100ms", 100),
            ("2000us", 2),
            ("1m", 60_000),
            ("1min", 60_000),
            ("2H", 7_200_000),
            ("1d", 86_400_000),
            (" 5s ", 5_000),
            ("-0s", 0),
        ] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_number_alone_counts_the_keys_unit() {
        let millis = SparkDuration::parse("250", TimeUnit::Milliseconds).map(SparkDuration::as_duration);
        assert_eq!(millis, Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, error) in [
            ("1.5s", TimeError::Fractional),
            ("0.5", TimeError::Fractional),
            ("-1s", TimeError::Negative),
            ("", TimeError::Malformed),
            ("s", TimeError::Malformed),
            ("1 s", TimeError::Malformed),
            ("1sec", TimeError::Malformed),
            ("soon", TimeError::Malformed),
            ("99999999999999999999s", TimeError::TooLong),
            ("999999999999d", TimeError::TooLong),
        ] {
            assert_eq!(seconds(text), Err(error), "{text}");
        }
    }

    #[test]
    fn durations_print_so_that_they_read_back() {
        for text in ["60s", "100ms", "250us", "0s"] {
            let duration = SparkDuration::parse(text, TimeUnit::Seconds).unwrap();
            assert_eq!(duration.to_string(), text);
        }
    }
}
