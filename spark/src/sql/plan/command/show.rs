//! SHOW.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};

use super::alter::{matching, partitioned, partitions};
use super::describe::{details, tree};
use super::{Planned, columns_of, local, pairs, stored, stored_table, strings};
use crate::catalog::{CATALOG, Column, Identifier, Listed, Stored, StoredView, Table, errors};
use crate::error::{Result, SparkError, quote};
use crate::functions::builtin;
use crate::session::{Snapshot, SparkSession};
use crate::sql::statement::{Name, PartitionSpec, Show};

pub(super) async fn show(session: &SparkSession, what: Show) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    match what {
        Show::Databases(pattern) => {
            let names = session.catalog().databases().await?.into_iter().map(|database| database.name);
            strings(&["namespace"], vec![select(names, pattern.as_deref())])
        }
        Show::Tables { views_only, database, pattern } => {
            let listed =
                tables(session, &snapshot, database.as_ref(), pattern.as_deref(), views_only).await?;
            show_tables(&listed, if views_only { "viewName" } else { "tableName" }, None)
        }
        Show::TableExtended { database, pattern, partition } => {
            extended(session, &snapshot, database.as_ref(), &pattern, &partition).await
        }
        Show::Columns(name) => {
            let names = match session.catalog().temp_view(&name.parts, snapshot.case) {
                Some(view) => columns_of(&view.plan).into_iter().map(|(name, _)| name).collect(),
                None => {
                    let (_, found) = stored(session, &snapshot, &name).await?;
                    found.columns().iter().map(|column| column.name.clone()).collect()
                }
            };
            strings(&["col_name"], vec![names])
        }
        Show::Partitions(name, spec) => {
            let (identifier, table) = stored_table(session, &snapshot, &name, "SHOW PARTITIONS").await?;
            partitioned(&identifier, &table, "SHOW PARTITIONS")?;
            let there = partitions(session, &table).await?;
            let shown = matching(&snapshot, &identifier, &table, &there, &spec)?;
            strings(&["partition"], vec![shown])
        }
        Show::CreateTable(name) => {
            if session.catalog().temp_view(&name.parts, snapshot.case).is_some() {
                return Err(errors::temp_object(&name.parts, "SHOW CREATE TABLE").at(name.position));
            }
            let (identifier, found) = stored(session, &snapshot, &name).await?;
            strings(&["createtab_stmt"], vec![vec![create_statement(&identifier, &found)]])
        }
        Show::Properties(name, key) => properties(session, &snapshot, &name, key).await,
        Show::Functions { user, system, pattern } => {
            let mut names = if system { builtin::names().map(str::to_owned).collect() } else { Vec::new() };
            if user {
                names.extend(user_functions(session, &snapshot).await?);
                names.sort();
                names.dedup();
            }
            strings(&["function"], vec![select(names, pattern.as_deref())])
        }
        Show::Catalogs(pattern) => {
            strings(&["catalog"], vec![select([CATALOG.to_owned()], pattern.as_deref())])
        }
        Show::CurrentNamespace => {
            pairs(["catalog", "namespace"], [(CATALOG.to_owned(), session.catalog().current_database())])
        }
    }
}

/// The names that a pattern selects.
fn select(names: impl IntoIterator<Item = String>, pattern: Option<&str>) -> Vec<String> {
    names.into_iter().filter(|name| pattern.is_none_or(|p| matches_pattern(name, p))).collect()
}

/// Names of the functions that are not built in: temporary ones, and those of the current database.
async fn user_functions(session: &SparkSession, snapshot: &Snapshot) -> Result<Vec<String>> {
    let stored = session.catalog().list_routines(&[]).await?;
    let stored = stored.into_iter().map(|(identifier, _)| identifier.parts().join("."));
    Ok(snapshot.routines.temporary.keys().cloned().chain(stored).collect())
}

/// Spark's patterns of SHOW: `*` for any characters, `|` between alternatives, case ignored.
pub fn matches_pattern(name: &str, pattern: &str) -> bool {
    fn glob(name: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|i| glob(&name[i..], rest)),
            Some((c, rest)) => name.first() == Some(c) && glob(&name[1..], rest),
        }
    }
    let name: Vec<char> = name.to_lowercase().chars().collect();
    pattern.split('|').any(|p| glob(&name, &p.trim().to_lowercase().chars().collect::<Vec<_>>()))
}

