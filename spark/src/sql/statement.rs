//! Syntax trees of Spark's statements: queries by sqlparser, the rest by this module.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{DataType as SqlType, Expr, Ident, ObjectName, Query, SelectItem};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Parameters;
use super::lex::{self, SparkDialect};
use super::parse::{self, is_word, next_is, query};
use crate::error::{Position, Result, SparkError};

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// SELECT, VALUES, WITH, TABLE, FROM.
    Query(Box<Query>),
    /// CREATE [OR REPLACE] [GLOBAL] TEMPORARY VIEW.
    CreateTempView(CreateTempView),
    /// CREATE TABLE, with or without AS.
    CreateTable(CreateTable),
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
    /// SET, SET key, SET key=value.
    Set {
        /// Nothing lists all keys.
        key: Option<String>,
        /// Nothing shows the key.
        value: Option<String>,
    },
    /// RESET, RESET key.
    Reset(Option<String>),
    /// SHOW TABLES (`views_only` false) or SHOW VIEWS.
    ShowTables {
        /// Only views.
        views_only: bool,
        /// Pattern of LIKE: `*` for any characters, `|` between alternatives.
        pattern: Option<String>,
    },
    /// SHOW COLUMNS IN table.
    ShowColumns(Name),
    /// DESCRIBE table.
    Describe(Name),
    /// DESCRIBE QUERY.
    DescribeQuery(Box<Query>),
    /// EXPLAIN [EXTENDED | FORMATTED | COST | CODEGEN] query.
    Explain {
        /// With the logical plans.
        extended: bool,
        /// What is explained.
        query: Box<Query>,
    },
    /// USE [NAMESPACE | DATABASE | SCHEMA] name.
    Use(Name),
}

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

/// CREATE TEMPORARY VIEW.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTempView {
    /// Its name.
    pub name: Name,
    /// OR REPLACE.
    pub replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// GLOBAL.
    pub global: bool,
    /// What it shows.
    pub source: ViewSource,
}

/// What a temporary view shows.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewSource {
    /// AS query, with other column names if there are any.
    Query { columns: Vec<String>, query: Box<Query> },
    /// USING format OPTIONS (...), with a schema if there is one.
    Files(FileTable),
}

/// Files of a format with options and perhaps a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct FileTable {
    /// Lower-case name of the format.
    pub format: String,
    /// OPTIONS, keys as written.
    pub options: BTreeMap<String, String>,
    /// The columns, if they are given.
    pub columns: Vec<ColumnDef>,
}

/// A column of a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// Its type; none in PARTITIONED BY (name).
    pub data_type: Option<SqlType>,
    /// Without NOT NULL.
    pub nullable: bool,
}

/// CREATE TABLE.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    /// Its name.
    pub name: Name,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Format, options, columns. The format is empty if USING is missing.
    pub table: FileTable,
    /// PARTITIONED BY, in order.
    pub partitioned_by: Vec<ColumnDef>,
    /// LOCATION.
    pub location: Option<String>,
    /// AS.
    pub query: Option<Box<Query>>,
}

/// INSERT into a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table.
    pub name: Name,
    /// OVERWRITE, not INTO.
    pub overwrite: bool,
    /// PARTITION (column [= value], ...).
    pub partition: Vec<(String, Option<Expr>)>,
    /// The columns named, or none.
    pub columns: Vec<String>,
    /// BY NAME.
    pub by_name: bool,
    /// The rows.
    pub query: Box<Query>,
}

/// INSERT OVERWRITE DIRECTORY.
#[derive(Debug, Clone, PartialEq)]
pub struct InsertDirectory {
    /// Where to.
    pub path: String,
    /// Format and options.
    pub table: FileTable,
    /// The rows.
    pub query: Box<Query>,
}

/// Parses one statement, its parameters standing for the values given.
pub fn parse(text: &str, parameters: &Parameters) -> Result<Statement> {
    let tokens = lex::tokenize(text)?;
    let mut code = tokens.iter().filter(|t| !lex::is_blank(&t.token));
    if let Some(first) = code.next()
        && is_word(&first.token, "SET")
    {
        return set(text, first);
    }
    whole(text, tokens, parameters, statement)
}

