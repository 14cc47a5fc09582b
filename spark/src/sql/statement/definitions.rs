//! CREATE, DROP, ALTER and TRUNCATE.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{DataType as SqlType, Query};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::functions;
use super::queries::query_text;
use super::{
    Failure, Name, PartitionSpec, QueryText, Statement, at_end, data_type, expect, format_name, if_exists,
    if_not_exists, name, near, next_are, next_is, next_of, option_key, optional_partition, options,
    partition_spec, peek_is, query, string, unsupported,
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

/// ALTER TABLE or ALTER VIEW.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterTable {
    /// The table or view.
    pub name: Name,
    /// ALTER VIEW.
    pub view: bool,
    /// What changes.
    pub change: TableChange,
}

/// What ALTER TABLE changes.
#[derive(Debug, Clone, PartialEq)]
pub enum TableChange {
    /// RENAME TO.
    Rename(Name),
    /// SET TBLPROPERTIES.
    SetProperties(BTreeMap<String, String>),
    /// UNSET TBLPROPERTIES [IF EXISTS].
    UnsetProperties(Vec<String>),
    /// SET SERDEPROPERTIES, which are options.
    SetOptions(BTreeMap<String, String>),
    /// SET LOCATION.
    SetLocation(String),
    /// ADD COLUMNS.
    AddColumns(Vec<ColumnDef>),
    /// ALTER COLUMN ... COMMENT.
    CommentColumn(Vec<String>, String),
    /// A change of columns that tables of files do not take, in Spark's words: DROP COLUMN.
    Columns(&'static str),
    /// ADD PARTITION.
    AddPartitions {
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// The partitions, each with its LOCATION.
        partitions: Vec<(PartitionSpec, Option<String>)>,
    },
    /// DROP PARTITION.
    DropPartitions {
        /// IF EXISTS.
        if_exists: bool,
        /// The partitions.
        partitions: Vec<PartitionSpec>,
    },
    /// PARTITION (...) RENAME TO PARTITION (...).
    RenamePartition(PartitionSpec, PartitionSpec),
    /// RECOVER PARTITIONS.
    RecoverPartitions,
    /// ALTER VIEW ... AS.
    Query(QueryText),
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
fn columns(p: &mut Parser) -> Result<Vec<ColumnDef>, Failure> {
    if !p.consume_token(&Token::LParen) {
        return Ok(Vec::new());
    }
    let columns = listed_columns(p)?;
    p.expect_token(&Token::RParen)?;
    Ok(columns)
}

fn listed_columns(p: &mut Parser) -> Result<Vec<ColumnDef>, Failure> {
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

pub(super) fn alter(p: &mut Parser, text: &str) -> Result<Statement, Failure> {
    let start = p.next_token();
    if next_of(p, &["DATABASE", "SCHEMA", "NAMESPACE"]) {
        let name = name(p)?;
        if next_is(p, "UNSET") {
            return Err(unsupported("ALTER DATABASE ... UNSET DBPROPERTIES", &start));
        }
        expect(p, "SET")?;
        if next_is(p, "LOCATION") {
            let location = Some(p.parse_literal_string()?);
            return Ok(Statement::AlterDatabase { name, properties: BTreeMap::new(), location });
        }
        if !next_of(p, &["DBPROPERTIES", "PROPERTIES"]) {
            return near(p);
        }
        return Ok(Statement::AlterDatabase { name, properties: options(p)?, location: None });
    }
    let view = next_is(p, "VIEW");
    if !view {
        expect(p, "TABLE")?;
    }
    let name = name(p)?;
    let change = if view { view_change(p, text)? } else { table_change(p)? };
    Ok(Statement::AlterTable(AlterTable { name, view, change }))
}

fn view_change(p: &mut Parser, text: &str) -> Result<TableChange, Failure> {
    if next_is(p, "AS") || ["SELECT", "WITH", "VALUES"].iter().any(|word| peek_is(p, word)) {
        return Ok(TableChange::Query(query_text(p, text)?));
    }
    common_change(p)?.map_or_else(|| near(p), Ok)
}

/// What tables and views can both change.
fn common_change(p: &mut Parser) -> Result<Option<TableChange>, Failure> {
    if next_are(p, &["RENAME", "TO"]) {
        return Ok(Some(TableChange::Rename(name(p)?)));
    }
    if next_are(p, &["SET", "TBLPROPERTIES"]) {
        return Ok(Some(TableChange::SetProperties(options(p)?)));
    }
    if !next_are(p, &["UNSET", "TBLPROPERTIES"]) {
        return Ok(None);
    }
    if_exists(p);
    p.expect_token(&Token::LParen)?;
    let mut keys = vec![option_key(p)?];
    while p.consume_token(&Token::Comma) {
        keys.push(option_key(p)?);
    }
    p.expect_token(&Token::RParen)?;
    Ok(Some(TableChange::UnsetProperties(keys)))
}

fn table_change(p: &mut Parser) -> Result<TableChange, Failure> {
    let start = p.peek_token();
    if let Some(change) = common_change(p)? {
        return Ok(change);
    }
    if next_are(p, &["RENAME", "COLUMN"]) {
        p.parse_identifier()?;
        expect(p, "TO")?;
        p.parse_identifier()?;
        return Ok(TableChange::Columns("RENAME COLUMN"));
    }
    if next_is(p, "ADD") {
        if peek_is(p, "IF") || peek_is(p, "PARTITION") {
            return add_partitions(p);
        }
        if !next_of(p, &["COLUMN", "COLUMNS"]) {
            return near(p);
        }
        let listed = columns(p)?;
        let columns = if listed.is_empty() { listed_columns(p)? } else { listed };
        if peek_is(p, "FIRST") || peek_is(p, "AFTER") {
            return Err(unsupported("the place of a column in ADD COLUMN", &p.peek_token()));
        }
        return Ok(TableChange::AddColumns(columns));
    }
    if next_is(p, "DROP") {
        if next_of(p, &["COLUMN", "COLUMNS"]) {
            if_exists(p);
            let parens = p.consume_token(&Token::LParen);
            p.parse_comma_separated(Parser::parse_identifier)?;
            if parens {
                p.expect_token(&Token::RParen)?;
            }
            return Ok(TableChange::Columns("DROP COLUMN"));
        }
        let if_exists = if_exists(p);
        let mut partitions = Vec::new();
        loop {
            expect(p, "PARTITION")?;
            partitions.push(partition_spec(p)?);
            if !p.consume_token(&Token::Comma) {
                break;
            }
        }
        next_is(p, "PURGE");
        return Ok(TableChange::DropPartitions { if_exists, partitions });
    }
    if next_of(p, &["ALTER", "CHANGE"]) {
        return alter_column(p);
    }
    if next_are(p, &["RECOVER", "PARTITIONS"]) {
        return Ok(TableChange::RecoverPartitions);
    }
    if next_is(p, "PARTITION") {
        let from = partition_spec(p)?;
        if !next_are(p, &["RENAME", "TO", "PARTITION"]) {
            return Err(unsupported("ALTER TABLE ... PARTITION ... SET", &start));
        }
        return Ok(TableChange::RenamePartition(from, partition_spec(p)?));
    }
    expect(p, "SET")?;
    if next_is(p, "LOCATION") {
        return Ok(TableChange::SetLocation(p.parse_literal_string()?));
    }
    if next_is(p, "SERDEPROPERTIES") {
        return Ok(TableChange::SetOptions(options(p)?));
    }
    near(p)
}

fn add_partitions(p: &mut Parser) -> Result<TableChange, Failure> {
    let if_not_exists = if_not_exists(p);
    let mut partitions = Vec::new();
    while next_is(p, "PARTITION") {
        let spec = partition_spec(p)?;
        let location = if next_is(p, "LOCATION") { string(p) } else { None };
        partitions.push((spec, location));
        let _ = p.consume_token(&Token::Comma);
    }
    if partitions.is_empty() {
        return near(p);
    }
    Ok(TableChange::AddPartitions { if_not_exists, partitions })
}

/// `ALTER [COLUMN] a COMMENT 'x'`, `CHANGE [COLUMN] a [a type] COMMENT 'x'`; other changes by their name.
fn alter_column(p: &mut Parser) -> Result<TableChange, Failure> {
    next_is(p, "COLUMN");
    let column = Name::new(&p.parse_object_name(false)?).parts;
    if next_is(p, "COMMENT") {
        return Ok(TableChange::CommentColumn(column, p.parse_literal_string()?));
    }
    if next_is(p, "TYPE") {
        data_type(p)?;
        return Ok(TableChange::Columns("ALTER COLUMN ... TYPE"));
    }
    if next_of(p, &["SET", "DROP"]) {
        while !at_end(p) {
            p.next_token();
        }
        return Ok(TableChange::Columns("ALTER COLUMN ... SET NOT NULL"));
    }
    if next_of(p, &["FIRST", "AFTER"]) {
        while !at_end(p) {
            p.next_token();
        }
        return Ok(TableChange::Columns("ALTER COLUMN ... FIRST | AFTER"));
    }
    // Hive's form: the same column again, with its type.
    let again = p.parse_identifier()?.value;
    let _ = p.consume_token(&Token::Colon);
    data_type(p)?;
    if column.len() == 1 && column[0].eq_ignore_ascii_case(&again) && next_is(p, "COMMENT") {
        return Ok(TableChange::CommentColumn(column, p.parse_literal_string()?));
    }
    Ok(TableChange::Columns("RENAME COLUMN"))
}
