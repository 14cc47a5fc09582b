//! CREATE VIEW, CREATE TABLE, CREATE DATABASE.

mod view;

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::DataType as SqlType;

pub(super) use self::view::{planned_view, view};
use super::insert::{file_format, writable};
use super::{AfterWrite, Planned, WriteCommand, columns_of, nothing, plan_query};
use crate::analysis::scope::CaseRule;
use crate::catalog::model::columns_of as columns_of_schema;
use crate::catalog::table::unique_columns;
use crate::catalog::{Column, Database, Entry, Identifier, Stored, Table, errors};
use crate::error::{Result, SparkError, quote, quote_parts};
use crate::session::{Snapshot, SparkSession};
use crate::source::{self, paths::Location};
use crate::sql::statement::{ColumnDef, CreateDatabase, CreateTable, Name};
use crate::types;
use crate::write::{SaveMode, WriteSpec};

pub(super) async fn database(session: &SparkSession, create: CreateDatabase) -> Result<Planned> {
    let case = session.snapshot()?.case;
    let location = match &create.location {
        Some(location) => Location::parse(location)?.display(),
        None => String::new(),
    };
    let database = Database {
        name: String::new(),
        comment: create.comment.unwrap_or_default(),
        location,
        properties: create.properties,
        owner: owner(),
    };
    session.catalog().create_database(&create.name.parts, database, create.if_not_exists, case).await?;
    nothing()
}

/// Who runs the driver.
fn owner() -> String {
    std::env::var("SPARK_USER").or_else(|_| std::env::var("USER")).unwrap_or_default()
}

fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// Takes the option `path`, however it is written, out of the others.
pub(super) fn split_path(options: BTreeMap<String, String>) -> (Vec<String>, BTreeMap<String, String>) {
    let (paths, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
        options.into_iter().partition(|(key, _)| key.eq_ignore_ascii_case("path"));
    (paths.into_values().collect(), rest)
}

/// The columns that a list declares.
pub(super) fn declared(columns: &[ColumnDef], time_zone: &str) -> Result<Vec<Column>> {
    columns
        .iter()
        .map(|column| {
            let sql = column.data_type.as_ref().ok_or_else(|| {
                SparkError::new(
                    "PARSE_SYNTAX_ERROR",
                    "42601",
                    format!("The column {} has no type.", quote(&column.name)),
                )
            })?;
            let data_type = types::from_sql_marked(sql, time_zone)?;
            let mut kept = Column::new(&column.name, &data_type, column.nullable);
            // Arrow knows no length of strings; DESCRIBE does.
            if matches!(
                sql,
                SqlType::Char(_) | SqlType::Character(_) | SqlType::Varchar(_) | SqlType::CharVarying(_)
            ) {
                kept.data_type = sql.to_string().to_lowercase();
            }
            kept.comment.clone_from(&column.comment);
            Ok(kept)
        })
        .collect()
}

/// What a new table is to be.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// Empty for the default.
    pub format: String,
    /// LOCATION; without it and without the option `path` the table is managed.
    pub location: Option<String>,
    /// OPTIONS.
    pub options: BTreeMap<String, String>,
    /// Empty where the files or a query tell.
    pub columns: Vec<Column>,
    /// PARTITIONED BY.
    pub partition_by: Vec<String>,
    /// COMMENT.
    pub comment: Option<String>,
    /// TBLPROPERTIES.
    pub properties: BTreeMap<String, String>,
}

/// A table for the catalog. Its columns are put in Spark's order, folders last; its location is found.
///
/// # Errors
/// An unknown format, partition columns that are none.
pub async fn new_table(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    new: NewTable,
) -> Result<Table> {
    let format = if new.format.is_empty() {
        snapshot.default_format.to_lowercase()
    } else {
        new.format.to_lowercase()
    };
    file_format(&format)?;
    let (paths, options) = split_path(new.options);
    let external = new.location.or(paths.into_iter().next());
    let managed = external.is_none();
    let location = match external {
        Some(location) => Location::parse(&location)?.display(),
        None => session.catalog().managed_location(identifier).await?,
    };
    let mut table = Table {
        format,
        location,
        managed,
        columns: new.columns,
        partition_by: new.partition_by,
        partitions: None,
        options,
        comment: new.comment,
        properties: new.properties,
        created: now(),
    };
    arrange(&mut table, identifier, snapshot.case)?;
    if table.format == "csv" {
        for column in &table.columns {
            let data_type = column.arrow_field(&snapshot.time_zone)?;
            if data_type.data_type().is_nested() {
                return Err(unsupported_type("CSV", &column.name, data_type.data_type()));
            }
        }
    }
    Ok(table)
}

fn unsupported_type(format: &str, column: &str, data_type: &DataType) -> SparkError {
    let (column, kind) = (quote(column), format!("\"{}\"", types::sql_name(data_type)));
    SparkError::new(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
        "0A000",
        format!("The {format} datasource doesn't support the column {column} of the type {kind}."),
    )
    .with_param("format", format)
    .with_param("columnName", column)
    .with_param("columnType", kind)
}

