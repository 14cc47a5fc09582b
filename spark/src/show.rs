//! Tables as `Dataset.show` prints them.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use crate::analysis::scope::display_name;
use crate::error::Result;
use crate::text::{self, Style};

/// Columns are never narrower.
const MIN_WIDTH: usize = 3;

/// The first `num_rows` rows as a table.
///
/// With `truncate` above 0, cells are cut to so many characters and put to the right; with 0
/// they are whole and put to the left. Names of columns are never cut. The text ends with a line break, or with a
/// line that says that there are more rows.
pub fn show_string(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    num_rows: usize,
    truncate: usize,
) -> Result<String> {
    let header: Vec<String> = schema.fields().iter().map(|f| escape(display_name(f.name()))).collect();
    let rows = cells(schema, batches, num_rows, truncate)?;
    let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut widths: Vec<usize> = header.iter().map(|name| width(name).max(MIN_WIDTH)).collect();
    for row in &rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = (*w).max(width(cell));
        }
    }
    let rule: String = std::iter::once("+".to_owned())
        .chain(widths.iter().map(|w| format!("{}+", "-".repeat(*w))))
        .collect();
    // Spark draws two plus signs where there are no columns.
    let rule = if widths.is_empty() { "++".to_owned() } else { rule };
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&rule);
    line(&row_text(&header, &widths, truncate > 0));
    line(&rule);
    for row in &rows {
        line(&row_text(row, &widths, truncate > 0));
    }
    line(&rule);
    // The line break after it is left to who prints.
    out.extend(rest(total, num_rows));
    Ok(out)
}

/// What is said where there are more rows than are shown.
fn rest(total: usize, num_rows: usize) -> Option<String> {
    let noun = if num_rows == 1 { "row" } else { "rows" };
    (total > num_rows).then(|| format!("only showing top {num_rows} {noun}"))
}

/// The first `num_rows` rows, each as a block with one line a column.
///
/// Cells are cut as by [`show_string`].
pub fn show_vertical(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    num_rows: usize,
    truncate: usize,
) -> Result<String> {
    let names: Vec<String> = schema.fields().iter().map(|f| escape(display_name(f.name()))).collect();
    let rows = cells(schema, batches, num_rows, truncate)?;
    let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let widest = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| width(text)).max().unwrap_or(0).max(MIN_WIDTH)
    };
    let name_width = widest(&mut names.iter());
    let cell_width = widest(&mut rows.iter().flatten());
    let padded = |text: &str, to: usize| format!("{text}{}", " ".repeat(to - width(text).min(to)));
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        let head = format!("-RECORD {number}");
        let dashes = (name_width + cell_width + 5).saturating_sub(head.len());
        out.push_str(&format!("{head}{}\n", "-".repeat(dashes)));
        for (name, cell) in names.iter().zip(row) {
            out.push_str(&format!(" {} | {} \n", padded(name, name_width), padded(cell, cell_width)));
        }
    }
    if rows.is_empty() {
        out.push_str("(0 rows)");
    } else {
        out.extend(rest(total, num_rows));
    }
    Ok(out)
}

/// The first `num_rows` rows as a table of HTML.
///
/// Cells are cut as by [`show_string`].
pub fn show_html(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    num_rows: usize,
    truncate: usize,
) -> Result<String> {
    let names: Vec<String> = schema.fields().iter().map(|f| escape(display_name(f.name()))).collect();
    let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let row = |tag: &str, cells: &[String]| {
        let cells: Vec<_> =
            cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape_html(cell))).collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let mut out = format!("<table border='1'>\n{}", row("th", &names));
    for cells in cells(schema, batches, num_rows, truncate)? {
        out.push_str(&row("td", &cells));
    }
    out.push_str("</table>\n");
    if let Some(rest) = rest(total, num_rows) {
        out.push_str(&format!("{rest}\n"));
    }
    Ok(out)
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn cells(
    schema: &Schema,
    batches: &[RecordBatch],
    num_rows: usize,
    truncate: usize,
) -> Result<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            if rows.len() == num_rows {
                return Ok(rows);
            }
            let cells: Result<Vec<String>> = batch
                .columns()
                .iter()
                .zip(schema.fields())
                .map(|(column, field)| {
                    if column.is_null(row) {
                        return Ok("NULL".to_owned());
                    }
                    let value = text::value_of(field, column.as_ref(), row, Style::Show)?;
                    Ok(cut(escape(&value), truncate))
                })
                .collect();
            rows.push(cells?);
        }
    }
    Ok(rows)
}

