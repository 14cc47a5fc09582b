//! Intervals in expressions: what units they have, and the columns that tell of them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::ListArray;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};

use super::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::interval as kernels;
use crate::types::interval::{MARK, Units};

/// A constant of months or microseconds.
pub fn literal(units: Units, value: i64) -> Expr {
    let scalar = if units.months {
        ScalarValue::IntervalYearMonth(i32::try_from(value).ok())
    } else {
        ScalarValue::DurationMicrosecond(Some(value))
    };
    Expr::Literal(scalar, metadata(units))
}

fn metadata(units: Units) -> Option<FieldMetadata> {
    let (key, text) = units.mark()?;
    Some(FieldMetadata::from(HashMap::from([(key, text)])))
}

/// The units of an expression; `None` where it gives no interval, or a calendar interval.
///
/// # Errors
/// DataFusion's, where the expression has no type.
pub fn units(expr: &Expr, schema: &dyn ExprSchema) -> Result<Option<Units>> {
    if Units::all(&expr.get_type(schema)?).is_none() {
        return Ok(None);
    }
    Ok(Units::of(field(expr, schema)?.as_ref()))
}

/// The column of an expression: its type, with the units of all intervals in it.
///
/// # Errors
/// As [`units`].
pub fn field(expr: &Expr, schema: &dyn ExprSchema) -> Result<FieldRef> {
    let own = expr.to_field(schema)?.1;
    if !has_intervals(own.data_type()) || is_marked(&own) {
        return Ok(own);
    }
    let parts: Vec<&Expr> = match expr {
        Expr::Alias(alias) => vec![&alias.expr],
        Expr::BinaryExpr(binary) if matches!(binary.op, Operator::Plus | Operator::Minus) => {
            vec![&binary.left, &binary.right]
        }
        Expr::Negative(inner) => vec![inner],
        Expr::Case(case) => case
            .when_then_expr
            .iter()
            .map(|(_, then)| then)
            .chain(&case.else_expr)
            .map(AsRef::as_ref)
            .collect(),
        Expr::ScalarFunction(call) => return of_call(call, own, schema),
        Expr::AggregateFunction(AggregateFunction { func, params }) => match func.name() {
            "avg" | "try_avg" | "spark_percentile" => return Ok(own),
            _ => params.args.iter().collect(),
        },
        Expr::WindowFunction(call) => {
            let WindowFunction { fun, params } = call.as_ref();
            if fun.name() == "avg" {
                return Ok(own);
            }
            params.args.iter().collect()
        }
        _ => return Ok(own),
    };
    with_units_of(own, &parts, schema)
}

fn of_call(call: &ScalarFunction, own: FieldRef, schema: &dyn ExprSchema) -> Result<FieldRef> {
    if kernels::OF_ALL_UNITS.iter().any(|kernel| kernel.name == call.func.name()) {
        return Ok(own);
    }
    if let (DataType::Struct(fields), "named_struct") = (own.data_type(), call.func.name()) {
        let values = call.args.iter().skip(1).step_by(2);
        let fields: Vec<FieldRef> = fields
            .iter()
            .zip(values)
            .map(|(of, value)| Ok(retyped(of, field(value, schema)?.as_ref())))
            .collect::<Result<_>>()?;
        return Ok(Arc::new(own.as_ref().clone().with_data_type(DataType::Struct(fields.into()))));
    }
    with_units_of(own, &call.args.iter().collect::<Vec<_>>(), schema)
}

/// A column of the same name that holds what another does.
fn retyped(field: &FieldRef, like: &Field) -> FieldRef {
    let mut metadata = field.metadata().clone();
    metadata.extend(like.metadata().get(MARK).map(|mark| (MARK.to_owned(), mark.clone())));
    Arc::new(field.as_ref().clone().with_data_type(like.data_type().clone()).with_metadata(metadata))
}

/// The column with the units that intervals have in some expressions.
fn with_units_of(own: FieldRef, parts: &[&Expr], schema: &dyn ExprSchema) -> Result<FieldRef> {
    let mut found = Found::default();
    for part in parts {
        let null = matches!(part, Expr::Literal(value, None) if value.is_null());
        if !null && has_intervals(&part.get_type(schema)?) {
            found.look(field(part, schema)?.as_ref());
        }
    }
    Ok(found.mark(&own))
}

/// The units of the intervals that were seen: of days, and of months.
#[derive(Debug, Default)]
pub struct Found {
    days: Option<Units>,
    months: Option<Units>,
}

