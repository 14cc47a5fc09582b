//! Statistics of columns: summary, describe, crosstab, covariance, correlation, quantiles, frequent items.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, lit};

use super::columns::{chosen, kept, named};
use super::pivot;
use super::unpivot::exploded;
use crate::analysis::Named;
use crate::analysis::call::{self, AggregateOptions, Context};
use crate::analysis::cast::cast;
use crate::analysis::scope::ScopeColumn;
use crate::analysis::select::SelectList;
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError};

/// What `summary` shows unless told.
const SUMMARY: [&str; 8] = ["count", "mean", "stddev", "min", "25%", "50%", "75%", "max"];
/// What `describe` shows.
const DESCRIBE: [&str; 5] = ["count", "mean", "stddev", "min", "max"];
/// `percentile_approx`'s accuracy unless told.
const ACCURACY: i64 = 10_000;

fn context<'c>(planner: &'c Planner<'_>, scope: &'c Scope) -> Context<'c> {
    Context {
        state: &planner.session.state,
        schema: scope.plan.schema().as_ref(),
        time_zone: &planner.session.time_zone,
        conf: &planner.session.conf,
        database: &planner.session.database,
    }
}

/// `describe(columns...)`.
pub(super) fn describe(planner: &mut Planner<'_>, scope: Scope, columns: &[String]) -> Result<Scope> {
    let statistics: Vec<String> = DESCRIBE.iter().map(|s| (*s).to_owned()).collect();
    summary(planner, scope, columns, &statistics)
}

/// `summary(statistics...)`: one row a statistic, one column a column.
pub(super) fn summary(
    planner: &mut Planner<'_>,
    scope: Scope,
    columns: &[String],
    statistics: &[String],
) -> Result<Scope> {
    let statistics: Vec<String> = if statistics.is_empty() {
        SUMMARY.iter().map(|s| (*s).to_owned()).collect()
    } else {
        statistics.to_vec()
    };
    let columns = chosen(planner, &scope, columns, |t| t.is_numeric() || t.is_string())?;
    let mut names = vec!["summary".to_owned()];
    names.extend(columns.iter().map(|column| column.name.clone()));
    let mut items = Vec::new();
    for statistic in &statistics {
        for column in &columns {
            let expr = statistic_of(planner, &scope, statistic, column)?;
            items.push(Named::new(expr, format!("{statistic}_{}", column.name)));
        }
    }
    let width = columns.len();
    let list = SelectList { items, grouped: true, ..SelectList::default() };
    let one_row = planner.select(scope, list)?;
    let cells: Vec<Expr> = one_row.visible().map(|c| Expr::Column(c.column.clone())).collect();
    let rows = statistics
        .iter()
        .enumerate()
        .map(|(i, statistic)| {
            let mut row = vec![lit(statistic.clone())];
            row.extend(cells[i * width..(i + 1) * width].iter().cloned());
            row
        })
        .collect();
    exploded(planner, one_row, vec![], &names, rows)
}

/// One statistic of one column, as text.
fn statistic_of(planner: &Planner<'_>, scope: &Scope, statistic: &str, column: &ScopeColumn) -> Result<Expr> {
    let context = context(planner, scope);
    let schema = scope.plan.schema().as_ref();
    let own = Expr::Column(column.column.clone());
    let data_type = own.get_type(schema)?;
    let number = if data_type.is_string() {
        cast(own.clone(), &DataType::Float64, true, schema)?
    } else {
        own.clone()
    };
    let call = |name: &str, args: Vec<Expr>, distinct: bool| -> Result<Expr> {
        let options = AggregateOptions { distinct, ..AggregateOptions::default() };
        let args = args.into_iter().map(|arg| Named::new(arg, "x")).collect();
        Ok(call::aggregate(&context, name, args, options)?.expr)
    };
    let value = match statistic.to_lowercase().as_str() {
        "count" => call("count", vec![own], false)?,
        "count_distinct" => call("count", vec![own], true)?,
        "approx_count_distinct" => call("approx_count_distinct", vec![own], false)?,
        "mean" => call("avg", vec![number], false)?,
        "stddev" => call("stddev", vec![number], false)?,
        "min" => call("min", vec![own], false)?,
        "max" => call("max", vec![own], false)?,
        percent => {
            let share = percent.strip_suffix('%').and_then(|n| n.parse::<f64>().ok()).map(|n| n / 100.0);
            let Some(share) = share.filter(|share| (0.0..=1.0).contains(share)) else {
                return Err(SparkError::new(
                    "_LEGACY_ERROR_TEMP_2114",
                    "",
                    format!("{statistic} is not a recognised statistic"),
                ));
            };
            call("percentile_approx", vec![number, lit(share), lit(ACCURACY)], false)?
        }
    };
    cast(value, &DataType::Utf8, false, schema)
}

