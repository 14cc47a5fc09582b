//! Functions over groups of one or two inputs.

use std::sync::Arc;

use bytes::Bytes;
use cerium_spark::python::eval_type;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::Rows;
use super::rows::{arguments, declared};
use crate::python::groups::{Group, GroupReader, pairs};
use crate::python::input::{self, Names, group_stream, joined, one_stream};
use crate::python::output::{Pending, beside};
use crate::python::task::{PythonTask, Request, batch_is_group, columns_of};
use crate::python::types;
use crate::python::work::{Aggregate, GroupMap, Groups};

/// The rows a function makes of each group.
pub(super) async fn map(
    task: PythonTask,
    map: GroupMap,
    left: SendableRecordBatchStream,
    right: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
) -> Result<Rows> {
    match (map.right.clone(), right) {
        (Some(groups), Some(right)) => co_group_map(task, map, left, groups, right, schema).await,
        _ => group_map(task, map, left, schema).await,
    }
}

/// The columns that are sent of a group: its values, and keys that are not among them.
fn sent_columns(groups: &Groups) -> Vec<u32> {
    let mut columns = groups.values.clone();
    columns.extend(groups.keys.iter().filter(|key| !groups.values.contains(key)));
    columns
}

/// How workers are told which columns sent are keys and which are values.
fn offsets(groups: &Groups, sent: &[u32]) -> Vec<i32> {
    let position = |column: &u32| sent.iter().position(|other| other == column).unwrap_or(0) as i32;
    let mut offsets = vec![(1 + groups.keys.len() + groups.values.len()) as i32, groups.keys.len() as i32];
    offsets.extend(groups.keys.iter().map(position));
    offsets.extend(groups.values.iter().map(position));
    offsets
}

async fn group_map(
    task: PythonTask,
    map: GroupMap,
    input: SendableRecordBatchStream,
    schema: SchemaRef,
) -> Result<Rows> {
    let sent = sent_columns(&map.groups);
    let request = Request::of_rows(&map.function, offsets(&map.groups, &sent));
    let input_schema = input.schema();
    let mut groups = GroupReader::new(input, &map.groups.keys)?;
    let Some(first) = groups.next().await? else { return Ok(stream::empty().boxed()) };
    let worker = task.worker().await?;
    let groups = stream::once(async { Ok(first) }).chain(groups.into_stream());
    let sample = input::columns(&RecordBatch::new_empty(input_schema), &sent, Names::Shown)?;
    let max = task.max_records;
    let parts = groups.map(move |group| -> Result<Vec<RecordBatch>> {
        group?
            .parts
            .iter()
            .flat_map(|part| input::sliced(part, max))
            .map(|part| input::columns(&part, &sent, Names::Shown))
            .collect()
    });
    // `applyInArrow` gets its rows as a struct, as `mapInArrow` does.
    let as_struct =
        matches!(map.function.eval_type, eval_type::GROUPED_MAP_ARROW | eval_type::GROUPED_MAP_ARROW_ITER);
    let bytes = frame(parts.boxed(), sample.schema(), batch_is_group(worker.dialect()), as_struct)?;
    let results = task.run(worker, request, bytes).await?;
    Ok(declared(results, schema))
}

/// Groups as bytes: a stream for each after a 1, and a 0; or one stream in which a batch is a group.
pub(super) fn frame(
    groups: BoxStream<'static, Result<Vec<RecordBatch>>>,
    schema: SchemaRef,
    batch_is_group: bool,
    as_struct: bool,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let wrap = move |batch: &RecordBatch| {
        if as_struct { types::as_struct(batch) } else { Ok(batch.clone()) }
    };
    if batch_is_group {
        let schema = wrap(&RecordBatch::new_empty(schema))?.schema();
        let batches = groups.map(move |parts| wrap(&joined(&parts?)?));
        return Ok(one_stream(batches.boxed(), schema));
    }
    let framed = groups.map(move |parts| {
        let parts = parts?.iter().map(wrap).collect::<Result<Vec<_>>>()?;
        let mut bytes = 1_i32.to_be_bytes().to_vec();
        bytes.extend(group_stream(&parts)?);
        Ok(Bytes::from(bytes))
    });
    Ok(framed.chain(stream::once(async { Ok(end_of_groups()) })).boxed())
}