async fn tables(
    session: &SparkSession,
    snapshot: &Snapshot,
    database: Option<&Name>,
    pattern: Option<&str>,
    views_only: bool,
) -> Result<Vec<Listed>> {
    let database = database.map(|name| name.parts.as_slice()).unwrap_or_default();
    let mut listed = session.catalog().list(database, snapshot.case).await?;
    listed.retain(|entry| {
        (!views_only || !matches!(entry.stored, Some(Stored::Table(_))))
            && pattern.is_none_or(|p| matches_pattern(&entry.name, p))
    });
    Ok(listed)
}

fn show_tables(listed: &[Listed], name_column: &str, information: Option<Vec<String>>) -> Result<Planned> {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let mut fields =
        vec![text("namespace"), text(name_column), Field::new("isTemporary", DataType::Boolean, false)];
    let databases = listed.iter().map(|entry| entry.database.as_str());
    let names = listed.iter().map(|entry| entry.name.as_str());
    let temporary: Vec<_> = listed.iter().map(|entry| entry.temporary).collect();
    let mut arrays: Vec<datafusion::arrow::array::ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(databases)),
        Arc::new(StringArray::from_iter_values(names)),
        Arc::new(BooleanArray::from(temporary)),
    ];
    if let Some(information) = information {
        fields.push(text("information"));
        arrays.push(Arc::new(StringArray::from(information)));
    }
    local(fields, arrays)
}

async fn extended(
    session: &SparkSession,
    snapshot: &Snapshot,
    database: Option<&Name>,
    pattern: &str,
    partition: &PartitionSpec,
) -> Result<Planned> {
    if !partition.is_empty() {
        return Err(SparkError::unsupported("SHOW TABLE EXTENDED ... PARTITION"));
    }
    let listed = tables(session, snapshot, database, Some(pattern), false).await?;
    let mut information = Vec::with_capacity(listed.len());
    for entry in &listed {
        let lines = match &entry.stored {
            Some(found) => {
                let identifier = Identifier { database: entry.database.clone(), name: entry.name.clone() };
                let mut lines = details(&identifier, found);
                if let Stored::Table(table) = found
                    && !table.partition_by.is_empty()
                {
                    let columns: Vec<_> = table.partition_by.iter().map(|name| quote(name)).collect();
                    lines.push(("Partition Columns".to_owned(), format!("[{}]", columns.join(", "))));
                }
                lines.push(("Schema".to_owned(), tree(found.columns(), &snapshot.time_zone)?));
                lines
            }
            None => {
                let name = [entry.name.clone()];
                let view = session.catalog().temp_view(&name, snapshot.case);
                let columns: Vec<Column> = view
                    .map(|view| columns_of(&view.plan))
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(name, data_type)| Column::new(name, &data_type, true))
                    .collect();
                vec![
                    ("Table".to_owned(), entry.name.clone()),
                    ("Type".to_owned(), "VIEW".to_owned()),
                    ("Schema".to_owned(), tree(&columns, &snapshot.time_zone)?),
                ]
            }
        };
        let text: Vec<_> = lines.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        information.push(format!("{}\n", text.join("\n")));
    }
    show_tables(&listed, "tableName", Some(information))
}

async fn properties(
    session: &SparkSession,
    snapshot: &Snapshot,
    name: &Name,
    key: Option<String>,
) -> Result<Planned> {
    let (identifier, found) = match session.catalog().temp_view(&name.parts, snapshot.case) {
        // A temporary view has none.
        Some(_) => return pairs(["key", "value"], []),
        None => stored(session, snapshot, name).await?,
    };
    let all = found.properties();
    let Some(key) = key else {
        return pairs(["key", "value"], all.clone());
    };
    let value = all
        .get(&key)
        .cloned()
        .unwrap_or_else(|| format!("Table {} does not have property: {key}", identifier.parts().join(".")));
    pairs(["key", "value"], [(key, value)])
}