/// `crosstab`: how often values of two columns meet.
pub(super) async fn crosstab(
    planner: &mut Planner<'_>,
    message: &proto::StatCrosstab,
    scope: Scope,
) -> Result<Scope> {
    let (first, second) = (named(planner, &scope, &message.col1)?, named(planner, &scope, &message.col2)?);
    let schema = std::sync::Arc::clone(scope.plan.schema());
    let text = |column: &ScopeColumn| -> Result<Expr> {
        let text = cast(Expr::Column(column.column.clone()), &DataType::Utf8, false, schema.as_ref())?;
        Ok(datafusion::functions::core::coalesce().call(vec![text, lit("null")]))
    };
    let head = format!("{}_{}", message.col1, message.col2);
    let items = vec![Named::new(text(&first)?, head.clone()), Named::new(text(&second)?, "value")];
    let scope = planner.project(scope, items)?;
    let mut columns = scope.visible().cloned().collect::<Vec<_>>().into_iter();
    let (Some(key), Some(value)) = (columns.next(), columns.next()) else {
        return Err(SparkError::internal("two columns became fewer"));
    };
    let value = kept(&value);
    let values = pivot::distinct(planner, &scope, &value).await?;
    let schema = std::sync::Arc::clone(scope.plan.schema());
    let count = call::aggregate(
        &context(planner, &scope),
        "count",
        vec![Named::new(lit(1_i64), "1")],
        AggregateOptions::default(),
    )?;
    let counts = pivot::columns(planner, &schema, &value, &values, &[count])?;
    let mut items = vec![kept(&key)];
    items.extend(counts.into_iter().map(|count| {
        let expr = datafusion::functions::core::coalesce().call(vec![count.expr, lit(0_i64)]);
        Named::new(expr, count.name)
    }));
    let groups = vec![Expr::Column(key.column)];
    planner.select(scope, SelectList { items, groups, grouped: true, ..SelectList::default() })
}

/// `cov`: the sample covariance.
pub(super) fn covariance(planner: &mut Planner<'_>, message: &proto::StatCov, scope: Scope) -> Result<Scope> {
    of_two(planner, scope, "covar_samp", "cov", &message.col1, &message.col2)
}

/// `corr`: Pearson's correlation.
pub(super) fn correlation(
    planner: &mut Planner<'_>,
    message: &proto::StatCorr,
    scope: Scope,
) -> Result<Scope> {
    match message.method.as_deref() {
        None | Some("pearson") => of_two(planner, scope, "corr", "corr", &message.col1, &message.col2),
        Some(other) => Err(SparkError::unsupported(format!(
            "the correlation {other}: only the Pearson correlation is calculated for a DataFrame"
        ))),
    }
}

fn of_two(
    planner: &mut Planner<'_>,
    scope: Scope,
    function: &str,
    name: &str,
    first: &str,
    second: &str,
) -> Result<Scope> {
    let mut args = Vec::new();
    for column in [first, second] {
        let column = named(planner, &scope, column)?;
        let own = Expr::Column(column.column);
        let number = cast(own, &DataType::Float64, false, scope.plan.schema().as_ref())?;
        args.push(Named::new(number, column.name));
    }
    let expr = call::aggregate(&context(planner, &scope), function, args, AggregateOptions::default())?.expr;
    let items = vec![Named::new(expr, name)];
    planner.select(scope, SelectList { items, grouped: true, ..SelectList::default() })
}

