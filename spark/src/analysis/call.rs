//! Calls of functions by Spark's names.

mod aggregate;
mod array;
mod cipher;
mod conditional;
mod conversion;
mod csv;
mod datetime;
pub mod generator;
mod geo;
mod hash;
mod interval;
mod invocation;
mod json;
pub mod lambda;
mod map;
mod math;
mod misc;
mod names;
mod number_format;
mod random;
mod regexp;
mod scalar;
mod sketch;
mod string;
mod structs;
mod time;
mod time_window;
mod timestamp;
mod url;
mod variant;
mod window;
mod xml;

use std::sync::Arc;

use cerium_conf::SparkConf;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF};

pub use aggregate::{AggregateOptions, aggregate};
pub use window::{window_arguments, window_function};

use super::Named;
use super::cast::cast;
use super::common::Strings;
use super::operator::scalar_call;
use crate::error::{Result, SparkError};

/// What a call needs of the session.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Holds the functions.
    pub state: &'a SessionState,
    /// Of the columns that the arguments name.
    pub schema: &'a dyn ExprSchema,
    /// `spark.sql.session.timeZone`.
    pub time_zone: &'a str,
    /// The session's conf.
    pub conf: &'a SparkConf,
    /// The session's current database.
    pub database: &'a str,
}

impl Context<'_> {
    /// What becomes of strings beside values of other types in one column.
    fn strings(&self) -> Strings {
        Strings::of(self.state)
    }

    /// A function that must be registered.
    fn function(&self, name: &str) -> Result<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned().ok_or_else(|| SparkError::routine_not_found(name))
    }

    /// An aggregate function that must be registered.
    fn aggregate_function(&self, name: &str) -> Result<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned().ok_or_else(|| SparkError::routine_not_found(name))
    }
}

/// Spark's text of a call.
pub fn call_text(name: &str, args: &[Named]) -> String {
    names::text(name, args)
}

/// Whether a name is that of an aggregate function.
pub fn is_aggregate(context: &Context<'_>, name: &str) -> bool {
    aggregate::exists(context, name)
}

/// A call of a scalar function.
pub fn scalar(context: &Context<'_>, name: &str, args: Vec<Named>) -> Result<Named> {
    scalar::call(context, name, args)
}

/// `EXTRACT(field FROM source)`.
pub fn extract(context: &Context<'_>, field: &str, source: Expr) -> Result<Expr> {
    let field = match field {
        "years" | "yr" | "yrs" => "year",
        "months" | "mon" | "mons" => "month",
        "days" | "d" => "day",
        "hours" | "h" | "hr" => "hour",
        "minutes" | "m" | "min" | "mins" => "minute",
        "seconds" | "s" | "sec" | "secs" => "second",
        "weeks" | "w" => "week",
        "dayofweek" => "dow",
        "dayofyear" => "doy",
        "qtr" => "quarter",
        other => other,
    };
    datetime::date_part(context, field, source)
}

/// `array[index]`, counted from 0; fails outside.
pub fn array_item(context: &Context<'_>, array: Expr, index: Expr) -> Result<Expr> {
    let index = cast(index, &DataType::Int32, false, context.schema)?;
    Ok(scalar_call(crate::functions::array::ITEM.function(), vec![array, index]))
}

/// `map[key]`, null if the key is not there.
pub fn map_value(context: &Context<'_>, map: Expr, key: Expr) -> Result<Expr> {
    let args = [Named::new(map, ""), Named::new(key, "")];
    let call = invocation::Call { context, name: "element_at", args: &args };
    map::value(&call, 0, 1)
}

/// `ORDER BY` inside a call or window as Spark prints it.
pub fn sort_text(sorts: &[(Named, bool, bool)]) -> String {
    let parts: Vec<_> = sorts
        .iter()
        .map(|(key, asc, nulls_first)| {
            format!(
                "{} {} NULLS {}",
                key.name,
                if *asc { "ASC" } else { "DESC" },
                if *nulls_first { "FIRST" } else { "LAST" }
            )
        })
        .collect();
    parts.join(", ")
}

/// The sort keys without their names.
pub fn sort_exprs(sorts: &[(Named, bool, bool)]) -> Vec<Sort> {
    sorts.iter().map(|(key, asc, nulls_first)| Sort::new(key.expr.clone(), *asc, *nulls_first)).collect()
}

/// The arguments' names with commas between.
fn list(args: &[Named]) -> String {
    let names: Vec<_> = args.iter().map(|arg| arg.name.as_str()).collect();
    names.join(", ")
}

fn exprs(args: Vec<Named>) -> Vec<Expr> {
    args.into_iter().map(|arg| arg.expr).collect()
}

/// Fails unless the number of arguments is allowed.
fn arity(name: &str, args: &[Named], min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&args.len()) {
        return Ok(());
    }
    let expected = if min == max {
        min.to_string()
    } else if max == usize::MAX {
        format!("> {}", min.saturating_sub(1))
    } else {
        let counts: Vec<_> = (min..=max).map(|n| n.to_string()).collect();
        format!("[{}]", counts.join(", "))
    };
    Err(SparkError::wrong_num_args(name, &expected, args.len()))
}
