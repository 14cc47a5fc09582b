//! CREATE VIEW: temporary, global and kept in the catalog.

use std::collections::BTreeMap;

use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr};

use super::super::{Planned, columns_of, nothing, plan_query, plan_query_in, scoped_names};
use super::{declared, now, split_path};
use crate::analysis::scope::Relation;
use crate::catalog::table::{ViewScope, unique_columns};
use crate::catalog::{Column, Identifier, Stored, StoredView, View, errors, model};
use crate::error::{Result, SparkError, quote, quote_parts};
use crate::session::{Snapshot, SparkSession};
use crate::source;
use crate::sql::plan::finish;
use crate::sql::plan::query::rename;
use crate::sql::statement::{ColumnDef, CreateView, FileTable, Name, QueryText, ViewKind, ViewSource};

/// CREATE VIEW of any kind.
pub(in crate::sql::plan::command) async fn view(
    session: &SparkSession,
    create: CreateView,
) -> Result<Planned> {
    if create.kind == ViewKind::Stored {
        return stored_view(session, create).await;
    }
    let case = session.snapshot()?.case;
    let plan = match create.source {
        ViewSource::Query { columns, query } => {
            let plan = plan_query(session, &query.query).await?;
            let plan = if columns.is_empty() {
                plan
            } else {
                let names = columns.into_iter().map(|column| column.name).collect();
                finish(rename(Relation::unqualified(plan), names)?)?
            };
            unique_columns(&plan, case)?;
            plan
        }
        ViewSource::Files(files) => file_scan(session, files).await?,
    };
    session.catalog().create_view(
        &create.name.parts,
        View { plan },
        create.replace,
        create.if_not_exists,
        create.kind == ViewKind::Global,
        case,
    )?;
    nothing()
}

async fn stored_view(session: &SparkSession, create: CreateView) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let ViewSource::Query { columns, query } = create.source else {
        return Err(SparkError::unsupported("CREATE VIEW ... USING without TEMPORARY"));
    };
    let identifier = session.catalog().identifier(&create.name.parts, snapshot.case)?;
    match session.catalog().stored(&identifier.parts(), snapshot.case).await? {
        Some(_) if create.if_not_exists => return nothing(),
        Some((identifier, Stored::Table(_))) if create.replace => {
            return Err(errors::expect_view(&identifier.parts(), "CREATE OR REPLACE VIEW"));
        }
        Some(_) if !create.replace => return Err(SparkError::table_exists(&identifier.parts())),
        _ => {}
    }
    let mut view = planned_view(session, &snapshot, &identifier, &query, &columns).await?;
    view.comment = create.comment;
    view.properties = create.properties;
    session.catalog().create(&identifier, &Stored::View(view), create.replace, create.if_not_exists).await?;
    nothing()
}

/// What is kept of a view's query; `columns` may rename its columns.
pub(in crate::sql::plan::command) async fn planned_view(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: &Identifier,
    query: &QueryText,
    columns: &[ColumnDef],
) -> Result<StoredView> {
    for name in scoped_names(&query.query) {
        if session.catalog().temp_view(&name.parts, snapshot.case).is_some() {
            return Err(temporary_in_stored(identifier, &name));
        }
    }
    let database = session.catalog().current_database();
    let scope = ViewScope { database: &database, depth: 0 };
    let plan = plan_query_in(session, &query.query, Some(scope)).await?;
    let found = columns_of(&plan);
    if !columns.is_empty() && columns.len() != found.len() {
        return Err(view_arity(identifier, columns, &found));
    }
    if columns.is_empty() {
        unique_columns(&plan, snapshot.case)?;
        if let Some(unnamed) = unnamed(&query.query, &found) {
            return Err(without_alias(identifier, &unnamed));
        }
    }
    let nullable = plan.schema().fields().iter().map(|field| field.is_nullable());
    let shown = found
        .iter()
        .zip(nullable)
        .enumerate()
        .map(|(i, ((name, data_type), nullable))| {
            let given = columns.get(i);
            let name = given.map_or(name, |column| &column.name);
            let comment = given.and_then(|column| column.comment.clone());
            Column { comment, ..Column::new(name, data_type, nullable) }
        })
        .collect();
    Ok(StoredView {
        sql: query.text.clone(),
        columns: shown,
        query_columns: found.into_iter().map(|(name, _)| name).collect(),
        renamed: !columns.is_empty(),
        database,
        comment: None,
        properties: BTreeMap::new(),
        created: now(),
    })
}

/// The name of the first column that only an expression names.
fn unnamed<T>(query: &Query, found: &[(String, T)]) -> Option<String> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let plain = |expr: &Expr| {
        matches!(
            expr,
            Expr::Identifier(_)
                | Expr::CompoundIdentifier(_)
                | Expr::CompoundFieldAccess { .. }
                | Expr::Value(_)
        )
    };
    let wild =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    // After a star the positions are not known.
    let at = select
        .projection
        .iter()
        .take_while(|item| !wild(item))
        .position(|item| matches!(item, SelectItem::UnnamedExpr(expr) if !plain(expr)))?;
    found.get(at).map(|(name, _)| name.clone())
}

fn without_alias(identifier: &Identifier, expression: &str) -> SparkError {
    let name = quote_parts(&identifier.parts());
    SparkError::new(
        "CREATE_PERMANENT_VIEW_WITHOUT_ALIAS",
        "0A000",
        format!(
            "Not allowed to create the permanent view {name} without explicitly assigning an alias for the expression \"{expression}\"."
        ),
    )
    .with_param("name", name)
    .with_param("attr", format!("\"{expression}\""))
}

fn temporary_in_stored(identifier: &Identifier, name: &Name) -> SparkError {
    let (object, temporary) = (quote_parts(&identifier.parts()), quote_parts(&name.parts));
    SparkError::new(
        "INVALID_TEMP_OBJ_REFERENCE",
        "42K0F",
        format!(
            "Cannot create the persistent object {object} of the type VIEW because it references to the temporary object {temporary} of the type VIEW. \
             Please make the temporary object {temporary} persistent, or make the persistent object {object} temporary."
        ),
    )
    .with_param("obj", "VIEW")
    .with_param("objName", object)
    .with_param("tempObj", "VIEW")
    .with_param("tempObjName", temporary)
}

fn view_arity<T>(identifier: &Identifier, columns: &[ColumnDef], found: &[(String, T)]) -> SparkError {
    let (class, reason) = if columns.len() > found.len() {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
    } else {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
    };
    let list = |names: Vec<String>| names.join(", ");
    SparkError::new(
        class,
        "21S01",
        format!(
            "Cannot create view {}, the reason is {reason}:\nView columns: {}.\nData columns: {}.",
            quote_parts(&identifier.parts()),
            list(columns.iter().map(|column| quote(&column.name)).collect()),
            list(found.iter().map(|(name, _)| quote(name)).collect())
        ),
    )
}

/// A scan of the files that `USING format OPTIONS (path ...)` names.
async fn file_scan(session: &SparkSession, files: FileTable) -> Result<LogicalPlan> {
    let snapshot = session.snapshot()?;
    let (paths, options) = split_path(files.options);
    let columns = declared(&files.columns, &snapshot.time_zone)?;
    let schema =
        if columns.is_empty() { None } else { Some(model::schema_of(&columns, &snapshot.time_zone)?) };
    let provider = source::resolve(&snapshot.state, &files.format, &paths, &options, schema).await?;
    let scan = LogicalPlanBuilder::scan("files", provider_as_source(provider), None)?.build()?;
    finish(Relation::unqualified(scan))
}
