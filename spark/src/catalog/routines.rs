//! Functions of a catalog: temporary ones of the session, others in the warehouse.

use std::sync::{Arc, PoisonError};

use super::{CATALOG, Catalog, GLOBAL_TEMP, Identifier, errors, valid};
use crate::analysis::scope::CaseRule;
use crate::error::{Result, SparkError};
use crate::routine::{Definition, Routine, Routines};

/// Names of functions are kept in lower case whatever the session says.
const IGNORED: CaseRule = CaseRule { sensitive: false };

impl Catalog {
    /// The functions that a request sees.
    pub fn routines(&self) -> Routines {
        let loaded = self.shared.routines.read().unwrap_or_else(PoisonError::into_inner);
        let loaded = Arc::clone(&loaded);
        self.read(|own| Routines {
            temporary: Arc::clone(&own.routines),
            loaded,
            database: own.database.clone(),
        })
    }

    /// Registers a function with the session.
    ///
    /// # Errors
    /// ROUTINE_ALREADY_EXISTS unless it may `replace` another.
    pub fn register(&self, name: &str, routine: Routine, replace: bool) -> Result<()> {
        let name = name.to_lowercase();
        self.write(|own| {
            if !replace && own.routines.contains_key(&name) {
                return Err(errors::routine_exists(std::slice::from_ref(&name)));
            }
            Arc::make_mut(&mut own.routines).insert(name, routine);
            Ok(())
        })
    }

    /// Takes out a function of the session; false if there is none.
    pub fn unregister(&self, name: &str) -> bool {
        self.write(|own| Arc::make_mut(&mut own.routines).remove(&name.to_lowercase())).is_some()
    }

    fn routine_identifier(&self, name: &[String]) -> Result<Identifier> {
        let identifier = self.identifier(name, IGNORED)?;
        if identifier.database == GLOBAL_TEMP {
            return Err(SparkError::routine_unresolved(name));
        }
        Ok(identifier)
    }

    /// A function of the warehouse, if it is there.
    pub async fn stored_routine(&self, name: &[String]) -> Result<Option<(Identifier, Definition)>> {
        if name.is_empty() || name.len() > 3 {
            return Ok(None);
        }
        let Ok(identifier) = self.routine_identifier(name) else { return Ok(None) };
        if valid(&identifier.database).is_err() || valid(&identifier.name).is_err() {
            return Ok(None);
        }
        let found = self.files.routine(&identifier.database, &identifier.name).await?;
        Ok(found.map(|definition| (identifier, definition)))
    }

    /// Makes a function of the warehouse known to planning; false if it is not there, or was known.
    pub async fn load_routine(&self, name: &[String]) -> Result<bool> {
        let parts: Vec<String> = name.iter().map(|part| part.to_lowercase()).collect();
        let key = self.routines().key(&parts);
        let known = |loaded: &crate::routine::Loaded| loaded.contains_key(&key);
        if known(&self.shared.routines.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(false);
        }
        let Some(found) = self.stored_routine(&parts).await? else { return Ok(false) };
        let mut loaded = self.shared.routines.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut loaded).insert(key, found);
        Ok(true)
    }

    pub(super) fn forget_routine(&self, identifier: &Identifier) {
        let mut loaded = self.shared.routines.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut loaded).retain(|_, (known, _)| known != identifier);
    }

    /// Adds a function to the warehouse.
    ///
    /// # Errors
    /// SCHEMA_NOT_FOUND; ROUTINE_ALREADY_EXISTS unless it may `replace` another.
    pub async fn create_routine(
        &self,
        name: &[String],
        definition: &Definition,
        replace: bool,
        if_not_exists: bool,
    ) -> Result<()> {
        let identifier = self.routine_identifier(name)?;
        valid(&identifier.name)?;
        self.existing_database(&identifier).await?;
        let _changing = self.shared.changing.lock().await;
        let (database, short) = (&identifier.database, &identifier.name);
        if !self.files.put_routine(database, short, definition, !replace).await? && !if_not_exists {
            return Err(errors::routine_exists(&[database.clone(), short.clone()]));
        }
        self.forget_routine(&identifier);
        Ok(())
    }

    /// Takes a function out of the warehouse; false if there is none.
    pub async fn drop_routine(&self, name: &[String]) -> Result<bool> {
        let _changing = self.shared.changing.lock().await;
        let Some((identifier, _)) = self.stored_routine(name).await? else { return Ok(false) };
        self.files.delete_routine(&identifier.database, &identifier.name).await?;
        self.forget_routine(&identifier);
        Ok(true)
    }

    /// The functions of a database, sorted by name.
    ///
    /// # Errors
    /// SCHEMA_NOT_FOUND.
    pub async fn list_routines(&self, database: &[String]) -> Result<Vec<(Identifier, Definition)>> {
        let folded = self.database_name(database, IGNORED)?;
        if self.find_database(&folded).await?.is_none() {
            return Err(SparkError::schema_not_found(&[CATALOG.to_owned(), folded]));
        }
        let mut found = Vec::new();
        for name in self.files.routine_names(&folded).await? {
            if let Some(definition) = self.files.routine(&folded, &name).await? {
                found.push((Identifier { database: folded.clone(), name }, definition));
            }
        }
        Ok(found)
    }
}
