//! Spark's grammar of queries, expressions and types on the tokens of sqlparser's parser.
//!
//! The syntax tree is sqlparser's. Its parser calls back into this module where Spark differs: see
//! [`expression::prefix`] and [`expression::infix`].

mod data_type;
pub(crate) mod expression;
mod query;
mod relation;
mod select;
mod table_argument;

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, Value};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::statement::location_in;
use crate::error::{Position, Result, SparkError};

pub(crate) use data_type::data_type;
pub(crate) use query::{query, query_of, with};
pub(crate) use select::{Hint, parse_hints, select_item};
pub(crate) use table_argument::TABLE;

type Parsed<T> = std::result::Result<T, ParserError>;

/// Parentheses and angle brackets may not be nested deeper than this.
pub(super) const MAX_NESTING: usize = 150;

/// Whether a token is this word, be it a keyword of the parser or not.
pub(crate) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

fn is_one_of(token: &Token, words: &[&str]) -> bool {
    words.iter().any(|word| is_word(token, word))
}

/// Whether the `n`th token from here, counted from 0, is this word.
fn word_at(p: &Parser, n: usize, word: &str) -> bool {
    is_word(&p.peek_nth_token_ref(n).token, word)
}

/// Whether these words come next.
fn words_follow(p: &Parser, words: &[&str]) -> bool {
    words.iter().enumerate().all(|(n, word)| word_at(p, n, word))
}

/// Takes the next token if it is this word.
pub(crate) fn next_is(p: &mut Parser, word: &str) -> bool {
    let hit = word_at(p, 0, word);
    if hit {
        p.next_token();
    }
    hit
}

/// Takes the next tokens if they are these words.
pub(crate) fn next_are(p: &mut Parser, words: &[&str]) -> bool {
    let hit = words_follow(p, words);
    if hit {
        for _ in words {
            p.next_token();
        }
    }
    hit
}

fn expect(p: &mut Parser, word: &str) -> Parsed<()> {
    if next_is(p, word) { Ok(()) } else { unexpected(p) }
}

/// The next token fits nowhere.
fn unexpected<T>(p: &Parser) -> Parsed<T> {
    p.expected_ref("something else", p.peek_token_ref())
}

/// What Spark can parse and Cerium cannot run.
///
/// Tokens are made before parsing starts, so that the variant is free to carry this.
fn unsupported<T>(feature: &str, at: &TokenWithSpan) -> Parsed<T> {
    let start = at.span.start;
    Err(ParserError::TokenizerError(format!("{feature} at Line: {}, Column: {}", start.line, start.column)))
}

/// The error that [`unsupported`] put into the parser's.
pub(super) fn refused(message: &str) -> SparkError {
    let feature = message.rsplit_once(" at Line: ").map_or(message, |(feature, _)| feature);
    let position =
        location_in(message).map(|(line, column)| Position { line, pos: column.saturating_sub(1) });
    table_argument::misuse(feature).unwrap_or_else(|| SparkError::unsupported(feature)).at(position)
}

/// Spark's error for what its parser cannot cope with.
pub(super) fn too_complex() -> SparkError {
    SparkError::new(
        "FAILED_TO_PARSE_TOO_COMPLEX",
        "54001",
        "The statement, including potential SQL functions and referenced views, was too complex to parse.\n\
         To mitigate this error divide the statement into multiple, less complex chunks.",
    )
}

/// Statements of SQL scripts, which Cerium does not run.
pub(super) fn refuse_scripts(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut code = tokens.iter().filter(|t| !super::lex::is_blank(&t.token));
    let Some(first) = code.next() else { return Ok(()) };
    let second = code.next().map_or(&Token::EOF, |t| &t.token);
    let feature = match &first.token {
        t if is_word(t, "BEGIN") => "SQL scripting",
        t if is_word(t, "DECLARE") => "SQL variables",
        t if is_word(t, "SET") && is_one_of(second, &["VAR", "VARIABLE"]) => "SQL variables",
        t if is_word(t, "EXECUTE") && is_word(second, "IMMEDIATE") => "EXECUTE IMMEDIATE",
        _ => return Ok(()),
    };
    let position = super::lex::position(first.span.start);
    Err(SparkError::unsupported(feature).at(Some(position)))
}

