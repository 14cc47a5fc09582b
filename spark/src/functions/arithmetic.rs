//! Arithmetic that fails as ANSI Spark does: overflow, division and remainder by zero.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, PrimitiveArray,
};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::interval;
use crate::error::{SparkError, arithmetic_overflow, divide_by_zero, remainder_by_zero};

mod decimal;

/// The operators that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+` of integers or decimals.
    Add,
    /// `-` of integers or decimals.
    Subtract,
    /// `*` of integers or decimals.
    Multiply,
    /// `/` of doubles or decimals.
    Divide,
    /// `div` of bigints.
    IntDivide,
    /// `%` of numbers.
    Remainder,
}

/// What an operator does where it has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// Fails, as ANSI Spark does.
    Fail,
    /// Gives null, as the `try_` functions do.
    Null,
    /// As Spark does with `spark.sql.ansi.enabled=false`: integers wrap around, the rest is null.
    Lenient,
}

impl Operator {
    const ALL: [Self; 6] =
        [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::IntDivide, Self::Remainder];

    /// Name under which its function is registered.
    pub fn function_name(self, on_failure: OnFailure) -> &'static str {
        use OnFailure::{Fail, Lenient, Null};
        match (self, on_failure) {
            (Self::Add, Fail) => "spark_add",
            (Self::Add, Null) => "spark_try_add",
            (Self::Add, Lenient) => "spark_add_lenient",
            (Self::Subtract, Fail) => "spark_subtract",
            (Self::Subtract, Null) => "spark_try_subtract",
            (Self::Subtract, Lenient) => "spark_subtract_lenient",
            (Self::Multiply, Fail) => "spark_multiply",
            (Self::Multiply, Null) => "spark_try_multiply",
            (Self::Multiply, Lenient) => "spark_multiply_lenient",
            (Self::Divide, Fail) => "spark_divide",
            (Self::Divide, Null) => "spark_try_divide",
            (Self::Divide, Lenient) => "spark_divide_lenient",
            (Self::IntDivide, Fail) => "spark_int_divide",
            (Self::IntDivide, Null) => "spark_try_int_divide",
            (Self::IntDivide, Lenient) => "spark_int_divide_lenient",
            (Self::Remainder, Fail) => "spark_remainder",
            (Self::Remainder, Null) => "spark_try_remainder",
            (Self::Remainder, Lenient) => "spark_remainder_lenient",
        }
    }

    /// The function that fails by ANSI rules; both arguments must be of one type.
    pub fn function(self) -> Arc<ScalarUDF> {
        self.function_that(OnFailure::Fail)
    }

    /// The function.
    pub fn function_that(self, on_failure: OnFailure) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(CheckedOperator {
            operator: self,
            on_failure,
            signature: Signature::any(2, Volatility::Immutable),
        }))
    }
}

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let modes = [OnFailure::Fail, OnFailure::Null, OnFailure::Lenient];
    modes.into_iter().flat_map(|mode| Operator::ALL.map(|operator| operator.function_that(mode))).collect()
}

/// What takes the place of a failing operator's function under other rules.
pub(super) fn instead(name: &str, on_failure: OnFailure) -> Option<Arc<ScalarUDF>> {
    let operator = Operator::ALL.into_iter().find(|op| op.function_name(OnFailure::Fail) == name)?;
    Some(operator.function_that(on_failure))
}

/// An operator's expression that gives null where it would have failed.
pub fn tolerant(expr: Expr) -> Expr {
    match expr {
        Expr::ScalarFunction(mut call) => {
            if let Some(function) = instead(call.func.name(), OnFailure::Null) {
                call.func = function;
            } else if let Some(kernel) = interval::tolerant(call.func.name()) {
                call.func = kernel.function();
            } else if !call.args.is_empty() {
                // The operator stands below a cast of its result.
                let first = call.args.remove(0);
                call.args.insert(0, tolerant(first));
            }
            Expr::ScalarFunction(call)
        }
        Expr::Cast(mut cast) => {
            cast.expr = Box::new(tolerant(*cast.expr));
            Expr::Cast(cast)
        }
        other => other,
    }
}

/// Spark's result types of `+` and `-` on decimals.
pub fn decimal_sum(p1: u8, s1: i8, p2: u8, s2: i8) -> (u8, i8) {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let scale = s1.max(s2);
    bounded((p1 - s1).max(p2 - s2) + scale + 1, scale)
}

/// Spark's result type of `*` on decimals.
pub fn decimal_product(p1: u8, s1: i8, p2: u8, s2: i8) -> (u8, i8) {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    bounded(p1 + p2 + 1, s1 + s2)
}

/// Spark's result type of `/` on decimals: at least six digits after the point, and the whole
/// part goes first when 38 digits do not suffice.
pub fn decimal_quotient(p1: u8, s1: i8, p2: u8, s2: i8) -> (u8, i8) {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let scale = (s1 + p2 + 1).max(6);
    bounded(p1 - s1 + s2 + scale, scale)
}

