//! One statement to what is to be done: a query to run, a write, or a command already carried out.

mod command;
mod expr;
pub mod fragment;
mod from;
mod generate;
mod group;
mod join;
mod literal;
mod pivot;
mod query;
mod sample;
mod select;
mod star;
mod table_function;
mod window;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan, TableSource};
use datafusion::sql::sqlparser::ast::{Ident, NamedWindowExpr, Query, TableFactor, Visit, Visitor};

pub(crate) use self::literal::fold;
pub(crate) use self::query::finish;
use super::statement::{self, Name};
use super::substitute::substitute;
use super::{Parameters, ScriptStatement};
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames};
use crate::analysis::{Named, correlate};
use crate::catalog::{Entry, Table};
use crate::error::{QueryContext, Result, SparkError};
use crate::session::{Snapshot, SparkSession};
use crate::source;
use crate::write::WriteSpec;

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum Planned {
    /// A query, to be optimised and run. Columns may share a name: see
    /// [`crate::analysis::scope::display_name`].
    Query(LogicalPlan),
    /// A write, after which [`SparkSession::committed`] takes note of it.
    Write(WriteCommand),
    /// A command that is done, with its rows.
    Local(Vec<RecordBatch>, SchemaRef),
}

/// Rows to write, where to, and what the catalog learns once they are there.
#[derive(Debug, Clone)]
pub struct WriteCommand {
    /// The rows.
    pub input: LogicalPlan,
    /// Where to and how.
    pub target: WriteSpec,
    /// What to hand to [`SparkSession::committed`] after the commit.
    pub then: AfterWrite,
}

/// What the catalog does after a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum AfterWrite {
    /// Nothing.
    Nothing,
    /// A table comes into being.
    CreateTable(Vec<String>, Table),
}

/// Plans a statement of a script; commands are carried out.
pub async fn plan(session: &SparkSession, script: &ScriptStatement) -> Result<Planned> {
    plan_with(session, script, &Parameters::default()).await
}

/// Plans a statement with values for its parameters.
///
/// # Errors
/// UNBOUND_SQL_PARAMETER for a parameter without a value.
pub async fn plan_with(
    session: &SparkSession,
    script: &ScriptStatement,
    parameters: &Parameters,
) -> Result<Planned> {
    let mut text = script.text.clone();
    let planned = async {
        if session.substitutes_variables() {
            text = substitute(&text, &|prefix, name| session.variable(prefix, name))?;
        }
        let statement = statement::parse(&text, parameters)?;
        command::plan(session, statement).await
    }
    .await;
    planned.map_err(|error: SparkError| {
        error.in_statement(QueryContext { text, line: script.line, column: script.column })
    })
}

/// A table name in a query, and the options given with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TableKey {
    parts: Vec<String>,
    options: Vec<(String, String)>,
}

impl TableKey {
    fn of(parts: &[String], factor: &TableFactor) -> Self {
        use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
        let hints = match factor {
            TableFactor::Table { with_hints, .. } => with_hints.as_slice(),
            _ => &[],
        };
        let options = hints
            .iter()
            .filter_map(|hint| match hint {
                Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                    let plain = |e: &Expr| e.to_string().trim_matches(['\'', '"', '`']).to_owned();
                    Some((plain(left), plain(right)))
                }
                _ => None,
            })
            .collect();
        Self { parts: parts.to_vec(), options }
    }
}

/// What a table name in a query stands for.
#[derive(Clone)]
pub(crate) enum TableEntry {
    /// A view.
    Plan(LogicalPlan),
    /// A table or files.
    Source(Arc<dyn TableSource>),
}

/// Columns of an enclosing query.
struct OuterScope {
    columns: Vec<ScopeColumn>,
    schema: DFSchemaRef,
}

/// Turns one query into a plan. Everything that needs waiting is in `tables` already.
struct Planner<'a> {
    session: &'a Snapshot,
    tables: HashMap<TableKey, TableEntry>,
    ctes: Vec<(String, Relation)>,
    outer: Vec<OuterScope>,
    aliases: UniqueNames,
    windows: Vec<(Ident, NamedWindowExpr)>,
    /// Parameters of the lambdas around, innermost last.
    lambdas: Vec<Vec<(String, Named)>>,
    /// The columns of GROUP BY of the queries around, where it has grouping sets.
    grouping: Vec<Vec<Named>>,
}

impl<'a> Planner<'a> {
    fn new(session: &'a Snapshot, tables: HashMap<TableKey, TableEntry>) -> Self {
        Self {
            session,
            tables,
            ctes: Vec::new(),
            outer: Vec::new(),
            aliases: UniqueNames::default(),
            windows: Vec::new(),
            lambdas: Vec::new(),
            grouping: Vec::new(),
        }
    }
}

/// Plans a query.
async fn plan_query(session: &SparkSession, query: &Query) -> Result<LogicalPlan> {
    let snapshot = session.snapshot()?;
    let mut names = TableNames::default();
    // The visitor never breaks.
    let _ = query.visit(&mut names);
    let tables = lookup_tables(session, &snapshot, names).await?;
    let relation = Planner::new(&snapshot, tables).query(query)?;
    correlate::resolve(finish(relation)?)
}

/// Collects the tables that a query names.
#[derive(Default)]
struct TableNames(Vec<(TableKey, Name)>);

impl Visitor for TableNames {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            let name = Name::new(name);
            self.0.push((TableKey::of(&name.parts, factor), name));
        }
        ControlFlow::Continue(())
    }
}

/// Looks up every table. What is not found is left out: it may be a CTE.
async fn lookup_tables(
    session: &SparkSession,
    snapshot: &Snapshot,
    names: TableNames,
) -> Result<HashMap<TableKey, TableEntry>> {
    let mut tables = HashMap::new();
    for (key, name) in names.0 {
        if tables.contains_key(&key) {
            continue;
        }
        let options = key.options.iter().cloned().collect();
        let entry = match session.catalog().lookup(&name.parts, snapshot.case)? {
            Some(Entry::View(view)) => Some(TableEntry::Plan(view.plan)),
            Some(Entry::Table(table)) => {
                Some(table_entry(snapshot, table).await.map_err(|error| error.at(name.position))?)
            }
            None => match name.parts.as_slice() {
                [format, path] if is_format(format) => {
                    let provider = source::resolve(
                        &snapshot.state,
                        &format.to_lowercase(),
                        std::slice::from_ref(path),
                        &options,
                        None,
                    )
                    .await?;
                    Some(TableEntry::Source(provider_as_source(provider)))
                }
                _ => None,
            },
        };
        if let Some(entry) = entry {
            tables.insert(key, entry);
        }
    }
    Ok(tables)
}

/// A table; without rows if nothing was written to it yet.
pub(crate) async fn table_entry(snapshot: &Snapshot, table: Table) -> Result<TableEntry> {
    let paths = std::slice::from_ref(&table.location);
    let found =
        source::resolve(&snapshot.state, &table.format, paths, &table.options, table.schema.clone()).await;
    match (found, table.schema) {
        (Ok(provider), _) => Ok(TableEntry::Source(provider_as_source(provider))),
        (Err(error), Some(schema)) if error.class() == "PATH_NOT_FOUND" => {
            let schema = Arc::new(DFSchema::try_from(schema)?);
            let empty = EmptyRelation { produce_one_row: false, schema };
            Ok(TableEntry::Plan(LogicalPlan::EmptyRelation(empty)))
        }
        (Err(error), _) => Err(error),
    }
}

/// Formats that may stand before a path in FROM.
fn is_format(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "parquet" | "csv" | "json" | "text" | "orc")
}
