//! Expressions: what sqlparser's parser asks its dialect before it goes by its own rules.

mod operators;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, Interval, ObjectName, TimezoneInfo, TrimWhereField, TypedString, UnaryOperator,
    Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

pub(crate) use self::operators::{infix, precedence};
use super::{
    Parsed, data_type, expect, identifier, identifier_clause, is_one_of, next_is, starts_query, unexpected,
    word_at,
};
use crate::sql::Parameters;
use crate::sql::lex::SparkDialect;

/// The start of an expression, where Spark's rules differ from sqlparser's.
pub(crate) fn prefix(p: &mut Parser, parameters: &Parameters) -> Option<Result<Expr, ParserError>> {
    let token = p.peek_token_ref();
    match &token.token {
        Token::Word(w) if w.quote_style.is_none() => {
            let word = w.value.to_ascii_uppercase();
            match &p.peek_nth_token_ref(1).token {
                Token::LParen => call_form(p, &word),
                Token::SingleQuotedString(_) => typed_string(p, &word),
                Token::Word(_) if word == "NOT" && word_at(p, 1, "EXISTS") && exists_query(p, 1) => {
                    p.next_token();
                    p.next_token();
                    Some(exists(p, true))
                }
                Token::Number(..) if word == "INTERVAL" => Some(interval(p)),
                Token::Plus | Token::Minus if word == "INTERVAL" => is_interval(p).then(|| interval(p)),
                _ if matches!(word.as_str(), "INTERVAL" | "STRUCT" | "TRIM" | "EXISTS") => {
                    Some(p.parse_identifier().map(Expr::Identifier))
                }
                _ => None,
            }
        }
        Token::LParen if starts_query(p, 1) => Some(scalar_subquery(p)),
        Token::Tilde => {
            p.next_token();
            let operand = p.parse_subexpr(binds(Precedence::MulDivModOp));
            Some(operand.map(|e| Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr: Box::new(e) }))
        }
        Token::LBracket | Token::LBrace | Token::AtSign => Some(unexpected(p)),
        Token::Colon | Token::Placeholder(_) => Some(parameter(p, parameters)),
        _ => None,
    }
}

/// The dialect's precedence of a kind of operator.
fn binds(precedence: Precedence) -> u8 {
    SparkDialect::default().prec_value(precedence)
}

/// `:name` or `?`: the value bound to it, if there is one.
fn parameter(p: &mut Parser, parameters: &Parameters) -> Parsed<Expr> {
    let value = p.parse_value()?;
    let Value::Placeholder(name) = &value.value else { return unexpected(p) };
    Ok(parameters.get(name).unwrap_or(Expr::Value(value)))
}

/// What looks like a call but has words inside, or a subquery.
fn call_form(p: &mut Parser, word: &str) -> Option<Result<Expr, ParserError>> {
    let special: fn(&mut Parser, TokenWithSpan) -> Parsed<Expr> = match word {
        "EXISTS" if exists_query(p, 0) => |p, _| exists(p, false),
        "EXISTS" | "LEFT" | "RIGHT" | "CONVERT" | "MATCH" | "CEIL" | "FLOOR" => |p, name| plain_call(p, name),
        "TRIM" => trim,
        "OVERLAY" => overlay,
        "POSITION" => position,
        "STRUCT" => struct_call,
        "CAST" => |p, _| cast(p, CastKind::Cast),
        "TRY_CAST" => |p, _| cast(p, CastKind::TryCast),
        "IDENTIFIER" => |p, _| {
            let mut parts = identifier_clause(p)?;
            if p.peek_token_ref().token == Token::LParen {
                return p.parse_function(ObjectName::from(parts));
            }
            Ok(match parts.len() {
                1 => Expr::Identifier(parts.remove(0)),
                _ => Expr::CompoundIdentifier(parts),
            })
        },
        _ => return None,
    };
    let name = p.next_token();
    Some(special(p, name))
}

fn plain_call(p: &mut Parser, name: TokenWithSpan) -> Parsed<Expr> {
    p.parse_function(named(&name))
}

fn named(token: &TokenWithSpan) -> ObjectName {
    let ident = match &token.token {
        Token::Word(w) => w.to_ident(token.span),
        other => Ident::new(other.to_string()),
    };
    ObjectName::from(vec![ident])
}

