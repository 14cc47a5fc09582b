//! A table over files: partition pruning, statistics, division among tasks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use datafusion::arrow::array::{Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics, project_schema};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use futures::{StreamExt, TryStreamExt, stream};

use super::chunks::splittable;
use super::errors;
use super::scan::{TextFormat, TextSource};
use super::split::{Splittable, Splitting, divide};
use crate::session::bad_conf;
use crate::spark_options::SparkOptions;

/// Columns that tell of the file a row comes from: its URL, the start and the length of the part that is
/// read with it. Private use, so that no user's column has their names.
pub const FILE_COLUMNS: [&str; 3] =
    ["\u{E0C2}input_file_name", "\u{E0C2}input_file_block_start", "\u{E0C2}input_file_block_length"];
/// Files whose footers are read at the same time.
const FOOTERS_AT_ONCE: usize = 32;

/// How the files are read.
#[derive(Debug, Clone)]
pub enum TableFormat {
    Text(TextFormat),
    Parquet(Arc<ParquetFormat>),
}

/// One file of the table.
#[derive(Debug, Clone)]
pub struct TableFile {
    pub store: Arc<dyn ObjectStore>,
    pub store_url: ObjectStoreUrl,
    pub meta: ObjectMeta,
    /// Values of the partition columns.
    pub partition: Vec<ScalarValue>,
}

impl TableFile {
    /// Its URL.
    fn url(&self) -> String {
        format!("{}{}", self.store_url.as_str(), self.meta.location)
    }

    /// The values of [`FILE_COLUMNS`] for a part of it.
    fn tell(&self, start: u64, end: u64) -> [ScalarValue; 3] {
        // As Spark, with what is special in URLs encoded.
        let url = self.url();
        let url = url::Url::parse(&url).map_or(url, String::from);
        [
            ScalarValue::Utf8(Some(url)),
            ScalarValue::Int64(Some(start as i64)),
            ScalarValue::Int64(Some((end - start) as i64)),
        ]
    }
}

/// Where the files of a table are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Files, folders or patterns, with scheme.
    pub places: Vec<String>,
    /// The options of the read.
    pub options: BTreeMap<String, String>,
}

/// A table over files that were listed when it was made.
#[derive(Debug)]
pub struct FileTable {
    format: TableFormat,
    files: Vec<TableFile>,
    /// Columns in the files, then partition columns.
    inner: TableSchema,
    /// Columns in Spark's order, by position in `inner`.
    order: Vec<usize>,
    schema: SchemaRef,
    today: NaiveDate,
    origin: Origin,
    /// Whether its last columns are [`FILE_COLUMNS`].
    tells_files: bool,
    /// Statistics of parquet files, by position of the file.
    statistics: Mutex<HashMap<usize, Arc<Statistics>>>,
}

impl FileTable {
    /// The URLs of its files.
    pub fn urls(&self) -> Vec<String> {
        self.files.iter().map(TableFile::url).collect()
    }

