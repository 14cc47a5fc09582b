//! Syntax trees of Spark's statements: queries by sqlparser, the rest by this module.

mod alter;
mod commands;
mod definitions;
mod functions;
mod queries;

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{DataType as SqlType, Expr, Ident, ObjectName, Query, SelectItem};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

pub use self::alter::{AlterTable, TableChange};
pub use self::commands::{Cache, Comment, Describe, ExplainMode, Show};
pub use self::definitions::{
    ColumnDef, CreateDatabase, CreateTable, CreateView, FileTable, ViewKind, ViewSource,
};
pub use self::functions::{CreateFunction, FunctionSource, SqlFunction};
pub use self::queries::{Insert, InsertDirectory, QueryText};
use super::Parameters;
use super::lex::{self, DoubleQuotes, SparkDialect};
use super::parse::{self, is_word, next_are, next_is, query};
use super::stack::with_room;
use crate::error::{Position, Result, SparkError};

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// SELECT, VALUES, WITH, TABLE, FROM.
    Query(Box<Query>),
    /// CREATE VIEW, temporary or not.
    CreateView(CreateView),
    /// CREATE TABLE, with or without AS.
    CreateTable(CreateTable),
    /// CREATE TABLE name LIKE other.
    CreateTableLike {
        /// Name, IF NOT EXISTS, USING, LOCATION, TBLPROPERTIES.
        table: CreateTable,
        /// The table or view whose columns it gets.
        like: Name,
    },
    /// CREATE DATABASE.
    CreateDatabase(CreateDatabase),
    /// CREATE FUNCTION.
    CreateFunction(CreateFunction),
    /// DROP FUNCTION.
    DropFunction {
        /// What is dropped.
        name: Name,
        /// TEMPORARY.
        temporary: bool,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// INSERT INTO and INSERT OVERWRITE a table.
    Insert(Insert),
    /// INSERT OVERWRITE DIRECTORY.
    InsertDirectory(InsertDirectory),
    /// DROP TABLE (`view` false) or DROP VIEW.
    Drop {
        /// What is dropped.
        name: Name,
        /// A view, not a table.
        view: bool,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// DROP DATABASE.
    DropDatabase {
        /// What is dropped.
        name: Name,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// ALTER DATABASE SET or UNSET DBPROPERTIES, SET LOCATION.
    AlterDatabase {
        /// The database.
        name: Name,
        /// Properties to set.
        properties: BTreeMap<String, String>,
        /// Properties to remove.
        removed: Vec<String>,
        /// SET LOCATION.
        location: Option<String>,
    },
    /// ALTER TABLE and ALTER VIEW.
    AlterTable(AlterTable),
    /// TRUNCATE TABLE.
    Truncate {
        /// The table.
        name: Name,
        /// PARTITION, or empty.
        partition: PartitionSpec,
    },
    /// COMMENT ON.
    Comment(Comment),
    /// SET, SET key, SET key=value.
    Set {
        /// Nothing lists all keys.
        key: Option<String>,
        /// Nothing shows the key.
        value: Option<String>,
    },
    /// SET -v.
    SetVerbose,
    /// RESET, RESET key.
    Reset(Option<String>),
    /// SHOW.
    Show(Show),
    /// DESCRIBE.
    Describe(Describe),
    /// EXPLAIN.
    Explain {
        /// How much is shown.
        mode: ExplainMode,
        /// What is explained.
        statement: Box<Statement>,
    },
    /// USE [NAMESPACE | DATABASE | SCHEMA] name.
    Use(Name),
    /// SET CATALOG name.
    UseCatalog(String),
    /// CACHE, UNCACHE, CLEAR CACHE.
    Cache(Cache),
    /// REFRESH TABLE name.
    Refresh(Name),
    /// REFRESH path.
    RefreshPath(String),
    /// ANALYZE TABLE.
    Analyze(Name),
    /// ANALYZE TABLES [IN database].
    AnalyzeTables(Option<Name>),
    /// MSCK REPAIR TABLE.
    Repair(Name),
}

/// PARTITION (column [= value], ...).
pub type PartitionSpec = Vec<(String, Option<Expr>)>;

/// A qualified name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// From catalog to object.
    pub parts: Vec<String>,
    /// Of the first part.
    pub position: Option<Position>,
}

impl Name {
    /// From sqlparser's name.
    pub fn new(name: &ObjectName) -> Self {
        let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        Self {
            parts: idents.iter().map(|ident| ident.value.clone()).collect(),
            position: idents.first().and_then(|ident| ident_position(ident)),
        }
    }
}

/// Where an identifier stands, unless the parser made it up.
pub fn ident_position(ident: &Ident) -> Option<Position> {
    (ident.span.start.line > 0).then(|| lex::position(ident.span.start))
}

/// Parses one statement, its parameters standing for the values given.
pub fn parse(text: &str, parameters: &Parameters) -> Result<Statement> {
    parse_with(text, parameters, DoubleQuotes::Strings)
}

/// The same, with what stands in double quotes.
pub(crate) fn parse_with(text: &str, parameters: &Parameters, quotes: DoubleQuotes) -> Result<Statement> {
    let tokens = lex::tokenize_with(text, quotes)?;
    parse::refuse_scripts(&tokens)?;
    let mut code = tokens.iter().filter(|t| !lex::is_blank(&t.token));
    if let Some(first) = code.next()
        && is_word(&first.token, "SET")
    {
        return commands::set(text, first);
    }
    whole(text, tokens, parameters, |p| {
        let statement = statement(p, text)?;
        while p.consume_token(&Token::SemiColon) {}
        Ok(statement)
    })
}

/// Parses an expression.
pub(crate) fn parse_expression(text: &str) -> Result<Expr> {
    whole(text, lex::tokenize(text)?, &Parameters::default(), |p| Ok(p.parse_expr()?))
}

/// Parses an expression, with or without an alias, or a star.
pub(crate) fn parse_item(text: &str, parameters: &Parameters) -> Result<SelectItem> {
    let tokens = lex::tokenize(text)?;
    whole(text, tokens, parameters, |p| Ok(parse::select_item(p)?))
}

/// Parses a text that has to be one thing from its start to its end.
fn whole<T: Send>(
    text: &str,
    tokens: Vec<TokenWithSpan>,
    parameters: &Parameters,
    parse: impl FnOnce(&mut Parser) -> Result<T, Failure> + Send,
) -> Result<T> {
    parse::check_nesting(&tokens)?;
    with_room(|| parsed(text, tokens, parameters, parse))
}

fn parsed<T>(
    text: &str,
    tokens: Vec<TokenWithSpan>,
    parameters: &Parameters,
    parse: impl FnOnce(&mut Parser) -> Result<T, Failure>,
) -> Result<T> {
    let dialect = SparkDialect { parameters: parameters.clone() };
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(256).with_tokens_with_locations(tokens.clone());
    let result = parse(&mut parser).and_then(|parsed| match parser.peek_token_ref() {
        t if t.token == Token::EOF => Ok(parsed),
        t => Err(Failure::Near(t.clone())),
    });
    result.map_err(|failure| failure.into_spark(text, &tokens))
}

/// Parses a type, such as `array<int>`.
pub fn parse_type(text: &str) -> Result<SqlType> {
    let tokens = lex::tokenize(text)?;
    let dialect = SparkDialect::default();
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens.clone());
    data_type(&mut parser).map_err(|failure| failure.into_spark(text, &tokens))
}

