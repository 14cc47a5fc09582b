//! Queries: WITH, set operations, and the clauses that order and limit their rows.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, GroupByExpr, Ident, LimitClause, NamedWindowDefinition, ObjectName, Offset, OffsetRows,
    OrderBy, OrderByExpr, OrderByKind, Parens, Query, Select, SelectFlavor, SelectItem, SetExpr, SetOperator,
    SetQuantifier, TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins, Values,
    WildcardAdditionalOptions, With,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{
    Parsed, expect, identifier, identifiers, is_one_of, next_are, next_is, object_name, relation, select,
    unexpected, unsupported, word_at,
};

/// A query with all its parts.
pub(crate) fn query(p: &mut Parser) -> Parsed<Box<Query>> {
    let with = if word_at(p, 0, "WITH") { Some(with(p)?) } else { None };
    query_of(p, with)
}

/// What follows a WITH.
pub(crate) fn query_of(p: &mut Parser, with: Option<With>) -> Parsed<Box<Query>> {
    if is_one_of(&p.peek_token_ref().token, &["INSERT", "UPDATE", "DELETE", "MERGE"]) && with.is_some() {
        return unsupported("WITH before a statement that is no query", p.peek_token_ref());
    }
    let body = set_operations(p, 0)?;
    organized(p, with, body)
}

pub(crate) fn with(p: &mut Parser) -> Parsed<With> {
    let with_token = p.next_token();
    let recursive = next_is(p, "RECURSIVE");
    let cte_tables = p.parse_comma_separated(cte)?;
    Ok(With { with_token: with_token.into(), recursive, cte_tables })
}

fn cte(p: &mut Parser) -> Parsed<Cte> {
    let name = identifier(p)?;
    // `name (a, b) AS (query)`, or without AS.
    let has_columns = p.peek_token_ref().token == Token::LParen && !super::starts_query(p, 1);
    let columns = if has_columns { identifiers(p)? } else { Vec::new() };
    // The syntax tree has no place of its own for the level; nothing else is kept in this one.
    let mut level = None;
    if next_are(p, &["MAX", "RECURSION", "LEVEL"]) {
        level = Some(Ident::new(p.parse_literal_uint()?.to_string()));
    }
    next_is(p, "AS");
    p.expect_token(&Token::LParen)?;
    let query = query(p)?;
    let closing = p.expect_token(&Token::RParen)?;
    Ok(Cte {
        alias: alias(name, columns),
        query,
        from: level,
        materialized: None,
        closing_paren_token: closing.into(),
    })
}

/// A table alias with column names.
pub(super) fn alias(name: Ident, columns: Vec<Ident>) -> TableAlias {
    let columns = columns.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect();
    TableAlias { explicit: true, name, columns, at: None }
}

/// UNION and EXCEPT from left to right, INTERSECT before them.
fn set_operations(p: &mut Parser, above: u8) -> Parsed<Box<SetExpr>> {
    let mut left = primary(p)?;
    loop {
        let token = &p.peek_token_ref().token;
        let (op, precedence) = match token {
            t if super::is_word(t, "UNION") => (SetOperator::Union, 1),
            t if is_one_of(t, &["EXCEPT", "MINUS", "SETMINUS"]) => (SetOperator::Except, 1),
            t if super::is_word(t, "INTERSECT") => (SetOperator::Intersect, 2),
            _ => break,
        };
        if precedence <= above {
            break;
        }
        p.next_token();
        let set_quantifier = if next_is(p, "ALL") {
            SetQuantifier::All
        } else {
            next_is(p, "DISTINCT");
            SetQuantifier::None
        };
        let right = set_operations(p, precedence)?;
        left = Box::new(SetExpr::SetOperation { op, set_quantifier, left, right });
    }
    Ok(left)
}

fn primary(p: &mut Parser) -> Parsed<Box<SetExpr>> {
    let token = p.peek_token_ref();
    Ok(Box::new(match &token.token {
        t if super::is_word(t, "SELECT") => SetExpr::Select(Box::new(select::select(p, Vec::new())?)),
        t if super::is_word(t, "FROM") => {
            p.next_token();
            let from = relation::from_clause(p)?;
            if is_one_of(&p.peek_token_ref().token, &["INSERT", "MAP", "REDUCE"]) {
                return unsupported("FROM before anything but SELECT", p.peek_token_ref());
            }
            refuse_pipes(p)?;
            if word_at(p, 0, "SELECT") {
                SetExpr::Select(Box::new(select::select(p, from)?))
            } else {
                let mut select = select_all(Vec::new());
                select.from = from;
                SetExpr::Select(Box::new(select))
            }
        }
        t if super::is_word(t, "TABLE") => {
            p.next_token();
            let name = object_name(p)?;
            SetExpr::Select(Box::new(select_all(vec![relation::table(name, None)])))
        }
        t if super::is_word(t, "VALUES") => {
            let values = values(p)?;
            match relation::table_alias(p)? {
                None => values,
                alias => {
                    let body = bare(Box::new(values));
                    let derived =
                        TableFactor::Derived { lateral: false, subquery: body, alias, sample: None };
                    SetExpr::Select(Box::new(select_all(vec![derived])))
                }
            }
        }
        Token::LParen => {
            p.next_token();
            let query = query(p)?;
            p.expect_token(&Token::RParen)?;
            SetExpr::Query(query)
        }
        t if is_one_of(t, &["MAP", "REDUCE"]) => return unsupported("MAP and REDUCE with scripts", token),
        _ => return unexpected(p),
    }))
}