    /// A table of `data` columns and `partition` columns. A partition column that also is a
    /// data column stands at the latter's place and hides it.
    pub fn new(
        format: TableFormat,
        files: Vec<TableFile>,
        data: &Schema,
        partition: Vec<Field>,
        today: NaiveDate,
    ) -> Self {
        let hidden = |field: &Field| partition.iter().position(|p| p.name() == field.name());
        let data_fields: Vec<Field> = data
            .fields()
            .iter()
            .map(|field| {
                let shown = field.as_ref().clone();
                if hidden(&shown).is_some() {
                    shown.with_name(format!("{}#file", field.name()))
                } else {
                    shown
                }
            })
            .collect();
        let width = data_fields.len();
        let mut order: Vec<usize> = data
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| hidden(field).map_or(index, |at| width + at))
            .collect();
        order.extend(
            (0..partition.len()).map(|at| width + at).filter(|at| !order.contains(at)).collect::<Vec<_>>(),
        );
        let inner = TableSchema::builder(Arc::new(Schema::new(data_fields)))
            .with_table_partition_cols(partition.into_iter().map(Arc::new).collect::<Vec<_>>())
            .build();
        let fields: Vec<_> = order.iter().map(|i| inner.table_schema().fields()[*i].clone()).collect();
        Self {
            format,
            files,
            inner,
            order,
            schema: Arc::new(Schema::new(fields)),
            today,
            origin: Origin::default(),
            tells_files: false,
            statistics: Mutex::default(),
        }
    }

    /// The same table with [`FILE_COLUMNS`] after its columns.
    #[must_use]
    pub fn with_file_columns(&self) -> Self {
        let types = [DataType::Utf8, DataType::Int64, DataType::Int64];
        let added: Vec<_> = FILE_COLUMNS
            .iter()
            .zip(types)
            .map(|(name, data_type)| Arc::new(Field::new(*name, data_type, false)))
            .collect();
        let width = self.inner.table_schema().fields().len();
        let partition: Vec<_> =
            self.inner.table_partition_cols().iter().cloned().chain(added.iter().cloned()).collect();
        let inner = TableSchema::builder(Arc::clone(self.inner.file_schema()))
            .with_table_partition_cols(partition)
            .build();
        let fields: Vec<_> = self.schema.fields().iter().cloned().chain(added).collect();
        Self {
            format: self.format.clone(),
            files: self.files.clone(),
            inner,
            order: self.order.iter().copied().chain(width..width + FILE_COLUMNS.len()).collect(),
            schema: Arc::new(Schema::new(fields)),
            today: self.today,
            origin: self.origin.clone(),
            tells_files: true,
            statistics: Mutex::default(),
        }
    }

    /// The same table, found at this place.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Where its files are looked for.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The files of the table.
    pub fn files(&self) -> &[TableFile] {
        &self.files
    }

    /// Whether both tables read the same places in the same way to the same columns, whatever files are
    /// there by now.
    pub fn reads_the_same(&self, other: &Self) -> bool {
        let same_format = match (&self.format, &other.format) {
            (TableFormat::Text(a), TableFormat::Text(b)) => a == b,
            (TableFormat::Parquet(_), TableFormat::Parquet(_)) => true,
            _ => false,
        };
        same_format && self.schema == other.schema && self.origin == other.origin
    }

    /// The columns that are folders, outermost first.
    pub fn partition_names(&self) -> Vec<&str> {
        self.partition_columns().iter().map(|field| field.name().as_str()).collect()
    }

    fn partition_columns(&self) -> &[Arc<Field>] {
        let columns = self.inner.table_partition_cols();
        let told = if self.tells_files { FILE_COLUMNS.len() } else { 0 };
        &columns[..columns.len() - told]
    }

    /// Positions of the files that may hold rows for which the filters are true.
    fn prune(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<usize>> {
        let names = self.partition_names();
        let usable: Vec<Expr> =
            filters.iter().filter(|filter| expr_applicable_for_cols(&names, filter)).cloned().collect();
        let Some(filter) = conjunction(usable).filter(|_| !names.is_empty() && !self.files.is_empty()) else {
            return Ok((0..self.files.len()).collect());
        };
        let fields: Vec<Field> =
            self.partition_columns().iter().map(|field| field.as_ref().clone()).collect();
        let schema = DFSchema::from_unqualified_fields(fields.into(), HashMap::new())?;
        let columns = (0..names.len())
            .map(|column| ScalarValue::iter_to_array(self.files.iter().map(|f| f.partition[column].clone())))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.files.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema.inner()), columns, &options)?;
        // Filters come qualified with the table's name; the batch has none.
        let filter = datafusion::logical_expr::expr_rewriter::unnormalize_col(filter);
        let filter = create_physical_expr(
            &filter,
            &schema,
            state.execution_props(),
            &PhysicalPlanningContext::default(),
        )?;
        let selected = filter.evaluate(&batch)?.into_array(self.files.len())?;
        let selected = as_boolean_array(&selected)?;
        Ok((0..selected.len()).filter(|i| selected.is_valid(*i) && selected.value(*i)).collect())
    }

    async fn statistics(&self, state: &dyn Session, index: usize) -> Result<Arc<Statistics>> {
        let file = &self.files[index];
        let TableFormat::Parquet(format) = &self.format else {
            let mut statistics = Statistics::new_unknown(self.inner.table_schema());
            statistics.total_byte_size = Precision::Inexact(file.meta.size as usize);
            return Ok(Arc::new(statistics));
        };
        let known = self.statistics.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut statistics = format
            .infer_stats(state, &file.store, Arc::clone(self.inner.file_schema()), &file.meta)
            .await
            .map_err(|error| {
                errors::external(errors::cannot_read_footer(&file.url(), error.strip_backtrace()))
            })?;
        for value in &file.partition {
            let nulls = match statistics.num_rows {
                Precision::Exact(rows) => Precision::Exact(if value.is_null() { rows } else { 0 }),
                _ => Precision::Absent,
            };
            let bound = if value.is_null() { Precision::Absent } else { Precision::Exact(value.clone()) };
            let mut column = ColumnStatistics::new_unknown().with_null_count(nulls);
            column.min_value = bound.clone();
            column.max_value = bound;
            statistics.column_statistics.push(column);
        }
        let width = self.inner.table_schema().fields().len();
        statistics.column_statistics.resize_with(width, ColumnStatistics::new_unknown);
        let statistics = Arc::new(statistics);
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner).insert(index, Arc::clone(&statistics));
        Ok(statistics)
    }

    fn source(&self) -> Arc<dyn FileSource> {
        match &self.format {
            TableFormat::Text(format) => {
                Arc::new(TextSource::new(format.clone(), self.inner.clone(), self.today))
            }
            TableFormat::Parquet(format) => format.file_source(self.inner.clone()),
        }
    }

    fn splittable(&self, file: &TableFile) -> bool {
        match &self.format {
            TableFormat::Text(TextFormat::Orc) => true,
            TableFormat::Text(format) => format.line_based() && splittable(&file.meta.location),
            TableFormat::Parquet(_) => true,
        }
    }

    /// A scan of the files of one store.
    async fn scan_store(
        &self,
        state: &dyn Session,
        url: &ObjectStoreUrl,
        files: &[usize],
        projection: &[usize],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let statistics: Vec<Arc<Statistics>> = stream::iter(files.to_vec())
            .map(|index| self.statistics(state, index))
            .buffered(FOOTERS_AT_ONCE)
            .try_collect()
            .await?;
        let total =
            Statistics::try_merge_iter(statistics.iter().map(AsRef::as_ref), self.inner.table_schema())?;
        let splitting = Splitting::of(&SparkOptions::of(state.config()), state.config().target_partitions())
            .map_err(bad_conf)?;
        let parts: Vec<Splittable> = files
            .iter()
            .map(|index| &self.files[*index])
            .map(|file| Splittable { size: file.meta.size, splittable: self.splittable(file) })
            .collect();
        let groups = divide(&parts, &splitting)
            .into_iter()
            .map(|splits| {
                let files = splits.into_iter().map(|split| {
                    let file = &self.files[files[split.file]];
                    let mut values = file.partition.clone();
                    if self.tells_files {
                        values.extend(file.tell(split.start, split.end));
                    }
                    let mut part =
                        PartitionedFile::new_from_meta(file.meta.clone()).with_partition_values(values);
                    part.statistics = Some(Arc::clone(&statistics[split.file]));
                    let whole = split.start == 0 && split.end == file.meta.size;
                    if whole { part } else { part.with_range(split.start as i64, split.end as i64) }
                });
                FileGroup::new(files.collect())
            })
            .collect();
        let config = FileScanConfigBuilder::new(url.clone(), self.source())
            .with_file_groups(groups)
            .with_statistics(total)
            .with_projection_indices(Some(projection.to_vec()))?
            .with_limit(limit)
            .build();
        match &self.format {
            TableFormat::Text(_) => Ok(DataSourceExec::from_data_source(config)),
            TableFormat::Parquet(format) => format.create_physical_plan(state, config).await,
        }
    }
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let names = self.partition_names();
        Ok(filters
            .iter()
            .map(|filter| {
                if !names.is_empty() && expr_applicable_for_cols(&names, filter) {
                    TableProviderFilterPushDown::Exact
                } else {
                    TableProviderFilterPushDown::Inexact
                }
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let shown: Vec<usize> = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.order.len()).collect(),
        };
        let projected: Vec<usize> = shown.iter().map(|column| self.order[*column]).collect();
        self.refuse_only_corrupt_records(&projected)?;
        let files = self.prune(state, filters)?;
        // A filter on other columns may drop rows after the scan.
        let names = self.partition_names();
        let exact = filters.iter().all(|filter| expr_applicable_for_cols(&names, filter));
        let limit = limit.filter(|_| exact);
        let mut by_store: Vec<(ObjectStoreUrl, Vec<usize>)> = vec![];
        for index in files {
            let url = &self.files[index].store_url;
            match by_store.iter_mut().find(|(known, _)| known == url) {
                Some((_, files)) => files.push(index),
                None => by_store.push((url.clone(), vec![index])),
            }
        }
        let mut scans = vec![];
        for (url, files) in &by_store {
            scans.push(self.scan_store(state, url, files, &projected, limit).await?);
        }
        match scans.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, Some(&shown))?))),
            1 => Ok(scans.remove(0)),
            _ => UnionExec::try_new(scans),
        }
    }
}