/// Parses a name of one or more parts, such as ``db.`my table` ``.
pub fn parse_name(text: &str) -> Result<Vec<String>> {
    let tokens = lex::tokenize(text)?;
    let dialect = SparkDialect::default();
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens.clone());
    let parsed = name(&mut parser).and_then(|name| if at_end(&parser) { Ok(name) } else { near(&parser) });
    parsed.map(|name| name.parts).map_err(|failure| failure.into_spark(text, &tokens))
}

/// Why parsing ended.
enum Failure {
    Parser(ParserError),
    Near(TokenWithSpan),
    Spark(SparkError),
}

impl From<ParserError> for Failure {
    fn from(error: ParserError) -> Self {
        Self::Parser(error)
    }
}

impl Failure {
    fn into_spark(self, text: &str, tokens: &[TokenWithSpan]) -> SparkError {
        let place = match self {
            Self::Spark(error) => return error,
            Self::Near(token) => Some((token.span.start.line, token.span.start.column)),
            Self::Parser(ParserError::RecursionLimitExceeded) => {
                return parse::too_complex();
            }
            Self::Parser(ParserError::TokenizerError(m)) => return parse::refused(&m),
            Self::Parser(ParserError::ParserError(m)) => location_in(&m),
        };
        let found = place.and_then(|(line, column)| {
            tokens.iter().find(|t| t.span.start.line == line && t.span.start.column == column)
        });
        match found {
            Some(token) if token.token != Token::EOF => {
                SparkError::syntax(Some(&source_of(text, token)), "", lex::position(token.span.start))
            }
            _ => SparkError::syntax(None, "", end_of(text)),
        }
    }
}

/// `... at Line: 3, Column: 8`
pub(super) fn location_in(message: &str) -> Option<(u64, u64)> {
    let (_, tail) = message.rsplit_once(" at Line: ")?;
    let (line, column) = tail.split_once(", Column: ")?;
    Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
}

