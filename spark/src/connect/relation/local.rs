//! Relations whose rows came with the request or before it.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::TableReference;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlanBuilder;
use prost::Message;

use crate::connect::planner::Planner;
use crate::connect::scope::Scope;
use crate::connect::{data_type, proto};
use crate::error::{Result, SparkError};
use crate::{structs, types};

/// Rows in the message.
pub(super) fn relation(planner: &mut Planner<'_>, message: &proto::LocalRelation) -> Result<Scope> {
    let data: Vec<Bytes> = message.data.iter().cloned().collect();
    from_arrow(planner, &data, message.schema.as_deref())
}

/// Rows sent beforehand, as one message.
pub(super) fn cached(planner: &mut Planner<'_>, message: &proto::CachedLocalRelation) -> Result<Scope> {
    let bytes = artifact(planner, &message.hash)?;
    crate::connect::depth::check(&bytes).map_err(|error| bad(&error))?;
    let local = proto::LocalRelation::decode(bytes).map_err(|error| bad(&error))?;
    relation(planner, &local)
}

/// Rows sent beforehand in pieces.
pub(super) fn chunked(
    planner: &mut Planner<'_>,
    message: &proto::ChunkedCachedLocalRelation,
) -> Result<Scope> {
    let data: Result<Vec<Bytes>> = message.data_hashes.iter().map(|hash| artifact(planner, hash)).collect();
    let schema = match &message.schema_hash {
        Some(hash) => {
            Some(String::from_utf8(artifact(planner, hash)?.to_vec()).map_err(|error| bad(&error))?)
        }
        None => None,
    };
    from_arrow(planner, &data?, schema.as_deref())
}

/// A plan that a checkpoint command was answered with.
pub(super) fn checkpoint(planner: &mut Planner<'_>, message: &proto::CachedRemoteRelation) -> Result<Scope> {
    let plan = planner.env.artifacts.checkpoint(&message.relation_id).ok_or_else(|| {
        SparkError::new(
            "INVALID_PARAMETER_VALUE.DATAFRAME_ID",
            "22023",
            format!("No DataFrame with id {} is found in the session.", message.relation_id),
        )
    })?;
    Ok(Scope::leaf(planner.adopt(plan, &[])?))
}

fn artifact(planner: &Planner<'_>, hash: &str) -> Result<Bytes> {
    planner.env.artifacts.cached(hash).ok_or_else(|| {
        SparkError::new(
            "INVALID_HANDLE.ARTIFACT_NOT_FOUND",
            "HY000",
            format!("The cached local relation {hash} is not found."),
        )
    })
}

fn bad(error: &dyn std::fmt::Display) -> SparkError {
    SparkError::new(
        "CONNECT_INVALID_PLAN.LOCAL_RELATION",
        "56K00",
        format!("The Spark Connect plan is invalid. The rows of a local relation cannot be read: {error}."),
    )
}

/// Rows as Arrow streams, with the schema they are to have if one is given.
fn from_arrow(planner: &mut Planner<'_>, streams: &[Bytes], schema: Option<&str>) -> Result<Scope> {
    let zone = planner.time_zone().to_owned();
    let declared = schema.map(|text| data_type::parse_schema(text, &zone)).transpose()?;
    let mut batches = Vec::new();
    let mut own: Option<SchemaRef> = None;
    for stream in streams {
        let reader = StreamReader::try_new(stream.as_ref(), None).map_err(|error| bad(&error))?;
        own = Some(reader.schema());
        for batch in reader {
            batches.push(batch.map_err(|error| bad(&error))?);
        }
    }
    let target: SchemaRef = match (declared, own) {
        (Some(declared), _) => Arc::new(declared),
        (None, Some(own)) => Arc::new(Schema::new(
            own.fields().iter().map(|field| spark_field(field, &zone)).collect::<Fields>(),
        )),
        (None, None) => return Err(bad(&"it has neither rows nor a schema")),
    };
    let batches: Result<Vec<RecordBatch>> =
        batches.into_iter().map(|batch| adapted(&batch, &target)).collect();
    rows(planner, target, batches?)
}

/// A batch with the columns' types changed to the schema's.
fn adapted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.num_columns() != schema.fields().len() {
        return Err(bad(&format!(
            "it has {} columns where its schema has {}",
            batch.num_columns(),
            schema.fields().len()
        )));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            // Where a struct has fields of one name, clients number them.
            let column = structs::with_names_of(column, field.data_type())?;
            structs::with_nulls_in_fields(&cast_with_options(&column, field.data_type(), &options)?)
        })
        .collect::<std::result::Result<Vec<_>, ArrowError>>()
        .map_err(DataFusionError::from)?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)
        .map_err(DataFusionError::from)?)
}

/// A scan of rows that are there.
pub(super) fn rows(planner: &mut Planner<'_>, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Scope> {
    // DataFusion wants names of their own; the marks are taken off where names are shown.
    let mut unique = crate::analysis::scope::UniqueNames::default();
    let fields: Fields = schema
        .fields()
        .iter()
        .map(|field| {
            let shown = crate::analysis::scope::display_name(field.name());
            field.as_ref().clone().with_name(unique.claim(shown))
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let batches = batches
        .into_iter()
        .map(|batch| {
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &rows)
        })
        .collect::<std::result::Result<Vec<_>, ArrowError>>()
        .map_err(DataFusionError::from)?;
    let table = MemTable::try_new(schema, vec![batches])?;
    let name = TableReference::bare(planner.names.claim("__local"));
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(table)), None)?.build()?;
    Ok(Scope::leaf(planner.adopt(plan, &[])?))
}

/// A column as Spark has it.
fn spark_field(field: &Field, zone: &str) -> Field {
    Field::new(field.name(), spark_type(field.data_type(), zone), field.is_nullable())
}

fn spark_type(data_type: &DataType, zone: &str) -> DataType {
    let part = |field: &Field| Arc::new(spark_field(field, zone));
    match data_type {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, Some(_)) => types::timestamp(zone),
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::Dictionary(_, value) => spark_type(value, zone),
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            DataType::List(part(field))
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| spark_field(field, zone)).collect())
        }
        DataType::Map(entries, sorted) => DataType::Map(part(entries), *sorted),
        other => other.clone(),
    }
}
