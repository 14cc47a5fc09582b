//! DESCRIBE.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::LogicalPlan;

use super::alter::{matching, partitions};
use super::{Planned, columns_of, local, pairs, plan_query, stored};
use crate::catalog::{CATALOG, Column, Identifier, Stored};
use crate::error::{Result, SparkError, quote, quote_parts};
use crate::session::{Snapshot, SparkSession};
use crate::sql::statement::{Describe, Name, PartitionSpec};
use crate::types;

pub(super) async fn describe(session: &SparkSession, what: Describe) -> Result<Planned> {
    match what {
        Describe::Query(query) => rows(plan_columns(&plan_query(session, &query).await?)),
        Describe::Table { name, extended, partition, column } => {
            table(session, &name, extended, &partition, column).await
        }
        Describe::Database { name, extended } => database(session, &name, extended).await,
        Describe::Function { name, extended } => super::function::describe(session, &name, extended).await,
    }
}

/// Name, type and comment of a column or of a line of details.
type Row = (String, String, Option<String>);

fn plan_columns(plan: &LogicalPlan) -> Vec<Row> {
    columns_of(plan).into_iter().map(|(name, t)| (name, types::simple_name_of(&t), None)).collect()
}

fn column_row(column: &Column) -> Row {
    (column.name.clone(), column.data_type.clone(), column.comment.clone())
}

fn rows(rows: Vec<Row>) -> Result<Planned> {
    let names = rows.iter().map(|row| row.0.as_str());
    let kinds = rows.iter().map(|row| row.1.as_str());
    let comments: StringArray = rows.iter().map(|row| row.2.as_deref()).collect();
    local(
        vec![
            Field::new("col_name", DataType::Utf8, false),
            Field::new("data_type", DataType::Utf8, false),
            Field::new("comment", DataType::Utf8, true),
        ],
        vec![
            Arc::new(StringArray::from_iter_values(names)),
            Arc::new(StringArray::from_iter_values(kinds)),
            Arc::new(comments),
        ],
    )
}

async fn table(
    session: &SparkSession,
    name: &Name,
    extended: bool,
    partition: &PartitionSpec,
    column: Option<Vec<String>>,
) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    if let Some(view) = session.catalog().temp_view(&name.parts, snapshot.case) {
        let columns = plan_columns(&view.plan);
        return match column {
            Some(wanted) => describe_column(&snapshot, columns, &wanted),
            None => rows(columns),
        };
    }
    let (identifier, found) = stored(session, &snapshot, name).await?;
    let columns: Vec<Row> = found.columns().iter().map(column_row).collect();
    if let Some(wanted) = column {
        return describe_column(&snapshot, columns, &wanted);
    }
    let mut shown = columns;
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned(), Some(String::new()));
    if let Stored::Table(table) = &found
        && !table.partition_by.is_empty()
    {
        shown.push(line("# Partition Information", ""));
        shown.push(("# col_name".to_owned(), "data_type".to_owned(), Some("comment".to_owned())));
        let first = table.columns.len() - table.partition_by.len();
        shown.extend(table.columns[first..].iter().map(column_row));
        if !partition.is_empty() {
            let there = partitions(session, table).await?;
            let folders = matching(&snapshot, &identifier, table, &there, partition)?;
            let [folder] = folders.as_slice() else {
                return Err(SparkError::unsupported("DESCRIBE of a partition that is not there"));
            };
            if extended {
                shown.push(line("", ""));
                shown.push(line("# Detailed Partition Information", ""));
                shown.push(line("Database", &identifier.database));
                shown.push(line("Table", &identifier.name));
                shown.push(line("Partition Values", &format!("[{}]", folder.replace('/', ", "))));
                shown.push(line("Location", &format!("{}/{folder}", table.location)));
                shown.push(line("", ""));
                shown.push(line("# Storage Information", ""));
                shown.push(line("Location", &table.location));
            }
        }
    }
    if extended && partition.is_empty() {
        shown.push(line("", ""));
        shown.push(line("# Detailed Table Information", ""));
        shown.extend(details(&identifier, &found).iter().map(|(name, value)| line(name, value)));
    }
    rows(shown)
}

