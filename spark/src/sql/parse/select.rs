//! SELECT: hints, the select list, and the clauses up to HAVING.

use datafusion::sql::sqlparser::ast::{
    Distinct, ExcludeSelectItem, Expr, GroupByExpr, GroupByWithModifier, Ident, LateralView, OptimizerHint,
    OptimizerHintStyle, Select, SelectItem, SelectItemQualifiedWildcardKind, TableWithJoins,
    WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Whitespace};

use super::query::{empty_select, simple_name};
use super::{
    Parsed, expect, identifier, identifiers, is_one_of, next_are, next_is, object_name, relation,
    starts_query, unsupported, word_at, words_follow,
};

/// Words that end a select item: they start a clause, or join queries.
const NO_COLUMN_ALIAS: [&str; 21] = [
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "SORT",
    "CLUSTER",
    "DISTRIBUTE",
    "LIMIT",
    "OFFSET",
    "WINDOW",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "MINUS",
    "SETMINUS",
    "LATERAL",
    "INTO",
    "AS",
    "THEN",
    "USING",
];

/// SELECT, the relations of a FROM before it already parsed.
pub(super) fn select(p: &mut Parser, from: Vec<TableWithJoins>) -> Parsed<Select> {
    expect(p, "SELECT")?;
    let mut select = empty_select();
    select.optimizer_hints = hints(p)?;
    if is_one_of(&p.peek_token_ref().token, &["ALL", "DISTINCT"]) && !ends_item(p, 1) {
        if next_is(p, "DISTINCT") {
            select.distinct = Some(Distinct::Distinct);
        } else {
            next_is(p, "ALL");
        }
    }
    select.projection = p.parse_comma_separated(select_item)?;
    if word_at(p, 0, "USING") {
        return unsupported("SELECT TRANSFORM with a script", p.peek_token_ref());
    }
    if word_at(p, 0, "INTO") {
        return unsupported("SELECT INTO", p.peek_token_ref());
    }
    select.from = from;
    if next_is(p, "FROM") {
        select.from = relation::from_clause(p)?;
    }
    while next_are(p, &["LATERAL", "VIEW"]) {
        select.lateral_views.push(lateral_view(p)?);
    }
    if next_is(p, "WHERE") {
        select.selection = Some(p.parse_expr()?);
    }
    if next_are(p, &["GROUP", "BY"]) {
        select.group_by = group_by(p)?;
    }
    if next_is(p, "HAVING") {
        select.having = Some(p.parse_expr()?);
    }
    if word_at(p, 0, "WINDOW") && word_at(p, 2, "AS") {
        p.next_token();
        select.named_window = p.parse_comma_separated(Parser::parse_named_window)?;
    }
    Ok(select)
}

/// Whether the token ends a select item, so that the word before it is a column.
fn ends_item(p: &Parser, n: usize) -> bool {
    let token = &p.peek_nth_token_ref(n).token;
    matches!(token, Token::Comma | Token::EOF | Token::RParen | Token::Period) || is_one_of(token, &["FROM"])
}

/// `/*+ ... */` right after SELECT.
fn hints(p: &mut Parser) -> Parsed<Vec<OptimizerHint>> {
    let mut hints = Vec::new();
    while let Token::Whitespace(space) = p.peek_nth_token_no_skip(0).token {
        if let Whitespace::MultiLineComment(comment) = space
            && let Some(text) = comment.strip_prefix('+')
        {
            hints.push(OptimizerHint {
                prefix: String::new(),
                text: text.trim().to_owned(),
                style: OptimizerHintStyle::MultiLine,
            });
        }
        p.next_token_no_skip();
    }
    Ok(hints)
}

/// A select item: a star, or an expression with or without aliases.
pub(crate) fn select_item(p: &mut Parser) -> Parsed<SelectItem> {
    let expr = match p.parse_wildcard_expr()? {
        Expr::Wildcard(_) => return Ok(SelectItem::Wildcard(star_options(p)?)),
        Expr::QualifiedWildcard(name, _) => {
            let kind = SelectItemQualifiedWildcardKind::ObjectName(name);
            return Ok(SelectItem::QualifiedWildcard(kind, star_options(p)?));
        }
        expr => expr,
    };
    if p.peek_token_ref().token == Token::Period && p.peek_nth_token_ref(1).token == Token::Mul {
        p.next_token();
        p.next_token();
        let kind = SelectItemQualifiedWildcardKind::Expr(expr);
        return Ok(SelectItem::QualifiedWildcard(kind, star_options(p)?));
    }
    if next_is(p, "AS") {
        if p.peek_token_ref().token == Token::LParen {
            return Ok(SelectItem::ExprWithAliases { expr, aliases: identifiers(p)? });
        }
        return Ok(SelectItem::ExprWithAlias { expr, alias: identifier(p)? });
    }
    Ok(match &p.peek_token_ref().token {
        Token::Word(w)
            if w.quote_style.is_some() || !is_one_of(&p.peek_token_ref().token, &NO_COLUMN_ALIAS) =>
        {
            SelectItem::ExprWithAlias { expr, alias: identifier(p)? }
        }
        Token::LParen if matches!(expr, Expr::Function(_)) => {
            SelectItem::ExprWithAliases { expr, aliases: identifiers(p)? }
        }
        _ => SelectItem::UnnamedExpr(expr),
    })
}

