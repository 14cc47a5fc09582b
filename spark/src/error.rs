//! Spark's errors: class, SQLSTATE, message, parameters and the place in the SQL text.

mod classify;

pub(crate) use classify::{
    arithmetic_overflow, cast_invalid_input, cast_overflow, divide_by_zero, remainder_by_zero,
};

use std::collections::BTreeMap;
use std::fmt;

use cerium_conf::bytes_to_string;

/// Result with Spark's error.
pub type Result<T, E = SparkError> = std::result::Result<T, E>;

/// A place in the text of one SQL statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line in the statement, from 1.
    pub line: u64,
    /// Characters before it on its line, from 0.
    pub pos: u64,
}

/// Where a statement stands in its script, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryContext {
    /// Text of the statement.
    pub text: String,
    /// Line of the script on which the statement starts, from 1.
    pub line: u64,
    /// Column of the script in which the statement starts, from 1.
    pub column: u64,
}

/// Where a program called the function of the DataFrame API that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSite {
    /// The function.
    pub fragment: String,
    /// File and line of the program.
    pub call_site: String,
}

/// An error as Spark reports it.
///
/// `Display` prints it to the letter of Spark 4.1: `[CLASS] message SQLSTATE: state`
/// followed by the position and, for syntax errors, the excerpt of the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparkError(Box<Details>);

/// Boxed, so that results stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    class: String,
    sql_state: String,
    message: String,
    params: BTreeMap<String, String>,
    position: Option<Position>,
    context: Option<QueryContext>,
    call_site: Option<CallSite>,
}

impl SparkError {
    /// An error of the given class. The message is Spark's text with its parameters filled in.
    pub fn new(class: impl Into<String>, sql_state: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            class: class.into(),
            sql_state: sql_state.into(),
            message: message.into(),
            params: BTreeMap::new(),
            position: None,
            context: None,
            call_site: None,
        }))
    }

    /// One of the errors that Spark has no class for.
    pub fn without_class(message: impl Into<String>) -> Self {
        Self::new("", "", message)
    }

    /// A result over `spark.driver.maxResultSize`. Sizes in bytes.
    pub fn result_too_large(tasks: usize, size: u64, limit: u64) -> Self {
        let (size, limit) = (bytes_to_string(size), bytes_to_string(limit));
        Self::without_class(format!(
            "Job aborted due to stage failure: Total size of serialized results of {tasks} tasks ({size}) is bigger \
             than spark.driver.maxResultSize ({limit}); write large results to storage, or raise \
             spark.driver.maxResultSize (0 means no limit)"
        ))
    }

    /// The error class, with its subclass after a dot; empty where Spark has none.
    pub fn class(&self) -> &str {
        &self.0.class
    }

    /// The five characters of the SQLSTATE.
    pub fn sql_state(&self) -> &str {
        &self.0.sql_state
    }

    /// The message without class, state and position.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The message parameters by Spark's names.
    pub fn params(&self) -> &BTreeMap<String, String> {
        &self.0.params
    }

    /// The place in the statement, if it is known.
    pub fn position(&self) -> Option<Position> {
        self.0.position
    }

    /// The statement, if the error arose while it was planned.
    pub fn context(&self) -> Option<&QueryContext> {
        self.0.context.as_ref()
    }

    /// The call in the program, if the error arose while its expression was planned.
    pub fn call_site(&self) -> Option<&CallSite> {
        self.0.call_site.as_ref()
    }

    /// Line and column in the script, both from 1: of the position, else of the statement.
    pub fn script_position(&self) -> Option<(u64, u64)> {
        let context = self.0.context.as_ref()?;
        Some(match self.0.position {
            Some(p) if p.line == 1 => (context.line, context.column + p.pos),
            Some(p) => (context.line + p.line - 1, p.pos + 1),
            None => (context.line, context.column),
        })
    }

    /// Adds a message parameter.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.params.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the position unless one is known already.
    #[must_use]
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.0.position = self.0.position.or(position);
        self
    }

    /// Sets the call in the program unless a place is known already.
    #[must_use]
    pub fn called_at(mut self, site: impl FnOnce() -> Option<CallSite>) -> Self {
        if self.0.call_site.is_none() && self.0.position.is_none() {
            self.0.call_site = site();
        }
        self
    }

    /// Sets the statement unless one is known already.
    #[must_use]
    pub fn in_statement(mut self, context: QueryContext) -> Self {
        if self.0.context.is_none() {
            self.0.context = Some(context);
        }
        self
    }
}

