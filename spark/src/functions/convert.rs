//! Casts whose rules are Spark's own: from strings, and to strings.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::array::{BooleanBuilder, Date32Builder, PrimitiveBuilder};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::{cast_invalid_input, cast_overflow};
use crate::text::{self, Style};
use crate::types;

/// `spark_cast(value, null of the target type)`; fails on malformed input, or with `try_` gives null.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SparkCast {
    tolerant: bool,
    signature: Signature,
}

/// The cast function, failing or tolerant.
pub fn function(tolerant: bool) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(SparkCast {
        tolerant,
        signature: Signature::any(2, Volatility::Immutable),
    }))
}

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![function(false), function(true)]
}

/// Whether the cast needs this function; else Arrow's own cast is Spark's.
pub fn is_needed(from: &DataType, to: &DataType) -> bool {
    if from.is_string() {
        return to.is_numeric()
            || matches!(to, DataType::Boolean | DataType::Date32 | DataType::Timestamp(_, _));
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
            );
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

impl ScalarUDFImpl for SparkCast {
    fn name(&self) -> &str {
        if self.tolerant { "spark_try_cast_to" } else { "spark_cast_to" }
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
                from.is_nullable() || self.tolerant || from.data_type().is_string(),
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
    fn convert(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        let from = array.data_type();
        if to.is_string() {
            return to_string(array, to);
        }
        if from.is_string() {
            return self.parse(array, to);
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
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let out = cast_with_options(array, to, &options)?;
        if !self.tolerant
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
                Some(_) if self.tolerant => out.append_null(),
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
            DataType::Int8 => self.numbers::<Int8Type>(array, to, |s| integer(s)?.try_into().ok()),
            DataType::Int16 => self.numbers::<Int16Type>(array, to, |s| integer(s)?.try_into().ok()),
            DataType::Int32 => self.numbers::<Int32Type>(array, to, |s| integer(s)?.try_into().ok()),
            DataType::Int64 => self.numbers::<Int64Type>(array, to, integer),
            DataType::Float32 => self.numbers::<Float32Type>(array, to, |s| number(s).map(|v| v as f32)),
            DataType::Float64 => self.numbers::<Float64Type>(array, to, number),
            DataType::Boolean => {
                let mut out = BooleanBuilder::with_capacity(array.len());
                for s in &strings(array)? {
                    out.append_option(self.one(s.as_deref(), to, boolean)?);
                }
                Ok(Arc::new(out.finish()))
            }
            DataType::Date32 => {
                let mut out = Date32Builder::with_capacity(array.len());
                for s in &strings(array)? {
                    out.append_option(self.one(s.as_deref(), to, date)?);
                }
                Ok(Arc::new(out.finish()))
            }
            _ => self.parse_by_arrow(array, to),
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
            None if self.tolerant => Ok(None),
            None => Err(cast_invalid_input(s, &types::sql_name(to)).into()),
        }
    }

    /// Decimals and timestamps: Arrow's parser on trimmed strings.
    fn parse_by_arrow(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        let mut trimmed = StringBuilder::new();
        let originals = strings(array)?;
        for s in &originals {
            trimmed.append_option(s.as_deref().map(|s| widen_date(s.trim())));
        }
        let trimmed: ArrayRef = Arc::new(trimmed.finish());
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let out = cast_with_options(&trimmed, to, &options)?;
        if !self.tolerant
            && let Some(bad) = (0..out.len()).find(|i| out.is_null(*i) && array.is_valid(*i))
        {
            let value = originals[bad].as_deref().unwrap_or_default();
            return Err(cast_invalid_input(value, &types::sql_name(to)).into());
        }
        Ok(out)
    }
}

/// Arrow wants two digits for month and day.
fn widen_date(s: &str) -> String {
    let end = s.find([' ', 'T']).unwrap_or(s.len());
    match date(&s[..end]) {
        Some(days) => format!("{}{}", text::date(days), &s[end..]),
        None => s.to_owned(),
    }
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

/// `yyyy`, `yyyy-[m]m`, `yyyy-[m]m-[d]d`, and what follows a blank or `T` after a whole date.
fn date(s: &str) -> Option<i32> {
    let s = s.split([' ', 'T']).next()?;
    let mut parts = s.split('-');
    let digits = |part: &str, range: std::ops::RangeInclusive<usize>| -> Option<u32> {
        let ok = range.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if ok { part.parse().ok() } else { None }
    };
    let year = digits(parts.next()?, 4..=7)?;
    let month = parts.next().map_or(Some(1), |p| digits(p, 1..=2))?;
    let day = parts.next().map_or(Some(1), |p| digits(p, 1..=2))?;
    if parts.next().is_some() {
        return None;
    }
    Some(NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.to_epoch_days())
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
    fn strings_become_dates() {
        let cases = [
            ("2020-01-05", Some("2020-01-05")),
            ("2020-1-5", Some("2020-01-05")),
            ("2020-02", Some("2020-02-01")),
            ("2020", Some("2020-01-01")),
            ("2020-01-05 10:00", Some("2020-01-05")),
            ("2020-13-01", None),
            ("2020-02-30", None),
            ("x", None),
        ];
        for (s, expected) in cases {
            assert_eq!(date(s).map(text::date).as_deref(), expected, "{s}");
        }
    }

    #[test]
    fn malformed_strings_fail_or_give_null() {
        let array: ArrayRef = Arc::new(datafusion::arrow::array::StringArray::from(vec![" 7 ", "abc"]));
        let strict = SparkCast { tolerant: false, signature: Signature::any(2, Volatility::Immutable) };
        let error = strict.convert(&array, &DataType::Int32).expect_err("malformed");
        assert_eq!(crate::error::SparkError::from(error).class(), "CAST_INVALID_INPUT");
        let tolerant = SparkCast { tolerant: true, signature: Signature::any(2, Volatility::Immutable) };
        let out = tolerant.convert(&array, &DataType::Int32).expect("tolerant");
        let out: Vec<_> = out.as_primitive::<Int32Type>().iter().collect();
        assert_eq!(out, [Some(7), None]);
    }
}