/// Puts the partition columns last and checks them.
fn arrange(table: &mut Table, identifier: &Identifier, case: CaseRule) -> Result<()> {
    if table.columns.is_empty() {
        return Ok(());
    }
    for (i, column) in table.columns.iter().enumerate() {
        if table.columns[..i].iter().any(|other| case.same(&other.name, &column.name)) {
            return Err(SparkError::column_exists(&column.name.to_lowercase()));
        }
    }
    let mut last = Vec::new();
    for name in &mut table.partition_by {
        let Some(at) = table.columns.iter().position(|column| case.same(&column.name, name)) else {
            return Err(partition_not_defined(name, identifier, &table.columns));
        };
        let column = table.columns.remove(at);
        name.clone_from(&column.name);
        last.push(column);
    }
    if table.columns.is_empty() {
        return Err(SparkError::new(
            "ALL_PARTITION_COLUMNS_NOT_ALLOWED",
            "KD005",
            "Cannot use all columns for partition columns.",
        ));
    }
    table.columns.extend(last);
    Ok(())
}

fn partition_not_defined(name: &str, identifier: &Identifier, columns: &[Column]) -> SparkError {
    let list: Vec<_> = columns.iter().map(|column| quote(&column.name)).collect();
    let (name, table, list) = (quote(name), quote_parts(&identifier.parts()), list.join(", "));
    SparkError::new(
        "COLUMN_NOT_DEFINED_IN_TABLE",
        "42703",
        format!(
            "partition column {name} is not defined in table {table}, defined table columns are: {list}."
        ),
    )
    .with_param("colType", "partition")
    .with_param("colName", name)
    .with_param("tableName", table)
    .with_param("tableCols", list)
}

/// Whether a name is still free. `Ok(false)` if it is taken and IF NOT EXISTS says that this is well.
async fn free(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    if_not_exists: bool,
) -> Result<bool> {
    // The database must be there whatever else.
    session.catalog().managed_location(identifier).await?;
    match session.catalog().stored(&identifier.parts(), snapshot.case).await? {
        Some(_) if if_not_exists => Ok(false),
        Some(_) => Err(SparkError::table_exists(&identifier.parts())),
        None => Ok(true),
    }
}

pub(super) async fn table(session: &SparkSession, create: CreateTable) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let identifier = session.catalog().identifier(&create.name.parts, snapshot.case)?;
    if !free(session, &snapshot, &identifier, create.if_not_exists).await? {
        return nothing();
    }
    let partition_by: Vec<String> = create.partitioned_by.iter().map(|c| c.name.clone()).collect();
    let mut columns = declared(&create.table.columns, &snapshot.time_zone)?;
    let typed: Vec<ColumnDef> =
        create.partitioned_by.iter().filter(|c| c.data_type.is_some()).cloned().collect();
    columns.extend(declared(&typed, &snapshot.time_zone)?);
    let mut new = NewTable {
        format: create.table.format,
        location: create.location,
        options: create.table.options,
        columns,
        partition_by,
        comment: create.comment,
        properties: create.properties,
    };
    let Some(query) = create.query else {
        let table = new_table(session, &snapshot, &identifier, new).await?;
        add(session, &snapshot, &identifier, table, create.if_not_exists).await?;
        return nothing();
    };
    if !new.columns.is_empty() {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_0035",
            "",
            "Operation not allowed: Schema may not be specified in a Create Table As Select (CTAS) statement.",
        ));
    }
    let input = plan_query(session, &query).await?;
    new.columns = query_columns(&input);
    let how = CreateAs { mode: SaveMode::ErrorIfExists, replace: false, if_not_exists: create.if_not_exists };
    let command = create_as(session, &snapshot, identifier, new, input, how).await?;
    Ok(Planned::Write(command))
}

/// The columns a query gives to a new table: they may be null.
pub fn query_columns(input: &LogicalPlan) -> Vec<Column> {
    columns_of(input).into_iter().map(|(name, data_type)| Column::new(name, &data_type, true)).collect()
}

/// How a table of the rows of a query comes into being.
#[derive(Debug, Clone, Copy)]
pub struct CreateAs {
    /// What becomes of files that are at its LOCATION.
    pub mode: SaveMode,
    /// It takes the place of the table of its name.
    pub replace: bool,
    /// Another that came into being meanwhile stays.
    pub if_not_exists: bool,
}

