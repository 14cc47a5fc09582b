//! CAST and TRY_CAST with Spark's rules.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, TryCast};

use crate::error::{Result, SparkError};
use crate::functions::convert;
use crate::types;

/// `CAST(expr AS to)`, or TRY_CAST if `tolerant`.
pub fn cast(expr: Expr, to: &DataType, tolerant: bool, schema: &dyn ExprSchema) -> Result<Expr> {
    let from = expr.get_type(schema)?;
    if &from == to {
        return Ok(expr);
    }
    if from == DataType::Null {
        return Ok(Expr::Literal(ScalarValue::try_from(to)?, None));
    }
    if !is_allowed(&from, to) {
        return Err(SparkError::type_mismatch(
            "CAST_WITHOUT_SUGGESTION",
            &format!("CAST({expr} AS {})", types::sql_name(to)),
            &format!("cannot cast \"{}\" to \"{}\"", types::sql_name(&from), types::sql_name(to)),
        ));
    }
    if convert::is_needed(&from, to) {
        let target = Expr::Literal(ScalarValue::try_from(to)?, None);
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(
            convert::function(tolerant),
            vec![expr, target],
        )));
    }
    Ok(plain(expr, to.clone(), tolerant))
}

fn plain(expr: Expr, to: DataType, tolerant: bool) -> Expr {
    if tolerant {
        Expr::TryCast(TryCast::new(Box::new(expr), to))
    } else {
        Expr::Cast(Cast::new(Box::new(expr), to))
    }
}

/// Spark's ANSI table of casts, as far as types of one kind do not exclude each other.
fn is_allowed(from: &DataType, to: &DataType) -> bool {
    let datetime = |t: &DataType| matches!(t, DataType::Date32 | DataType::Timestamp(_, _));
    if from.is_string() || to.is_string() {
        return true;
    }
    if matches!(from, DataType::Time64(_)) || matches!(to, DataType::Time64(_)) {
        return false;
    }
    if from.is_nested() || to.is_nested() {
        return from.is_nested() && to.is_nested();
    }
    if datetime(from) || datetime(to) {
        let instant = |t: &DataType| matches!(t, DataType::Timestamp(_, _));
        return (datetime(from) && datetime(to))
            || (instant(from) && to.is_numeric())
            || (instant(to) && from.is_numeric());
    }
    true
}
