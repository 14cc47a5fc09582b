//! File sources: paths and options of a read become a table.

mod chunks;
mod columns;
pub mod csv;
pub(crate) mod datetime;
pub(crate) mod errors;
pub mod glob;
pub mod json;
pub mod numbers;
pub mod options;
mod orc;
pub mod partitions;
pub mod paths;
pub mod pattern;
pub mod plain;
pub mod scan;
mod schema;
mod split;
pub mod table;
pub(crate) mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use cerium_conf::{Key, SparkConf, keys};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::execution::SessionState;
use datafusion::object_store::path::Path;

use self::csv::options::CsvOptions;
use self::json::options::JsonOptions;
use self::options::Options;
use self::paths::Root;
use self::plain::PlainOptions;
use self::scan::TextFormat;
use self::schema::Reader;
use self::table::{FileTable, Origin, TableFile, TableFormat, spark_field};
use crate::error::{Result, SparkError};
use crate::spark_options::SparkOptions;
use crate::write::short_name;

/// Options that settings of the session stand for. Spark has no option for the second.
const CORRUPT_COLUMN: &str = "columnNameOfCorruptRecord";
const INFER_PARTITION_TYPES: &str = "partitionColumnTypeInference";
const MERGE_SCHEMA: &str = "mergeSchema";

/// Finds the files of a read and makes a table of them.
///
/// `format` is parquet, orc, csv, json or text; `paths` may be patterns and folders; `options` are
/// those of Spark's reader; without `schema` it is learned from the files. The files are
/// listed now, as Spark does, not when the table is read.
///
/// # Errors
/// PATH_NOT_FOUND, UNABLE_TO_INFER_SCHEMA and whatever else Spark would raise.
pub async fn resolve(
    state: &SessionState,
    format: &str,
    paths: &[String],
    options: &BTreeMap<String, String>,
    schema: Option<SchemaRef>,
) -> Result<Arc<dyn TableProvider>> {
    let given = options;
    let options = with_defaults(given, &SparkOptions::of(state.config()));
    let options = Options(&options);
    let zone = session_zone(state);
    let today = today(&zone)?;
    let format = Format::new(state, format, &options, &zone)?;
    let mut all: Vec<&str> = paths.iter().map(String::as_str).collect();
    all.extend(options.get("path").filter(|_| paths.is_empty()));
    if all.is_empty() {
        return Err(SparkError::new(
            "UNABLE_TO_INFER_SCHEMA",
            "42KD9",
            format!("No path is given for the {} files to read: set the option `path`.", format.title),
        ));
    }
    let mut roots = vec![];
    for path in all {
        roots.extend(paths::find(state, path).await?);
    }
    let listing = Listing::new(&roots, &options)?;
    let partition = listing.columns(&options, schema.as_deref(), &zone)?;
    let files = listing.files(&partition, &zone)?;
    let data = match &schema {
        Some(schema) => {
            let fields: Vec<_> = schema
                .fields()
                .iter()
                .filter(|field| !partition.iter().any(|p| p.name() == field.name()))
                .map(|field| field.as_ref().clone().with_nullable(true))
                .collect();
            Schema::new(fields)
        }
        None if files.is_empty() => return Err(errors::unable_to_infer_schema(format.title)),
        None => format.infer(state, &options, &files, &zone, today).await?,
    };
    let table = FileTable::new(format.table, files, &data, partition, today);
    Ok(Arc::new(table.with_origin(origin(paths, given)?)))
}

/// Settings of the session that stand for an option where it is not given.
fn with_defaults(options: &BTreeMap<String, String>, conf: &SparkConf) -> BTreeMap<String, String> {
    let settings = [
        (CORRUPT_COLUMN, keys::SQL_COLUMN_NAME_OF_CORRUPT_RECORD.name()),
        (INFER_PARTITION_TYPES, keys::SQL_PARTITION_COLUMN_TYPE_INFERENCE.name()),
        (MERGE_SCHEMA, keys::SQL_PARQUET_MERGE_SCHEMA.name()),
    ];
    let mut all = options.clone();
    for (option, key) in settings {
        if Options(options).get(option).is_none()
            && let Some(value) = conf.get_str(key)
        {
            all.insert(option.to_owned(), value.to_owned());
        }
    }
    all
}

