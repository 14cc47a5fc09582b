//! LIKE in its forms, and IN.

use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Value};

use super::super::Planner;
use super::Names;
use crate::analysis::operator::{self, Binary};
use crate::analysis::{Named, call};
use crate::error::{Result, SparkError};

impl Planner<'_> {
    pub(super) fn like(
        &mut self,
        value: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::ValueWithSpan>,
        insensitive: bool,
        negated: bool,
        names: &Names<'_>,
    ) -> Result<Named> {
        let value = self.expr(value, names)?;
        let pattern = self.expr(pattern, names)?;
        let escape = match escape.map(|e| &e.value) {
            None => None,
            Some(Value::SingleQuotedString(s)) if s.chars().count() == 1 => s.chars().next(),
            Some(other) => {
                let shown = other.to_string();
                return Err(SparkError::new(
                    "INVALID_ESCAPE_CHAR",
                    "42604",
                    format!("`EscapeChar` should be a string literal of length one, but got {shown}."),
                )
                .with_param("sqlExpr", shown));
            }
        };
        operator::like(value, pattern, escape, insensitive, negated, names.schema)
    }

    /// `x [NOT] LIKE ANY | ALL (a, b)`.
    pub(super) fn like_each(
        &mut self,
        value: &ast::Expr,
        op: &BinaryOperator,
        patterns: &ast::Expr,
        all: bool,
        names: &Names<'_>,
    ) -> Result<Named> {
        let (insensitive, negated) = match op {
            BinaryOperator::PGLikeMatch => (false, false),
            BinaryOperator::PGILikeMatch => (true, false),
            BinaryOperator::PGNotLikeMatch => (false, true),
            BinaryOperator::PGNotILikeMatch => (true, true),
            other => return Err(SparkError::unsupported(format!("{other} with ANY or ALL"))),
        };
        let patterns = match patterns {
            ast::Expr::Tuple(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        let mut value = self.expr(value, names)?;
        if insensitive {
            value = call::scalar(&self.context(names), "lower", vec![value])?;
        }
        let op = if all { Binary::And } else { Binary::Or };
        let mut whole: Option<Named> = None;
        for pattern in patterns {
            let mut pattern = self.expr(pattern, names)?;
            if insensitive {
                pattern = call::scalar(&self.context(names), "lower", vec![pattern])?;
            }
            let next = operator::like(value.clone(), pattern, None, false, negated, names.schema)?;
            whole = Some(match whole {
                None => next,
                Some(before) => operator::binary(op, before, next, names.schema)?,
            });
        }
        let function = match (all, negated) {
            (true, false) => "likeall",
            (true, true) => "notlikeall",
            (false, false) => "likeany",
            (false, true) => "notlikeany",
        };
        let whole = whole.ok_or_else(|| SparkError::internal("LIKE without patterns"))?;
        Ok(Named::new(whole.expr, format!("{function}({})", value.name)))
    }

    /// A value in a list; a list of several values against rows of a list is compared part by part.
    pub(super) fn in_list(
        &mut self,
        value: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        names: &Names<'_>,
    ) -> Result<Named> {
        let value_named = self.expr(value, names)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push(self.expr(item, names)?);
        }
        if let ast::Expr::Tuple(parts) = value {
            return self.rows_in_list(&value_named.name, parts, list, &items, negated, names);
        }
        operator::in_list(value_named, items, negated, names.schema)
    }

    fn rows_in_list(
        &mut self,
        value_name: &str,
        parts: &[ast::Expr],
        list: &[ast::Expr],
        items: &[Named],
        negated: bool,
        names: &Names<'_>,
    ) -> Result<Named> {
        let mut whole: Option<Expr> = None;
        for item in list {
            let ast::Expr::Tuple(cells) = item else {
                return Err(SparkError::unsupported("a list of several values IN anything but lists"));
            };
            let mut row: Option<Expr> = None;
            for (part, cell) in parts.iter().zip(cells) {
                let (part, cell) = (self.expr(part, names)?, self.expr(cell, names)?);
                let same = operator::binary(Binary::Eq, part, cell, names.schema)?.expr;
                row = Some(row.map_or_else(|| same.clone(), |row| row.and(same.clone())));
            }
            let row = row.ok_or_else(|| SparkError::internal("a row without values"))?;
            whole = Some(whole.map_or_else(|| row.clone(), |whole| whole.or(row.clone())));
        }
        let whole = whole.ok_or_else(|| SparkError::internal("IN without values"))?;
        let shown: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
        let name = format!("({value_name} IN ({}))", shown.join(", "));
        Ok(if negated {
            Named::new(Expr::Not(Box::new(whole)), format!("(NOT {name})"))
        } else {
            Named::new(whole, name)
        })
    }
}
