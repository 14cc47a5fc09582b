//! Spark's lexical rules over sqlparser's tokens: string escapes, raw strings, number suffixes.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{DatabricksDialect, Dialect};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace};

use super::Parameters;
use super::parse::expression;
use crate::error::{Position, Result, SparkError};

/// Spark's grammar as far as sqlparser's dialects can express it; the rest is [`super::parse`]'s.
#[derive(Debug, Default)]
pub struct SparkDialect {
    /// What parameters stand for.
    pub parameters: Parameters,
}

impl Dialect for SparkDialect {
    // Some rules of the parser (`array(...)` as a function) are tied to this dialect.
    fn dialect(&self) -> TypeId {
        TypeId::of::<DatabricksDialect>()
    }
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }
    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }
    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }
    fn supports_string_literal_concatenation(&self) -> bool {
        true
    }
    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }
    fn supports_group_by_expr(&self) -> bool {
        true
    }
    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }
    fn supports_lambda_functions(&self) -> bool {
        true
    }
    fn supports_select_wildcard_except(&self) -> bool {
        true
    }
    fn supports_nested_comments(&self) -> bool {
        true
    }
    fn supports_values_as_table_factor(&self) -> bool {
        true
    }
    fn supports_bang_not_operator(&self) -> bool {
        true
    }
    fn supports_cte_without_as(&self) -> bool {
        true
    }
    fn supports_select_item_multi_column_alias(&self) -> bool {
        true
    }
    fn supports_long_type_as_bigint(&self) -> bool {
        true
    }
    fn supports_order_by_all(&self) -> bool {
        true
    }
    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }
    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }
    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }
    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }
    fn supports_left_associative_joins_without_parens(&self) -> bool {
        true
    }
    fn supports_subquery_as_function_arg(&self) -> bool {
        true
    }
    fn allow_extract_custom(&self) -> bool {
        true
    }
    fn supports_named_fn_args_with_rarrow_operator(&self) -> bool {
        true
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        expression::prefix(parser, &self.parameters)
    }

    fn parse_infix(
        &self,
        parser: &mut Parser,
        left: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        expression::infix(parser, left)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        expression::precedence(parser).map(Ok)
    }
}

/// The tokens of a statement with strings unescaped and number suffixes made typed literals.
pub fn tokenize(text: &str) -> Result<Vec<TokenWithSpan>> {
    tokenize_with(text, DoubleQuotes::Strings)
}

/// What stands in double quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubleQuotes {
    /// Strings.
    Strings,
    /// Names, as with `spark.sql.ansi.doubleQuotedIdentifiers`.
    Names,
}

/// The same, with what stands in double quotes.
pub fn tokenize_with(text: &str, quotes: DoubleQuotes) -> Result<Vec<TokenWithSpan>> {
    let raw = Tokenizer::new(&SparkDialect::default(), text)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| {
            let position = position(error.location);
            if error.message.contains("comment") {
                return SparkError::new(
                    "UNCLOSED_BRACKETED_COMMENT",
                    "42601",
                    "Found an unclosed bracketed comment. Please, append */ at the end of the comment.",
                )
                .at(Some(position));
            }
            let offender = text
                .lines()
                .nth(position.line as usize - 1)
                .and_then(|line| line.chars().nth(position.pos as usize))
                .map(String::from);
            SparkError::syntax(offender.as_deref(), "", position)
        })?;
    Ok(adapt(raw, quotes))
}

/// sqlparser counts columns from 1, Spark from 0.
pub fn position(location: Location) -> Position {
    Position { line: location.line.max(1), pos: location.column.saturating_sub(1) }
}

