//! SET, SHOW, DESCRIBE, EXPLAIN, CACHE and other statements that ask or tell rather than define.

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{
    Failure, Name, PartitionSpec, Statement, at_end, expect, if_exists, name, near, next_are, next_is,
    next_of, option_key, optional_partition, options, peek_is, query, string, unsupported,
};
use crate::error::{Result, SparkError};
use crate::sql::lex;

/// What SHOW lists.
#[derive(Debug, Clone, PartialEq)]
pub enum Show {
    /// SHOW DATABASES.
    Databases(Option<String>),
    /// SHOW TABLES (`views_only` false) or SHOW VIEWS.
    Tables {
        /// Only views.
        views_only: bool,
        /// IN.
        database: Option<Name>,
        /// Pattern of LIKE: `*` for any characters, `|` between alternatives.
        pattern: Option<String>,
    },
    /// SHOW TABLE EXTENDED.
    TableExtended {
        /// IN.
        database: Option<Name>,
        /// LIKE.
        pattern: String,
        /// PARTITION, or empty.
        partition: PartitionSpec,
    },
    /// SHOW COLUMNS IN table.
    Columns(Name),
    /// SHOW PARTITIONS table.
    Partitions(Name, PartitionSpec),
    /// SHOW CREATE TABLE table.
    CreateTable(Name),
    /// SHOW TBLPROPERTIES table [(key)].
    Properties(Name, Option<String>),
    /// SHOW FUNCTIONS.
    Functions {
        /// Those of the session.
        user: bool,
        /// Those that are built in.
        system: bool,
        /// LIKE.
        pattern: Option<String>,
    },
    /// SHOW CATALOGS.
    Catalogs(Option<String>),
    /// SHOW CURRENT NAMESPACE.
    CurrentNamespace,
}

/// What DESCRIBE tells of.
#[derive(Debug, Clone, PartialEq)]
pub enum Describe {
    /// A table or view.
    Table {
        /// Which.
        name: Name,
        /// EXTENDED or FORMATTED.
        extended: bool,
        /// PARTITION, or empty.
        partition: PartitionSpec,
        /// A column, as its parts.
        column: Option<Vec<String>>,
    },
    /// The columns of a query.
    Query(Box<Query>),
    /// A function.
    Function {
        /// Which.
        name: Name,
        /// EXTENDED.
        extended: bool,
    },
    /// A database.
    Database {
        /// Which.
        name: Name,
        /// EXTENDED.
        extended: bool,
    },
}

/// How much EXPLAIN shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainMode {
    /// The physical plan.
    Simple,
    /// The logical plans too.
    Extended,
    /// The physical plan, for which generated code is asked.
    Codegen,
    /// The optimised plan with what is known of its size.
    Cost,
    /// The physical plan, formatted.
    Formatted,
}