/// Fails where brackets are nested so deeply that a parser of one function within another
/// would run out of stack.
pub(super) fn check_nesting(tokens: &[TokenWithSpan]) -> Result<()> {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut types = 0_usize;
    let mut before = &Token::EOF;
    for token in tokens.iter().map(|t| &t.token).filter(|t| !super::lex::is_blank(t)) {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Lt if is_one_of(before, &["ARRAY", "MAP", "STRUCT"]) => types += 1,
            _ => {}
        }
        if !matches!(token, Token::Lt | Token::Word(_)) {
            types = 0;
        }
        deepest = deepest.max(depth).max(types);
        before = token;
    }
    if deepest > MAX_NESTING { Err(too_complex()) } else { Ok(()) }
}

/// Whether the token after an opening parenthesis starts a query.
fn starts_query(p: &Parser, n: usize) -> bool {
    let token = &p.peek_nth_token_ref(n).token;
    if is_one_of(token, &["SELECT", "WITH", "FROM"]) {
        return true;
    }
    // These are names of functions, too.
    is_one_of(token, &["VALUES", "TABLE"]) && {
        let next = &p.peek_nth_token_ref(n + 1).token;
        match token {
            _ if is_word(token, "TABLE") => matches!(next, Token::Word(_)),
            _ => !matches!(next, Token::Comma | Token::RParen | Token::Period | Token::EOF),
        }
    }
}

fn identifier(p: &mut Parser) -> Parsed<Ident> {
    match &p.peek_token_ref().token {
        Token::Word(_) => p.parse_identifier(),
        _ => unexpected(p),
    }
}

/// `(a, b, ...)`
fn identifiers(p: &mut Parser) -> Parsed<Vec<Ident>> {
    p.expect_token(&Token::LParen)?;
    let list = p.parse_comma_separated(identifier)?;
    p.expect_token(&Token::RParen)?;
    Ok(list)
}

/// A name of one or more parts, or `IDENTIFIER('...')`.
pub(crate) fn object_name(p: &mut Parser) -> Parsed<ObjectName> {
    if word_at(p, 0, "IDENTIFIER") && p.peek_nth_token_ref(1).token == Token::LParen {
        p.next_token();
        return Ok(ObjectName::from(identifier_clause(p)?));
    }
    let mut parts = vec![identifier(p)?];
    while p.peek_token_ref().token == Token::Period {
        p.next_token();
        parts.push(identifier(p)?);
    }
    Ok(ObjectName::from(parts))
}

/// What follows IDENTIFIER: a constant string that is a name.
fn identifier_clause(p: &mut Parser) -> Parsed<Vec<Ident>> {
    let start = p.peek_token();
    p.expect_token(&Token::LParen)?;
    let expr = p.parse_expr()?;
    p.expect_token(&Token::RParen)?;
    let Some(text) = constant_string(&expr) else {
        return unsupported("IDENTIFIER of anything but a string", &start);
    };
    let Ok(tokens) = super::lex::tokenize(&text) else {
        return p.expected_ref("a name", &start);
    };
    let dialect = super::lex::SparkDialect::default();
    let mut inner = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let name = object_name(&mut inner)?;
    if inner.peek_token_ref().token != Token::EOF {
        return p.expected_ref("a name", &start);
    }
    let idents = name.0.into_iter().filter_map(|part| match part {
        ObjectNamePart::Identifier(mut ident) => {
            ident.span = start.span;
            Some(ident)
        }
        ObjectNamePart::Function(_) => None,
    });
    Ok(idents.collect())
}

/// A string literal, or several joined by `||`.
fn constant_string(expr: &Expr) -> Option<String> {
    use datafusion::sql::sqlparser::ast::BinaryOperator;
    match expr {
        Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(s) => Some(s.clone()),
            _ => None,
        },
        Expr::Nested(inner) => constant_string(inner),
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            Some(constant_string(left)? + &constant_string(right)?)
        }
        _ => None,
    }
}
