//! Kubernetes quantities such as `500m` or `1.5`, as far as they must be checked and compared. Pure.

/// The value of a quantity, in its unit (cores, bytes); nothing where the text is none.
pub fn parse(text: &str) -> Option<f64> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    if !number.bytes().any(|b| b.is_ascii_digit()) || number.matches('.').count() > 1 {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    Some(sign * number * scale(suffix)?)
}

/// A quantity of bytes in whole MiB, rounded down; nothing where the text is none, or negative.
pub fn mebibytes(text: &str) -> Option<u64> {
    parse(text).filter(|bytes| *bytes >= 0.0).map(|bytes| (bytes / 1024.0_f64.powi(2)) as u64)
}

fn scale(suffix: &str) -> Option<f64> {
    let scale = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0_f64.powi(2),
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            10.0_f64.powi(digits.parse().ok()?)
        }
    };
    Some(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_values() {
        for (text, value) in [
            ("1", 1.0),
            ("0.5", 0.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("+2", 2.0),
            ("-1", -1.0),
            ("500m", 0.5),
            ("2k", 2000.0),
            ("1Ki", 1024.0),
            ("3Gi", 3_221_225_472.0),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("1E-3", 0.001),
            ("2E", 2e18),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_quantities() {
        for text in ["", "one", "1 core", "1.2.3", ".", "m", "1K", "1mm", "1e", "--1", "500 m", "1,5"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
