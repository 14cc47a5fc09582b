//! ALTER, TRUNCATE, COMMENT ON and the repair of partitions.

use std::collections::{BTreeMap, BTreeSet};

use super::create::{declared, planned_view};
use super::insert::partition_folder;
use super::{PartitionValue, Planned, nothing, partition_values, stored, stored_table};
use crate::catalog::{Identifier, Stored, Table, errors};
use crate::error::{Result, SparkError, quote, quote_parts};
use crate::session::{Snapshot, SparkSession};
use crate::source::paths::Location;
use crate::sql::statement::{AlterTable, Comment, Name, PartitionSpec, TableChange};

pub(super) async fn database(
    session: &SparkSession,
    name: &Name,
    properties: BTreeMap<String, String>,
    removed: &[String],
    location: Option<String>,
) -> Result<Planned> {
    let case = session.snapshot()?.case;
    let mut database = session.catalog().database(&name.parts, case).await?;
    database.properties.extend(properties);
    database.properties.retain(|key, _| !removed.contains(key));
    if let Some(location) = location {
        database.location = Location::parse(&location)?.display();
    }
    session.catalog().alter_database(&database).await?;
    nothing()
}

pub(super) async fn comment(session: &SparkSession, comment: Comment) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    if comment.database {
        let mut database = session.catalog().database(&comment.name.parts, snapshot.case).await?;
        database.comment = comment.text.unwrap_or_default();
        session.catalog().alter_database(&database).await?;
        return nothing();
    }
    let (identifier, mut table) = stored_table(session, &snapshot, &comment.name, "COMMENT ON TABLE").await?;
    table.comment = comment.text;
    session.catalog().alter(&identifier, &Stored::Table(table)).await?;
    nothing()
}

pub(super) async fn table(session: &SparkSession, alter: AlterTable) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let case = snapshot.case;
    let operation = operation(&alter);
    if let TableChange::Rename(to) = &alter.change
        && let Some(view) = session.catalog().temp_view(&alter.name.parts, case)
        && let [from] = alter.name.parts.as_slice()
    {
        session.catalog().create_view(&to.parts, view, false, false, false, case)?;
        session.catalog().drop_temp_view(from, case);
        return nothing();
    }
    let (identifier, mut found) = stored(session, &snapshot, &alter.name).await?;
    match (&found, alter.view) {
        (Stored::View(_), false) => {
            return Err(errors::expect_table(&identifier.parts(), &operation).at(alter.name.position));
        }
        (Stored::Table(_), true) => {
            return Err(errors::expect_view(&identifier.parts(), &operation).at(alter.name.position));
        }
        _ => {}
    }
    match alter.change {
        TableChange::Rename(to) => {
            let to = renamed(session, &snapshot, &identifier, &to)?;
            session.catalog().rename(&identifier, &to, found).await?;
            return nothing();
        }
        TableChange::SetProperties(properties) => found.properties_mut().extend(properties),
        TableChange::UnsetProperties(keys) => found.properties_mut().retain(|key, _| !keys.contains(key)),
        TableChange::Query(query) => {
            let mut view = planned_view(session, &snapshot, &identifier, &query, &[]).await?;
            view.comment = found.comment().map(str::to_owned);
            view.properties.clone_from(found.properties());
            found = Stored::View(view);
        }
        change => {
            let Stored::Table(table) = &mut found else {
                return Err(errors::expect_table(&identifier.parts(), &operation).at(alter.name.position));
            };
            change_table(session, &snapshot, &identifier, table, change).await?;
        }
    }
    session.catalog().alter(&identifier, &found).await?;
    nothing()
}

/// The first words of a statement, as errors name it.
fn operation(alter: &AlterTable) -> String {
    let object = if alter.view { "ALTER VIEW ..." } else { "ALTER TABLE ..." };
    let rest = match &alter.change {
        TableChange::Rename(_) => "RENAME TO",
        TableChange::SetProperties(_) => "SET TBLPROPERTIES",
        TableChange::UnsetProperties(_) => "UNSET TBLPROPERTIES",
        TableChange::SetOptions(_) => "SET [SERDE|SERDEPROPERTIES]",
        TableChange::SetLocation(_) => "SET LOCATION ...",
        TableChange::AddColumns(_) => "ADD COLUMNS",
        TableChange::CommentColumn(..) => "ALTER COLUMN",
        TableChange::Columns(what) => what,
        TableChange::AddPartitions { .. } => "ADD PARTITION ...",
        TableChange::DropPartitions { .. } => "DROP PARTITION ...",
        TableChange::RenamePartition(..) => "RENAME TO PARTITION",
        TableChange::RecoverPartitions => "RECOVER PARTITIONS",
        TableChange::Query(_) => "AS",
    };
    format!("{object} {rest}")
}

