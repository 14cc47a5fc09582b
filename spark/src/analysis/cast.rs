//! CAST and TRY_CAST with Spark's rules.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, TryCast, lit};

use crate::error::{Result, SparkError};
use crate::functions::{convert, variant};
use crate::types;

/// `CAST(expr AS to)`, or TRY_CAST if `tolerant`.
pub fn cast(expr: Expr, to: &DataType, tolerant: bool, schema: &dyn ExprSchema) -> Result<Expr> {
    let from = expr.get_type(schema)?;
    if &from == to {
        return Ok(expr);
    }
    if types::is_variant(to) && from != DataType::Null {
        return to_variant(expr, &from);
    }
    if types::is_variant(&from) {
        let target = Expr::Literal(ScalarValue::try_from(to)?, None);
        let kernel = if tolerant { &variant::TRY_GET } else { &variant::GET };
        let zone = match to {
            DataType::Timestamp(_, Some(zone)) => zone.to_string(),
            _ => "UTC".to_owned(),
        };
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(
            kernel.function(),
            vec![expr, lit("$"), target, lit(zone)],
        )));
    }
    if from == DataType::Null {
        return Ok(Expr::Literal(ScalarValue::try_from(to)?, None));
    }
    if !is_allowed(&from, to) {
        return Err(not_allowed(&format!("CAST({expr} AS {})", types::sql_name(to)), &from, to));
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

/// CAST of a value that is no object.
fn to_variant(expr: Expr, from: &DataType) -> Result<Expr> {
    if !is_variant_part(from, false) {
        return Err(not_allowed(&expr.to_string(), from, &types::variant()));
    }
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(variant::TO_VARIANT.function(), vec![expr])))
}

/// Whether values of a type can be variants; objects only where that is said.
pub(crate) fn is_variant_part(from: &DataType, objects: bool) -> bool {
    match from {
        other if types::is_variant(other) => true,
        DataType::List(item) => is_variant_part(item.data_type(), objects),
        DataType::Struct(fields) => objects && fields.iter().all(|f| is_variant_part(f.data_type(), true)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                objects && kv[0].data_type().is_string() && is_variant_part(kv[1].data_type(), true)
            }
            _ => false,
        },
        DataType::Interval(_) | DataType::Duration(_) | DataType::Time64(_) => false,
        _ => true,
    }
}

/// The error for a cast between types that have none.
pub(crate) fn not_allowed(call: &str, from: &DataType, to: &DataType) -> SparkError {
    SparkError::type_mismatch(
        "CAST_WITHOUT_SUGGESTION",
        call,
        &format!("cannot cast \"{}\" to \"{}\"", types::sql_name(from), types::sql_name(to)),
    )
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