/// A call with plain arguments.
fn call(name: &TokenWithSpan, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: named(name),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The arguments after the first, and the closing parenthesis.
fn rest(p: &mut Parser, first: Expr) -> Parsed<Vec<Expr>> {
    let mut args = vec![first];
    while p.consume_token(&Token::Comma) {
        args.push(p.parse_expr()?);
    }
    p.expect_token(&Token::RParen)?;
    Ok(args)
}

/// Whether the EXISTS at `n` is followed by a query, not by a function's arguments.
fn exists_query(p: &Parser, n: usize) -> bool {
    p.peek_nth_token_ref(n + 1).token == Token::LParen && starts_query(p, n + 2)
}

fn exists(p: &mut Parser, negated: bool) -> Parsed<Expr> {
    p.expect_token(&Token::LParen)?;
    let subquery = super::query(p)?;
    p.expect_token(&Token::RParen)?;
    Ok(Expr::Exists { subquery, negated })
}

fn scalar_subquery(p: &mut Parser) -> Parsed<Expr> {
    p.expect_token(&Token::LParen)?;
    let query = super::query(p)?;
    p.expect_token(&Token::RParen)?;
    Ok(Expr::Subquery(query))
}

/// `trim([BOTH | LEADING | TRAILING] [what] FROM text)` or `trim(text)`.
fn trim(p: &mut Parser, name: TokenWithSpan) -> Parsed<Expr> {
    p.expect_token(&Token::LParen)?;
    let sided = is_one_of(&p.peek_token_ref().token, &["BOTH", "LEADING", "TRAILING"])
        && !matches!(p.peek_nth_token_ref(1).token, Token::Comma | Token::RParen | Token::Period);
    let trim_where = if !sided {
        None
    } else if next_is(p, "LEADING") {
        Some(TrimWhereField::Leading)
    } else if next_is(p, "TRAILING") {
        Some(TrimWhereField::Trailing)
    } else {
        next_is(p, "BOTH");
        Some(TrimWhereField::Both)
    };
    let what = if sided && word_at(p, 0, "FROM") { None } else { Some(p.parse_expr()?) };
    if !next_is(p, "FROM") {
        return match what {
            Some(first) if !sided => Ok(call(&name, rest(p, first)?)),
            _ => unexpected(p),
        };
    }
    let text = p.parse_expr()?;
    p.expect_token(&Token::RParen)?;
    Ok(Expr::Trim {
        trim_where: trim_where.or(Some(TrimWhereField::Both)),
        trim_what: what.map(Box::new),
        expr: Box::new(text),
        trim_characters: None,
    })
}

/// `overlay(text PLACING part FROM position [FOR length])`, or with commas.
fn overlay(p: &mut Parser, name: TokenWithSpan) -> Parsed<Expr> {
    p.expect_token(&Token::LParen)?;
    let text = p.parse_expr()?;
    if !next_is(p, "PLACING") {
        return Ok(call(&name, rest(p, text)?));
    }
    let mut args = vec![text, p.parse_expr()?];
    expect(p, "FROM")?;
    args.push(p.parse_expr()?);
    if next_is(p, "FOR") {
        args.push(p.parse_expr()?);
    }
    p.expect_token(&Token::RParen)?;
    Ok(call(&name, args))
}

/// `position(part IN text)`, or with commas.
fn position(p: &mut Parser, name: TokenWithSpan) -> Parsed<Expr> {
    p.expect_token(&Token::LParen)?;
    let part = p.parse_subexpr(binds(Precedence::Between))?;
    if next_is(p, "IN") {
        let text = p.parse_expr()?;
        p.expect_token(&Token::RParen)?;
        return Ok(Expr::Position { expr: Box::new(part), r#in: Box::new(text) });
    }
    Ok(call(&name, rest(p, part)?))
}

/// `struct(a, b AS name, ...)`
fn struct_call(p: &mut Parser, name: TokenWithSpan) -> Parsed<Expr> {
    p.expect_token(&Token::LParen)?;
    let mut args: Vec<FunctionArgExpr> = Vec::new();
    if p.consume_token(&Token::RParen) {
        return Ok(call(&name, Vec::new()));
    }
    loop {
        let arg = p.parse_wildcard_expr()?;
        let arg = match arg {
            Expr::Wildcard(_) => FunctionArgExpr::Wildcard,
            Expr::QualifiedWildcard(name, _) => FunctionArgExpr::QualifiedWildcard(name),
            value => {
                let explicit = next_is(p, "AS");
                let aliased = explicit || matches!(p.peek_token_ref().token, Token::Word(_));
                FunctionArgExpr::Expr(if aliased {
                    Expr::Named { expr: Box::new(value), name: identifier(p)? }
                } else {
                    value
                })
            }
        };
        args.push(arg);
        if !p.consume_token(&Token::Comma) {
            break;
        }
    }
    p.expect_token(&Token::RParen)?;
    let mut made = call(&name, Vec::new());
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut made {
        list.args = args.into_iter().map(FunctionArg::Unnamed).collect();
    }
    Ok(made)
}

fn cast(p: &mut Parser, kind: CastKind) -> Parsed<Expr> {
    p.expect_token(&Token::LParen)?;
    let expr = Box::new(p.parse_expr()?);
    expect(p, "AS")?;
    let data_type = data_type(p)?;
    p.expect_token(&Token::RParen)?;
    Ok(Expr::Cast { kind, expr, data_type, array: false, format: None })
}

/// A literal of a type, or an interval.
fn typed_string(p: &mut Parser, word: &str) -> Option<Result<Expr, ParserError>> {
    let data_type = match word {
        "INTERVAL" => return Some(interval(p)),
        "TIMESTAMP_LTZ" => DataType::Timestamp(None, TimezoneInfo::None),
        _ => return None,
    };
    p.next_token();
    Some(
        p.parse_value()
            .map(|value| Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false })),
    )
}

const UNITS: [&str; 18] = [
    "YEAR",
    "YEARS",
    "MONTH",
    "MONTHS",
    "WEEK",
    "WEEKS",
    "DAY",
    "DAYS",
    "HOUR",
    "HOURS",
    "MINUTE",
    "MINUTES",
    "SECOND",
    "SECONDS",
    "MILLISECOND",
    "MILLISECONDS",
    "MICROSECOND",
    "MICROSECONDS",
];

/// Whether INTERVAL is followed by a number, its sign perhaps before it, and a unit.
fn is_interval(p: &Parser) -> bool {
    let signed = matches!(p.peek_nth_token_ref(1).token, Token::Plus | Token::Minus);
    let at = 1 + usize::from(signed);
    matches!(p.peek_nth_token_ref(at).token, Token::Number(..) | Token::SingleQuotedString(_))
        && is_one_of(&p.peek_nth_token_ref(at + 1).token, &UNITS)
}

/// INTERVAL and one or more numbers with units, or a string of them.
fn interval(p: &mut Parser) -> Parsed<Expr> {
    p.next_token();
    let mut parts: Vec<(String, ValueWithSpan, Ident)> = Vec::new();
    loop {
        let signed = matches!(p.peek_token_ref().token, Token::Plus | Token::Minus);
        let at = usize::from(signed);
        let is_number = matches!(p.peek_nth_token_ref(at).token, Token::Number(..));
        if !is_number && !matches!(p.peek_nth_token_ref(at).token, Token::SingleQuotedString(_)) {
            break;
        }
        let has_unit = is_one_of(&p.peek_nth_token_ref(at + 1).token, &UNITS);
        if !has_unit && is_number && parts.is_empty() {
            return p.expected_ref("a unit of time", p.peek_nth_token_ref(at + 1));
        }
        if !has_unit && (signed || is_number || !parts.is_empty()) {
            break;
        }
        let negative = p.consume_token(&Token::Minus);
        if !negative {
            let _ = p.consume_token(&Token::Plus);
        }
        let value = p.parse_value()?;
        let text = match &value.value {
            Value::SingleQuotedString(s) => s.clone(),
            other => other.to_string(),
        };
        let text = match (negative, text.trim().strip_prefix('-')) {
            (false, _) => text,
            (true, Some(positive)) => positive.to_owned(),
            (true, None) => format!("-{}", text.trim()),
        };
        if !has_unit {
            return Ok(made(Value::SingleQuotedString(text).with_span(value.span), None, None));
        }
        let unit = identifier(p)?;
        if parts.is_empty() && word_at(p, 0, "TO") {
            p.next_token();
            let last = identifier(p)?;
            return Ok(made(Value::SingleQuotedString(text).with_span(value.span), Some(unit), Some(last)));
        }
        parts.push((text, value, unit));
    }
    match parts.len() {
        0 => unexpected(p),
        1 => {
            let (text, value, unit) = parts.remove(0);
            Ok(made(Value::SingleQuotedString(text).with_span(value.span), Some(unit), None))
        }
        _ => {
            let span = parts[0].1.span;
            let words: Vec<String> =
                parts.iter().map(|(text, _, unit)| format!("{} {}", text.trim(), unit.value)).collect();
            Ok(made(Value::SingleQuotedString(words.join(" ")).with_span(span), None, None))
        }
    }
}

fn made(value: ValueWithSpan, first: Option<Ident>, last: Option<Ident>) -> Expr {
    Expr::Interval(Interval {
        value: Box::new(Expr::Value(value)),
        leading_field: first.map(DateTimeField::Custom),
        leading_precision: None,
        last_field: last.map(DateTimeField::Custom),
        fractional_seconds_precision: None,
    })
}
