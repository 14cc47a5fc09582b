//! Tumbling windows of time.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StructArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{Result, exec_err};

use super::kernel::{Kernel, Returns, Rows};

/// The kernels.
pub(super) const KERNELS: &[&Kernel] = &[&WINDOW];

/// `window(timestamp, width, offset)`, both in microseconds; a struct of start and end.
pub static WINDOW: Kernel = Kernel::new(
    "spark_time_window",
    Returns::Rule(|args| match args.first() {
        Some(time) => Ok(DataType::Struct(bounds(time))),
        None => exec_err!("window needs a timestamp"),
    }),
    window,
);

fn bounds(time: &DataType) -> Fields {
    Fields::from(vec![Field::new("start", time.clone(), true), Field::new("end", time.clone(), true)])
}

fn window(rows: &Rows<'_>) -> Result<ArrayRef> {
    let times = rows.array(0)?;
    let micros = compute::cast(times, &DataType::Int64)?;
    let micros = micros.as_primitive::<Int64Type>();
    let (widths, offsets) = (rows.values::<Int64Type>(1)?, rows.values::<Int64Type>(2)?);
    let start = |row: usize| {
        let (width, offset) = (widths.value(row), offsets.value(row));
        micros.value(row) - (micros.value(row) - offset).rem_euclid(width.max(1))
    };
    let column = |end: bool| -> Result<ArrayRef> {
        let values = (0..rows.len).map(|row| {
            let length = if end { widths.value(row) } else { 0 };
            rows.is_valid(row).then(|| start(row) + length)
        });
        let values: ArrayRef = Arc::new(values.collect::<datafusion::arrow::array::Int64Array>());
        Ok(compute::cast(&values, times.data_type())?)
    };
    let nulls = times.nulls().cloned();
    let columns = vec![column(false)?, column(true)?];
    Ok(Arc::new(StructArray::try_new(bounds(times.data_type()), columns, nulls)?))
}
