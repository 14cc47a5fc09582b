//! Tables and views by name, ready for a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{CATALOG, Entry, StoredView, Table};
use crate::analysis::scope::{CaseRule, display_name};
use crate::error::{Result, SparkError, quote_parts};
use crate::session::{Snapshot, SparkSession};
use crate::source;

/// Views may refer to views, but not deeper than this.
const MAX_VIEW_DEPTH: usize = 100;

/// What a name stands for, ready for a plan.
#[derive(Clone)]
pub enum Opened {
    /// A view.
    Plan(LogicalPlan),
    /// A table or files.
    Source(Arc<dyn TableSource>),
}

impl Opened {
    /// The plan that reads it. Columns of a table are qualified by `name`.
    pub fn into_plan(self, name: &str) -> Result<LogicalPlan> {
        Ok(match self {
            Self::Plan(plan) => plan,
            Self::Source(source) => {
                LogicalPlanBuilder::scan(TableReference::bare(name), source, None)?.build()?
            }
        })
    }
}

/// Where the names in the text of a view are looked up.
#[derive(Debug, Clone, Copy)]
pub struct ViewScope<'a> {
    /// The database that was the current one when the view was made.
    pub database: &'a str,
    /// Views around this text.
    pub depth: usize,
}

/// Formats that may stand before a path where a table is named.
pub fn is_format(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "parquet" | "csv" | "json" | "text" | "orc")
}

/// Opens what a name stands for: a temporary view, a table or view of the warehouse, or
/// ``format.`path` ``. `options` are those of this read. `None` if there is nothing of this name.
pub async fn open(
    session: &SparkSession,
    snapshot: &Snapshot,
    name: &[String],
    options: &BTreeMap<String, String>,
    scope: Option<ViewScope<'_>>,
) -> Result<Option<Opened>> {
    let entry = match (name, scope) {
        // Temporary views are not seen from permanent ones.
        ([name], Some(scope)) => {
            let full = [CATALOG.to_owned(), scope.database.to_owned(), name.clone()];
            session.catalog().lookup(&full, snapshot.case).await?
        }
        _ => session.catalog().lookup(name, snapshot.case).await?,
    };
    match entry {
        Some(Entry::View(view)) => Ok(Some(Opened::Plan(view.plan))),
        Some(Entry::Stored(view)) => {
            let depth = scope.map_or(0, |scope| scope.depth) + 1;
            open_view(session, snapshot, name, view, depth).await.map(Some)
        }
        Some(Entry::Table(table)) => open_table(session, snapshot, &table, options).await.map(Some),
        None => match name {
            [format, path] if is_format(format) => {
                let paths = std::slice::from_ref(path);
                let provider =
                    source::resolve(&snapshot.state, &format.to_lowercase(), paths, options, None).await?;
                Ok(Some(Opened::Source(provider_as_source(provider))))
            }
            _ => Ok(None),
        },
    }
}

/// Boxed, since views may refer to views.
fn open_view<'a>(
    session: &'a SparkSession,
    snapshot: &'a Snapshot,
    name: &'a [String],
    view: StoredView,
    depth: usize,
) -> BoxFuture<'a, Result<Opened>> {
    async move {
        if depth > MAX_VIEW_DEPTH {
            return Err(too_deep(name));
        }
        let scope = ViewScope { database: &view.database, depth };
        let plan = crate::sql::plan::view_plan(session, &view.sql, scope).await?;
        // The columns of the day the view was made, by their names, whatever its tables have got since.
        let there = plan.schema().columns();
        let mut exprs = Vec::with_capacity(view.columns.len());
        for (column, wanted) in view.columns.iter().zip(&view.query_columns) {
            let found = there.iter().find(|c| snapshot.case.same(display_name(&c.name), wanted));
            let Some(found) = found else {
                return Err(schema_changed(name, wanted, &view.sql));
            };
            exprs.push(Expr::Column(found.clone()).alias(column.name.clone()));
        }
        Ok(Opened::Plan(LogicalPlanBuilder::from(plan).project(exprs)?.build()?))
    }
    .boxed()
}

fn too_deep(name: &[String]) -> SparkError {
    SparkError::new(
        "VIEW_EXCEED_MAX_NESTED_DEPTH",
        "54K00",
        format!(
            "The depth of view {} exceeds the maximum view resolution depth ({MAX_VIEW_DEPTH}).\n\
             Analysis is aborted to avoid errors. If you want to work around this, please try to increase the value of \"spark.sql.view.maxNestedViewDepth\".",
            quote_parts(name)
        ),
    )
}

fn schema_changed(name: &[String], column: &str, sql: &str) -> SparkError {
    let (view, suggestion) =
        (quote_parts(name), format!("CREATE OR REPLACE VIEW {} AS {sql}", name.join(".")));
    SparkError::new(
        "INCOMPATIBLE_VIEW_SCHEMA_CHANGE",
        "51024",
        format!(
            "The SQL query of view {view} has an incompatible schema change and column {column} cannot be resolved. Expected 1 columns named {column} but got [].\n\
             Please try to re-create the view by running: \"{suggestion}\"."
        ),
    )
    .with_param("viewName", view)
    .with_param("colName", column)
    .with_param("suggestion", suggestion)
}

/// A table; without rows if nothing was written to it yet.
async fn open_table(
    session: &SparkSession,
    snapshot: &Snapshot,
    table: &Table,
    options: &BTreeMap<String, String>,
) -> Result<Opened> {
    let schema = table.schema(&snapshot.time_zone)?;
    let provider = files_of(session, snapshot, table, options, &schema).await?;
    Ok(Opened::Source(provider_as_source(provider)))
}

async fn files_of(
    session: &SparkSession,
    snapshot: &Snapshot,
    table: &Table,
    options: &BTreeMap<String, String>,
    schema: &SchemaRef,
) -> Result<Arc<dyn TableProvider>> {
    let mut all = table.options.clone();
    all.extend(options.clone());
    let mut paths = vec![table.location.clone()];
    if let Some(known) = &table.partitions {
        let there = session.catalog().folder(&table.location)?.partitions(&table.partition_by).await?;
        paths = there.intersection(known).map(|folder| format!("{}/{folder}", table.location)).collect();
        all.insert("basePath".to_owned(), table.location.clone());
    }
    let empty = |all: &BTreeMap<String, String>| {
        let place = std::slice::from_ref(&table.location);
        source::without_files(&snapshot.state, &table.format, place, all, schema)
    };
    if paths.is_empty() {
        return empty(&all);
    }
    // A location is a folder as it stands, even if it looks like a pattern.
    let paths: Vec<String> = paths.iter().map(|path| escape(path)).collect();
    match source::resolve(&snapshot.state, &table.format, &paths, &all, Some(Arc::clone(schema))).await {
        Ok(provider) => Ok(provider),
        Err(error) if error.class() == "PATH_NOT_FOUND" => empty(&all),
        Err(error) => Err(error),
    }
}

fn escape(path: &str) -> String {
    if !source::glob::is_pattern(path) {
        return path.to_owned();
    }
    let mut escaped = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The names of a plan's columns must differ where it becomes a table or view.
///
/// # Errors
/// COLUMN_ALREADY_EXISTS.
pub fn unique_columns(plan: &LogicalPlan, case: CaseRule) -> Result<()> {
    let columns = plan.schema().columns();
    let names: Vec<&str> = columns.iter().map(|column| display_name(&column.name)).collect();
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|other| case.same(other, name)) {
            return Err(SparkError::column_exists(&name.to_lowercase()));
        }
    }
    Ok(())
}
