//! Table functions: called with each row, they make any number of rows.

use std::collections::HashMap;
use std::sync::Arc;

use cerium_spark::analysis::scope::display_name;
use cerium_spark::connect::data_type::json_string;
use cerium_spark::python::eval_type;
use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::{StreamExt, stream};

use super::Rows;
use super::rows::{arguments, declared, peeked};
use crate::python::input::{cut, one_stream};
use crate::python::output::Pending;
use crate::python::task::{PythonTask, Request, columns_of};
use crate::python::types::{declared_batch, from_struct};
use crate::python::work::Table;
use crate::python::worker::Results;

/// The rows of a table function, beside the row they were made of if that stays.
pub(super) async fn table(
    task: PythonTask,
    table: Table,
    input: SendableRecordBatchStream,
    schema: SchemaRef,
) -> Result<Rows> {
    let columns = columns_of(std::iter::once(&table.call));
    let kind = table.call.function.eval_type;
    let kept = if table.keeps_input { input.schema().fields().len() } else { 0 };
    let made: Vec<_> = schema
        .fields()
        .iter()
        .skip(kept)
        .map(|field| Arc::new(field.as_ref().clone().with_name(display_name(field.name()))))
        .collect();
    let sample = arguments(&RecordBatch::new_empty(input.schema()), &columns)?;
    let results = json_string(&Schema::new(made));
    let mut request = Request::of_table(&table, kind, &columns, results.clone());
    let mut sent_schema = sample.schema();
    match kind {
        eval_type::ARROW_TABLE => request.input_schema = Some(json_string(&sent_schema)),
        // Pickled rows are Spark's business with its JVM, see the module `cerium_worker.tables`.
        eval_type::TABLE => {
            let mut metadata = HashMap::from([("results".to_owned(), results)]);
            if task.bytearrays() {
                metadata.insert("bytearrays".to_owned(), "true".to_owned());
            }
            sent_schema = Arc::new(Schema::new_with_metadata(sent_schema.fields().clone(), metadata));
        }
        _ => {}
    }
    let Some(batches) = peeked(cut(input, task.max_records)).await? else {
        return Ok(stream::empty().boxed());
    };
    let worker = task.worker().await?;
    let pending = Pending::default();
    let waiting = pending.clone();
    let keeps_input = table.keeps_input;
    let sent = batches.map(move |batch| {
        let batch = batch?;
        let sent = arguments(&batch, &columns)?;
        if keeps_input {
            waiting.push(batch);
        }
        Ok(sent)
    });
    let results = task.run(worker, request, one_stream(sent.boxed(), sent_schema)).await?;
    Ok(if keeps_input { laterally(results, pending, schema) } else { declared(results, schema) })
}

/// Each batch of results is made of one row, in order; those after the last row (of `terminate`)
/// go with the last.
fn laterally(results: Results, pending: Pending, schema: SchemaRef) -> Rows {
    let start = (results, pending, None::<RecordBatch>);
    stream::try_unfold(start, move |(mut results, pending, last)| {
        let schema = Arc::clone(&schema);
        async move {
            let Some(result) = results.next().await.transpose()? else { return Ok(None) };
            let row = pending.pop(1).or(last);
            let count = result.num_rows();
            let same = UInt32Array::from(vec![0; count]);
            let mut columns: Vec<ArrayRef> = match &row {
                Some(row) => row
                    .columns()
                    .iter()
                    .map(|column| Ok(take(column.as_ref(), &same, None)?))
                    .collect::<Result<_>>()?,
                None => vec![],
            };
            columns.extend(from_struct(&result)?);
            let batch = declared_batch(&columns, &schema, count)?;
            Ok(Some((batch, (results, pending, row))))
        }
    })
    .boxed()
}
