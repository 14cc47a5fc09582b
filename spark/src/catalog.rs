//! The views and tables of a session.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;

use crate::analysis::scope::CaseRule;
use crate::error::{Result, SparkError};

/// The one catalog there is.
pub const CATALOG: &str = "spark_catalog";
/// The one schema (database) there is.
pub const SCHEMA: &str = "default";
/// The schema of global temporary views.
pub const GLOBAL_TEMP: &str = "global_temp";

/// A temporary view.
#[derive(Debug, Clone)]
pub struct View {
    /// What it shows.
    pub plan: LogicalPlan,
}

/// A table: files in a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Lower-case name of the format.
    pub format: String,
    /// The folder, as a path or URL.
    pub location: String,
    /// Options of reads and writes.
    pub options: BTreeMap<String, String>,
    /// Columns that are folders, outermost first.
    pub partition_by: Vec<String>,
    /// The columns, if they were declared; else the files tell.
    pub schema: Option<SchemaRef>,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A temporary view.
    View(View),
    /// A table.
    Table(Table),
}

#[derive(Debug, Default)]
struct Contents {
    views: BTreeMap<String, View>,
    global_views: BTreeMap<String, View>,
    tables: BTreeMap<String, Table>,
}

/// Temporary views hide tables of the same name, as in Spark.
#[derive(Debug, Default)]
pub struct Catalog {
    contents: RwLock<Contents>,
}

/// Which of the three name spaces a qualified name points into.
enum Place<'a> {
    Any(&'a str),
    Global(&'a str),
    Tables(&'a str),
}

fn place(name: &[String]) -> Option<Place<'_>> {
    match name {
        [name] => Some(Place::Any(name)),
        [schema, name] if schema.eq_ignore_ascii_case(GLOBAL_TEMP) => Some(Place::Global(name)),
        [schema, name] if schema.eq_ignore_ascii_case(SCHEMA) => Some(Place::Tables(name)),
        [catalog, schema, name]
            if catalog.eq_ignore_ascii_case(CATALOG) && schema.eq_ignore_ascii_case(SCHEMA) =>
        {
            Some(Place::Tables(name))
        }
        _ => None,
    }
}

fn key<'m, V>(map: &'m BTreeMap<String, V>, name: &str, case: CaseRule) -> Option<&'m String> {
    map.keys().find(|known| case.same(known, name))
}

