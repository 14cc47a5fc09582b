//! Casts whose rules are Spark's own: from strings, and to strings.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::array::{BooleanBuilder, PrimitiveArray, PrimitiveBuilder};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options, unary};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time64NanosecondType, TimestampMicrosecondType,
};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::arithmetic::OnFailure;
use super::datetime::Zone;
use crate::error::{cast_invalid_input, cast_overflow};
use crate::source::datetime;
use crate::text::{self, Style};
use crate::types;

/// `spark_cast_to(value, null of the target type)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SparkCast {
    on_failure: OnFailure,
    signature: Signature,
}

/// The cast function, failing or tolerant.
pub fn function(tolerant: bool) -> Arc<ScalarUDF> {
    function_that(if tolerant { OnFailure::Null } else { OnFailure::Fail })
}

fn function_that(on_failure: OnFailure) -> Arc<ScalarUDF> {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(SparkCast { on_failure, signature }))
}

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [OnFailure::Fail, OnFailure::Null, OnFailure::Lenient].into_iter().map(function_that).collect()
}

/// What takes the place of the failing cast without ANSI rules.
pub(super) fn lenient(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == STRICT).then(|| function_that(OnFailure::Lenient))
}

/// Name of the cast that fails.
const STRICT: &str = "spark_cast_to";

/// Whether the cast needs this function; else Arrow's own cast is Spark's.
pub fn is_needed(from: &DataType, to: &DataType) -> bool {
    if from.is_string() {
        return to.is_numeric()
            || matches!(
                to,
                DataType::Boolean | DataType::Date32 | DataType::Timestamp(_, _) | DataType::Time64(_)
            );
    }
    if to.is_string() {
        return from.is_floating()
            || from.is_nested()
            || matches!(
                from,
                DataType::Timestamp(_, _)
                    | DataType::Decimal128(_, _)
                    | DataType::Interval(_)
                    | DataType::Duration(_)
                    | DataType::Time64(_)
            );
    }
    if matches!(from, DataType::Timestamp(_, Some(_))) {
        return to.is_numeric() || matches!(to, DataType::Date32 | DataType::Timestamp(_, None));
    }
    if matches!(to, DataType::Timestamp(_, Some(_))) {
        return from.is_numeric() || matches!(from, DataType::Date32 | DataType::Timestamp(_, None));
    }
    (from.is_floating() && to.is_integer()) || narrows(from, to)
}

/// Whether an integer may be too large for another integer type.
fn narrows(from: &DataType, to: &DataType) -> bool {
    matches!(
        (from, to),
        (DataType::Int16, DataType::Int8)
            | (DataType::Int32, DataType::Int8 | DataType::Int16)
            | (DataType::Int64, DataType::Int8 | DataType::Int16 | DataType::Int32)
    )
}

/// A value as one of another type, in a column of one row; `None` where the cast fails.
pub(super) fn tolerant_value(value: &ScalarValue, to: &DataType) -> Result<Option<ArrayRef>> {
    let array = value.to_array()?;
    let out = if is_needed(array.data_type(), to) {
        let signature = Signature::any(2, Volatility::Immutable);
        SparkCast { on_failure: OnFailure::Null, signature }.convert(&array, to)?
    } else {
        let options = CastOptions { safe: true, ..CastOptions::default() };
        cast_with_options(&array, to, &options)?
    };
    Ok(out.is_valid(0).then_some(out))
}