fn end_of_groups() -> Bytes {
    Bytes::from_static(&[0; 4])
}

async fn co_group_map(
    task: PythonTask,
    map: GroupMap,
    left: SendableRecordBatchStream,
    right_groups: Groups,
    right: SendableRecordBatchStream,
    schema: SchemaRef,
) -> Result<Rows> {
    let (left_sent, right_sent) = (sent_columns(&map.groups), sent_columns(&right_groups));
    let mut arguments = offsets(&map.groups, &left_sent);
    arguments.extend(offsets(&right_groups, &right_sent));
    let request = Request::of_rows(&map.function, arguments);
    let (left_empty, right_empty) =
        (RecordBatch::new_empty(left.schema()), RecordBatch::new_empty(right.schema()));
    let left = GroupReader::new(left, &map.groups.keys)?;
    let right = GroupReader::new(right, &right_groups.keys)?;
    let mut pairs = pairs(left, right);
    let Some(first) = pairs.try_next().await? else { return Ok(stream::empty().boxed()) };
    let worker = task.worker().await?;
    let framed = stream::once(async { Ok(first) }).chain(pairs).map(move |pair| {
        let (a, b) = pair?;
        let mut bytes = 2_i32.to_be_bytes().to_vec();
        bytes.extend(side(a, &left_empty, &left_sent)?);
        bytes.extend(side(b, &right_empty, &right_sent)?);
        Ok(Bytes::from(bytes))
    });
    let framed = framed.chain(stream::once(async { Ok(end_of_groups()) }));
    let results = task.run(worker, request, framed.boxed()).await?;
    Ok(declared(results, schema))
}

/// One side of a pair; an empty batch where it has no rows.
fn side(group: Option<Group>, empty: &RecordBatch, sent: &[u32]) -> Result<Vec<u8>> {
    let parts = group.map_or_else(|| vec![empty.clone()], |group| group.parts);
    let parts =
        parts.iter().map(|part| input::columns(part, sent, Names::Shown)).collect::<Result<Vec<_>>>()?;
    group_stream(&parts)
}

/// The keys of each group and a column for each call.
pub(super) async fn aggregate(
    task: PythonTask,
    aggregate: Aggregate,
    input: SendableRecordBatchStream,
    schema: SchemaRef,
) -> Result<Rows> {
    let columns = columns_of(aggregate.calls.iter());
    let kind = aggregate.calls.first().map_or(0, |call| call.function.eval_type);
    let request = Request::of_values(&aggregate.calls, kind, &columns)
        .ok_or_else(|| DataFusionError::Internal("no function to aggregate by".into()))?;
    let sample = arguments(&RecordBatch::new_empty(input.schema()), &columns)?;
    let mut groups = GroupReader::new(input, &aggregate.keys)?;
    let Some(first) = groups.next().await? else { return Ok(stream::empty().boxed()) };
    let worker = task.worker().await?;
    let keys: Vec<usize> = aggregate.keys.iter().map(|key| *key as usize).collect();
    let pending = Pending::default();
    let waiting = pending.clone();
    let groups = stream::once(async { Ok(first) }).chain(groups.into_stream());
    let parts = groups.map(move |group| -> Result<Vec<RecordBatch>> {
        let group = group?;
        if let Some(part) = group.parts.first() {
            waiting.push(part.slice(0, 1).project(&keys)?);
        }
        group.parts.iter().map(|part| arguments(part, &columns)).collect()
    });
    let bytes = frame(parts.boxed(), sample.schema(), batch_is_group(worker.dialect()), false)?;
    let results = task.run(worker, request, bytes).await?;
    Ok(beside(results, pending, Arc::clone(&schema)))
}