/// Parses an expression, with or without an alias, or a star.
pub(crate) fn parse_item(text: &str, parameters: &Parameters) -> Result<SelectItem> {
    let tokens = lex::tokenize(text)?;
    whole(text, tokens, parameters, |p| Ok(parse::select_item(p)?))
}

/// Parses a text that has to be one thing from its start to its end.
fn whole<T>(
    text: &str,
    tokens: Vec<TokenWithSpan>,
    parameters: &Parameters,
    parse: impl FnOnce(&mut Parser) -> Result<T, Failure>,
) -> Result<T> {
    parse::check_nesting(&tokens)?;
    let dialect = SparkDialect { parameters: parameters.clone() };
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(256).with_tokens_with_locations(tokens.clone());
    let result = parse(&mut parser).and_then(|parsed| match parser.peek_token_ref() {
        t if t.token == Token::EOF => Ok(parsed),
        t => Err(Failure::Near(t.clone())),
    });
    result.map_err(|failure| failure.into_spark(text, &tokens))
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

/// Spark takes what follows SET as it stands.
fn set(text: &str, first: &TokenWithSpan) -> Result<Statement> {
    // The statement starts with its first code character except after a leading comment.
    let skip: usize =
        text.split('\n').take(first.span.end.line as usize - 1).map(|line| line.len() + 1).sum();
    let line = &text[skip..];
    let after: usize = line.chars().take(first.span.end.column as usize - 1).map(char::len_utf8).sum();
    let rest = line[after..].trim();
    if rest.is_empty() || rest == "-v" {
        return Ok(Statement::Set { key: None, value: None });
    }
    let words: Vec<&str> = rest.splitn(3, char::is_whitespace).collect();
    if let [time, zone, value] = words.as_slice()
        && time.eq_ignore_ascii_case("time")
        && zone.eq_ignore_ascii_case("zone")
    {
        let value = value.trim().trim_matches(['\'', '"']);
        let value = if value.eq_ignore_ascii_case("local") { "UTC" } else { value };
        return Ok(Statement::Set {
            key: Some("spark.sql.session.timeZone".to_owned()),
            value: Some(value.to_owned()),
        });
    }
    let (key, value) = match rest.split_once('=') {
        Some((key, value)) => (key.trim(), Some(value.trim())),
        None => (rest, None),
    };
    let bare = key.trim_matches('`');
    if key == bare && key.contains(char::is_whitespace) {
        return Err(SparkError::new(
            "INVALID_SET_SYNTAX",
            "42000",
            "Expected format is 'SET', 'SET key', or 'SET key=value'. If you want to include special characters in key, \
             or include semicolon in value, please use backquotes, e.g., SET `key`=`value`.",
        )
        .at(Some(lex::position(first.span.start))));
    }
    Ok(Statement::Set {
        key: Some(bare.to_owned()),
        value: value.map(|v| {
            let quoted = v.len() >= 2 && v.starts_with('`') && v.ends_with('`');
            if quoted { v[1..v.len() - 1].to_owned() } else { v.to_owned() }
        }),
    })
}

fn statement(p: &mut Parser) -> Result<Statement, Failure> {
    let first = p.peek_token();
    let Token::Word(word) = &first.token else {
        return Ok(Statement::Query(query(p)?));
    };
    if word.quote_style.is_some() {
        return Err(Failure::Near(first));
    }
    match word.value.to_ascii_uppercase().as_str() {
        "SELECT" | "WITH" | "VALUES" | "TABLE" | "FROM" => Ok(Statement::Query(query(p)?)),
        "CREATE" => create(p),
        "INSERT" => insert(p),
        "DROP" => drop(p),
        "RESET" => {
            p.next_token();
            if p.peek_token_ref().token == Token::EOF {
                return Ok(Statement::Reset(None));
            }
            let name = Name::new(&p.parse_object_name(false)?);
            Ok(Statement::Reset(Some(name.parts.join("."))))
        }
        "SHOW" => show(p),
        "DESCRIBE" | "DESC" => describe(p),
        "EXPLAIN" => explain(p),
        "USE" => {
            p.next_token();
            if !next_is(p, "NAMESPACE") && !next_is(p, "DATABASE") {
                next_is(p, "SCHEMA");
            }
            Ok(Statement::Use(name(p)?))
        }
        known @ ("ALTER" | "ANALYZE" | "CACHE" | "UNCACHE" | "CLEAR" | "REFRESH" | "TRUNCATE" | "MERGE"
        | "UPDATE" | "DELETE" | "LOAD" | "MSCK" | "REPAIR" | "COMMENT" | "ADD" | "LIST"
        | "DECLARE" | "EXECUTE" | "BEGIN" | "CALL" | "REPLACE" | "LOCK" | "UNLOCK" | "GRANT"
        | "REVOKE" | "EXPORT" | "IMPORT" | "DFS" | "MAP" | "REDUCE") => {
            Err(unsupported(&format!("the statement {known}"), &first))
        }
        _ => Err(Failure::Near(first)),
    }
}

fn unsupported(feature: &str, at: &TokenWithSpan) -> Failure {
    Failure::Spark(SparkError::unsupported(feature).at(Some(lex::position(at.span.start))))
}

fn expect(p: &mut Parser, word: &str) -> Result<(), Failure> {
    if next_is(p, word) { Ok(()) } else { Err(Failure::Near(p.peek_token())) }
}

fn name(p: &mut Parser) -> Result<Name, Failure> {
    Ok(Name::new(&p.parse_object_name(true)?))
}

fn if_not_exists(p: &mut Parser) -> bool {
    p.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS])
}

