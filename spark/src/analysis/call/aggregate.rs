//! Calls of aggregate functions.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, NullTreatment, Sort};
use datafusion::logical_expr::{Expr, ExprSchemable, lit, when};

use super::{Context, arity, exprs, list};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::error::{Result, SparkError};

/// What may stand in or after the parentheses of an aggregate.
#[derive(Debug, Clone, Default)]
pub struct AggregateOptions {
    /// DISTINCT.
    pub distinct: bool,
    /// FILTER (WHERE ...).
    pub filter: Option<Named>,
    /// ORDER BY inside, or WITHIN GROUP.
    pub order_by: Vec<Sort>,
    /// IGNORE NULLS.
    pub ignore_nulls: bool,
}

/// Spark's names of aggregates and the functions behind them.
fn implementation(name: &str) -> Option<&'static str> {
    Some(match name {
        "count" | "count_if" => "count",
        "sum" => "sum",
        "avg" | "mean" => "avg",
        "min" => "min",
        "max" => "max",
        "stddev" | "std" | "stddev_samp" => "stddev",
        "stddev_pop" => "stddev_pop",
        "variance" | "var_samp" => "var",
        "var_pop" => "var_pop",
        "corr" => "corr",
        "covar_pop" => "covar_pop",
        "covar_samp" => "covar_samp",
        "first" | "first_value" | "any_value" | "max_by" | "min_by" => "first_value",
        "last" | "last_value" => "last_value",
        "collect_list" | "array_agg" => "collect_list",
        "collect_set" => "collect_set",
        "bool_and" | "every" => "bool_and",
        "bool_or" | "any" | "some" => "bool_or",
        "bit_and" => "bit_and",
        "bit_or" => "bit_or",
        "bit_xor" => "bit_xor",
        "approx_count_distinct" => "approx_distinct",
        "median" => "median",
        "percentile" => "percentile_cont",
        "percentile_approx" | "approx_percentile" => "approx_percentile_cont",
        "try_sum" => "try_sum",
        "grouping" => "grouping",
        "listagg" | "string_agg" => "string_agg",
        "regr_avgx" => "regr_avgx",
        "regr_avgy" => "regr_avgy",
        "regr_count" => "regr_count",
        "regr_intercept" => "regr_intercept",
        "regr_r2" => "regr_r2",
        "regr_slope" => "regr_slope",
        "regr_sxx" => "regr_sxx",
        "regr_sxy" => "regr_sxy",
        "regr_syy" => "regr_syy",
        _ => return None,
    })
}

pub(super) fn exists(context: &Context<'_>, name: &str) -> bool {
    implementation(name).is_some_and(|f| context.state.aggregate_functions().contains_key(f))
}

/// A call of an aggregate function.
pub fn aggregate(
    context: &Context<'_>,
    name: &str,
    args: Vec<Named>,
    mut options: AggregateOptions,
) -> Result<Named> {
    let function = implementation(name).ok_or_else(|| SparkError::routine_not_found(name))?;
    let udf = context.aggregate_function(function)?;
    let text = text(name, &args, &options);
    let null_treatment = options.ignore_nulls.then_some(NullTreatment::IgnoreNulls);
    let mut filter = options.filter.take().map(|f| f.expr);
    let args = match name {
        "count" => count_args(name, args, options.distinct)?,
        "count_if" => {
            arity(name, &args, 1, 1)?;
            let condition = exprs(args).remove(0);
            vec![when(condition.is_true(), lit(1_i32)).end()?]
        }
        "max_by" | "min_by" => {
            arity(name, &args, 2, 2)?;
            let mut args = exprs(args);
            let key = args.remove(1);
            let known = key.clone().is_not_null();
            filter = Some(filter.map_or(known.clone(), |f| f.and(known)));
            options.order_by = vec![Sort::new(key, name == "min_by", false)];
            args
        }
        "sum" | "avg" | "mean" | "stddev" | "std" | "stddev_samp" | "stddev_pop" | "variance"
        | "var_samp" | "var_pop" | "median" => {
            arity(name, &args, 1, 1)?;
            vec![number(context, name, args)?]
        }
        "min" | "max" | "collect_list" | "collect_set" | "bool_and" | "every" | "bool_or" | "any"
        | "some" | "any_value" => {
            arity(name, &args, 1, 1)?;
            exprs(args)
        }
        "first" | "last" | "first_value" | "last_value" => {
            arity(name, &args, 1, 2)?;
            exprs(args).into_iter().take(1).collect()
        }
        _ => exprs(args),
    };
    let expr = Expr::AggregateFunction(AggregateFunction {
        func: udf,
        params: AggregateFunctionParams {
            args,
            distinct: options.distinct,
            filter: filter.map(Box::new),
            order_by: options.order_by,
            null_treatment,
        },
    });
    let expr = match name {
        // DataFusion counts these without a sign.
        "approx_count_distinct" => cast(expr, &DataType::Int64, false, context.schema)?,
        _ => expr,
    };
    Ok(Named::new(expr, text))
}

/// Strings are summed and averaged as doubles, booleans and dates not at all.
fn number(context: &Context<'_>, name: &str, mut args: Vec<Named>) -> Result<Expr> {
    let arg = args.remove(0);
    let data_type = arg.expr.get_type(context.schema)?;
    if data_type.is_string() || data_type == DataType::Null {
        return cast(arg.expr, &DataType::Float64, false, context.schema);
    }
    if data_type.is_numeric() || matches!(data_type, DataType::Interval(_) | DataType::Duration(_)) {
        return Ok(arg.expr);
    }
    Err(SparkError::type_mismatch(
        "UNEXPECTED_INPUT_TYPE",
        &format!("{name}({})", arg.name),
        &format!(
            "The first parameter requires the \"NUMERIC\" or \"ANSI INTERVAL\" type, however \"{}\" has the type \"{}\"",
            arg.name,
            crate::types::sql_name(&data_type)
        ),
    ))
}

/// Several arguments count where none is null.
fn count_args(name: &str, args: Vec<Named>, distinct: bool) -> Result<Vec<Expr>> {
    arity(name, &args, 1, usize::MAX)?;
    let mut args = exprs(args);
    if args.len() == 1 {
        return Ok(args);
    }
    let known =
        args.iter().map(|arg| arg.clone().is_not_null()).reduce(Expr::and).unwrap_or_else(|| lit(true));
    if !distinct {
        return Ok(vec![when(known, lit(1_i32)).end()?]);
    }
    let fields: Vec<Expr> =
        args.drain(..).enumerate().flat_map(|(i, arg)| [lit(format!("c{i}")), arg]).collect();
    let row = datafusion::functions::core::named_struct().call(fields);
    Ok(vec![when(known, row).end()?])
}

fn text(name: &str, args: &[Named], options: &AggregateOptions) -> String {
    let distinct = if options.distinct { "DISTINCT " } else { "" };
    let default = if name == "percentile" && args.len() == 2 { ", 1" } else { "" };
    let call = format!("{name}({distinct}{}{default})", list(args));
    match &options.filter {
        Some(filter) => format!("{call} FILTER (WHERE {})", filter.name),
        None => call,
    }
}