/// EXCEPT after a star, unless it joins two queries.
fn star_options(p: &mut Parser) -> Parsed<WildcardAdditionalOptions> {
    let mut options = WildcardAdditionalOptions::default();
    // `* replace (...)` is no alias of a star either.
    if word_at(p, 0, "REPLACE") {
        return p.expected_ref("the end of the item", p.peek_nth_token_ref(1));
    }
    let excludes = word_at(p, 0, "EXCEPT")
        && p.peek_nth_token_ref(1).token == Token::LParen
        && p.peek_nth_token_ref(2).token != Token::LParen
        && !starts_query(p, 2);
    if excludes {
        p.next_token();
        p.expect_token(&Token::LParen)?;
        let names = p.parse_comma_separated(object_name)?;
        p.expect_token(&Token::RParen)?;
        options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
    }
    Ok(options)
}

/// What follows LATERAL VIEW.
fn lateral_view(p: &mut Parser) -> Parsed<LateralView> {
    let outer = next_is(p, "OUTER");
    let name = object_name(p)?;
    let lateral_view = p.parse_function(name)?;
    // The name of the view may be left out, then AS comes at once.
    let ends = |p: &Parser| {
        let token = &p.peek_token_ref().token;
        !matches!(token, Token::Word(_)) || relation::ends_relation(token)
    };
    let lateral_view_name = if word_at(p, 0, "AS") || ends(p) { simple_name("") } else { object_name(p)? };
    let mut lateral_col_alias: Vec<Ident> = Vec::new();
    let explicit = next_is(p, "AS");
    if explicit || !ends(p) {
        if p.peek_token_ref().token == Token::LParen {
            lateral_col_alias = identifiers(p)?;
        } else {
            lateral_col_alias.push(identifier(p)?);
            while p.peek_token_ref().token == Token::Comma {
                p.next_token();
                lateral_col_alias.push(identifier(p)?);
            }
        }
    }
    Ok(LateralView { lateral_view, lateral_view_name, lateral_col_alias, outer })
}

/// What follows GROUP BY.
fn group_by(p: &mut Parser) -> Parsed<GroupByExpr> {
    let ends = |p: &Parser, n: usize| {
        let token = &p.peek_nth_token_ref(n).token;
        matches!(token, Token::EOF | Token::RParen | Token::SemiColon) || relation::ends_relation(token)
    };
    if word_at(p, 0, "ALL") && ends(p, 1) {
        p.next_token();
        return Ok(GroupByExpr::All(Vec::new()));
    }
    let exprs = p.parse_comma_separated(grouping_element)?;
    let mut modifiers = Vec::new();
    if next_are(p, &["WITH", "ROLLUP"]) {
        modifiers.push(GroupByWithModifier::Rollup);
    } else if next_are(p, &["WITH", "CUBE"]) {
        modifiers.push(GroupByWithModifier::Cube);
    } else if words_follow(p, &["GROUPING", "SETS"]) {
        // Hive's form: the columns before only say which there are.
        return Ok(GroupByExpr::Expressions(vec![grouping_element(p)?], modifiers));
    }
    Ok(GroupByExpr::Expressions(exprs, modifiers))
}

fn grouping_element(p: &mut Parser) -> Parsed<Expr> {
    if next_are(p, &["GROUPING", "SETS"]) {
        p.expect_token(&Token::LParen)?;
        let sets = p.parse_comma_separated(|p| {
            // Sets may hold ROLLUP, CUBE and further sets.
            if words_follow(p, &["GROUPING", "SETS"])
                || (is_one_of(&p.peek_token_ref().token, &["ROLLUP", "CUBE"])
                    && p.peek_nth_token_ref(1).token == Token::LParen)
            {
                return Ok(vec![grouping_element(p)?]);
            }
            grouping_set(p)
        })?;
        p.expect_token(&Token::RParen)?;
        return Ok(Expr::GroupingSets(sets));
    }
    let analytic = is_one_of(&p.peek_token_ref().token, &["ROLLUP", "CUBE"])
        && p.peek_nth_token_ref(1).token == Token::LParen;
    if analytic {
        let rollup = next_is(p, "ROLLUP");
        if !rollup {
            expect(p, "CUBE")?;
        }
        p.expect_token(&Token::LParen)?;
        let sets = p.parse_comma_separated(grouping_set)?;
        p.expect_token(&Token::RParen)?;
        return Ok(if rollup { Expr::Rollup(sets) } else { Expr::Cube(sets) });
    }
    p.parse_expr()
}

/// `(a, b)`, `()` or `a`.
fn grouping_set(p: &mut Parser) -> Parsed<Vec<Expr>> {
    if p.peek_token_ref().token == Token::LParen && p.peek_nth_token_ref(1).token == Token::RParen {
        p.next_token();
        p.next_token();
        return Ok(Vec::new());
    }
    Ok(match p.parse_expr()? {
        Expr::Tuple(items) => items,
        Expr::Nested(item) => vec![*item],
        item => vec![item],
    })
}

/// A hint's name and arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hint {
    /// Upper case.
    pub name: String,
    /// Names of relations, numbers, columns.
    pub parameters: Vec<Expr>,
}

/// The hints of a comment: `A(x, y), B`.
pub(crate) fn parse_hints(text: &str) -> Vec<Hint> {
    let Ok(tokens) = crate::sql::lex::tokenize(text) else { return Vec::new() };
    let dialect = crate::sql::lex::SparkDialect::default();
    let mut p = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let mut hints = Vec::new();
    while let Ok(name) = identifier(&mut p) {
        let mut parameters = Vec::new();
        if p.consume_token(&Token::LParen) {
            if let Ok(list) = p.parse_comma_separated(Parser::parse_expr) {
                parameters = list;
            }
            if !p.consume_token(&Token::RParen) {
                break;
            }
        }
        hints.push(Hint { name: name.value.to_uppercase(), parameters });
        let _ = p.consume_token(&Token::Comma);
    }
    hints
}
