//! Dates and timestamps read from text, by Java's patterns.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;

use super::Zone;
use crate::error::SparkError;
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};
use crate::source::datetime::{days, micros};
use crate::source::pattern::Pattern;

const NTZ: Returns = Returns::Type(DataType::Timestamp(TimeUnit::Microsecond, None));

/// `parse(text, pattern, null of the result's type, zone)`.
pub static PARSE_TIMESTAMP: Kernel = Kernel {
    name: "spark_parse_timestamp",
    returns: Returns::Argument(2),
    run: |rows| timestamp(rows, true),
    lenient: Some(&TRY_PARSE_TIMESTAMP),
    sees_nulls: true,
    volatile: false,
};
/// The same, null where the text does not match.
pub static TRY_PARSE_TIMESTAMP: Kernel =
    Kernel::null_aware("spark_try_parse_timestamp", Returns::Argument(2), |rows| timestamp(rows, false));
/// `parse(text, pattern)` without zone.
pub static PARSE_TIMESTAMP_NTZ: Kernel = Kernel::ansi(
    "spark_parse_timestamp_ntz",
    NTZ,
    |rows| timestamp_ntz(rows, true),
    &TRY_PARSE_TIMESTAMP_NTZ,
);
/// The same, null where the text does not match.
pub static TRY_PARSE_TIMESTAMP_NTZ: Kernel =
    Kernel::new("spark_try_parse_timestamp_ntz", NTZ, |rows| timestamp_ntz(rows, false));
/// `parse(text, pattern)` of a date.
pub static PARSE_DATE: Kernel = Kernel::ansi(
    "spark_parse_date",
    Returns::Type(DataType::Date32),
    |rows| date(rows, true),
    &TRY_PARSE_DATE,
);
/// The same, null where the text does not match.
pub static TRY_PARSE_DATE: Kernel =
    Kernel::new("spark_try_parse_date", Returns::Type(DataType::Date32), |rows| date(rows, false));

/// A compiled pattern, or Spark's error for one it does not know.
pub fn pattern(text: &str) -> Result<Pattern> {
    match Pattern::new(text) {
        Ok(pattern) => Ok(pattern),
        Err(_) => Err(SparkError::new(
            "INVALID_DATETIME_PATTERN.WITH_SUGGESTION",
            "22007",
            format!(
                "Unrecognized datetime pattern: {text}. You can form a valid datetime pattern with the guide from \
                 'https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html'."
            ),
        )
        .with_param("pattern", text)
        .with_param("docroot", "https://spark.apache.org/docs/latest")
        .into()),
    }
}

fn cannot_parse(text: &str) -> datafusion::error::DataFusionError {
    let message = format!("Text '{text}' could not be parsed at index 0");
    SparkError::new(
        "CANNOT_PARSE_TIMESTAMP",
        "22007",
        format!(
            "{message}. Use `try_to_timestamp` to tolerate invalid input string and return NULL instead."
        ),
    )
    .with_param("message", message)
    .with_param("func", "`try_to_timestamp`")
    .into()
}

/// A value, or null where failing is not asked for.
fn or_fail<T>(value: Option<T>, strict: bool, text: &str) -> Result<Option<T>> {
    if value.is_none() && strict { Err(cannot_parse(text)) } else { Ok(value) }
}

fn timestamp(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    use datafusion::arrow::array::Array;
    let (texts, patterns, zones) = (rows.text(0)?, rows.text(1)?, rows.text(3)?);
    let (mut compiled, mut zone) = (Compiled::new(), Compiled::new());
    rows.primitives::<TimestampMicrosecondType>(|row| {
        if texts.is_null(row) || patterns.is_null(row) {
            return Ok(None);
        }
        let pattern = compiled.get(patterns.value(row), pattern)?;
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let text = texts.value(row);
        let instant = pattern.timestamp(text).and_then(|parsed| match parsed.zone {
            Some(written) => crate::source::datetime::local_to_micros(parsed.local, written),
            None => zone.instant(parsed.local),
        });
        or_fail(instant, strict, text)
    })
}

fn timestamp_ntz(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (texts, patterns) = (rows.text(0)?, rows.text(1)?);
    let mut compiled = Compiled::new();
    rows.primitives::<TimestampMicrosecondType>(|row| {
        let pattern = compiled.get(patterns.value(row), pattern)?;
        let text = texts.value(row);
        or_fail(pattern.timestamp(text).and_then(|parsed| micros(parsed.local)), strict, text)
    })
}

fn date(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (texts, patterns) = (rows.text(0)?, rows.text(1)?);
    let mut compiled = Compiled::new();
    rows.primitives::<Date32Type>(|row| {
        let pattern = compiled.get(patterns.value(row), pattern)?;
        let text = texts.value(row);
        or_fail(pattern.date(text).map(days), strict, text)
    })
}
