//! FROM: tables, subqueries, table functions, joins, samples, PIVOT and UNPIVOT.

use datafusion::sql::sqlparser::ast::{
    Expr, ExprWithAlias, Ident, Join, JoinConstraint, JoinOperator, NullInclusion, ObjectName,
    PivotValueSource, SetExpr, TableAlias, TableFactor, TableFunctionArgs, TableSample, TableSampleBucket,
    TableSampleKind, TableSampleModifier, TableSampleQuantity, TableSampleSeed, TableSampleSeedModifier,
    TableSampleUnit, TableWithJoins,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::query::{alias, bare, query, select_all, values};
use super::{
    Parsed, expect, identifier, identifiers, is_one_of, next_are, next_is, object_name, starts_query,
    table_argument, unexpected, unsupported, word_at, words_follow,
};

/// Words that cannot be the alias of a relation: they start a clause, a join, or join queries.
const NO_TABLE_ALIAS: [&str; 34] = [
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
    "SELECT",
    "LATERAL",
    "PIVOT",
    "UNPIVOT",
    "TABLESAMPLE",
    "ANTI",
    "CROSS",
    "EXCEPT",
    "FULL",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LEFT",
    "MINUS",
    "NATURAL",
    "ON",
    "RIGHT",
    "SEMI",
    "SETMINUS",
    "UNION",
    "USING",
    "INSERT",
    "WHEN",
    "WITH",
];

/// Whether a token ends a relation, so that it is no alias.
pub(super) fn ends_relation(token: &Token) -> bool {
    is_one_of(token, &NO_TABLE_ALIAS)
}

/// The relations after FROM.
pub(super) fn from_clause(p: &mut Parser) -> Parsed<Vec<TableWithJoins>> {
    p.parse_comma_separated(relation)
}

/// A relation with its joins; PIVOT and UNPIVOT take all before them.
fn relation(p: &mut Parser) -> Parsed<TableWithJoins> {
    let mut whole = TableWithJoins { relation: maybe_lateral(p)?, joins: Vec::new() };
    loop {
        if word_at(p, 0, "PIVOT") && p.peek_nth_token_ref(1).token == Token::LParen {
            p.next_token();
            whole = TableWithJoins { relation: pivot(p, single(whole))?, joins: Vec::new() };
        } else if word_at(p, 0, "UNPIVOT") {
            p.next_token();
            whole = TableWithJoins { relation: unpivot(p, single(whole))?, joins: Vec::new() };
        } else if let Some(join) = join(p)? {
            whole.joins.push(join);
        } else {
            return Ok(whole);
        }
    }
}

fn single(whole: TableWithJoins) -> TableFactor {
    if whole.joins.is_empty() {
        return whole.relation;
    }
    TableFactor::NestedJoin { table_with_joins: Box::new(whole), alias: None }
}

fn join(p: &mut Parser) -> Parsed<Option<Join>> {
    let natural = word_at(p, 0, "NATURAL");
    let at = usize::from(natural);
    let starts = ["CROSS", "INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI", "JOIN"];
    if !is_one_of(&p.peek_nth_token_ref(at).token, &starts) {
        return if natural { unexpected(p) } else { Ok(None) };
    }
    if natural {
        p.next_token();
    }
    let operator: fn(JoinConstraint) -> JoinOperator = if next_is(p, "CROSS") {
        JoinOperator::CrossJoin
    } else if next_is(p, "INNER") {
        JoinOperator::Inner
    } else if next_is(p, "FULL") {
        next_is(p, "OUTER");
        JoinOperator::FullOuter
    } else if next_is(p, "RIGHT") {
        next_is(p, "OUTER");
        JoinOperator::RightOuter
    } else if next_is(p, "LEFT") {
        if next_is(p, "SEMI") {
            JoinOperator::LeftSemi
        } else if next_is(p, "ANTI") {
            JoinOperator::LeftAnti
        } else {
            next_is(p, "OUTER");
            JoinOperator::LeftOuter
        }
    } else if next_is(p, "SEMI") {
        JoinOperator::LeftSemi
    } else if next_is(p, "ANTI") {
        JoinOperator::LeftAnti
    } else {
        JoinOperator::Inner
    };
    expect(p, "JOIN")?;
    let relation = maybe_lateral(p)?;
    let constraint = if natural {
        JoinConstraint::Natural
    } else if next_is(p, "ON") {
        JoinConstraint::On(p.parse_expr()?)
    } else if next_is(p, "USING") {
        let columns = identifiers(p)?.into_iter().map(|column| ObjectName::from(vec![column])).collect();
        JoinConstraint::Using(columns)
    } else {
        JoinConstraint::None
    };
    Ok(Some(Join { relation, global: false, join_operator: operator(constraint) }))
}

fn maybe_lateral(p: &mut Parser) -> Parsed<TableFactor> {
    if word_at(p, 0, "LATERAL") && !word_at(p, 1, "VIEW") {
        p.next_token();
        return match primary(p)? {
            TableFactor::Derived { subquery, alias, sample, .. } => {
                Ok(TableFactor::Derived { lateral: true, subquery, alias, sample })
            }
            TableFactor::Table { name, args: Some(args), alias, .. } => Ok(TableFactor::Function {
                lateral: true,
                name,
                args: args.args,
                with_ordinality: false,
                alias,
            }),
            _ => unexpected(p),
        };
    }
    primary(p)
}

fn primary(p: &mut Parser) -> Parsed<TableFactor> {
    if word_at(p, 0, "VALUES") && starts_query(p, 0) {
        let subquery = bare(Box::new(values(p)?));
        return Ok(TableFactor::Derived { lateral: false, subquery, alias: table_alias(p)?, sample: None });
    }
    if p.peek_token_ref().token == Token::LParen {
        return parenthesised(p);
    }
    if word_at(p, 0, "STREAM") && matches!(p.peek_nth_token_ref(1).token, Token::Word(_)) {
        let at = p.peek_token();
        if !ends_relation(&p.peek_nth_token_ref(1).token) && !word_at(p, 1, "AS") {
            return unsupported("STREAM tables", &at);
        }
    }
    let name = object_name(p)?;
    if p.consume_token(&Token::LParen) {
        let args = TableFunctionArgs { args: table_argument::arguments(p)?, settings: None };
        let sample = sample(p)?;
        let mut function = table(name, table_alias(p)?);
        if let TableFactor::Table { args: a, sample: s, .. } = &mut function {
            *a = Some(args);
            *s = sample;
        }
        return Ok(function);
    }
    let travels = words_follow(p, &["VERSION", "AS", "OF"])
        || words_follow(p, &["TIMESTAMP", "AS", "OF"])
        || words_follow(p, &["FOR", "VERSION", "AS", "OF"])
        || words_follow(p, &["FOR", "TIMESTAMP", "AS", "OF"])
        || is_one_of(&p.peek_token_ref().token, &["SYSTEM_VERSION", "SYSTEM_TIME"]);
    if travels {
        return unsupported("time travel", p.peek_token_ref());
    }
    let mut with_hints = Vec::new();
    if word_at(p, 0, "WITH") && p.peek_nth_token_ref(1).token == Token::LParen {
        p.next_token();
        p.next_token();
        with_hints = p.parse_comma_separated(Parser::parse_expr)?;
        p.expect_token(&Token::RParen)?;
    }
    let sample = sample(p)?;
    let mut factor = table(name, table_alias(p)?);
    if let TableFactor::Table { with_hints: w, sample: s, .. } = &mut factor {
        *w = with_hints;
        *s = sample;
    }
    Ok(factor)
}

/// `(query)` or `(relation)`.
fn parenthesised(p: &mut Parser) -> Parsed<TableFactor> {
    let definitely = starts_query(p, 1);
    p.expect_token(&Token::LParen)?;
    let inner_query = if definitely {
        let subquery = query(p)?;
        p.expect_token(&Token::RParen)?;
        Some(subquery)
    } else if p.peek_token_ref().token == Token::LParen {
        // A query in more than one pair of parentheses, or the first of a set operation.
        p.maybe_parse(|p| {
            let subquery = query(p)?;
            p.expect_token(&Token::RParen)?;
            Ok(subquery)
        })?
    } else {
        None
    };
    if let Some(subquery) = inner_query {
        let sample = sample(p)?;
        return Ok(TableFactor::Derived { lateral: false, subquery, alias: table_alias(p)?, sample });
    }
    let inner = relation(p)?;
    p.expect_token(&Token::RParen)?;
    let sample = sample(p)?;
    let alias = table_alias(p)?;
    if sample.is_some() {
        let subquery = bare(Box::new(SetExpr::Select(Box::new(select_all(vec![single(inner)])))));
        return Ok(TableFactor::Derived { lateral: false, subquery, alias, sample });
    }
    Ok(TableFactor::NestedJoin { table_with_joins: Box::new(inner), alias })
}

/// A table, by name.
pub(super) fn table(name: ObjectName, alias: Option<TableAlias>) -> TableFactor {
    TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// `[AS] name [(columns)]`
pub(super) fn table_alias(p: &mut Parser) -> Parsed<Option<TableAlias>> {
    let explicit = next_is(p, "AS");
    let token = &p.peek_token_ref().token;
    let name = match token {
        Token::Word(w) if explicit || w.quote_style.is_some() || !ends_relation(token) => identifier(p)?,
        Token::LParen if explicit => return Ok(Some(alias(Ident::new(""), identifiers(p)?))),
        _ if explicit => return unexpected(p),
        _ => return Ok(None),
    };
    let columns = if p.peek_token_ref().token == Token::LParen { identifiers(p)? } else { Vec::new() };
    Ok(Some(alias(name, columns)))
}

/// `TABLESAMPLE (...) [REPEATABLE (seed)]`
fn sample(p: &mut Parser) -> Parsed<Option<TableSampleKind>> {
    if !next_is(p, "TABLESAMPLE") {
        return Ok(None);
    }
    if !next_is(p, "SYSTEM") {
        next_is(p, "BERNOULLI");
    }
    p.expect_token(&Token::LParen)?;
    let (mut quantity, mut bucket) = (None, None);
    if next_is(p, "BUCKET") {
        let part = p.parse_number_value()?;
        expect(p, "OUT")?;
        expect(p, "OF")?;
        let total = p.parse_number_value()?;
        let on = if next_is(p, "ON") { Some(p.parse_expr()?) } else { None };
        bucket = Some(TableSampleBucket { bucket: part, total, on });
    } else {
        let value = p.parse_expr()?;
        let unit = if next_is(p, "PERCENT") {
            Some(TableSampleUnit::Percent)
        } else if next_is(p, "ROWS") {
            Some(TableSampleUnit::Rows)
        } else {
            None
        };
        quantity = Some(TableSampleQuantity { parenthesized: true, value, unit });
    }
    p.expect_token(&Token::RParen)?;
    let mut seed = None;
    if next_is(p, "REPEATABLE") {
        p.expect_token(&Token::LParen)?;
        let value = p.parse_number_value()?;
        p.expect_token(&Token::RParen)?;
        seed = Some(TableSampleSeed { modifier: TableSampleSeedModifier::Repeatable, value });
    }
    let modifier = TableSampleModifier::TableSample;
    let sample = TableSample { modifier, name: None, quantity, seed, bucket, offset: None };
    Ok(Some(TableSampleKind::AfterTableAlias(Box::new(sample))))
}

/// `PIVOT (aggregates FOR columns IN (values))`
fn pivot(p: &mut Parser, table: TableFactor) -> Parsed<TableFactor> {
    p.expect_token(&Token::LParen)?;
    let aggregate_functions = p.parse_comma_separated(|p| named(p, "FOR"))?;
    expect(p, "FOR")?;
    let value_column = if p.peek_token_ref().token == Token::LParen {
        identifiers(p)?.into_iter().map(Expr::Identifier).collect()
    } else {
        vec![Expr::Identifier(identifier(p)?)]
    };
    expect(p, "IN")?;
    p.expect_token(&Token::LParen)?;
    let list = p.parse_comma_separated(|p| named(p, ""))?;
    p.expect_token(&Token::RParen)?;
    p.expect_token(&Token::RParen)?;
    Ok(TableFactor::Pivot {
        table: Box::new(table),
        aggregate_functions,
        value_column,
        value_source: PivotValueSource::List(list),
        default_on_null: None,
        alias: table_alias(p)?,
    })
}

/// An expression and its alias, which is not the word that ends the list.
fn named(p: &mut Parser, end: &str) -> Parsed<ExprWithAlias> {
    let expr = p.parse_expr()?;
    let explicit = next_is(p, "AS");
    let token = &p.peek_token_ref().token;
    let alias = match token {
        Token::Word(_) if explicit || !super::is_word(token, end) => Some(identifier(p)?),
        _ if explicit => return unexpected(p),
        _ => None,
    };
    Ok(ExprWithAlias { expr, alias })
}

/// `UNPIVOT [INCLUDE | EXCLUDE NULLS] (values FOR name IN (columns))`
fn unpivot(p: &mut Parser, table: TableFactor) -> Parsed<TableFactor> {
    let null_inclusion = if next_are(p, &["INCLUDE", "NULLS"]) {
        Some(NullInclusion::IncludeNulls)
    } else if next_are(p, &["EXCLUDE", "NULLS"]) {
        Some(NullInclusion::ExcludeNulls)
    } else {
        None
    };
    p.expect_token(&Token::LParen)?;
    let value = if p.peek_token_ref().token == Token::LParen {
        Expr::Tuple(identifiers(p)?.into_iter().map(Expr::Identifier).collect())
    } else {
        Expr::Identifier(identifier(p)?)
    };
    expect(p, "FOR")?;
    let name = identifier(p)?;
    expect(p, "IN")?;
    p.expect_token(&Token::LParen)?;
    let columns = p.parse_comma_separated(|p| {
        let item = named(p, "")?;
        let set = match item.expr {
            Expr::Nested(column) if matches!(value, Expr::Tuple(_)) => Expr::Tuple(vec![*column]),
            other => other,
        };
        Ok(ExprWithAlias { expr: set, alias: item.alias })
    })?;
    p.expect_token(&Token::RParen)?;
    p.expect_token(&Token::RParen)?;
    let alias = table_alias(p)?;
    Ok(TableFactor::Unpivot { table: Box::new(table), value, name, columns, null_inclusion, alias })
}
