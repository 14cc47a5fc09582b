//! Statements around queries: INSERT, and the text of a query that is kept.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use super::{
    Failure, FileTable, Name, PartitionSpec, Statement, expect, format_name, if_not_exists, is_word, name,
    next_is, optional_partition, options, parse, peek_is, query, string, unsupported,
};

/// A query and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryText {
    /// The query.
    pub query: Box<Query>,
    /// As it was written.
    pub text: String,
}

/// INSERT into a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table.
    pub name: Name,
    /// OVERWRITE, not INTO.
    pub overwrite: bool,
    /// PARTITION (column [= value], ...).
    pub partition: PartitionSpec,
    /// IF NOT EXISTS after PARTITION.
    pub if_not_exists: bool,
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

/// A query up to the end of the statement, with its text.
pub(super) fn query_text(p: &mut Parser, text: &str) -> Result<QueryText, Failure> {
    let start = p.peek_token().span.start;
    let query = query(p)?;
    Ok(QueryText { query, text: rest_of(text, start).trim_end().to_owned() })
}

/// The text from a place on; nothing behind its end.
pub(super) fn rest_of(text: &str, start: Location) -> &str {
    if start.line == 0 {
        return "";
    }
    let skip: usize = text.split('\n').take(start.line as usize - 1).map(|line| line.len() + 1).sum();
    let Some(rest) = text.get(skip..) else { return "" };
    let within: usize =
        rest.chars().take((start.column as usize).saturating_sub(1)).map(char::len_utf8).sum();
    &rest[within..]
}

/// WITH and the query or INSERT that it belongs to.
pub(super) fn with(p: &mut Parser) -> Result<Statement, Failure> {
    let mut with = parse::with(p)?;
    if !peek_is(p, "INSERT") {
        return Ok(Statement::Query(parse::query_of(p, Some(with))?));
    }
    let mut statement = insert(p)?;
    let rows = match &mut statement {
        Statement::Insert(insert) => &mut insert.query,
        Statement::InsertDirectory(directory) => &mut directory.query,
        _ => return Err(Failure::Near(p.peek_token())),
    };
    if let Some(inner) = rows.with.take() {
        with.recursive |= inner.recursive;
        with.cte_tables.extend(inner.cte_tables);
    }
    rows.with = Some(with);
    Ok(statement)
}

pub(super) fn insert(p: &mut Parser) -> Result<Statement, Failure> {
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
    let partition = optional_partition(p)?;
    let if_not_exists = if_not_exists(p);
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
    Ok(Statement::Insert(Insert { name, overwrite, partition, if_not_exists, columns, by_name, query }))
}

fn insert_directory(p: &mut Parser) -> Result<Statement, Failure> {
    let mut path = string(p);
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
