//! CREATE FUNCTION and DROP FUNCTION.

use datafusion::sql::sqlparser::ast::DataType as SqlType;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::queries::rest_of;
use super::{
    Failure, Name, Statement, at_end, data_type, expect, if_exists, if_not_exists, name, near, next_are,
    next_is, next_of, peek_is, query, string,
};
use crate::error::{SparkError, quote, quote_parts};

/// CREATE FUNCTION.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    /// Its name.
    pub name: Name,
    /// TEMPORARY.
    pub temporary: bool,
    /// OR REPLACE.
    pub replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// What it is.
    pub source: FunctionSource,
}

/// What a function is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum FunctionSource {
    /// AS 'class'.
    Class(String),
    /// (parameters) RETURNS ... RETURN body.
    Sql(SqlFunction),
}

/// A function written in SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlFunction {
    /// What it takes.
    pub parameters: Vec<ParameterDef>,
    /// RETURNS type.
    pub returns: Option<SqlType>,
    /// RETURNS TABLE, with columns if there are any.
    pub table: Option<Vec<(String, SqlType)>>,
    /// The text behind RETURN.
    pub body: String,
    /// COMMENT.
    pub comment: Option<String>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterDef {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: SqlType,
    /// The text behind DEFAULT.
    pub default: Option<String>,
}

/// CREATE FUNCTION after this word.
pub(super) fn create(
    p: &mut Parser,
    text: &str,
    temporary: bool,
    replace: bool,
) -> Result<Statement, Failure> {
    let if_not_exists = if_not_exists(p);
    let name = name(p)?;
    if replace && if_not_exists {
        return Err(invalid(
            "CREATE_ROUTINE_WITH_IF_NOT_EXISTS_AND_REPLACE",
            "Cannot create a routine with both IF NOT EXISTS and REPLACE specified.",
        ));
    }
    if temporary && if_not_exists {
        return Err(invalid(
            "CREATE_TEMP_FUNC_WITH_IF_NOT_EXISTS",
            "CREATE TEMPORARY FUNCTION with IF NOT EXISTS is not allowed.",
        ));
    }
    if let [database, _] = name.parts.as_slice()
        && temporary
    {
        let quoted = quote(database);
        let what = format!("CREATE TEMPORARY FUNCTION with specifying a database({quoted}) is not allowed.");
        return Err(invalid("CREATE_TEMP_FUNC_WITH_DATABASE", &what).with_param("database", quoted));
    }
    let source =
        if next_is(p, "AS") { FunctionSource::Class(class(p)?) } else { FunctionSource::Sql(sql(p, text)?) };
    Ok(Statement::CreateFunction(CreateFunction { name, temporary, replace, if_not_exists, source }))
}

fn invalid(subclass: &str, what: &str) -> Failure {
    let class = format!("INVALID_SQL_SYNTAX.{subclass}");
    Failure::Spark(SparkError::new(class, "42000", format!("Invalid SQL syntax: {what}")))
}

impl Failure {
    fn with_param(self, name: &str, value: impl Into<String>) -> Self {
        match self {
            Self::Spark(error) => Self::Spark(error.with_param(name, value)),
            other => other,
        }
    }
}

/// `'class' [USING JAR|FILE|ARCHIVE 'uri', ...]`
fn class(p: &mut Parser) -> Result<String, Failure> {
    let class = p.parse_literal_string()?;
    if next_is(p, "USING") {
        loop {
            if !next_of(p, &["JAR", "FILE", "ARCHIVE"]) {
                return near(p);
            }
            p.parse_literal_string()?;
            if !p.consume_token(&Token::Comma) {
                break;
            }
        }
    }
    Ok(class)
}

