//! Grouped aggregate functions over windows: a value for each row out of the rows of its frame.

use std::sync::Arc;

use cerium_spark::python::eval_type;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::WindowFrame;
use datafusion::logical_expr::window_state::WindowFrameContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::{StreamExt, stream};

use super::Rows;
use super::grouped::frame;
use super::rows::arguments;
use crate::python::groups::GroupReader;
use crate::python::input::joined;
use crate::python::output::{Pending, beside};
use crate::python::task::{PythonTask, Request, batch_is_group, columns_of};
use crate::python::work::{SortKey, Window};
use crate::python::worker::Body;

/// A column for each call beside the input's columns.
pub(super) async fn window(
    task: PythonTask,
    window: Window,
    input: SendableRecordBatchStream,
    schema: SchemaRef,
) -> Result<Rows> {
    let kind = match window.calls.first().map(|call| call.function.eval_type) {
        Some(eval_type::GROUPED_AGG_PANDAS) => eval_type::WINDOW_AGG_PANDAS,
        _ => eval_type::WINDOW_AGG_ARROW,
    };
    let columns = columns_of(window.calls.iter());
    let frames = window
        .frames
        .iter()
        .map(|frame| Ok(Arc::new(WindowFrame::try_from(frame.clone()).map_err(DataFusionError::from)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut request = Request::of_values(&window.calls, kind, &columns)
        .ok_or_else(|| DataFusionError::Internal("no function over a window".into()))?;
    bound_arguments(&mut request, &frames, columns.len().max(1));
    let sample = with_bounds(
        &arguments(&RecordBatch::new_empty(input.schema()), &columns)?,
        &RecordBatch::new_empty(input.schema()),
        &frames,
        &window.order,
    )?;
    let mut groups = GroupReader::new(input, &window.partition)?;
    let Some(first) = groups.next().await? else { return Ok(stream::empty().boxed()) };
    let worker = task.worker().await?;
    let pending = Pending::default();
    let waiting = pending.clone();
    let groups = stream::once(async { Ok(first) }).chain(groups.into_stream());
    let parts = groups.map(move |group| -> Result<Vec<RecordBatch>> {
        let rows = joined(&group?.parts)?;
        let sent = with_bounds(&arguments(&rows, &columns)?, &rows, &frames, &window.order)?;
        waiting.push(rows);
        Ok(vec![sent])
    });
    let bytes = frame(parts.boxed(), sample.schema(), batch_is_group(worker.dialect()), false)?;
    let results = task.run(worker, request, bytes).await?;
    Ok(beside(results, pending, schema))
}

fn is_bounded(frame: &WindowFrame) -> bool {
    !(frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded())
}

/// Tells workers the kinds of the frames, and bounded functions where the bounds of rows are:
/// after the first `columns` columns, two for each of them.
fn bound_arguments(request: &mut Request, frames: &[Arc<WindowFrame>], columns: usize) {
    let kinds: Vec<_> =
        frames.iter().map(|frame| if is_bounded(frame) { "bounded" } else { "unbounded" }).collect();
    request.window_bounds = Some(kinds.join(","));
    let Body::Functions(calls) = &mut request.body else { return };
    let mut next = columns as i32;
    for (call, frame) in calls.iter_mut().zip(frames) {
        if is_bounded(frame) {
            call.arguments.splice(0..0, [(next, None), (next + 1, None)]);
            next += 2;
        }
    }
}

/// Adds the bounds of each row's frame, for each bounded frame.
fn with_bounds(
    sent: &RecordBatch,
    rows: &RecordBatch,
    frames: &[Arc<WindowFrame>],
    order: &[SortKey],
) -> Result<RecordBatch> {
    let keys: Vec<ArrayRef> = order.iter().map(|key| rows.column(key.column as usize).clone()).collect();
    let options: Vec<_> = order
        .iter()
        .map(|key| SortOptions { descending: key.descending, nulls_first: key.nulls_first })
        .collect();
    let mut fields: Vec<Field> = sent.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut columns = sent.columns().to_vec();
    for frame in frames.iter().filter(|frame| is_bounded(frame)) {
        let mut context = WindowFrameContext::new(Arc::clone(frame), options.clone());
        let mut range = 0..0;
        let (mut begins, mut ends) = (vec![], vec![]);
        for row in 0..rows.num_rows() {
            range = context.calculate_range(&keys, &range, rows.num_rows(), row)?;
            begins.push(range.start as i32);
            ends.push(range.end as i32);
        }
        for bounds in [begins, ends] {
            fields.push(Field::new(format!("_{}", columns.len()), DataType::Int32, false));
            columns.push(Arc::new(Int32Array::from(bounds)));
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