/// A table of the rows of a query.
///
/// # Errors
/// A folder that holds files already, unless they are to be replaced.
pub async fn create_as(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: Identifier,
    new: NewTable,
    input: LogicalPlan,
    how: CreateAs,
) -> Result<WriteCommand> {
    unique_columns(&input, snapshot.case)?;
    let table = new_table(session, snapshot, &identifier, new).await?;
    let input = writable(input, &table, snapshot)?;
    let free = session.catalog().folder(&table.location)?.is_empty().await?;
    if !free && table.managed && !how.replace {
        return Err(errors::location_exists(&identifier.parts(), &table.location));
    }
    let allowed = session.conf().get_str("spark.sql.legacy.allowNonEmptyLocationInCTAS") == Some("true");
    if !free && how.mode == SaveMode::ErrorIfExists && !allowed {
        return Err(non_empty(&table.location));
    }
    let target = WriteSpec {
        path: table.location.clone(),
        format: file_format(&table.format)?,
        // That there are no files is known by now; an empty folder may be there.
        mode: if how.mode == SaveMode::Overwrite { SaveMode::Overwrite } else { SaveMode::Append },
        partition_by: table.partition_by.clone(),
        options: table.options.clone(),
        within: String::new(),
    };
    let CreateAs { replace, if_not_exists, .. } = how;
    let table = Box::new(Stored::Table(table));
    let then = AfterWrite::Create { identifier, table, replace, if_not_exists };
    Ok(WriteCommand { input, target, then })
}

fn non_empty(location: &str) -> SparkError {
    SparkError::new(
        "_LEGACY_ERROR_TEMP_1241",
        "",
        format!(
            "CREATE-TABLE-AS-SELECT cannot create table with location to a non-empty directory {location}. \
             To allow overwriting the existing non-empty directory, set 'spark.sql.legacy.allowNonEmptyLocationInCTAS' to true."
        ),
    )
}

/// Learns the columns of a table from its files.
async fn infer(snapshot: &Snapshot, table: &mut Table) -> Result<()> {
    if !table.partition_by.is_empty() {
        return Err(SparkError::new(
            "SPECIFY_PARTITION_IS_NOT_ALLOWED",
            "42601",
            "A CREATE TABLE without explicit column list cannot specify PARTITIONED BY.\n\
             Please use the form of CREATE TABLE with specified column list and PARTITIONED BY.\n\
             Alternatively, convert your CREATE TABLE to CREATE TABLE with an AS SELECT.",
        ));
    }
    if table.managed {
        let title = match table.format.as_str() {
            "parquet" => "Parquet",
            "csv" => "CSV",
            "json" => "JSON",
            other => other,
        };
        return Err(SparkError::new(
            "UNABLE_TO_INFER_SCHEMA",
            "42KD9",
            format!("Unable to infer schema for {title}. It must be specified manually."),
        )
        .with_param("format", title));
    }
    let paths = std::slice::from_ref(&table.location);
    let provider = source::resolve(&snapshot.state, &table.format, paths, &table.options, None).await?;
    table.columns = columns_of_schema(&provider.schema());
    if let Some(files) = provider.downcast_ref::<source::table::FileTable>() {
        table.partition_by = files.partition_names().into_iter().map(str::to_owned).collect();
    }
    Ok(())
}

/// Adds a table over the files at its location, if there are any; where it has no columns, the files
/// tell. Partitions whose folders are there already are not part of it until they
/// are recovered.
pub async fn add(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    mut table: Table,
    if_not_exists: bool,
) -> Result<()> {
    if table.columns.is_empty() {
        infer(snapshot, &mut table).await?;
    }
    let folder = session.catalog().folder(&table.location)?;
    let empty = folder.is_empty().await?;
    if table.managed && !empty {
        return Err(errors::location_exists(&identifier.parts(), &table.location));
    }
    if !table.partition_by.is_empty() && !empty {
        table.partitions = Some(BTreeSet::new());
    }
    let managed = table.managed;
    session.catalog().create(identifier, &Stored::Table(table), false, if_not_exists).await?;
    if managed { folder.create() } else { Ok(()) }
}

pub(super) async fn table_like(session: &SparkSession, create: CreateTable, like: &Name) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let identifier = session.catalog().identifier(&create.name.parts, snapshot.case)?;
    let source = match session.catalog().lookup(&like.parts, snapshot.case).await? {
        None => return Err(SparkError::table_not_found(&like.parts).at(like.position)),
        Some(Entry::Table(table)) => table,
        Some(Entry::Stored(view)) => template(view.columns, &snapshot),
        Some(Entry::View(view)) => {
            let schema: &DFSchema = view.plan.schema();
            template(columns_of_schema(schema.as_arrow()), &snapshot)
        }
    };
    if !free(session, &snapshot, &identifier, create.if_not_exists).await? {
        return nothing();
    }
    let new = NewTable {
        format: if create.table.format.is_empty() { source.format } else { create.table.format },
        location: create.location,
        options: if create.table.options.is_empty() { source.options } else { create.table.options },
        columns: source.columns,
        partition_by: source.partition_by,
        comment: source.comment,
        properties: create.properties,
    };
    let table = new_table(session, &snapshot, &identifier, new).await?;
    add(session, &snapshot, &identifier, table, create.if_not_exists).await?;
    nothing()
}

/// A table with the columns of a view, to be copied.
fn template(columns: Vec<Column>, snapshot: &Snapshot) -> Table {
    Table {
        format: snapshot.default_format.clone(),
        location: String::new(),
        managed: true,
        columns,
        partition_by: Vec::new(),
        partitions: None,
        options: BTreeMap::new(),
        comment: None,
        properties: BTreeMap::new(),
        created: 0,
    }
}
