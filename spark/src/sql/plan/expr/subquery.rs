//! Queries in expressions: scalar ones, EXISTS, IN.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, ScalarValue, Spans};
use datafusion::functions::core::{get_field, named_struct};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, lit, when,
};
use datafusion::sql::sqlparser::ast;

use super::super::{OuterScope, Planner, query};
use super::Names;
use crate::analysis::Named;
use crate::analysis::operator::{self, Binary};
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
                format!("Invalid subquery:\nScalar subquery must return only one column, but got {columns}."),
            )
            .with_param("number", columns.to_string()));
        }
        Ok(Named::new(Expr::ScalarSubquery(subquery), "scalarsubquery()"))
    }

    /// `[NOT] EXISTS (query)`
    pub(super) fn exists(&mut self, query: &ast::Query, negated: bool, names: &Names<'_>) -> Result<Named> {
        let subquery = self.subquery(query, names)?;
        let name = if negated { "(NOT exists())" } else { "exists()" };
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
            single => values.push(self.expr(single, names)?),
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
        let name = format!("({left} IN (listquery()))");
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
        Ok(made(plan))
    }
}

fn made(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}

/// The query with its column in the type in which it is compared with the value.
///
/// # Errors
/// Where the two cannot be compared.
pub(crate) fn comparable(value: &Named, subquery: Subquery, schema: &DFSchema) -> Result<Subquery> {
    let column = subquery.subquery.schema().columns().remove(0);
    let inner = subquery.subquery.schema().field_from_column(&column)?.data_type().clone();
    let outer = value.expr.get_type(schema)?;
    if inner == outer || inner == DataType::Null || outer == DataType::Null {
        return Ok(subquery);
    }
    if let Some(named) = with_names_of(Expr::Column(column), &inner, &outer)? {
        let plan = Arc::unwrap_or_clone(subquery.subquery);
        let plan = LogicalPlanBuilder::from(plan).project([named.alias("__subquery_0")])?.build()?;
        return Ok(Subquery { subquery: Arc::new(plan), ..subquery });
    }
    // Fails with Spark's error where the types cannot be compared.
    let inner_value = Named::new(Expr::Literal(ScalarValue::try_from(&inner)?, None), "listquery()");
    operator::binary(Binary::Eq, value.clone(), inner_value, schema)?;
    Ok(subquery)
}

/// A struct with its fields named as in `target`, by their places: as such Spark compares them. `None` where
/// more than names differs.
fn with_names_of(value: Expr, own: &DataType, target: &DataType) -> Result<Option<Expr>> {
    let (own, target) = match (own, target) {
        (DataType::Struct(own), DataType::Struct(target)) if own.len() == target.len() => (own, target),
        (own, target) => return Ok((own == target).then_some(value)),
    };
    let mut parts = Vec::with_capacity(2 * own.len());
    for (from, to) in own.iter().zip(target) {
        let field = get_field().call(vec![value.clone(), lit(from.name())]);
        let Some(field) = with_names_of(field, from.data_type(), to.data_type())? else { return Ok(None) };
        parts.extend([lit(to.name()), field]);
    }
    Ok(Some(when(value.is_not_null(), named_struct().call(parts)).end()?))
}

/// How many rows a query has, of those where a condition holds.
fn count(plan: &LogicalPlan, condition: Option<Expr>) -> Result<Expr> {
    let mut builder = LogicalPlanBuilder::from(plan.clone());
    if let Some(condition) = condition {
        builder = builder.filter(condition)?;
    }
    let counted = datafusion::functions_aggregate::count::count(lit(1_i64)).alias("__count");
    let plan = builder.aggregate(Vec::<Expr>::new(), vec![counted])?.build()?;
    Ok(Expr::ScalarSubquery(made(plan)))
}

/// IN where it is no condition of a filter, as Spark computes it there: whether a row is the same;
/// with NOT, whether no row is the same or may be.
pub(crate) fn in_by_counts(
    values: &[Named],
    plan: &LogicalPlan,
    negated: bool,
    schema: &DFSchema,
) -> Result<Expr> {
    let columns = plan.schema().columns();
    let mut same: Option<Expr> = None;
    let mut maybe: Option<Expr> = None;
    for (value, column) in values.iter().zip(&columns) {
        let outer = seen_from_inside(value.expr.clone(), schema)?;
        let inner = Expr::Column(column.clone());
        let equal = outer.clone().eq(inner.clone());
        let open = equal.clone().or(outer.is_null()).or(inner.is_null());
        same = Some(same.map_or_else(|| equal.clone(), |whole| whole.and(equal.clone())));
        maybe = Some(maybe.map_or_else(|| open.clone(), |whole| whole.and(open.clone())));
    }
    let some = |condition: Option<Expr>| -> Result<Expr> { Ok(count(plan, condition)?.gt(lit(0_i64))) };
    let found = some(same)?;
    if !negated {
        return Ok(found);
    }
    // One value is told from null without a look at each row.
    let open = match (values, columns.as_slice()) {
        ([value], [column]) => {
            let nulls = some(Some(Expr::Column(column.clone()).is_null()))?;
            value.expr.clone().is_null().and(some(None)?).or(nulls)
        }
        _ => some(maybe)?,
    };
    Ok(Expr::Not(Box::new(found.or(open))))
}

/// An expression of the outer query as it is written in the inner one.
fn seen_from_inside(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let moved = expr.transform(|e| match e {
        Expr::Column(column) => {
            let field = Arc::clone(schema.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(moved.data)
}