fn renamed(session: &SparkSession, snapshot: &Snapshot, from: &Identifier, to: &Name) -> Result<Identifier> {
    let wanted = session.catalog().identifier(&to.parts, snapshot.case)?;
    if to.parts.len() == 1 {
        return Ok(Identifier { database: from.database.clone(), name: wanted.name });
    }
    if wanted.database != from.database {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1073",
            "",
            format!(
                "RENAME TABLE source and destination databases do not match: '{}' != '{}'.",
                from.database, wanted.database
            ),
        ));
    }
    Ok(wanted)
}

async fn change_table(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    table: &mut Table,
    change: TableChange,
) -> Result<()> {
    match change {
        TableChange::SetOptions(options) => table.options.extend(options),
        TableChange::SetLocation(location) => {
            table.location = Location::parse(&location)?.display();
            table.managed = false;
        }
        TableChange::AddColumns(columns) => {
            let mut columns = declared(&columns, &snapshot.time_zone)?;
            for column in &mut columns {
                if table.columns.iter().any(|known| snapshot.case.same(&known.name, &column.name)) {
                    return Err(SparkError::column_exists(&column.name.to_lowercase()));
                }
                // Rows that are there already have no value for it.
                column.nullable = true;
            }
            let at = table.columns.len() - table.partition_by.len();
            table.columns.splice(at..at, columns);
        }
        TableChange::CommentColumn(name, text) => {
            let found = match name.as_slice() {
                [name] => table.columns.iter_mut().find(|column| snapshot.case.same(&column.name, name)),
                _ => return Err(SparkError::unsupported("comments on fields of structs")),
            };
            match found {
                Some(column) => column.comment = Some(text),
                None => {
                    let candidates: Vec<_> =
                        table.columns.iter().map(|column| vec![column.name.clone()]).collect();
                    return Err(SparkError::column_not_found(&name, &candidates));
                }
            }
        }
        TableChange::Columns(operation) => return Err(unsupported_operation(identifier, operation)),
        TableChange::AddPartitions { if_not_exists, partitions } => {
            add_partitions(session, snapshot, identifier, table, if_not_exists, partitions).await?;
        }
        TableChange::DropPartitions { if_exists, partitions } => {
            drop_partitions(session, snapshot, identifier, table, if_exists, &partitions).await?;
        }
        TableChange::RenamePartition(from, to) => {
            rename_partition(session, snapshot, identifier, table, &from, &to).await?;
        }
        TableChange::RecoverPartitions => table.partitions = None,
        TableChange::Rename(_)
        | TableChange::SetProperties(_)
        | TableChange::UnsetProperties(_)
        | TableChange::Query(_) => {}
    }
    Ok(())
}

/// What Spark's tables of files do not do either.
fn unsupported_operation(identifier: &Identifier, operation: &str) -> SparkError {
    let table = quote_parts(&identifier.parts());
    SparkError::new(
        "UNSUPPORTED_FEATURE.TABLE_OPERATION",
        "0A000",
        format!(
            "The feature is not supported: Table {table} does not support {operation}. Please check the current catalog and namespace to make sure the qualified table name is expected, \
             and also check the catalog implementation which is configured by \"spark.sql.catalog\"."
        ),
    )
    .with_param("tableName", table)
    .with_param("operation", operation)
}

/// The folders of the partitions that there are.
pub(super) async fn partitions(session: &SparkSession, table: &Table) -> Result<BTreeSet<String>> {
    if let Some(known) = &table.partitions {
        return Ok(known.clone());
    }
    session.catalog().folder(&table.location)?.partitions(&table.partition_by).await
}