/// A token as it is written.
fn source_of(text: &str, token: &TokenWithSpan) -> String {
    let (start, end) = (token.span.start, token.span.end);
    let line = text.lines().nth(start.line as usize - 1).unwrap_or_default();
    let last = if start.line == end.line { end.column } else { u64::MAX };
    line.chars()
        .enumerate()
        .filter(|(i, _)| (start.column..last).contains(&(*i as u64 + 1)))
        .map(|(_, c)| c)
        .collect()
}

fn end_of(text: &str) -> Position {
    let line = text.split('\n').count() as u64;
    let pos = text.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
    Position { line, pos }
}

fn statement(p: &mut Parser, text: &str) -> Result<Statement, Failure> {
    let first = p.peek_token();
    let Token::Word(word) = &first.token else {
        return Ok(Statement::Query(query(p)?));
    };
    if word.quote_style.is_some() {
        return Err(Failure::Near(first));
    }
    match word.value.to_ascii_uppercase().as_str() {
        "WITH" => queries::with(p),
        "SELECT" | "VALUES" | "TABLE" | "FROM" => Ok(Statement::Query(query(p)?)),
        "CREATE" => definitions::create(p, text),
        "INSERT" => queries::insert(p),
        "DROP" => definitions::drop(p),
        "ALTER" => alter::alter(p, text),
        "TRUNCATE" => definitions::truncate(p),
        "SHOW" => commands::show(p),
        "DESCRIBE" | "DESC" => commands::describe(p),
        "EXPLAIN" => commands::explain(p, text),
        "CACHE" | "UNCACHE" | "CLEAR" => commands::cache(p),
        "USE" | "RESET" | "REFRESH" | "ANALYZE" | "MSCK" | "REPAIR" | "COMMENT" => commands::other(p),
        known @ ("MERGE" | "UPDATE" | "DELETE" | "LOAD" | "ADD" | "LIST" | "DECLARE" | "EXECUTE"
        | "BEGIN" | "CALL" | "REPLACE" | "LOCK" | "UNLOCK" | "GRANT" | "REVOKE" | "EXPORT"
        | "IMPORT" | "DFS" | "MAP" | "REDUCE") => Err(unsupported(&format!("the statement {known}"), &first)),
        _ => Err(Failure::Near(first)),
    }
}

fn unsupported(feature: &str, at: &TokenWithSpan) -> Failure {
    Failure::Spark(SparkError::unsupported(feature).at(Some(lex::position(at.span.start))))
}

fn peek_is(p: &Parser, word: &str) -> bool {
    is_word(&p.peek_token_ref().token, word)
}

/// Takes the next token if it is one of these words.
fn next_of(p: &mut Parser, words: &[&str]) -> bool {
    words.iter().any(|word| next_is(p, word))
}

fn at_end(p: &Parser) -> bool {
    p.peek_token_ref().token == Token::EOF
}

fn near<T>(p: &Parser) -> Result<T, Failure> {
    Err(Failure::Near(p.peek_token_ref().clone()))
}

fn expect(p: &mut Parser, word: &str) -> Result<(), Failure> {
    if next_is(p, word) { Ok(()) } else { near(p) }
}

fn name(p: &mut Parser) -> Result<Name, Failure> {
    // A column list may follow a table of this name.
    let clause = peek_is(p, "IDENTIFIER")
        && p.peek_nth_token_ref(1).token == Token::LParen
        && !matches!(p.peek_nth_token_ref(2).token, Token::Word(_));
    let name = if clause { parse::object_name(p)? } else { p.parse_object_name(true)? };
    Ok(Name::new(&name))
}

fn if_not_exists(p: &mut Parser) -> bool {
    p.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS])
}

fn if_exists(p: &mut Parser) -> bool {
    p.parse_keywords(&[Keyword::IF, Keyword::EXISTS])
}

fn data_type(p: &mut Parser) -> Result<SqlType, Failure> {
    Ok(parse::data_type(p)?)
}

/// A string if one comes next.
fn string(p: &mut Parser) -> Option<String> {
    let Token::SingleQuotedString(text) = &p.peek_token_ref().token else { return None };
    let text = text.clone();
    p.next_token();
    Some(text)
}

/// A format by its name; a Java class name keeps its dots.
fn format_name(p: &mut Parser) -> Result<String, Failure> {
    Ok(name(p)?.parts.join(".").to_lowercase())
}

