//! GROUP BY: expressions, positions, aliases, ALL, ROLLUP, CUBE and GROUPING SETS.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{Expr, GroupingSet};
use datafusion::sql::sqlparser::ast::{self, GroupByExpr, GroupByWithModifier, SelectItem};

use super::Planner;
use super::expr::{Names, position_of};
use super::select::{ordinal, out_of_range};
use crate::analysis::Named;
use crate::error::{Result, SparkError};

/// More grouping sets than this are refused, as a CUBE of many columns has too many to write down.
const MAX_SETS: usize = 4096;

impl Planner<'_> {
    /// What rows are grouped by: expressions, or one grouping set.
    pub(super) fn groups(&mut self, group_by: &GroupByExpr, names: &Names<'_>) -> Result<Vec<Expr>> {
        let (exprs, modifiers) = match group_by {
            GroupByExpr::All(_) => {
                let mut groups: Vec<Expr> = Vec::new();
                for item in names.select {
                    if find_aggregate_exprs([&item.expr]).is_empty() && !is_constant(&item.expr) {
                        push(&mut groups, item.expr.clone());
                    }
                }
                return Ok(groups);
            }
            GroupByExpr::Expressions(exprs, modifiers) => (exprs, modifiers),
        };
        let plain = exprs.iter().all(|e| !is_analytic(e)) && modifiers.is_empty();
        if plain {
            let mut groups = Vec::new();
            for expr in exprs {
                push(&mut groups, self.group(expr, names)?);
            }
            return Ok(groups);
        }
        let mut sets: Vec<Vec<Expr>> = vec![Vec::new()];
        if modifiers.is_empty() {
            for expr in exprs {
                sets = product(sets, &self.sets(expr, names)?)?;
            }
        } else {
            let columns: Vec<Vec<Expr>> =
                exprs.iter().map(|e| Ok(vec![self.group(e, names)?])).collect::<Result<_>>()?;
            sets = match modifiers.as_slice() {
                [GroupByWithModifier::Rollup] => rollup(&columns),
                [GroupByWithModifier::Cube] => cube(&columns)?,
                _ => return Err(SparkError::unsupported("this GROUP BY modifier")),
            };
        }
        for set in &mut sets {
            let mut once = Vec::with_capacity(set.len());
            for expr in set.drain(..) {
                push(&mut once, expr);
            }
            *set = once;
        }
        Ok(vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))])
    }

    /// The columns that `grouping_id()` is about: those of ROLLUP, CUBE and GROUPING SETS in the order
    /// in which they are written. None where they cannot be told before the select list is.
    pub(super) fn grouping_columns(
        &mut self,
        group_by: &GroupByExpr,
        projection: &[SelectItem],
        names: &Names<'_>,
    ) -> Vec<Named> {
        let GroupByExpr::Expressions(exprs, modifiers) = group_by else { return Vec::new() };
        if modifiers.is_empty() && !exprs.iter().any(is_analytic) {
            return Vec::new();
        }
        let mut written = Vec::new();
        for expr in exprs {
            flatten(expr, &mut written);
        }
        let mut columns: Vec<Named> = Vec::new();
        let places = self.session.is_on("spark.sql.groupByOrdinal");
        for expr in written {
            let item = ordinal(expr).filter(|_| places).and_then(|n| projection.get(n.checked_sub(1)?));
            let expr = match item {
                Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr,
                _ => expr,
            };
            match self.expr(expr, names) {
                Ok(column) if columns.iter().any(|known| known.expr == column.expr) => {}
                Ok(column) => columns.push(column),
                Err(_) => return Vec::new(),
            }
        }
        columns
    }

    /// The grouping sets that one element of GROUP BY stands for.
    fn sets(&mut self, expr: &ast::Expr, names: &Names<'_>) -> Result<Vec<Vec<Expr>>> {
        let mut columns = |sets: &[Vec<ast::Expr>]| -> Result<Vec<Vec<Expr>>> {
            sets.iter().map(|set| set.iter().map(|e| self.group(e, names)).collect()).collect()
        };
        match expr {
            ast::Expr::Rollup(sets) => Ok(rollup(&columns(sets)?)),
            ast::Expr::Cube(sets) => cube(&columns(sets)?),
            ast::Expr::GroupingSets(sets) => {
                let mut all = Vec::new();
                for set in sets {
                    match set.as_slice() {
                        [nested] if is_analytic(nested) => all.extend(self.sets(nested, names)?),
                        set => all.push(set.iter().map(|e| self.group(e, names)).collect::<Result<_>>()?),
                    }
                }
                Ok(all)
            }
            plain => Ok(vec![vec![self.group(plain, names)?]]),
        }
    }

    fn group(&mut self, expr: &ast::Expr, names: &Names<'_>) -> Result<Expr> {
        if let Some(position) = ordinal(expr).filter(|_| self.session.is_on("spark.sql.groupByOrdinal")) {
            let size = names.select.len();
            let item = position.checked_sub(1).and_then(|i| names.select.get(i));
            let Some(item) = item else {
                return Err(out_of_range("GROUP BY", "GROUP_BY_POS_OUT_OF_RANGE", position, size)
                    .at(position_of(expr)));
            };
            if !find_aggregate_exprs([&item.expr]).is_empty() {
                return Err(SparkError::new(
                    "GROUP_BY_POS_AGGREGATE",
                    "42903",
                    format!(
                        "GROUP BY {position} refers to an expression {} that contains an aggregate function. Aggregate functions are not allowed in GROUP BY.",
                        item.name
                    ),
                )
                .at(position_of(expr)));
            }
            return Ok(item.expr.clone());
        }
        let aliases = self.session.is_on("spark.sql.groupByAliases");
        let names = &Names { select: if aliases { names.select } else { &[] }, ..*names };
        let named = self.expr(expr, names)?;
        if !find_aggregate_exprs([&named.expr]).is_empty() {
            return Err(SparkError::new(
                "GROUP_BY_AGGREGATE",
                "42903",
                format!("Aggregate functions are not allowed in GROUP BY, but found {}.", named.name),
            )
            .at(position_of(expr)));
        }
        Ok(named.expr)
    }
}

