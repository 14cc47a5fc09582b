//! Calls of scalar functions: some are expressions of DataFusion, the rest registered functions.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, lit, when};

use super::{Context, arity, exprs, names};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::operator::{self, Binary};
use crate::error::{Result, SparkError};
use crate::types;

pub(super) fn call(context: &Context<'_>, name: &str, args: Vec<Named>) -> Result<Named> {
    let text = names::text(name, &args);
    if let Some(data_type) = cast_function(context, name) {
        arity(name, &args, 1, 1)?;
        let name = args[0].name.clone();
        let expr = cast(exprs(args).remove(0), &data_type, false, context.schema)?;
        return Ok(Named::new(expr, name));
    }
    if let Some(field) = date_field(name) {
        arity(name, &args, 1, 1)?;
        let arg = exprs(args).remove(0);
        return Ok(Named::new(date_part(context, field, arg)?, text));
    }
    let expr = match name {
        "mod" => return renamed(operator_call(context, name, Binary::Remainder, args)?, text),
        "equal_null" => return renamed(operator_call(context, name, Binary::NullSafeEq, args)?, text),
        "negative" => {
            arity(name, &args, 1, 1)?;
            let mut args = args;
            return renamed(operator::negative(args.remove(0), context.schema)?, text);
        }
        _ => expression(context, name, args)?,
    };
    Ok(Named::new(expr, text))
}

fn renamed(named: Named, text: String) -> Result<Named> {
    Ok(Named::new(named.expr, text))
}

fn operator_call(context: &Context<'_>, name: &str, op: Binary, args: Vec<Named>) -> Result<Named> {
    arity(name, &args, 2, 2)?;
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (Some(left), Some(right)) => operator::binary(op, left, right, context.schema),
        _ => Err(SparkError::internal("arguments lost after they were counted")),
    }
}

/// `int('1')` and its like.
fn cast_function(context: &Context<'_>, name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "decimal" => DataType::Decimal128(10, 0),
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => types::timestamp(context.time_zone),
        _ => return None,
    })
}

/// Functions that take one field of a date or timestamp.
fn date_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "year" => "year",
        "quarter" => "quarter",
        "month" => "month",
        "weekofyear" => "week",
        "day" | "dayofmonth" => "day",
        "dayofyear" => "doy",
        "dayofweek" => "dow",
        "hour" => "hour",
        "minute" => "minute",
        "second" => "second",
        _ => return None,
    })
}

/// A field of a date or timestamp; Sunday is 1 for `dow`.
pub(super) fn date_part(context: &Context<'_>, field: &str, arg: Expr) -> Result<Expr> {
    let clock = matches!(field, "hour" | "minute" | "second");
    let from = arg.get_type(context.schema)?;
    let arg = match from {
        DataType::Date32 if !clock => arg,
        DataType::Timestamp(_, _) => arg,
        _ if clock => cast(arg, &types::timestamp(context.time_zone), false, context.schema)?,
        _ => cast(arg, &DataType::Date32, false, context.schema)?,
    };
    let part = datafusion::functions::datetime::date_part().call(vec![lit(field), arg]);
    Ok(if field == "dow" { part + lit(1_i32) } else { part })
}

