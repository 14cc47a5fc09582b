//! CREATE, DROP and TRUNCATE.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{DataType as SqlType, Query};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::functions;
use super::queries::query_text;
use super::{
    Failure, Name, QueryText, Statement, at_end, data_type, expect, format_name, if_exists, if_not_exists,
    name, near, next_are, next_is, next_of, optional_partition, options, peek_is, query, unsupported,
};

/// How long a view lives, and who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    /// In the warehouse, for all.
    Stored,
    /// In the session.
    Temporary,
    /// In the application.
    Global,
}

/// CREATE VIEW.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    /// Its name.
    pub name: Name,
    /// Where it is kept.
    pub kind: ViewKind,
    /// OR REPLACE.
    pub replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// COMMENT.
    pub comment: Option<String>,
    /// TBLPROPERTIES.
    pub properties: BTreeMap<String, String>,
    /// What it shows.
    pub source: ViewSource,
}

/// What a view shows.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewSource {
    /// AS query, with other column names if there are any.
    Query { columns: Vec<ColumnDef>, query: QueryText },
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
    /// COMMENT.
    pub comment: Option<String>,
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
    /// COMMENT.
    pub comment: Option<String>,
    /// TBLPROPERTIES.
    pub properties: BTreeMap<String, String>,
    /// AS.
    pub query: Option<Box<Query>>,
}

/// CREATE DATABASE.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateDatabase {
    /// Its name.
    pub name: Name,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// COMMENT.
    pub comment: Option<String>,
    /// LOCATION.
    pub location: Option<String>,
    /// WITH DBPROPERTIES.
    pub properties: BTreeMap<String, String>,
}

pub(super) fn create(p: &mut Parser, text: &str) -> Result<Statement, Failure> {
    let start = p.next_token();
    let replace = p.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
    let global = next_is(p, "GLOBAL");
    if next_of(p, &["TEMPORARY", "TEMP"]) {
        if next_is(p, "TABLE") {
            return Err(unsupported("CREATE TEMPORARY TABLE, use CREATE TEMPORARY VIEW", &start));
        }
        if next_is(p, "FUNCTION") {
            return functions::create(p, text, true, replace);
        }
        expect(p, "VIEW")?;
        let kind = if global { ViewKind::Global } else { ViewKind::Temporary };
        return view(p, text, replace, kind);
    }
    if !global && next_is(p, "VIEW") {
        return view(p, text, replace, ViewKind::Stored);
    }
    if next_is(p, "TABLE") || next_are(p, &["EXTERNAL", "TABLE"]) {
        if replace {
            return Err(unsupported("CREATE OR REPLACE TABLE", &start));
        }
        return table(p);
    }
    if next_of(p, &["DATABASE", "SCHEMA", "NAMESPACE"]) {
        return database(p);
    }
    if next_is(p, "FUNCTION") {
        return functions::create(p, text, false, replace);
    }
    near(p)
}

fn view(p: &mut Parser, text: &str, replace: bool, kind: ViewKind) -> Result<Statement, Failure> {
    let if_not_exists = if_not_exists(p);
    let name = name(p)?;
    let columns = columns(p)?;
    let (mut comment, mut properties) = (None, BTreeMap::new());
    loop {
        if next_is(p, "COMMENT") {
            comment = Some(p.parse_literal_string()?);
        } else if next_is(p, "TBLPROPERTIES") {
            properties = options(p)?;
        } else if next_are(p, &["WITH", "SCHEMA"]) {
            // How a view follows changes of its tables: by name, as with COMPENSATION.
            if !next_of(p, &["BINDING", "COMPENSATION", "EVOLUTION"]) {
                expect(p, "TYPE")?;
                expect(p, "EVOLUTION")?;
            }
        } else {
            break;
        }
    }
    let source = if kind != ViewKind::Stored && next_is(p, "USING") {
        ViewSource::Files(FileTable {
            format: format_name(p)?,
            options: if next_is(p, "OPTIONS") { options(p)? } else { BTreeMap::new() },
            columns,
        })
    } else {
        expect(p, "AS")?;
        ViewSource::Query { columns, query: query_text(p, text)? }
    };
    Ok(Statement::CreateView(CreateView { name, kind, replace, if_not_exists, comment, properties, source }))
}

fn database(p: &mut Parser) -> Result<Statement, Failure> {
    let if_not_exists = if_not_exists(p);
    let mut create = CreateDatabase {
        name: name(p)?,
        if_not_exists,
        comment: None,
        location: None,
        properties: BTreeMap::new(),
    };
    loop {
        if next_is(p, "COMMENT") {
            create.comment = Some(p.parse_literal_string()?);
        } else if next_is(p, "LOCATION") {
            create.location = Some(p.parse_literal_string()?);
        } else if next_is(p, "WITH") {
            if !next_of(p, &["DBPROPERTIES", "PROPERTIES"]) {
                return near(p);
            }
            create.properties = options(p)?;
        } else {
            return Ok(Statement::CreateDatabase(create));
        }
    }
}

