//! Hive-style partition folders `name=value`: found in paths, typed as Spark does.

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::object_store::path::Path;

use super::datetime::{local_to_micros, parse_date, parse_date_strict, parse_timestamp};
use super::errors;
use super::pattern::Pattern;
use super::text::{Decimal, parse_double, parse_integer};
use crate::error::{Result, SparkError};

/// The folder name of a null.
pub const DEFAULT_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Characters Hive escapes in folder names, besides control characters.
const ESCAPED: &str = "\"#%'*/:=?\\\u{7f}{[]^";

/// A name or value as it stands in a folder name: special characters as `%XX`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c < ' ' || ESCAPED.contains(c) {
            escaped.push('%');
            escaped.extend(hex(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The two digits of an ASCII character's number.
fn hex(c: char) -> [char; 2] {
    let digit = |value: u32| char::from_digit(value % 16, 16).unwrap_or('0').to_ascii_uppercase();
    [digit(c as u32 / 16), digit(c as u32)]
}

/// The text of a folder name, `%XX` turned back.
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        // Hive escapes characters, not bytes.
        if let Some(code) = code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            plain.push(char::from(code));
            rest = &rest[at + 3..];
        } else {
            plain.push('%');
            rest = &rest[at + 1..];
        }
    }
    plain.push_str(rest);
    plain
}

/// The columns in the folders of a path below `base`, outermost first, with their raw values.
pub fn columns_of(folder: &Path, base: &Path) -> Vec<(String, String)> {
    let depth = base.parts().count();
    let names: Vec<String> = folder.parts().skip(depth).map(|part| part.as_ref().to_owned()).collect();
    let mut columns = vec![];
    for name in names.iter().rev() {
        match name.split_once('=') {
            Some((column, value)) if !column.is_empty() && !value.is_empty() => {
                columns.push((unescape(column), value.to_owned()));
            }
            _ if columns.is_empty() => {}
            // Folders above one that is no partition don't count.
            _ => break,
        }
    }
    columns.reverse();
    columns
}

/// The type of one raw value.
fn infer(raw: &str) -> DataType {
    if raw == DEFAULT_PARTITION {
        return DataType::Null;
    }
    if let Some(number) = parse_integer(raw) {
        return if i32::try_from(number).is_ok() { DataType::Int32 } else { DataType::Int64 };
    }
    if let Some(decimal) = Decimal::parse(raw).filter(|_| !raw.contains(','))
        && decimal.scale <= 0
        && decimal.precision() as i32 - decimal.scale <= 38
    {
        return DataType::Decimal128((decimal.precision() as i32 - decimal.scale) as u8, 0);
    }
    if parse_double(raw).is_some() {
        return DataType::Float64;
    }
    let text = unescape(raw);
    if parse_date_strict(&text).is_some() {
        return DataType::Date32;
    }
    let timestamp = Pattern::new("yyyy-MM-dd HH:mm:ss[.S]").ok().and_then(|p| p.timestamp(&text));
    if timestamp.is_some() {
        return DataType::Timestamp(TimeUnit::Microsecond, None);
    }
    DataType::Utf8
}

/// The type that holds the values of both.
fn wider(a: DataType, b: DataType) -> DataType {
    use DataType::{Date32, Decimal128, Float64, Int32, Int64, Null, Timestamp, Utf8};
    match (a, b) {
        (x, y) if x == y => x,
        (Null, x) | (x, Null) => x,
        (Int32, Int64) | (Int64, Int32) => Int64,
        (Int32, Float64) | (Float64, Int32) => Float64,
        (Decimal128(p, _), Decimal128(q, _)) => Decimal128(p.max(q), 0),
        (Decimal128(p, _), Int32) | (Int32, Decimal128(p, _)) => Decimal128(p.max(10), 0),
        (Decimal128(p, _), Int64) | (Int64, Decimal128(p, _)) => Decimal128(p.max(20), 0),
        (Date32, t @ Timestamp(..)) | (t @ Timestamp(..), Date32) => t,
        _ => Utf8,
    }
}

/// The type of a column with these raw values; `zone` is the session's.
pub fn infer_type<'a>(values: impl Iterator<Item = &'a str>, zone: &str) -> DataType {
    match values.map(infer).fold(DataType::Null, wider) {
        DataType::Null => DataType::Utf8,
        DataType::Timestamp(unit, _) => DataType::Timestamp(unit, Some(zone.into())),
        other => other,
    }
}

