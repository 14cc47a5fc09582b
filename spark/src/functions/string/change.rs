//! Strings changed character by character.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::Result;

use crate::functions::kernel::{Kernel, Returns, Rows};

/// `initcap(str)`.
pub static INITCAP: Kernel = Kernel::new("spark_initcap", Returns::Type(DataType::Utf8), initcap);
/// `replace(str, search, replacement)`.
pub static REPLACE: Kernel = Kernel::new("spark_replace", Returns::Type(DataType::Utf8), replace);
/// `overlay(str, replacement, pos, len)`.
pub static OVERLAY: Kernel = Kernel::new("spark_overlay", Returns::Type(DataType::Utf8), overlay);
/// `mask(str, upper, lower, digit, other)`: a null leaves characters of its class as they are.
pub static MASK: Kernel = Kernel::null_aware("spark_mask", Returns::Type(DataType::Utf8), mask);
/// `sentences(str)`: the words of each sentence.
pub static SENTENCES: Kernel =
    Kernel::new("spark_sentences", Returns::Rule(|_| Ok(sentences_type())), sentences);

fn initcap(rows: &Rows<'_>) -> Result<ArrayRef> {
    let text = rows.text(0)?;
    rows.write(|row, out| {
        let mut start = true;
        for c in text.value(row).chars() {
            if start {
                out.extend(c.to_uppercase());
            } else {
                out.extend(c.to_lowercase());
            }
            start = c == ' ';
        }
        Ok(true)
    })
}

fn replace(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, search, by) = (rows.text(0)?, rows.text(1)?, rows.text(2)?);
    rows.write(|row, out| {
        let (text, search, by) = (text.value(row), search.value(row), by.value(row));
        if search.is_empty() {
            out.push_str(text);
            return Ok(true);
        }
        let mut from = 0;
        for (at, _) in text.match_indices(search) {
            out.push_str(&text[from..at]);
            out.push_str(by);
            from = at + search.len();
        }
        out.push_str(&text[from..]);
        Ok(true)
    })
}

fn overlay(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, by) = (rows.text(0)?, rows.text(1)?);
    let (position, length) = (rows.values::<Int32Type>(2)?, rows.values::<Int32Type>(3)?);
    rows.write(|row, out| {
        let (text, by, position) = (text.value(row), by.value(row), i64::from(position.value(row)));
        let length = match length.value(row) {
            given if given >= 0 => i64::from(given),
            _ => by.chars().count() as i64,
        };
        let before = usize::try_from(position - 1).unwrap_or(0);
        let after = usize::try_from(position - 1 + length).unwrap_or(0);
        out.extend(text.chars().take(before));
        out.push_str(by);
        out.extend(text.chars().skip(after));
        Ok(true)
    })
}

fn mask(rows: &Rows<'_>) -> Result<ArrayRef> {
    let text = rows.text(0)?;
    let classes = [rows.text(1)?, rows.text(2)?, rows.text(3)?, rows.text(4)?];
    rows.write(|row, out| {
        if text.is_null(row) {
            return Ok(false);
        }
        let by = classes.map(|class| if class.is_null(row) { None } else { class.value(row).chars().next() });
        out.extend(text.value(row).chars().map(|c| {
            let class = match c {
                c if c.is_uppercase() => 0,
                c if c.is_lowercase() => 1,
                c if c.is_numeric() => 2,
                _ => 3,
            };
            by[class].unwrap_or(c)
        }));
        Ok(true)
    })
}

fn sentences_type() -> DataType {
    let words = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    DataType::List(Arc::new(Field::new_list_field(words, true)))
}

fn sentences(rows: &Rows<'_>) -> Result<ArrayRef> {
    let text = rows.text(0)?;
    let mut out = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    for row in 0..rows.len {
        if !rows.is_valid(row) {
            out.append_null();
            continue;
        }
        for sentence in split_sentences(text.value(row)) {
            let mut any = false;
            for word in sentence.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '-')) {
                let word = word.trim_matches(['\'', '-']);
                if !word.is_empty() {
                    out.values().values().append_value(word);
                    any = true;
                }
            }
            if any {
                out.values().append(true);
            }
        }
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}

/// A sentence ends with `.`, `!` or `?` before a blank.
fn split_sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut ended = false;
    for (at, c) in text.char_indices() {
        if ended && c.is_whitespace() {
            sentences.push(&text[start..at]);
            start = at;
        }
        ended = matches!(c, '.' | '!' | '?');
    }
    sentences.push(&text[start..]);
    sentences
}
