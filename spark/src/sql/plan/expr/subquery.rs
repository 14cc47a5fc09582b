//! Queries in expressions: scalar ones, EXISTS, IN.

use std::sync::Arc;

use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Subquery, lit};
use datafusion::sql::sqlparser::ast;

use super::super::{OuterScope, Planner, query};
use super::Names;
use crate::analysis::Named;
use crate::analysis::membership::{comparable, count, fields_of, in_by_counts, made, query_name};
use crate::analysis::scope::ScopeColumn;
use crate::error::{Result, SparkError};

impl Planner<'_> {
    /// A query that gives one value.
    pub(super) fn scalar_query(&mut self, query: &ast::Query, names: &Names<'_>) -> Result<Named> {
        let subquery = self.subquery(query, names)?;
        let columns = subquery.subquery.schema().fields().len();
        if columns != 1 {
            return Err(SparkError::new(
                "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                "42823",
                format!("Invalid subquery: Scalar subquery must return only one column, but got {columns}."),
            )
            .with_param("number", columns.to_string()));
        }
        let name = query_name("scalarsubquery", &subquery);
        Ok(Named::new(Expr::ScalarSubquery(subquery), name))
    }

    /// `[NOT] EXISTS (query)`
    pub(super) fn exists(&mut self, query: &ast::Query, negated: bool, names: &Names<'_>) -> Result<Named> {
        let subquery = self.subquery(query, names)?;
        let name = query_name("exists", &subquery);
        let name = if negated { format!("(NOT {name})") } else { name };
        if names.filters {
            return Ok(Named::new(Expr::Exists(Exists::new(subquery, negated)), name));
        }
        let found = count(&subquery.subquery, None)?.gt(lit(0_i64));
        let found = if negated { Expr::Not(Box::new(found)) } else { found };
        Ok(Named::new(found, name))
    }

    /// `value [NOT] IN (query)`; the value may be a list of several.
    pub(super) fn in_query(
        &mut self,
        value: &ast::Expr,
        query: &ast::Query,
        negated: bool,
        names: &Names<'_>,
    ) -> Result<Named> {
        let mut values = Vec::new();
        match value {
            ast::Expr::Tuple(items) => {
                for item in items {
                    values.push(self.expr(item, names)?);
                }
            }
            single => values.extend(fields_of(self.expr(single, names)?)),
        }
        let subquery = self.subquery(query, names)?;
        let found = subquery.subquery.schema().fields().len();
        let shown: Vec<_> = values.iter().map(|v| v.name.as_str()).collect();
        let shown = shown.join(", ");
        if found != values.len() {
            return Err(SparkError::type_mismatch(
                "IN_SUBQUERY_LENGTH_MISMATCH",
                &format!("({shown} IN (listquery()))"),
                &format!(
                    "The number of columns in the left hand side of an IN subquery does not match the number of columns in the output of subquery. Left hand side columns(length: {}), right hand side columns(length: {found})",
                    values.len()
                ),
            ));
        }
        let left = if values.len() == 1 { shown } else { format!("(named_struct({shown}))") };
        let name = format!("({left} IN ({}))", query_name("listquery", &subquery));
        let name = if negated { format!("(NOT {name})") } else { name };
        if values.len() == 1 && if negated { names.conjunct } else { names.filters } {
            let value = values.remove(0);
            let subquery = comparable(&value, subquery, names.schema)?;
            let expr = InSubquery::new(Box::new(value.expr), subquery, negated);
            return Ok(Named::new(Expr::InSubquery(expr), name));
        }
        Ok(Named::new(in_by_counts(&values, &subquery.subquery, negated, names.schema)?, name))
    }

    /// A query in an expression; its names may mean columns of this query.
    fn subquery(&mut self, query: &ast::Query, names: &Names<'_>) -> Result<Subquery> {
        let same = |known: &&PlannedQuery| known.text == *query && known.outer == names.columns;
        let is_plain = self.lambdas.is_empty();
        if let Some(known) = self.subqueries.iter().find(same).filter(|_| is_plain) {
            return Ok(known.plan.clone());
        }
        self.outer
            .push(OuterScope { columns: names.columns.to_vec(), schema: Arc::new(names.schema.clone()) });
        let planned = self.query(query).and_then(query::finish);
        self.outer.pop();
        // Decorrelation adds inner columns to this projection, so its own names must be no column's.
        let plan = match planned? {
            LogicalPlan::Projection(projection) => {
                let exprs = projection.expr.into_iter().enumerate();
                let exprs = exprs.map(|(i, e)| e.unalias().alias(format!("__subquery_{i}"))).collect();
                LogicalPlan::Projection(Projection::try_new(exprs, projection.input)?)
            }
            other => other,
        };
        let plan = made(plan);
        if is_plain {
            let outer = names.columns.to_vec();
            self.subqueries.push(PlannedQuery { text: query.clone(), outer, plan: plan.clone() });
        }
        Ok(plan)
    }
}

/// A query in an expression and its plan.
pub(in crate::sql::plan) struct PlannedQuery {
    text: ast::Query,
    /// The columns of the query around.
    outer: Vec<ScopeColumn>,
    plan: Subquery,
}
