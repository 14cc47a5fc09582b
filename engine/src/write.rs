//! Distributed writes: tasks write files aside, the driver makes them visible all at once.
//!
//! [`prepare`] checks the target, [`plan`] puts a [`node::WriteNode`] on top of the query,
//! executors run [`exec::WriteExec`] and report what they wrote as rows, and the driver ends
//! with [`commit`] or [`abort`]. Only files in the reported rows count, so a task that ran
//! twice leaves no trace of its other attempt.

pub mod commit;
pub mod encode;
pub mod exec;
pub mod node;
pub mod planner;
mod sink;
pub mod staged;

use std::sync::Arc;

use cerium_conf::SparkConf;
use cerium_spark::error::{Result, SparkError};
use cerium_spark::source::paths::{Location, store_error};
use cerium_spark::types::sql_name;
use cerium_spark::write::{FileFormat, SaveMode, WriteSpec};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Extension, LogicalPlan};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::commit::{abort, commit};
use self::encode::Encoding;
use self::node::WriteNode;
use cerium_spark::spark_options::SparkOptions;

/// Folder below the target in which files wait for the commit.
pub const STAGING: &str = "_temporary";

/// One write, as it travels to the executors.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WriteJob {
    /// Unique name of this write; part of the names of its files.
    pub id: String,
    pub spec: WriteSpec,
    /// Scheme and authority of the target: `file://`, `s3a://bucket`.
    pub root: String,
    /// The target within its store.
    pub folder: String,
}

impl WriteJob {
    /// The target's store.
    pub fn url(&self) -> Result<Url> {
        Url::parse(&self.root).map_err(|error| {
            SparkError::new(
                "INVALID_PATH",
                "42K03",
                format!("The path `{}` is not valid: {error}.", self.spec.path),
            )
        })
    }

    /// The target.
    pub fn target(&self) -> Result<Path> {
        path(&self.folder)
    }

    /// The folder of files that wait for the commit.
    pub fn staging(&self) -> Result<Path> {
        path(&format!("{}/{STAGING}/{}", self.folder, self.id))
    }

    /// Whether files are renamed at the commit. In object stores uploads are completed instead.
    pub fn renames(&self) -> bool {
        self.root == "file://"
    }

    /// The target as Hadoop prints it.
    pub fn display(&self) -> String {
        Location { root: self.root.clone(), names: vec![self.folder.clone()] }.display()
    }
}

fn path(text: &str) -> Result<Path> {
    Path::parse(text).map_err(|error| {
        SparkError::new("INVALID_PATH", "42K03", format!("The path `{text}` is not valid: {error}."))
    })
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Prepared {
    /// Nothing: the target is there and the mode is IGNORE.
    Skip,
    /// Run this job.
    Write(WriteJob),
}

/// The store of a URL, from the session's registry.
pub(crate) fn store(state: &SessionState, job: &WriteJob) -> Result<Arc<dyn ObjectStore>> {
    state
        .runtime_env()
        .object_store_registry
        .get_store(&job.url()?)
        .map_err(|error| store_error(&job.display(), error))
}

/// Checks the target against the mode, and that rows of `schema` can be written as asked.
/// `id` is a new unique name for the write.
///
/// # Errors
/// PATH_ALREADY_EXISTS and what else Spark would refuse.
pub async fn prepare(state: &SessionState, spec: &WriteSpec, schema: &Schema, id: &str) -> Result<Prepared> {
    let spec = spec.clone().with_defaults(&SparkOptions::of(state.config()));
    check_columns(&spec, schema)?;
    Encoding::new(&spec, "UTC")?;
    let location = Location::parse(&spec.path)?;
    if location.root.starts_with("http") {
        return Err(SparkError::new(
            "UNSUPPORTED_FEATURE.FILE_SYSTEM",
            "0A000",
            format!("Cannot write to `{}`: use a plain path, file://, s3:// or s3a://.", spec.path),
        ));
    }
    let mode = spec.mode;
    let job = WriteJob {
        id: id.to_owned(),
        spec,
        root: location.root.clone(),
        folder: location.path()?.to_string(),
    };
    let exists = exists(store(state, &job)?.as_ref(), &job).await?;
    match mode {
        SaveMode::ErrorIfExists if exists => Err(SparkError::new(
            "PATH_ALREADY_EXISTS",
            "42K04",
            format!(
                "Path {} already exists. Set mode as \"overwrite\" to overwrite the existing path.",
                location.display()
            ),
        )
        .with_param("outputPath", location.display())),
        SaveMode::Ignore if exists => Ok(Prepared::Skip),
        _ => Ok(Prepared::Write(job)),
    }
}

async fn exists(store: &dyn ObjectStore, job: &WriteJob) -> Result<bool> {
    if job.renames() {
        return match std::fs::metadata(format!("/{}", job.folder)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(store_error(&job.display(), error)),
        };
    }
    let fail = |error: object_store::Error| store_error(&job.display(), error);
    let target = job.target()?;
    if store.list(Some(&target)).try_next().await.map_err(fail)?.is_some() {
        return Ok(true);
    }
    match store.head(&target).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(fail(error)),
    }
}