impl ScalarUDFImpl for SparkCast {
    fn name(&self) -> &str {
        match self.on_failure {
            OnFailure::Fail => STRICT,
            OnFailure::Null => "spark_try_cast_to",
            OnFailure::Lenient => "spark_cast_to_lenient",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        super::schema_name::of(self.name(), args)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [_, to] => Ok(to.clone()),
            _ => exec_err!("{} takes two arguments", self.name()),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        match args.arg_fields {
            [from, to] => Ok(Arc::new(datafusion::arrow::datatypes::Field::new(
                self.name(),
                to.data_type().clone(),
                from.is_nullable() || !self.strict() || from.data_type().is_string(),
            ))),
            _ => exec_err!("{} takes two arguments", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = args.return_field.data_type();
        match args.args.first() {
            Some(ColumnarValue::Array(array)) => Ok(ColumnarValue::Array(self.convert(array, to)?)),
            Some(ColumnarValue::Scalar(value)) => {
                let array = self.convert(&value.to_array()?, to)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
            }
            None => internal_err!("{} without arguments", self.name()),
        }
    }
}

impl SparkCast {
    fn strict(&self) -> bool {
        self.on_failure == OnFailure::Fail
    }

    fn convert(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        let from = array.data_type();
        if to.is_string() {
            return to_string(array, to);
        }
        if from.is_string() {
            return self.parse(array, to);
        }
        match (from, to) {
            (DataType::Timestamp(_, Some(zone)), DataType::Date32) => {
                let zone = Zone::new(zone)?;
                return instants::<Date32Type>(array, |v| {
                    zone.local(v).map(|local| datetime::days(local.date()))
                });
            }
            (DataType::Timestamp(_, Some(zone)), DataType::Timestamp(_, None)) => {
                let zone = Zone::new(zone)?;
                return instants::<TimestampMicrosecondType>(array, |v| zone.local_micros(v));
            }
            (DataType::Timestamp(_, None), DataType::Timestamp(_, Some(name))) => {
                let zone = Zone::new(name)?;
                let out = instants::<TimestampMicrosecondType>(array, |v| zone.instant_of_micros(v))?;
                return Ok(cast_zone(&out, name));
            }
            (DataType::Date32, DataType::Timestamp(_, Some(name))) => {
                let zone = Zone::new(name)?;
                let out: PrimitiveArray<TimestampMicrosecondType> = array
                    .as_primitive::<Date32Type>()
                    .iter()
                    .map(|days| zone.start_of(NaiveDate::from_epoch_days(days?)?))
                    .collect();
                return Ok(Arc::new(out.with_timezone(Arc::clone(name))));
            }
            (DataType::Timestamp(_, Some(_)), to) if to.is_integer() => {
                let seconds = instants::<Int64Type>(array, |v| Some(v.div_euclid(1_000_000)))?;
                return if to == &DataType::Int64 { Ok(seconds) } else { self.narrow(&seconds, to) };
            }
            (DataType::Timestamp(_, Some(_)), to) => {
                let seconds = instants::<Float64Type>(array, |v| Some(v as f64 / 1e6))?;
                return Ok(cast(&seconds, to)?);
            }
            (from, DataType::Timestamp(_, Some(name))) if from.is_integer() => {
                let seconds = cast(array, &DataType::Int64)?;
                let seconds = seconds.as_primitive::<Int64Type>();
                let micros: PrimitiveArray<TimestampMicrosecondType> =
                    seconds.iter().map(|v| v.map(|v| v.saturating_mul(1_000_000))).collect();
                return Ok(Arc::new(micros.with_timezone(Arc::clone(name))));
            }
            (_, DataType::Timestamp(_, Some(name))) => {
                let seconds = cast(array, &DataType::Float64)?;
                let seconds = seconds.as_primitive::<Float64Type>();
                let micros: PrimitiveArray<TimestampMicrosecondType> =
                    seconds.iter().map(|v| v.filter(|v| v.is_finite()).map(|v| (v * 1e6) as i64)).collect();
                return Ok(Arc::new(micros.with_timezone(Arc::clone(name))));
            }
            _ => {}
        }
        if from.is_integer() {
            return self.narrow(array, to);
        }
        match to {
            DataType::Int8 => self.truncate::<Int8Type>(array, i8::MIN.into(), i8::MAX.into(), |v| v as i8),
            DataType::Int16 => {
                self.truncate::<Int16Type>(array, i16::MIN.into(), i16::MAX.into(), |v| v as i16)
            }
            DataType::Int32 => {
                self.truncate::<Int32Type>(array, i32::MIN.into(), i32::MAX.into(), |v| v as i32)
            }
            DataType::Int64 => {
                self.truncate::<Int64Type>(array, i64::MIN as f64, i64::MAX as f64, |v| v as i64)
            }
            _ => exec_err!("no cast from {from} to {to}"),
        }
    }

    /// Integer to a narrower integer.
    fn narrow(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        if self.on_failure == OnFailure::Lenient {
            return wrapped(array, to);
        }
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let out = cast_with_options(array, to, &options)?;
        if self.strict()
            && let Some(bad) = (0..out.len()).find(|i| out.is_null(*i) && array.is_valid(*i))
        {
            let suffix = match array.data_type() {
                DataType::Int64 => "L",
                DataType::Int16 => "S",
                _ => "",
            };
            let literal = format!("{}{suffix}", text::value(array, bad, Style::Cast)?);
            let source = types::sql_name(array.data_type());
            return Err(cast_overflow(&literal, Some(&source), &types::sql_name(to)).into());
        }
        Ok(out)
    }

    /// Floating point to integer: towards zero, out of range fails.
    fn truncate<T: ArrowPrimitiveType>(
        &self,
        array: &ArrayRef,
        min: f64,
        max: f64,
        convert: impl Fn(f64) -> T::Native,
    ) -> Result<ArrayRef> {
        let doubles = cast(array, &DataType::Float64)?;
        let mut out = PrimitiveBuilder::<T>::with_capacity(array.len());
        for v in doubles.as_primitive::<Float64Type>() {
            match v {
                Some(v) if v.trunc() >= min && v.trunc() <= max => out.append_value(convert(v)),
                Some(_) if self.on_failure == OnFailure::Null => out.append_null(),
                // As in Java, what is too large becomes the largest.
                Some(v) if self.on_failure == OnFailure::Lenient => out.append_value(convert(v)),
                Some(v) => {
                    let (literal, source) = match array.data_type() {
                        DataType::Float64 => (format!("{}D", text::double(v)), "DOUBLE"),
                        _ => (format!("CAST('{}' AS FLOAT)", text::float(v as f32)), "FLOAT"),
                    };
                    return Err(cast_overflow(&literal, Some(source), &types::sql_name(&T::DATA_TYPE)).into());
                }
                None => out.append_null(),
            }
        }
        Ok(Arc::new(out.finish()))
    }

    /// Strings to anything else, blanks around them left out.
    fn parse(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        match to {
            DataType::Int8 => self.numbers::<Int8Type>(array, to, |s| self.integer(s)?.try_into().ok()),
            DataType::Int16 => self.numbers::<Int16Type>(array, to, |s| self.integer(s)?.try_into().ok()),
            DataType::Int32 => self.numbers::<Int32Type>(array, to, |s| self.integer(s)?.try_into().ok()),
            DataType::Int64 => self.numbers::<Int64Type>(array, to, |s| self.integer(s)),
            DataType::Float32 => self.numbers::<Float32Type>(array, to, |s| number(s).map(|v| v as f32)),
            DataType::Float64 => self.numbers::<Float64Type>(array, to, number),
            DataType::Boolean => {
                let mut out = BooleanBuilder::with_capacity(array.len());
                for s in &strings(array)? {
                    out.append_option(self.one(s.as_deref(), to, boolean)?);
                }
                Ok(Arc::new(out.finish()))
            }
            DataType::Date32 => self.numbers::<Date32Type>(array, to, datetime::parse_date),
            DataType::Time64(_) => self.numbers::<Time64NanosecondType>(array, to, datetime::parse_time),
            DataType::Timestamp(_, None) => self.numbers::<TimestampMicrosecondType>(array, to, |s| {
                let parsed = datetime::parse_timestamp(s, today(None))?;
                datetime::micros(parsed.local)
            }),
            DataType::Timestamp(_, Some(name)) => {
                let zone = Zone::new(name)?;
                let out = self.numbers::<TimestampMicrosecondType>(array, to, |s| {
                    match datetime::parse_timestamp_fast(s.as_bytes()) {
                        Some((micros, true)) => Some(micros),
                        Some((micros, false)) => zone.instant_of_micros(micros),
                        None => {
                            let parsed = datetime::parse_timestamp(s, today(Some(&zone)))?;
                            match parsed.zone {
                                Some(written) => datetime::local_to_micros(parsed.local, written),
                                None => zone.instant(parsed.local),
                            }
                        }
                    }
                })?;
                Ok(cast_zone(&out, name))
            }
            _ => self.parse_by_arrow(array, to),
        }
    }

    /// Without ANSI rules digits behind a point are cut off.
    fn integer(&self, s: &str) -> Option<i64> {
        match (integer(s), s.split_once('.')) {
            (None, Some((whole, fraction)))
                if self.on_failure == OnFailure::Lenient && fraction.bytes().all(|b| b.is_ascii_digit()) =>
            {
                integer(if whole.is_empty() { "0" } else { whole })
            }
            (value, _) => value,
        }
    }

    fn numbers<T: ArrowPrimitiveType>(
        &self,
        array: &ArrayRef,
        to: &DataType,
        parse: impl Fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        let mut out = PrimitiveBuilder::<T>::with_capacity(array.len());
        for s in &strings(array)? {
            out.append_option(self.one(s.as_deref(), to, &parse)?);
        }
        Ok(Arc::new(out.finish()))
    }

    fn one<V>(&self, s: Option<&str>, to: &DataType, parse: impl Fn(&str) -> Option<V>) -> Result<Option<V>> {
        let Some(s) = s else { return Ok(None) };
        match parse(s.trim()) {
            Some(v) => Ok(Some(v)),
            None if !self.strict() => Ok(None),
            None => Err(cast_invalid_input(s, &types::sql_name(to)).into()),
        }
    }

    /// Decimals: Arrow's parser on trimmed strings.
    fn parse_by_arrow(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        let mut trimmed = StringBuilder::new();
        let originals = strings(array)?;
        for s in &originals {
            trimmed.append_option(s.as_deref().map(str::trim));
        }
        let trimmed: ArrayRef = Arc::new(trimmed.finish());
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let out = cast_with_options(&trimmed, to, &options)?;
        if self.strict()
            && let Some(bad) = (0..out.len()).find(|i| out.is_null(*i) && array.is_valid(*i))
        {
            let value = originals[bad].as_deref().unwrap_or_default();
            return Err(cast_invalid_input(value, &types::sql_name(to)).into());
        }
        Ok(out)
    }
}

/// Integers cut to fewer bits.
fn wrapped(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let wide = cast(array, &DataType::Int64)?;
    let wide = wide.as_primitive::<Int64Type>();
    Ok(match to {
        DataType::Int8 => Arc::new(unary::<_, _, Int8Type>(wide, |v| v as i8)),
        DataType::Int16 => Arc::new(unary::<_, _, Int16Type>(wide, |v| v as i16)),
        _ => Arc::new(unary::<_, _, Int32Type>(wide, |v| v as i32)),
    })
}

/// Timestamps to something else, null outside of the calendar.
fn instants<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    convert: impl Fn(i64) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let values = array.as_primitive::<TimestampMicrosecondType>();
    let out: PrimitiveArray<T> = values.iter().map(|v| v.and_then(&convert)).collect();
    Ok(Arc::new(out))
}

fn cast_zone(array: &ArrayRef, zone: &Arc<str>) -> ArrayRef {
    Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(Arc::clone(zone)))
}

/// The date now, of which a time without a date is.
fn today(zone: Option<&Zone>) -> NaiveDate {
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).naive_utc();
    let local = zone.and_then(|zone| zone.local(datetime::micros(now)?));
    local.unwrap_or(now).date()
}

