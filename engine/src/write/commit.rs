//! The driver's end of a write: make all files visible, or none.

use std::collections::BTreeSet;

use cerium_spark::error::{Result, SparkError};
use cerium_spark::source::paths::store_error;
use cerium_spark::write::SaveMode;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SessionState;
use futures::TryStreamExt;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::encode::Encoding;
use super::staged::{StagedFile, from_batches};
use super::{STAGING, WriteJob, split_columns};
use crate::object_stores::multipart;

/// Marks a folder whose files are complete.
const SUCCESS: &str = "_SUCCESS";

/// What a write left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub rows: u64,
    pub files: usize,
    /// Folders below the target that got files, `k=1/j=2`; none without partitions.
    pub partitions: BTreeSet<String>,
}

/// Makes the files of a job visible. `schema` is that of the rows written, `reported` what the
/// tasks returned. On an error nothing new is visible and the target is as it was.
///
/// # Errors
/// A file that the driver can't see, or a store that refuses.
pub async fn commit(
    state: &SessionState,
    job: &WriteJob,
    schema: &SchemaRef,
    reported: &[RecordBatch],
) -> Result<Committed> {
    let files = from_batches(reported)?;
    let store = super::store(state, job)?;
    let uploads = if job.renames() {
        None
    } else {
        multipart(&super::conf(state.config()), &job.url()?)
            .map_err(|error| store_error(&job.display(), error))?
    };
    let zone = state.config_options().execution.time_zone.clone().unwrap_or_else(|| "UTC".into());
    let result = match &uploads {
        Some(uploads) => commit_uploads(store.as_ref(), uploads.as_ref(), job, schema, &files, &zone).await,
        None => commit_files(store.as_ref(), job, schema, &files, &zone).await,
    };
    if let Err(error) = result {
        discard(job, uploads.as_deref(), &files).await;
        return Err(error);
    }
    remove_staging(job);
    let partitions = files.iter().map(|file| file.partition.clone()).filter(|folder| !folder.is_empty());
    Ok(Committed {
        rows: files.iter().map(|file| file.rows).sum(),
        files: files.len(),
        partitions: partitions.collect(),
    })
}

/// Takes back what the tasks of a failed job wrote, as far as it is known.
pub async fn abort(state: &SessionState, job: &WriteJob, reported: &[RecordBatch]) -> Result<()> {
    let files = from_batches(reported)?;
    let uploads = if job.renames() {
        None
    } else {
        multipart(&super::conf(state.config()), &job.url()?)
            .map_err(|error| store_error(&job.display(), error))?
    };
    discard(job, uploads.as_deref(), &files).await;
    Ok(())
}

async fn discard(job: &WriteJob, uploads: Option<&dyn MultipartStore>, files: &[StagedFile]) {
    if let Some(uploads) = uploads {
        for file in files {
            let (Some(upload), Ok(key)) = (&file.upload, Path::parse(&file.location)) else { continue };
            if let Err(error) = uploads.abort_multipart(&key, &upload.id).await {
                tracing::debug!(%error, key = %key, "an upload could not be aborted");
            }
        }
    }
    remove_staging(job);
}

/// Removes the staging folder of a job, and the folder above it when no other job uses it.
fn remove_staging(job: &WriteJob) {
    if !job.renames() {
        return;
    }
    let above = format!("/{}/{STAGING}", job.folder);
    if let Err(error) = std::fs::remove_dir_all(format!("{above}/{}", job.id))
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %above, "the staging folder could not be removed");
    }
    // Fails, as it should, while another job writes to the same target.
    if let Err(error) = std::fs::remove_dir(&above) {
        tracing::debug!(%error, path = %above, "the staging folder stays");
    }
}

/// Files of the target that an overwrite replaces.
async fn replaced(store: &dyn ObjectStore, job: &WriteJob, files: &[StagedFile]) -> Result<Vec<Path>> {
    if job.spec.mode != SaveMode::Overwrite {
        return Ok(vec![]);
    }
    let target = job.target()?;
    let depth = target.parts().count();
    let fail = |error: object_store::Error| store_error(&job.display(), error);
    let old: Vec<Path> =
        store.list(Some(&target)).map_ok(|meta| meta.location).try_collect().await.map_err(fail)?;
    let dynamic =
        job.spec.option("partitionOverwriteMode").is_some_and(|m| m.eq_ignore_ascii_case("dynamic"));
    let written: BTreeSet<&str> = files.iter().map(|file| file.partition.as_str()).collect();
    Ok(old
        .into_iter()
        .filter(|path| {
            let below: Vec<String> = path.parts().skip(depth).map(|part| part.as_ref().to_owned()).collect();
            let staged = below.first().is_some_and(|name| name == STAGING);
            let folder = below[..below.len().saturating_sub(1)].join("/");
            let kept = dynamic && !job.spec.partition_by.is_empty() && !written.contains(folder.as_str());
            let within = job.spec.within.as_str();
            let outside = !within.is_empty()
                && !folder.strip_prefix(within).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            !staged && !kept && !outside
        })
        .collect())
}

/// What is written for a job without rows: one file with the schema, as Spark does.
fn empty_file(job: &WriteJob, schema: &Schema, zone: &str) -> Result<Option<(String, PutPayload)>> {
    if !job.spec.partition_by.is_empty() {
        return Ok(None);
    }
    let encoding = Encoding::new(&job.spec, zone)?;
    let (_, data) = split_columns(&job.spec, schema);
    let failed = |error: String| {
        SparkError::new(
            "TASK_WRITE_FAILED",
            "58030",
            format!("Task failed while writing rows to {}: {error}", job.display()),
        )
    };
    let schema = schema.project(&data).map_err(|error| failed(error.to_string()))?;
    let bytes = encoding.empty_file(&schema.into()).map_err(|error| failed(error.strip_backtrace()))?;
    Ok(Some((format!("part-00000-{}-c000{}", job.id, encoding.extension()), bytes.into())))
}