impl Catalog {
    fn read<T>(&self, read: impl FnOnce(&Contents) -> T) -> T {
        read(&self.contents.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut Contents) -> T) -> T {
        write(&mut self.contents.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a name stands for, if anything.
    pub fn lookup(&self, name: &[String], case: CaseRule) -> Result<Option<Entry>> {
        Ok(self.read(|contents| {
            let view = |views: &BTreeMap<String, View>, name: &str| {
                key(views, name, case).and_then(|k| views.get(k)).cloned().map(Entry::View)
            };
            let table = |name: &str| {
                key(&contents.tables, name, case)
                    .and_then(|k| contents.tables.get(k))
                    .cloned()
                    .map(Entry::Table)
            };
            match place(name)? {
                Place::Any(name) => view(&contents.views, name).or_else(|| table(name)),
                Place::Global(name) => view(&contents.global_views, name),
                Place::Tables(name) => table(name),
            }
        }))
    }

    /// Adds a temporary view.
    pub fn create_view(
        &self,
        name: &[String],
        view: View,
        replace: bool,
        if_not_exists: bool,
        global: bool,
        case: CaseRule,
    ) -> Result<()> {
        let [name] = name else {
            return Err(SparkError::new(
                "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS",
                "428EK",
                format!(
                    "CREATE TEMPORARY VIEW or the corresponding Dataset APIs only accept single-part view names, but got: {}.",
                    name.join(".")
                ),
            )
            .with_param("actualName", name.join(".")));
        };
        self.write(|contents| {
            let views = if global { &mut contents.global_views } else { &mut contents.views };
            match key(views, name, case).cloned() {
                Some(_) if if_not_exists => Ok(()),
                Some(_) if !replace => Err(SparkError::temp_view_exists(std::slice::from_ref(name))),
                Some(old) => {
                    views.remove(&old);
                    views.insert(name.clone(), view);
                    Ok(())
                }
                None => {
                    views.insert(name.clone(), view);
                    Ok(())
                }
            }
        })
    }

    /// Adds a table.
    pub fn create_table(
        &self,
        name: &[String],
        table: Table,
        if_not_exists: bool,
        case: CaseRule,
    ) -> Result<()> {
        let short = table_name(name)?;
        self.write(|contents| match key(&contents.tables, &short, case) {
            Some(_) if if_not_exists => Ok(()),
            Some(_) => Err(SparkError::table_exists(&full_name(&short))),
            None => {
                contents.tables.insert(short.clone(), table);
                Ok(())
            }
        })
    }

    /// Takes out a view or table; what kind it is must be said rightly.
    pub fn drop(&self, name: &[String], view: bool, if_exists: bool, case: CaseRule) -> Result<()> {
        let dropped = self.write(|contents| {
            let remove_view = |views: &mut BTreeMap<String, View>, name: &str| {
                let found = key(views, name, case).cloned();
                found.and_then(|k| views.remove(&k)).is_some()
            };
            let mut tables = |name: &str| {
                let found = key(&contents.tables, name, case).cloned();
                match found {
                    Some(_) if view => Err(SparkError::new(
                        "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE",
                        "42809",
                        format!(
                            "'DROP VIEW' expects a view but {} is a table.",
                            crate::error::quote_parts(&full_name(name))
                        ),
                    )),
                    Some(k) => Ok(contents.tables.remove(&k).is_some()),
                    None => Ok(false),
                }
            };
            match place(name) {
                None => Ok(false),
                Some(Place::Global(name)) => Ok(remove_view(&mut contents.global_views, name)),
                Some(Place::Tables(name)) => tables(name),
                Some(Place::Any(name)) => {
                    if view && key(&contents.views, name, case).is_some() {
                        return Ok(remove_view(&mut contents.views, name));
                    }
                    if tables(name)? {
                        return Ok(true);
                    }
                    // DROP TABLE takes a temporary view too.
                    Ok(remove_view(&mut contents.views, name))
                }
            }
        })?;
        if dropped || if_exists {
            return Ok(());
        }
        let shown = match name {
            [name] => full_name(name).to_vec(),
            other => other.to_vec(),
        };
        Err(SparkError::table_not_found(&shown))
    }

    /// Namespace, name and whether it is temporary, ordered by name.
    pub fn list(&self) -> Vec<(String, String, bool)> {
        self.read(|contents| {
            let tables = contents.tables.keys().map(|n| (SCHEMA.to_owned(), n.clone(), false));
            let views = contents.views.keys().map(|n| (String::new(), n.clone(), true));
            let mut all: Vec<_> = tables.chain(views).collect();
            all.sort_by(|a, b| (a.2, &a.1).cmp(&(b.2, &b.1)));
            all
        })
    }
}

/// The name of a table in the one schema there is.
pub fn table_name(name: &[String]) -> Result<String> {
    match place(name) {
        Some(Place::Any(name) | Place::Tables(name)) => Ok(name.to_owned()),
        _ => Err(SparkError::schema_not_found(&with_catalog(&name[..name.len().saturating_sub(1)]))),
    }
}

/// A schema's name with the catalog before it.
pub fn with_catalog(schema: &[String]) -> Vec<String> {
    match schema {
        [schema] => vec![CATALOG.to_owned(), schema.clone()],
        other => other.to_vec(),
    }
}

/// A table's name with catalog and schema.
pub fn full_name(name: &str) -> [String; 3] {
    [CATALOG.to_owned(), SCHEMA.to_owned(), name.to_owned()]
}