/// `approxQuantile`: one row with an array for each column.
pub(super) fn quantiles(
    planner: &mut Planner<'_>,
    message: &proto::StatApproxQuantile,
    scope: Scope,
) -> Result<Scope> {
    let accuracy = if message.relative_error > 0.0 {
        (1.0 / message.relative_error).ceil().clamp(1.0, 2_147_483_647.0) as i64
    } else {
        i64::from(i32::MAX)
    };
    let mut arrays = Vec::new();
    for name in &message.cols {
        let column = named(planner, &scope, name)?;
        let own = Expr::Column(column.column.clone());
        let number = cast(own, &DataType::Float64, false, scope.plan.schema().as_ref())?;
        let mut values = Vec::new();
        for share in &message.probabilities {
            let args = vec![number.clone(), lit(*share), lit(accuracy)];
            let args = args.into_iter().map(|arg| Named::new(arg, "x")).collect();
            let value = call::aggregate(
                &context(planner, &scope),
                "percentile_approx",
                args,
                AggregateOptions::default(),
            )?;
            values.push(value.expr);
        }
        arrays.push(array_of(planner, values)?);
    }
    let all = array_of(planner, arrays)?;
    let items = vec![Named::new(all, "approx_quantile")];
    planner.select(scope, SelectList { items, grouped: true, ..SelectList::default() })
}

pub(super) fn array_of(planner: &Planner<'_>, values: Vec<Expr>) -> Result<Expr> {
    let function = planner
        .session
        .state
        .scalar_functions()
        .get("make_array")
        .cloned()
        .ok_or_else(|| SparkError::routine_not_found("array"))?;
    Ok(crate::analysis::operator::scalar_call(function, values))
}

/// `freqItems`: the values that make up at least a share of each column.
pub(super) fn frequent_items(
    planner: &mut Planner<'_>,
    message: &proto::StatFreqItems,
    scope: Scope,
) -> Result<Scope> {
    let support = message.support.unwrap_or(0.01);
    let mut result: Option<Scope> = None;
    for name in &message.cols {
        let column = named(planner, &scope, name)?;
        let own = kept(&column);
        let count = call::aggregate(
            &context(planner, &scope),
            "count",
            vec![Named::new(lit(1_i64), "1")],
            AggregateOptions::default(),
        )?;
        let items = vec![own.clone(), Named::new(count.expr, "count")];
        let groups = vec![own.expr.clone()];
        let counted = planner.select(scope.clone(), SelectList { items, groups, ..SelectList::default() })?;
        let mut columns = counted.visible().cloned().collect::<Vec<_>>().into_iter();
        let (Some(value), Some(count)) = (columns.next(), columns.next()) else {
            return Err(SparkError::internal("two columns became fewer"));
        };
        let list = one_list(planner, counted, &value, &count, support, &format!("{name}_freqItems"))?;
        result = Some(match result {
            None => list,
            Some(before) => {
                let frames = before.frames.clone().joined(list.frames.clone());
                let mut columns = before.columns;
                columns.extend(list.columns);
                let plan = LogicalPlanBuilder::from(before.plan).cross_join(list.plan)?.build()?;
                Scope { plan, columns, frames, below: None }
            }
        });
    }
    result.ok_or_else(|| SparkError::unsupported("freqItems without columns"))
}

/// The list of the values that are frequent.
fn one_list(
    planner: &mut Planner<'_>,
    counted: Scope,
    value: &ScopeColumn,
    count: &ScopeColumn,
    support: f64,
    name: &str,
) -> Result<Scope> {
    use crate::analysis::window::{Window, over};
    let args = vec![Named::new(Expr::Column(count.column.clone()), "count")];
    let all = over(&context(planner, &counted), "sum", args, AggregateOptions::default(), Window::default())?;
    let items = vec![kept(value), kept(count), Named::new(all.expr, "total")];
    let scope = planner.project(counted, items)?;
    let mut columns = scope.visible().cloned().collect::<Vec<_>>().into_iter();
    let (Some(value), Some(count), Some(total)) = (columns.next(), columns.next(), columns.next()) else {
        return Err(SparkError::internal("three columns became fewer"));
    };
    let schema = std::sync::Arc::clone(scope.plan.schema());
    let float = |column: &ScopeColumn| {
        cast(Expr::Column(column.column.clone()), &DataType::Float64, false, schema.as_ref())
    };
    let scope = super::columns::filtered(scope.clone(), float(&count)?.gt_eq(float(&total)? * lit(support)))?;
    let args = vec![kept(&value)];
    let list = call::aggregate(&context(planner, &scope), "collect_list", args, AggregateOptions::default())?;
    let items = vec![Named::new(list.expr, name)];
    planner.select(scope, SelectList { items, grouped: true, ..SelectList::default() })
}
