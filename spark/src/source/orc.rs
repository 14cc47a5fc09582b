//! ORC files: their columns, and their rows stripe by stripe.

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use orc_rust::ArrowReaderBuilder;
use orc_rust::projection::ProjectionMask;
use orc_rust::reader::ChunkReader;

use super::chunks::TextFile;
use super::errors;
use super::table::{TableFile, spark_field};
use crate::types;

/// Bytes read from a file's end to find its footer; more are read where they do not suffice.
const TAIL: u64 = 256 << 10;

/// Parts of a file that were fetched.
#[derive(Debug, Clone)]
struct Parts {
    size: u64,
    parts: Vec<(u64, Bytes)>,
}

impl ChunkReader for Parts {
    type T = bytes::buf::Reader<Bytes>;

    fn len(&self) -> u64 {
        self.size
    }

    fn get_read(&self, offset: u64) -> io::Result<Self::T> {
        for (start, bytes) in &self.parts {
            let within = offset.checked_sub(*start).and_then(|at| usize::try_from(at).ok());
            if let Some(at) = within.filter(|at| *at < bytes.len()) {
                return Ok(bytes.slice(at..).reader());
            }
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a part of the file that was not fetched"))
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A file's footer, and the parts that were read for it.
async fn footer(file: &TextFile) -> Result<(Parts, ArrowReaderBuilder<Parts>)> {
    let start = file.size.saturating_sub(TAIL);
    for start in [start, 0] {
        let bytes = file.store.get_range(&file.location, start..file.size).await?;
        let parts = Parts { size: file.size, parts: vec![(start, bytes)] };
        match ArrowReaderBuilder::try_new(parts.clone()) {
            Ok(builder) => return Ok((parts, builder)),
            Err(error) if start == 0 => return Err(failed(error)),
            // The footer may be longer.
            Err(_) => {}
        }
    }
    Err(DataFusionError::Internal("an ORC file was read from its start in vain".into()))
}

/// The columns of the first of some files.
///
/// # Errors
/// Where it has no footer that can be read.
pub(super) async fn schema(files: &[TableFile], zone: &str) -> crate::error::Result<Schema> {
    let Some(file) = files.first() else { return Ok(Schema::empty()) };
    let text = TextFile {
        store: Arc::clone(&file.store),
        location: file.meta.location.clone(),
        size: file.meta.size,
        range: None,
    };
    let (_, builder) = footer(&text).await.map_err(|error| {
        let url = format!("{}{}", file.store_url.as_str(), file.meta.location);
        errors::cannot_read_footer(&url, error.find_root().strip_backtrace())
    })?;
    let own = builder.schema();
    let fields = own.fields().iter().map(|field| {
        let field = spark_field(field, zone);
        // ORC's timestamps are Spark's, unless Spark's own footer says otherwise.
        match field.data_type() {
            DataType::Timestamp(..) => field.with_data_type(types::timestamp(zone)),
            _ => field,
        }
    });
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

/// The rows of a file, or of the stripes that start in its range, as columns of `schema`.
///
/// # Errors
/// Where the footer cannot be read.
pub(super) async fn rows(
    file: TextFile,
    schema: SchemaRef,
    batch_size: usize,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let (parts, builder) = footer(&file).await?;
    let range = file.range.clone().unwrap_or(0..file.size);
    let stripes: Vec<(u64, u64, u64)> = builder
        .file_metadata()
        .stripe_metadatas()
        .iter()
        .filter(|stripe| range.contains(&stripe.offset()))
        .map(|stripe| {
            let length = stripe.index_length() + stripe.data_length() + stripe.footer_length();
            (stripe.offset(), length, stripe.number_of_rows())
        })
        .collect();
    let (store, location): (Arc<dyn ObjectStore>, _) = (file.store, file.location);
    let batches = stream::iter(stripes)
        .map(Ok::<_, DataFusionError>)
        .and_then(move |(offset, length, count)| {
            let (store, location) = (Arc::clone(&store), location.clone());
            let (mut parts, schema) = (parts.clone(), Arc::clone(&schema));
            async move {
                if schema.fields().is_empty() {
                    let rows = usize::try_from(count).map_err(failed)?;
                    return Ok(vec![without_columns(schema, rows)?]);
                }
                let bytes = store.get_range(&location, offset..offset + length).await?;
                parts.parts.insert(0, (offset, bytes));
                stripe(parts, offset, &schema, batch_size)
            }
        })
        .map_ok(|batches| stream::iter(batches).map(Ok))
        .try_flatten();
    Ok(batches.boxed())
}

fn without_columns(schema: SchemaRef, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, vec![], &options)?)
}

/// The rows of the stripe at an offset.
fn stripe(parts: Parts, offset: u64, schema: &SchemaRef, batch_size: usize) -> Result<Vec<RecordBatch>> {
    let builder = ArrowReaderBuilder::try_new(parts).map_err(failed)?;
    let own = builder.schema();
    // Names differ in case where Hive wrote the file.
    let places: Vec<Option<String>> = schema
        .fields()
        .iter()
        .map(|field| {
            let same = |exact: bool| {
                own.fields().iter().find(|f| {
                    if exact { f.name() == field.name() } else { f.name().eq_ignore_ascii_case(field.name()) }
                })
            };
            same(true).or_else(|| same(false)).map(|found| found.name().clone())
        })
        .collect();
    let wanted: Vec<&String> = places.iter().flatten().collect();
    let mask = ProjectionMask::named_roots(builder.file_metadata().root_data_type(), &wanted);
    let start = usize::try_from(offset).map_err(failed)?;
    let reader = builder
        .with_projection(mask)
        .with_batch_size(batch_size)
        .with_file_byte_range(start..start + 1)
        .build();
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let mut batches = Vec::new();
    for batch in reader {
        let batch = batch?;
        let columns = schema.fields().iter().zip(&places).map(|(field, place)| {
            match place.as_ref().and_then(|name| batch.column_by_name(name)) {
                Some(column) => cast_with_options(column, field.data_type(), &options),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            }
        });
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        batches.push(RecordBatch::try_new(Arc::clone(schema), columns)?);
    }
    Ok(batches)
}