/// `(name type [NOT NULL] [COMMENT 'x'], ...)` or `(name [COMMENT 'x'], ...)` or nothing.
pub(super) fn columns(p: &mut Parser) -> Result<Vec<ColumnDef>, Failure> {
    if !p.consume_token(&Token::LParen) {
        return Ok(Vec::new());
    }
    let columns = listed_columns(p)?;
    p.expect_token(&Token::RParen)?;
    Ok(columns)
}

pub(super) fn listed_columns(p: &mut Parser) -> Result<Vec<ColumnDef>, Failure> {
    let mut columns = vec![column(p)?];
    while p.consume_token(&Token::Comma) {
        columns.push(column(p)?);
    }
    Ok(columns)
}

fn column(p: &mut Parser) -> Result<ColumnDef, Failure> {
    let name = p.parse_identifier()?.value;
    let _ = p.consume_token(&Token::Colon);
    let typed = !matches!(p.peek_token_ref().token, Token::Comma | Token::RParen | Token::EOF)
        && !peek_is(p, "COMMENT");
    let data_type = if typed { Some(data_type(p)?) } else { None };
    let mut column = ColumnDef { name, data_type, nullable: true, comment: None };
    loop {
        let token = p.peek_token();
        if p.parse_keywords(&[Keyword::NOT, Keyword::NULL]) {
            column.nullable = false;
        } else if next_is(p, "COMMENT") {
            column.comment = Some(p.parse_literal_string()?);
        } else if next_is(p, "DEFAULT") {
            return Err(unsupported("default values of columns", &token));
        } else if next_is(p, "GENERATED") {
            return Err(unsupported("generated columns", &token));
        } else {
            return Ok(column);
        }
    }
}

fn table(p: &mut Parser) -> Result<Statement, Failure> {
    let if_not_exists = if_not_exists(p);
    let mut create = CreateTable {
        name: name(p)?,
        if_not_exists,
        table: FileTable { format: String::new(), options: BTreeMap::new(), columns: columns(p)? },
        partitioned_by: Vec::new(),
        location: None,
        comment: None,
        properties: BTreeMap::new(),
        query: None,
    };
    let like = if next_is(p, "LIKE") { Some(name(p)?) } else { None };
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
            create.comment = Some(p.parse_literal_string()?);
        } else if next_is(p, "TBLPROPERTIES") {
            create.properties = options(p)?;
        } else if next_is(p, "STORED") {
            expect(p, "AS")?;
            create.table.format = format_name(p)?;
        } else if next_is(p, "CLUSTERED") {
            return Err(unsupported("CLUSTERED BY (buckets)", &token));
        } else if next_is(p, "CLUSTER") {
            return Err(unsupported("CLUSTER BY in CREATE TABLE", &token));
        } else if next_is(p, "ROW") {
            return Err(unsupported("ROW FORMAT", &token));
        } else {
            break;
        }
    }
    if let Some(like) = like {
        return Ok(Statement::CreateTableLike { table: create, like });
    }
    if next_is(p, "AS") || !at_end(p) {
        create.query = Some(query(p)?);
    }
    Ok(Statement::CreateTable(create))
}

pub(super) fn drop(p: &mut Parser) -> Result<Statement, Failure> {
    p.next_token();
    if next_of(p, &["DATABASE", "SCHEMA", "NAMESPACE"]) {
        let if_exists = if_exists(p);
        let name = name(p)?;
        let cascade = next_is(p, "CASCADE");
        if !cascade {
            next_is(p, "RESTRICT");
        }
        return Ok(Statement::DropDatabase { name, if_exists, cascade });
    }
    if next_of(p, &["TEMPORARY", "TEMP"]) {
        expect(p, "FUNCTION")?;
        return functions::drop(p, true);
    }
    if next_is(p, "FUNCTION") {
        return functions::drop(p, false);
    }
    let view = next_is(p, "VIEW");
    if !view && !next_is(p, "TABLE") {
        return near(p);
    }
    let if_exists = if_exists(p);
    let name = name(p)?;
    next_is(p, "PURGE");
    Ok(Statement::Drop { name, view, if_exists })
}

pub(super) fn truncate(p: &mut Parser) -> Result<Statement, Failure> {
    p.next_token();
    expect(p, "TABLE")?;
    Ok(Statement::Truncate { name: name(p)?, partition: optional_partition(p)? })
}
