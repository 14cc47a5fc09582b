//! Arrow types between the engine and PySpark: what PySpark takes, and its results as declared.

use std::sync::Arc;

use cerium_spark::analysis::scope::display_name;
use cerium_spark::error::SparkError;
use cerium_spark::structs;
use cerium_spark::types::simple_name;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};

/// The type as PySpark knows it: no views, no dictionaries.
fn plain(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| -> FieldRef {
        Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())))
    };
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Dictionary(_, value) => plain(value),
        DataType::List(inner) | DataType::ListView(inner) | DataType::FixedSizeList(inner, _) => {
            DataType::List(field(inner))
        }
        DataType::LargeList(inner) | DataType::LargeListView(inner) => DataType::LargeList(field(inner)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        other => other.clone(),
    }
}

/// A column as PySpark takes it.
pub fn to_python(array: &ArrayRef) -> Result<ArrayRef> {
    convert(array, &plain(array.data_type()))
}

/// A column of the declared type. PySpark's Arrow differs in names of elements and in widths.
pub fn from_python(array: &ArrayRef, declared: &DataType) -> Result<ArrayRef> {
    convert(array, declared)
}

fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: false, ..Default::default() };
    Ok(cast_with_options(array, to, &options)?)
}

/// A batch with one struct column, which is how rows go to functions that map partitions.
pub fn as_struct(batch: &RecordBatch) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let array = if batch.num_columns() == 0 {
        StructArray::new_empty_fields(rows, None)
    } else {
        StructArray::try_new(batch.schema().fields().clone(), batch.columns().to_vec(), None)?
    };
    let field = Field::new("_0", array.data_type().clone(), false);
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(Schema::new(vec![field])),
        vec![Arc::new(array)],
        &options,
    )?)
}

/// The fields of the only column of a batch, which is how functions give rows back.
pub fn from_struct(batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let rows = batch.columns().first().and_then(|column| column.as_any().downcast_ref::<StructArray>());
    match rows {
        Some(rows) if batch.num_columns() == 1 => Ok(rows.columns().to_vec()),
        _ => Err(DataFusionError::Internal("Python rows arrived without their struct".into())),
    }
}

/// Fails unless the rows in a batch have the declared columns; that they are never null may be more than was
/// declared.
pub fn same_columns(batch: &RecordBatch, schema: &SchemaRef, operation: &str) -> Result<()> {
    let schema_of_batch = batch.schema();
    let found = match schema_of_batch.fields().first().map(|field| field.data_type()) {
        Some(DataType::Struct(fields)) => fields.clone(),
        _ => Fields::empty(),
    };
    if same_fields(&found, schema.fields()) {
        return Ok(());
    }
    let name = |fields: &Fields| simple_name(&DataType::Struct(fields.clone())).to_uppercase();
    let (expected, actual) = (name(schema.fields()), name(&found));
    Err(SparkError::new(
        "ARROW_TYPE_MISMATCH",
        "42K0G",
        format!("Invalid schema from {operation}: expected {expected}, got {actual}."),
    )
    .with_param("operation", operation)
    .with_param("outputTypes", expected)
    .with_param("actualDataTypes", actual)
    .into())
}

fn same_fields(found: &Fields, declared: &Fields) -> bool {
    found.len() == declared.len()
        && found.iter().zip(declared).all(|(a, b)| {
            display_name(a.name()) == display_name(b.name())
                && (b.is_nullable() || !a.is_nullable())
                && match (a.data_type(), b.data_type()) {
                    (DataType::Struct(a), DataType::Struct(b)) => same_fields(a, b),
                    (a, b) => simple_name(a) == simple_name(b),
                }
        })
}

/// Columns as a batch of the declared schema. As in Spark there may be more of them, which count for nothing:
/// pandas adds its index where that is no plain range.
pub fn declared_batch(columns: &[ArrayRef], schema: &SchemaRef, rows: usize) -> Result<RecordBatch> {
    if columns.len() < schema.fields().len() {
        return Err(DataFusionError::Execution(format!(
            "a Python function returned {} columns where {} were declared",
            columns.len(),
            schema.fields().len()
        )));
    }
    let columns = columns
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| Ok(structs::with_nulls_in_fields(&from_python(column, field.data_type())?)?))
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