fn expression(context: &Context<'_>, name: &str, args: Vec<Named>) -> Result<Expr> {
    let schema = context.schema;
    let builtin = |function: &str, args: Vec<Expr>| -> Result<Expr> {
        Ok(operator::scalar_call(context.function(function)?, args))
    };
    let to = |expr: Expr, data_type: &DataType| cast(expr, data_type, false, schema);
    let strings = |args: Vec<Named>| -> Result<Vec<Expr>> {
        exprs(args).into_iter().map(|arg| to(arg, &DataType::Utf8)).collect()
    };
    Ok(match name {
        "if" | "iff" => {
            arity(name, &args, 3, 3)?;
            let mut a = exprs(args).into_iter();
            match (a.next(), a.next(), a.next()) {
                (Some(c), Some(then), Some(other)) => when(c, then).otherwise(other)?,
                _ => return Err(SparkError::internal("arguments lost after they were counted")),
            }
        }
        "isnull" | "isnotnull" | "isnan" => {
            arity(name, &args, 1, 1)?;
            let arg = exprs(args).remove(0);
            match name {
                "isnull" => arg.is_null(),
                "isnotnull" => arg.is_not_null(),
                _ => {
                    let number = to(arg, &DataType::Float64)?;
                    builtin("coalesce", vec![builtin("isnan", vec![number])?, lit(false)])?
                }
            }
        }
        "nvl" | "ifnull" => {
            arity(name, &args, 2, 2)?;
            builtin("coalesce", exprs(args))?
        }
        "nvl2" => {
            arity(name, &args, 3, 3)?;
            let mut a = exprs(args);
            let (other, then) = (a.pop(), a.pop());
            match (a.pop(), then, other) {
                (Some(c), Some(then), Some(other)) => when(c.is_not_null(), then).otherwise(other)?,
                _ => return Err(SparkError::internal("arguments lost after they were counted")),
            }
        }
        "zeroifnull" => {
            arity(name, &args, 1, 1)?;
            let mut args = exprs(args);
            args.push(lit(0_i32));
            builtin("coalesce", args)?
        }
        "typeof" => {
            arity(name, &args, 1, 1)?;
            lit(types::simple_name(&args[0].expr.get_type(schema)?))
        }
        "concat" => {
            let arrays = args.iter().any(|a| a.expr.get_type(schema).is_ok_and(|t| t.is_list()));
            if arrays { builtin("array_concat", exprs(args))? } else { builtin("concat", strings(args)?)? }
        }
        "upper" | "ucase" => {
            arity(name, &args, 1, 1)?;
            builtin("upper", strings(args)?)?
        }
        "lower" | "lcase" => {
            arity(name, &args, 1, 1)?;
            builtin("lower", strings(args)?)?
        }
        "trim" | "btrim" => {
            arity(name, &args, 1, 2)?;
            builtin("btrim", strings(args)?)?
        }
        "ltrim" | "rtrim" => {
            arity(name, &args, 1, 2)?;
            let mut args = strings(args)?;
            // Spark's two-argument form takes the characters first.
            args.reverse();
            builtin(name, args)?
        }
        "position" | "locate" => {
            arity(name, &args, 2, 2)?;
            let mut args = strings(args)?;
            args.reverse();
            to(builtin("strpos", args)?, &DataType::Int32)?
        }
        "instr" => {
            arity(name, &args, 2, 2)?;
            to(builtin("strpos", strings(args)?)?, &DataType::Int32)?
        }
        "regexp_like" | "rlike" | "regexp" => {
            arity(name, &args, 2, 2)?;
            builtin("regexp_like", strings(args)?)?
        }
        "regexp_replace" => {
            arity(name, &args, 3, 3)?;
            let mut args = strings(args)?;
            args.push(lit("g"));
            builtin("regexp_replace", args)?
        }
        "round" => {
            arity(name, &args, 1, 2)?;
            let mut args = exprs(args).into_iter();
            let value = args.next().unwrap_or(lit(ScalarValue::Null));
            let digits = args.next().unwrap_or(lit(0_i32));
            match (value.get_type(schema)?, &digits) {
                // Casting a decimal rounds half up, and gives it Spark's type.
                (DataType::Decimal128(p, s), Expr::Literal(ScalarValue::Int32(Some(d)), _)) if *d >= 0 => {
                    let scale = (*d).min(i32::from(s)) as i8;
                    let precision = (p as i8 - s + 1 + scale).min(38) as u8;
                    to(value, &DataType::Decimal128(precision, scale))?
                }
                _ => builtin("round", vec![value, digits])?,
            }
        }
        "sign" | "signum" => {
            arity(name, &args, 1, 1)?;
            let arg = to(exprs(args).remove(0), &DataType::Float64)?;
            builtin("signum", vec![arg])?
        }
        "to_date" => {
            arity(name, &args, 1, 1)?;
            to(exprs(args).remove(0), &DataType::Date32)?
        }
        "to_timestamp" => {
            arity(name, &args, 1, 1)?;
            to(exprs(args).remove(0), &types::timestamp(context.time_zone))?
        }
        "datediff" | "date_diff" => {
            arity(name, &args, 2, 2)?;
            let dates: Result<Vec<_>> =
                exprs(args).into_iter().map(|arg| to(arg, &DataType::Date32)).collect();
            builtin("date_diff", dates?)?
        }
        "current_date" | "curdate" => builtin("current_date", vec![])?,
        "now" | "current_timestamp" => to(builtin("now", vec![])?, &types::timestamp(context.time_zone))?,
        "current_database" | "current_schema" => lit("default"),
        "current_catalog" => lit("spark_catalog"),
        "version" => lit("4.1.1"),
        "struct" => {
            let fields = args.into_iter().enumerate().flat_map(|(i, arg)| {
                let simple = matches!(arg.expr, Expr::Column(_) | Expr::Alias(_));
                let field = if simple { arg.name } else { format!("col{}", i + 1) };
                [lit(field), arg.expr]
            });
            builtin("named_struct", fields.collect())?
        }
        "map" => {
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for (i, arg) in exprs(args).into_iter().enumerate() {
                if i % 2 == 0 { keys.push(arg) } else { values.push(arg) }
            }
            builtin("map", vec![builtin("make_array", keys)?, builtin("make_array", values)?])?
        }
        "array" => builtin("make_array", exprs(args))?,
        "rand" | "random" => builtin("random", vec![])?,
        "add_months" | "date_add" | "dateadd" | "date_sub" => {
            arity(name, &args, 2, 2)?;
            let mut args = exprs(args).into_iter();
            let date = to(args.next().unwrap_or(lit(ScalarValue::Null)), &DataType::Date32)?;
            let count = to(args.next().unwrap_or(lit(ScalarValue::Null)), &DataType::Int32)?;
            builtin(name, vec![date, count])?
        }
        _ => return registered(context, name, args),
    })
}

/// A function that is registered under Spark's name.
fn registered(context: &Context<'_>, name: &str, args: Vec<Named>) -> Result<Expr> {
    // DataFusion has these names for something else, or not for Spark's users.
    let hidden = name.starts_with("spark_") || matches!(name, "arrow_cast" | "arrow_typeof" | "make_array");
    if hidden {
        return Err(SparkError::routine_not_found(name));
    }
    let function = context.function(name)?;
    let text = names::text(name, &args);
    let expr = operator::scalar_call(function, exprs(args));
    // Unsigned integers are DataFusion's own.
    Ok(match expr.get_type(context.schema) {
        Err(error) => {
            let reason = error.strip_backtrace();
            let reason = reason.lines().next().unwrap_or_default().trim_end_matches('.');
            return Err(SparkError::type_mismatch("UNEXPECTED_INPUT_TYPE", &text, reason));
        }
        Ok(DataType::UInt64) => cast(expr, &DataType::Int64, false, context.schema)?,
        Ok(DataType::UInt32 | DataType::UInt16 | DataType::UInt8) => {
            cast(expr, &DataType::Int32, false, context.schema)?
        }
        _ => expr,
    })
}