impl Found {
    /// The expression with these units in its type, where there are any.
    ///
    /// # Errors
    /// As [`units`].
    pub fn put_on(&self, expr: Expr, schema: &dyn ExprSchema) -> Result<Expr> {
        if self.days.is_none() && self.months.is_none() {
            return Ok(expr);
        }
        let own = expr.to_field(schema)?.1;
        typed(expr, self.mark(&own).as_ref(), schema)
    }

    fn look(&mut self, field: &Field) {
        if let Some(units) = Units::of(field) {
            let seen = if units.months { &mut self.months } else { &mut self.days };
            *seen = seen.map_or(Some(units), |before| before.union(units));
        }
        for inner in inner(field.data_type()) {
            self.look(inner);
        }
    }

    fn mark(&self, field: &FieldRef) -> FieldRef {
        if !has_intervals(field.data_type()) {
            return Arc::clone(field);
        }
        let mut metadata = field.metadata().clone();
        let data_type = match field.data_type() {
            DataType::List(item) => DataType::List(self.mark(item)),
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| self.mark(f)).collect()),
            DataType::Map(entries, sorted) => DataType::Map(self.mark(entries), *sorted),
            leaf => {
                let months = matches!(leaf, DataType::Interval(_));
                let seen = if months { self.months } else { self.days };
                metadata.extend(seen.and_then(Units::mark));
                leaf.clone()
            }
        };
        Arc::new(field.as_ref().clone().with_data_type(data_type).with_metadata(metadata))
    }
}

fn inner(data_type: &DataType) -> Vec<&FieldRef> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => vec![item],
        DataType::Map(entries, _) => vec![entries],
        DataType::Struct(fields) => fields.iter().collect(),
        _ => vec![],
    }
}

/// Whether values of a type are or hold intervals that have units.
fn has_intervals(data_type: &DataType) -> bool {
    Units::all(data_type).is_some() || inner(data_type).iter().any(|field| has_intervals(field.data_type()))
}

fn is_marked(field: &Field) -> bool {
    field.metadata().contains_key(MARK) || inner(field.data_type()).iter().any(|field| is_marked(field))
}

/// The expression as one whose column tells the units.
///
/// # Errors
/// As [`units`].
pub fn marked(expr: Expr, schema: &dyn ExprSchema) -> Result<Expr> {
    if !has_intervals(&expr.get_type(schema)?) {
        return Ok(expr);
    }
    let wanted = field(&expr, schema)?;
    if let Expr::Alias(mut alias) = expr {
        alias.expr = Box::new(marked(*alias.expr, schema)?);
        return Ok(Expr::Alias(alias));
    }
    typed(expr, &wanted, schema)
}

/// The expression with the units of a column, of whose type it is.
///
/// # Errors
/// As [`units`].
pub fn typed(expr: Expr, wanted: &Field, schema: &dyn ExprSchema) -> Result<Expr> {
    let own = expr.to_field(schema)?.1;
    let mark = wanted.metadata().get(MARK);
    if own.metadata().get(MARK) == mark && own.data_type() == wanted.data_type() {
        return Ok(expr);
    }
    let metadata = mark.map(|mark| FieldMetadata::from(HashMap::from([(MARK.to_owned(), mark.clone())])));
    if let Expr::Literal(value, _) = &expr
        && !wanted.data_type().is_nested()
    {
        return Ok(Expr::Literal(value.clone(), metadata));
    }
    // DataFusion's null of a list forgets what its field says.
    let null = match wanted.data_type() {
        DataType::List(item) => ScalarValue::List(Arc::new(ListArray::new_null(Arc::clone(item), 1))),
        other => ScalarValue::try_from(other)?,
    };
    let like = Expr::Literal(null, metadata);
    Ok(scalar_call(kernels::TYPED.function(), vec![expr, like]))
}

/// Expressions of one type, with the units of all of them.
///
/// # Errors
/// As [`units`].
pub fn unified(exprs: Vec<Expr>, schema: &dyn ExprSchema) -> Result<Vec<Expr>> {
    let Some(first) = exprs.first() else { return Ok(exprs) };
    let first = first.to_field(schema)?.1;
    if !has_intervals(first.data_type()) {
        return Ok(exprs);
    }
    let mut found = Found::default();
    for expr in &exprs {
        if !matches!(expr, Expr::Literal(value, None) if value.is_null()) {
            found.look(field(expr, schema)?.as_ref());
        }
    }
    let wanted = found.mark(&unmarked(&first));
    exprs.into_iter().map(|expr| typed(expr, &wanted, schema)).collect()
}

