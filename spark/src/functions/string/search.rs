//! Where a string stands in another, and how far apart two are.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `locate(substr, str, pos)`: characters from 1, 0 where it is not found.
pub static LOCATE: Kernel = Kernel::null_aware("spark_locate", Returns::Type(DataType::Int32), locate);
/// `instr(str, substr)`.
pub static INSTR: Kernel = Kernel::new("spark_instr", Returns::Type(DataType::Int32), instr);
/// `find_in_set(str, list)`: the place in a comma-separated list.
pub static FIND_IN_SET: Kernel =
    Kernel::new("spark_find_in_set", Returns::Type(DataType::Int32), find_in_set);
/// `levenshtein(a, b[, threshold])`: -1 where the distance is above the threshold.
pub static LEVENSHTEIN: Kernel =
    Kernel::new("spark_levenshtein", Returns::Type(DataType::Int32), levenshtein);

/// A LIKE pattern with an escape character of its own as one that escapes with backslashes.
pub static LIKE_PATTERN: Kernel =
    Kernel::new("spark_like_pattern", Returns::Type(DataType::Utf8), like_pattern);

fn like_pattern(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (patterns, escapes) = (rows.text(0)?, rows.text(1)?);
    rows.write(|row, out| {
        let (pattern, escape) = (patterns.value(row), escapes.value(row).chars().next());
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if Some(c) != escape {
                if c == '\\' {
                    out.push('\\');
                }
                out.push(c);
                continue;
            }
            match chars.next() {
                Some(next) if next == '%' || next == '_' => {
                    out.push('\\');
                    out.push(next);
                }
                Some(next) if Some(next) == escape => out.push(next),
                Some(next) => {
                    let why = format!("The escape character is not allowed to precede '{next}'.");
                    return Err(bad_pattern("ESC_IN_THE_MIDDLE", pattern, &why).into());
                }
                None => {
                    let why = "The escape character is not allowed to end with.";
                    return Err(bad_pattern("ESC_AT_THE_END", pattern, why).into());
                }
            }
        }
        Ok(true)
    })
}

fn bad_pattern(class: &str, pattern: &str, why: &str) -> SparkError {
    SparkError::new(
        format!("INVALID_FORMAT.{class}"),
        "42601",
        format!("The format is invalid: '{pattern}'. {why}"),
    )
    .with_param("format", format!("'{pattern}'"))
}

fn locate(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (needle, text, start) = (rows.text(0)?, rows.text(1)?, rows.values::<Int32Type>(2)?);
    rows.primitives::<Int32Type>(|row| {
        // As in Spark, no start is not the same as no text.
        if start.is_null(row) {
            return Ok(Some(0));
        }
        if needle.is_null(row) || text.is_null(row) {
            return Ok(None);
        }
        Ok(Some(position(text.value(row), needle.value(row), start.value(row))))
    })
}

fn instr(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, needle) = (rows.text(0)?, rows.text(1)?);
    rows.primitives::<Int32Type>(|row| Ok(Some(position(text.value(row), needle.value(row), 1))))
}

fn position(text: &str, needle: &str, start: i32) -> i32 {
    let Ok(skipped) = usize::try_from(start - 1) else { return 0 };
    let from = match text.char_indices().nth(skipped) {
        Some((at, _)) => at,
        None if skipped == text.chars().count() => text.len(),
        None => return 0,
    };
    match text[from..].find(needle) {
        Some(at) => (skipped + text[from..from + at].chars().count() + 1) as i32,
        None => 0,
    }
}

fn find_in_set(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (word, list) = (rows.text(0)?, rows.text(1)?);
    rows.primitives::<Int32Type>(|row| {
        let word = word.value(row);
        if word.contains(',') {
            return Ok(Some(0));
        }
        let found = list.value(row).split(',').position(|item| item == word);
        Ok(Some(found.map_or(0, |at| at as i32 + 1)))
    })
}

fn levenshtein(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (a, b) = (rows.text(0)?, rows.text(1)?);
    let threshold = if rows.count() > 2 { Some(rows.values::<Int32Type>(2)?) } else { None };
    let (mut right, mut line) = (Vec::new(), Vec::new());
    rows.primitives::<Int32Type>(|row| {
        right.clear();
        right.extend(b.value(row).chars());
        let distance = distance(a.value(row), &right, &mut line);
        let above = threshold.is_some_and(|t| distance > t.value(row));
        Ok(Some(if above { -1 } else { distance }))
    })
}

/// `line` is room for one row of the table of distances.
fn distance(a: &str, b: &[char], line: &mut Vec<i32>) -> i32 {
    line.clear();
    line.extend(0..=b.len() as i32);
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = line[0];
        line[0] = i as i32 + 1;
        for (j, right) in b.iter().enumerate() {
            let cost = i32::from(left != *right);
            let best = (diagonal + cost).min(line[j] + 1).min(line[j + 1] + 1);
            diagonal = line[j + 1];
            line[j + 1] = best;
        }
    }
    line[b.len()]
}
