//! Functions with Java's regular expressions.

mod java;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::Result;

use self::java::Regex;
use super::kernel::{Compiled, Kernel, Returns, Rows};
use crate::error::SparkError;

/// `rlike(str, regexp)`.
pub static RLIKE: Kernel = Kernel::new("spark_rlike", Returns::Type(DataType::Boolean), rlike);
/// `regexp_extract(str, regexp, group)`: empty where it does not match.
pub static EXTRACT: Kernel = Kernel::new("spark_regexp_extract", Returns::Type(DataType::Utf8), extract);
/// `regexp_extract_all(str, regexp, group)`.
pub static EXTRACT_ALL: Kernel =
    Kernel::new("spark_regexp_extract_all", Returns::Rule(|_| Ok(list_of_text())), extract_all);
/// `regexp_replace(str, regexp, replacement, position)`.
pub static REPLACE: Kernel = Kernel::new("spark_regexp_replace", Returns::Type(DataType::Utf8), replace);
/// `regexp_count(str, regexp)`.
pub static COUNT: Kernel = Kernel::new("spark_regexp_count", Returns::Type(DataType::Int32), count);
/// `regexp_instr(str, regexp)`.
pub static INSTR: Kernel = Kernel::new("spark_regexp_instr", Returns::Type(DataType::Int32), instr);
/// `regexp_substr(str, regexp)`: null where it does not match.
pub static SUBSTR: Kernel = Kernel::new("spark_regexp_substr", Returns::Type(DataType::Utf8), substr);
/// `split(str, regexp, limit)`.
pub static SPLIT: Kernel = Kernel::new("spark_split", Returns::Rule(|_| Ok(list_of_text())), split);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&RLIKE, &EXTRACT, &EXTRACT_ALL, &REPLACE, &COUNT, &INSTR, &SUBSTR, &SPLIT];

fn list_of_text() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

fn rlike(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern) = (rows.text(0)?, rows.text(1)?);
    let mut regex = Compiled::new();
    rows.booleans(|row| {
        let regex = regex.get(pattern.value(row), |p| Regex::new("rlike", p))?;
        Ok(Some(regex.is_match(text.value(row))?))
    })
}

/// The group asked for, which the pattern must have.
fn group(function: &str, regex: &Regex, wanted: i32) -> Result<usize> {
    let groups = regex.groups();
    match usize::try_from(wanted) {
        Ok(index) if index <= groups => Ok(index),
        _ => Err(SparkError::new(
            "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
            "22023",
            format!(
                "The value of parameter(s) `idx` in `{function}` is invalid: Expects group index between 0 and {groups}, \
                 but got {wanted}."
            ),
        )
        .with_param("functionName", format!("`{function}`"))
        .with_param("parameter", "`idx`")
        .with_param("groupCount", groups.to_string())
        .with_param("groupIndex", wanted.to_string())
        .into()),
    }
}

fn extract(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern, index) = (rows.text(0)?, rows.text(1)?, rows.values::<Int32Type>(2)?);
    let mut regex = Compiled::new();
    rows.slices(|row| {
        let regex = regex.get(pattern.value(row), |p| Regex::new("regexp_extract", p))?;
        let text = text.value(row);
        match regex.captures_from(text, 0)? {
            Some(captures) => {
                let index = group("regexp_extract", regex, index.value(row))?;
                Ok(Some(captures.get(index).map_or("", |found| &text[found])))
            }
            None => Ok(Some("")),
        }
    })
}

fn extract_all(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern, index) = (rows.text(0)?, rows.text(1)?, rows.values::<Int32Type>(2)?);
    let mut regex = Compiled::new();
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..rows.len {
        if !rows.is_valid(row) {
            out.append_null();
            continue;
        }
        let regex = regex.get(pattern.value(row), |p| Regex::new("regexp_extract_all", p))?;
        let text = text.value(row);
        let mut from = 0;
        while let Some(captures) = regex.captures_from(text, from)? {
            let index = group("regexp_extract_all", regex, index.value(row))?;
            out.values().append_value(captures.get(index).map_or("", |found| &text[found]));
            match captures.next_start(text) {
                Some(next) => from = next,
                None => break,
            }
        }
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}