fn row_text(cells: &[String], widths: &[usize], right: bool) -> String {
    if cells.is_empty() {
        return "||".to_owned();
    }
    let mut out = "|".to_owned();
    for (cell, w) in cells.iter().zip(widths) {
        let blanks = " ".repeat(w - width(cell).min(*w));
        if right {
            out.push_str(&blanks);
            out.push_str(cell);
        } else {
            out.push_str(cell);
            out.push_str(&blanks);
        }
        out.push('|');
    }
    out
}

/// Characters that would break the table.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{7}' => out.push_str("\\a"),
            _ => out.push(c),
        }
    }
    out
}

/// Cut to `limit` characters, with an ellipsis where there is room for one.
fn cut(text: String, limit: usize) -> String {
    if limit == 0 || text.chars().count() <= limit {
        return text;
    }
    if limit < 4 {
        return text.chars().take(limit).collect();
    }
    let mut out: String = text.chars().take(limit - 3).collect();
    out.push_str("...");
    out
}

/// Width in cells of a terminal: full-width characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if is_full_width(c) { 2 } else { 1 }).sum()
}

/// The ranges Spark takes for full-width.
fn is_full_width(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE4F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int32, true),
            Field::new("name", DataType::Utf8, true),
        ]));
        let ids: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        let names: ArrayRef = Arc::new(StringArray::from(vec!["abcdefghijklmnopqrstuvwxyz", "ｗｉ\n"]));
        RecordBatch::try_new(schema, vec![ids, names]).expect("batch")
    }

    #[test]
    fn cells_are_cut_padded_and_escaped() {
        // Recorded with Spark 4.1.1.
        let table = show_string(&batch().schema(), &[batch()], 20, 20).expect("table");
        assert_eq!(
            table,
            "+----+--------------------+\n\
             |  id|                name|\n\
             +----+--------------------+\n\
             |   1|abcdefghijklmnopq...|\n\
             |NULL|              ｗｉ\\n|\n\
             +----+--------------------+\n"
        );
    }

    #[test]
    fn whole_cells_stand_left_and_the_rest_is_announced() {
        let table = show_string(&batch().schema(), &[batch()], 1, 0).expect("table");
        assert_eq!(
            table,
            "+---+--------------------------+\n\
             |id |name                      |\n\
             +---+--------------------------+\n\
             |1  |abcdefghijklmnopqrstuvwxyz|\n\
             +---+--------------------------+\n\
             only showing top 1 row"
        );
    }

    #[test]
    fn records_and_html_show_the_same_cells() {
        // Recorded with Spark 4.1.1: only HTML has a line break at its end.
        let records = show_vertical(&batch().schema(), &[batch()], 1, 3).expect("records");
        assert_eq!(records, "-RECORD 0---\n id   | 1   \n name | abc \nonly showing top 1 row");
        let html = show_html(&batch().schema(), &[batch()], 1, 3).expect("html");
        assert_eq!(
            html,
            "<table border='1'>\n<tr><th>id</th><th>name</th></tr>\n<tr><td>1</td><td>abc</td></tr>\n</table>\n\
             only showing top 1 row\n"
        );
    }

    #[test]
    fn nothing_has_its_own_table() {
        let schema: SchemaRef = Arc::new(Schema::empty());
        assert_eq!(show_string(&schema, &[], 20, 20).as_deref(), Ok("++\n||\n++\n++\n"));
    }
}