/// A table must have partitions where they are spoken of.
pub(super) fn partitioned(identifier: &Identifier, table: &Table, operation: &str) -> Result<()> {
    if !table.partition_by.is_empty() {
        return Ok(());
    }
    let name = quote_parts(&identifier.parts());
    Err(SparkError::new(
        "INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY",
        "42601",
        format!("The partition command is invalid. Table {name} is not partitioned."),
    )
    .with_param("name", name)
    .with_param("operation", operation))
}

/// The folder of one whole partition.
fn whole(
    snapshot: &Snapshot,
    identifier: &Identifier,
    table: &Table,
    spec: &PartitionSpec,
) -> Result<String> {
    let values = partition_values(spec)?;
    if values.len() != table.partition_by.len()
        || values.iter().any(|(_, value)| *value == PartitionValue::Open)
    {
        let given: Vec<_> = values.iter().map(|(name, _)| name.clone()).collect();
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1232",
            "",
            format!(
                "Partition spec is invalid. The spec ({}) must match the partition spec ({}) defined in table '{}'.",
                given.join(", "),
                table.partition_by.join(", "),
                quote_parts(&identifier.parts())
            ),
        ));
    }
    partition_folder(table, identifier, &values, snapshot)
}

/// A folder as messages show a partition: `PARTITION (`a` = 1, `b` = x)`.
fn shown(folder: &str) -> String {
    let values: Vec<_> = folder
        .split('/')
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            format!("{} = {value}", quote(name))
        })
        .collect();
    format!("PARTITION ({})", values.join(", "))
}

async fn add_partitions(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    table: &mut Table,
    if_not_exists: bool,
    added: Vec<(PartitionSpec, Option<String>)>,
) -> Result<()> {
    partitioned(identifier, table, "ALTER TABLE ... ADD PARTITION")?;
    let there = partitions(session, table).await?;
    let mut folders = Vec::new();
    for (spec, location) in added {
        let folder = whole(snapshot, identifier, table, &spec)?;
        if there.contains(&folder) {
            if if_not_exists {
                continue;
            }
            return Err(errors::partitions_exist(&[shown(&folder)], &identifier.parts()[1..]));
        }
        let own = Location::parse(&format!("{}/{folder}", table.location))?;
        if location.map(|other| Location::parse(&other)).transpose()?.is_some_and(|other| other != own) {
            return Err(SparkError::unsupported("partitions with a LOCATION outside of their table"));
        }
        folders.push(folder);
    }
    for folder in folders {
        session.catalog().folder(&format!("{}/{folder}", table.location))?.create()?;
        if let Some(known) = &mut table.partitions {
            known.insert(folder);
        }
    }
    Ok(())
}

/// The partitions a spec, perhaps of some columns only, means.
pub(super) fn matching(
    snapshot: &Snapshot,
    identifier: &Identifier,
    table: &Table,
    there: &BTreeSet<String>,
    spec: &PartitionSpec,
) -> Result<Vec<String>> {
    let values = partition_values(spec)?;
    // One column at a time, since those named need not be the first ones.
    let mut wanted = Vec::new();
    for (name, value) in &values {
        let Some(column) = table.partition_by.iter().find(|column| snapshot.case.same(column, name)) else {
            partition_folder(table, identifier, &values, snapshot)?;
            return Ok(Vec::new());
        };
        if *value != PartitionValue::Open {
            let alone = Table { partition_by: vec![column.clone()], ..table.clone() };
            wanted.push(partition_folder(&alone, identifier, &[(name.clone(), value.clone())], snapshot)?);
        }
    }
    Ok(there
        .iter()
        .filter(|folder| wanted.iter().all(|part| folder.split('/').any(|name| name == part)))
        .cloned()
        .collect())
}

async fn drop_partitions(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    table: &mut Table,
    if_exists: bool,
    specs: &[PartitionSpec],
) -> Result<()> {
    partitioned(identifier, table, "ALTER TABLE ... DROP PARTITION")?;
    let there = partitions(session, table).await?;
    let mut dropped = BTreeSet::new();
    for spec in specs {
        let folders = matching(snapshot, identifier, table, &there, spec)?;
        if folders.is_empty() && !if_exists {
            let missing = partition_folder(table, identifier, &partition_values(spec)?, snapshot)?;
            return Err(errors::partitions_not_found(&[shown(&missing)], &identifier.parts()[1..]));
        }
        dropped.extend(folders);
    }
    if let Some(known) = &mut table.partitions {
        known.retain(|folder| !dropped.contains(folder));
    } else if !table.managed {
        // The files of external tables stay, so the list must say that they are no part of it.
        table.partitions = Some(there.difference(&dropped).cloned().collect());
    }
    session.files_changed(&table.location);
    if table.managed {
        for folder in dropped {
            session.catalog().folder(&format!("{}/{folder}", table.location))?.delete(false).await?;
        }
    }
    Ok(())
}

