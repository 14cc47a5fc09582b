//! Spark's errors: class, SQLSTATE, message, parameters and the place in the SQL text.

mod classify;
mod conditions;

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

#[cfg(test)]
mod tests {
    use super::*;

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
