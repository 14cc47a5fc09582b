//! Parts cut out of strings.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `left(str, len)`.
pub static LEFT: Kernel = Kernel::new("spark_left", Returns::Type(DataType::Utf8), left);
/// `right(str, len)`.
pub static RIGHT: Kernel = Kernel::new("spark_right", Returns::Type(DataType::Utf8), right);
/// `split_part(str, delimiter, index)`.
pub static SPLIT_PART: Kernel = Kernel::new("spark_split_part", Returns::Type(DataType::Utf8), split_part);
/// `substring_index(str, delimiter, count)`.
pub static SUBSTRING_INDEX: Kernel =
    Kernel::new("spark_substring_index", Returns::Type(DataType::Utf8), substring_index);
/// `elt(n, a, b, ...)`.
pub static ELT: Kernel =
    Kernel::ansi_null_aware("spark_elt", Returns::Type(DataType::Utf8), |rows| elt(rows, true), &ELT_LENIENT);
/// `elt` that gives null for an index out of bounds.
pub static ELT_LENIENT: Kernel =
    Kernel::null_aware("spark_elt_lenient", Returns::Type(DataType::Utf8), |rows| elt(rows, false));

fn left(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, length) = (rows.text(0)?, rows.values::<Int32Type>(1)?);
    rows.slices(|row| {
        let text = text.value(row);
        let count = usize::try_from(length.value(row)).unwrap_or(0);
        let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
        Ok(Some(&text[..end]))
    })
}

fn right(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, length) = (rows.text(0)?, rows.values::<Int32Type>(1)?);
    rows.slices(|row| {
        let text = text.value(row);
        let count = usize::try_from(length.value(row)).unwrap_or(0);
        let start = match count.checked_sub(1) {
            Some(skipped) => text.char_indices().rev().nth(skipped).map_or(0, |(at, _)| at),
            None => text.len(),
        };
        Ok(Some(&text[start..]))
    })
}

fn split_part(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, delimiter, index) = (rows.text(0)?, rows.text(1)?, rows.values::<Int32Type>(2)?);
    rows.slices(|row| {
        let (text, delimiter, index) = (text.value(row), delimiter.value(row), index.value(row));
        if index == 0 {
            return Err(SparkError::new(
                "INVALID_INDEX_OF_ZERO",
                "22003",
                "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).",
            )
            .into());
        }
        let nth = index.unsigned_abs() as usize - 1;
        if delimiter.is_empty() {
            return Ok(Some(if nth == 0 { text } else { "" }));
        }
        let part = if index > 0 { text.split(delimiter).nth(nth) } else { text.rsplit(delimiter).nth(nth) };
        Ok(Some(part.unwrap_or("")))
    })
}

fn substring_index(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (text, delimiter, count) = (rows.text(0)?, rows.text(1)?, rows.values::<Int32Type>(2)?);
    rows.slices(|row| {
        let (text, delimiter, count) = (text.value(row), delimiter.value(row), count.value(row));
        if delimiter.is_empty() || count == 0 {
            return Ok(Some(""));
        }
        let nth = count.unsigned_abs() as usize - 1;
        Ok(Some(if count > 0 {
            text.match_indices(delimiter).nth(nth).map_or(text, |(at, _)| &text[..at])
        } else {
            text.rmatch_indices(delimiter).nth(nth).map_or(text, |(at, _)| &text[at + delimiter.len()..])
        }))
    })
}

fn elt(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let index = rows.values::<Int32Type>(0)?;
    let choices = (1..rows.count()).map(|i| rows.text(i)).collect::<Result<Vec<_>>>()?;
    rows.slices(|row| {
        if index.is_null(row) {
            return Ok(None);
        }
        let wanted = index.value(row);
        match usize::try_from(wanted - 1).ok().and_then(|at| choices.get(at)) {
            Some(choice) if choice.is_null(row) => Ok(None),
            Some(choice) => Ok(Some(choice.value(row))),
            None if strict => Err(SparkError::new(
                "INVALID_ARRAY_INDEX",
                "22003",
                format!(
                    "The index {wanted} is out of bounds. The array has {} elements. Use the SQL function `get()` \
                     to tolerate accessing element at invalid index and return NULL instead.",
                    choices.len()
                ),
            )
            .with_param("indexValue", wanted.to_string())
            .with_param("arraySize", choices.len().to_string())
            .with_param("ansiConfig", "\"spark.sql.ansi.enabled\"")
            .into()),
            None => Ok(None),
        }
    })
}
