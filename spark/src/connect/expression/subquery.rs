//! Subqueries in expressions: scalar, EXISTS and IN.

use std::collections::HashSet;

use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{Exists, InSubquery};

use super::Resolver;
use crate::analysis::Named;
use crate::connect::proto::expression::ExprType;
use crate::connect::proto::subquery_expression::SubqueryType;
use crate::connect::proto::{Expression, SubqueryExpression};
use crate::error::{Result, SparkError};

impl Resolver<'_> {
    pub(super) fn subquery(&self, message: &SubqueryExpression) -> Result<Named> {
        let subquery = self.subqueries.get(&message.plan_id).cloned().ok_or_else(|| {
            SparkError::internal(format!("the plan {} of a subquery is not in the request", message.plan_id))
        })?;
        let columns = subquery.subquery.schema().fields().len();
        match message.subquery_type() {
            SubqueryType::Scalar if columns == 1 => {
                Ok(Named::new(Expr::ScalarSubquery(subquery), "scalarsubquery()"))
            }
            SubqueryType::Scalar => Err(SparkError::new(
                "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                "42823",
                format!("Invalid subquery:\nScalar subquery must return only one column, but got {columns}."),
            )
            .with_param("number", columns.to_string())),
            SubqueryType::Exists => Ok(Named::new(Expr::Exists(Exists::new(subquery, false)), "exists()")),
            SubqueryType::In => {
                let [value] = message.in_subquery_values.as_slice() else {
                    return Err(SparkError::unsupported("IN with several columns before a subquery"));
                };
                let value = self.expr(value)?;
                let name = format!("({} IN (listquery()))", value.name);
                Ok(Named::new(Expr::InSubquery(InSubquery::new(Box::new(value.expr), subquery, false)), name))
            }
            SubqueryType::TableArg => Err(SparkError::unsupported("a table as argument of this function")),
            SubqueryType::Unknown => Err(super::missing("the kind of a subquery")),
        }
    }
}

/// Collects the plans that subqueries in an expression refer to.
pub(in crate::connect) fn ids(expression: &Expression, found: &mut HashSet<i64>) {
    let mut pending = vec![expression];
    while let Some(expression) = pending.pop() {
        let Some(kind) = &expression.expr_type else { continue };
        match kind {
            ExprType::SubqueryExpression(subquery) => {
                found.insert(subquery.plan_id);
                pending.extend(&subquery.in_subquery_values);
            }
            ExprType::UnresolvedFunction(f) => pending.extend(&f.arguments),
            ExprType::CallFunction(f) => pending.extend(&f.arguments),
            ExprType::CommonInlineUserDefinedFunction(f) => pending.extend(&f.arguments),
            ExprType::Alias(e) => pending.extend(e.expr.as_deref()),
            ExprType::Cast(e) => pending.extend(e.expr.as_deref()),
            ExprType::SortOrder(e) => pending.extend(e.child.as_deref()),
            ExprType::NamedArgumentExpression(e) => pending.extend(e.value.as_deref()),
            ExprType::UnresolvedExtractValue(e) => {
                pending.extend(e.child.as_deref());
                pending.extend(e.extraction.as_deref());
            }
            ExprType::UpdateFields(e) => {
                pending.extend(e.struct_expression.as_deref());
                pending.extend(e.value_expression.as_deref());
            }
            ExprType::LambdaFunction(e) => pending.extend(e.function.as_deref()),
            ExprType::Window(e) => {
                pending.extend(e.window_function.as_deref());
                pending.extend(&e.partition_spec);
            }
            _ => {}
        }
    }
}
