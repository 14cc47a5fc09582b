//! The file source of text formats (CSV, JSON, text) within DataFusion's file scans.

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::chunks::{TextFile, line_chunks, whole};
use super::csv::decoder::CsvDecoder;
use super::csv::infer::formats;
use super::csv::options::CsvOptions;
use super::datetime::parse_zone;
use super::json::decoder::JsonDecoder;
use super::json::options::JsonOptions;
use super::plain::{PlainDecoder, PlainOptions};
use super::{errors, orc};
use crate::error::SparkError;

/// A format that Cerium reads itself, with its options, as it travels to executors.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TextFormat {
    Csv(Box<CsvOptions>),
    Json(Box<JsonOptions>),
    /// One string column, a line a row.
    Text(PlainOptions),
    /// Columns in stripes.
    Orc,
}

impl TextFormat {
    /// The name of the format in Spark.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Json(_) => "json",
            Self::Text(_) => "text",
            Self::Orc => "orc",
        }
    }

    /// Whether a record is a line, so that files can be read in parts.
    pub fn line_based(&self) -> bool {
        match self {
            Self::Csv(options) => !options.multi_line,
            Self::Json(options) => !options.multi_line,
            Self::Text(options) => !options.whole_text,
            Self::Orc => false,
        }
    }

    /// What lines are cut at.
    pub fn separator(&self) -> Vec<u8> {
        let separator = match self {
            Self::Csv(options) => &options.line_separator,
            Self::Json(options) => &options.line_separator,
            Self::Text(options) => &options.line_separator,
            Self::Orc => &None,
        };
        separator.as_ref().map_or_else(|| b"\n".to_vec(), |text| text.as_bytes().to_vec())
    }
}

/// Reads text files as rows.
#[derive(Debug, Clone)]
pub struct TextSource {
    format: Arc<TextFormat>,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_size: usize,
    /// The date of times without one, the same in all tasks.
    today: NaiveDate,
    metrics: ExecutionPlanMetricsSet,
}