impl FileTable {
    /// Spark refuses queries of nothing but the corrupt records: those depend on what else is read.
    fn refuse_only_corrupt_records(&self, projected: &[usize]) -> Result<()> {
        let corrupt = match &self.format {
            TableFormat::Text(TextFormat::Csv(options)) => &options.corrupt_column,
            TableFormat::Text(TextFormat::Json(options)) => &options.corrupt_column,
            _ => return Ok(()),
        };
        let names: Vec<&str> = projected
            .iter()
            .filter_map(|index| self.inner.file_schema().fields().get(*index))
            .map(|field| field.name().as_str())
            .collect();
        if names != [corrupt.as_str()] {
            return Ok(());
        }
        Err(errors::external(crate::error::SparkError::new(
            "UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN",
            "0A000",
            "The feature is not supported: Queries from raw JSON/CSV/XML files are disallowed when the \
             referenced columns only include the internal corrupt record column (named `_corrupt_record` by default).",
        )))
    }
}

/// The type Spark gives a column of a parquet file; `zone` is the session's.
pub fn spark_type(data_type: &DataType, zone: &str) -> DataType {
    use datafusion::arrow::datatypes::TimeUnit::Microsecond;
    let nested = |field: &Field| Arc::new(spark_field(field, zone));
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(Microsecond, Some(zone.into())),
        DataType::Timestamp(_, None) => DataType::Timestamp(Microsecond, None),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Dictionary(_, value) => spark_type(value, zone),
        DataType::List(item) | DataType::LargeList(item) => DataType::List(nested(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| nested(f)).collect()),
        DataType::Map(entries, sorted) => {
            let DataType::Struct(pair) = entries.data_type() else { return data_type.clone() };
            // Keys and entries themselves are never null.
            let pair = pair
                .iter()
                .enumerate()
                .map(|(at, f)| {
                    let field = spark_field(f, zone);
                    if at == 0 { field.with_nullable(false) } else { field }
                })
                .collect();
            let entries = Field::new(entries.name(), DataType::Struct(pair), false);
            DataType::Map(Arc::new(entries), *sorted)
        }
        other => other.clone(),
    }
}

/// A column as Spark sees it: nullable, with Spark's type.
pub fn spark_field(field: &Field, zone: &str) -> Field {
    Field::new(field.name(), spark_type(field.data_type(), zone), true)
}