/// The statement that makes a table or view again.
pub fn create_statement(identifier: &Identifier, found: &Stored) -> String {
    match found {
        Stored::Table(table) => create_table(identifier, table),
        Stored::View(view) => create_view(identifier, view),
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn list(rows: &BTreeMap<String, String>) -> String {
    let rows: Vec<_> =
        rows.iter().map(|(key, value)| format!("  {} = {}", literal(key), literal(value))).collect();
    rows.join(",\n")
}

/// A name as it can be written: quoted only where it must be.
fn written(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain { name.to_owned() } else { quote(name) }
}

fn create_table(identifier: &Identifier, table: &Table) -> String {
    let mut text = format!(
        "CREATE TABLE {}.{}.{} (\n",
        CATALOG,
        written(&identifier.database),
        written(&identifier.name)
    );
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| {
            let comment =
                column.comment.as_ref().map(|text| format!(" COMMENT {}", literal(text))).unwrap_or_default();
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("  {} {}{null}{comment}", written(&column.name), sql_type(&column.data_type))
        })
        .collect();
    text.push_str(&format!("{})\nUSING {}\n", columns.join(",\n"), table.format));
    if !table.options.is_empty() {
        text.push_str(&format!("OPTIONS (\n{})\n", list(&table.options)));
    }
    if !table.partition_by.is_empty() {
        let names: Vec<_> = table.partition_by.iter().map(|name| written(name)).collect();
        text.push_str(&format!("PARTITIONED BY ({})\n", names.join(", ")));
    }
    if let Some(comment) = &table.comment {
        text.push_str(&format!("COMMENT {}\n", literal(comment)));
    }
    if !table.managed {
        text.push_str(&format!("LOCATION {}\n", literal(&table.location)));
    }
    if !table.properties.is_empty() {
        text.push_str(&format!("TBLPROPERTIES (\n{})\n", list(&table.properties)));
    }
    text
}

/// A type as it stands in DDL: in capitals, but not the names of fields, which stand before colons.
fn sql_type(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    // Precision and scale stand close together, fields and types of maps do not.
    let mut in_parens = false;
    for part in name.split_inclusive([':', ',', '<', '>', '(', ')']) {
        match part.strip_suffix(':') {
            Some(field) => out.push_str(&format!("{field}: ")),
            None => out.push_str(&part.to_uppercase()),
        }
        in_parens = part.ends_with('(') || (in_parens && !part.ends_with(')'));
        if part.ends_with(',') && !in_parens {
            out.push(' ');
        }
    }
    out
}

fn create_view(identifier: &Identifier, view: &StoredView) -> String {
    let mut text = format!("CREATE VIEW {}.{} (\n", written(&identifier.database), written(&identifier.name));
    let columns: Vec<_> = view
        .columns
        .iter()
        .map(|column| {
            let comment =
                column.comment.as_ref().map(|text| format!(" COMMENT {}", literal(text))).unwrap_or_default();
            format!("  {}{comment}", written(&column.name))
        })
        .collect();
    text.push_str(&format!("{})\n", columns.join(",\n")));
    if let Some(comment) = &view.comment {
        text.push_str(&format!("COMMENT {}\n", literal(comment)));
    }
    if !view.properties.is_empty() {
        text.push_str(&format!("TBLPROPERTIES (\n{})\n", list(&view.properties)));
    }
    text.push_str(&format!("WITH SCHEMA COMPENSATION\nAS {}\n", view.sql));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_make_a_table_again_are_sparks() {
        // Recorded with Spark 4.1.1.
        let expected = "CREATE TABLE spark_catalog.d1.e (\n  a INT)\nUSING csv\nOPTIONS (\n  'header' = 'true',\n  'sep' = ';')\nLOCATION 'file:/data/e'\n";
        let text = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let table = Table {
            format: "csv".to_owned(),
            location: "file:/data/e".to_owned(),
            managed: false,
            columns: vec![Column::new("a", &Field::new("a", DataType::Int32, true), true)],
            partition_by: Vec::new(),
            partitions: None,
            options: text(&[("sep", ";"), ("header", "true")]),
            comment: None,
            properties: BTreeMap::new(),
            created: 0,
        };
        let identifier = Identifier { database: "d1".to_owned(), name: "e".to_owned() };
        assert_eq!(create_statement(&identifier, &Stored::Table(table)), expected);
    }

    #[test]
    fn types_in_statements_keep_the_names_of_fields() {
        assert_eq!(sql_type("struct<x:int,y:decimal(10,2)>"), "STRUCT<x: INT, y: DECIMAL(10,2)>");
    }

    #[test]
    fn patterns_are_those_of_show() {
        assert!(matches_pattern("Sales_2024", "sales*"));
        assert!(matches_pattern("b", "a|b"));
        assert!(!matches_pattern("abc", "b"));
    }
}
