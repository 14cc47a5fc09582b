//! Sizes as Spark writes them: a whole number and a unit of 1024, such as `512m` or `2g`.

use std::fmt;

/// A number of bytes. Negative sizes exist: `-1` switches some settings off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(i64);

/// What a number without a unit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeUnit {
    /// Single bytes.
    Bytes,
    /// 1024 bytes.
    Kibibytes,
    /// 1024 KiB.
    Mebibytes,
}

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// `1.5g`.
    #[error("fractional sizes are not supported; write it with a smaller unit, such as 1536m for 1.5g")]
    Fractional,
    /// A unit that does not exist, no number, or something else.
    #[error(
        "expected a whole number and a unit: bytes (b), kibibytes (k), mebibytes (m), gibibytes (g), \
         tebibytes (t) or pebibytes (p), such as 512m or 2g"
    )]
    Malformed,
    /// More than 2^63 - 1 bytes.
    #[error("larger than 2^63 - 1 bytes")]
    TooLarge,
}

impl ByteSize {
    /// The size of this many bytes.
    pub const fn from_bytes(bytes: i64) -> Self {
        Self(bytes)
    }

    /// The size of this many MiB; as large as can be where that does not fit.
    pub const fn from_mebibytes(mebibytes: i64) -> Self {
        Self(mebibytes.saturating_mul(1 << 20))
    }

    /// The size in bytes.
    pub const fn bytes(self) -> i64 {
        self.0
    }

    /// The size in MiB, cut towards zero as Spark does.
    pub const fn mebibytes(self) -> i64 {
        self.0 / (1 << 20)
    }

    /// Reads a size; `default_unit` counts where the text has no unit.
    pub fn parse(text: &str, default_unit: SizeUnit) -> Result<Self, SizeError> {
        let text = text.trim().to_ascii_lowercase();
        let (sign, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.as_str()),
        };
        let end = magnitude.find(|c: char| !c.is_ascii_digit()).unwrap_or(magnitude.len());
        let (digits, unit) = magnitude.split_at(end);
        if digits.is_empty() {
            return Err(SizeError::Malformed);
        }
        let shift = match unit {
            "" => match default_unit {
                SizeUnit::Bytes => 0,
                SizeUnit::Kibibytes => 10,
                SizeUnit::Mebibytes => 20,
            },
            "b" => 0,
            "k" | "kb" => 10,
            "m" | "mb" => 20,
            "g" | "gb" => 30,
            "t" | "tb" => 40,
            "p" | "pb" => 50,
            other if is_fraction(other) => return Err(SizeError::Fractional),
            _ => return Err(SizeError::Malformed),
        };
        let number: i64 = digits.parse().map_err(|_| SizeError::TooLarge)?;
        let bytes = number.checked_mul(1_i64 << shift).ok_or(SizeError::TooLarge)?;
        Ok(Self(sign * bytes))
    }
}

/// Whether what follows the digits is the rest of a decimal number, with or without a unit.
fn is_fraction(rest: &str) -> bool {
    rest.strip_prefix('.').is_some_and(|fraction| fraction.starts_with(|c: char| c.is_ascii_digit()))
}

impl fmt::Display for ByteSize {
    /// Writes the size with the largest unit that needs no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(50, "p"), (40, "t"), (30, "g"), (20, "m"), (10, "k")];
        match units.iter().find(|(shift, _)| self.0 != 0 && self.0 % (1_i64 << shift) == 0) {
            Some((shift, unit)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}b", self.0),
        }
    }
}

/// A size as Spark writes it: `2.0 MiB`, `512.0 B`.
pub fn bytes_to_string(bytes: u64) -> String {
    // Spark goes to the next unit only from twice that unit on.
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    UNITS.iter().find(|(_, unit)| bytes >= 2 * unit).map_or_else(
        || format!("{bytes}.0 B"),
        |(name, unit)| format!("{:.1} {name}", bytes as f64 / *unit as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mebibytes(text: &str) -> Result<i64, SizeError> {
        ByteSize::parse(text, SizeUnit::Mebibytes).map(ByteSize::mebibytes)
    }

    #[test]
    fn units_are_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("7b", 7),
            ("1k", 1024),
            ("1kb", 1024),
            ("3m", 3_145_728),
            ("1g", 1_073_741_824),
            ("1T", 1_099_511_627_776),
            ("1pb", 1_125_899_906_842_624),
            (" 10 ", 10),
            ("-1", -1),
            ("-2k", -2048),
        ] {
            assert_eq!(ByteSize::parse(text, SizeUnit::Bytes), Ok(ByteSize::from_bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn a_number_alone_counts_the_keys_unit() {
        assert_eq!(mebibytes("384"), Ok(384));
        assert_eq!(ByteSize::parse("2", SizeUnit::Kibibytes), Ok(ByteSize::from_bytes(2048)));
    }

    #[test]
    fn smaller_units_are_cut_to_whole_mebibytes() {
        assert_eq!(mebibytes("1025k"), Ok(1));
        assert_eq!(mebibytes("1023k"), Ok(0));
    }

    #[test]
    fn fractions_are_refused_as_in_spark() {
        for text in ["1.5g", "0.5", "1.5"] {
            assert_eq!(mebibytes(text), Err(SizeError::Fractional), "{text}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", "g", "1gi", "1Gi", "1 g", "one", "1.g", "--1", "0x10", "1e3", "1g ib"] {
            assert_eq!(mebibytes(text), Err(SizeError::Malformed), "{text}");
        }
    }

    #[test]
    fn sizes_beyond_a_long_are_refused() {
        assert_eq!(mebibytes("8192p"), Err(SizeError::TooLarge));
        assert_eq!(mebibytes("99999999999999999999"), Err(SizeError::TooLarge));
        assert_eq!(
            ByteSize::parse("9223372036854775807", SizeUnit::Bytes).map(ByteSize::bytes),
            Ok(i64::MAX)
        );
    }

    #[test]
    fn sizes_print_with_the_largest_exact_unit() {
        for (bytes, text) in
            [(0, "0b"), (1, "1b"), (1536, "1536b"), (2048, "2k"), (1 << 30, "1g"), (3 << 29, "1536m")]
        {
            assert_eq!(ByteSize::from_bytes(bytes).to_string(), text);
        }
    }

    // From Spark's UtilsSuite, "bytesToString".
    #[test]
    fn sizes_read_as_in_spark() {
        assert_eq!(bytes_to_string(10), "10.0 B");
        assert_eq!(bytes_to_string(1500), "1500.0 B");
        assert_eq!(bytes_to_string(2_000_000), "1953.1 KiB");
        assert_eq!(bytes_to_string(2_097_152), "2.0 MiB");
        assert_eq!(bytes_to_string(5_368_709_120), "5.0 GiB");
    }
}
