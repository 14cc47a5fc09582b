//! Calls of functions on arrays.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::invocation::Call;
use crate::analysis::cast::cast;
use crate::analysis::coercion::unified;
use crate::analysis::common::{common_type, to_common_type};
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, ansi};
use crate::error::{Result, SparkError};
use crate::functions::array as kernels;
use crate::functions::kernel::Kernel;
use crate::functions::lambda::list_of;
use crate::session::is_on;
use crate::types;

/// How Spark prints the comparator that `array_sort` has where none is given.
const DEFAULT_ORDER: &str = "lambdafunction((IF(((namedlambdavariable() IS NULL) AND \
    (namedlambdavariable() IS NULL)), 0, (IF((namedlambdavariable() IS NULL), 1, \
    (IF((namedlambdavariable() IS NULL), -1, (IF((namedlambdavariable() < namedlambdavariable()), -1, \
    (IF((namedlambdavariable() > namedlambdavariable()), 1, 0)))))))))), namedlambdavariable(), \
    namedlambdavariable())";

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "array" => array(call)?,
        "concat" if (0..call.args.len()).any(|i| call.data_type(i).is_ok_and(|t| t.is_list())) => {
            run(&kernels::CONCAT, same_arrays(call, call.args.len())?)
        }
        "array_append" => run(&kernels::APPEND, array_and_element(call, 2, 1)?),
        "array_prepend" => run(&kernels::PREPEND, array_and_element(call, 2, 1)?),
        "array_insert" => {
            call.arity(3, 3)?;
            let mut args = array_and_element(call, 3, 2)?;
            args.insert(1, call.to(1, &DataType::Int32)?);
            run(&kernels::INSERT, args)
        }
        "array_compact" => run(&kernels::COMPACT, vec![only_array(call)?]),
        "array_distinct" => run(&kernels::DISTINCT, vec![only_array(call)?]),
        "array_max" => run(&kernels::ARRAY_MAX, vec![only_array(call)?]),
        "array_min" => run(&kernels::ARRAY_MIN, vec![only_array(call)?]),
        "array_sort" => {
            let expr = run(&kernels::ARRAY_SORT, vec![only_array(call)?]);
            return Ok(Some(Named::new(expr, format!("array_sort({}, {DEFAULT_ORDER})", call.args[0].name))));
        }
        "array_size" => run(&kernels::CARDINALITY, vec![only_array(call)?]),
        "size" | "cardinality" => {
            call.arity(1, 1)?;
            match call.data_type(0)? {
                DataType::List(_) | DataType::Map(_, _) => {
                    let size = run(&kernels::CARDINALITY, call.exprs());
                    if of_null(call) { call.builtin("coalesce", vec![size, lit(-1)])? } else { size }
                }
                DataType::Null => lit(ScalarValue::Int32(of_null(call).then_some(-1))),
                _ => return Err(call.unexpected(0, "(\"ARRAY\" or \"MAP\")")),
            }
        }
        "reverse" if call.data_type(0).is_ok_and(|t| t.is_list()) => {
            run(&kernels::REVERSE, vec![only_array(call)?])
        }
        "sort_array" => {
            call.arity(1, 2)?;
            let ascending = if call.args.len() == 2 { call.to(1, &DataType::Boolean)? } else { lit(true) };
            run(&kernels::SORT_ARRAY, vec![array_at(call, 0)?, ascending])
        }
        "array_union" => run(&kernels::UNION, same_arrays(call, 2)?),
        "array_except" => run(&kernels::EXCEPT, same_arrays(call, 2)?),
        "array_intersect" => run(&kernels::INTERSECT, same_arrays(call, 2)?),
        "arrays_overlap" => run(&kernels::OVERLAP, same_arrays(call, 2)?),
        "array_contains" => run(&kernels::CONTAINS, array_and_value(call)?),
        "array_position" => run(&kernels::POSITION, array_and_value(call)?),
        "array_remove" => run(&kernels::REMOVE, array_and_value(call)?),
        "array_repeat" => {
            call.arity(2, 2)?;
            call.builtin("array_repeat", vec![call.expr(0)?, call.to(1, &DataType::Int32)?])?
        }
        "array_join" => {
            call.arity(2, 3)?;
            let texts = cast(array_at(call, 0)?, &list_of(DataType::Utf8), false, call.context.schema)?;
            let mut args = vec![texts, call.to(1, &DataType::Utf8)?];
            if call.args.len() == 3 {
                args.push(call.to(2, &DataType::Utf8)?);
            }
            run(&kernels::JOIN, args)
        }
        "arrays_zip" => arrays_zip(call)?,
        "flatten" => {
            let array = only_array(call)?;
            match array.get_type(call.context.schema)? {
                DataType::List(inner) if inner.data_type().is_list() => run(&kernels::FLATTEN, vec![array]),
                DataType::List(inner) if *inner.data_type() == DataType::Null => {
                    cast(array, &list_of(DataType::Null), false, call.context.schema)?
                }
                _ => return Err(call.unexpected(0, "ARRAY OF ARRAY")),
            }
        }
        "slice" => {
            call.arity(3, 3)?;
            let args = vec![array_at(call, 0)?, call.to(1, &DataType::Int32)?, call.to(2, &DataType::Int32)?];
            run(&kernels::SLICE, args)
        }
        "sequence" => sequence(call)?,
        "get" => {
            call.arity(2, 2)?;
            run(&kernels::GET, vec![array_at(call, 0)?, call.to(1, &DataType::Int32)?])
        }
        "element_at" | "try_element_at" => {
            call.arity(2, 2)?;
            if matches!(call.data_type(0)?, DataType::Map(_, _)) {
                return call.named(super::map::value(call, 0, 1)?);
            }
            if !matches!(call.data_type(0)?, DataType::List(_) | DataType::Null) {
                return Err(call.unexpected(0, "(\"ARRAY\" or \"MAP\")"));
            }
            let kernel =
                if call.name == "element_at" { &kernels::ELEMENT_AT } else { &kernels::TRY_ELEMENT_AT };
            run(kernel, vec![array_at(call, 0)?, call.to(1, &DataType::Int32)?])
        }
        _ => return Ok(None),
    };
    call.named(expr)
}

