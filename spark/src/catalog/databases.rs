//! Databases of the catalog.

use std::collections::BTreeMap;

use super::{CATALOG, Catalog, Database, Identifier, SCHEMA, errors, fold, valid};
use crate::analysis::scope::CaseRule;
use crate::error::{Result, SparkError};

impl Catalog {
    /// The current database.
    pub fn current_database(&self) -> String {
        self.read(|own| own.database.clone())
    }

    /// Makes a database the current one.
    pub async fn use_database(&self, name: &[String], case: CaseRule) -> Result<()> {
        let database = match name {
            [one] if one.eq_ignore_ascii_case(CATALOG) && !self.database_exists(name, case).await? => {
                SCHEMA.to_owned()
            }
            _ => self.database(name, case).await?.name,
        };
        self.write(|own| own.database = database);
        Ok(())
    }

    /// The name of a database as it is kept; its parts may start with the catalog.
    pub fn database_name(&self, name: &[String], case: CaseRule) -> Result<String> {
        match name {
            [] => Ok(self.current_database()),
            [name] => Ok(fold(name, case)),
            [catalog, name] if catalog.eq_ignore_ascii_case(CATALOG) => Ok(fold(name, case)),
            other => Err(errors::single_part_namespace(other)),
        }
    }

    pub(super) async fn find_database(&self, name: &str) -> Result<Option<Database>> {
        let found = self.files.database(name).await?;
        if found.is_some() || name != SCHEMA {
            return Ok(found);
        }
        Ok(Some(Database {
            name: SCHEMA.to_owned(),
            comment: "default database".to_owned(),
            location: self.files.warehouse()?,
            properties: BTreeMap::new(),
            owner: String::new(),
        }))
    }

    /// A database.
    ///
    /// # Errors
    /// SCHEMA_NOT_FOUND.
    pub async fn database(&self, name: &[String], case: CaseRule) -> Result<Database> {
        let folded = self.database_name(name, case)?;
        self.find_database(&folded)
            .await?
            .ok_or_else(|| SparkError::schema_not_found(&[CATALOG.to_owned(), folded]))
    }

    /// Whether there is a database of this name.
    pub async fn database_exists(&self, name: &[String], case: CaseRule) -> Result<bool> {
        let folded = self.database_name(name, case)?;
        Ok(self.find_database(&folded).await?.is_some())
    }

    /// The databases, sorted by name.
    pub async fn databases(&self) -> Result<Vec<Database>> {
        let mut names = self.files.database_names().await?;
        if !names.iter().any(|name| name == SCHEMA) {
            names.push(SCHEMA.to_owned());
            names.sort();
        }
        let mut databases = Vec::with_capacity(names.len());
        for name in names {
            databases.extend(self.find_database(&name).await?);
        }
        Ok(databases)
    }

    /// Adds a database; without a location it is a folder of the warehouse.
    pub async fn create_database(
        &self,
        name: &[String],
        mut database: Database,
        if_not_exists: bool,
        case: CaseRule,
    ) -> Result<()> {
        database.name = self.database_name(name, case)?;
        valid(&database.name)?;
        if database.location.is_empty() {
            database.location = format!("{}/{}.db", self.files.warehouse()?, database.name);
        }
        let _changing = self.shared.changing.lock().await;
        let taken = self.find_database(&database.name).await?.is_some();
        if taken || !self.files.put_database(&database, true).await? {
            return if if_not_exists { Ok(()) } else { Err(errors::schema_exists(&database.name)) };
        }
        self.folder(&database.location)?.create()
    }

    /// Puts a changed database in the place of the one of its name.
    pub async fn alter_database(&self, database: &Database) -> Result<()> {
        let _changing = self.shared.changing.lock().await;
        self.files.put_database(database, false).await.map(drop)
    }

    /// Takes out a database, with all that is in it if `cascade` says so.
    pub async fn drop_database(
        &self,
        name: &[String],
        if_exists: bool,
        cascade: bool,
        case: CaseRule,
    ) -> Result<()> {
        let folded = self.database_name(name, case)?;
        if folded == SCHEMA {
            return Err(errors::drop_default(&[CATALOG.to_owned(), folded]));
        }
        let _changing = self.shared.changing.lock().await;
        let Some(database) = self.find_database(&folded).await? else {
            let missing = || SparkError::schema_not_found(&[CATALOG.to_owned(), folded]);
            return if if_exists { Ok(()) } else { Err(missing()) };
        };
        let stored = self.files.all_stored(&folded).await?;
        let routines = self.files.routine_names(&folded).await?;
        if !(cascade || stored.is_empty() && routines.is_empty()) {
            return Err(errors::schema_not_empty(&folded));
        }
        for name in routines {
            self.files.delete_routine(&folded, &name).await?;
            self.forget_routine(&Identifier { database: folded.clone(), name });
        }
        for (name, stored) in stored {
            self.files.delete_stored(&folded, &name).await?;
            self.delete_files(&stored).await?;
        }
        self.files.delete_database(&folded).await?;
        self.folder(&database.location)?.delete(false).await
    }
}
