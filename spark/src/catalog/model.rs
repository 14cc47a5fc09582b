//! What the catalog keeps of databases, tables and views: the content of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::types;

/// A database, also called schema or namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// COMMENT; empty if there is none.
    #[serde(default)]
    pub comment: String,
    /// Folder of its managed tables, as Hadoop prints it.
    pub location: String,
    /// DBPROPERTIES.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// Who made it.
    #[serde(default)]
    pub owner: String,
}

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as DESCRIBE prints it: `int`, `varchar(10)`, `array<string>`.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Without NOT NULL.
    pub nullable: bool,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Column {
    /// A column of an Arrow type.
    pub fn new(name: impl Into<String>, field: &Field, nullable: bool) -> Self {
        Self { name: name.into(), data_type: types::ddl_name(field), nullable, comment: None }
    }

    /// A column of the name as the engine has it; timestamps get the session time zone.
    pub fn arrow_field(&self, time_zone: &str) -> Result<Field> {
        let field = types::from_sql_marked(&crate::sql::statement::parse_type(&self.data_type)?, time_zone)?;
        Ok(field.with_name(&self.name))
    }
}

/// The columns of an Arrow schema.
pub fn columns_of(schema: &Schema) -> Vec<Column> {
    schema.fields().iter().map(|f| Column::new(f.name(), f, f.is_nullable())).collect()
}

/// Columns as an Arrow schema; timestamps get the session time zone.
pub fn schema_of(columns: &[Column], time_zone: &str) -> Result<SchemaRef> {
    let fields: Result<Vec<Field>> = columns
        .iter()
        .map(|column| Ok(column.arrow_field(time_zone)?.with_nullable(column.nullable)))
        .collect();
    Ok(Arc::new(Schema::new(fields?)))
}

/// A table: files in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Lower-case name of the format.
    pub format: String,
    /// The folder, as a path or URL.
    pub location: String,
    /// Its files go when it is dropped.
    pub managed: bool,
    /// All columns, those that are folders last.
    pub columns: Vec<Column>,
    /// Columns that are folders, outermost first.
    #[serde(default)]
    pub partition_by: Vec<String>,
    /// The partition folders that belong to the table; `None`: all that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<BTreeSet<String>>,
    /// Options of reads and writes.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// TBLPROPERTIES.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// When it was made, in milliseconds since 1970.
    #[serde(default)]
    pub created: i64,
}

impl Table {
    /// Its columns as an Arrow schema.
    pub fn schema(&self, time_zone: &str) -> Result<SchemaRef> {
        schema_of(&self.columns, time_zone)
    }

    /// MANAGED or EXTERNAL.
    pub fn kind(&self) -> &'static str {
        if self.managed { "MANAGED" } else { "EXTERNAL" }
    }
}

/// A view that outlives its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredView {
    /// Text of its query.
    pub sql: String,
    /// The columns it showed when it was made.
    pub columns: Vec<Column>,
    /// The names of the query's columns, which `columns` renames by position.
    pub query_columns: Vec<String>,
    /// Whether it was made with a list of column names.
    #[serde(default)]
    pub renamed: bool,
    /// The database in which its text is read.
    pub database: String,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// TBLPROPERTIES.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// When it was made, in milliseconds since 1970.
    #[serde(default)]
    pub created: i64,
}

/// What a file of the catalog describes, beside databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Stored {
    /// A table.
    Table(Table),
    /// A view.
    View(StoredView),
}

impl Stored {
    /// COMMENT.
    pub fn comment(&self) -> Option<&str> {
        match self {
            Self::Table(table) => table.comment.as_deref(),
            Self::View(view) => view.comment.as_deref(),
        }
    }

    /// TBLPROPERTIES.
    pub fn properties(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Table(table) => &table.properties,
            Self::View(view) => &view.properties,
        }
    }

    /// TBLPROPERTIES, to be changed.
    pub fn properties_mut(&mut self) -> &mut BTreeMap<String, String> {
        match self {
            Self::Table(table) => &mut table.properties,
            Self::View(view) => &mut view.properties,
        }
    }

    /// Its columns.
    pub fn columns(&self) -> &[Column] {
        match self {
            Self::Table(table) => &table.columns,
            Self::View(view) => &view.columns,
        }
    }

    /// MANAGED, EXTERNAL or VIEW.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Table(table) => table.kind(),
            Self::View(_) => "VIEW",
        }
    }
}
