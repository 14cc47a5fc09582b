//! One statement to what is to be done: a query to run, a write, or a command already carried out.

pub mod command;
mod expr;
pub mod fragment;
mod from;
mod generate;
mod group;
mod hint;
mod join;
mod literal;
mod pivot;
mod query;
mod recursive;
pub(crate) mod routine;
mod sample;
mod select;
mod star;
mod table_argument;
mod table_function;
mod window;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchemaRef, ExprSchema};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{Ident, NamedWindowExpr, Query, TableFactor, Visit, Visitor};

pub(crate) use self::literal::fold;
pub(crate) use self::query::finish;
use self::routine::Variables;
use super::stack::with_room;
use super::statement::{self, Name, Statement};
use super::substitute::substitute;
use super::{Parameters, ScriptStatement};
use crate::analysis::Named;
use crate::analysis::correlate;
use crate::analysis::scope::{CaseRule, Relation, ScopeColumn, UniqueNames, ends_with};
use crate::catalog::table::{self, Opened as TableEntry, ViewScope};
use crate::catalog::{Identifier, Stored};
use crate::error::{QueryContext, Result, SparkError};
use crate::session::{Snapshot, SparkSession};
use crate::write::WriteSpec;

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum Planned {
    /// A query, to be optimised and run. Columns may share a name: see
    /// [`crate::analysis::scope::display_name`].
    Query(LogicalPlan),
    /// A write, after which [`SparkSession::committed`] takes note of it.
    Write(WriteCommand),
    /// A plan to run for what it leaves behind; nobody asks for its rows.
    Compute(LogicalPlan),
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
    Create {
        /// Its place.
        identifier: Identifier,
        /// What it is.
        table: Box<Stored>,
        /// It takes the place of what has its name.
        replace: bool,
        /// Another that came into being meanwhile stays.
        if_not_exists: bool,
    },
    /// A table that keeps a list of its partitions gets those that were written.
    AddPartitions(Identifier),
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
        let statement = statement::parse_with(&text, parameters, session.double_quotes())?;
        loop {
            match command::plan(session, statement.clone()).await {
                Err(error) if session.load_routine(&error).await? => {}
                planned => return planned,
            }
        }
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

/// Columns of an enclosing query.
pub(crate) struct OuterScope {
    /// Their names.
    pub columns: Vec<ScopeColumn>,
    /// The plan they are columns of.
    pub schema: DFSchemaRef,
}

impl OuterScope {
    /// The columns of a relation of that query, as they are written further in; none where no relation has the name.
    pub fn star(&self, qualifier: &[String], case: CaseRule) -> Result<Option<Vec<Named>>> {
        let of_relation = self.columns.iter().filter(|c| ends_with(&c.qualifier, qualifier, case));
        let columns = of_relation.map(|c| {
            let field = Arc::clone(self.schema.field_from_column(&c.column)?);
            Ok(Named::new(Expr::OuterReferenceColumn(field, c.column.clone()), c.name.clone()))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Some(columns).filter(|columns| !columns.is_empty()))
    }
}

/// Turns one query into a plan. Everything that needs waiting is in `tables` already.
struct Planner<'a> {
    session: &'a Snapshot,
    tables: HashMap<TableKey, TableEntry>,
    ctes: Vec<(String, Relation)>,
    outer: Vec<OuterScope>,
    aliases: UniqueNames,
    windows: Vec<(Ident, NamedWindowExpr)>,
    /// Parameters of the lambdas around, innermost last; in the body of a function its parameters.
    lambdas: Vec<Variables>,
    /// The columns of GROUP BY of the queries around, where it has grouping sets.
    grouping: Vec<Vec<Named>>,
    /// How many functions written in SQL are around.
    calls: usize,
    /// The join hints of the SELECTs around, innermost last.
    join_hints: Vec<Vec<(crate::layout::JoinHint, Vec<String>)>>,
    /// The queries in expressions that are planned already: a group and the item that is this group are one plan.
    subqueries: Vec<expr::PlannedQuery>,
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
            calls: 0,
            join_hints: Vec::new(),
            subqueries: Vec::new(),
        }
    }
}

/// Plans a query.
async fn plan_query(session: &SparkSession, query: &Query) -> Result<LogicalPlan> {
    plan_query_in(session, query, None).await
}

/// Plans the text of a view.
pub(crate) async fn view_plan(
    session: &SparkSession,
    text: &str,
    scope: ViewScope<'_>,
) -> Result<LogicalPlan> {
    match statement::parse(text, &Parameters::default())? {
        Statement::Query(query) => plan_query_in(session, &query, Some(scope)).await,
        _ => Err(SparkError::internal(format!("the text of a view is no query: {text}"))),
    }
}

async fn plan_query_in(
    session: &SparkSession,
    query: &Query,
    scope: Option<ViewScope<'_>>,
) -> Result<LogicalPlan> {
    let snapshot = session.snapshot()?;
    let mut names = TableNames::default();
    // The visitor never breaks.
    let _ = query.visit(&mut names);
    names.0.extend(routine::tables_of_routines(&snapshot, query)?.0);
    let tables = lookup_tables(session, &snapshot, names, scope).await?;
    with_room(|| {
        let relation = Planner::new(&snapshot, tables).query(query)?;
        correlate::resolve(finish(relation)?)
    })
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

/// The tables a query names, those left out that its WITH defines.
fn scoped_names(query: &Query) -> Vec<Name> {
    let mut names = TableNames::default();
    // The visitor never breaks.
    let _ = query.visit(&mut names);
    let defined: Vec<&str> = query
        .with
        .iter()
        .flat_map(|with| &with.cte_tables)
        .map(|cte| cte.alias.name.value.as_str())
        .collect();
    let is_defined = |name: &Name| matches!(name.parts.as_slice(), [name] if defined.iter().any(|d| d.eq_ignore_ascii_case(name)));
    names.0.into_iter().map(|(_, name)| name).filter(|name| !is_defined(name)).collect()
}

/// Looks up every table. What is not found is left out: it may be a CTE.
async fn lookup_tables(
    session: &SparkSession,
    snapshot: &Snapshot,
    names: TableNames,
    scope: Option<ViewScope<'_>>,
) -> Result<HashMap<TableKey, TableEntry>> {
    let mut tables = HashMap::new();
    for (key, name) in names.0 {
        if tables.contains_key(&key) {
            continue;
        }
        let options = key.options.iter().cloned().collect();
        let entry = table::open(session, snapshot, &name.parts, &options, scope)
            .await
            .map_err(|error| error.at(name.position))?;
        if let Some(entry) = entry {
            tables.insert(key, entry);
        }
    }
    Ok(tables)
}
