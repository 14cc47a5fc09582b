//! Dates, timestamps and intervals, added and subtracted.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::{Binary, incompatible, is_interval, native};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::error::Result;

/// `+` and `-` with dates, timestamps and intervals.
pub(super) fn temporal(op: Binary, left: Named, right: Named, schema: &dyn ExprSchema) -> Result<Named> {
    let (l, r) = (left.expr.get_type(schema)?, right.expr.get_type(schema)?);
    let plain = format!("{} {} {}", left.name, op.symbol(), right.name);
    let (left, right) = match (&l, &r) {
        (days, DataType::Date32) if days.is_integer() && op == Binary::Add => (right, left),
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
        (DataType::Date32 | DataType::Timestamp(_, _), i) if is_interval(i) => {
            let left = match time_of_day(&right.expr) {
                true if l == DataType::Date32 => {
                    let instant = DataType::Timestamp(TimeUnit::Microsecond, None);
                    cast(left.expr, &instant, false, schema)?
                }
                _ => left.expr,
            };
            Ok(Named::new(native(op, left, right.expr), plain))
        }
        (i, DataType::Date32 | DataType::Timestamp(_, _)) if is_interval(i) && op == Binary::Add => {
            Ok(Named::new(native(op, right.expr, left.expr), plain))
        }
        (DataType::Date32, DataType::Date32) if op == Binary::Subtract => {
            let days = cast(native(op, left.expr, right.expr), &DataType::Int64, false, schema)?;
            let seconds = native(Binary::Multiply, days, lit(86_400_i64));
            let interval = cast(seconds, &DataType::Duration(TimeUnit::Second), false, schema)?;
            Ok(Named::new(interval, format!("({plain})")))
        }
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) if op == Binary::Subtract => {
            Ok(Named::new(native(op, left.expr, right.expr), format!("({plain})")))
        }
        (DataType::Timestamp(_, _), DataType::Date32) if op == Binary::Subtract => {
            let right = cast(right.expr, &l, false, schema)?;
            Ok(Named::new(native(op, left.expr, right), format!("({plain})")))
        }
        (DataType::Date32, DataType::Timestamp(_, _)) if op == Binary::Subtract => {
            let left = cast(left.expr, &r, false, schema)?;
            Ok(Named::new(native(op, left, right.expr), format!("({plain})")))
        }
        (a, b) if is_interval(a) && is_interval(b) => {
            Ok(Named::new(native(op, left.expr, right.expr), format!("({plain})")))
        }
        _ => Err(incompatible(&format!("({plain})"), &l, &r)),
    }
}

/// Whether an interval literal has a part below a day.
fn time_of_day(interval: &Expr) -> bool {
    matches!(interval,
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(v)), _) if v.nanoseconds != 0)
}
