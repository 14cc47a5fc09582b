//! CAST and TRY_CAST with Spark's rules.

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit};
use datafusion::common::ExprSchema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator, TryCast, lit};

use super::operator::scalar_call;
use super::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::arithmetic::Operator as Arithmetic;
use crate::functions::interval as kernels;
use crate::functions::kernel::Kernel;
use crate::functions::{convert, variant};
use crate::types::{self, interval::Units};

const CALENDAR: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

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
    if let Some(units) = Units::all(to) {
        return to_interval(expr, units, tolerant, schema);
    }
    if let Some(units) = interval::units(&expr, schema)? {
        return from_interval(expr, units, to, tolerant, schema);
    }
    if !is_allowed(&from, to) {
        return Err(not_allowed(&format!("CAST({expr} AS {})", types::sql_name(to)), &from, to));
    }
    if from.is_string() && to == &CALENDAR {
        return Ok(scalar_call(kernels::PARSE_CALENDAR.function(), vec![expr]));
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

/// The cast to what a column holds, which may be intervals of some units.
pub fn cast_to_column(value: Named, to: &Field, tolerant: bool, schema: &dyn ExprSchema) -> Result<Expr> {
    let expr = value.expr;
    let from = expr.get_type(schema)?;
    let intervals = [&from, to.data_type()]
        .into_iter()
        .any(|t| matches!(t, DataType::Interval(_) | DataType::Duration(_)));
    if intervals && !is_allowed(&from, to.data_type()) {
        let (own, target) = (interval::sql_name(&expr, schema)?, types::sql_name_of(to));
        return Err(not_allowed_from(&format!("CAST({} AS {target})", value.name), &own, &target));
    }
    let Some(units) = Units::of(to) else { return cast(expr, to.data_type(), tolerant, schema) };
    if from == DataType::Null {
        return interval::typed(cast(expr, to.data_type(), tolerant, schema)?, to, schema);
    }
    to_interval(expr, units, tolerant, schema)
}

/// CAST AS INTERVAL with units.
fn to_interval(expr: Expr, units: Units, tolerant: bool, schema: &dyn ExprSchema) -> Result<Expr> {
    let from = expr.get_type(schema)?;
    let size = lit(units.size(units.last));
    let call = |kernel: &'static Kernel, args: Vec<Expr>| scalar_call(kernel.function(), args);
    let made = |count: Expr| {
        let kernel = if units.months { &kernels::OF_MONTHS } else { &kernels::OF_MICROS };
        interval::typed(call(kernel, vec![count]), &units.field(), schema)
    };
    match &from {
        text if text.is_string() => {
            let kernel = if tolerant { &kernels::TRY_PARSE } else { &kernels::PARSE };
            let text = cast(expr, &DataType::Utf8, tolerant, schema)?;
            let range = [lit(i32::from(units.first)), lit(i32::from(units.last)), lit(units.months)];
            made(call(kernel, std::iter::once(text).chain(range).collect()))
        }
        number if number.is_integer() => {
            let number = cast(expr, &DataType::Int64, tolerant, schema)?;
            made(call(&kernels::UNITS_TO_COUNT, vec![number, size]))
        }
        DataType::Decimal128(..) => made(call(&kernels::UNITS_TO_COUNT, vec![expr, size])),
        other if other == &units.data_type() => {
            let own = interval::units(&expr, schema)?;
            let fits = own.is_some_and(|own| own.last <= units.last);
            let value = if fits { expr } else { call(&kernels::TRUNCATED, vec![expr, size]) };
            interval::typed(value, &units.field(), schema)
        }
        _ => {
            let to = types::sql_name_of(&units.field());
            let call = format!("CAST({} AS {to})", interval::shown(&expr, schema)?);
            Err(not_allowed_from(&call, &interval::sql_name(&expr, schema)?, &to))
        }
    }
}

/// CAST of an interval with units.
fn from_interval(
    expr: Expr,
    units: Units,
    to: &DataType,
    tolerant: bool,
    schema: &dyn ExprSchema,
) -> Result<Expr> {
    let call = |kernel: &'static Kernel, args: Vec<Expr>| scalar_call(kernel.function(), args);
    match to {
        text if text.is_string() => {
            let args = vec![expr, lit(i32::from(units.first)), lit(i32::from(units.last))];
            cast(call(&kernels::TEXT, args), to, tolerant, schema)
        }
        number if number.is_integer() => {
            let size = lit(units.size(units.last));
            let whole = Expr::BinaryExpr(BinaryExpr::new(
                Box::new(call(&kernels::COUNT, vec![expr])),
                Operator::Divide,
                Box::new(size),
            ));
            cast(whole, to, tolerant, schema)
        }
        DataType::Decimal128(..) => {
            let count = plain(call(&kernels::COUNT, vec![expr]), DataType::Decimal128(20, 0), false);
            let size = plain(lit(units.size(units.last)), DataType::Decimal128(11, 0), false);
            let quotient = scalar_call(Arithmetic::Divide.function(), vec![count, size]);
            cast(quotient, to, tolerant, schema)
        }
        calendar if calendar == &CALENDAR => interval::to_calendar(expr, schema),
        _ => {
            let (from, to) = (interval::sql_name(&expr, schema)?, types::sql_name(to));
            Err(not_allowed_from(&format!("CAST({} AS {to})", interval::shown(&expr, schema)?), &from, &to))
        }
    }
}

fn not_allowed_from(call: &str, from: &str, to: &str) -> SparkError {
    SparkError::type_mismatch("CAST_WITHOUT_SUGGESTION", call, &format!("cannot cast \"{from}\" to \"{to}\""))
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
    let interval = |t: &DataType| matches!(t, DataType::Interval(_) | DataType::Duration(_));
    if interval(from) || interval(to) {
        let number = |t: &DataType| t.is_integer() || matches!(t, DataType::Decimal128(..));
        let units = |t: &DataType| Units::all(t).map(|units| units.months);
        return from == &DataType::Null
            || (units(from).is_some() && (number(to) || units(from) == units(to)))
            || (number(from) && units(to).is_some());
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
