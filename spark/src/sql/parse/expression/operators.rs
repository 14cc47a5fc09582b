//! Operators and what follows an operand: IN, LIKE and casts.

use datafusion::sql::sqlparser::ast::{BinaryOperator, CastKind, Expr};
use datafusion::sql::sqlparser::dialect::Precedence;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::super::{Parsed, data_type, expect, is_one_of, is_word, next_is, query, starts_query, word_at};
use super::binds;

/// Above `&`, below `+`.
const SHIFT: u8 = 25;

/// How tightly the next operator binds, where Spark's order differs from sqlparser's.
pub(crate) fn precedence(p: &Parser) -> Option<u8> {
    match &p.peek_token_ref().token {
        Token::ShiftLeft | Token::ShiftRight => Some(SHIFT),
        Token::StringConcat => Some(binds(Precedence::PlusMinus)),
        Token::ExclamationMark | Token::Arrow => Some(0),
        _ => None,
    }
}

/// What follows an operand, where Spark's rules differ from sqlparser's.
pub(crate) fn infix(p: &mut Parser, left: &Expr) -> Option<Result<Expr, ParserError>> {
    let token = p.peek_token_ref();
    match &token.token {
        Token::Word(w) => {
            let negated = w.keyword == Keyword::NOT;
            let predicate = &p.peek_nth_token_ref(usize::from(negated)).token;
            if is_word(predicate, "DIV") {
                p.next_token();
                return Some(binary(p, left, BinaryOperator::MyIntegerDivide, Precedence::MulDivModOp));
            }
            if is_word(predicate, "IN") {
                return Some(in_list(p, left, negated));
            }
            let quantified =
                is_one_of(&p.peek_nth_token_ref(usize::from(negated) + 1).token, &["ANY", "SOME", "ALL"]);
            if quantified && is_one_of(predicate, &["LIKE", "ILIKE"]) {
                return Some(like_any(p, left, negated));
            }
            let from = 1 + usize::from(word_at(p, 1, "NOT"));
            if w.keyword == Keyword::IS && word_at(p, from, "DISTINCT") && word_at(p, from + 1, "FROM") {
                for _ in 0..from + 2 {
                    p.next_token();
                }
                let right = p.parse_subexpr(binds(Precedence::Is));
                let left = Box::new(left.clone());
                return Some(right.map(|right| match from {
                    1 => Expr::IsDistinctFrom(left, Box::new(right)),
                    _ => Expr::IsNotDistinctFrom(left, Box::new(right)),
                }));
            }
            None
        }
        Token::ShiftLeft | Token::ShiftRight => {
            let unsigned = token.token == Token::ShiftRight && {
                let next = p.peek_nth_token_ref(1);
                next.token == Token::Gt && next.span.start == token.span.end
            };
            let op = match (&token.token, unsigned) {
                (Token::ShiftLeft, _) => BinaryOperator::PGBitwiseShiftLeft,
                (_, true) => BinaryOperator::Custom(">>>".to_owned()),
                (_, false) => BinaryOperator::PGBitwiseShiftRight,
            };
            p.next_token();
            if unsigned {
                p.next_token();
            }
            let right = p.parse_subexpr(SHIFT);
            Some(right.map(|right| Expr::BinaryOp {
                left: Box::new(left.clone()),
                op,
                right: Box::new(right),
            }))
        }
        Token::DoubleColon => {
            p.next_token();
            Some(data_type(p).map(|data_type| Expr::Cast {
                kind: CastKind::DoubleColon,
                expr: Box::new(left.clone()),
                data_type,
                array: false,
                format: None,
            }))
        }
        Token::LBracket => Some(p.parse_compound_expr(left.clone(), Vec::new())),
        _ => None,
    }
}

fn binary(p: &mut Parser, left: &Expr, op: BinaryOperator, precedence: Precedence) -> Parsed<Expr> {
    let right = p.parse_subexpr(binds(precedence))?;
    Ok(Expr::BinaryOp { left: Box::new(left.clone()), op, right: Box::new(right) })
}

/// `[NOT] IN (query)` or `[NOT] IN (a, b)`
fn in_list(p: &mut Parser, left: &Expr, negated: bool) -> Parsed<Expr> {
    if negated {
        p.next_token();
    }
    p.next_token();
    p.expect_token(&Token::LParen)?;
    let expr = Box::new(left.clone());
    let made = if starts_query(p, 0) {
        Expr::InSubquery { expr, subquery: query(p)?, negated }
    } else {
        Expr::InList { expr, list: p.parse_comma_separated(Parser::parse_expr)?, negated }
    };
    p.expect_token(&Token::RParen)?;
    Ok(made)
}

/// `[NOT] LIKE ANY | SOME | ALL (a, b)`, as ANY or ALL of an operator.
fn like_any(p: &mut Parser, left: &Expr, negated: bool) -> Parsed<Expr> {
    if negated {
        p.next_token();
    }
    let insensitive = next_is(p, "ILIKE");
    if !insensitive {
        expect(p, "LIKE")?;
    }
    let all = next_is(p, "ALL");
    if !all {
        p.next_token();
    }
    p.expect_token(&Token::LParen)?;
    let patterns = p.parse_comma_separated(Parser::parse_expr)?;
    p.expect_token(&Token::RParen)?;
    let compare_op = match (insensitive, negated) {
        (false, false) => BinaryOperator::PGLikeMatch,
        (true, false) => BinaryOperator::PGILikeMatch,
        (false, true) => BinaryOperator::PGNotLikeMatch,
        (true, true) => BinaryOperator::PGNotILikeMatch,
    };
    let (left, right) = (Box::new(left.clone()), Box::new(Expr::Tuple(patterns)));
    Ok(if all {
        Expr::AllOp { left, compare_op, right }
    } else {
        Expr::AnyOp { left, compare_op, right, is_some: false }
    })
}
