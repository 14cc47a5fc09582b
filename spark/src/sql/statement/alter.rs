//! ALTER.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::definitions::{ColumnDef, columns, listed_columns};
use super::queries::query_text;
use super::{
    Failure, Name, PartitionSpec, QueryText, Statement, at_end, data_type, expect, if_exists, if_not_exists,
    name, near, next_are, next_is, next_of, option_key, options, partition_spec, peek_is, string,
    unsupported,
};

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

pub(super) fn alter(p: &mut Parser, text: &str) -> Result<Statement, Failure> {
    p.next_token();
    if next_of(p, &["DATABASE", "SCHEMA", "NAMESPACE"]) {
        let name = name(p)?;
        let (mut properties, mut removed, mut location) = (BTreeMap::new(), Vec::new(), None);
        let unset = next_is(p, "UNSET");
        if !unset {
            expect(p, "SET")?;
        }
        if !unset && next_is(p, "LOCATION") {
            location = Some(p.parse_literal_string()?);
        } else if !next_of(p, &["DBPROPERTIES", "PROPERTIES"]) {
            return near(p);
        } else if unset {
            if_exists(p);
            removed = option_keys(p)?;
        } else {
            properties = options(p)?;
        }
        return Ok(Statement::AlterDatabase { name, properties, removed, location });
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
    Ok(Some(TableChange::UnsetProperties(option_keys(p)?)))
}

fn option_keys(p: &mut Parser) -> Result<Vec<String>, Failure> {
    p.expect_token(&Token::LParen)?;
    let mut keys = vec![option_key(p)?];
    while p.consume_token(&Token::Comma) {
        keys.push(option_key(p)?);
    }
    p.expect_token(&Token::RParen)?;
    Ok(keys)
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
