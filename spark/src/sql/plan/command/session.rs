//! SET, CACHE and other statements on the session.

use std::collections::BTreeMap;

use super::{Planned, nothing, pairs, plan_query, strings};
use crate::catalog::{CATALOG, View, errors, table};
use crate::error::{Result, SparkError};
use crate::identity::Identity;
use crate::session::SparkSession;
use crate::session::cache::StorageLevel;
use crate::source::table::FileTable;
use crate::sql::statement::{Cache, Name};

pub(super) fn set(session: &SparkSession, key: Option<String>, value: Option<String>) -> Result<Planned> {
    let Some(key) = key else {
        return pairs(["key", "value"], session.listed());
    };
    let shown = match value {
        Some(value) => {
            session.set(&key, &value)?;
            session.shown(&key).unwrap_or(value)
        }
        None => session.shown(&key).unwrap_or_else(|| "<undefined>".to_owned()),
    };
    strings(&["key", "value"], vec![vec![key], vec![shown]])
}

pub(super) fn set_verbose(session: &SparkSession) -> Result<Planned> {
    let mut columns: [Vec<String>; 4] = Default::default();
    let mut known: Vec<_> = cerium_conf::keys::GROUPS
        .iter()
        .flat_map(|group| group.keys)
        .filter(|key| key.name.starts_with("spark.sql."))
        .collect();
    known.sort_by_key(|key| key.name);
    for key in known {
        let value = session.shown(key.name).or_else(|| key.default.map(str::to_owned));
        columns[0].push(key.name.to_owned());
        columns[1].push(value.unwrap_or_else(|| "<undefined>".to_owned()));
        columns[2].push(key.doc.to_owned());
        columns[3].push(key.since.to_owned());
    }
    strings(&["key", "value", "meaning", "Since version"], columns.to_vec())
}

/// There is one catalog; any other is not found.
pub(super) fn use_catalog(name: &str) -> Result<()> {
    if name.eq_ignore_ascii_case(CATALOG) { Ok(()) } else { Err(errors::catalog_not_found(name)) }
}

/// The full name of a table or view that is there; a temporary view has but one part.
///
/// # Errors
/// TABLE_OR_VIEW_NOT_FOUND.
pub async fn known(session: &SparkSession, name: &Name) -> Result<Vec<String>> {
    let case = session.snapshot()?.case;
    if session.catalog().temp_view(&name.parts, case).is_some() {
        return Ok(name.parts.iter().map(|part| part.to_lowercase()).collect());
    }
    match session.catalog().stored(&name.parts, case).await? {
        Some((identifier, _)) => Ok(identifier.parts().to_vec()),
        None => Err(SparkError::table_not_found(&name.parts).at(name.position)),
    }
}

/// What a table or view computes, to find it among what is kept.
///
/// # Errors
/// TABLE_OR_VIEW_NOT_FOUND.
pub async fn identity(session: &SparkSession, name: &Name) -> Result<Identity> {
    let snapshot = session.snapshot()?;
    match table::open(session, &snapshot, &name.parts, &BTreeMap::new(), None).await? {
        Some(opened) => Ok(Identity::of(&opened.into_plan("cached")?)?),
        None => Err(SparkError::table_not_found(&name.parts).at(name.position)),
    }
}

/// Has what is kept of a table's files, or of those of a view, computed again at its next use.
///
/// # Errors
/// TABLE_OR_VIEW_NOT_FOUND.
pub async fn refresh(session: &SparkSession, name: &Name) -> Result<()> {
    for table in identity(session, name).await?.files() {
        if let Some(table) = table.downcast_ref::<FileTable>() {
            for place in &table.origin().places {
                session.cache().refresh(place);
            }
        }
    }
    Ok(())
}

/// Forgets what is kept of a table or view that goes away.
pub async fn forget(session: &SparkSession, name: &Name) {
    if session.cache().is_empty() {
        return;
    }
    match identity(session, name).await {
        Ok(identity) => session.cache().unpersist(&identity),
        // What cannot be read was never kept.
        Err(error) => tracing::debug!("nothing is kept of {}: {error}", name.parts.join(".")),
    }
}

pub(super) async fn cache(session: &SparkSession, cache: Cache) -> Result<Planned> {
    match cache {
        Cache::Clear => session.cache().clear(),
        Cache::Uncache { name, if_exists } => match identity(session, &name).await {
            Ok(identity) => session.cache().unpersist(&identity),
            Err(_) if if_exists => {}
            Err(error) => return Err(error),
        },
        Cache::Table { name, storage_level, query } => {
            let level = match storage_level {
                Some(level) => StorageLevel::of_name(&level)?,
                None => StorageLevel::DEFAULT,
            };
            if let Some(query) = query {
                let plan = plan_query(session, &query).await?;
                let case = session.snapshot()?.case;
                session.catalog().create_view(&name.parts, View { plan }, false, false, false, case)?;
            }
            session.cache().persist(identity(session, &name).await?, level);
        }
    }
    nothing()
}