impl fmt::Display for SparkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Errors that Spark has given no class yet are shown without one.
        if !self.0.class.is_empty() && !self.0.class.starts_with("_LEGACY_ERROR_TEMP_") {
            write!(f, "[{}] ", self.0.class)?;
        }
        f.write_str(&self.0.message)?;
        if !self.0.sql_state.is_empty() {
            write!(f, " SQLSTATE: {}", self.0.sql_state)?;
        }
        let Some(position) = self.0.position else {
            return Ok(());
        };
        if !self.is_syntax_error() {
            return write!(f, "; line {} pos {}", position.line, position.pos);
        }
        write!(f, " (line {}, pos {})", position.line, position.pos)?;
        if let Some(context) = &self.0.context {
            write!(f, "\n\n== SQL ==")?;
            for (number, line) in context.text.lines().enumerate() {
                write!(f, "\n{line}")?;
                if number as u64 + 1 == position.line {
                    write!(f, "\n{}^^^", "-".repeat(position.pos as usize))?;
                }
            }
        }
        Ok(())
    }
}

impl std::error::Error for SparkError {}

impl SparkError {
    /// Whether Spark's parser would have raised it (a `ParseException`).
    pub fn is_syntax_error(&self) -> bool {
        self.0.class == "PARSE_SYNTAX_ERROR"
            || self.0.class == "UNCLOSED_BRACKETED_COMMENT"
            || self.0.class.starts_with("INVALID_TYPED_LITERAL")
            || self.0.class.starts_with("UNSUPPORTED_STATEMENT")
            || self.0.class.starts_with("INVALID_SQL_SYNTAX.CREATE_")
            || self.0.class == "INVALID_SQL_SYNTAX.MULTI_PART_NAME"
            || self.0.class.starts_with("INVALID_SQL_SYNTAX.INVALID_TABLE_FUNCTION_IDENTIFIER")
            || matches!(self.0.class.as_str(), "_LEGACY_ERROR_TEMP_0037" | "_LEGACY_ERROR_TEMP_0064")
    }

    /// `near` is the offending token as written, `None` the end of the statement.
    pub fn syntax(near: Option<&str>, hint: &str, position: Position) -> Self {
        let error = near.map_or_else(|| "end of input".to_owned(), |token| format!("'{token}'"));
        Self::new("PARSE_SYNTAX_ERROR", "42601", format!("Syntax error at or near {error}{hint}."))
            .with_param("error", error)
            .with_param("hint", hint)
            .at(Some(position))
    }

