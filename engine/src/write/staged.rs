//! What tasks report of the files they wrote, as rows on the way to the driver.

use std::sync::Arc;

use cerium_spark::error::{Result, SparkError};
use datafusion::arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::error::Result as DataFusionResult;
use serde::{Deserialize, Serialize};

/// A file that is written but not visible yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// Folders of the partition below the target, `k=1/j=2`; empty without partitions.
    pub partition: String,
    /// Where the bytes are: the file to rename, or the key of the upload.
    pub location: String,
    /// Ending of the file's name, such as `.snappy.parquet`.
    pub extension: String,
    /// The upload to complete and its parts; none for a file to rename.
    pub upload: Option<Upload>,
    pub rows: u64,
    /// Size in bytes.
    pub size: u64,
    /// Host that wrote it, for advice when the driver can't see it.
    pub host: String,
}

/// A multipart upload that waits to be completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub id: String,
    /// The store's names of the parts, in order.
    pub parts: Vec<String>,
}

/// Columns of the rows: the file, and how many rows it has.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("file", DataType::Utf8, false),
        Field::new("num_rows", DataType::Int64, false),
    ]))
}

/// The rows of some files.
pub fn to_batch(files: &[StagedFile]) -> DataFusionResult<RecordBatch> {
    let mut texts = vec![];
    for file in files {
        let text = serde_json::to_string(file)
            .map_err(|error| datafusion::error::DataFusionError::External(Box::new(error)))?;
        texts.push(text);
    }
    let rows = Int64Array::from_iter_values(files.iter().map(|file| file.rows as i64));
    Ok(RecordBatch::try_new(schema(), vec![Arc::new(StringArray::from(texts)), Arc::new(rows)])?)
}

/// The files of the rows that the tasks of a job returned, in the order of the tasks.
pub fn from_batches(batches: &[RecordBatch]) -> Result<Vec<StagedFile>> {
    let bad = |reason: String| {
        SparkError::new(
            "INTERNAL_ERROR",
            "XX000",
            format!("a task reported a written file wrongly: {reason}"),
        )
    };
    let mut files = vec![];
    for batch in batches {
        if batch.num_columns() != 2 {
            return Err(bad(format!("{} columns", batch.num_columns())));
        }
        let texts = batch.column(0).as_string_opt::<i32>().ok_or_else(|| bad("no text".into()))?;
        if batch.column(1).as_primitive_opt::<Int64Type>().is_none() {
            return Err(bad("no count".into()));
        }
        for row in 0..texts.len() {
            files.push(serde_json::from_str(texts.value(row)).map_err(|error| bad(error.to_string()))?);
        }
    }
    Ok(files)
}
