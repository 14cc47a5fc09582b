//! Calls that choose between values, or test for null.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::coercion::unified;
use crate::analysis::operator::{self, Binary};
use crate::error::{Result, SparkError};

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let (schema, strings) = (call.context.schema, call.context.strings());
    let expr = match call.name {
        "if" | "iff" => {
            call.arity(3, 3)?;
            let condition = condition(call, 0)?;
            let mut branches = unified("if", &call.text(), &call.args[1..], schema, strings)?.into_iter();
            match (branches.next(), branches.next()) {
                (Some(then), Some(otherwise)) => case(vec![(condition, then)], Some(otherwise)),
                _ => return Err(SparkError::internal("arguments lost after they were counted")),
            }
        }
        "when" => return when(call),
        "isnull" => {
            call.arity(1, 1)?;
            call.expr(0)?.is_null()
        }
        "isnotnull" => {
            call.arity(1, 1)?;
            call.expr(0)?.is_not_null()
        }
        "isnan" => {
            call.arity(1, 1)?;
            let number = match call.data_type(0)? {
                floating if floating.is_floating() => call.expr(0)?,
                _ => call.param(0, Param::Double)?,
            };
            call.builtin("coalesce", vec![call.builtin("isnan", vec![number])?, lit(false)])?
        }
        "coalesce" => {
            call.arity(1, usize::MAX)?;
            coalesce(call, call.args)?
        }
        "nvl" | "ifnull" => {
            call.arity(2, 2)?;
            coalesce(call, call.args)?
        }
        "nvl2" => {
            call.arity(3, 3)?;
            let mut branches = unified("nvl2", &call.text(), &call.args[1..], schema, strings)?.into_iter();
            match (branches.next(), branches.next()) {
                (Some(then), Some(otherwise)) => {
                    case(vec![(call.expr(0)?.is_not_null(), then)], Some(otherwise))
                }
                _ => return Err(SparkError::internal("arguments lost after they were counted")),
            }
        }
        "nullif" => {
            call.arity(2, 2)?;
            let same = operator::binary(Binary::Eq, call.arg(0)?.clone(), call.arg(1)?.clone(), schema)?;
            let null = Expr::Literal(ScalarValue::try_from(&call.data_type(0)?)?, None);
            case(vec![(same.expr, null)], Some(call.expr(0)?))
        }
        "nullifzero" => {
            call.arity(1, 1)?;
            let zero = Named::new(lit(0_i32), "0");
            let same = operator::binary(Binary::Eq, call.arg(0)?.clone(), zero, schema)?;
            let null = Expr::Literal(ScalarValue::try_from(&call.data_type(0)?)?, None);
            case(vec![(same.expr, null)], Some(call.expr(0)?))
        }
        "zeroifnull" => {
            call.arity(1, 1)?;
            coalesce(call, &[call.arg(0)?.clone(), Named::new(lit(0_i32), "0")])?
        }
        "nanvl" => {
            call.arity(2, 2)?;
            let single = (0..2).all(|i| call.data_type(i).is_ok_and(|t| t == DataType::Float32));
            let to = if single { DataType::Float32 } else { DataType::Float64 };
            let (value, other) = (call.to(0, &to)?, call.to(1, &to)?);
            case(vec![(call.builtin("isnan", vec![value.clone()])?, other)], Some(value))
        }
        "equal_null" => {
            call.arity(2, 2)?;
            operator::binary(Binary::NullSafeEq, call.arg(0)?.clone(), call.arg(1)?.clone(), schema)?.expr
        }
        _ => return Ok(None),
    };
    call.named(expr)
}

fn condition(call: &Call<'_>, index: usize) -> Result<Expr> {
    match call.data_type(index)? {
        DataType::Boolean => call.expr(index),
        DataType::Null => call.param(index, Param::Flag),
        _ => Err(call.unexpected(index, "BOOLEAN")),
    }
}

fn case(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    let branches = branches.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    Expr::Case(Case::new(None, branches, otherwise.map(Box::new)))
}

fn coalesce(call: &Call<'_>, args: &[Named]) -> Result<Expr> {
    let context = call.context;
    call.builtin("coalesce", unified("coalesce", &call.text(), args, context.schema, context.strings())?)
}

/// `when(condition, value, ..., default)`, as the DataFrame API sends CASE.
fn when(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(2, usize::MAX)?;
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    let mut text = "CASE".to_owned();
    for (index, pair) in call.args.chunks(2).enumerate() {
        match pair {
            [test, value] => {
                conditions.push(condition(call, index * 2)?);
                values.push(value.clone());
                text.push_str(&format!(" WHEN {} THEN {}", test.name, value.name));
            }
            [otherwise] => {
                values.push(otherwise.clone());
                text.push_str(&format!(" ELSE {}", otherwise.name));
            }
            _ => {}
        }
    }
    text.push_str(" END");
    let mut values = unified("casewhen", &text, &values, call.context.schema, call.context.strings())?;
    let otherwise = if values.len() > conditions.len() { values.pop() } else { None };
    let expr = case(conditions.into_iter().zip(values).collect(), otherwise);
    Ok(Some(Named::new(expr, text)))
}