fn sql(p: &mut Parser, text: &str) -> Result<SqlFunction, Failure> {
    p.expect_token(&Token::LParen)?;
    let mut parameters = Vec::new();
    while !p.consume_token(&Token::RParen) {
        if !parameters.is_empty() {
            p.expect_token(&Token::Comma)?;
        }
        parameters.push(parameter(p, text)?);
    }
    let mut function =
        SqlFunction { parameters, returns: None, table: None, body: String::new(), comment: None };
    if next_is(p, "RETURNS") {
        if next_is(p, "TABLE") {
            function.table = Some(table_columns(p)?);
        } else {
            function.returns = Some(data_type(p)?);
        }
    }
    loop {
        if next_is(p, "COMMENT") {
            function.comment = Some(p.parse_literal_string()?);
        } else if next_is(p, "LANGUAGE") {
            expect(p, "SQL")?;
        } else if !(next_is(p, "DETERMINISTIC")
            || p.parse_keywords(&[Keyword::NOT, Keyword::DETERMINISTIC])
            || next_are(p, &["CONTAINS", "SQL"])
            || next_are(p, &["READS", "SQL", "DATA"])
            || next_are(p, &["SQL", "SECURITY", "DEFINER"])
            || next_are(p, &["SQL", "SECURITY", "INVOKER"]))
        {
            break;
        }
    }
    if !next_is(p, "RETURN") {
        return Err(missing_return(p));
    }
    let start = p.peek_token().span.start;
    let starts_query = ["SELECT", "WITH", "VALUES", "FROM"].iter().any(|word| peek_is(p, word));
    if starts_query || function.table.is_some() {
        query(p)?;
    } else {
        p.parse_expr()?;
    }
    if !at_end(p) {
        return near(p);
    }
    rest_of(text, start).trim_end().clone_into(&mut function.body);
    Ok(function)
}

fn missing_return(p: &Parser) -> Failure {
    let token = p.peek_token();
    let near = token.token.to_string();
    let position = crate::sql::lex::position(token.span.start);
    Failure::Spark(SparkError::syntax(Some(&near), ": missing 'RETURN'", position))
}

fn parameter(p: &mut Parser, text: &str) -> Result<ParameterDef, Failure> {
    let name = p.parse_identifier()?.value;
    let mut parameter = ParameterDef { name, data_type: data_type(p)?, default: None };
    loop {
        if next_is(p, "DEFAULT") {
            let rest = rest_of(text, p.peek_token().span.start);
            p.parse_expr()?;
            let after = rest_of(text, p.peek_token().span.start);
            parameter.default = Some(rest[..rest.len() - after.len()].trim().to_owned());
        } else if next_is(p, "COMMENT") {
            if string(p).is_none() {
                return near(p);
            }
        } else if !p.parse_keywords(&[Keyword::NOT, Keyword::NULL]) {
            return Ok(parameter);
        }
    }
}

fn table_columns(p: &mut Parser) -> Result<Vec<(String, SqlType)>, Failure> {
    let mut columns = Vec::new();
    if !p.consume_token(&Token::LParen) {
        return Ok(columns);
    }
    loop {
        let column = p.parse_identifier()?.value;
        columns.push((column, data_type(p)?));
        if next_is(p, "COMMENT") {
            p.parse_literal_string()?;
        }
        if !p.consume_token(&Token::Comma) {
            break;
        }
    }
    p.expect_token(&Token::RParen)?;
    Ok(columns)
}

/// DROP FUNCTION after this word.
pub(super) fn drop(p: &mut Parser, temporary: bool) -> Result<Statement, Failure> {
    let if_exists = if_exists(p);
    let name = name(p)?;
    if temporary && name.parts.len() > 1 {
        let quoted = quote_parts(&name.parts);
        let what = format!("DROP TEMPORARY FUNCTION with multiple part name({quoted}) is not allowed.");
        return Err(invalid("MULTI_PART_NAME", &what)
            .with_param("statement", "DROP TEMPORARY FUNCTION")
            .with_param("name", quoted));
    }
    Ok(Statement::DropFunction { name, temporary, if_exists })
}