/// A raw value as a value of the column's type.
pub fn parse_value(raw: &str, data_type: &DataType, column: &str, zone: Tz) -> Result<ScalarValue> {
    let bad = || {
        SparkError::new(
            "INVALID_PARTITION_VALUE",
            "42846",
            format!(
                "Failed to cast value `{raw}` to data type \"{data_type}\" for partition column `{column}`. \
                 Ensure the value matches the expected data type for this partition column."
            ),
        )
    };
    if raw == DEFAULT_PARTITION {
        return ScalarValue::try_from(data_type).map_err(|_| bad());
    }
    let text = unescape(raw);
    let value = match data_type {
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(text))),
        DataType::Date32 => parse_date(&text).map(|d| ScalarValue::Date32(Some(d))),
        DataType::Timestamp(TimeUnit::Microsecond, to_zone) => {
            parse_timestamp(&text, chrono::NaiveDate::default())
                .and_then(|parsed| match to_zone {
                    Some(_) => local_to_micros(parsed.local, parsed.zone.unwrap_or(zone)),
                    None => super::datetime::micros(parsed.local),
                })
                .map(|micros| ScalarValue::TimestampMicrosecond(Some(micros), to_zone.clone()))
        }
        DataType::Decimal128(precision, scale) => Decimal::parse(&text)
            .and_then(|d| d.rescale(*precision, *scale))
            .map(|v| ScalarValue::Decimal128(Some(v), *precision, *scale)),
        DataType::Float64 => parse_double(&text).map(|v| ScalarValue::Float64(Some(v))),
        DataType::Float32 => parse_double(&text).map(|v| ScalarValue::Float32(Some(v as f32))),
        DataType::Boolean => text.parse().ok().map(|v| ScalarValue::Boolean(Some(v))),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => parse_integer(&text)
            .and_then(|v| ScalarValue::Int64(Some(v)).cast_to(data_type).ok())
            .filter(|v| !v.is_null()),
        _ => None,
    };
    value.ok_or_else(bad)
}

/// Checks that all folders name the same columns, and returns those.
pub fn common_columns(folders: &[(Path, Vec<(String, String)>)]) -> Result<Vec<String>> {
    let names =
        |columns: &[(String, String)]| columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let mut distinct: Vec<Vec<String>> = vec![];
    for (_, columns) in folders {
        let names = names(columns);
        if !distinct.contains(&names) {
            distinct.push(names);
        }
    }
    if distinct.len() > 1 {
        let mut lists: Vec<String> = distinct
            .iter()
            .enumerate()
            .map(|(i, names)| format!("\tPartition column name list #{i}: {}", names.join(", ")))
            .collect();
        lists.extend(folders.iter().take(20).map(|(path, _)| format!("\t{path}")));
        return Err(errors::conflicting_partition_columns(&lists));
    }
    Ok(distinct.pop().unwrap_or_default())
}

/// The text of a value as Spark writes it into a folder name; `None` is null.
pub fn folder_name(column: &str, value: Option<&str>) -> String {
    let value = match value {
        Some(text) if !text.is_empty() => escape(text),
        _ => DEFAULT_PARTITION.to_owned(),
    };
    format!("{}={value}", escape(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hive_escaping_goes_both_ways() {
        assert_eq!(escape("a/b c:d=é%"), "a%2Fb c%3Ad%3Dé%25");
        assert_eq!(unescape("a%2Fb c%3Ad%3Dé%25"), "a/b c:d=é%");
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%é"), "%zz%é");
        assert_eq!(folder_name("k", None), "k=__HIVE_DEFAULT_PARTITION__");
        assert_eq!(folder_name("k", Some("")), "k=__HIVE_DEFAULT_PARTITION__");
    }

    #[test]
    fn columns_are_read_from_folders() {
        let columns = |folder: &str| {
            columns_of(&Path::parse(folder).unwrap(), &Path::parse("t").unwrap())
                .into_iter()
                .map(|(k, v)| format!("{k}:{v}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(columns("t/y=2024/m=1"), ["y:2024", "m:1"]);
        assert_eq!(columns("t"), Vec::<String>::new());
        assert_eq!(columns("t/y=1/x"), ["y:1"]);
        assert_eq!(columns("t/y=1/x/z=2"), ["z:2"]);
    }
}