    /// A table or view that is not there. `name` are the parts of its name.
    pub fn table_not_found(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "TABLE_OR_VIEW_NOT_FOUND",
            "42P01",
            format!(
                "The table or view {quoted} cannot be found. Verify the spelling and correctness of the schema and catalog.\n\
                 If you did not qualify the name with a schema, verify the current_schema() output, or qualify the name with the correct schema and catalog.\n\
                 To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS."
            ),
        )
        .with_param("relationName", quoted)
    }

    /// A schema (database) that is not there.
    pub fn schema_not_found(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "SCHEMA_NOT_FOUND",
            "42704",
            format!(
                "The schema {quoted} cannot be found. Verify the spelling and correctness of the schema and catalog.\n\
                 If you did not qualify the name with a catalog, verify the current_schema() output, or qualify the name with the correct catalog.\n\
                 To tolerate the error on drop use DROP SCHEMA IF EXISTS."
            ),
        )
        .with_param("schemaName", quoted)
    }

    /// A column that is not there; `candidates` are the names in scope, the likeliest are proposed.
    pub fn column_not_found(name: &[String], candidates: &[Vec<String>]) -> Self {
        let object = quote_parts(name);
        let lead =
            format!("A column, variable, or function parameter with name {object} cannot be resolved.");
        if candidates.is_empty() {
            return Self::new("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", format!("{lead} "))
                .with_param("objectName", object);
        }
        let proposal = suggestions(name, candidates).join(", ");
        Self::new(
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            "42703",
            format!("{lead} Did you mean one of the following? [{proposal}]."),
        )
        .with_param("objectName", object)
        .with_param("proposal", proposal)
    }

    /// A name that several columns answer to.
    pub fn ambiguous_reference(name: &[String], candidates: &[Vec<String>]) -> Self {
        let quoted = quote_parts(name);
        let list: Vec<_> = candidates.iter().map(|c| quote_parts(c)).collect();
        let list = format!("[{}]", list.join(", "));
        Self::new(
            "AMBIGUOUS_REFERENCE",
            "42704",
            format!("Reference {quoted} is ambiguous, could be: {list}."),
        )
        .with_param("name", quoted)
        .with_param("referenceNames", list)
    }

    /// A function that does not exist (here or in Spark).
    pub fn routine_not_found(name: &str) -> Self {
        Self::routine_unresolved(&[name])
    }

    /// A function that does not exist, by the parts of its name.
    pub fn routine_unresolved<S: AsRef<str>>(name: &[S]) -> Self {
        let path = "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]";
        let quoted = quote_parts(name);
        Self::new(
            "UNRESOLVED_ROUTINE",
            "42883",
            format!("Cannot resolve routine {quoted} on search path {path}."),
        )
        .with_param("routineName", quoted)
        .with_param("searchPath", path)
    }

    /// A table function that does not exist, by the parts of its name.
    pub fn table_function_not_found<S: AsRef<str>>(name: &[S]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
            "42883",
            format!(
                "Could not resolve {quoted} to a table-valued function.\n\
                 Please make sure that {quoted} is defined as a table-valued function and that all required parameters are provided correctly.\n\
                 If {quoted} is not defined, please create the table-valued function before using it.\n\
                 For more information about defining table-valued functions, please refer to the Apache Spark documentation."
            ),
        )
        .with_param("name", quoted)
    }

    /// A call with the wrong number of arguments; `expected` as Spark words it (`1`, `[1, 2]`, `> 0`).
    pub fn wrong_num_args(function: &str, expected: &str, actual: usize) -> Self {
        Self::wrong_num_args_of(&quote(function), expected, actual)
    }

    /// The same for a function whose name is quoted already.
    pub fn wrong_num_args_of(quoted: &str, expected: &str, actual: usize) -> Self {
        Self::new(
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
            "42605",
            format!(
                "The {quoted} requires {expected} parameters but the actual number is {actual}. \
                 Please, refer to 'https://spark.apache.org/docs/latest/sql-ref-functions.html' for a fix."
            ),
        )
        .with_param("functionName", quoted)
        .with_param("expectedNum", expected)
        .with_param("actualNum", actual.to_string())
        .with_param("docroot", "https://spark.apache.org/docs/latest")
    }

    /// A temporary view whose name is taken.
    pub fn temp_view_exists(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
            "42P07",
            format!(
                "Cannot create the temporary view {quoted} because it already exists.\n\
                 Choose a different name, drop or replace the existing view."
            ),
        )
        .with_param("relationName", quoted)
    }

    /// A table whose name is taken.
    pub fn table_exists(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "TABLE_OR_VIEW_ALREADY_EXISTS",
            "42P07",
            format!(
                "Cannot create table or view {quoted} because it already exists.\n\
                 Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects."
            ),
        )
        .with_param("relationName", quoted)
    }

    /// Two columns of one name where names must differ.
    pub fn column_exists(name: &str) -> Self {
        let quoted = quote(name);
        Self::new(
            "COLUMN_ALREADY_EXISTS",
            "42711",
            format!("The column {quoted} already exists. Choose another name or rename the existing column."),
        )
        .with_param("columnName", quoted)
    }

    /// An input path that is not there.
    pub fn path_not_found(path: &str) -> Self {
        Self::new("PATH_NOT_FOUND", "42K03", format!("Path does not exist: {path}.")).with_param("path", path)
    }

    /// An output path that holds data while the mode says it must not.
    pub fn path_exists(path: &str) -> Self {
        Self::new(
            "PATH_ALREADY_EXISTS",
            "42K04",
            format!("Path {path} already exists. Set mode as \"overwrite\" to overwrite the existing path."),
        )
        .with_param("outputPath", path)
    }

    /// A file format nobody knows.
    pub fn data_source_not_found(provider: &str) -> Self {
        Self::new(
            "DATA_SOURCE_NOT_FOUND",
            "42K02",
            format!(
                "Failed to find the data source: {provider}. Make sure the provider name is correct \
                 and the package is properly registered and compatible with your Spark version."
            ),
        )
        .with_param("provider", provider)
    }

    /// A broken record in a file that is read in the mode FAILFAST.
    pub fn malformed_record(record: &str) -> Self {
        Self::new(
            "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
            "22023",
            format!(
                "Malformed records are detected in record parsing: {record}.\n\
                 Parse Mode: FAILFAST. To process malformed records as null result, try setting the option 'mode' as 'PERMISSIVE'."
            ),
        )
        .with_param("badRecord", record)
        .with_param("failFastMode", "FAILFAST")
    }

    /// What Spark can do and Cerium cannot (yet); `feature` completes "The feature is not supported:".
    pub fn unsupported(feature: impl fmt::Display) -> Self {
        Self::new("UNSUPPORTED_FEATURE", "0A000", format!("The feature is not supported: {feature}."))
            .with_param("feature", feature.to_string())
    }

    /// An expression whose argument types do not fit. `reason` ends without a full stop.
    pub fn type_mismatch(subclass: &str, expression: &str, reason: &str) -> Self {
        Self::new(
            format!("DATATYPE_MISMATCH.{subclass}"),
            "42K09",
            format!("Cannot resolve \"{expression}\" due to data type mismatch: {reason}."),
        )
        .with_param("sqlExpr", format!("\"{expression}\""))
    }

    /// A column outside GROUP BY and aggregates.
    pub fn missing_aggregation(expression: &str) -> Self {
        Self::new(
            "MISSING_AGGREGATION",
            "42803",
            format!(
                "The non-aggregating expression \"{expression}\" is based on columns which are not participating in the GROUP BY clause.\n\
                 Add the columns or the expression to the GROUP BY, aggregate the expression, or use \"any_value({expression})\" \
                 if you do not care which of the values within a group is returned."
            ),
        )
        .with_param("expression", format!("\"{expression}\""))
        .with_param("expressionAnyValue", format!("\"any_value({expression})\""))
    }

    /// A mistake of ours.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new("INTERNAL_ERROR", "XX000", message.to_string())
    }
}

