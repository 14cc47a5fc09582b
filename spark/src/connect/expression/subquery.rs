//! Subqueries in expressions: scalar, EXISTS and IN.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::functions::core::named_struct;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, lit, when};

use super::Resolver;
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::common::common_type;
use crate::analysis::membership::{comparable, in_by_counts, query_name};
use crate::connect::proto::expression::ExprType;
use crate::connect::proto::subquery_expression::SubqueryType;
use crate::connect::proto::{Expression, SubqueryExpression};
use crate::error::{Result, SparkError};

impl Resolver<'_> {
    pub(super) fn subquery(&self, message: &SubqueryExpression) -> Result<Named> {
        let subquery = self.planned_subquery(message)?;
        let columns = subquery.subquery.schema().fields().len();
        match message.subquery_type() {
            SubqueryType::Scalar if columns == 1 => {
                let name = query_name("scalarsubquery", &subquery);
                Ok(Named::new(Expr::ScalarSubquery(subquery), name))
            }
            SubqueryType::Scalar => Err(SparkError::new(
                "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                "42823",
                format!("Invalid subquery: Scalar subquery must return only one column, but got {columns}."),
            )
            .with_param("number", columns.to_string())),
            SubqueryType::Exists => {
                let name = query_name("exists", &subquery);
                Ok(Named::new(Expr::Exists(Exists::new(subquery, false)), name))
            }
            SubqueryType::In => {
                let mut values = self.values(message)?;
                if values.len() != 1 {
                    return self.several_in(values, subquery, false);
                }
                let value = values.remove(0);
                let name = format!("({} IN ({}))", value.name, query_name("listquery", &subquery));
                let subquery = comparable(&value, subquery, self.schema)?;
                Ok(Named::new(Expr::InSubquery(InSubquery::new(Box::new(value.expr), subquery, false)), name))
            }
            SubqueryType::TableArg => {
                Err(SparkError::unsupported("a table as an argument of anything but a Python table function"))
            }
            SubqueryType::Unknown => Err(super::missing("the kind of a subquery")),
        }
    }
}

impl Resolver<'_> {
    fn planned_subquery(&self, message: &SubqueryExpression) -> Result<Subquery> {
        self.subqueries.get(&message.plan_id).cloned().ok_or_else(|| {
            SparkError::internal(format!("the plan {} of a subquery is not in the request", message.plan_id))
        })
    }

    /// What is looked for: the client has taken apart a struct that is made there.
    fn values(&self, message: &SubqueryExpression) -> Result<Vec<Named>> {
        message.in_subquery_values.iter().map(|value| self.expr(value)).collect()
    }

    /// `NOT (a, b) IN (query)`, if that is what is negated.
    pub(super) fn not_in(&self, operand: &Expression) -> Result<Option<Named>> {
        let Some(ExprType::SubqueryExpression(message)) = &operand.expr_type else { return Ok(None) };
        if message.subquery_type() != SubqueryType::In {
            return Ok(None);
        }
        let several = self.values(message)?;
        if several.len() < 2 {
            return Ok(None);
        }
        let subquery = self.planned_subquery(message)?;
        self.several_in(several, subquery, true).map(Some)
    }

    /// `(a, b) IN (query)`: both sides as structs, which are null where one of the fields is. Where it
    /// is negated, rows that may be the same are told from those that cannot.
    fn several_in(&self, values: Vec<Named>, subquery: Subquery, negated: bool) -> Result<Named> {
        let inner = subquery.subquery.as_ref().clone();
        let width = inner.schema().fields().len();
        if width != values.len() {
            return Err(SparkError::new(
                "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
                "42K09",
                format!(
                    "Cannot resolve the IN predicate due to data type mismatch: The number of columns in the left hand side of an IN subquery does not match the number of columns in the output of subquery. Left hand side columns(length: {}), right hand side columns(length: {width}).",
                    values.len()
                ),
            ));
        }
        let (mut left, mut right, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let listed = query_name("listquery", &subquery);
        for (value, column) in values.into_iter().zip(inner.schema().columns()) {
            let own = Expr::Column(column);
            let types = (value.expr.get_type(self.schema)?, own.get_type(inner.schema())?);
            let common = common_type([&types.0, &types.1]).unwrap_or(types.1);
            left.push(cast(value.expr.unalias(), &common, false, self.schema)?);
            right.push(cast(own, &common, false, inner.schema())?);
            names.push(value.name);
        }
        let name = format!("(({}) IN ({listed}))", names.join(", "));
        if negated {
            let named =
                right.into_iter().enumerate().map(|(i, column)| column.alias(format!("__subquery_{i}")));
            let plan = LogicalPlanBuilder::from(inner).project(named.collect::<Vec<_>>())?.build()?;
            let left: Vec<Named> = left.into_iter().zip(names).map(|(e, name)| Named::new(e, name)).collect();
            return Ok(Named::new(in_by_counts(&left, &plan, true, self.schema)?, format!("(NOT {name})")));
        }
        let outer_ref_columns = subquery.outer_ref_columns;
        let plan =
            LogicalPlanBuilder::from(inner).project([whole_or_null(right)?.alias("__subquery")])?.build()?;
        let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: subquery.spans };
        let left = Box::new(whole_or_null(left)?);
        Ok(Named::new(Expr::InSubquery(InSubquery::new(left, subquery, false)), name))
    }
}

fn whole_or_null(fields: Vec<Expr>) -> Result<Expr> {
    let known = fields.iter().map(|field| field.clone().is_not_null()).reduce(Expr::and);
    let parts = fields.into_iter().enumerate().flat_map(|(i, field)| [lit(format!("c{i}")), field]);
    let whole = named_struct().call(parts.collect());
    Ok(match known {
        Some(known) => when(known, whole).end()?,
        None => whole,
    })
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