fn create(p: &mut Parser) -> Result<Statement, Failure> {
    let start = p.next_token();
    let replace = p.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
    let global = next_is(p, "GLOBAL");
    if next_is(p, "TEMPORARY") || next_is(p, "TEMP") {
        if next_is(p, "TABLE") {
            return Err(unsupported("CREATE TEMPORARY TABLE, use CREATE TEMPORARY VIEW", &start));
        }
        if next_is(p, "FUNCTION") {
            return Err(unsupported("CREATE TEMPORARY FUNCTION", &start));
        }
        expect(p, "VIEW")?;
        return temp_view(p, replace, global);
    }
    if next_is(p, "TABLE") || (next_is(p, "EXTERNAL") && next_is(p, "TABLE")) {
        if replace {
            return Err(unsupported("CREATE OR REPLACE TABLE", &start));
        }
        return create_table(p);
    }
    for what in ["VIEW", "FUNCTION", "DATABASE", "SCHEMA", "NAMESPACE"] {
        if next_is(p, what) {
            return Err(unsupported(&format!("CREATE {what}"), &start));
        }
    }
    Err(Failure::Near(p.peek_token()))
}

fn temp_view(p: &mut Parser, replace: bool, global: bool) -> Result<Statement, Failure> {
    let if_not_exists = if_not_exists(p);
    let name = name(p)?;
    let columns = columns(p)?;
    if p.peek_token_ref().token != Token::EOF && next_is(p, "COMMENT") {
        p.parse_literal_string()?;
    }
    if next_is(p, "TBLPROPERTIES") {
        options(p)?;
    }
    let source = if next_is(p, "USING") {
        ViewSource::Files(FileTable {
            format: format_name(p)?,
            options: if next_is(p, "OPTIONS") { options(p)? } else { BTreeMap::new() },
            columns,
        })
    } else {
        expect(p, "AS")?;
        ViewSource::Query {
            columns: columns.into_iter().map(|column| column.name).collect(),
            query: query(p)?,
        }
    };
    Ok(Statement::CreateTempView(CreateTempView { name, replace, if_not_exists, global, source }))
}

/// A format by its name; a Java class name keeps its dots.
fn format_name(p: &mut Parser) -> Result<String, Failure> {
    Ok(name(p)?.parts.join(".").to_lowercase())
}

/// `(name type [NOT NULL] [COMMENT 'x'], ...)` or `(name [COMMENT 'x'], ...)` or nothing.
fn columns(p: &mut Parser) -> Result<Vec<ColumnDef>, Failure> {
    if !p.consume_token(&Token::LParen) {
        return Ok(Vec::new());
    }
    let mut columns = Vec::new();
    loop {
        let name = p.parse_identifier()?.value;
        let _ = p.consume_token(&Token::Colon);
        let typed = !matches!(p.peek_token_ref().token, Token::Comma | Token::RParen)
            && !is_word(&p.peek_token_ref().token, "COMMENT");
        let data_type = if typed { Some(p.parse_data_type()?) } else { None };
        let nullable = !p.parse_keywords(&[Keyword::NOT, Keyword::NULL]);
        if next_is(p, "COMMENT") {
            p.parse_literal_string()?;
        }
        columns.push(ColumnDef { name, data_type, nullable });
        if !p.consume_token(&Token::Comma) {
            break;
        }
    }
    p.expect_token(&Token::RParen)?;
    Ok(columns)
}

