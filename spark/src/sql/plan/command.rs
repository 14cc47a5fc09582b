//! Statements: queries go to the planner, commands are carried out, writes are described.

mod alter;
mod create;
mod describe;
mod explain;
mod function;
mod insert;
mod session;
mod show;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{Expr as Ast, UnaryOperator, Value};

use super::{AfterWrite, Planned, WriteCommand, literal, plan_query, plan_query_in, scoped_names};
use crate::analysis::scope::display_name;
use crate::catalog::{Identifier, Stored, Table, errors};
use crate::error::{Result, SparkError};
use crate::session::{Snapshot, SparkSession};
use crate::sql::statement::{Name, PartitionSpec, Statement};

pub use self::alter::{partition_names, recover, truncate_table as truncate};
pub use self::create::{CreateAs, NewTable, add, create_as, new_table, query_columns};
pub use self::function::{routine, usage};
pub use self::insert::{Into, file_format, into_table};
pub use self::session::{forget, identity, known, refresh, uncache};
pub use self::show::{create_statement, matches_pattern};

pub(super) async fn plan(session: &SparkSession, statement: Statement) -> Result<Planned> {
    match statement {
        Statement::Query(query) => Ok(Planned::Query(plan_query(session, &query).await?)),
        Statement::CreateView(view) => create::view(session, view).await,
        Statement::CreateTable(table) => create::table(session, table).await,
        Statement::CreateTableLike { table, like } => create::table_like(session, table, &like).await,
        Statement::CreateDatabase(database) => create::database(session, database).await,
        Statement::CreateFunction(create) => function::create(session, create).await,
        Statement::DropFunction { name, temporary, if_exists } => {
            function::drop(session, &name, temporary, if_exists).await
        }
        Statement::Insert(insert) => insert::insert(session, insert).await,
        Statement::InsertDirectory(directory) => insert::directory(session, directory).await,
        Statement::Drop { name, view, if_exists } => {
            let case = session.snapshot()?.case;
            self::session::forget(session, &name).await;
            session.catalog().drop(&name.parts, view, if_exists, case).await?;
            nothing()
        }
        Statement::DropDatabase { name, if_exists, cascade } => {
            let case = session.snapshot()?.case;
            session.catalog().drop_database(&name.parts, if_exists, cascade, case).await?;
            nothing()
        }
        Statement::AlterDatabase { name, properties, removed, location } => {
            alter::database(session, &name, properties, &removed, location).await
        }
        Statement::AlterTable(change) => alter::table(session, change).await,
        Statement::Truncate { name, partition } => alter::truncate(session, &name, &partition).await,
        Statement::Comment(comment) => alter::comment(session, comment).await,
        Statement::Repair(name) => {
            recover(session, &name).await?;
            nothing()
        }
        Statement::Set { key, value } => self::session::set(session, key, value),
        Statement::SetVerbose => self::session::set_verbose(session),
        Statement::Reset(key) => {
            session.reset(key.as_deref())?;
            nothing()
        }
        Statement::Use(name) => {
            let case = session.snapshot()?.case;
            session.catalog().use_database(&name.parts, case).await?;
            nothing()
        }
        Statement::UseCatalog(name) => {
            self::session::use_catalog(&name)?;
            nothing()
        }
        Statement::Cache(cache) => self::session::cache(session, cache).await,
        Statement::Refresh(name) => {
            self::session::refresh(session, &name).await?;
            nothing()
        }
        Statement::Analyze(name) => {
            // Statistics are read anew by each query.
            self::session::known(session, &name).await?;
            nothing()
        }
        Statement::RefreshPath(path) => {
            session.files_changed(&path);
            nothing()
        }
        Statement::AnalyzeTables(database) => {
            let case = session.snapshot()?.case;
            session.catalog().database(&database.map(|name| name.parts).unwrap_or_default(), case).await?;
            nothing()
        }
        Statement::Show(what) => show::show(session, what).await,
        Statement::Describe(what) => describe::describe(session, what).await,
        Statement::Explain { mode, statement } => explain::explain(session, mode, *statement).await,
    }
}

