//! The catalog of a session: databases, tables and views in the warehouse, and temporary views.

mod databases;
pub mod errors;
pub mod files;
pub mod listing;
pub mod model;
mod routines;
mod store;
pub mod table;
mod temporary;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::object_store::ObjectStore;
use datafusion::object_store::memory::InMemory;

use self::files::Folder;
pub use self::model::{Column, Database, Stored, StoredView, Table};
use self::store::CatalogFiles;
use crate::analysis::scope::CaseRule;
use crate::error::{Result, SparkError};
use crate::routine::{Loaded, Routine};

/// The one catalog there is.
pub const CATALOG: &str = "spark_catalog";
/// The schema (database) that is always there.
pub const SCHEMA: &str = "default";
/// The schema of global temporary views.
pub const GLOBAL_TEMP: &str = "global_temp";

/// A temporary view.
#[derive(Debug, Clone)]
pub struct View {
    /// What it shows.
    pub plan: LogicalPlan,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A temporary view.
    View(View),
    /// A view of the warehouse: its text is still to be planned.
    Stored(StoredView),
    /// A table.
    Table(Table),
}

/// What the sessions of one application share, beside the warehouse.
#[derive(Debug, Default)]
pub struct SharedViews {
    global: RwLock<BTreeMap<String, View>>,
    /// Functions of the warehouse that were used.
    routines: RwLock<Arc<Loaded>>,
    /// Held while the warehouse changes.
    changing: futures::lock::Mutex<()>,
    /// The catalog's files of an application without a warehouse of its own, gone with it.
    memory: Arc<InMemory>,
}

#[derive(Debug, Clone)]
struct Own {
    views: BTreeMap<String, View>,
    routines: Arc<BTreeMap<String, Routine>>,
    /// The current database.
    database: String,
}

/// The catalog as one session sees it.
///
/// Temporary views hide tables of the same name, as in Spark. What is in the warehouse is read
/// whenever it is asked for, so sessions and applications see each other's changes.
#[derive(Debug)]
pub struct Catalog {
    files: CatalogFiles,
    shared: Arc<SharedViews>,
    own: RwLock<Own>,
}

/// A table's or view's place in the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identifier {
    /// The database.
    pub database: String,
    /// The table or view.
    pub name: String,
}

impl Identifier {
    /// Catalog, database and name.
    pub fn parts(&self) -> [String; 3] {
        [CATALOG.to_owned(), self.database.clone(), self.name.clone()]
    }
}

/// Which of the name spaces a qualified name points into.
enum Place {
    /// The name of a temporary view, or of something in the current database.
    Any(String),
    Global(String),
    Warehouse(Identifier),
}

/// A table or view in a listing.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The database; empty for temporary views, `global_temp` for global ones.
    pub database: String,
    /// Its name.
    pub name: String,
    /// A temporary view.
    pub temporary: bool,
    /// What the warehouse knows of it; none for temporary views.
    pub stored: Option<Stored>,
}

/// How names are kept: in lower case unless case matters.
fn fold(name: &str, case: CaseRule) -> String {
    if case.sensitive { name.to_owned() } else { name.to_lowercase() }
}

fn valid(name: &str) -> Result<()> {
    if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(errors::invalid_name(name))
}

impl Catalog {
    /// A catalog on a warehouse, a path or URL that need not exist yet. Unless it is `lasting`, the application
    /// keeps databases, tables and views to itself, as Spark does without a metastore; their data
    /// lies in the warehouse all the same.
    pub fn new(runtime: Arc<RuntimeEnv>, warehouse: String, lasting: bool, shared: Arc<SharedViews>) -> Self {
        let own: Option<Arc<dyn ObjectStore>> = if lasting { None } else { Some(shared.memory.clone()) };
        Self {
            files: CatalogFiles::new(runtime, warehouse, own),
            shared,
            own: RwLock::new(Own {
                views: BTreeMap::new(),
                routines: Arc::default(),
                database: SCHEMA.to_owned(),
            }),
        }
    }

    /// The same catalog for a session that starts with copies of this one's temporary views.
    #[must_use]
    pub fn cloned(&self) -> Self {
        Self {
            files: self.files.clone(),
            shared: Arc::clone(&self.shared),
            own: RwLock::new(self.read(Own::clone)),
        }
    }

