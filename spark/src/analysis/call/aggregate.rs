//! Calls of aggregate functions.

mod names;
mod sketch;
mod text;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, NullTreatment, Sort};
use datafusion::logical_expr::{Expr, ExprSchemable, lit, when};

use self::names::{MISSING, implementation};
use super::lambda::wrong_input;
use super::{Context, arity, exprs, list};
use crate::analysis::cast::cast;
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::aggregate::error_bits;
use crate::functions::interval as intervals;
use crate::functions::lambda::list_of;
use crate::functions::variant::SCHEMA_OF_ALL;
use crate::sql::plan::fold;
use crate::types;

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

pub(super) fn exists(context: &Context<'_>, name: &str) -> bool {
    MISSING.contains(&name)
        || implementation(name).is_some_and(|f| context.state.aggregate_functions().contains_key(f))
}

/// A call of an aggregate function.
pub fn aggregate(
    context: &Context<'_>,
    name: &str,
    args: Vec<Named>,
    mut options: AggregateOptions,
) -> Result<Named> {
    if MISSING.contains(&name) {
        return Err(SparkError::unsupported(format!("the function {name}")));
    }
    let function = implementation(name).ok_or_else(|| SparkError::routine_not_found(name))?;
    let call = Call { context, name, args: &args };
    if matches!(name, "min" | "max") && call.data_type(0).is_ok_and(|t| interval::is_calendar(&t)) {
        return Err(interval::not_ordered(&format!("{name}({})", list(&args)), name));
    }
    let prepared = call.prepare(&mut options)?;
    let (prepared, marks) = interval::without_marks_in_lists(prepared, context.schema)?;
    let text = call.text(&options);
    // Each value once is what a set holds.
    let as_set = options.distinct
        && (function == "collect_list" || (function == "string_agg" && options.order_by.is_empty()));
    let udf = context.aggregate_function(match function {
        "collect_list" if as_set => "collect_set",
        "string_agg" if as_set => "spark_listagg_distinct",
        other => other,
    })?;
    let ordered = matches!(function, "first_value" | "last_value" | "collect_list" | "string_agg");
    let expr = Expr::AggregateFunction(AggregateFunction {
        func: udf,
        params: AggregateFunctionParams {
            args: prepared,
            distinct: options.distinct && !as_set,
            filter: options.filter.map(|filter| Box::new(filter.expr)),
            order_by: if ordered { options.order_by } else { Vec::new() },
            null_treatment: options.ignore_nulls.then_some(NullTreatment::IgnoreNulls),
        },
    });
    let expr = marks.put_on(expr, context.schema)?;
    let expr = match name {
        // DataFusion counts these without a sign.
        "sum" | "try_sum" | "avg" | "mean" | "try_avg" => call.of_count(expr)?,
        "regr_count" | "grouping_id" => cast(expr, &DataType::Int64, false, context.schema)?,
        "grouping" => cast(expr, &DataType::Int8, false, context.schema)?,
        "schema_of_variant_agg" => scalar_call(SCHEMA_OF_ALL.function(), vec![expr]),
        "listagg" | "string_agg" if call.data_type(0)? == DataType::Binary => {
            scalar_call(context.function("unhex")?, vec![expr])
        }
        _ => expr,
    };
    Ok(Named::new(expr, text))
}

/// A call and its arguments as written.
struct Call<'a> {
    context: &'a Context<'a>,
    name: &'a str,
    args: &'a [Named],
}