fn nothing() -> Result<Planned> {
    Ok(Planned::Local(Vec::new(), Arc::new(Schema::empty())))
}

/// Rows of strings, columns first.
fn strings(names: &[&str], columns: Vec<Vec<String>>) -> Result<Planned> {
    let fields: Vec<_> = names.iter().map(|n| Field::new(*n, DataType::Utf8, false)).collect();
    let arrays = columns.into_iter().map(|c| Arc::new(StringArray::from(c)) as ArrayRef).collect();
    local(fields, arrays)
}

/// Rows of two strings.
fn pairs(names: [&str; 2], rows: impl IntoIterator<Item = (String, String)>) -> Result<Planned> {
    let (left, right) = rows.into_iter().unzip();
    strings(&names, vec![left, right])
}

fn local(fields: Vec<Field>, arrays: Vec<ArrayRef>) -> Result<Planned> {
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(|error| SparkError::internal(format!("rows of a command: {error}")))?;
    Ok(Planned::Local(vec![batch], schema))
}

/// Names and types of a plan's columns.
fn columns_of(plan: &LogicalPlan) -> Vec<(String, FieldRef)> {
    plan.schema().fields().iter().map(|f| (display_name(f.name()).to_owned(), Arc::clone(f))).collect()
}

/// A table or view of the warehouse.
///
/// # Errors
/// TABLE_OR_VIEW_NOT_FOUND.
async fn stored(session: &SparkSession, snapshot: &Snapshot, name: &Name) -> Result<(Identifier, Stored)> {
    match session.catalog().stored(&name.parts, snapshot.case).await? {
        Some(found) => Ok(found),
        None => Err(SparkError::table_not_found(&name.parts).at(name.position)),
    }
}

/// A table of the warehouse; `operation` names the statement where it is a view.
async fn stored_table(
    session: &SparkSession,
    snapshot: &Snapshot,
    name: &Name,
    operation: &str,
) -> Result<(Identifier, Table)> {
    if session.catalog().temp_view(&name.parts, snapshot.case).is_some() {
        return Err(errors::expect_table(&name.parts, operation).at(name.position));
    }
    match stored(session, snapshot, name).await? {
        (identifier, Stored::Table(table)) => Ok((identifier, table)),
        (identifier, Stored::View(_)) => {
            Err(errors::expect_table(&identifier.parts(), operation).at(name.position))
        }
    }
}

/// What a PARTITION clause says of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionValue {
    /// Nothing: the rows bring the values.
    Open,
    /// NULL.
    Null,
    /// A constant, as text.
    Text(String),
}

fn partition_value(value: &Ast) -> Result<PartitionValue> {
    let bad = || SparkError::unsupported(format!("the partition value {value}"));
    let named = match value {
        Ast::Value(value) => literal::value(&value.value)?,
        Ast::UnaryOp { op: UnaryOperator::Minus, expr } => {
            return match partition_value(expr)? {
                PartitionValue::Text(text) => Ok(PartitionValue::Text(format!("-{text}"))),
                _ => Err(bad()),
            };
        }
        Ast::Identifier(ident) => return Ok(PartitionValue::Text(ident.value.clone())),
        Ast::TypedString(typed) => match &typed.value.value {
            Value::SingleQuotedString(text) => return Ok(PartitionValue::Text(text.clone())),
            _ => return Err(bad()),
        },
        _ => return Err(bad()),
    };
    let Expr::Literal(scalar, _) = named.expr else { return Err(bad()) };
    if scalar.is_null() {
        return Ok(PartitionValue::Null);
    }
    crate::text::value(&scalar.to_array()?, 0, crate::text::Style::Cast).map(PartitionValue::Text)
}

fn partition_values(spec: &PartitionSpec) -> Result<Vec<(String, PartitionValue)>> {
    spec.iter()
        .map(|(column, value)| {
            let value = value.as_ref().map_or(Ok(PartitionValue::Open), partition_value)?;
            Ok((column.clone(), value))
        })
        .collect()
}
