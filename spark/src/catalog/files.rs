//! The files of tables: looking whether there are any, deleting and moving them, finding partitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::path::Path;
use datafusion::object_store::{self, ObjectStore, ObjectStoreExt};
use futures::{StreamExt, TryStreamExt};

use crate::error::{Result, SparkError};
use crate::source::paths::{Location, is_hidden, store_error};

/// A folder of an object store.
pub struct Folder {
    store: Arc<dyn ObjectStore>,
    location: Location,
    path: Path,
}

impl Folder {
    /// The folder a path or URL names; it need not exist.
    pub fn new(runtime: &RuntimeEnv, location: &str) -> Result<Self> {
        let location = Location::parse(location)?;
        let store = runtime
            .object_store(location.store_url()?)
            .map_err(|error| store_error(&location.display(), error))?;
        let path = location.path()?;
        Ok(Self { store, location, path })
    }

    fn error(&self, error: impl std::error::Error) -> SparkError {
        store_error(&self.location.display(), error)
    }

    /// The path in the local file system, if that is where it is.
    fn local(&self) -> Option<std::path::PathBuf> {
        (self.location.root == "file://")
            .then(|| std::path::PathBuf::from(format!("/{}", self.location.names.join("/"))))
    }

    /// Makes the folder where the store has folders.
    pub fn create(&self) -> Result<()> {
        match self.local() {
            Some(path) => std::fs::create_dir_all(path).map_err(|error| self.error(error)),
            None => Ok(()),
        }
    }

    /// Whether there is no file in it, hidden ones included.
    pub async fn is_empty(&self) -> Result<bool> {
        match self.store.list(Some(&self.path)).try_next().await {
            Ok(first) => Ok(first.is_none()),
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Deletes all files in it. The folder itself stays if `keep` says so.
    pub async fn delete(&self, keep: bool) -> Result<()> {
        if let Some(path) = self.local() {
            match std::fs::remove_dir_all(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(self.error(error)),
            }
            return if keep { self.create() } else { Ok(()) };
        }
        let files = self.store.list(Some(&self.path)).map_ok(|meta| meta.location).boxed();
        self.store
            .delete_stream(files)
            .try_for_each(|_| futures::future::ready(Ok(())))
            .await
            .map_err(|error| self.error(error))
    }

    /// Moves all files below it to another folder of the same store.
    pub async fn move_to(&self, to: &Self) -> Result<()> {
        if self.location.root != to.location.root {
            return Err(SparkError::unsupported("moving a table's files to another file system"));
        }
        if let (Some(from), Some(to_path)) = (self.local(), to.local()) {
            if let Some(parent) = to_path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| to.error(error))?;
            }
            return match std::fs::rename(from, to_path) {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(self.error(error)),
            };
        }
        let files: Vec<Path> = self
            .store
            .list(Some(&self.path))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(|error| self.error(error))?;
        for file in files {
            let below = file.prefix_match(&self.path).into_iter().flatten();
            let target: Path = to.path.parts().chain(below).collect();
            self.store.rename(&file, &target).await.map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    /// The folders `a=1/b=2` below it, as deep as there are columns, sorted.
    pub async fn partitions(&self, columns: &[String]) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::from([String::new()]);
        for column in columns {
            let mut next = BTreeSet::new();
            for above in found {
                let folder: Path = if above.is_empty() { self.path.clone() } else { self.below(&above)? };
                let listed = match self.store.list_with_delimiter(Some(&folder)).await {
                    Ok(listed) => listed.common_prefixes,
                    Err(object_store::Error::NotFound { .. }) => Vec::new(),
                    Err(error) => return Err(self.error(error)),
                };
                for name in listed.iter().filter_map(|path| path.filename()) {
                    let ours = name
                        .split_once('=')
                        .is_some_and(|(key, _)| key.eq_ignore_ascii_case(column) && !is_hidden(name));
                    if ours {
                        next.insert(if above.is_empty() {
                            name.to_owned()
                        } else {
                            format!("{above}/{name}")
                        });
                    }
                }
            }
            found = next;
        }
        Ok(found)
    }

    fn below(&self, names: &str) -> Result<Path> {
        Path::parse(format!("{}/{names}", self.path))
            .map_err(|error| SparkError::internal(format!("the folder {names}: {error}")))
    }
}
