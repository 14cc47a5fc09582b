//! The arguments of ranking functions and of functions of other rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFunctionDefinition, lit};

use super::{AggregateOptions, Context, arity};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::error::{Result, SparkError};

/// The function of a window call; `None` for aggregates.
pub fn window_function(context: &Context<'_>, name: &str) -> Option<WindowFunctionDefinition> {
    let own = match name {
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" | "lag" | "lead"
        | "nth_value" => name,
        "first" | "first_value" | "any_value" => "first_value",
        "last" | "last_value" => "last_value",
        _ => return None,
    };
    let function = context.state.window_functions().get(own)?;
    Some(WindowFunctionDefinition::WindowUDF(Arc::clone(function)))
}

/// The arguments as DataFusion's functions take them, and the call's text.
pub fn window_arguments(
    context: &Context<'_>,
    name: &str,
    mut args: Vec<Named>,
    options: &mut AggregateOptions,
) -> Result<(Vec<Expr>, String)> {
    match name {
        "ntile" => arity(name, &args, 0, 1)?,
        "lag" | "lead" => arity(name, &args, 1, 3)?,
        "nth_value" => {
            arity(name, &args, 2, 3)?;
            options.ignore_nulls |= trailing_flag(&mut args, 3)?;
        }
        "first" | "first_value" | "any_value" | "last" | "last_value" => {
            arity(name, &args, 1, 2)?;
            options.ignore_nulls |= trailing_flag(&mut args, 2)?;
        }
        _ => arity(name, &args, 0, 0)?,
    }
    let text = match (name, args.as_slice()) {
        ("lag" | "lead", [arg]) => format!("{name}({}, 1, NULL)", arg.name),
        ("lag" | "lead", [arg, offset]) => format!("{name}({}, {}, NULL)", arg.name, offset.name),
        ("ntile", []) => "ntile(1)".to_owned(),
        _ => super::call_text(name, &args),
    };
    let mut exprs: Vec<Expr> = args.into_iter().map(|arg| arg.expr).collect();
    match (name, exprs.as_mut_slice()) {
        ("ntile", []) => exprs.push(lit(1_i64)),
        ("ntile", [count]) => *count = constant(context, count, &DataType::Int64)?,
        ("nth_value", [_, place]) => *place = constant(context, place, &DataType::Int64)?,
        ("lag" | "lead", [value, rest @ ..]) => {
            let value = value.get_type(context.schema)?;
            for (expr, to) in rest.iter_mut().zip([&DataType::Int64, &value]) {
                *expr = constant(context, expr, to)?;
            }
        }
        _ => {}
    }
    Ok((exprs, text))
}

/// Takes off the argument that says whether nulls are ignored, if it is there.
fn trailing_flag(args: &mut Vec<Named>, count: usize) -> Result<bool> {
    if args.len() < count {
        return Ok(false);
    }
    match args.pop().map(|arg| arg.expr) {
        Some(Expr::Literal(ScalarValue::Boolean(Some(flag)), _)) => Ok(flag),
        _ => Err(SparkError::unsupported("ignoring nulls by an expression")),
    }
}

/// A constant as a literal of the type; what is no constant stays a cast.
fn constant(context: &Context<'_>, expr: &Expr, to: &DataType) -> Result<Expr> {
    match expr {
        Expr::Literal(value, _) => Ok(Expr::Literal(value.cast_to(to)?, None)),
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Literal(value, _) => Ok(Expr::Literal(value.arithmetic_negate()?.cast_to(to)?, None)),
            _ => cast(expr.clone(), to, false, context.schema),
        },
        _ => cast(expr.clone(), to, false, context.schema),
    }
}