fn replace(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern) = (rows.text(0)?, rows.text(1)?);
    let (by, position) = (rows.text(2)?, rows.values::<Int32Type>(3)?);
    let mut regex = Compiled::new();
    let mut replacement = Compiled::new();
    rows.write(|row, out| {
        let regex = regex.get(pattern.value(row), |p| Regex::new("regexp_replace", p))?;
        let replacement = replacement.get(by.value(row), java::replacement)?;
        let (text, position) = (text.value(row), position.value(row));
        let Some(skipped) = usize::try_from(position - 1).ok() else {
            return Err(SparkError::new(
                "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                "42K09",
                format!("The position must be between (0, 2147483647] (current value = {position}L)."),
            )
            .into());
        };
        let start = text.char_indices().nth(skipped).map_or(text.len(), |(at, _)| at);
        if start >= text.len() && skipped > 0 {
            out.push_str(text);
            return Ok(true);
        }
        let (mut done, mut from) = (0, start);
        while let Some(captures) = regex.captures_from(text, from)? {
            let whole = captures.whole();
            out.push_str(&text[done..whole.start]);
            for part in replacement {
                part.write(text, &captures, regex, out)?;
            }
            done = whole.end;
            match captures.next_start(text) {
                Some(next) => from = next,
                None => break,
            }
        }
        out.push_str(&text[done..]);
        Ok(true)
    })
}

fn count(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern) = (rows.text(0)?, rows.text(1)?);
    let mut regex = Compiled::new();
    rows.primitives::<Int32Type>(|row| {
        let regex = regex.get(pattern.value(row), |p| Regex::new("regexp_count", p))?;
        let text = text.value(row);
        let (mut count, mut from) = (0, 0);
        while let Some(captures) = regex.captures_from(text, from)? {
            count += 1;
            match captures.next_start(text) {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(Some(count))
    })
}

fn instr(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern) = (rows.text(0)?, rows.text(1)?);
    let mut regex = Compiled::new();
    rows.primitives::<Int32Type>(|row| {
        let regex = regex.get(pattern.value(row), |p| Regex::new("regexp_instr", p))?;
        let text = text.value(row);
        let found = regex.captures_from(text, 0)?;
        Ok(Some(found.map_or(0, |captures| text[..captures.whole().start].chars().count() as i32 + 1)))
    })
}

fn substr(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern) = (rows.text(0)?, rows.text(1)?);
    let mut regex = Compiled::new();
    rows.slices(|row| {
        let regex = regex.get(pattern.value(row), |p| Regex::new("regexp_substr", p))?;
        let text = text.value(row);
        Ok(regex.captures_from(text, 0)?.map(|captures| &text[captures.whole()]))
    })
}

fn split(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, pattern, limit) = (rows.text(0)?, rows.text(1)?, rows.values::<Int32Type>(2)?);
    let mut regex = Compiled::new();
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..rows.len {
        if !rows.is_valid(row) {
            out.append_null();
            continue;
        }
        let regex = regex.get(pattern.value(row), |p| Regex::new("split", p))?;
        let text = text.value(row);
        let most = usize::try_from(limit.value(row)).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        let (mut done, mut from, mut parts) = (0, 0, 1);
        while parts < most
            && let Some(captures) = regex.captures_from(text, from)?
        {
            let whole = captures.whole();
            // An empty match splits between characters, not before the first or after the last.
            let useful = whole.end > 0 && !(whole.is_empty() && whole.end == text.len());
            if useful {
                out.values().append_value(&text[done..whole.start]);
                done = whole.end;
                parts += 1;
            }
            match captures.next_start(text) {
                Some(next) => from = next,
                None => break,
            }
        }
        out.values().append_value(&text[done..]);
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}
