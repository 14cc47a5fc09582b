//! The catalog's files in the warehouse: one for each database, table and view, written whole or not at all.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::path::Path;
use datafusion::object_store::{self, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::{Database, Stored};
use crate::error::{Result, SparkError};
use crate::routine::Definition;
use crate::source::paths::{Location, store_error};

/// Folder of the catalog's files below the warehouse; its name hides it from readers of tables.
const FOLDER: &str = "_cerium/catalog";
/// Files read at the same time.
const READS_AT_ONCE: usize = 16;

/// The catalog's files of one warehouse.
#[derive(Debug, Clone)]
pub struct CatalogFiles {
    runtime: Arc<RuntimeEnv>,
    /// The warehouse as a path or URL.
    warehouse: String,
    /// Where the files are, if not in the warehouse.
    own: Option<Arc<dyn ObjectStore>>,
}

struct Folder {
    store: Arc<dyn ObjectStore>,
    location: Location,
    path: Path,
}

impl Folder {
    fn error(&self, error: object_store::Error) -> SparkError {
        store_error(&format!("{}/{FOLDER}", self.location.display()), error)
    }

    fn file(&self, below: &str) -> Result<Path> {
        Path::parse(format!("{}/{below}.json", self.path))
            .map_err(|error| SparkError::internal(format!("the catalog's file {below}: {error}")))
    }
}

impl CatalogFiles {
    /// The files below a warehouse, which need not exist yet, or in a store of their `own`.
    pub fn new(runtime: Arc<RuntimeEnv>, warehouse: String, own: Option<Arc<dyn ObjectStore>>) -> Self {
        Self { runtime, warehouse, own }
    }

    /// The warehouse as Hadoop prints it: `file:/x/spark-warehouse`.
    pub fn warehouse(&self) -> Result<String> {
        Ok(Location::parse(&self.warehouse)?.display())
    }

    /// Where the session's object stores are.
    pub fn runtime(&self) -> &Arc<RuntimeEnv> {
        &self.runtime
    }

    fn folder(&self) -> Result<Folder> {
        let location = Location::parse(&self.warehouse)?;
        let store = match &self.own {
            Some(store) => Arc::clone(store),
            None => self
                .runtime
                .object_store(location.store_url()?)
                .map_err(|error| store_error(&location.display(), error))?,
        };
        let mut below = location.clone();
        below.names.extend(FOLDER.split('/').map(str::to_owned));
        let path = below.path()?;
        Ok(Folder { store, location, path })
    }

    async fn read<T: DeserializeOwned>(folder: &Folder, below: &str) -> Result<Option<T>> {
        let path = folder.file(below)?;
        let bytes = match folder.store.get(&path).await {
            Ok(found) => found.bytes().await.map_err(|error| folder.error(error))?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(folder.error(error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            SparkError::internal(format!("the catalog's file {path} cannot be read: {error}"))
        })
    }

    /// Whether the file was written: with `new`, a file that is there already stays.
    async fn write<T: Serialize>(&self, below: &str, value: &T, new: bool) -> Result<bool> {
        let folder = self.folder()?;
        let path = folder.file(below)?;
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|error| SparkError::internal(format!("the catalog's file {path}: {error}")))?;
        let put = async |mode: PutMode| {
            folder
                .store
                .put_opts(&path, bytes.clone().into(), PutOptions { mode, ..Default::default() })
                .await
        };
        if !new {
            put(PutMode::Overwrite).await.map_err(|error| folder.error(error))?;
            return Ok(true);
        }
        match put(PutMode::Create).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            // Not every store can write on condition.
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                match folder.store.head(&path).await {
                    Ok(_) => Ok(false),
                    Err(object_store::Error::NotFound { .. }) => {
                        put(PutMode::Overwrite).await.map_err(|error| folder.error(error))?;
                        Ok(true)
                    }
                    Err(error) => Err(folder.error(error)),
                }
            }
            Err(error) => Err(folder.error(error)),
        }
    }

    async fn delete(&self, below: &str) -> Result<()> {
        let folder = self.folder()?;
        match folder.store.delete(&folder.file(below)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(folder.error(error)),
        }
    }

    /// Names of the files directly in a folder, without their ending, sorted.
    async fn names(&self, below: Option<&str>) -> Result<Vec<String>> {
        let folder = self.folder()?;
        let path = match below {
            None => folder.path.clone(),
            Some(below) => below.split('/').fold(folder.path.clone(), |path, part| path.join(part)),
        };
        let listed = match folder.store.list_with_delimiter(Some(&path)).await {
            Ok(listed) => listed.objects,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(folder.error(error)),
        };
        let mut names: Vec<String> = listed
            .iter()
            .filter_map(|object| object.location.filename()?.strip_suffix(".json").map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }

    /// A database, if its file is there.
    pub async fn database(&self, name: &str) -> Result<Option<Database>> {
        Self::read(&self.folder()?, name).await
    }

    /// Names of the databases that have files, sorted.
    pub async fn database_names(&self) -> Result<Vec<String>> {
        self.names(None).await
    }

    /// Writes a database; false if it is `new` and yet there.
    pub async fn put_database(&self, database: &Database, new: bool) -> Result<bool> {
        self.write(&database.name, database, new).await
    }

    /// Forgets a database.
    pub async fn delete_database(&self, name: &str) -> Result<()> {
        self.delete(name).await
    }

    /// A table or view, if it is there.
    pub async fn stored(&self, database: &str, name: &str) -> Result<Option<Stored>> {
        Self::read(&self.folder()?, &format!("{database}/{name}")).await
    }

    /// Names of the tables and views of a database, sorted.
    pub async fn stored_names(&self, database: &str) -> Result<Vec<String>> {
        self.names(Some(database)).await
    }

    /// The tables and views of a database by name.
    pub async fn all_stored(&self, database: &str) -> Result<Vec<(String, Stored)>> {
        let folder = self.folder()?;
        let folder = &folder;
        let found: Vec<Option<(String, Stored)>> = stream::iter(self.stored_names(database).await?)
            .map(|name| async move {
                let stored = Self::read(folder, &format!("{database}/{name}")).await?;
                Ok::<_, SparkError>(stored.map(|stored| (name, stored)))
            })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        // What was dropped meanwhile is left out.
        Ok(found.into_iter().flatten().collect())
    }

    /// Writes a table or view; false if it is `new` and yet there.
    pub async fn put_stored(&self, database: &str, name: &str, stored: &Stored, new: bool) -> Result<bool> {
        self.write(&format!("{database}/{name}"), stored, new).await
    }

    /// Forgets a table or view.
    pub async fn delete_stored(&self, database: &str, name: &str) -> Result<()> {
        self.delete(&format!("{database}/{name}")).await
    }

    /// A function, if it is there.
    pub async fn routine(&self, database: &str, name: &str) -> Result<Option<Definition>> {
        Self::read(&self.folder()?, &routine_file(database, name)).await
    }

    /// Names of the functions of a database, sorted.
    pub async fn routine_names(&self, database: &str) -> Result<Vec<String>> {
        self.names(Some(&routine_folder(database))).await
    }

    /// Writes a function; false if it is `new` and yet there.
    pub async fn put_routine(
        &self,
        database: &str,
        name: &str,
        definition: &Definition,
        new: bool,
    ) -> Result<bool> {
        self.write(&routine_file(database, name), definition, new).await
    }

    /// Forgets a function.
    pub async fn delete_routine(&self, database: &str, name: &str) -> Result<()> {
        self.delete(&routine_file(database, name)).await
    }
}

/// Where the functions of a database are; no table's file has this name.
fn routine_folder(database: &str) -> String {
    format!("{database}/-functions")
}

fn routine_file(database: &str, name: &str) -> String {
    format!("{}/{name}", routine_folder(database))
}