fn run(kernel: &'static Kernel, args: Vec<Expr>) -> Expr {
    scalar_call(kernel.function(), args)
}

/// Arguments that have no common type.
fn different(call: &Call<'_>, types: &[DataType]) -> SparkError {
    let names: Vec<_> = types.iter().map(|t| format!("\"{}\"", types::sql_name(t))).collect();
    SparkError::type_mismatch(
        "DATA_DIFF_TYPES",
        &call.text(),
        &format!("Input to `{}` should all be the same type, but it's ({})", call.name, names.join(" or ")),
    )
}

fn array(call: &Call<'_>) -> Result<Expr> {
    let args = unified(call.name, &call.text(), call.args, call.context.schema, call.context.strings())?;
    call.builtin("make_array", args)
}

/// An argument that must be an array.
fn array_at(call: &Call<'_>, index: usize) -> Result<Expr> {
    let expr = call.expr(index)?;
    match call.data_type(index)? {
        DataType::List(_) => Ok(expr),
        DataType::Null => cast(expr, &list_of(DataType::Null), false, call.context.schema),
        DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Ok(expr.cast_to(&list_of(field.data_type().clone()), call.context.schema)?)
        }
        _ => Err(call.unexpected(index, "ARRAY")),
    }
}

fn only_array(call: &Call<'_>) -> Result<Expr> {
    call.arity(1, 1)?;
    array_at(call, 0)
}

fn element_type(call: &Call<'_>, array: &Expr) -> Result<DataType> {
    match array.get_type(call.context.schema)? {
        DataType::List(field) => Ok(field.data_type().clone()),
        other => Err(SparkError::internal(format!("{other} is no array"))),
    }
}

/// All arguments, arrays of one type.
fn same_arrays(call: &Call<'_>, count: usize) -> Result<Vec<Expr>> {
    call.arity(count, count)?;
    let arrays: Vec<Expr> = (0..count).map(|i| array_at(call, i)).collect::<Result<_>>()?;
    let types: Vec<DataType> =
        arrays.iter().map(|array| Ok(array.get_type(call.context.schema)?)).collect::<Result<_>>()?;
    let mixed = call.name != "concat"
        && types.windows(2).any(|pair| same_kind_of_elements(&pair[0], &pair[1]).is_none());
    let unified =
        if mixed { None } else { to_common_type(arrays, call.context.schema, call.context.strings())? };
    match unified {
        Some(arrays) => Ok(arrays),
        None if call.name == "concat" => Err(different(call, &types)),
        None => Err(array_and_other(call, "BINARY_ARRAY_DIFF_TYPES", &types)),
    }
}

fn array_and_other(call: &Call<'_>, subclass: &str, found: &[DataType]) -> SparkError {
    let shown = |i: usize| found.get(i).map(types::sql_name).unwrap_or_default();
    let reason = if subclass == "BINARY_ARRAY_DIFF_TYPES" {
        format!(
            "Input to function `{}` should have been two \"ARRAY\" with same element type, but it's [\"{}\", \"{}\"]",
            call.name,
            shown(0),
            shown(1)
        )
    } else {
        format!(
            "Input to `{}` should have been \"ARRAY\" followed by a value with same element type, but it's [\"{}\", \"{}\"]",
            call.name,
            shown(0),
            shown(1)
        )
    };
    SparkError::type_mismatch(subclass, &call.text(), &reason)
}

