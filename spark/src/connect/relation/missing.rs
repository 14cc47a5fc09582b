//! Nulls: filled, dropped; values replaced by others.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, ExprSchemable, lit, when};

use super::columns::{chosen, filtered, kept};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::ScopeColumn;
use crate::connect::expression::missing;
use crate::connect::literal;
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};

/// Whether a value of one type may stand in for one of the other.
fn alike(column: &DataType, value: &DataType) -> bool {
    (column.is_numeric() && value.is_numeric())
        || (column.is_string() && value.is_string())
        || (column == &DataType::Boolean && value == &DataType::Boolean)
}

/// `fillna`.
pub(super) fn fill(planner: &mut Planner<'_>, message: &proto::NaFill, scope: Scope) -> Result<Scope> {
    let zone = planner.time_zone().to_owned();
    let values: Result<Vec<ScalarValue>> =
        message.values.iter().map(|value| literal::scalar(value, &zone)).collect();
    let values = values?;
    let schema = std::sync::Arc::clone(scope.plan.schema());
    let mut filled: Vec<(ScopeColumn, ScalarValue)> = Vec::new();
    match values.as_slice() {
        [value] => {
            let fits = |t: &DataType| alike(t, &value.data_type());
            for column in chosen(planner, &scope, &message.cols, fits)? {
                if fits(schema.field_from_column(&column.column)?.data_type()) {
                    filled.push((column, value.clone()));
                }
            }
        }
        values => {
            let columns = chosen(planner, &scope, &message.cols, |_| true)?;
            filled.extend(columns.into_iter().zip(values.iter().cloned()));
        }
    }
    let mut items = Vec::new();
    for column in scope.visible() {
        let own = kept(column);
        let Some((_, value)) = filled.iter().find(|(c, _)| c.column == column.column) else {
            items.push(own);
            continue;
        };
        let data_type = own.expr.get_type(schema.as_ref())?;
        let value = cast(Expr::Literal(value.clone(), None), &data_type, false, schema.as_ref())?;
        let known = if data_type.is_floating() {
            let is_nan = datafusion::functions::math::isnan().call(vec![own.expr.clone()]);
            Expr::Case(Case::new(
                None,
                vec![(Box::new(is_nan), Box::new(Expr::Literal(ScalarValue::try_from(&data_type)?, None)))],
                Some(Box::new(own.expr.clone())),
            ))
        } else {
            own.expr.clone()
        };
        let expr = datafusion::functions::core::coalesce().call(vec![known, value]);
        items.push(Named::new(expr, own.name));
    }
    planner.project(scope, items)
}

/// `dropna`: rows in which too few of the columns are known.
pub(super) fn drop(planner: &mut Planner<'_>, message: &proto::NaDrop, scope: Scope) -> Result<Scope> {
    let columns = chosen(planner, &scope, &message.cols, |_| true)?;
    let schema = scope.plan.schema();
    let mut known = Vec::with_capacity(columns.len());
    for column in &columns {
        let expr = Expr::Column(column.column.clone());
        let there = expr.clone().is_not_null();
        known.push(if expr.get_type(schema)?.is_floating() {
            there.and(Expr::Not(Box::new(datafusion::functions::math::isnan().call(vec![expr]))))
        } else {
            there
        });
    }
    let needed = message.min_non_nulls.map_or(columns.len(), |n| usize::try_from(n).unwrap_or(0));
    let condition = if needed >= known.len() && !known.is_empty() && needed == known.len() {
        known.into_iter().reduce(Expr::and)
    } else {
        let mut count = lit(0_i64);
        for one in known {
            count = count + when(one, lit(1_i64)).otherwise(lit(0_i64))?;
        }
        Some(count.gt_eq(lit(needed as i64)))
    };
    match condition {
        Some(condition) => filtered(scope, condition),
        None => Ok(scope),
    }
}

/// `replace`: values of columns for others.
pub(super) fn replace(planner: &mut Planner<'_>, message: &proto::NaReplace, scope: Scope) -> Result<Scope> {
    let zone = planner.time_zone().to_owned();
    let mut pairs = Vec::with_capacity(message.replacements.len());
    for one in &message.replacements {
        let old = one.old_value.as_ref().ok_or_else(|| missing("a value to replace"))?;
        let new = one.new_value.as_ref().ok_or_else(|| missing("a replacement"))?;
        pairs.push((literal::scalar(old, &zone)?, literal::scalar(new, &zone)?));
    }
    let Some(kind) = pairs.iter().flat_map(|(old, new)| [old, new]).find(|v| !v.is_null()) else {
        return Ok(scope);
    };
    let kind = kind.data_type();
    let columns = chosen(planner, &scope, &message.cols, |t| alike(t, &kind))?;
    let schema = std::sync::Arc::clone(scope.plan.schema());
    let mut items = Vec::new();
    for column in scope.visible() {
        let own = kept(column);
        let data_type = own.expr.get_type(schema.as_ref())?;
        if !columns.iter().any(|c| c.column == column.column) || !alike(&data_type, &kind) {
            items.push(own);
            continue;
        }
        let mut branches = Vec::with_capacity(pairs.len());
        for (old, new) in &pairs {
            let old = Named::new(Expr::Literal(old.clone(), None), "old");
            let same = operator::binary(Binary::Eq, own.clone(), old, schema.as_ref())?.expr;
            let new = cast(Expr::Literal(new.clone(), None), &data_type, false, schema.as_ref())?;
            branches.push((Box::new(same), Box::new(new)));
        }
        let expr = Expr::Case(Case::new(None, branches, Some(Box::new(own.expr.clone()))));
        items.push(Named::new(expr, own.name));
    }
    if items.is_empty() {
        return Err(SparkError::internal("a relation without columns"));
    }
    planner.project(scope, items)
}
