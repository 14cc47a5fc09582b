//! Whether a value is among the rows of a query.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, ScalarValue, Spans};
use datafusion::functions::core::{get_field, named_struct};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Subquery, lit, when};

use super::Named;
use super::operator::{self, Binary};
use super::scope::display_name;
use crate::error::Result;

/// A plan as a subquery.
pub(crate) fn made(plan: LogicalPlan) -> Subquery {
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
pub(crate) fn count(plan: &LogicalPlan, condition: Option<Expr>) -> Result<Expr> {
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

/// The values of which a struct is made, as Spark compares them with the columns of a query.
pub(crate) fn fields_of(value: Named) -> Vec<Named> {
    match value.expr {
        Expr::ScalarFunction(call) if call.func.name() == named_struct().name() => {
            let mut args = call.args.into_iter();
            let mut fields = Vec::new();
            while let (Some(name), Some(field)) = (args.next(), args.next()) {
                fields.push(Named::new(field, name.to_string()));
            }
            fields
        }
        expr => vec![Named::new(expr, value.name)],
    }
}

/// What Spark calls a query in an expression by: the columns that it takes from outside.
pub(crate) fn query_name(kind: &str, query: &Subquery) -> String {
    let mut names: Vec<&str> = Vec::new();
    for expr in &query.outer_ref_columns {
        if let Expr::OuterReferenceColumn(_, column) = expr
            && !names.contains(&display_name(&column.name))
        {
            names.push(display_name(&column.name));
        }
    }
    format!("{kind}({})", names.join(", "))
}
