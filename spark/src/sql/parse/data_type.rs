//! Data types, which sqlparser knows only without Spark's nested ones.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType, Ident, IntervalFields, ObjectName, StructBracketKind, StructField,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Parsed, expect, identifier, is_one_of, next_are, next_is, unexpected, unsupported, word_at};

/// A data type.
pub(crate) fn data_type(p: &mut Parser) -> Parsed<DataType> {
    let mut closed = 0;
    let parsed = nested(p, &mut closed)?;
    if closed > 0 { unexpected(p) } else { Ok(parsed) }
}

/// `closed` counts the closing brackets that were taken with the inner type's, as in `>>`.
fn nested(p: &mut Parser, closed: &mut usize) -> Parsed<DataType> {
    let opens = |p: &Parser| p.peek_nth_token_ref(1).token == Token::Lt;
    if word_at(p, 0, "ARRAY") && opens(p) {
        p.next_token();
        p.next_token();
        let element = nested(p, closed)?;
        close(p, closed)?;
        return Ok(DataType::Array(ArrayElemTypeDef::AngleBracket(Box::new(element))));
    }
    if word_at(p, 0, "MAP") && opens(p) {
        p.next_token();
        p.next_token();
        let key = nested(p, closed)?;
        p.expect_token(&Token::Comma)?;
        let value = nested(p, closed)?;
        close(p, closed)?;
        return Ok(DataType::Map(Box::new(key), Box::new(value)));
    }
    if word_at(p, 0, "STRUCT") {
        p.next_token();
        if p.consume_token(&Token::Neq) {
            return Ok(DataType::Struct(Vec::new(), StructBracketKind::AngleBrackets));
        }
        p.expect_token(&Token::Lt)?;
        let mut fields = Vec::new();
        if p.peek_token_ref().token != Token::Gt {
            loop {
                fields.push(field(p, closed)?);
                if *closed > 0 || !p.consume_token(&Token::Comma) {
                    break;
                }
            }
        }
        close(p, closed)?;
        return Ok(DataType::Struct(fields, StructBracketKind::AngleBrackets));
    }
    if next_is(p, "INTERVAL") {
        return Ok(DataType::Interval { fields: interval_fields(p)?, precision: None });
    }
    if is_one_of(&p.peek_token_ref().token, &["TIMESTAMP_LTZ", "VARIANT", "VOID"]) {
        return Ok(DataType::Custom(ObjectName::from(vec![identifier(p)?]), Vec::new()));
    }
    if word_at(p, 0, "TIMESTAMP") {
        p.next_token();
        next_are(p, &["WITH", "LOCAL", "TIME", "ZONE"]);
        let name = if next_are(p, &["WITHOUT", "TIME", "ZONE"]) { "timestamp_ntz" } else { "timestamp_ltz" };
        return Ok(DataType::Custom(ObjectName::from(vec![Ident::new(name)]), Vec::new()));
    }
    let simple = p.parse_data_type()?;
    if word_at(p, 0, "COLLATE") {
        return unsupported("collations", p.peek_token_ref());
    }
    Ok(simple)
}

/// The units after INTERVAL; `None` for a calendar interval.
fn interval_fields(p: &mut Parser) -> Parsed<Option<IntervalFields>> {
    use IntervalFields as F;
    const UNITS: [&str; 6] = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
    let unit = |p: &mut Parser| UNITS.into_iter().find(|unit| next_is(p, unit));
    let Some(first) = unit(p) else { return Ok(None) };
    let last = if next_is(p, "TO") { unit(p) } else { Some(first) };
    Ok(Some(match (first, last.unwrap_or_default()) {
        ("YEAR", "YEAR") => F::Year,
        ("MONTH", "MONTH") => F::Month,
        ("DAY", "DAY") => F::Day,
        ("HOUR", "HOUR") => F::Hour,
        ("MINUTE", "MINUTE") => F::Minute,
        ("SECOND", "SECOND") => F::Second,
        ("YEAR", "MONTH") => F::YearToMonth,
        ("DAY", "HOUR") => F::DayToHour,
        ("DAY", "MINUTE") => F::DayToMinute,
        ("DAY", "SECOND") => F::DayToSecond,
        ("HOUR", "MINUTE") => F::HourToMinute,
        ("HOUR", "SECOND") => F::HourToSecond,
        ("MINUTE", "SECOND") => F::MinuteToSecond,
        _ => return unexpected(p),
    }))
}

/// `name[:] type [NOT NULL] [COMMENT 'x']`
fn field(p: &mut Parser, closed: &mut usize) -> Parsed<StructField> {
    let name = identifier(p)?;
    let _ = p.consume_token(&Token::Colon);
    let field_type = nested(p, closed)?;
    if *closed == 0 {
        if next_is(p, "NOT") {
            expect(p, "NULL")?;
        }
        if next_is(p, "COMMENT") {
            p.parse_literal_string()?;
        }
    }
    Ok(StructField { field_name: Some(name), field_type, options: None })
}

fn close(p: &mut Parser, closed: &mut usize) -> Parsed<()> {
    if *closed > 0 {
        *closed -= 1;
        return Ok(());
    }
    if p.consume_token(&Token::ShiftRight) {
        *closed += 1;
        return Ok(());
    }
    p.expect_token(&Token::Gt)?;
    Ok(())
}
