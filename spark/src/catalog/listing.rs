//! Table functions that list what SQL knows: its keywords and the collations of strings.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::TableReference;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use crate::error::{Result, SparkError};

/// Spark's keywords, none of which is reserved outside of its strict mode.
const KEYWORDS: &str = include_str!("listing/keywords.txt");
/// Name, language and country of the locales that have collations.
const LOCALES: &str = include_str!("listing/locales.txt");
/// The version of ICU whose rules they follow.
const ICU_VERSION: &str = "77.1.0.0";
/// What follows the name of a locale: accents, then case, then trailing spaces do not count.
const VARIANTS: [&str; 8] = ["", "_AI", "_AI_RTRIM", "_CI", "_CI_AI", "_CI_AI_RTRIM", "_CI_RTRIM", "_RTRIM"];

/// The rows of `sql_keywords()` or `collations()`; nothing for other names. `alias` names the scan.
pub fn table(function: &str, alias: &str) -> Option<Result<LogicalPlan>> {
    let batch = match function {
        "sql_keywords" => keywords(),
        "collations" => collations(),
        _ => return None,
    };
    Some(batch.map_err(DataFusionError::from).and_then(|batch| scan(batch, alias)).map_err(SparkError::from))
}

fn scan(batch: RecordBatch, alias: &str) -> std::result::Result<LogicalPlan, DataFusionError> {
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
    LogicalPlanBuilder::scan(TableReference::bare(alias), provider_as_source(Arc::new(table)), None)?.build()
}

type Made = std::result::Result<RecordBatch, datafusion::arrow::error::ArrowError>;

fn keywords() -> Made {
    let names: Vec<&str> = KEYWORDS.lines().collect();
    let reserved: ArrayRef = Arc::new(BooleanArray::from(vec![false; names.len()]));
    let schema = Schema::new(vec![
        Field::new("keyword", DataType::Utf8, false),
        Field::new("reserved", DataType::Boolean, false),
    ]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(StringArray::from(names)), reserved])
}

fn collations() -> Made {
    let own = ["UTF8_BINARY", "UTF8_LCASE", "UTF8_BINARY_RTRIM", "UTF8_LCASE_RTRIM"];
    let mut rows: Vec<(String, Option<&str>, Option<&str>)> = vec![];
    for line in LOCALES.lines() {
        let mut parts = line.split('|');
        let name = parts.next().unwrap_or_default();
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (language, country) = (part(), part());
        rows.extend(VARIANTS.iter().map(|variant| (format!("{name}{variant}"), language, country)));
    }
    rows.sort();
    let rows: Vec<_> = own.into_iter().map(|name| (name.to_owned(), None, None)).chain(rows).collect();
    let column = |value: &dyn Fn(usize) -> Option<&'static str>| -> ArrayRef {
        Arc::new((0..rows.len()).map(value).collect::<StringArray>())
    };
    let is = |row: usize, mark: &str| rows[row].0.split('_').any(|part| part == mark);
    let columns = vec![
        column(&|_| Some("SYSTEM")),
        column(&|_| Some("BUILTIN")),
        Arc::new(rows.iter().map(|row| Some(row.0.as_str())).collect::<StringArray>()),
        column(&|row| rows[row].1),
        column(&|row| rows[row].2),
        column(&|row| Some(if is(row, "AI") { "ACCENT_INSENSITIVE" } else { "ACCENT_SENSITIVE" })),
        column(&|row| {
            Some(if is(row, "CI") || is(row, "LCASE") { "CASE_INSENSITIVE" } else { "CASE_SENSITIVE" })
        }),
        column(&|row| Some(if is(row, "RTRIM") { "RTRIM" } else { "NO_PAD" })),
        column(&|row| (row >= own.len()).then_some(ICU_VERSION)),
    ];
    let names = [
        "CATALOG",
        "SCHEMA",
        "NAME",
        "LANGUAGE",
        "COUNTRY",
        "ACCENT_SENSITIVITY",
        "CASE_SENSITIVITY",
        "PAD_ATTRIBUTE",
        "ICU_VERSION",
    ];
    let optional = ["LANGUAGE", "COUNTRY", "ICU_VERSION"];
    let fields = names.map(|name| Field::new(name, DataType::Utf8, optional.contains(&name)));
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns)
}