    /// What other sessions of the application are to share.
    pub fn shared(&self) -> &Arc<SharedViews> {
        &self.shared
    }

    fn read<T>(&self, read: impl FnOnce(&Own) -> T) -> T {
        read(&self.own.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut Own) -> T) -> T {
        write(&mut self.own.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The folder that holds files of a table.
    pub fn folder(&self, location: &str) -> Result<Folder> {
        Folder::new(self.files.runtime(), location)
    }

    // --- names -----------------------------------------------------------------------------

    fn place(name: &[String], case: CaseRule) -> Option<Place> {
        let warehouse = |database: &str, name: &str| {
            Place::Warehouse(Identifier { database: fold(database, case), name: fold(name, case) })
        };
        match name {
            [name] => Some(Place::Any(fold(name, case))),
            [schema, name] if schema.eq_ignore_ascii_case(GLOBAL_TEMP) => {
                Some(Place::Global(fold(name, case)))
            }
            [schema, name] => Some(warehouse(schema, name)),
            [catalog, schema, name] if catalog.eq_ignore_ascii_case(CATALOG) => Some(warehouse(schema, name)),
            _ => None,
        }
    }

    /// Where a table or view of this name is, or would be, in the warehouse.
    ///
    /// # Errors
    /// A name of too many parts.
    pub fn identifier(&self, name: &[String], case: CaseRule) -> Result<Identifier> {
        match Self::place(name, case) {
            Some(Place::Any(name)) => Ok(Identifier { database: self.current_database(), name }),
            Some(Place::Global(name)) => Ok(Identifier { database: GLOBAL_TEMP.to_owned(), name }),
            Some(Place::Warehouse(identifier)) => Ok(identifier),
            None => Err(errors::single_part_namespace(&name[..name.len().saturating_sub(1)])),
        }
    }

    /// A temporary view, global or not.
    pub fn temp_view(&self, name: &[String], case: CaseRule) -> Option<View> {
        match Self::place(name, case)? {
            Place::Any(name) => self.read(|own| own.views.get(&name).cloned()),
            Place::Global(name) => {
                self.shared.global.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
            }
            Place::Warehouse(_) => None,
        }
    }

    /// A table or view of the warehouse, if it is there.
    pub async fn stored(&self, name: &[String], case: CaseRule) -> Result<Option<(Identifier, Stored)>> {
        let identifier = match Self::place(name, case) {
            None | Some(Place::Global(_)) => return Ok(None),
            Some(_) => self.identifier(name, case)?,
        };
        // What cannot be a name is none.
        if valid(&identifier.database).is_err() || valid(&identifier.name).is_err() {
            return Ok(None);
        }
        let stored = self.files.stored(&identifier.database, &identifier.name).await?;
        Ok(stored.map(|stored| (identifier, stored)))
    }

    /// What a name stands for, if anything.
    pub async fn lookup(&self, name: &[String], case: CaseRule) -> Result<Option<Entry>> {
        if let Some(view) = self.temp_view(name, case) {
            return Ok(Some(Entry::View(view)));
        }
        Ok(self.stored(name, case).await?.map(|(_, stored)| match stored {
            Stored::Table(table) => Entry::Table(table),
            Stored::View(view) => Entry::Stored(view),
        }))
    }

    // --- tables and views ------------------------------------------------------------------

    async fn existing_database(&self, identifier: &Identifier) -> Result<Database> {
        self.find_database(&identifier.database)
            .await?
            .ok_or_else(|| SparkError::schema_not_found(&[CATALOG.to_owned(), identifier.database.clone()]))
    }

    /// Where a managed table keeps its files.
    ///
    /// # Errors
    /// SCHEMA_NOT_FOUND.
    pub async fn managed_location(&self, identifier: &Identifier) -> Result<String> {
        let database = self.existing_database(identifier).await?;
        Ok(format!("{}/{}", database.location, identifier.name))
    }

    /// Adds a table or view, or with `replace` puts it in the place of what has its name.
    ///
    /// # Errors
    /// SCHEMA_NOT_FOUND, TABLE_OR_VIEW_ALREADY_EXISTS, a name that is none.
    pub async fn create(
        &self,
        identifier: &Identifier,
        stored: &Stored,
        replace: bool,
        if_not_exists: bool,
    ) -> Result<()> {
        valid(&identifier.name)?;
        self.existing_database(identifier).await?;
        let _changing = self.shared.changing.lock().await;
        let (database, name) = (&identifier.database, &identifier.name);
        let old = if replace { self.files.stored(database, name).await? } else { None };
        if self.files.put_stored(database, name, stored, !replace).await? {
            // The files of what was replaced go, unless they are the new table's own.
            return match (old, stored) {
                (Some(Stored::Table(old)), Stored::Table(new)) if old.location == new.location => Ok(()),
                (Some(old), _) => self.delete_files(&old).await,
                (None, _) => Ok(()),
            };
        }
        if if_not_exists { Ok(()) } else { Err(SparkError::table_exists(&identifier.parts())) }
    }

    /// Puts a changed table or view in the place of the one of its name.
    pub async fn alter(&self, identifier: &Identifier, stored: &Stored) -> Result<()> {
        let _changing = self.shared.changing.lock().await;
        self.files.put_stored(&identifier.database, &identifier.name, stored, false).await.map(drop)
    }

    /// Gives a table or view another name; the files of a managed table move along.
    pub async fn rename(&self, from: &Identifier, to: &Identifier, mut stored: Stored) -> Result<()> {
        valid(&to.name)?;
        let _changing = self.shared.changing.lock().await;
        let mut moved = None;
        if let Stored::Table(table) = &mut stored
            && table.managed
            && table.location == self.managed_location(from).await?
        {
            let location = self.managed_location(to).await?;
            moved = Some((self.folder(&table.location)?, self.folder(&location)?));
            table.location = location;
        }
        if !self.files.put_stored(&to.database, &to.name, &stored, true).await? {
            return Err(SparkError::table_exists(&to.parts()));
        }
        if let Some((old, new)) = moved
            && let Err(error) = old.move_to(&new).await
        {
            self.files.delete_stored(&to.database, &to.name).await?;
            return Err(error);
        }
        self.files.delete_stored(&from.database, &from.name).await
    }

    async fn delete_files(&self, stored: &Stored) -> Result<()> {
        match stored {
            Stored::Table(table) if table.managed => self.folder(&table.location)?.delete(false).await,
            _ => Ok(()),
        }
    }

    /// Takes out a view or table; what kind it is must be said rightly. A temporary view goes first.
    pub async fn drop(&self, name: &[String], view: bool, if_exists: bool, case: CaseRule) -> Result<()> {
        let dropped = match Self::place(name, case) {
            Some(Place::Global(name)) => self.drop_global_temp_view(&name, case),
            Some(Place::Any(name)) => self.drop_temp_view(&name, case),
            _ => false,
        };
        if dropped {
            return Ok(());
        }
        let _changing = self.shared.changing.lock().await;
        let Some((identifier, stored)) = self.stored(name, case).await? else {
            if if_exists {
                return Ok(());
            }
            let shown = match name {
                [_] | [_, _] => self.identifier(name, case)?.parts().to_vec(),
                other => other.to_vec(),
            };
            return Err(SparkError::table_not_found(&shown));
        };
        if matches!(stored, Stored::View(_)) != view {
            return Err(errors::wrong_drop(&identifier.parts(), stored.kind()));
        }
        self.files.delete_stored(&identifier.database, &identifier.name).await?;
        self.delete_files(&stored).await
    }

    /// The tables and views of a database, then the temporary views that are seen from it; each sorted by name.
    ///
    /// # Errors
    /// SCHEMA_NOT_FOUND.
    pub async fn list(&self, database: &[String], case: CaseRule) -> Result<Vec<Listed>> {
        let folded = self.database_name(database, case)?;
        let mut all = Vec::new();
        if folded == GLOBAL_TEMP {
            let views = self.shared.global.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(views.keys().map(|name| Listed {
                database: GLOBAL_TEMP.to_owned(),
                name: name.clone(),
                temporary: true,
                stored: None,
            }));
        } else {
            self.database(database, case).await?;
            all.extend(self.files.all_stored(&folded).await?.into_iter().map(|(name, stored)| Listed {
                database: folded.clone(),
                name,
                temporary: false,
                stored: Some(stored),
            }));
        }
        all.extend(self.read(|own| {
            own.views
                .keys()
                .map(|name| Listed {
                    database: String::new(),
                    name: name.clone(),
                    temporary: true,
                    stored: None,
                })
                .collect::<Vec<_>>()
        }));
        Ok(all)
    }
}