/// `(k 'v', k = v, a.b 'c', 'k' 'v')`
fn options(p: &mut Parser) -> Result<BTreeMap<String, String>, Failure> {
    p.expect_token(&Token::LParen)?;
    let mut options = BTreeMap::new();
    loop {
        let key = match p.peek_token().token {
            Token::SingleQuotedString(key) => {
                p.next_token();
                key
            }
            _ => option_key(p)?,
        };
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

fn create_table(p: &mut Parser) -> Result<Statement, Failure> {
    let if_not_exists = if_not_exists(p);
    let name = name(p)?;
    let mut create = CreateTable {
        name,
        if_not_exists,
        table: FileTable { format: String::new(), options: BTreeMap::new(), columns: columns(p)? },
        partitioned_by: Vec::new(),
        location: None,
        query: None,
    };
    loop {
        let token = p.peek_token();
        if next_is(p, "USING") {
            create.table.format = format_name(p)?;
        } else if next_is(p, "OPTIONS") {
            create.table.options = options(p)?;
        } else if next_is(p, "PARTITIONED") {
            expect(p, "BY")?;
            create.partitioned_by = columns(p)?;
        } else if next_is(p, "LOCATION") {
            create.location = Some(p.parse_literal_string()?);
        } else if next_is(p, "COMMENT") {
            p.parse_literal_string()?;
        } else if next_is(p, "TBLPROPERTIES") {
            options(p)?;
        } else if next_is(p, "STORED") {
            expect(p, "AS")?;
            create.table.format = format_name(p)?;
        } else if next_is(p, "CLUSTERED") {
            return Err(unsupported("CLUSTERED BY (buckets)", &token));
        } else if next_is(p, "LIKE") {
            return Err(unsupported("CREATE TABLE LIKE", &token));
        } else if next_is(p, "ROW") {
            return Err(unsupported("ROW FORMAT", &token));
        } else {
            break;
        }
    }
    if next_is(p, "AS") || !matches!(p.peek_token_ref().token, Token::EOF) {
        create.query = Some(query(p)?);
    }
    Ok(Statement::CreateTable(create))
}

fn insert(p: &mut Parser) -> Result<Statement, Failure> {
    p.next_token();
    let overwrite = next_is(p, "OVERWRITE");
    if overwrite {
        let local = next_is(p, "LOCAL");
        if next_is(p, "DIRECTORY") {
            return insert_directory(p);
        }
        if local {
            return Err(Failure::Near(p.peek_token()));
        }
    } else {
        expect(p, "INTO")?;
    }
    next_is(p, "TABLE");
    let name = name(p)?;
    let mut partition = Vec::new();
    if next_is(p, "PARTITION") {
        p.expect_token(&Token::LParen)?;
        loop {
            let column = p.parse_identifier()?.value;
            let value = if p.consume_token(&Token::Eq) { Some(p.parse_expr()?) } else { None };
            partition.push((column, value));
            if !p.consume_token(&Token::Comma) {
                break;
            }
        }
        p.expect_token(&Token::RParen)?;
    }
    if_not_exists(p);
    let by_name = p.parse_keywords(&[Keyword::BY, Keyword::NAME]);
    let starts_query =
        |t: &Token| ["SELECT", "WITH", "VALUES", "FROM", "TABLE"].iter().any(|w| is_word(t, w));
    let mut columns = Vec::new();
    if p.peek_token_ref().token == Token::LParen && !starts_query(&p.peek_nth_token_ref(1).token) {
        p.next_token();
        columns = p.parse_comma_separated(Parser::parse_identifier)?.into_iter().map(|i| i.value).collect();
        p.expect_token(&Token::RParen)?;
    }
    let query = query(p)?;
    Ok(Statement::Insert(Insert { name, overwrite, partition, columns, by_name, query }))
}

fn insert_directory(p: &mut Parser) -> Result<Statement, Failure> {
    let mut path = match p.peek_token().token {
        Token::SingleQuotedString(path) => {
            p.next_token();
            Some(path)
        }
        _ => None,
    };
    let start = p.peek_token();
    if !next_is(p, "USING") {
        return Err(unsupported("INSERT OVERWRITE DIRECTORY without USING", &start));
    }
    let format = format_name(p)?;
    let mut options = if next_is(p, "OPTIONS") { options(p)? } else { BTreeMap::new() };
    if path.is_none() {
        path = options.remove("path");
    }
    let Some(path) = path else {
        return Err(Failure::Near(start));
    };
    let query = query(p)?;
    Ok(Statement::InsertDirectory(InsertDirectory {
        path,
        table: FileTable { format, options, columns: Vec::new() },
        query,
    }))
}

fn drop(p: &mut Parser) -> Result<Statement, Failure> {
    let start = p.next_token();
    let view = next_is(p, "VIEW");
    if !view && !next_is(p, "TABLE") {
        let token = p.peek_token();
        for what in ["DATABASE", "SCHEMA", "NAMESPACE", "FUNCTION", "TEMPORARY"] {
            if next_is(p, what) {
                return Err(unsupported(&format!("DROP {what}"), &start));
            }
        }
        return Err(Failure::Near(token));
    }
    let if_exists = p.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let name = name(p)?;
    next_is(p, "PURGE");
    Ok(Statement::Drop { name, view, if_exists })
}

fn show(p: &mut Parser) -> Result<Statement, Failure> {
    let start = p.next_token();
    if next_is(p, "COLUMNS") {
        if !next_is(p, "IN") {
            expect(p, "FROM")?;
        }
        return Ok(Statement::ShowColumns(name(p)?));
    }
    let views_only = next_is(p, "VIEWS");
    if !views_only && !next_is(p, "TABLES") {
        return Err(match p.peek_token().token {
            Token::Word(w) => unsupported(&format!("SHOW {}", w.value.to_uppercase()), &start),
            _ => Failure::Near(p.peek_token()),
        });
    }
    if next_is(p, "IN") || next_is(p, "FROM") {
        name(p)?;
    }
    let like = next_is(p, "LIKE");
    let pattern = match p.peek_token().token {
        Token::SingleQuotedString(pattern) => {
            p.next_token();
            Some(pattern)
        }
        _ if like => return Err(Failure::Near(p.peek_token())),
        _ => None,
    };
    Ok(Statement::ShowTables { views_only, pattern })
}

fn describe(p: &mut Parser) -> Result<Statement, Failure> {
    let start = p.next_token();
    for what in ["FUNCTION", "DATABASE", "SCHEMA", "NAMESPACE"] {
        if next_is(p, what) {
            return Err(unsupported(&format!("DESCRIBE {what}"), &start));
        }
    }
    let explicit = next_is(p, "QUERY");
    if explicit || ["SELECT", "WITH", "VALUES"].iter().any(|w| is_word(&p.peek_token_ref().token, w)) {
        return Ok(Statement::DescribeQuery(query(p)?));
    }
    next_is(p, "TABLE");
    for what in ["EXTENDED", "FORMATTED"] {
        if is_word(&p.peek_token_ref().token, what) && p.peek_nth_token_ref(1).token != Token::EOF {
            return Err(unsupported(&format!("DESCRIBE TABLE {what}"), &start));
        }
    }
    Ok(Statement::Describe(name(p)?))
}

fn explain(p: &mut Parser) -> Result<Statement, Failure> {
    p.next_token();
    let extended = next_is(p, "EXTENDED");
    if !extended {
        for mode in ["FORMATTED", "COST", "CODEGEN", "LOGICAL"] {
            if next_is(p, mode) {
                break;
            }
        }
    }
    Ok(Statement::Explain { extended, query: query(p)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_every_spelling() {
        let sql = "CREATE OR REPLACE TEMP VIEW v (a INT NOT NULL, b STRING) USING CSV \
                   OPTIONS (path '/x', header = true, a.b 'c', 'sep' ';', n -1)";
        let Ok(Statement::CreateTempView(view)) = parse(sql, &Parameters::default()) else {
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