/// `VALUES row, row`, a row being one value or several in parentheses.
pub(super) fn values(p: &mut Parser) -> Parsed<SetExpr> {
    expect(p, "VALUES")?;
    let rows = p.parse_comma_separated(|p| {
        let content = match p.parse_expr()? {
            Expr::Tuple(cells) => cells,
            Expr::Nested(cell) => vec![*cell],
            cell => vec![cell],
        };
        Ok(Parens { opening_token: AttachedToken::empty(), content, closing_token: AttachedToken::empty() })
    })?;
    Ok(SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows }))
}

/// ORDER BY, SORT BY, DISTRIBUTE BY, CLUSTER BY, WINDOW, LIMIT and OFFSET after a query's body.
fn organized(p: &mut Parser, with: Option<With>, body: Box<SetExpr>) -> Parsed<Box<Query>> {
    let mut order_by = None;
    let (mut limit, mut offset) = (None, None);
    let mut layout = Layout::default();
    loop {
        if order_by.is_none() && next_are(p, &["ORDER", "BY"]) {
            order_by = Some(self::order_by(p)?);
        } else if next_are(p, &["CLUSTER", "BY"]) {
            layout.cluster_by = p.parse_comma_separated(Parser::parse_expr)?;
        } else if next_are(p, &["DISTRIBUTE", "BY"]) {
            layout.distribute_by = p.parse_comma_separated(Parser::parse_expr)?;
        } else if next_are(p, &["SORT", "BY"]) {
            layout.sort_by = p.parse_comma_separated(Parser::parse_order_by_expr)?;
        } else if word_at(p, 0, "WINDOW") && word_at(p, 2, "AS") {
            p.next_token();
            layout.windows = p.parse_comma_separated(Parser::parse_named_window)?;
        } else if limit.is_none() && next_is(p, "LIMIT") {
            // `LIMIT ALL` is no limit.
            if !next_is(p, "ALL") {
                limit = Some(p.parse_expr()?);
            }
        } else if offset.is_none() && next_is(p, "OFFSET") {
            offset = Some(Offset { value: p.parse_expr()?, rows: OffsetRows::None });
        } else {
            break;
        }
    }
    refuse_pipes(p)?;
    let mut query = bare(layout.applied(body));
    query.with = with;
    query.order_by = order_by;
    if limit.is_some() || offset.is_some() {
        query.limit_clause = Some(LimitClause::LimitOffset { limit, offset, limit_by: Vec::new() });
    }
    Ok(query)
}

fn refuse_pipes(p: &Parser) -> Parsed<()> {
    let pipe = p.peek_token_ref();
    let next = p.peek_nth_token_ref(1);
    let pipe_syntax = pipe.token == Token::VerticalBarRightAngleBracket
        || (pipe.token == Token::Pipe && next.token == Token::Gt && next.span.start == pipe.span.end);
    if pipe_syntax { unsupported("the pipe syntax |>", pipe) } else { Ok(()) }
}

/// Clauses that the syntax tree has on a SELECT only.
#[derive(Default)]
struct Layout {
    cluster_by: Vec<Expr>,
    distribute_by: Vec<Expr>,
    sort_by: Vec<OrderByExpr>,
    windows: Vec<NamedWindowDefinition>,
}

impl Layout {
    /// Puts the clauses on the SELECT, or on one around another body.
    fn applied(self, body: Box<SetExpr>) -> Box<SetExpr> {
        if self.cluster_by.is_empty()
            && self.distribute_by.is_empty()
            && self.sort_by.is_empty()
            && self.windows.is_empty()
        {
            return body;
        }
        let mut select = match *body {
            SetExpr::Select(select) => select,
            other => Box::new(select_all(vec![TableFactor::Derived {
                lateral: false,
                subquery: bare(Box::new(other)),
                alias: None,
                sample: None,
            }])),
        };
        select.cluster_by = self.cluster_by;
        select.distribute_by = self.distribute_by;
        select.sort_by = self.sort_by;
        select.named_window.extend(self.windows);
        Box::new(SetExpr::Select(select))
    }
}

fn order_by(p: &mut Parser) -> Parsed<OrderBy> {
    let keys = p.parse_comma_separated(Parser::parse_order_by_expr)?;
    Ok(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None })
}

/// A query of nothing but a body.
pub(super) fn bare(body: Box<SetExpr>) -> Box<Query> {
    Box::new(Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    })
}

/// `SELECT * FROM relations`
pub(super) fn select_all(relations: Vec<TableFactor>) -> Select {
    let mut select = empty_select();
    select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
    select.from =
        relations.into_iter().map(|relation| TableWithJoins { relation, joins: Vec::new() }).collect();
    select
}

/// A SELECT without anything.
pub(super) fn empty_select() -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: Vec::new(),
        exclude: None,
        into: None,
        from: Vec::new(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        window_before_qualify: false,
        qualify: None,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A name of one part.
pub(super) fn simple_name(name: &str) -> ObjectName {
    ObjectName::from(vec![Ident::new(name)])
}
