//! Where the bytes of a file go while it is written: a local file, or a multipart upload.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use cerium_spark::source::paths::store_error;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use uuid::Uuid;

use super::staged::{StagedFile, Upload};
use super::{STAGING, WriteJob};
use crate::object_stores::multipart;

/// Bytes of one part of an upload; S3 wants at least 5 MiB.
const PART_SIZE: usize = 8 << 20;

/// Makes the files of one attempt of a task.
pub struct Destination {
    job: WriteJob,
    /// Number of the task, for file names.
    number: usize,
    /// Unique name of this attempt.
    attempt: String,
    uploads: Option<Arc<dyn MultipartStore>>,
    files: usize,
}

/// One file in the making.
pub enum Sink {
    Local {
        file: std::fs::File,
        path: PathBuf,
        location: String,
        size: u64,
    },
    Upload {
        store: Arc<dyn MultipartStore>,
        key: Path,
        id: String,
        parts: Vec<String>,
        pending: Vec<u8>,
        size: u64,
        url: String,
    },
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl Destination {
    /// Files of the job, written by the task of this number.
    pub fn new(job: WriteJob, number: usize, context: &TaskContext) -> Result<Self> {
        let uploads = if job.renames() {
            None
        } else {
            let url = job.url().map_err(external)?;
            multipart(&super::conf(context.session_config()), &url).map_err(external)?
        };
        Ok(Self { job, number, attempt: Uuid::new_v4().to_string(), uploads, files: 0 })
    }

    /// A new file for the partition folder.
    pub async fn create(&mut self, folder: &str, extension: &str) -> Result<Sink> {
        let name = format!("part-{:05}-{}-c{:03}{extension}", self.number, self.attempt, self.files);
        self.files += 1;
        let below = |base: &str| {
            [base, folder, &name]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join("/")
        };
        match &self.uploads {
            None => {
                let staging = format!("{}/{STAGING}/{}", self.job.folder, self.job.id);
                let location = below(&staging);
                let path = PathBuf::from(format!("/{location}"));
                let fail = |error: std::io::Error| external(store_error(&format!("file:/{location}"), error));
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent).map_err(fail)?;
                }
                let file = std::fs::File::create(&path).map_err(fail)?;
                Ok(Sink::Local { file, path, location: location.clone(), size: 0 })
            }
            Some(store) => {
                let key = Path::parse(below(&self.job.folder)).map_err(external)?;
                let url = format!("{}/{key}", self.job.root);
                let id = store.create_multipart(&key).await.map_err(|e| refused(&self.job.root, &key, e))?;
                Ok(Sink::Upload {
                    store: Arc::clone(store),
                    key,
                    id,
                    parts: vec![],
                    pending: vec![],
                    size: 0,
                    url,
                })
            }
        }
    }

    /// Takes back finished files.
    pub async fn discard(&self, files: &[StagedFile]) {
        for file in files {
            match (&self.uploads, &file.upload) {
                (Some(store), Some(upload)) => {
                    let Ok(key) = Path::parse(&file.location) else { continue };
                    if let Err(error) = store.abort_multipart(&key, &upload.id).await {
                        tracing::warn!(%error, key = %key, "an upload could not be aborted; the bucket may keep its parts");
                    }
                }
                _ => remove(&PathBuf::from(format!("/{}", file.location))),
            }
        }
    }
}

fn refused(root: &str, key: &Path, error: object_store::Error) -> DataFusionError {
    external(store_error(&format!("{root}/{key}"), crate::object_stores::explained(root, key, error)))
}

fn remove(path: &std::path::Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "a file of a failed task could not be removed");
    }
}

impl Sink {
    /// Appends bytes.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match self {
            Self::Local { file, location, size, .. } => {
                *size += bytes.len() as u64;
                file.write_all(&bytes).map_err(|e| external(store_error(&format!("file:/{location}"), e)))
            }
            Self::Upload { pending, size, .. } => {
                *size += bytes.len() as u64;
                pending.extend_from_slice(&bytes);
                while self.pending() >= PART_SIZE {
                    self.put_part(PART_SIZE).await?;
                }
                Ok(())
            }
        }
    }

    fn pending(&self) -> usize {
        match self {
            Self::Local { .. } => 0,
            Self::Upload { pending, .. } => pending.len(),
        }
    }

    async fn put_part(&mut self, length: usize) -> Result<()> {
        let Self::Upload { store, key, id, parts, pending, url, .. } = self else { return Ok(()) };
        let rest = pending.split_off(length.min(pending.len()));
        let part = std::mem::replace(pending, rest);
        let put: PartId = store
            .put_part(key, id, parts.len(), Bytes::from(part).into())
            .await
            .map_err(|error| external(store_error(url, error)))?;
        parts.push(put.content_id);
        Ok(())
    }

    /// Writes the last bytes; returns where the file is, its upload and its size in bytes.
    pub async fn finish(mut self, rest: Bytes) -> Result<(String, Option<Upload>, u64)> {
        let finished = match self.write(rest).await {
            Ok(()) => self.close().await,
            Err(error) => Err(error),
        };
        if let Err(error) = finished {
            self.discard().await;
            return Err(error);
        }
        Ok(match self {
            Self::Local { location, size, .. } => (location, None, size),
            Self::Upload { key, id, parts, size, .. } => (key.to_string(), Some(Upload { id, parts }), size),
        })
    }

    async fn close(&mut self) -> Result<()> {
        if let Self::Local { file, location, .. } = self {
            return file.sync_all().map_err(|e| external(store_error(&format!("file:/{location}"), e)));
        }
        self.put_part(usize::MAX).await
    }

    /// Takes back what was written.
    pub async fn discard(self) {
        match self {
            Self::Local { path, .. } => remove(&path),
            Self::Upload { store, key, id, .. } => {
                if let Err(error) = store.abort_multipart(&key, &id).await {
                    tracing::warn!(%error, key = %key, "an upload could not be aborted; the bucket may keep its parts");
                }
            }
        }
    }
}