fn describe_column(snapshot: &Snapshot, columns: Vec<Row>, wanted: &[String]) -> Result<Planned> {
    let found = match wanted {
        [name] => columns.iter().find(|row| snapshot.case.same(&row.0, name)),
        _ => return Err(SparkError::unsupported("DESCRIBE of a field of a struct")),
    };
    let Some((name, data_type, comment)) = found else {
        let name = quote_parts(wanted);
        return Err(SparkError::new(
            "COLUMN_NOT_FOUND",
            "42703",
            format!(
                "The column {name} cannot be found. Verify the spelling and correctness of the column name according to the SQL config \"spark.sql.caseSensitive\"."
            ),
        )
        .with_param("colName", name)
        .with_param("caseSensitiveConfig", "\"spark.sql.caseSensitive\""));
    };
    let comment = comment.clone().unwrap_or_else(|| "NULL".to_owned());
    pairs(
        ["info_name", "info_value"],
        [("col_name", name.clone()), ("data_type", data_type.clone()), ("comment", comment)]
            .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// What the catalog knows of a table or view, in Spark's order.
pub(super) fn details(identifier: &Identifier, found: &Stored) -> Vec<(String, String)> {
    let mut lines: Vec<(&str, String)> = vec![
        ("Catalog", CATALOG.to_owned()),
        ("Database", identifier.database.clone()),
        ("Table", identifier.name.clone()),
    ];
    let created = match found {
        Stored::Table(table) => table.created,
        Stored::View(view) => view.created,
    };
    let created = chrono::DateTime::from_timestamp_millis(created).unwrap_or_default();
    lines.push(("Created Time", created.format("%a %b %d %H:%M:%S UTC %Y").to_string()));
    lines.push(("Last Access", "UNKNOWN".to_owned()));
    lines.push(("Created By", "Spark 4.1.1".to_owned()));
    lines.push(("Type", found.kind().to_owned()));
    let map = |map: &std::collections::BTreeMap<String, String>| {
        let rows: Vec<_> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("[{}]", rows.join(", "))
    };
    if let Stored::Table(table) = found {
        lines.push(("Provider", table.format.clone()));
    }
    if let Some(comment) = found.comment() {
        lines.push(("Comment", comment.to_owned()));
    }
    if let Stored::View(view) = found {
        lines.push(("View Text", view.sql.clone()));
        lines.push(("View Original Text", view.sql.clone()));
        lines.push(("View Schema Mode", "COMPENSATION".to_owned()));
        lines.push(("View Catalog and Namespace", format!("{CATALOG}.{}", view.database)));
        let columns: Vec<_> = view.query_columns.iter().map(|name| quote(name)).collect();
        lines.push(("View Query Output Columns", format!("[{}]", columns.join(", "))));
    }
    if !found.properties().is_empty() {
        lines.push(("Table Properties", map(found.properties())));
    }
    if let Stored::Table(table) = found {
        lines.push(("Location", table.location.clone()));
        if !table.options.is_empty() {
            lines.push(("Storage Properties", map(&table.options)));
        }
        if !table.partition_by.is_empty() {
            lines.push(("Partition Provider", "Catalog".to_owned()));
        }
    }
    lines.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Columns as `printSchema` prints them.
pub(super) fn tree(columns: &[Column], time_zone: &str) -> Result<String> {
    let mut text = "root\n".to_owned();
    for column in columns {
        branch(&mut text, " |", &column.name, &column.arrow_field(time_zone)?, column.nullable);
    }
    Ok(text)
}

fn branch(text: &mut String, prefix: &str, name: &str, column: &Field, nullable: bool) {
    let kind = match column.data_type() {
        DataType::List(_) => "array".to_owned(),
        DataType::Struct(_) => "struct".to_owned(),
        DataType::Map(..) => "map".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int8 => "byte".to_owned(),
        DataType::Int16 => "short".to_owned(),
        DataType::Int64 => "long".to_owned(),
        _ => types::simple_name_of(column),
    };
    text.push_str(&format!("{prefix}-- {name}: {kind} (nullable = {nullable})\n"));
    let deeper = format!("{prefix}    |");
    match column.data_type() {
        DataType::List(item) => branch(text, &deeper, "element", item, item.is_nullable()),
        DataType::Struct(fields) => {
            for field in fields {
                branch(text, &deeper, field.name(), field, field.is_nullable());
            }
        }
        _ => {}
    }
}

async fn database(session: &SparkSession, name: &Name, extended: bool) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let found = session.catalog().database(&name.parts, snapshot.case).await?;
    let mut lines = vec![
        ("Catalog Name", CATALOG.to_owned()),
        ("Namespace Name", found.name),
        ("Comment", found.comment),
        ("Location", found.location),
        ("Owner", found.owner),
    ];
    if extended {
        let rows: Vec<_> = found.properties.iter().map(|(key, value)| format!("({key},{value})")).collect();
        let properties = if rows.is_empty() { String::new() } else { format!("({})", rows.join(", ")) };
        lines.push(("Properties", properties));
    }
    pairs(["info_name", "info_value"], lines.into_iter().map(|(key, value)| (key.to_owned(), value)))
}