impl TextSource {
    /// A source of all columns of `table_schema`. Times without a date are of `today`.
    pub fn new(format: TextFormat, table_schema: TableSchema, today: NaiveDate) -> Self {
        Self {
            format: Arc::new(format),
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            batch_size: 8192,
            today,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The format read.
    pub fn format(&self) -> &TextFormat {
        &self.format
    }

    /// The date of times without one.
    pub fn today(&self) -> NaiveDate {
        self.today
    }
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let opener = TextOpener {
            format: Arc::clone(&self.format),
            store,
            root: config.object_store_url.as_str().trim_end_matches('/').to_owned(),
            file_schema: Arc::clone(self.table_schema.file_schema()),
            projection: self.projection.file_indices.clone(),
            batch_size: config.batch_size.unwrap_or(self.batch_size),
            today: self.today,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table_schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(vec![PushedDown::No; filters.len()]))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.format.name()
    }

    fn fmt_extra(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.format {
            TextFormat::Csv(options) => write!(f, ", header={}, mode={:?}", options.header, options.mode),
            TextFormat::Json(options) => write!(f, ", mode={:?}", options.mode),
            TextFormat::Text(_) | TextFormat::Orc => Ok(()),
        }
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    /// Files have been split by Spark's rules when the scan was planned.
    fn repartitioned(
        &self,
        _target_partitions: usize,
        _repartition_file_min_size: usize,
        _output_ordering: Option<LexOrdering>,
        _config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}

struct TextOpener {
    format: Arc<TextFormat>,
    store: Arc<dyn ObjectStore>,
    /// Scheme and authority of the files, for messages.
    root: String,
    file_schema: Arc<Schema>,
    projection: Vec<usize>,
    batch_size: usize,
    today: NaiveDate,
}

/// What turns chunks of whole records into batches.
pub enum Decoder {
    Csv(Box<CsvDecoder>),
    Json(Box<JsonDecoder>),
    Text(PlainDecoder),
}

impl Decoder {
    fn decode(&mut self, chunk: &[u8], out: &mut Vec<RecordBatch>) -> Result<()> {
        match self {
            Self::Csv(decoder) => decoder.decode(chunk, out),
            Self::Json(decoder) => decoder.decode(chunk, out),
            Self::Text(decoder) => decoder.decode(chunk, out),
        }
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        match self {
            Self::Csv(decoder) => decoder.flush(),
            Self::Json(decoder) => decoder.flush(),
            Self::Text(decoder) => decoder.flush(),
        }
    }
}

impl TextOpener {
    /// A decoder for a file; `at_start` where the first bytes read are those of the file.
    fn decoder(&self, at_start: bool) -> Result<Decoder> {
        let decoder = match &*self.format {
            TextFormat::Csv(options) => {
                let zone = parse_zone(&options.time_zone)
                    .ok_or_else(|| errors::bad_option("timeZone", &options.time_zone, "a time zone"))
                    .map_err(errors::external)?;
                CsvDecoder::new(
                    Arc::new(CsvOptions::clone(options)),
                    formats(options, zone, self.today),
                    &self.file_schema,
                    &self.projection,
                    options.header && at_start,
                    self.batch_size,
                )
                .map(|decoder| Decoder::Csv(Box::new(decoder)))
            }
            TextFormat::Json(options) => {
                JsonDecoder::new(options, &self.file_schema, &self.projection, self.batch_size, self.today)
                    .map(|decoder| Decoder::Json(Box::new(decoder)))
            }
            TextFormat::Text(options) => Ok(Decoder::Text(PlainDecoder::new(
                options,
                &self.file_schema,
                &self.projection,
                self.batch_size,
            ))),
            TextFormat::Orc => Err(SparkError::internal("stripes are no text")),
        };
        decoder.map_err(errors::external)
    }
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let range = file.range.as_ref().map(|range| range.start as u64..range.end as u64);
        let at_start = range.as_ref().is_none_or(|range| range.start == 0);
        let url = format!("{}/{}", self.root, file.object_meta.location);
        let text = TextFile {
            store: Arc::clone(&self.store),
            location: file.object_meta.location,
            size: file.object_meta.size,
            range,
        };
        if *self.format == TextFormat::Orc {
            let schema = Arc::new(self.file_schema.project(&self.projection)?);
            let batch_size = self.batch_size;
            return Ok(Box::pin(async move {
                let rows = orc::rows(text, schema, batch_size).await.map_err(|error| in_file(&url, error))?;
                Ok(rows.map_err(move |error| in_file(&url, error)).boxed())
            }));
        }
        let decoder = self.decoder(at_start)?;
        let (line_based, separator) = (self.format.line_based(), self.format.separator());
        Ok(Box::pin(async move {
            let chunks = if line_based {
                line_chunks(text, separator).await
            } else {
                let bytes = async move { whole(text).await.map(bytes::Bytes::from) };
                Ok(stream::once(bytes).boxed())
            };
            let chunks = chunks.map_err(|error| in_file(&url, error))?;
            let state = Reading { chunks, decoder, ready: vec![].into_iter(), bom: at_start, done: false };
            let batches = stream::try_unfold((state, url), |(mut state, url)| async move {
                match state.next().await {
                    Ok(batch) => Ok(batch.map(|batch| (batch, (state, url)))),
                    Err(error) => Err(in_file(&url, error)),
                }
            });
            Ok(batches.boxed())
        }))
    }
}

struct Reading {
    chunks: BoxStream<'static, Result<bytes::Bytes>>,
    decoder: Decoder,
    ready: std::vec::IntoIter<RecordBatch>,
    /// A byte order mark may come.
    bom: bool,
    done: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.next() {
                return Ok(Some(batch));
            }
            if self.done {
                return Ok(None);
            }
            let mut batches = vec![];
            if let Some(chunk) = self.chunks.next().await.transpose()? {
                let mark: &[u8] = b"\xEF\xBB\xBF";
                let skip = if std::mem::take(&mut self.bom) && chunk.starts_with(mark) { 3 } else { 0 };
                self.decoder.decode(&chunk[skip..], &mut batches)?;
            } else {
                self.done = true;
                batches.extend(self.decoder.flush()?);
            }
            self.ready = batches.into_iter();
        }
    }
}

/// Names the file in an error, unless it is named already.
fn in_file(url: &str, error: DataFusionError) -> DataFusionError {
    if let DataFusionError::External(inner) = &error
        && inner.downcast_ref::<SparkError>().is_some_and(|e| e.class().starts_with("FAILED_READ_FILE"))
    {
        return error;
    }
    let root = match error.find_root() {
        DataFusionError::External(inner) => inner.to_string(),
        DataFusionError::ObjectStore(inner) => inner.to_string(),
        DataFusionError::IoError(inner) => inner.to_string(),
        other => other.to_string(),
    };
    errors::external(errors::failed_read_file(url, root))
}