impl Call<'_> {
    /// The arguments as the function takes them.
    fn prepare(&self, options: &mut AggregateOptions) -> Result<Vec<Expr>> {
        let plain = || self.args.iter().map(|arg| arg.expr.clone()).collect::<Vec<_>>();
        let arity = |min, max| arity(self.name, self.args, min, max);
        Ok(match self.name {
            "count" => count_args(self.name, self.args.to_vec(), options.distinct)?,
            "count_if" => {
                arity(1, 1)?;
                vec![when(self.typed(0, &DataType::Boolean)?.is_true(), lit(1_i32)).end()?]
            }
            "sum" | "try_sum" | "avg" | "mean" | "try_avg" => {
                arity(1, 1)?;
                vec![self.summand()?]
            }
            "stddev" | "std" | "stddev_samp" | "stddev_pop" | "variance" | "var_samp" | "var_pop"
            | "kurtosis" | "skewness" | "product" => {
                arity(1, 1)?;
                vec![self.double(0)?]
            }
            "corr" | "covar_pop" | "covar_samp" | "regr_avgx" | "regr_avgy" | "regr_count"
            | "regr_intercept" | "regr_r2" | "regr_slope" | "regr_sxx" | "regr_sxy" | "regr_syy" => {
                arity(2, 2)?;
                vec![self.double(0)?, self.double(1)?]
            }
            "bool_and" | "every" | "bool_or" | "any" | "some" => {
                arity(1, 1)?;
                vec![self.typed(0, &DataType::Boolean)?]
            }
            "bit_and" | "bit_or" | "bit_xor" => {
                arity(1, 1)?;
                let data_type = self.data_type(0)?;
                if !data_type.is_integer() && data_type != DataType::Null {
                    return Err(self.wrong(0, "INTEGRAL"));
                }
                plain()
            }
            "max_by" | "min_by" => {
                arity(2, 2)?;
                plain()
            }
            "first" | "last" | "first_value" | "last_value" | "any_value" => {
                arity(1, 2)?;
                if self.args.len() == 2 {
                    options.ignore_nulls |= self.flag(1)?;
                }
                plain().into_iter().take(1).collect()
            }
            "mode" => {
                if self.args.is_empty()
                    && let [sort] = options.order_by.as_slice()
                {
                    return Ok(vec![sort.expr.clone(), lit(!sort.asc)]);
                }
                arity(1, 2)?;
                vec![self.args[0].expr.clone(), lit(false)]
            }
            "median" => {
                arity(1, 1)?;
                vec![self.double(0)?, lit(0.5_f64)]
            }
            "percentile" => {
                arity(2, 3)?;
                let mut args = vec![self.double(0)?, self.percentage(1)?];
                if self.args.len() == 3 {
                    args.push(self.typed(2, &DataType::Int64)?);
                }
                args
            }
            "percentile_cont" | "percentile_disc" => {
                arity(1, 1)?;
                let [sort] = options.order_by.as_slice() else {
                    return Err(SparkError::new(
                        "INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING",
                        "42K0K",
                        format!(
                            "Invalid function `{}` with WITHIN GROUP. WITHIN GROUP is required for the function.",
                            self.name
                        ),
                    ));
                };
                let value = cast(sort.expr.clone(), &DataType::Float64, false, self.context.schema)?;
                vec![value, self.percentage(0)?, lit(1_i64), lit(!sort.asc)]
            }
            "percentile_approx" | "approx_percentile" => {
                arity(2, 3)?;
                self.check_approximable()?;
                let mut args = vec![self.args[0].expr.clone(), self.percentage(1)?];
                if self.args.len() == 3 {
                    args.push(self.typed(2, &DataType::Int64)?);
                }
                args
            }
            "approx_count_distinct" => {
                arity(1, 2)?;
                let error = match self.args.get(1).map(|error| &error.expr) {
                    None => lit(0.05),
                    Some(Expr::Literal(ScalarValue::Float64(Some(_)) | ScalarValue::Decimal128(..), _)) => {
                        lit(fold(self.typed(1, &DataType::Float64)?)?)
                    }
                    Some(_) => {
                        let message = "The second argument should be a double literal.";
                        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1104", "", message));
                    }
                };
                if let Expr::Literal(ScalarValue::Float64(Some(error)), _) = &error {
                    error_bits(*error)?;
                }
                vec![self.args[0].expr.clone(), error]
            }
            "listagg" | "string_agg" => {
                arity(1, 2)?;
                let delimiter = match self.args.get(1) {
                    Some(delimiter) if delimiter.expr.get_type(self.context.schema)? != DataType::Null => {
                        delimiter.expr.clone()
                    }
                    _ => lit(""),
                };
                if self.data_type(0)? == DataType::Binary {
                    // Bytes are joined by their digits.
                    let hex = self.context.function("hex")?;
                    let digits = |bytes: Expr| {
                        let call = scalar_call(Arc::clone(&hex), vec![bytes]);
                        cast(call, &DataType::Utf8, false, self.context.schema)
                    };
                    let delimiter = lit(fold(digits(delimiter)?)?);
                    let value = digits(self.args[0].expr.clone())?;
                    return Ok(vec![value, delimiter]);
                }
                vec![self.typed(0, &DataType::Utf8)?, delimiter]
            }
            "histogram_numeric" => {
                arity(2, 2)?;
                plain()
            }
            "hll_sketch_agg" => {
                arity(1, 2)?;
                let kinds = [DataType::Int32, DataType::Int64, DataType::Utf8, DataType::Binary];
                vec![
                    self.sketched(&kinds, "(\"INT\" or \"BIGINT\" or \"STRING\" or \"BINARY\")")?,
                    self.size(1, 12)?,
                ]
            }
            "hll_union_agg" => {
                arity(1, 2)?;
                let mixed = if self.args.len() > 1 { self.flag(1)? } else { false };
                vec![self.binary()?, lit(mixed)]
            }
            "theta_sketch_agg" => {
                arity(1, 2)?;
                let kinds = [
                    list_of(DataType::Int32),
                    list_of(DataType::Int64),
                    DataType::Binary,
                    DataType::Float64,
                    DataType::Float32,
                    DataType::Int32,
                    DataType::Int64,
                    DataType::Utf8,
                ];
                let wanted = "(\"ARRAY<INT>\" or \"ARRAY<BIGINT>\" or \"BINARY\" or \"DOUBLE\" or \"FLOAT\" or \"INT\" or \"BIGINT\" or \"STRING\")";
                vec![self.sketched(&kinds, wanted)?, self.size(1, 12)?]
            }
            "theta_union_agg" => {
                arity(1, 2)?;
                vec![self.binary()?, self.size(1, 12)?]
            }
            "theta_intersection_agg" => {
                arity(1, 1)?;
                vec![self.binary()?]
            }
            "kll_sketch_agg_bigint" | "kll_sketch_agg_float" | "kll_sketch_agg_double" => {
                arity(1, 2)?;
                self.kll_arguments()?
            }
            "count_min_sketch" => {
                arity(4, 4)?;
                self.count_min_arguments()?
            }
            "bitmap_construct_agg" => {
                arity(1, 1)?;
                vec![self.typed(0, &DataType::Int64)?]
            }
            "bitmap_or_agg" | "bitmap_and_agg" => {
                arity(1, 1)?;
                if self.data_type(0)? != DataType::Binary {
                    return Err(self.wrong(0, "BINARY"));
                }
                plain()
            }
            "grouping" => {
                arity(1, 1)?;
                plain()
            }
            "grouping_id" => plain(),
            _ => {
                arity(1, 1)?;
                plain()
            }
        })
    }

    fn data_type(&self, index: usize) -> Result<DataType> {
        match self.args.get(index) {
            Some(arg) => Ok(arg.expr.get_type(self.context.schema)?),
            None => Err(SparkError::internal("an argument was not counted")),
        }
    }

    fn cast_to(&self, expr: Expr, to: &DataType) -> Result<Expr> {
        cast(expr, to, false, self.context.schema)
    }

    /// The sum or the mean of months or microseconds as the interval that it is.
    fn of_count(&self, expr: Expr) -> Result<Expr> {
        let schema = self.context.schema;
        let Some(units) = interval::units(&self.args[0].expr, schema)? else { return Ok(expr) };
        let sums = self.name.ends_with("sum");
        let count = match sums {
            true => expr,
            false => scalar_call(intervals::UNITS_TO_COUNT.function(), vec![expr, lit(1_i64)]),
        };
        let kernel = if units.months { &intervals::OF_MONTHS } else { &intervals::OF_MICROS };
        let value = scalar_call(kernel.function(), vec![count]);
        if sums { interval::typed(value, &units.field(), schema) } else { Ok(value) }
    }

    fn wrong(&self, index: usize, required: &str) -> SparkError {
        let call = format!("{}({}{})", self.name, list(self.args), self.sketch_default());
        let found = self.data_type(index).unwrap_or(DataType::Null);
        let shown = self.args.get(index).map_or("", |arg| arg.name.as_str());
        wrong_input(&call, index, required, shown, &found)
    }

    /// An argument that is a number, or a string or null that becomes one.
    fn typed(&self, index: usize, to: &DataType) -> Result<Expr> {
        let from = self.data_type(index)?;
        let fits = from == *to
            || from == DataType::Null
            || from.is_string()
            || (from.is_numeric() && to.is_numeric())
            || (to.is_string() && !from.is_nested());
        if !fits {
            return Err(self.wrong(index, &types::sql_name(to)));
        }
        cast(self.args[index].expr.clone(), to, false, self.context.schema)
    }

    fn double(&self, index: usize) -> Result<Expr> {
        self.typed(index, &DataType::Float64)
    }

    /// Strings are summed and averaged as doubles, booleans and dates not at all.
    fn summand(&self) -> Result<Expr> {
        let data_type = self.data_type(0)?;
        let arg = self.args[0].expr.clone();
        let to = match &data_type {
            DataType::Null => DataType::Float64,
            t if t.is_string() => DataType::Float64,
            DataType::Float32 => DataType::Float64,
            DataType::Int8 | DataType::Int16 | DataType::Int32 if self.name.ends_with("sum") => {
                DataType::Int64
            }
            t if t.is_numeric() => return Ok(arg),
            DataType::Interval(IntervalUnit::YearMonth) | DataType::Duration(_) => {
                let count = scalar_call(intervals::COUNT.function(), vec![arg]);
                let decimal = DataType::Decimal128(20, 0);
                return if self.name.ends_with("sum") { Ok(count) } else { self.cast_to(count, &decimal) };
            }
            _ => return Err(self.wrong(0, "\"NUMERIC\" or \"ANSI INTERVAL\"")),
        };
        cast(arg, &to, false, self.context.schema)
    }

    fn check_approximable(&self) -> Result<()> {
        let data_type = self.data_type(0)?;
        let fits = data_type.is_numeric()
            || matches!(
                data_type,
                DataType::Date32 | DataType::Timestamp(_, _) | DataType::Duration(_) | DataType::Null
            );
        if fits {
            Ok(())
        } else {
            Err(self.wrong(0, "(\"NUMERIC\", \"DATE\", \"TIMESTAMP\", \"TIMESTAMP_NTZ\", \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")"))
        }
    }

    /// A constant percentage or an array of them, as doubles.
    fn percentage(&self, index: usize) -> Result<Expr> {
        if let Some(Expr::Literal(value, _)) = self.args.get(index).map(|arg| &arg.expr)
            && let ScalarValue::Float64(Some(value)) = value.cast_to(&DataType::Float64)?
            && !(0.0..=1.0).contains(&value)
        {
            let default = if self.name == "percentile" { ", 1" } else { ", 10000" };
            let default = if self.args.len() == 2 { default } else { "" };
            return Err(SparkError::type_mismatch(
                "VALUE_OUT_OF_RANGE",
                &format!("{}({}{default})", self.name, list(self.args)),
                &format!(
                    "The percentage must be between [0.0, 1.0] (current value = {}D)",
                    crate::text::double(value)
                ),
            ));
        }
        let is_list = self.data_type(index)?.is_list();
        let to =
            if is_list { crate::functions::lambda::list_of(DataType::Float64) } else { DataType::Float64 };
        let arg = self.args[index].expr.clone();
        if arg.any_column_refs() {
            return Err(SparkError::type_mismatch(
                "NON_FOLDABLE_INPUT",
                &format!("{}({})", self.name, list(self.args)),
                &format!(
                    "the input `percentage` should be a foldable {} expression; however, got \"{}\"",
                    if is_list { "\"ARRAY<DOUBLE>\"" } else { "\"DOUBLE\"" },
                    self.args[index].name
                ),
            ));
        }
        if is_list {
            return Ok(arg.cast_to(&to, self.context.schema)?);
        }
        cast(arg, &to, false, self.context.schema)
    }

    /// A constant boolean argument.
    fn flag(&self, index: usize) -> Result<bool> {
        match self.args.get(index).map(|arg| &arg.expr) {
            Some(Expr::Literal(ScalarValue::Boolean(Some(flag)), _)) => Ok(*flag),
            _ => Err(self.wrong(index, "BOOLEAN")),
        }
    }
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