fn adapt(raw: Vec<TokenWithSpan>, quotes: DoubleQuotes) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(raw.len());
    let mut parameters = 0;
    for token in raw {
        let TokenWithSpan { token, span } = token;
        let glued = out.last().is_some_and(|last| last.span.end == span.start);
        match token {
            Token::DoubleQuotedString(name) if quotes == DoubleQuotes::Names => {
                let name = Token::make_word(&name.replace("\"\"", "\""), Some('`'));
                out.push(TokenWithSpan::new(name, span));
            }
            Token::SingleQuotedString(ref s) | Token::DoubleQuotedString(ref s) => {
                let quote = if matches!(token, Token::DoubleQuotedString(_)) { '"' } else { '\'' };
                let is_raw = glued
                    && matches!(&out[out.len() - 1].token,
                        Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case("r"));
                let (value, span) = if is_raw {
                    let prefix = out.pop().map_or(span, |p| p.span);
                    (s.clone(), Span::new(prefix.start, span.end))
                } else {
                    (unescape(s, quote), span)
                };
                out.push(TokenWithSpan::new(Token::SingleQuotedString(value), span));
            }
            Token::Word(word) if glued && word.quote_style.is_none() => {
                let number = match &out[out.len() - 1].token {
                    Token::Number(n, false) => Some(n.clone()),
                    _ => None,
                };
                match (number, suffix_type(&word.value)) {
                    (Some(number), Some(type_name)) => {
                        let start = out.pop().map_or(span.start, |n| n.span.start);
                        let span = Span::new(start, span.end);
                        out.push(TokenWithSpan::new(Token::make_keyword(type_name), span));
                        out.push(TokenWithSpan::new(Token::SingleQuotedString(number), span));
                    }
                    _ => out.push(TokenWithSpan::new(Token::Word(word), span)),
                }
            }
            // A doubled backquote inside backquotes is one.
            Token::Word(mut word) if word.quote_style == Some('`') => {
                word.value = word.value.replace("``", "`");
                out.push(TokenWithSpan::new(Token::Word(word), span));
            }
            Token::Placeholder(mark) if mark.starts_with('?') => {
                out.push(TokenWithSpan::new(Token::Placeholder(format!("?{parameters}")), span));
                parameters += 1;
            }
            other => out.push(TokenWithSpan::new(other, span)),
        }
    }
    out
}

fn suffix_type(suffix: &str) -> Option<&'static str> {
    Some(match suffix.to_ascii_uppercase().as_str() {
        "L" => "BIGINT",
        "S" => "SMALLINT",
        "Y" => "TINYINT",
        "D" => "DOUBLE",
        "F" => "FLOAT",
        "BD" => "DECIMAL",
        _ => return None,
    })
}

/// Whether a token is blank or a comment.
pub fn is_blank(token: &Token) -> bool {
    matches!(
        token,
        Token::Whitespace(
            Whitespace::Space
                | Whitespace::Newline
                | Whitespace::Tab
                | Whitespace::SingleLineComment { .. }
                | Whitespace::MultiLineComment(_)
        )
    )
}

/// Spark's string escapes. `\%` and `\_` keep the backslash for LIKE; a doubled `quote` is one.
fn unescape(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            escape(&mut chars, &mut out);
        } else {
            if c == quote {
                chars.next();
            }
            out.push(c);
        }
    }
    out
}

fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let Some(c) = chars.next() else {
        out.push('\\');
        return;
    };
    match c {
        'b' => out.push('\u{8}'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'Z' => out.push('\u{1a}'),
        '%' | '_' => {
            out.push('\\');
            out.push(c);
        }
        'u' | 'U' => {
            let width = if c == 'u' { 4 } else { 8 };
            let digits: String = chars.clone().take(width).collect();
            let code = (digits.len() == width)
                .then(|| u32::from_str_radix(&digits, 16).ok())
                .flatten()
                .and_then(char::from_u32);
            match code {
                Some(code) => {
                    out.push(code);
                    for _ in 0..width {
                        chars.next();
                    }
                }
                None => out.push(c),
            }
        }
        '0'..='3' => {
            let rest: String = chars.clone().take(2).collect();
            let octal = format!("{c}{rest}");
            match u32::from_str_radix(&octal, 8).ok().filter(|_| octal.len() == 3) {
                Some(code) => {
                    out.extend(char::from_u32(code));
                    chars.next();
                    chars.next();
                }
                None if c == '0' => out.push('\0'),
                None => out.push(c),
            }
        }
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(sql: &str) -> Vec<String> {
        tokenize(sql)
            .expect("tokens")
            .into_iter()
            .filter_map(|t| match t.token {
                Token::SingleQuotedString(s) => Some(s),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn escapes_are_sparks() {
        // From Spark's reference on string literals.
        let cases: &[(&str, &str)] = &[
            (r"'it''s'", "it's"),
            (r"'it\'s'", "it's"),
            (r#""dq""#, "dq"),
            (r"'a\tb\nc'", "a\tb\nc"),
            (r"r'a\nb'", r"a\nb"),
            (r"'\u0041'", "A"),
            (r"'\101'", "A"),
            (r"'\%\_'", r"\%\_"),
            (r"'\\d'", r"\d"),
            (r"'\q'", "q"),
        ];
        for (sql, expected) in cases {
            assert_eq!(strings(sql), [*expected], "{sql}");
        }
    }

    #[test]
    fn number_suffixes_become_typed_literals() {
        let kinds: Vec<_> =
            tokenize("1.5BD").expect("tokens").into_iter().map(|t| t.token.to_string()).collect();
        assert_eq!(kinds, ["DECIMAL", "'1.5'"]);
    }
}