/// CACHE and its opposites.
#[derive(Debug, Clone, PartialEq)]
pub enum Cache {
    /// CACHE TABLE.
    Table {
        /// The table, or the view to make of the query.
        name: Name,
        /// LAZY: its rows are computed when they are first asked for.
        lazy: bool,
        /// OPTIONS ('storageLevel' ...).
        storage_level: Option<String>,
        /// AS.
        query: Option<Box<Query>>,
    },
    /// UNCACHE TABLE.
    Uncache {
        /// The table.
        name: Name,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// CLEAR CACHE.
    Clear,
}

/// COMMENT ON.
#[derive(Debug, Clone, PartialEq)]
pub struct Comment {
    /// A database, not a table.
    pub database: bool,
    /// Of what.
    pub name: Name,
    /// IS; none for NULL.
    pub text: Option<String>,
}

/// Spark takes what follows SET as it stands.
pub(super) fn set(text: &str, first: &TokenWithSpan) -> Result<Statement> {
    // The statement starts with its first code character except after a leading comment.
    let skip: usize =
        text.split('\n').take(first.span.end.line as usize - 1).map(|line| line.len() + 1).sum();
    let line = &text[skip..];
    let after: usize = line.chars().take(first.span.end.column as usize - 1).map(char::len_utf8).sum();
    let rest = line[after..].trim();
    if rest.is_empty() {
        return Ok(Statement::Set { key: None, value: None });
    }
    if rest == "-v" {
        return Ok(Statement::SetVerbose);
    }
    let words: Vec<&str> = rest.splitn(3, char::is_whitespace).collect();
    if let [catalog, name] = words.as_slice()
        && catalog.eq_ignore_ascii_case("catalog")
        && !name.starts_with('=')
    {
        return Ok(Statement::UseCatalog(name.trim_matches(['\'', '"', '`']).to_owned()));
    }
    if let [time, zone, value] = words.as_slice()
        && time.eq_ignore_ascii_case("time")
        && zone.eq_ignore_ascii_case("zone")
    {
        return Ok(Statement::Set {
            key: Some("spark.sql.session.timeZone".to_owned()),
            value: Some(time_zone(value.trim(), first)?),
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

/// The zone after SET TIME ZONE: LOCAL, a string, or an interval of hours.
fn time_zone(written: &str, first: &TokenWithSpan) -> Result<String> {
    let bad = || {
        let message = "The value of the TIME ZONE statement must be one of the quoted time zone, LOCAL or an interval from -18 to +18 hours.";
        SparkError::new("INVALID_SET_TIME_ZONE", "42000", message).at(Some(lex::position(first.span.start)))
    };
    if written.eq_ignore_ascii_case("local") {
        return Ok("UTC".to_owned());
    }
    let words: Vec<&str> = written.split_whitespace().collect();
    if let [interval, count, unit] = words.as_slice()
        && interval.eq_ignore_ascii_case("interval")
    {
        let hours: i32 = count.trim_matches(['\'', '"']).parse().map_err(|_| bad())?;
        let in_hours = ["hour", "hours"].iter().any(|name| unit.eq_ignore_ascii_case(name));
        if !in_hours || hours.abs() > 18 {
            return Err(bad());
        }
        return Ok(format!("{}{:02}:00", if hours < 0 { '-' } else { '+' }, hours.abs()));
    }
    let quoted = written.starts_with(['\'', '"']) && written.len() >= 2;
    if quoted { Ok(written.trim_matches(['\'', '"']).to_owned()) } else { Err(bad()) }
}

/// IN or FROM and a database, if they come next.
fn database(p: &mut Parser) -> Result<Option<Name>, Failure> {
    if next_of(p, &["IN", "FROM"]) { name(p).map(Some) } else { Ok(None) }
}

/// [LIKE] 'pattern', if it comes next.
fn pattern(p: &mut Parser) -> Result<Option<String>, Failure> {
    let like = next_is(p, "LIKE");
    match string(p) {
        Some(pattern) => Ok(Some(pattern)),
        None if like => near(p),
        None => Ok(None),
    }
}

pub(super) fn show(p: &mut Parser) -> Result<Statement, Failure> {
    let start = p.next_token();
    let show = if next_of(p, &["DATABASES", "SCHEMAS", "NAMESPACES"]) {
        database(p)?;
        Show::Databases(pattern(p)?)
    } else if next_is(p, "TABLES") {
        Show::Tables { views_only: false, database: database(p)?, pattern: pattern(p)? }
    } else if next_is(p, "VIEWS") {
        Show::Tables { views_only: true, database: database(p)?, pattern: pattern(p)? }
    } else if next_are(p, &["TABLE", "EXTENDED"]) {
        let database = database(p)?;
        let Some(pattern) = pattern(p)? else { return near(p) };
        Show::TableExtended { database, pattern, partition: optional_partition(p)? }
    } else if next_is(p, "COLUMNS") {
        if !next_of(p, &["IN", "FROM"]) {
            return near(p);
        }
        let mut table = name(p)?;
        if let Some(database) = database(p)? {
            table.parts = database.parts.into_iter().chain(table.parts.pop()).collect();
        }
        Show::Columns(table)
    } else if next_is(p, "PARTITIONS") {
        Show::Partitions(name(p)?, optional_partition(p)?)
    } else if next_are(p, &["CREATE", "TABLE"]) {
        let table = name(p)?;
        if next_are(p, &["AS", "SERDE"]) {
            return Err(unsupported("SHOW CREATE TABLE ... AS SERDE", &start));
        }
        Show::CreateTable(table)
    } else if next_is(p, "TBLPROPERTIES") {
        let table = name(p)?;
        let mut key = None;
        if p.consume_token(&Token::LParen) {
            key = Some(option_key(p)?);
            p.expect_token(&Token::RParen)?;
        }
        Show::Properties(table, key)
    } else if next_is(p, "CATALOGS") {
        Show::Catalogs(pattern(p)?)
    } else if next_is(p, "CURRENT") {
        if !next_of(p, &["NAMESPACE", "DATABASE", "SCHEMA"]) {
            return near(p);
        }
        Show::CurrentNamespace
    } else {
        let user = next_is(p, "USER");
        let system = !user && next_is(p, "SYSTEM");
        if !user && !system {
            next_is(p, "ALL");
        }
        if !next_is(p, "FUNCTIONS") {
            return Err(match &p.peek_token_ref().token {
                Token::Word(w) => unsupported(&format!("SHOW {}", w.value.to_uppercase()), &start),
                _ => return near(p),
            });
        }
        database(p)?;
        let pattern = match pattern(p)? {
            None if !at_end(p) => Some(name(p)?.parts.join(".")),
            given => given,
        };
        Show::Functions { user: !system, system: !user, pattern }
    };
    Ok(Statement::Show(show))
}

pub(super) fn describe(p: &mut Parser) -> Result<Statement, Failure> {
    let start = p.next_token();
    if next_is(p, "FUNCTION") {
        let extended = next_is(p, "EXTENDED");
        let function = match string(p) {
            Some(text) => Name { parts: vec![text], position: None },
            // Operators have no identifier: the rest is the name.
            None if !matches!(p.peek_token_ref().token, Token::Word(_)) => {
                let mut text = String::new();
                while !at_end(p) {
                    text.push_str(&p.next_token().token.to_string());
                }
                Name { parts: vec![text], position: None }
            }
            None => name(p)?,
        };
        return Ok(Statement::Describe(Describe::Function { name: function, extended }));
    }
    // A table may be called so too.
    let more = p.peek_nth_token_ref(1).token != Token::EOF;
    if more && next_of(p, &["DATABASE", "SCHEMA", "NAMESPACE"]) {
        let extended = next_is(p, "EXTENDED");
        return Ok(Statement::Describe(Describe::Database { name: name(p)?, extended }));
    }
    let of_query = more && next_is(p, "QUERY");
    if of_query || ["SELECT", "WITH", "VALUES", "FROM"].iter().any(|word| peek_is(p, word)) {
        return Ok(Statement::Describe(Describe::Query(query(p)?)));
    }
    if more {
        next_is(p, "TABLE");
    }
    let extended = p.peek_nth_token_ref(1).token != Token::EOF && next_of(p, &["EXTENDED", "FORMATTED"]);
    let table = name(p)?;
    let partition = optional_partition(p)?;
    if next_is(p, "AS") {
        return Err(unsupported("DESCRIBE ... AS JSON", &start));
    }
    let column = if at_end(p) { None } else { Some(name(p)?.parts) };
    Ok(Statement::Describe(Describe::Table { name: table, extended, partition, column }))
}

pub(super) fn explain(p: &mut Parser, text: &str) -> Result<Statement, Failure> {
    p.next_token();
    let mode = if next_of(p, &["EXTENDED", "LOGICAL"]) {
        ExplainMode::Extended
    } else if next_is(p, "CODEGEN") {
        ExplainMode::Codegen
    } else if next_is(p, "COST") {
        ExplainMode::Cost
    } else if next_is(p, "FORMATTED") {
        ExplainMode::Formatted
    } else {
        ExplainMode::Simple
    };
    Ok(Statement::Explain { mode, statement: Box::new(super::statement(p, text)?) })
}

pub(super) fn cache(p: &mut Parser) -> Result<Statement, Failure> {
    if next_are(p, &["CLEAR", "CACHE"]) {
        return Ok(Statement::Cache(Cache::Clear));
    }
    if next_is(p, "UNCACHE") {
        expect(p, "TABLE")?;
        let if_exists = if_exists(p);
        return Ok(Statement::Cache(Cache::Uncache { name: name(p)?, if_exists }));
    }
    if !next_is(p, "CACHE") {
        p.next_token();
        return near(p);
    }
    let lazy = next_is(p, "LAZY");
    expect(p, "TABLE")?;
    let table = name(p)?;
    let given = if next_is(p, "OPTIONS") { options(p)? } else { std::collections::BTreeMap::default() };
    let storage_level =
        given.into_iter().find(|(key, _)| key.eq_ignore_ascii_case("storageLevel")).map(|(_, level)| level);
    let query = if next_is(p, "AS") || !at_end(p) { Some(query(p)?) } else { None };
    Ok(Statement::Cache(Cache::Table { name: table, lazy, storage_level, query }))
}

pub(super) fn other(p: &mut Parser) -> Result<Statement, Failure> {
    if next_is(p, "USE") {
        next_of(p, &["NAMESPACE", "DATABASE", "SCHEMA"]);
        return Ok(Statement::Use(name(p)?));
    }
    if next_is(p, "RESET") {
        return Ok(Statement::Reset(if at_end(p) { None } else { Some(option_key(p)?) }));
    }
    if next_is(p, "REFRESH") {
        if let Some(path) = string(p) {
            return Ok(Statement::RefreshPath(path));
        }
        if peek_is(p, "FUNCTION") {
            return Err(unsupported("REFRESH FUNCTION", &p.peek_token()));
        }
        next_is(p, "TABLE");
        return Ok(Statement::Refresh(name(p)?));
    }
    if next_is(p, "ANALYZE") {
        if next_is(p, "TABLES") {
            let database = database(p)?;
            statistics(p)?;
            return Ok(Statement::AnalyzeTables(database));
        }
        expect(p, "TABLE")?;
        let table = name(p)?;
        optional_partition(p)?;
        statistics(p)?;
        return Ok(Statement::Analyze(table));
    }
    if next_is(p, "COMMENT") {
        return comment(p);
    }
    next_is(p, "MSCK");
    next_is(p, "REPAIR");
    expect(p, "TABLE")?;
    let table = name(p)?;
    let dropping = p.peek_token();
    if next_is(p, "DROP") {
        return Err(unsupported("MSCK REPAIR TABLE ... DROP PARTITIONS", &dropping));
    }
    if next_of(p, &["ADD", "SYNC"]) {
        expect(p, "PARTITIONS")?;
    }
    Ok(Statement::Repair(table))
}

/// COMPUTE STATISTICS [NOSCAN | FOR COLUMNS a, b | FOR ALL COLUMNS]
fn statistics(p: &mut Parser) -> Result<(), Failure> {
    expect(p, "COMPUTE")?;
    expect(p, "STATISTICS")?;
    if next_is(p, "NOSCAN") || next_are(p, &["FOR", "ALL", "COLUMNS"]) {
        return Ok(());
    }
    if next_are(p, &["FOR", "COLUMNS"]) {
        p.parse_comma_separated(Parser::parse_identifier)?;
    }
    Ok(())
}

fn comment(p: &mut Parser) -> Result<Statement, Failure> {
    expect(p, "ON")?;
    let start = p.peek_token();
    if peek_is(p, "COLUMN") {
        return Err(unsupported("COMMENT ON COLUMN, use ALTER TABLE ... ALTER COLUMN ... COMMENT", &start));
    }
    let database = next_of(p, &["DATABASE", "SCHEMA", "NAMESPACE"]);
    if !database {
        expect(p, "TABLE")?;
    }
    let name = name(p)?;
    expect(p, "IS")?;
    let text = if next_is(p, "NULL") { None } else { Some(p.parse_literal_string()?) };
    Ok(Statement::Comment(Comment { database, name, text }))
}
