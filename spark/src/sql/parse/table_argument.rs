//! Arguments of table functions: `f(TABLE(t) PARTITION BY a ORDER BY b, x => 1)`.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, Ident, ObjectName,
    OrderByExpr, SetExpr, WindowSpec, WindowType,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::query::{bare, query, select_all};
use super::{
    Parsed, identifier, next_are, object_name, relation, starts_query, unexpected, unsupported, word_at,
};
use crate::error::{SparkError, quote};

/// The function as whose call the syntax tree holds a table: the table is its query, and the window
/// says how its rows come.
pub(crate) const TABLE: &str = "table";

/// The arguments up to the closing parenthesis.
pub(super) fn arguments(p: &mut Parser) -> Parsed<Vec<FunctionArg>> {
    if p.consume_token(&Token::RParen) {
        return Ok(Vec::new());
    }
    let arguments = p.parse_comma_separated(argument)?;
    p.expect_token(&Token::RParen)?;
    Ok(arguments)
}

fn argument(p: &mut Parser) -> Parsed<FunctionArg> {
    if starts_table(p, 0) {
        return Ok(FunctionArg::Unnamed(FunctionArgExpr::Expr(table(p)?)));
    }
    let named = p.peek_nth_token_ref(1).token == Token::RArrow;
    if named && starts_table(p, 2) {
        let name = identifier(p)?;
        p.next_token();
        let arg = FunctionArgExpr::Expr(table(p)?);
        return Ok(FunctionArg::Named { name, arg, operator: FunctionArgOperator::RightArrow });
    }
    p.parse_function_args()
}

/// `TABLE(name)`, `TABLE(query)`, and `TABLE name`, which is an error to be told later. A call within
/// the parentheses is one of a function named so.
fn starts_table(p: &Parser, n: usize) -> bool {
    if !word_at(p, n, "TABLE") {
        return false;
    }
    let token = |at: usize| &p.peek_nth_token_ref(n + at).token;
    match token(1) {
        Token::Word(_) => !matches!(token(2), Token::LParen),
        Token::LParen if starts_query(p, n + 2) => true,
        Token::LParen => {
            let mut at = 2;
            while matches!(token(at), Token::Word(_)) && *token(at + 1) == Token::Period {
                at += 2;
            }
            matches!(token(at), Token::Word(_)) && *token(at + 1) == Token::RParen
        }
        _ => false,
    }
}

/// A table as a call of [`TABLE`], whose window says how its rows come.
fn table(p: &mut Parser) -> Parsed<Expr> {
    let start = p.next_token();
    if !p.consume_token(&Token::LParen) {
        let name = object_name(p)?;
        let (before, after) = BARE;
        return unsupported(&format!("{before}{name}{after}"), &start);
    }
    let query = if starts_query(p, 0) {
        query(p)?
    } else {
        let table = relation::table(object_name(p)?, None);
        bare(Box::new(SetExpr::Select(Box::new(select_all(vec![table])))))
    };
    p.expect_token(&Token::RParen)?;
    let layout = layout(p, &start)?;
    let mut name = Ident::new(TABLE);
    name.span = start.span;
    Ok(Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::Subquery(query),
        filter: None,
        null_treatment: None,
        over: layout.map(WindowType::WindowSpec),
        within_group: Vec::new(),
    }))
}

/// `WITH SINGLE PARTITION` or `PARTITION BY`, and `ORDER BY` behind it.
fn layout(p: &mut Parser, start: &TokenWithSpan) -> Parsed<Option<WindowSpec>> {
    let mut partition_by = Vec::new();
    if !next_are(p, &["WITH", "SINGLE", "PARTITION"]) {
        if !next_are(p, &["PARTITION", "BY"]) && !next_are(p, &["DISTRIBUTE", "BY"]) {
            return Ok(None);
        }
        partition_by = match p.parse_expr()? {
            Expr::Tuple(several) => several,
            one => {
                refuse_more(p, start, "PARTITION BY")?;
                vec![one]
            }
        };
    }
    let mut order_by = Vec::new();
    if next_are(p, &["ORDER", "BY"]) || next_are(p, &["SORT", "BY"]) {
        order_by = match p.maybe_parse(several_keys)? {
            Some(several) => several,
            None => {
                let one = p.parse_order_by_expr()?;
                refuse_more(p, start, "ORDER BY")?;
                vec![one]
            }
        };
    }
    Ok(Some(WindowSpec { window_name: None, partition_by, order_by, window_frame: None }))
}

/// `(key, key)`, and nothing else of the same expression after it.
fn several_keys(p: &mut Parser) -> Parsed<Vec<OrderByExpr>> {
    p.expect_token(&Token::LParen)?;
    let keys = p.parse_comma_separated(Parser::parse_order_by_expr)?;
    p.expect_token(&Token::RParen)?;
    match p.peek_token_ref().token {
        Token::Comma | Token::RParen => Ok(keys),
        _ => unexpected(p),
    }
}

/// As in Spark, what comes after a comma must be an argument with a name.
fn refuse_more(p: &Parser, start: &TokenWithSpan, clause: &str) -> Parsed<()> {
    let named = || p.peek_nth_token_ref(2).token == Token::RArrow;
    if p.peek_token_ref().token == Token::Comma && !named() && !starts_table(p, 1) {
        let (before, after) = SEVERAL;
        return unsupported(&format!("{before}{clause}{after}"), start);
    }
    Ok(())
}

/// What [`unsupported`] is told of a table without parentheses around its name.
const BARE: (&str, &str) = ("the TABLE argument ", " without parentheses");
/// And of several expressions without them.
const SEVERAL: (&str, &str) = ("several expressions behind ", " of a TABLE argument without parentheses");

/// Spark's error for what this module refused.
pub(super) fn misuse(refused: &str) -> Option<SparkError> {
    let between = |(start, end): (&str, &str)| {
        refused.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).map(str::to_owned)
    };
    if let Some(clause) = between(SEVERAL) {
        let message = format!(
            "The table function call includes a table argument with an invalid partitioning/ordering specification: \
             the {clause} clause included multiple expressions without parentheses surrounding them; please add \
             parentheses around these expressions and then retry the query again"
        );
        let error = SparkError::new("_LEGACY_ERROR_TEMP_0064", "", format!("{message}."));
        return Some(error.with_param("msg", message));
    }
    let argument = quote(&between(BARE)?);
    let error = SparkError::new(
        "INVALID_SQL_SYNTAX.INVALID_TABLE_FUNCTION_IDENTIFIER_ARGUMENT_MISSING_PARENTHESES",
        "42000",
        format!(
            "Invalid SQL syntax: Syntax error: call to table-valued function is invalid because parentheses are \
             missing around the provided TABLE argument {argument}; please surround this with parentheses and try again."
        ),
    );
    Some(error.with_param("argumentName", argument))
}