/// `(a [= value], ...)` after PARTITION.
fn partition_spec(p: &mut Parser) -> Result<PartitionSpec, Failure> {
    p.expect_token(&Token::LParen)?;
    let mut partition = Vec::new();
    loop {
        let column = p.parse_identifier()?.value;
        let value = if p.consume_token(&Token::Eq) { Some(p.parse_expr()?) } else { None };
        partition.push((column, value));
        if !p.consume_token(&Token::Comma) {
            break;
        }
    }
    p.expect_token(&Token::RParen)?;
    Ok(partition)
}

/// PARTITION (...) if it comes next.
fn optional_partition(p: &mut Parser) -> Result<PartitionSpec, Failure> {
    if next_is(p, "PARTITION") { partition_spec(p) } else { Ok(Vec::new()) }
}

/// `(k 'v', k = v, a.b 'c', 'k' 'v')`
fn options(p: &mut Parser) -> Result<BTreeMap<String, String>, Failure> {
    p.expect_token(&Token::LParen)?;
    let mut options = BTreeMap::new();
    loop {
        let key = option_key(p)?;
        let _ = p.consume_token(&Token::Eq);
        let value = option_value(p)?;
        options.insert(key, value);
        if !p.consume_token(&Token::Comma) {
            break;
        }
    }
    p.expect_token(&Token::RParen)?;
    Ok(options)
}

fn option_key(p: &mut Parser) -> Result<String, Failure> {
    if let Some(key) = string(p) {
        return Ok(key);
    }
    let mut key = p.parse_identifier()?.value;
    while p.consume_token(&Token::Period) {
        key.push('.');
        key.push_str(&p.parse_identifier()?.value);
    }
    Ok(key)
}

fn option_value(p: &mut Parser) -> Result<String, Failure> {
    let negative = p.consume_token(&Token::Minus);
    let token = p.next_token();
    let value = match &token.token {
        Token::SingleQuotedString(s) if !negative => s.clone(),
        Token::Number(n, _) => n.clone(),
        Token::Word(w) if !negative => {
            let literal = w.value.to_ascii_lowercase();
            if literal == "true" || literal == "false" { literal } else { w.value.clone() }
        }
        _ => return Err(Failure::Near(token)),
    };
    Ok(if negative { format!("-{value}") } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_every_spelling() {
        let sql = "CREATE OR REPLACE TEMP VIEW v (a INT NOT NULL, b STRING) USING CSV \
                   OPTIONS (path '/x', header = true, a.b 'c', 'sep' ';', n -1)";
        let Ok(Statement::CreateView(view)) = parse(sql, &Parameters::default()) else {
            panic!("not a view");
        };
        let ViewSource::Files(files) = view.source else {
            panic!("not of files");
        };
        assert_eq!(files.format, "csv");
        let pairs: Vec<_> = files.options.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(pairs, ["a.b=c", "header=true", "n=-1", "path=/x", "sep=;"]);
        assert_eq!(files.columns.iter().map(|c| c.nullable).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn with_belongs_to_the_rows_of_an_insert() {
        let sql = "WITH a AS (SELECT 1) INSERT INTO t WITH b AS (SELECT 2) SELECT * FROM a, b";
        let Ok(Statement::Insert(insert)) = parse(sql, &Parameters::default()) else {
            panic!("not an insert");
        };
        let names: Vec<_> = insert
            .query
            .with
            .iter()
            .flat_map(|with| &with.cte_tables)
            .map(|cte| &cte.alias.name.value)
            .collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn set_keeps_what_follows() {
        let cases = [
            ("SET", None, None),
            ("set a.b", Some("a.b"), None),
            ("SET a.b = x y = z", Some("a.b"), Some("x y = z")),
            ("SET `a b`=`1;2`", Some("a b"), Some("1;2")),
            ("SET TIME ZONE 'Europe/Berlin'", Some("spark.sql.session.timeZone"), Some("Europe/Berlin")),
        ];
        for (sql, key, value) in cases {
            let expected = Statement::Set { key: key.map(Into::into), value: value.map(Into::into) };
            assert_eq!(parse(sql, &Parameters::default()), Ok(expected), "{sql}");
        }
    }

    #[test]
    fn syntax_errors_are_sparks() {
        // Recorded with Spark 4.1.1.
        let cases = [("SELEC 1", "'SELEC'", (1, 0)), ("select id,, name from t", "','", (1, 10))];
        for (sql, near, (line, pos)) in cases {
            let error = parse(sql, &Parameters::default()).expect_err(sql);
            assert_eq!(error.class(), "PARSE_SYNTAX_ERROR", "{sql}");
            assert_eq!(error.params()["error"], near, "{sql}");
            assert_eq!(error.position(), Some(Position { line, pos }), "{sql}");
        }
    }
}