/// A table at a place where nothing is yet, or nothing any more.
///
/// # Errors
/// Where an option or the place cannot be read.
pub fn without_files(
    state: &SessionState,
    format: &str,
    paths: &[String],
    options: &BTreeMap<String, String>,
    schema: &Schema,
) -> Result<Arc<dyn TableProvider>> {
    let zone = session_zone(state);
    let format = Format::new(state, format, &Options(options), &zone)?;
    let table = FileTable::new(format.table, vec![], schema, vec![], today(&zone)?);
    Ok(Arc::new(table.with_origin(origin(paths, options)?)))
}

/// The places of a read; those of partitions are one.
fn origin(paths: &[String], options: &BTreeMap<String, String>) -> Result<Origin> {
    let given = Options(options);
    let places = match (given.get("basePath"), given.get("path")) {
        (Some(base), _) => vec![place(base)?],
        (None, Some(path)) if paths.is_empty() => vec![place(path)?],
        _ => paths.iter().map(|path| place(path)).collect::<Result<_>>()?,
    };
    Ok(Origin { places, options: options.clone() })
}

/// A path with its scheme, as [`Origin`] has it.
///
/// # Errors
/// INVALID_PATH.
pub fn place(path: &str) -> Result<String> {
    Ok(paths::Location::parse(path)?.display())
}

/// The session's time zone.
fn session_zone(state: &SessionState) -> String {
    state.config_options().execution.time_zone.clone().unwrap_or_else(|| "UTC".into())
}

pub(crate) fn today(zone: &str) -> Result<chrono::NaiveDate> {
    let parsed = datetime::parse_zone(zone)
        .ok_or_else(|| errors::bad_option("spark.sql.session.timeZone", zone, "a time zone"))?;
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_err(|error| SparkError::new("INTERNAL_ERROR", "XX000", error.to_string()))?;
    let now = chrono::DateTime::from_timestamp(since_epoch.as_secs() as i64, 0).unwrap_or_default();
    Ok(now.with_timezone(&parsed).date_naive())
}

/// A format with the options of this read.
struct Format {
    /// Spark's name of it in messages.
    title: &'static str,
    table: TableFormat,
}

impl Format {
    fn new(state: &SessionState, name: &str, options: &Options<'_>, zone: &str) -> Result<Self> {
        let text = |title, format| Self { title, table: TableFormat::Text(format) };
        Ok(match short_name(name).as_str() {
            "csv" => text("CSV", TextFormat::Csv(Box::new(CsvOptions::new(options, zone)?))),
            "json" => text("JSON", TextFormat::Json(Box::new(JsonOptions::new(options, zone)?))),
            "text" => text("Text", TextFormat::Text(PlainOptions::new(options)?)),
            "orc" => text("ORC", TextFormat::Orc),
            "parquet" => {
                let mut settings = state.default_table_options().parquet;
                settings.global.schema_force_view_types = false;
                settings.global.coerce_int96 = Some("us".into());
                settings.global.coerce_int96_tz = Some(zone.to_owned());
                let format = ParquetFormat::new().with_options(settings);
                Self { title: "Parquet", table: TableFormat::Parquet(Arc::new(format)) }
            }
            _ => return Err(errors::unknown_format(name)),
        })
    }

    async fn infer(
        &self,
        state: &SessionState,
        options: &Options<'_>,
        files: &[TableFile],
        zone: &str,
        today: chrono::NaiveDate,
    ) -> Result<Schema> {
        match &self.table {
            TableFormat::Parquet(format) => parquet_schema(state, format, options, files, zone).await,
            TableFormat::Text(text) => {
                let reader = Reader {
                    format: text.clone(),
                    sampling_ratio: options.sampling_ratio()?,
                    prefer_date: options.flag("preferDate", true)?,
                    today,
                    parallelism: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                };
                match text {
                    TextFormat::Csv(csv) => {
                        let types = options.flag("inferSchema", false)?;
                        schema::csv(&reader, csv, files, types).await
                    }
                    TextFormat::Json(json) => schema::json(&reader, json, files).await,
                    TextFormat::Orc => orc::schema(files, zone).await,
                    TextFormat::Text(_) => Ok(Schema::new(vec![Field::new("value", DataType::Utf8, true)])),
                }
            }
        }
    }
}