/// The common type of elements; here no string becomes anything else.
fn same_kind(left: &DataType, right: &DataType) -> Option<DataType> {
    let known = *left != DataType::Null && *right != DataType::Null;
    if known && left.is_string() != right.is_string() { None } else { common_type([left, right]) }
}

fn same_kind_of_elements(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (DataType::List(left), DataType::List(right)) => same_kind(left.data_type(), right.data_type()),
        _ => common_type([left, right]),
    }
}

/// The first argument, an array, and another one, an element of the same type.
fn array_and_element(call: &Call<'_>, count: usize, index: usize) -> Result<Vec<Expr>> {
    call.arity(count, count)?;
    let array = array_at(call, 0)?;
    let value_type = call.data_type(index)?;
    let own = element_type(call, &array)?;
    let Some(common) = same_kind(&own, &value_type) else {
        let found = [call.data_type(0)?, value_type];
        return Err(array_and_other(call, "ARRAY_FUNCTION_DIFF_TYPES", &found));
    };
    let schema = call.context.schema;
    let array = if own == common { array } else { cast(array, &list_of(common.clone()), false, schema)? };
    Ok(vec![array, cast(call.expr(index)?, &common, false, schema)?])
}

/// An array and a value looked for in it, which must not be a bare null.
fn array_and_value(call: &Call<'_>) -> Result<Vec<Expr>> {
    call.arity(2, 2)?;
    if call.data_type(1)? == DataType::Null {
        return Err(SparkError::type_mismatch(
            "NULL_TYPE",
            &call.text(),
            &format!("Null typed values cannot be used as arguments of `{}`", call.name),
        ));
    }
    array_and_element(call, 2, 1)
}

fn arrays_zip(call: &Call<'_>) -> Result<Expr> {
    use datafusion::arrow::datatypes::{Field, Fields};
    let mut fields = Vec::with_capacity(call.args.len());
    let mut args = Vec::with_capacity(call.args.len() + 1);
    for (index, arg) in call.args.iter().enumerate() {
        let array = array_at(call, index)?;
        let name = match &arg.expr {
            Expr::Column(_) | Expr::Alias(_) => arg.name.clone(),
            Expr::ScalarFunction(function) if function.name() == "get_field" => {
                arg.name.rsplit('.').next().unwrap_or(&arg.name).to_owned()
            }
            _ => index.to_string(),
        };
        fields.push(Field::new(name, element_type(call, &array)?, true));
        args.push(array);
    }
    let result = list_of(DataType::Struct(Fields::from(fields)));
    args.insert(0, Expr::Literal(ScalarValue::try_from(&result)?, None));
    Ok(run(&kernels::ARRAYS_ZIP, args))
}

fn sequence(call: &Call<'_>) -> Result<Expr> {
    call.arity(2, 3)?;
    let (start, stop) = (call.data_type(0)?, call.data_type(1)?);
    let temporal = |t: &DataType| matches!(t, DataType::Date32 | DataType::Timestamp(_, _));
    let Some(common) = common_type([&start, &stop]).filter(|t| temporal(t) || t.is_integer()) else {
        return Err(SparkError::type_mismatch(
            "SEQUENCE_WRONG_INPUT_TYPES",
            &call.text(),
            "`sequence` uses the wrong parameter type. The parameter type must conform to:\n1. The start and stop \
             expressions must resolve to the same type.\n2. If start and stop expressions resolve to the \"DATE\", \
             \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" type, then the step expression must resolve to the \"INTERVAL\", \
             \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\" type.\n3. Otherwise, if start and stop \
             expressions resolve to the \"INTEGRAL\" type, then the step expression must resolve to the same type",
        ));
    };
    let mut args = vec![call.cast(call.expr(0)?, &common)?, call.cast(call.expr(1)?, &common)?];
    if call.args.len() == 3 {
        let step = call.expr(2)?;
        args.push(if temporal(&common) { step } else { call.cast(step, &common)? });
    } else if matches!(common, DataType::Timestamp(_, _)) {
        let day = datafusion::arrow::datatypes::IntervalMonthDayNano::new(0, 1, 0);
        args.push(lit(ScalarValue::IntervalMonthDayNano(Some(day))));
    }
    Ok(run(&kernels::SEQUENCE, args))
}

/// Whether the size of NULL is -1.
fn of_null(call: &Call<'_>) -> bool {
    ansi::is_off(call.context.state) && is_on(call.context.conf, "spark.sql.legacy.sizeOfNull")
}