/// Partition columns must be there, and something must be left to write.
fn check_columns(spec: &WriteSpec, schema: &Schema) -> Result<()> {
    for name in &spec.partition_by {
        let Some((_, field)) = schema.fields().iter().enumerate().find(|(_, f)| same(f.name(), name)) else {
            let columns: Vec<_> = schema.fields().iter().map(|f| format!("`{}`", f.name())).collect();
            return Err(SparkError::new(
                "PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA",
                "42000",
                format!(
                    "Partition column `{name}` not found in schema {}. Please provide the existing column for partitioning.",
                    columns.join(", ")
                ),
            ));
        };
        if field.data_type().is_nested() {
            return Err(SparkError::new(
                "INVALID_PARTITION_COLUMN_DATA_TYPE",
                "0A000",
                format!("Cannot use \"{}\" for partition column.", field.data_type()),
            ));
        }
    }
    let data: Vec<_> =
        schema.fields().iter().filter(|f| !spec.partition_by.iter().any(|p| same(p, f.name()))).collect();
    if data.is_empty() {
        return Err(if spec.partition_by.is_empty() {
            SparkError::new(
                "EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE",
                "0A000",
                format!(
                    "The {} datasource does not support writing empty or nested empty schemas. Please make sure the data schema has at least one or more column(s).",
                    spec.format
                ),
            )
        } else {
            SparkError::new(
                "ALL_PARTITION_COLUMNS_NOT_ALLOWED",
                "KD005",
                "Cannot use all columns for partition columns.",
            )
        });
    }
    if spec.format == FileFormat::Text {
        return check_text(&data);
    }
    for field in data {
        if spec.format == FileFormat::Orc {
            encode::orc::check(field.data_type())?;
        }
        let nested = field.data_type().is_nested() || matches!(field.data_type(), DataType::Binary);
        if spec.format == FileFormat::Csv && nested {
            return Err(SparkError::new(
                "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                "0A000",
                format!(
                    "The CSV datasource doesn't support the column `{}` of the type \"{}\".",
                    field.name(),
                    field.data_type()
                ),
            ));
        }
    }
    Ok(())
}

/// A line holds one string.
fn check_text(data: &[&Arc<Field>]) -> Result<()> {
    let [field] = data else {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1290",
            "",
            format!("Text data source supports only a single column, and you have {} columns.", data.len()),
        ));
    };
    if field.data_type().is_string() {
        return Ok(());
    }
    let kind = sql_name(field.data_type());
    Err(SparkError::new(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
        "0A000",
        format!("The Text datasource doesn't support the column `{}` of the type \"{kind}\".", field.name()),
    ))
}

/// Column names are compared without regard to case.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Positions of the partition columns, and of the others.
pub(crate) fn split_columns(spec: &WriteSpec, schema: &Schema) -> (Vec<usize>, Vec<usize>) {
    let partition: Vec<usize> = spec
        .partition_by
        .iter()
        .filter_map(|name| schema.fields().iter().position(|field| same(field.name(), name)))
        .collect();
    let data = (0..schema.fields().len()).filter(|index| !partition.contains(index)).collect();
    (partition, data)
}

/// The plan that runs a job over `input`. Its rows are those that [`commit`] takes.
///
/// # Errors
/// None but DataFusion's own.
pub fn plan(job: WriteJob, input: LogicalPlan) -> datafusion::error::Result<LogicalPlan> {
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(WriteNode::new(job, input)?) }))
}

/// Configuration that writing needs: where uploads go.
pub(crate) fn conf(config: &datafusion::prelude::SessionConfig) -> SparkConf {
    cerium_spark::spark_options::SparkOptions::of(config)
}
