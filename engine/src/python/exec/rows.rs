//! Functions over single rows and over partitions.

use std::sync::Arc;

use cerium_spark::connect::data_type::json_string;
use cerium_spark::python::eval_type;
use datafusion::arrow::array::{RecordBatch, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::Rows;
use crate::python::input::{self, Names};
use crate::python::output::{Pending, beside};
use crate::python::task::{PythonTask, Request, columns_of};
use crate::python::types::{as_struct, declared_batch, from_struct, same_columns};
use crate::python::work::{Call, Function};

/// A stream after its first batch was looked at; `None` if there is none.
pub(super) async fn peeked(
    mut batches: BoxStream<'static, Result<RecordBatch>>,
) -> Result<Option<BoxStream<'static, Result<RecordBatch>>>> {
    let Some(first) = batches.try_next().await? else { return Ok(None) };
    Ok(Some(stream::once(async { Ok(first) }).chain(batches).boxed()))
}

/// What a worker gets of a batch: the columns of the arguments, or one that only counts rows.
pub(super) fn arguments(batch: &RecordBatch, columns: &[u32]) -> Result<RecordBatch> {
    if !columns.is_empty() {
        return input::columns(batch, columns, Names::Numbers);
    }
    let field = Field::new("_0", DataType::Boolean, true);
    let nulls = new_null_array(&DataType::Boolean, batch.num_rows());
    Ok(RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![nulls])?)
}

/// A column for each call beside the input's columns.
pub(super) async fn eval(
    task: PythonTask,
    calls: Vec<Call>,
    input: SendableRecordBatchStream,
    schema: SchemaRef,
) -> Result<Rows> {
    let columns = columns_of(calls.iter());
    let kind = calls.first().map_or(eval_type::BATCHED, |call| call.function.eval_type);
    let plain = kind == eval_type::BATCHED;
    let sample = arguments(&RecordBatch::new_empty(input.schema()), &columns)?;
    let request = if plain {
        Request::of_plain(&calls, &columns, &task)
    } else {
        Request::of_values(&calls, kind, &columns)
    };
    let mut request = request.ok_or_else(|| DataFusionError::Internal("no function to evaluate".into()))?;
    if kind == eval_type::ARROW_BATCHED {
        request.input_schema = Some(json_string(&sample.schema()));
    }
    // Without rows there is nothing to start a worker for.
    let Some(batches) = peeked(input::cut(input, task.max_records)).await? else {
        return Ok(stream::empty().boxed());
    };
    let worker = task.worker().await?;
    let sent_schema = if plain { as_struct(&sample)?.schema() } else { sample.schema() };
    let pending = Pending::default();
    let waiting = pending.clone();
    let sent = batches.map(move |batch| {
        let batch = batch?;
        let sent = arguments(&batch, &columns)?;
        waiting.push(batch);
        if plain { as_struct(&sent) } else { Ok(sent) }
    });
    let results = task.run(worker, request, input::one_stream(sent.boxed(), sent_schema)).await?;
    let results =
        if plain { results.and_then(|batch| async move { fields(&batch) }).boxed() } else { results };
    Ok(beside(results, pending, schema))
}

/// The rows a function makes of a partition.
pub(super) async fn map_partitions(
    task: PythonTask,
    function: Function,
    input: SendableRecordBatchStream,
    schema: SchemaRef,
) -> Result<Rows> {
    let columns: Vec<u32> = (0..input.schema().fields().len() as u32).collect();
    let shown = move |batch: &RecordBatch| as_struct(&input::columns(batch, &columns, Names::Shown)?);
    let sent_schema = shown(&RecordBatch::new_empty(input.schema()))?.schema();
    let worker = task.worker().await?;
    let sent = input::cut(input, task.max_records).and_then(move |batch| {
        let batch = shown(&batch);
        async move { batch }
    });
    let request = Request::of_rows(&function, vec![0]);
    let validates = function.eval_type == eval_type::MAP_ARROW_ITER && task.validates_schema();
    let mut results = task.run(worker, request, input::one_stream(sent.boxed(), sent_schema)).await?;
    if validates {
        let expected = Arc::clone(&schema);
        results = results
            .and_then(move |batch| {
                let checked = same_columns(&batch, &expected, "SQL_MAP_ARROW_ITER_UDF").map(|()| batch);
                async move { checked }
            })
            .boxed();
    }
    Ok(declared(results, schema))
}

/// Rows as their struct, as the declared columns.
pub(super) fn declared(results: Rows, schema: SchemaRef) -> Rows {
    results
        .and_then(move |batch| {
            let rows =
                from_struct(&batch).and_then(|columns| declared_batch(&columns, &schema, batch.num_rows()));
            async move { rows }
        })
        .boxed()
}

/// The fields of a struct as a batch.
fn fields(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = from_struct(batch)?;
    let fields: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| Field::new(format!("_{index}"), column.data_type().clone(), true))
        .collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