/// The schema of parquet files: of the first one, or of all with `mergeSchema`.
async fn parquet_schema(
    state: &SessionState,
    format: &ParquetFormat,
    options: &Options<'_>,
    files: &[TableFile],
    zone: &str,
) -> Result<Schema> {
    let merge = options.flag(MERGE_SCHEMA, false)?;
    let mut schemas = vec![];
    for file in files.iter().take(if merge { files.len() } else { 1 }) {
        let schema = format
            .infer_schema(state, &file.store, std::slice::from_ref(&file.meta))
            .await
            .map_err(|error| {
                let url = format!("{}{}", file.store_url.as_str(), file.meta.location);
                errors::cannot_read_footer(&url, error.find_root().strip_backtrace())
            })?;
        let fields: Vec<_> = schema.fields().iter().map(|field| spark_field(field, zone)).collect();
        schemas.push(Schema::new(fields));
    }
    Schema::try_merge(schemas).map_err(|error| {
        SparkError::new(
            "CANNOT_MERGE_SCHEMAS",
            "42KD9",
            format!("Failed merging schemas of the parquet files: {error}"),
        )
    })
}

/// Root, position of the file in it, and names and raw values of its partition columns.
type ListedFile<'a> = (&'a Root, usize, Vec<(String, String)>);

/// The files of a read with the partition folders they lie in.
struct Listing<'a> {
    files: Vec<ListedFile<'a>>,
    names: Vec<String>,
}

impl<'a> Listing<'a> {
    fn new(roots: &'a [Root], options: &Options<'_>) -> Result<Self> {
        let recursive = options.flag("recursiveFileLookup", false)?;
        let filter = options.get("pathGlobFilter");
        let base = options.get("basePath").map(|base| paths::Location::parse(base)?.path()).transpose()?;
        let mut files: Vec<ListedFile<'_>> = vec![];
        let mut folders: Vec<(Path, Vec<(String, String)>)> = vec![];
        for root in roots {
            for (index, meta) in root.files.iter().enumerate() {
                let name = meta.location.filename().unwrap_or_default();
                if filter.is_some_and(|pattern| {
                    !glob::alternatives(pattern).iter().any(|p| glob::matches(p, name))
                }) {
                    continue;
                }
                let folder = parent(&meta.location);
                let own_base = if root.is_file { folder.clone() } else { root.path.clone() };
                let base = base.as_ref().unwrap_or(&own_base);
                let columns = if recursive { vec![] } else { partitions::columns_of(&folder, base) };
                if !columns.is_empty() && folders.last().is_none_or(|(known, _)| *known != folder) {
                    folders.push((folder, columns.clone()));
                }
                files.push((root, index, columns));
            }
        }
        let names = partitions::common_columns(&folders)?;
        // With partitions, files outside of them don't count; without, those in subfolders don't.
        files.retain(|(root, index, columns)| {
            let direct = root.is_file || parent(&root.files[*index].location) == root.path;
            if names.is_empty() { recursive || direct } else { !columns.is_empty() }
        });
        Ok(Self { files, names })
    }

    /// The partition columns, with the types of the schema given or of their values.
    fn columns(&self, options: &Options<'_>, schema: Option<&Schema>, zone: &str) -> Result<Vec<Field>> {
        let infer = options.flag(INFER_PARTITION_TYPES, true)?;
        Ok(self
            .names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let given = schema.and_then(|schema| schema.field_with_name(name).ok());
                let data_type = match given {
                    Some(field) => field.data_type().clone(),
                    None if infer => {
                        let values = self.files.iter().map(|(_, _, columns)| columns[at].1.as_str());
                        partitions::infer_type(values, zone)
                    }
                    None => DataType::Utf8,
                };
                Field::new(name, data_type, true)
            })
            .collect())
    }

    fn files(&self, columns: &[Field], zone: &str) -> Result<Vec<TableFile>> {
        let zone = datetime::parse_zone(zone)
            .ok_or_else(|| errors::bad_option("spark.sql.session.timeZone", zone, "a time zone"))?;
        self.files
            .iter()
            .map(|(root, index, raw)| {
                let partition = columns
                    .iter()
                    .zip(raw)
                    .map(|(field, (_, value))| {
                        partitions::parse_value(value, field.data_type(), field.name(), zone)
                    })
                    .collect::<Result<_>>()?;
                Ok(TableFile {
                    store: Arc::clone(&root.store),
                    store_url: root.url.clone(),
                    meta: root.files[*index].clone(),
                    partition,
                })
            })
            .collect()
    }
}

fn parent(path: &Path) -> Path {
    let mut parts: Vec<_> = path.parts().collect();
    parts.pop();
    Path::from_iter(parts)
}