fn unmarked(field: &FieldRef) -> FieldRef {
    let mut metadata = field.metadata().clone();
    metadata.remove(MARK);
    Arc::new(field.as_ref().clone().with_metadata(metadata))
}

/// Arguments of aggregates, whose states DataFusion keeps as single values: of lists those would lose the units.
///
/// # Errors
/// As [`units`].
pub fn without_marks_in_lists(exprs: Vec<Expr>, schema: &dyn ExprSchema) -> Result<(Vec<Expr>, Found)> {
    let mut found = Found::default();
    let mut bare = Vec::with_capacity(exprs.len());
    for expr in exprs {
        let own = expr.to_field(schema)?.1;
        bare.push(match own.data_type() {
            DataType::List(_) if is_marked(&own) => {
                found.look(&own);
                typed(expr, &Field::new("", unmarked_type(own.data_type()), true), schema)?
            }
            _ => expr,
        });
    }
    Ok((bare, found))
}

fn unmarked_type(data_type: &DataType) -> DataType {
    let bare = |field: &FieldRef| {
        let data_type = unmarked_type(field.data_type());
        Arc::new(unmarked(field).as_ref().clone().with_data_type(data_type))
    };
    match data_type {
        DataType::List(item) => DataType::List(bare(item)),
        DataType::Map(entries, sorted) => DataType::Map(bare(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(bare).collect()),
        other => other.clone(),
    }
}

/// Spark's name of an expression's type.
///
/// # Errors
/// As [`units`].
pub fn sql_name(expr: &Expr, schema: &dyn ExprSchema) -> Result<String> {
    Ok(crate::types::sql_name_of(field(expr, schema)?.as_ref()))
}

/// Spark's text of an expression that may be a constant interval.
///
/// # Errors
/// As [`units`].
pub fn shown(expr: &Expr, schema: &dyn ExprSchema) -> Result<String> {
    let count = match expr {
        Expr::Literal(ScalarValue::IntervalYearMonth(Some(months)), _) => i64::from(*months),
        Expr::Literal(ScalarValue::DurationMicrosecond(Some(micros)), _) => *micros,
        other => return Ok(other.schema_name().to_string()),
    };
    Ok(units(expr, schema)?.map(|units| units.text(count)).unwrap_or_default())
}

/// An interval as months, days and nanoseconds, which dates and timestamps are moved by.
///
/// # Errors
/// As [`units`].
pub fn to_calendar(expr: Expr, schema: &dyn ExprSchema) -> Result<Expr> {
    if let Expr::Literal(value, _) = &expr
        && let Some(value) = calendar_scalar(value)
    {
        return Ok(Expr::Literal(value, None));
    }
    if is_calendar(&expr.get_type(schema)?) {
        return Ok(expr);
    }
    Ok(scalar_call(kernels::TO_CALENDAR.function(), vec![expr]))
}

/// The months or microseconds of an interval; what is none as it is.
///
/// # Errors
/// As [`units`].
pub fn count(expr: Expr, schema: &dyn ExprSchema) -> Result<Expr> {
    Ok(match units(&expr, schema)? {
        Some(_) => scalar_call(kernels::COUNT.function(), vec![expr]),
        None => expr,
    })
}

/// The same of a constant; `None` for what is no interval.
pub fn calendar_scalar(value: &ScalarValue) -> Option<ScalarValue> {
    let interval = match value {
        ScalarValue::IntervalYearMonth(months) => {
            months.map(|months| IntervalMonthDayNano::new(months, 0, 0))
        }
        ScalarValue::DurationMicrosecond(micros) => micros.map(kernels::calendar_of),
        ScalarValue::IntervalMonthDayNano(interval) => *interval,
        _ => return None,
    };
    Some(ScalarValue::IntervalMonthDayNano(interval))
}

/// Whether a type is that of calendar intervals, which have no order.
pub fn is_calendar(data_type: &DataType) -> bool {
    data_type == &DataType::Interval(IntervalUnit::MonthDayNano)
}

/// The error where values that have no order are put in one.
pub fn not_ordered(call: &str, function: &str) -> SparkError {
    SparkError::type_mismatch(
        "INVALID_ORDERING_TYPE",
        call,
        &format!("The `{function}` does not support ordering on type \"INTERVAL\""),
    )
    .with_param("functionName", format!("`{function}`"))
    .with_param("dataType", "\"INTERVAL\"")
}
