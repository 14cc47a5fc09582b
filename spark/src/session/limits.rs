//! What Spark 4.1.1 asks of the values of its SQL keys beyond their type; recorded by `spark/tests/record_conf.py`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::{Result, SparkError};

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// One of these, in any capitals or in those given.
    Options { listed: &'static str, folded: bool },
    /// A number, or a number of bytes, between two that are allowed too.
    Range { low: f64, high: f64, bytes: bool, words: &'static str },
}

/// The limit of a key, and the key that Spark's errors name.
static LIMITS: LazyLock<HashMap<&'static str, (&'static str, Limit)>> =
    LazyLock::new(|| include_str!("limits.tsv").lines().filter_map(parse).collect());

fn parse(line: &'static str) -> Option<(&'static str, (&'static str, Limit))> {
    let mut columns = line.split('\t');
    let (key, named, kind, limit) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    let named = if named.is_empty() { key } else { named };
    let limit = match kind {
        "text" | "exact" => Limit::Options { listed: limit, folded: kind == "text" },
        _ => {
            let (low, high) = limit.split_once("..")?;
            let low = if low.is_empty() { f64::NEG_INFINITY } else { low.parse().ok()? };
            let high = if high.is_empty() { f64::INFINITY } else { high.parse().ok()? };
            Limit::Range { low, high, bytes: kind == "size", words: columns.next()? }
        }
    };
    Some((key, (named, limit)))
}

/// Refuses a value that is beyond its key's limit. Whether it is of the key's type is known by now.
///
/// # Errors
/// INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS, INVALID_CONF_VALUE.REQUIREMENT.
pub fn check(key: &str, value: &str) -> Result<()> {
    let Some((named, limit)) = LIMITS.get(key) else { return Ok(()) };
    match limit {
        Limit::Options { listed, folded } => {
            let fits = |option: &str| option == value || *folded && option.eq_ignore_ascii_case(value);
            if listed.split(", ").any(fits) { Ok(()) } else { Err(none_of(named, value, listed)) }
        }
        Limit::Range { low, high, bytes, words } => {
            let text = value.trim();
            let text = if *bytes { text.strip_suffix(['b', 'B']).unwrap_or(text) } else { text };
            match text.parse::<f64>() {
                Ok(number) if number < *low || number > *high => {
                    let shown = if *bytes { format!("{text}b") } else { text.to_owned() };
                    Err(beyond(named, &shown, words))
                }
                // Other units are those of sizes, which are never too small.
                _ => Ok(()),
            }
        }
    }
}

fn none_of(key: &str, value: &str, options: &str) -> SparkError {
    invalid("OUT_OF_RANGE_OF_OPTIONS", key, value, &format!("It should be one of '{options}'."))
        .with_param("confOptions", options)
}

fn beyond(key: &str, value: &str, words: &str) -> SparkError {
    invalid("REQUIREMENT", key, value, words).with_param("confRequirement", words)
}

fn invalid(reason: &str, key: &str, value: &str, words: &str) -> SparkError {
    SparkError::new(
        format!("INVALID_CONF_VALUE.{reason}"),
        "22022",
        format!("The value '{value}' in the config \"{key}\" is invalid. {words}"),
    )
    .with_param("confName", key)
    .with_param("confValue", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_their_limits_are_refused_in_sparks_words() {
        // Recorded with Spark 4.1.1.
        let said = |key, value| check(key, value).unwrap_err().to_string();
        assert_eq!(
            said("spark.sql.shuffle.partitions", "0"),
            "[INVALID_CONF_VALUE.REQUIREMENT] The value '0' in the config \"spark.sql.shuffle.partitions\" is invalid. The value of spark.sql.shuffle.partitions must be positive SQLSTATE: 22022"
        );
        assert_eq!(
            said("spark.sql.mapKeyDedupPolicy", "foo"),
            "[INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS] The value 'foo' in the config \"spark.sql.mapKeyDedupPolicy\" is invalid. It should be one of 'EXCEPTION, LAST_WIN'. SQLSTATE: 22022"
        );
        assert_eq!(
            said("spark.sql.execution.arrow.maxBytesPerBatch", "-1"),
            "[INVALID_CONF_VALUE.REQUIREMENT] The value '-1b' in the config \"spark.sql.execution.arrow.maxBytesPerBatch\" is invalid. The value of spark.sql.execution.arrow.maxBytesPerBatch should be greater than zero and less than INT_MAX. SQLSTATE: 22022"
        );
    }

    #[test]
    fn values_within_their_limits_are_taken() {
        for (key, value) in [
            ("spark.sql.shuffle.partitions", "1"),
            ("spark.sql.mapKeyDedupPolicy", "last_win"),
            ("spark.sql.execution.pandas.structHandlingMode", "row"),
            ("spark.sql.execution.arrow.maxBytesPerBatch", "64m"),
            ("spark.sql.adaptive.skewJoin.skewedPartitionFactor", "0"),
            ("spark.sql.nope", "anything"),
        ] {
            assert!(check(key, value).is_ok(), "{key}={value}");
        }
        assert!(check("spark.sql.execution.pandas.structHandlingMode", "ROW").is_err());
        let lines = include_str!("limits.tsv").lines().count();
        assert_eq!(LIMITS.len(), lines, "a line is not understood");
    }
}
