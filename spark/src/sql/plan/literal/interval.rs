//! INTERVAL literals, whose units decide on their types.

use datafusion::sql::sqlparser::ast::{self, Value};

use super::invalid;
use crate::analysis::Named;
use crate::analysis::interval::literal;
use crate::error::{Result, SparkError};
use crate::types::interval::Units;
use crate::types::interval::parse::{Calendar, Fault, calendar, ranged, unit};

/// `INTERVAL '3' MONTH`, `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '1 day 2 hours'`.
pub(in crate::sql::plan) fn interval(interval: &ast::Interval) -> Result<Named> {
    let (negative, content) = text_of(&interval.value)?;
    let signed = |value: i64| if negative { -value } else { value };
    match (&interval.leading_field, &interval.last_field) {
        (None, _) => {
            let parsed = calendar(&content).map_err(|_| invalid("INTERVAL", &content))?;
            let words = content.split_whitespace().filter(|word| word.parse::<f64>().is_err());
            let units = units_of(words)?.ok_or_else(|| mixed(&format!("'{content}'")))?;
            made(units, parsed, negative, &content)
        }
        (Some(first), Some(last)) => {
            let (first, last) = (first.to_string(), last.to_string());
            let units = Units::named(&first, &last)
                .filter(|units| units.first < units.last)
                .ok_or_else(|| unsupported(&content, &first, &last))?;
            let value = ranged(units, &content).map_err(|fault| not_in_range(units, &content, &fault))?;
            Ok(named(units, signed(value)))
        }
        (Some(only), None) => {
            let only = only.to_string();
            let digits = content.trim().trim_start_matches(['-', '+']);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                return Err(SparkError::without_class(format!(
                    "Can only use numbers in the interval value part for multiple unit value pairs interval form, \
                     but got invalid value: {content}."
                )));
            }
            let input = format!(" {} {only}", content.trim());
            let parsed = calendar(&input).map_err(|fault| not_in_words(&input, &fault))?;
            let units = units_of(std::iter::once(only.as_str()))?.ok_or_else(|| mixed(&input))?;
            made(units, parsed, negative, &input)
        }
    }
}

fn made(units: Units, parsed: Calendar, negative: bool, input: &str) -> Result<Named> {
    let value = parsed.count(units.months).ok_or_else(|| not_in_words(input, &Fault::Overflow))?;
    Ok(named(units, if negative { -value } else { value }))
}

fn named(units: Units, value: i64) -> Named {
    Named::new(literal(units, value), units.text(value))
}

/// Text of what follows INTERVAL, and whether a minus stands before it.
fn text_of(expr: &ast::Expr) -> Result<(bool, String)> {
    match expr {
        ast::Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(s) | Value::DoubleQuotedString(s) => Ok((false, s.clone())),
            Value::Number(n, _) => Ok((false, n.clone())),
            other => Err(SparkError::unsupported(format!("the interval {other}"))),
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => {
            let (negative, content) = text_of(expr)?;
            Ok((!negative, content))
        }
        ast::Expr::Nested(inner) => text_of(inner),
        other => Err(SparkError::unsupported(format!("intervals of expressions: {other}"))),
    }
}

/// The units that words name; `None` where months and days come together.
fn units_of<'a>(words: impl Iterator<Item = &'a str>) -> Result<Option<Units>> {
    let mut all: Option<Units> = None;
    for word in words.filter(|word| !matches!(*word, "-" | "+") && !word.eq_ignore_ascii_case("interval")) {
        let name = match unit(word) {
            Some("week") => "day",
            Some("millisecond" | "microsecond") => "second",
            Some(name) => name,
            None => return Err(SparkError::internal(format!("{word} is no unit"))),
        };
        let own = Units::named(name, name).ok_or_else(|| SparkError::internal("a unit has no interval"))?;
        all = match all {
            None => Some(own),
            Some(before) => match before.union(own) {
                Some(both) => Some(both),
                None => return Ok(None),
            },
        };
    }
    all.map(Some).ok_or_else(|| SparkError::internal("an interval without units"))
}

fn mixed(text: &str) -> SparkError {
    SparkError::without_class(format!("Cannot mix year-month and day-time fields: INTERVAL {}.", text.trim()))
}

/// What is wrong with numbers and units.
fn not_in_words(input: &str, fault: &Fault) -> SparkError {
    let (class, why) = match fault {
        Fault::Fraction(unit) => ("INVALID_FRACTION", format!("{unit} cannot have fractional part.")),
        Fault::Overflow => {
            ("ARITHMETIC_EXCEPTION", format!("Uncaught arithmetic exception while parsing '{input}'."))
        }
        _ => ("UNKNOWN_PARSING_ERROR", format!("Unknown error when parsing '{input}'.")),
    };
    bad_format(class, input, &why)
}

/// What is wrong with a value of a range of units.
fn not_in_range(units: Units, content: &str, fault: &Fault) -> SparkError {
    match fault {
        Fault::OutOfRange(unit, value, most) if !units.months => SparkError::without_class(format!(
            "requirement failed: {unit} {value} outside range [0, {most}]."
        )),
        Fault::OutOfRange(..) => {
            bad_format("INTERVAL_PARSING", content, "Error parsing interval year-month string.")
        }
        Fault::Overflow => bad_format(
            "ARITHMETIC_EXCEPTION",
            content,
            &format!("Uncaught arithmetic exception while parsing '{content}'."),
        ),
        _ => crate::types::interval::unmatched(units, content),
    }
}

fn unsupported(content: &str, first: &str, last: &str) -> SparkError {
    let (first, last) = (first.to_lowercase(), last.to_lowercase());
    bad_format(
        "UNSUPPORTED_FROM_TO_EXPRESSION",
        content,
        &format!("Cannot support (interval '{content}' {first} to {last}) expression."),
    )
}

fn bad_format(class: &str, input: &str, why: &str) -> SparkError {
    crate::types::interval::bad_format(class, input, why)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::{DateTimeField, Ident, Interval};

    use super::*;

    /// The messages are those of Spark 4.1.1, which has no names for these errors.
    #[test]
    fn what_is_no_interval_is_said_in_sparks_words() {
        let field = |name: &str| (!name.is_empty()).then(|| DateTimeField::Custom(Ident::new(name)));
        let error = |content: &str, first: &str, last: &str| {
            let value = ast::Expr::value(Value::SingleQuotedString(content.to_owned()));
            let written = Interval {
                value: Box::new(value),
                leading_field: field(first),
                leading_precision: None,
                last_field: field(last),
                fractional_seconds_precision: None,
            };
            interval(&written).expect_err(content).to_string()
        };
        let cases = [
            ("1 year 1 day", "", "", "Cannot mix year-month and day-time fields: INTERVAL '1 year 1 day'."),
            (
                "x",
                "DAY",
                "",
                "Can only use numbers in the interval value part for multiple unit value pairs interval form, but got \
                 invalid value: x.",
            ),
            ("1 25", "DAY", "HOUR", "requirement failed: hour 25 outside range [0, 23]."),
            ("10:60", "HOUR", "MINUTE", "requirement failed: minute 60 outside range [0, 59]."),
        ];
        for (content, first, last, message) in cases {
            assert_eq!(error(content, first, last), message);
        }
    }
}