fn child(folder: &Path, below: &str) -> Result<Path> {
    super::path(&format!("{folder}/{below}"))
}

async fn commit_files(
    store: &dyn ObjectStore,
    job: &WriteJob,
    schema: &Schema,
    files: &[StagedFile],
    zone: &str,
) -> Result<()> {
    let target = job.target()?;
    for file in files {
        check_visible(job, file)?;
    }
    let fail = |path: &Path, error: object_store::Error| store_error(&format!("file:/{path}"), error);
    let old = replaced(store, job, files).await?;
    let mut moved: Vec<Path> = vec![];
    let result = async {
        for (number, file) in files.iter().enumerate() {
            let name = format!("part-{number:05}-{}-c000{}", job.id, file.extension);
            let below = if file.partition.is_empty() { name } else { format!("{}/{name}", file.partition) };
            let to = child(&target, &below)?;
            let from = super::path(&file.location)?;
            store.rename(&from, &to).await.map_err(|error| fail(&to, error))?;
            moved.push(to);
        }
        if files.is_empty()
            && let Some((name, bytes)) = empty_file(job, schema, zone)?
        {
            let to = child(&target, &name)?;
            store.put(&to, bytes).await.map_err(|error| fail(&to, error))?;
            moved.push(to);
        }
        Ok(())
    }
    .await;
    if let Err(error) = result {
        remove(store, &moved).await;
        return Err(error);
    }
    finish(store, job, &target, &old).await?;
    remove_empty_folders(&target, &old);
    Ok(())
}

/// Removes what was replaced and marks the target as complete.
async fn finish(store: &dyn ObjectStore, job: &WriteJob, target: &Path, old: &[Path]) -> Result<()> {
    let fail = |error: object_store::Error| store_error(&job.display(), error);
    for path in old {
        match store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    store.put(&child(target, SUCCESS)?, PutPayload::new()).await.map_err(fail)?;
    Ok(())
}

/// Folders of old partitions that hold nothing any more.
fn remove_empty_folders(target: &Path, old: &[Path]) {
    let root = std::path::PathBuf::from(format!("/{target}"));
    let folders: BTreeSet<std::path::PathBuf> = old
        .iter()
        .filter_map(|path| std::path::PathBuf::from(format!("/{path}")).parent().map(Into::into))
        .collect();
    for folder in folders {
        let mut folder = folder.as_path();
        // Only empty folders can be removed this way.
        while folder != root && folder.starts_with(&root) && std::fs::remove_dir(folder).is_ok() {
            let Some(parent) = folder.parent() else { break };
            folder = parent;
        }
    }
}

/// The driver must see what the tasks wrote: on one host, or on a volume that all pods share.
fn check_visible(job: &WriteJob, file: &StagedFile) -> Result<()> {
    let path = format!("/{}", file.location);
    let reason = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() == file.size => return Ok(()),
        Ok(metadata) => format!("the driver finds {} of its {} bytes", metadata.len(), file.size),
        Err(error) => format!("the driver cannot see it ({error})"),
    };
    Err(SparkError::new(
        "TASK_WRITE_FAILED",
        "58030",
        format!(
            "Task failed while writing rows to {}: `{path}` was written on host `{}`, but {reason}. \
             Driver and executors must share the target: mount the same volume into all pods \
             (spark.kubernetes.driver.volumes.* and spark.kubernetes.executor.volumes.*), or write to s3a://.",
            job.display(),
            file.host
        ),
    ))
}

async fn commit_uploads(
    store: &dyn ObjectStore,
    uploads: &dyn MultipartStore,
    job: &WriteJob,
    schema: &Schema,
    files: &[StagedFile],
    zone: &str,
) -> Result<()> {
    let target = job.target()?;
    let old = replaced(store, job, files).await?;
    let fail = |path: &Path, error: object_store::Error| store_error(&format!("{}/{path}", job.root), error);
    let mut done: Vec<Path> = vec![];
    let result = async {
        for file in files {
            let key = super::path(&file.location)?;
            let Some(upload) = &file.upload else {
                return Err(SparkError::new(
                    "INTERNAL_ERROR",
                    "XX000",
                    format!("`{key}` has no upload to complete"),
                ));
            };
            let parts = upload.parts.iter().map(|id| PartId { content_id: id.clone() }).collect();
            uploads.complete_multipart(&key, &upload.id, parts).await.map_err(|error| fail(&key, error))?;
            done.push(key);
        }
        if files.is_empty()
            && let Some((name, bytes)) = empty_file(job, schema, zone)?
        {
            let to = child(&target, &name)?;
            store.put(&to, bytes).await.map_err(|error| fail(&to, error))?;
            done.push(to);
        }
        Ok(())
    }
    .await;
    if let Err(error) = result {
        remove(store, &done).await;
        return Err(error);
    }
    finish(store, job, &target, &old).await
}

async fn remove(store: &dyn ObjectStore, paths: &[Path]) {
    for path in paths {
        if let Err(error) = store.delete(path).await {
            tracing::warn!(%error, path = %path, "a file of a failed commit could not be removed");
        }
    }
}