fn strings(array: &ArrayRef) -> Result<Vec<Option<String>>> {
    let utf8 = cast(array, &DataType::Utf8)?;
    Ok(utf8.as_string::<i32>().iter().map(|s| s.map(str::to_owned)).collect())
}

/// Integers as Spark takes them: digits after a point are allowed nowhere in ANSI mode.
fn integer(s: &str) -> Option<i64> {
    s.strip_prefix('+').unwrap_or(s).parse().ok()
}

fn number(s: &str) -> Option<f64> {
    let lower = s.to_ascii_lowercase();
    match lower.as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        _ => lower.strip_suffix(['d', 'f']).unwrap_or(&lower).parse().ok(),
    }
}

fn boolean(s: &str) -> Option<bool> {
    match s.to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn to_string(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 8);
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
        } else {
            out.append_value(text::value(array, row, Style::Cast)?);
        }
    }
    let out: ArrayRef = Arc::new(out.finish());
    if to == &DataType::Utf8 { Ok(out) } else { Ok(cast(&out, to)?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_strings_fail_or_give_null() {
        let array: ArrayRef = Arc::new(datafusion::arrow::array::StringArray::from(vec![" 7 ", "abc"]));
        let strict =
            SparkCast { on_failure: OnFailure::Fail, signature: Signature::any(2, Volatility::Immutable) };
        let error = strict.convert(&array, &DataType::Int32).expect_err("malformed");
        assert_eq!(crate::error::SparkError::from(error).class(), "CAST_INVALID_INPUT");
        let tolerant =
            SparkCast { on_failure: OnFailure::Null, signature: Signature::any(2, Volatility::Immutable) };
        let out = tolerant.convert(&array, &DataType::Int32).expect("tolerant");
        let out: Vec<_> = out.as_primitive::<Int32Type>().iter().collect();
        assert_eq!(out, [Some(7), None]);
    }
}