/// Spark's adjustment of a precision above 38: digits after the point are given up, but not
/// below six.
pub fn bounded(precision: i32, scale: i32) -> (u8, i8) {
    if precision <= 38 {
        return (precision as u8, scale as i8);
    }
    let whole = precision - scale;
    (38, (38 - whole).max(scale.min(6)) as i8)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedOperator {
    operator: Operator,
    on_failure: OnFailure,
    signature: Signature,
}

impl ScalarUDFImpl for CheckedOperator {
    fn name(&self) -> &str {
        self.operator.function_name(self.on_failure)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        super::schema_name::of(self.name(), args)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match (self.operator, args) {
            (operator, [DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)])
                if operator != Operator::Remainder =>
            {
                let (precision, scale) = match operator {
                    Operator::Divide => decimal_quotient(*p1, *s1, *p2, *s2),
                    Operator::Multiply => decimal_product(*p1, *s1, *p2, *s2),
                    _ => decimal_sum(*p1, *s1, *p2, *s2),
                };
                Ok(DataType::Decimal128(precision, scale))
            }
            (_, [left, right]) if left == right => Ok(left.clone()),
            _ => exec_err!("{} takes two arguments of one type, not {args:?}", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return exec_err!("{} takes two arguments", self.name());
        };
        let scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let result = self.compute(left, right, args.return_field.data_type(), rows)?;
        if scalar {
            let value = datafusion::common::ScalarValue::try_from_array(&result, 0)?;
            return Ok(ColumnarValue::Scalar(value));
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl CheckedOperator {
    fn compute(
        &self,
        left: &ColumnarValue,
        right: &ColumnarValue,
        to: &DataType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let is_decimal = matches!(left.data_type(), DataType::Decimal128(..));
        if is_decimal && self.operator != Operator::Remainder {
            return decimal::compute(self.operator, self.on_failure, left, right, to, rows);
        }
        let (left, right) = (&left.to_array(rows)?, &right.to_array(rows)?);
        match (self.operator, left.data_type()) {
            (Operator::Divide, DataType::Float64) => self.zip::<Float64Type>(
                left,
                right,
                |a, b| if b == 0.0 { None } else { Some(a / b) },
                |_, _| None,
            ),
            (Operator::Remainder, DataType::Decimal128(..)) => {
                let same = |a: i128, b: i128| if b == 0 { None } else { Some(a % b) };
                let out = self.zip::<Decimal128Type>(left, right, same, |_, _| None)?;
                Ok(datafusion::arrow::compute::cast(&out, to)?)
            }
            (_, DataType::Int8) => self.integers::<Int8Type>(left, right),
            (_, DataType::Int16) => self.integers::<Int16Type>(left, right),
            (_, DataType::Int32) => self.integers::<Int32Type>(left, right),
            (_, DataType::Int64) => self.integers::<Int64Type>(left, right),
            (Operator::Remainder, DataType::Float64) => self.rest::<Float64Type>(left, right),
            (Operator::Remainder, DataType::Float32) => self.rest::<Float32Type>(left, right),
            (_, data_type) => exec_err!("{} does not take {data_type}", self.name()),
        }
    }

    fn integers<T: ArrowPrimitiveType>(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
        let fast = match (self.operator, self.on_failure) {
            (Operator::Add, OnFailure::Fail) => numeric::add(left, right),
            (Operator::Subtract, OnFailure::Fail) => numeric::sub(left, right),
            (Operator::Multiply, OnFailure::Fail) => numeric::mul(left, right),
            (Operator::Add, OnFailure::Lenient) => numeric::add_wrapping(left, right),
            (Operator::Subtract, OnFailure::Lenient) => numeric::sub_wrapping(left, right),
            (Operator::Multiply, OnFailure::Lenient) => numeric::mul_wrapping(left, right),
            (Operator::Add, OnFailure::Null) => {
                return self.zip::<T>(left, right, |a, b| a.add_checked(b).ok(), |_, _| None);
            }
            (Operator::Subtract, OnFailure::Null) => {
                return self.zip::<T>(left, right, |a, b| a.sub_checked(b).ok(), |_, _| None);
            }
            (Operator::Multiply, OnFailure::Null) => {
                return self.zip::<T>(left, right, |a, b| a.mul_checked(b).ok(), |_, _| None);
            }
            (Operator::Remainder, _) => return self.rest::<T>(left, right),
            (Operator::Divide | Operator::IntDivide, _) => {
                let wrap =
                    |a: T::Native, b: T::Native| if b.is_zero() { None } else { Some(a.div_wrapping(b)) };
                return self.zip::<T>(left, right, |a, b| a.div_checked(b).ok(), wrap);
            }
        };
        fast.map_err(|error| match error {
            ArrowError::ArithmeticOverflow(_) => self.overflow(&T::DATA_TYPE).into(),
            other => other.into(),
        })
    }

    fn rest<T: ArrowPrimitiveType>(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
        self.zip::<T>(
            left,
            right,
            |a, b| if b.is_zero() { None } else { Some(a.mod_wrapping(b)) },
            |_, _| None,
        )
    }

    /// Row by row; `lenient` gives what an operator without result gives by lenient rules.
    fn zip<T: ArrowPrimitiveType>(
        &self,
        left: &ArrayRef,
        right: &ArrayRef,
        f: impl Fn(T::Native, T::Native) -> Option<T::Native>,
        lenient: impl Fn(T::Native, T::Native) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        let data_type = left.data_type().clone();
        let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
        let out: PrimitiveArray<T> = left
            .iter()
            .zip(right.iter())
            .map(|pair| {
                let (Some(a), Some(b)) = pair else { return Ok(None) };
                match (f(a, b), self.on_failure) {
                    (Some(value), _) => Ok(Some(value)),
                    (None, OnFailure::Null) => Ok(None),
                    (None, OnFailure::Lenient) => Ok(lenient(a, b)),
                    (None, OnFailure::Fail) => Err(self.failure(b.is_zero(), &T::DATA_TYPE)),
                }
            })
            .collect::<std::result::Result<_, SparkError>>()?;
        Ok(Arc::new(out.with_data_type(data_type)))
    }

    fn failure(&self, zero: bool, data_type: &DataType) -> SparkError {
        match self.operator {
            Operator::Remainder => remainder_by_zero(),
            Operator::Divide | Operator::IntDivide if zero => divide_by_zero(),
            _ => self.overflow(data_type),
        }
    }

    fn overflow(&self, data_type: &DataType) -> SparkError {
        let alternative = match self.operator {
            Operator::Add => "try_add",
            Operator::Subtract => "try_subtract",
            Operator::Divide | Operator::IntDivide => "try_divide",
            _ => "try_multiply",
        };
        let what = match (self.operator, data_type) {
            (Operator::IntDivide, _) => "Overflow in integral divide",
            (_, DataType::Int64) => "long overflow",
            _ => "integer overflow",
        };
        arithmetic_overflow(what, Some(alternative))
    }
}

/// `a / b`, halves away from zero; nothing where `b` is zero.
pub(super) fn half_up<T: ArrowNativeTypeOp>(a: T, b: T) -> Option<T> {
    let quotient = a.div_checked(b).ok()?;
    let rest = a.mod_checked(b).ok()?;
    if rest.is_zero() {
        return Some(quotient);
    }
    // Below zero, where every value has a counterpart.
    let below = |value: T| if value.is_lt(T::ZERO) { value } else { value.neg_wrapping() };
    let (rest, size) = (below(rest), below(b));
    // Twice the rest might not fit.
    if rest.is_gt(size.sub_wrapping(rest)) {
        return Some(quotient);
    }
    if a.is_lt(T::ZERO) == b.is_lt(T::ZERO) {
        quotient.add_checked(T::ONE).ok()
    } else {
        quotient.sub_checked(T::ONE).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Decimal128Array, Float64Array, Int32Array};

    fn checked(operator: Operator) -> CheckedOperator {
        CheckedOperator {
            operator,
            on_failure: OnFailure::Fail,
            signature: Signature::any(2, Volatility::Immutable),
        }
    }

    #[test]
    fn quotient_types_follow_sparks_rule() {
        // Recorded with Spark 4.1.1: 1.5/0.7, decimal(2,1)/2 and decimal(38,10)/3.
        assert_eq!(decimal_quotient(2, 1, 1, 1), (8, 6));
        assert_eq!(decimal_quotient(2, 1, 1, 0), (7, 6));
        assert_eq!(decimal_quotient(38, 10, 1, 0), (38, 10));
    }

    #[test]
    fn decimals_round_half_up() {
        let decimal = |v: i128| {
            let array = Decimal128Array::from(vec![v]).with_precision_and_scale(2, 1);
            ColumnarValue::Array(Arc::new(array.expect("fits")))
        };
        let to = DataType::Decimal128(8, 6);
        for (a, b, expected) in [(15, 7, 2_142_857), (-20, 30, -666_667), (20, 30, 666_667)] {
            let out = checked(Operator::Divide).compute(&decimal(a), &decimal(b), &to, 1).expect("quotient");
            assert_eq!(out.as_primitive::<Decimal128Type>().value(0), expected, "{a}/{b}");
        }
    }

    #[test]
    fn overflow_and_zero_fail_with_sparks_classes() {
        let int = |v: i32| ColumnarValue::Array(Arc::new(Int32Array::from(vec![v])));
        let class = |operator, a, b| {
            let error = checked(operator).compute(&int(a), &int(b), &DataType::Int32, 1);
            SparkError::from(error.expect_err("fails")).class().to_owned()
        };
        assert_eq!(class(Operator::Add, i32::MAX, 1), "ARITHMETIC_OVERFLOW");
        assert_eq!(class(Operator::Remainder, 1, 0), "REMAINDER_BY_ZERO");
        let doubles = |array: Float64Array| ColumnarValue::Array(Arc::new(array));
        let one = doubles(Float64Array::from(vec![Some(1.0), None]));
        let zero = doubles(Float64Array::from(vec![0.5, 0.0]));
        let half = checked(Operator::Divide).compute(&one, &zero, &DataType::Float64, 2).expect("ok");
        let half: Vec<_> = half.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(half, [Some(2.0), None]);
    }
}