fn flatten<'e>(expr: &'e ast::Expr, into: &mut Vec<&'e ast::Expr>) {
    match expr {
        ast::Expr::Rollup(sets) | ast::Expr::Cube(sets) | ast::Expr::GroupingSets(sets) => {
            for expr in sets.iter().flatten() {
                flatten(expr, into);
            }
        }
        plain => into.push(plain),
    }
}

fn is_analytic(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Rollup(_) | ast::Expr::Cube(_) | ast::Expr::GroupingSets(_))
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.data_type() != DataType::Null)
}

fn push(groups: &mut Vec<Expr>, expr: Expr) {
    if !groups.contains(&expr) {
        groups.push(expr);
    }
}

/// Each set of the one with each of the other.
fn product(left: Vec<Vec<Expr>>, right: &[Vec<Expr>]) -> Result<Vec<Vec<Expr>>> {
    if left.len() * right.len() > MAX_SETS {
        return Err(SparkError::unsupported(format!("more than {MAX_SETS} grouping sets")));
    }
    Ok(left.iter().flat_map(|l| right.iter().map(move |r| l.iter().chain(r).cloned().collect())).collect())
}

/// All columns, all but the last, and so on to none.
fn rollup(columns: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=columns.len()).rev().map(|n| columns[..n].concat()).collect()
}

/// Every subset of the columns, from all to none.
fn cube(columns: &[Vec<Expr>]) -> Result<Vec<Vec<Expr>>> {
    let mut sets: Vec<Vec<Expr>> = vec![Vec::new()];
    for column in columns {
        sets = product(sets, &[column.clone(), Vec::new()])?;
    }
    Ok(sets)
}
