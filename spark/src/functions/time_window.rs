//! Windows of time: tumbling, sliding, and those of sessions.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{Result, exec_err};

use super::kernel::{Kernel, Returns, Rows};
use super::lambda::list_of;
use crate::error::SparkError;

/// The kernels.
pub(super) const KERNELS: &[&Kernel] = &[&WINDOW, &SLIDING, &SLIDING_ALL, &SESSION];

/// `window(timestamp, width, offset)`, both in microseconds; a struct of start and end.
pub static WINDOW: Kernel = Kernel::new(
    "spark_time_window",
    Returns::Rule(|args| match args.first() {
        Some(time) => Ok(DataType::Struct(bounds(time))),
        None => exec_err!("window needs a timestamp"),
    }),
    window,
);

/// One of the `window`s of a width that start every slide and hold a timestamp. Stands in plans only, until
/// each row is given out once for each of its windows. Arguments: timestamp, width, slide, offset.
pub static SLIDING: Kernel = Kernel::new(
    "spark_sliding_window",
    Returns::Rule(|args| match args.first() {
        Some(time) => Ok(DataType::Struct(bounds(time))),
        None => exec_err!("window needs a timestamp"),
    }),
    |_| Err(SparkError::unsupported("sliding windows of time here").into()),
);
/// All of them, the last to start first.
pub static SLIDING_ALL: Kernel = Kernel::new(
    "spark_sliding_windows",
    Returns::Rule(|args| match args.first() {
        Some(time) => Ok(list_of(DataType::Struct(bounds(time)))),
        None => exec_err!("window needs a timestamp"),
    }),
    sliding,
);
/// The session of an event alone: `(timestamp, gap)`, the gap in microseconds.
pub static SESSION: Kernel = Kernel::new(
    "spark_session_window",
    Returns::Rule(|args| match args.first() {
        Some(time) => Ok(DataType::Struct(bounds(time))),
        None => exec_err!("session_window needs a timestamp"),
    }),
    session,
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
        let values: ArrayRef = Arc::new(values.collect::<Int64Array>());
        Ok(compute::cast(&values, times.data_type())?)
    };
    let nulls = times.nulls().cloned();
    let columns = vec![column(false)?, column(true)?];
    Ok(Arc::new(StructArray::try_new(bounds(times.data_type()), columns, nulls)?))
}

fn sliding(rows: &Rows<'_>) -> Result<ArrayRef> {
    let times = rows.array(0)?;
    let micros = compute::cast(times, &DataType::Int64)?;
    let micros = micros.as_primitive::<Int64Type>();
    let (widths, slides, offsets) =
        (rows.values::<Int64Type>(1)?, rows.values::<Int64Type>(2)?, rows.values::<Int64Type>(3)?);
    let (mut starts, mut ends, mut lengths) = (Vec::new(), Vec::new(), Vec::with_capacity(rows.len));
    for row in 0..rows.len {
        let before = starts.len();
        if rows.is_valid(row) {
            let (time, width, slide) = (micros.value(row), widths.value(row), slides.value(row).max(1));
            let mut start = time - (time - offsets.value(row)).rem_euclid(slide);
            while start + width > time {
                starts.push(start);
                ends.push(start + width);
                start -= slide;
            }
        }
        lengths.push(starts.len() - before);
    }
    let column = |values: Vec<i64>| -> Result<ArrayRef> {
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        Ok(compute::cast(&values, times.data_type())?)
    };
    let fields = bounds(times.data_type());
    let windows = StructArray::try_new(fields.clone(), vec![column(starts)?, column(ends)?], None)?;
    let item = match rows.to {
        DataType::List(item) => Arc::clone(item),
        _ => Arc::new(Field::new_list_field(DataType::Struct(fields), true)),
    };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(windows), times.nulls().cloned())?))
}

fn session(rows: &Rows<'_>) -> Result<ArrayRef> {
    let times = rows.array(0)?;
    let micros = compute::cast(times, &DataType::Int64)?;
    let (micros, gaps) = (micros.as_primitive::<Int64Type>(), rows.values::<Int64Type>(1)?);
    let ends: Int64Array =
        (0..rows.len).map(|row| rows.is_valid(row).then(|| micros.value(row) + gaps.value(row))).collect();
    let ends = compute::cast(&ends, times.data_type())?;
    let columns = vec![Arc::clone(times), ends];
    Ok(Arc::new(StructArray::try_new(bounds(times.data_type()), columns, times.nulls().cloned())?))
}