async fn rename_partition(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    table: &mut Table,
    from: &PartitionSpec,
    to: &PartitionSpec,
) -> Result<()> {
    partitioned(identifier, table, "ALTER TABLE ... RENAME TO PARTITION")?;
    let there = partitions(session, table).await?;
    let (from, to) = (whole(snapshot, identifier, table, from)?, whole(snapshot, identifier, table, to)?);
    if !there.contains(&from) {
        return Err(errors::partitions_not_found(&[shown(&from)], &identifier.parts()[1..]));
    }
    if there.contains(&to) {
        return Err(errors::partitions_exist(&[shown(&to)], &identifier.parts()[1..]));
    }
    let folder = |name: &str| session.catalog().folder(&format!("{}/{name}", table.location));
    folder(&from)?.move_to(&folder(&to)?).await?;
    if let Some(known) = &mut table.partitions {
        known.remove(&from);
        known.insert(to);
    }
    Ok(())
}

/// The partitions of a table, as SHOW PARTITIONS lists them.
///
/// # Errors
/// A table that is not there, or has no partitions.
pub async fn partition_names(session: &SparkSession, name: &Name) -> Result<BTreeSet<String>> {
    let snapshot = session.snapshot()?;
    let (identifier, table) = stored_table(session, &snapshot, name, "SHOW PARTITIONS").await?;
    partitioned(&identifier, &table, "SHOW PARTITIONS")?;
    partitions(session, &table).await
}

/// Makes all partition folders part of a table: MSCK REPAIR TABLE.
///
/// # Errors
/// A table that is not there, or has no partitions.
pub async fn recover(session: &SparkSession, name: &Name) -> Result<()> {
    let snapshot = session.snapshot()?;
    let (identifier, mut table) = stored_table(session, &snapshot, name, "MSCK REPAIR TABLE").await?;
    if table.partition_by.is_empty() {
        let name = quote_parts(&identifier.parts());
        return Err(SparkError::new(
            "NOT_A_PARTITIONED_TABLE",
            "42809",
            format!(
                "Operation MSCK REPAIR TABLE is not allowed for {name} because it is not a partitioned table."
            ),
        )
        .with_param("operation", "MSCK REPAIR TABLE")
        .with_param("tableIdentWithDB", name));
    }
    if table.partitions.take().is_some() {
        session.catalog().alter(&identifier, &Stored::Table(table)).await?;
    }
    Ok(())
}

/// Removes all rows of a table.
///
/// # Errors
/// A table that is not there, or not managed.
pub async fn truncate_table(session: &SparkSession, name: &Name) -> Result<()> {
    truncate(session, name, &Vec::new()).await.map(drop)
}

pub(super) async fn truncate(
    session: &SparkSession,
    name: &Name,
    partition: &PartitionSpec,
) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let (identifier, table) = stored_table(session, &snapshot, name, "TRUNCATE TABLE").await?;
    if !table.managed {
        let name = quote_parts(&identifier.parts());
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1266",
            "",
            format!("Operation not allowed: TRUNCATE TABLE on external tables: {name}."),
        ));
    }
    let folder = |below: &str| session.catalog().folder(&format!("{}{below}", table.location));
    session.files_changed(&table.location);
    if partition.is_empty() {
        folder("")?.delete(true).await?;
        return nothing();
    }
    partitioned(&identifier, &table, "TRUNCATE TABLE ... PARTITION")?;
    let there = partitions(session, &table).await?;
    let found = matching(&snapshot, &identifier, &table, &there, partition)?;
    if found.is_empty() {
        let missing = partition_folder(&table, &identifier, &partition_values(partition)?, &snapshot)?;
        return Err(errors::partitions_not_found(&[shown(&missing)], &identifier.parts()[1..]));
    }
    for name in found {
        folder(&format!("/{name}"))?.delete(true).await?;
    }
    nothing()
}
