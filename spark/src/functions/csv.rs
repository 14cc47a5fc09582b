//! Functions on CSV text.

mod write;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray, new_empty_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::{Result, internal_err};

use self::write::Writer;
use super::json::{constant, options};
use super::kernel::{Kernel, Returns, Rows};
use crate::source::csv::decoder::CsvDecoder;
use crate::source::csv::infer;
use crate::source::csv::options::CsvOptions;
use crate::source::datetime::parse_zone;
use crate::source::options::{Options, ParseMode};
use crate::source::{errors, today};
use crate::text::{Style, value};

/// `from_csv(text, options as JSON, null of the result's type)`.
pub static FROM_CSV: Kernel = Kernel::null_aware("spark_from_csv", Returns::Argument(2), from_csv);
/// `to_csv(struct, options as JSON)`.
pub static TO_CSV: Kernel = Kernel::new("spark_to_csv", Returns::Type(DataType::Utf8), to_csv);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&FROM_CSV, &TO_CSV];

fn from_csv(rows: &Rows<'_>) -> Result<ArrayRef> {
    let DataType::Struct(fields) = rows.to else {
        return internal_err!("from_csv gives structs");
    };
    let texts = rows.text(0)?;
    let given = options(constant(rows, 1)?)?;
    let options = CsvOptions::new(&Options(&given), "UTC")?;
    let Some(zone) = parse_zone(&options.time_zone) else {
        return Err(errors::bad_option("timeZone", &options.time_zone, "a time zone").into());
    };
    let formats = infer::formats(&options, zone, today(&options.time_zone)?);
    let strict = options.mode == ParseMode::FailFast;
    // What is wrong is seen here; the decoder keeps every row. A record is one text, line ends and all.
    let options = CsvOptions { mode: ParseMode::Permissive, multi_line: false, ..options };
    let schema = Schema::new(fields.clone());
    let all: Vec<usize> = (0..fields.len()).collect();
    let mut decoder = CsvDecoder::new(Arc::new(options), formats, &schema, &all, false, usize::MAX)?;
    for row in 0..rows.len {
        let good = decoder.append_text(if texts.is_valid(row) { texts.value(row) } else { "" });
        if !good && strict {
            let record = match decoder.flush()? {
                Some(batch) => shown(&batch)?,
                None => String::new(),
            };
            return Err(errors::malformed_record(&record).into());
        }
    }
    let Some(batch) = decoder.flush()? else {
        return Ok(new_empty_array(rows.to));
    };
    let nulls: NullBuffer = (0..rows.len).map(|row| texts.is_valid(row)).collect();
    Ok(Arc::new(StructArray::try_new(fields.clone(), batch.columns().to_vec(), Some(nulls))?))
}

/// The last row as Spark prints it in messages.
fn shown(batch: &RecordBatch) -> Result<String> {
    let row = batch.num_rows().saturating_sub(1);
    let cells = batch.columns().iter().map(|column| {
        if column.is_null(row) {
            Ok("null".to_owned())
        } else {
            Ok(value(column.as_ref(), row, Style::Cast)?)
        }
    });
    Ok(format!("[{}]", cells.collect::<Result<Vec<_>>>()?.join(",")))
}

fn to_csv(rows: &Rows<'_>) -> Result<ArrayRef> {
    let Some(structs) = rows.array(0)?.as_struct_opt() else {
        return internal_err!("to_csv takes structs");
    };
    let writer = Writer::new(&options(constant(rows, 1)?)?)?;
    rows.write(|row, out| {
        writer.record(out, structs, row)?;
        Ok(true)
    })
}
