//! Expressions and select items that stand alone, as in `selectExpr`, `filter("a > 1")` and `expr(...)`.

use std::collections::HashMap;

use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr as Syntax, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem,
    SelectItemQualifiedWildcardKind, Visit,
};

use super::expr::Names;
use super::routine::tables_of_routines;
use super::{OuterScope, Planner, TableEntry, TableKey, TableNames, lookup_tables};
use crate::analysis::Named;
use crate::analysis::scope::{Relation, ScopeColumn};
use crate::error::{QueryContext, Result, SparkError};
use crate::session::{Snapshot, SparkSession};
use crate::sql::parameters::Parameters;
use crate::sql::stack::with_room;
use crate::sql::statement;

/// A select item of SQL text, and the tables that subqueries in it name.
pub struct Fragment {
    text: String,
    item: SelectItem,
    tables: HashMap<TableKey, TableEntry>,
}

impl Fragment {
    /// Parses an expression, with or without an alias, or a star.
    ///
    /// # Errors
    /// PARSE_SYNTAX_ERROR; what looking up a table finds wrong.
    pub async fn parse(session: &SparkSession, text: &str, parameters: &Parameters) -> Result<Self> {
        let item = statement::parse_item(text, parameters).map_err(|error| in_text(error, text))?;
        let mut names = TableNames::default();
        let (SelectItem::UnnamedExpr(expr)
        | SelectItem::ExprWithAlias { expr, .. }
        | SelectItem::ExprWithAliases { expr, .. }) = &item
        else {
            return Ok(Self { text: text.to_owned(), item, tables: HashMap::new() });
        };
        // The visitor never breaks.
        let _ = expr.visit(&mut names);
        let snapshot = session.snapshot()?;
        names.0.extend(tables_of_routines(&snapshot, expr)?.0);
        let tables = lookup_tables(session, &snapshot, names, None).await?;
        Ok(Self { text: text.to_owned(), item, tables })
    }

    /// Parses as [`Self::parse`] does what has no subqueries with tables in it.
    ///
    /// # Errors
    /// PARSE_SYNTAX_ERROR.
    pub(crate) fn without_tables(text: &str) -> Result<Self> {
        let item =
            statement::parse_item(text, &Parameters::default()).map_err(|error| in_text(error, text))?;
        Ok(Self { text: text.to_owned(), item, tables: HashMap::new() })
    }

    /// The aliases that are written.
    pub(crate) fn aliases(&self) -> Vec<String> {
        match &self.item {
            SelectItem::ExprWithAlias { alias, .. } => vec![alias.value.clone()],
            SelectItem::ExprWithAliases { aliases, .. } => aliases.iter().map(|a| a.value.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Qualifier and columns left out, if the item is a star.
    pub(crate) fn star(&self) -> Option<(Vec<String>, Vec<String>)> {
        let (qualifier, options) = match &self.item {
            SelectItem::Wildcard(options) => (Vec::new(), options),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                (statement::Name::new(name).parts, options)
            }
            _ => return None,
        };
        let except = match &options.opt_exclude {
            Some(ExcludeSelectItem::Multiple(names)) => {
                names.iter().filter_map(|name| statement::Name::new(name).parts.pop()).collect()
            }
            _ => Vec::new(),
        };
        Some((qualifier, except))
    }

    /// The arguments of the call that the item is.
    ///
    /// # Errors
    /// What analysis finds wrong.
    pub(crate) fn arguments(
        &self,
        session: &Snapshot,
        columns: &[ScopeColumn],
        schema: &DFSchema,
    ) -> Result<Vec<Named>> {
        let (SelectItem::UnnamedExpr(Syntax::Function(function))
        | SelectItem::ExprWithAlias { expr: Syntax::Function(function), .. }
        | SelectItem::ExprWithAliases { expr: Syntax::Function(function), .. }) = &self.item
        else {
            return Ok(Vec::new());
        };
        let FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
        let mut planner = Planner::new(session, self.tables.clone());
        list.args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => planner
                    .expr(expr, &Names::input(columns, schema))
                    .map_err(|error| in_text(error, &self.text)),
                other => Err(SparkError::unsupported(format!("the argument {other}"))),
            })
            .collect()
    }

    /// The expression over these columns; its name is the alias, or Spark's text of it.
    ///
    /// # Errors
    /// What analysis finds wrong; UNSUPPORTED_FEATURE for a star or several aliases.
    pub fn expr(&self, session: &Snapshot, columns: &[ScopeColumn], schema: &DFSchema) -> Result<Named> {
        self.expr_within(session, columns, schema, Vec::new())
    }

    /// The same within other queries, whose columns come from the outermost on.
    pub(crate) fn expr_within(
        &self,
        session: &Snapshot,
        columns: &[ScopeColumn],
        schema: &DFSchema,
        outer: Vec<OuterScope>,
    ) -> Result<Named> {
        let (expr, alias) = match &self.item {
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(&alias.value)),
            _ => {
                return Err(SparkError::unsupported(
                    "a star or several aliases where one expression is meant",
                ));
            }
        };
        let named = with_room(|| {
            let mut planner = Planner { outer, ..Planner::new(session, self.tables.clone()) };
            planner.expr(expr, &Names::input(columns, schema).condition())
        });
        let named = named.map_err(|error| in_text(error, &self.text))?;
        Ok(match alias {
            Some(alias) => Named::new(named.expr, alias.clone()),
            None => Named::new(named.expr, super::star::cast_name(expr).unwrap_or(named.name)),
        })
    }

    /// The columns that the item gives out: several for a star or a generator, which also changes
    /// the relation.
    ///
    /// # Errors
    /// What analysis finds wrong.
    pub fn items(&self, session: &Snapshot, input: Relation) -> Result<(Relation, Vec<Named>)> {
        let items = with_room(|| {
            let mut planner = Planner::new(session, self.tables.clone());
            planner.items(input, std::slice::from_ref(&self.item))
        });
        items.map_err(|error| in_text(error, &self.text))
    }

    /// The name of the function, lower case, if the item is nothing but a call.
    pub fn function(&self) -> Option<String> {
        match &self.item {
            SelectItem::UnnamedExpr(Syntax::Function(f))
            | SelectItem::ExprWithAlias { expr: Syntax::Function(f), .. }
            | SelectItem::ExprWithAliases { expr: Syntax::Function(f), .. } => {
                f.name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase())
            }
            _ => None,
        }
    }
}

fn in_text(error: SparkError, text: &str) -> SparkError {
    error.in_statement(QueryContext { text: text.to_owned(), line: 1, column: 1 })
}
