//! Dates, timestamps and intervals, added and subtracted.

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::ExprSchema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable};

use super::{Binary, binary, incompatible, is_interval, native, scalar_call};
use crate::analysis::cast::cast;
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::interval as kernels;
use crate::types::{self, interval::Units};

/// Two expressions joined by an operator, in a time zone.
///
/// # Errors
/// DATATYPE_MISMATCH.
pub fn binary_in(
    op: Binary,
    left: Named,
    right: Named,
    schema: &dyn ExprSchema,
    time_zone: &str,
) -> Result<Named> {
    if !matches!(op, Binary::Add | Binary::Subtract) {
        return binary(op, left, right, schema);
    }
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    if l.is_string() && matches!(r, DataType::Duration(_)) {
        let left = Named::new(cast(left.expr, &types::timestamp(time_zone), false, schema)?, left.name);
        let moved = temporal(op, left, right, schema)?;
        return Ok(Named::new(cast(moved.expr, &DataType::Utf8, false, schema)?, moved.name));
    }
    let (left, right) = at_time(op, left, right, schema, time_zone)?;
    binary(op, left, right, schema)
}

/// The sides of `+` and `-`, a date beside an interval of hours or less as a timestamp.
fn at_time(
    op: Binary,
    left: Named,
    right: Named,
    schema: &dyn ExprSchema,
    time_zone: &str,
) -> Result<(Named, Named)> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    let instant = |date: Named, interval: &Expr| -> Result<Named> {
        let timed =
            interval::units(interval, schema)?.is_some_and(|units| !units.months && units != Units::DAY);
        if !timed {
            return Ok(date);
        }
        Ok(Named::new(cast(date.expr, &types::timestamp(time_zone), false, schema)?, date.name))
    };
    Ok(match (&l, &r) {
        (DataType::Date32, DataType::Duration(_)) => (instant(left, &right.expr)?, right),
        (DataType::Duration(_), DataType::Date32) if op == Binary::Add => {
            let right = instant(right, &left.expr)?;
            (left, right)
        }
        _ => (left, right),
    })
}

/// `+` and `-` with dates, timestamps and intervals.
pub(super) fn temporal(op: Binary, left: Named, right: Named, schema: &dyn ExprSchema) -> Result<Named> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    let infix = format!("({} {} {})", left.name, op.symbol(), right.name);
    let (left, right) = match (&l, &r) {
        (days, DataType::Date32) if days.is_integer() && op == Binary::Add => (right, left),
        (i, DataType::Date32 | DataType::Timestamp(_, _)) if is_interval(i) && op == Binary::Add => {
            (right, left)
        }
        _ => (left, right),
    };
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    match (&l, &r) {
        (DataType::Date32, days) if days.is_integer() => {
            let days = cast(right.expr, &DataType::Int32, false, schema)?;
            let (function, expr) = if op == Binary::Add {
                ("date_add", datafusion_spark::expr_fn::date_add(left.expr, days))
            } else {
                ("date_sub", datafusion_spark::expr_fn::date_sub(left.expr, days))
            };
            Ok(Named::new(expr, format!("{function}({}, {})", left.name, right.name)))
        }
        (DataType::Date32, DataType::Duration(_)) => {
            let days = scalar_call(kernels::DAYS.function(), vec![right.expr]);
            let shown = format!("extractansiintervaldays({})", right.name);
            let (expr, shown) = if op == Binary::Add {
                (datafusion_spark::expr_fn::date_add(left.expr, days), shown)
            } else {
                (datafusion_spark::expr_fn::date_sub(left.expr, days), format!("(- {shown})"))
            };
            Ok(Named::new(expr, format!("date_add({}, {shown})", left.name)))
        }
        (DataType::Date32 | DataType::Timestamp(_, _), i) if is_interval(i) => {
            let moved = native(op, left.expr, interval::to_calendar(right.expr, schema)?);
            Ok(Named::new(moved, format!("{} {} {}", left.name, op.symbol(), right.name)))
        }
        (DataType::Date32, DataType::Date32 | DataType::Utf8) | (DataType::Utf8, DataType::Date32)
            if op == Binary::Subtract =>
        {
            let days = |side: Expr| -> Result<Expr> {
                let date = cast(side, &DataType::Date32, false, schema)?;
                let number = Expr::Cast(Cast::new(Box::new(date), DataType::Int32));
                cast(number, &DataType::Int64, false, schema)
            };
            let days = native(op, days(left.expr)?, days(right.expr)?);
            let micros = native(Binary::Multiply, days, datafusion::logical_expr::lit(Units::DAY.size(0)));
            let interval = scalar_call(kernels::OF_MICROS.function(), vec![micros]);
            Ok(Named::new(interval::typed(interval, &Units::DAY.field(), schema)?, infix))
        }
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) if op == Binary::Subtract => {
            Ok(Named::new(native(op, left.expr, right.expr), infix))
        }
        (DataType::Timestamp(_, _), DataType::Date32) if op == Binary::Subtract => {
            let right = cast(right.expr, &l, false, schema)?;
            Ok(Named::new(native(op, left.expr, right), infix))
        }
        (DataType::Date32, DataType::Timestamp(_, _)) if op == Binary::Subtract => {
            let left = cast(left.expr, &r, false, schema)?;
            Ok(Named::new(native(op, left, right.expr), infix))
        }
        (a, b) if is_interval(a) && is_interval(b) => intervals(op, left, right, infix, schema),
        (DataType::Null, i) | (i, DataType::Null) if is_interval(i) => {
            let (left, right) = (cast(left.expr, i, false, schema)?, cast(right.expr, i, false, schema)?);
            Ok(Named::new(sum(op, left, right), infix))
        }
        _ => Err(incompatible(&infix, &left.expr, &right.expr, schema)),
    }
}

fn sum(op: Binary, left: Expr, right: Expr) -> Expr {
    let kernel = if op == Binary::Add { &kernels::ADD } else { &kernels::SUBTRACT };
    scalar_call(kernel.function(), vec![left, right])
}

/// Intervals of one kind; a calendar interval makes the other one too.
fn intervals(op: Binary, left: Named, right: Named, infix: String, schema: &dyn ExprSchema) -> Result<Named> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    if l == r {
        return Ok(Named::new(sum(op, left.expr, right.expr), infix));
    }
    let calendar = DataType::Interval(IntervalUnit::MonthDayNano);
    if l == calendar || r == calendar {
        let left = interval::to_calendar(left.expr, schema)?;
        return Ok(Named::new(sum(op, left, interval::to_calendar(right.expr, schema)?), infix));
    }
    let (shown, has) = (format!("\"{}\"", left.name), interval::sql_name(&left.expr, schema)?);
    let wanted = "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"";
    Err(SparkError::type_mismatch(
        "UNEXPECTED_INPUT_TYPE",
        &format!("{} {} {}", left.name, op.symbol(), right.name),
        &format!("The first parameter requires the {wanted} type, however {shown} has the type \"{has}\""),
    )
    .with_param("paramIndex", "first")
    .with_param("requiredType", wanted)
    .with_param("inputSql", shown)
    .with_param("inputType", format!("\"{has}\"")))
}
