//! Calls of functions on maps.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::invocation::Call;
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::common::{common_type, to_common_type};
use crate::analysis::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::kernel::Kernel;
use crate::functions::lambda::{list_of, map_types};
use crate::functions::map as kernels;
use crate::types;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "map" | "create_map" => from_pairs(call)?,
        "map_from_arrays" => {
            call.arity(2, 2)?;
            let arrays = (0..2).map(|i| match call.data_type(i)? {
                DataType::List(_) => call.expr(i),
                DataType::Null => cast(call.expr(i)?, &list_of(DataType::Null), false, call.context.schema),
                _ => Err(call.unexpected(i, "ARRAY")),
            });
            run(&kernels::FROM_ARRAYS, arrays.collect::<Result<_>>()?)
        }
        "map_from_entries" => {
            call.arity(1, 1)?;
            let pairs = matches!(call.data_type(0)?, DataType::List(entry)
                if matches!(entry.data_type(), DataType::Struct(fields) if fields.len() == 2));
            if !pairs {
                return Err(call.unexpected(0, "ARRAY OF PAIR<ANY, ANY>"));
            }
            run(&kernels::FROM_ENTRIES, call.exprs())
        }
        "map_concat" => {
            if call.args.is_empty() {
                return call.named(Expr::Literal(kernels::empty()?, None));
            }
            let types: Vec<DataType> =
                (0..call.args.len()).map(|i| call.data_type(i)).collect::<Result<_>>()?;
            if types.iter().any(|t| !matches!(t, DataType::Map(_, _) | DataType::Null)) {
                let names: Vec<_> = types.iter().map(|t| format!("\"{}\"", types::sql_name(t))).collect();
                return Err(SparkError::type_mismatch(
                    "MAP_CONCAT_DIFF_TYPES",
                    &call.text(),
                    &format!("The `map_concat` should all be of type map, but it's [{}]", names.join(", ")),
                ));
            }
            match to_common_type(call.exprs(), call.context.schema, call.context.strings())? {
                Some(maps) => run(&kernels::CONCAT, maps),
                None => return Err(call.unexpected(1, &types::sql_name(&types[0]))),
            }
        }
        "map_keys" => run(&kernels::KEYS, only_map(call)?),
        "map_values" => run(&kernels::VALUES, only_map(call)?),
        "map_entries" => run(&kernels::ENTRIES, only_map(call)?),
        "map_contains_key" => {
            call.arity(2, 2)?;
            let (map, key) = map_and_key(call, 0, 1)?;
            run(&kernels::CONTAINS_KEY, vec![map, key])
        }
        _ => return Ok(None),
    };
    call.named(expr)
}

fn run(kernel: &'static Kernel, args: Vec<Expr>) -> Expr {
    scalar_call(kernel.function(), args)
}

fn only_map(call: &Call<'_>) -> Result<Vec<Expr>> {
    call.arity(1, 1)?;
    match call.data_type(0)? {
        DataType::Map(_, _) => Ok(call.exprs()),
        DataType::Null => {
            let map = types::map(DataType::Null, DataType::Null);
            Ok(vec![cast(call.expr(0)?, &map, false, call.context.schema)?])
        }
        _ => Err(call.unexpected(0, "MAP")),
    }
}

fn map_and_key(call: &Call<'_>, map: usize, key: usize) -> Result<(Expr, Expr)> {
    let DataType::Map(_, _) = call.data_type(map)? else {
        return Err(call.unexpected(map, "MAP"));
    };
    let (own, _) = map_types(&call.data_type(map)?)?;
    let wanted = call.data_type(key)?;
    if common_type([&own, &wanted]).is_none() {
        return Err(SparkError::type_mismatch(
            "MAP_FUNCTION_DIFF_TYPES",
            &call.text(),
            &format!(
                "Input to `{}` should have been \"MAP\" followed by a value with same key type, but it's [\"{}\", \"{}\"]",
                call.name,
                types::sql_name(&call.data_type(map)?),
                types::sql_name(&wanted)
            ),
        ));
    }
    Ok((call.expr(map)?, cast(call.expr(key)?, &own, false, call.context.schema)?))
}

/// The value of a key, null if the map has none.
pub(super) fn value(call: &Call<'_>, map: usize, key: usize) -> Result<Expr> {
    let (map, key) = map_and_key(call, map, key)?;
    Ok(run(&kernels::VALUE, vec![map, key]))
}

/// Keys and values in turn, each kind brought to one type.
fn from_pairs(call: &Call<'_>) -> Result<Expr> {
    if !call.args.len().is_multiple_of(2) {
        return Err(SparkError::wrong_num_args(call.name, "2n (n > 0)", call.args.len()));
    }
    if call.args.is_empty() {
        return Ok(Expr::Literal(kernels::empty()?, None));
    }
    let schema = call.context.schema;
    let side = |first: usize, subclass: &str, what: &str| -> Result<Vec<Expr>> {
        let exprs: Vec<Expr> = call.exprs().into_iter().skip(first).step_by(2).collect();
        let types: Vec<DataType> = exprs.iter().map(|e| Ok(e.get_type(schema)?)).collect::<Result<_>>()?;
        to_common_type(exprs, schema, call.context.strings())?.ok_or_else(|| {
            let names: Vec<_> = types.iter().map(|t| format!("\"{}\"", types::sql_name(t))).collect();
            SparkError::type_mismatch(
                subclass,
                &call.text(),
                &format!(
                    "The given {what} of function `map` should all be the same type, but they are [{}]",
                    names.join(", ")
                ),
            )
        })
    };
    let keys = side(0, "CREATE_MAP_KEY_DIFF_TYPES", "keys")?;
    let values = side(1, "CREATE_MAP_VALUE_DIFF_TYPES", "values")?;
    Ok(run(&kernels::FROM_PAIRS, keys.into_iter().zip(values).flat_map(|(k, v)| [k, v]).collect()))
}
