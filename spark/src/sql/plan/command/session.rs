//! SET, CACHE and other statements on the session.

use std::collections::BTreeMap;

use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};

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
            session.change(&key, &value)?;
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
    Ok(Identity::of(&rows_of(session, name).await?)?)
}

/// The plan of a table or view.
async fn rows_of(session: &SparkSession, name: &Name) -> Result<LogicalPlan> {
    let snapshot = session.snapshot()?;
    match table::open(session, &snapshot, &name.parts, &BTreeMap::new(), None).await? {
        Some(opened) => opened.into_plan("cached"),
        None => Err(SparkError::table_not_found(&name.parts).at(name.position)),
    }
}

/// No longer keeps a table or view; of a table nothing that was computed with it either.
///
/// # Errors
/// TABLE_OR_VIEW_NOT_FOUND.
pub async fn uncache(session: &SparkSession, name: &Name) -> Result<()> {
    let case = session.snapshot()?.case;
    let is_table = session.catalog().temp_view(&name.parts, case).is_none();
    session.cache().unpersist(&identity(session, name).await?, is_table);
    Ok(())
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
        Ok(identity) => session.cache().unpersist(&identity, true),
        // What cannot be read was never kept.
        Err(error) => tracing::debug!("nothing is kept of {}: {error}", name.parts.join(".")),
    }
}

pub(super) async fn cache(session: &SparkSession, cache: Cache) -> Result<Planned> {
    match cache {
        Cache::Clear => session.cache().clear(),
        Cache::Uncache { name, if_exists } => match uncache(session, &name).await {
            Err(error) if if_exists && error.class() == "TABLE_OR_VIEW_NOT_FOUND" => {}
            uncached => uncached?,
        },
        Cache::Table { name, lazy, storage_level, query } => {
            let level = match storage_level {
                Some(level) => StorageLevel::of_name(&level)?,
                None => StorageLevel::DEFAULT,
            };
            if let Some(query) = query {
                if let [qualifier @ .., _] = name.parts.as_slice()
                    && !qualifier.is_empty()
                {
                    return Err(qualified_view(&qualifier.join(".")).at(name.position));
                }
                let plan = plan_query(session, &query).await?;
                let case = session.snapshot()?.case;
                session.catalog().create_view(&name.parts, View { plan }, false, false, false, case)?;
            }
            let rows = rows_of(session, &name).await?;
            session.cache().persist(Identity::of(&rows)?, level);
            if !lazy {
                let count = datafusion::functions_aggregate::count::count(lit(1_i64));
                let counted = LogicalPlanBuilder::from(rows).aggregate(Vec::<Expr>::new(), vec![count])?;
                return Ok(Planned::Compute(counted.build()?));
            }
        }
    }
    nothing()
}

/// The view that CACHE TABLE AS makes is in no database.
fn qualified_view(qualifier: &str) -> SparkError {
    SparkError::new(
        "_LEGACY_ERROR_TEMP_0037",
        "",
        format!(
            "It is not allowed to add catalog/namespace prefix {qualifier} to the table name in CACHE TABLE AS SELECT."
        ),
    )
    .with_param("quoted", qualifier)
}