/// A name in backquotes.
pub fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A qualified name, each part in backquotes.
pub fn quote_parts<S: AsRef<str>>(parts: &[S]) -> String {
    let quoted: Vec<_> = parts.iter().map(|p| quote(p.as_ref())).collect();
    quoted.join(".")
}

/// The five candidates closest to `name`, quoted, in Spark's order: by edit distance, ties as given.
/// Qualifiers are left out where all candidates share one and `name` has none.
fn suggestions(name: &[String], candidates: &[Vec<String>]) -> Vec<String> {
    let one_qualifier = candidates
        .windows(2)
        .all(|pair| pair[0].split_last().map(|c| c.1) == pair[1].split_last().map(|c| c.1));
    let strip = name.len() == 1 && one_qualifier;
    let written = name.join(".");
    let mut scored: Vec<(usize, String)> = candidates
        .iter()
        .map(|parts| {
            let shown = if strip { &parts[parts.len() - 1..] } else { parts.as_slice() };
            let shown = quote_parts(shown);
            (edit_distance(&shown, &written), shown)
        })
        .collect();
    scored.sort_by_key(|(distance, _)| *distance);
    scored.into_iter().map(|(_, shown)| shown).take(5).collect()
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = usize::from(ca != *cb);
            let best = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn closest_names_are_proposed_first() {
        let scope: Vec<_> = ["id", "Name", "amt", "flag"].iter().map(|c| parts(&["t", c])).collect();
        let error = SparkError::column_not_found(&parts(&["x", "id"]), &scope);
        assert_eq!(
            error.to_string(),
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name `x`.`id` cannot be resolved. \
             Did you mean one of the following? [`t`.`id`, `t`.`amt`, `t`.`Name`, `t`.`flag`]. SQLSTATE: 42703"
        );
    }

    #[test]
    fn syntax_errors_point_at_the_token() {
        let error = SparkError::syntax(Some(","), "", Position { line: 2, pos: 10 })
            .in_statement(QueryContext { text: "-- x\nselect id,, name\nfrom t".into(), line: 7, column: 1 });
        assert_eq!(
            error.to_string(),
            "[PARSE_SYNTAX_ERROR] Syntax error at or near ','. SQLSTATE: 42601 (line 2, pos 10)\n\n\
             == SQL ==\n-- x\nselect id,, name\n----------^^^\nfrom t"
        );
        assert_eq!(error.script_position(), Some((8, 11)));
    }
}
