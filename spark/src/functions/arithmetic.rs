//! Arithmetic that fails as ANSI Spark does: overflow, division and remainder by zero.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array,
    PrimitiveArray,
};
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, i256,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::{SparkError, arithmetic_overflow, divide_by_zero, remainder_by_zero};

/// The operators that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+` of integers.
    Add,
    /// `-` of integers.
    Subtract,
    /// `*` of integers.
    Multiply,
    /// `/` of doubles or decimals.
    Divide,
    /// `div` of bigints.
    IntDivide,
    /// `%` of numbers.
    Remainder,
}

impl Operator {
    const ALL: [Self; 6] =
        [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::IntDivide, Self::Remainder];

    /// Name under which its function is registered.
    pub fn function_name(self) -> &'static str {
        match self {
            Self::Add => "spark_add",
            Self::Subtract => "spark_subtract",
            Self::Multiply => "spark_multiply",
            Self::Divide => "spark_divide",
            Self::IntDivide => "spark_int_divide",
            Self::Remainder => "spark_remainder",
        }
    }

    /// The function; both arguments must be of one type.
    pub fn function(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(CheckedOperator {
            operator: self,
            signature: Signature::any(2, Volatility::Immutable),
        }))
    }
}

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    Operator::ALL.into_iter().map(Operator::function).collect()
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
    signature: Signature,
}

impl ScalarUDFImpl for CheckedOperator {
    fn name(&self) -> &str {
        self.operator.function_name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match (self.operator, args) {
            (Operator::Divide, [DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)]) => {
                let (precision, scale) = decimal_quotient(*p1, *s1, *p2, *s2);
                Ok(DataType::Decimal128(precision, scale))
            }
            (_, [left, right]) if left == right => Ok(left.clone()),
            _ => exec_err!("{} takes two arguments of one type, not {args:?}", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else {
            return exec_err!("{} takes two arguments", self.name());
        };
        let result = self.compute(left, right, args.return_field.data_type())?;
        if scalar {
            let value = datafusion::common::ScalarValue::try_from_array(&result, 0)?;
            return Ok(ColumnarValue::Scalar(value));
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl CheckedOperator {
    fn compute(&self, left: &ArrayRef, right: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        match (self.operator, left.data_type()) {
            (Operator::Add, _) => numeric::add(left, right).map_err(|e| self.overflow(e, to)),
            (Operator::Subtract, _) => numeric::sub(left, right).map_err(|e| self.overflow(e, to)),
            (Operator::Multiply, _) => numeric::mul(left, right).map_err(|e| self.overflow(e, to)),
            (Operator::Divide, DataType::Float64) => {
                let (l, r) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
                zip(l, r, |a, b| if b == 0.0 { Err(divide_by_zero()) } else { Ok(a / b) })
            }
            (Operator::Divide, DataType::Decimal128(_, _)) => decimal_divide(left, right, to),
            (Operator::IntDivide, DataType::Int64) => {
                let (l, r) = (left.as_primitive::<Int64Type>(), right.as_primitive::<Int64Type>());
                zip(l, r, |a, b| match (a, b) {
                    (_, 0) => Err(divide_by_zero()),
                    (i64::MIN, -1) => Err(SparkError::new(
                        "ARITHMETIC_OVERFLOW",
                        "22003",
                        "Overflow in integral divide. Use 'try_divide' to tolerate overflow and return NULL instead. \
                         If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error.",
                    )),
                    _ => Ok(a / b),
                })
            }
            (Operator::Remainder, data_type) => match data_type {
                DataType::Int8 => remainder::<Int8Type>(left, right),
                DataType::Int16 => remainder::<Int16Type>(left, right),
                DataType::Int32 => remainder::<Int32Type>(left, right),
                DataType::Int64 => remainder::<Int64Type>(left, right),
                DataType::Float64 => remainder::<Float64Type>(left, right),
                _ => {
                    fail_on_zero(left, right)?;
                    Ok(numeric::rem(left, right)?)
                }
            },
            (_, data_type) => exec_err!("{} does not take {data_type}", self.name()),
        }
    }

    fn overflow(&self, error: ArrowError, to: &DataType) -> datafusion::error::DataFusionError {
        let ArrowError::ArithmeticOverflow(_) = error else {
            return error.into();
        };
        let alternative = match self.operator {
            Operator::Add => "try_add",
            Operator::Subtract => "try_subtract",
            _ => "try_multiply",
        };
        let what = match to {
            DataType::Int64 => "long overflow",
            _ => "integer overflow",
        };
        arithmetic_overflow(what, Some(alternative)).into()
    }
}

fn zip<T: ArrowPrimitiveType>(
    left: &PrimitiveArray<T>,
    right: &PrimitiveArray<T>,
    f: impl Fn(T::Native, T::Native) -> std::result::Result<T::Native, SparkError>,
) -> Result<ArrayRef> {
    let out: PrimitiveArray<T> = left
        .iter()
        .zip(right.iter())
        .map(|pair| match pair {
            (Some(a), Some(b)) => f(a, b).map(Some),
            _ => Ok(None),
        })
        .collect::<std::result::Result<_, SparkError>>()?;
    Ok(Arc::new(out))
}

fn remainder<T: ArrowPrimitiveType>(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    zip(left.as_primitive::<T>(), right.as_primitive::<T>(), |a, b| {
        if b.is_zero() { Err(remainder_by_zero()) } else { Ok(a.mod_wrapping(b)) }
    })
}

fn fail_on_zero(left: &ArrayRef, right: &ArrayRef) -> Result<()> {
    let zero = datafusion::common::ScalarValue::new_zero(right.data_type())?.to_array()?;
    let is_zero = cmp::eq(right, &datafusion::arrow::array::Scalar::new(zero))?;
    let hit = |zeros: &BooleanArray| {
        zeros.iter().enumerate().any(|(i, zero)| zero == Some(true) && left.is_valid(i))
    };
    if hit(&is_zero) { Err(remainder_by_zero().into()) } else { Ok(()) }
}

/// `left / right` rounded half up to the scale of `to`.
fn decimal_divide(left: &ArrayRef, right: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let (DataType::Decimal128(_, s1), DataType::Decimal128(_, s2), DataType::Decimal128(precision, scale)) =
        (left.data_type(), right.data_type(), to)
    else {
        return exec_err!("decimal division of {} by {}", left.data_type(), right.data_type());
    };
    // a / 10^s1 / (b / 10^s2) * 10^scale
    let shift = i32::from(*scale) - i32::from(*s1) + i32::from(*s2);
    let ten = i256::from_i128(10);
    let factor = ten.pow_checked(shift.unsigned_abs())?;
    let dividends = left.as_primitive::<Decimal128Type>();
    let divisors = right.as_primitive::<Decimal128Type>();
    let out: Decimal128Array = dividends
        .iter()
        .zip(divisors.iter())
        .map(|pair| {
            let (Some(a), Some(b)) = pair else { return Ok(None) };
            if b == 0 {
                return Err(divide_by_zero());
            }
            let (mut numerator, mut denominator) = (i256::from_i128(a), i256::from_i128(b));
            if shift >= 0 {
                numerator = numerator.wrapping_mul(factor);
            } else {
                denominator = denominator.wrapping_mul(factor);
            }
            let quotient = numerator.wrapping_div(denominator);
            let rest = numerator.wrapping_rem(denominator).wrapping_abs();
            let half_up = rest.wrapping_mul(i256::from_i128(2)) >= denominator.wrapping_abs();
            let negative = (a < 0) != (b < 0);
            let step = i256::from_i128(match (half_up, negative) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => -1,
            });
            quotient.wrapping_add(step).to_i128().map(Some).ok_or_else(|| {
                SparkError::new(
                    "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
                    "22003",
                    format!("The quotient cannot be represented as Decimal({precision}, {scale})."),
                )
            })
        })
        .collect::<std::result::Result<_, SparkError>>()?;
    Ok(Arc::new(out.with_precision_and_scale(*precision, *scale)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Float64Array, Int32Array};

    fn checked(operator: Operator) -> CheckedOperator {
        CheckedOperator { operator, signature: Signature::any(2, Volatility::Immutable) }
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
        let decimal = |v: i128| -> ArrayRef {
            let array = Decimal128Array::from(vec![v]).with_precision_and_scale(2, 1);
            Arc::new(array.expect("fits"))
        };
        let to = DataType::Decimal128(8, 6);
        for (a, b, expected) in [(15, 7, 2_142_857), (-20, 30, -666_667), (20, 30, 666_667)] {
            let out = decimal_divide(&decimal(a), &decimal(b), &to).expect("quotient");
            assert_eq!(out.as_primitive::<Decimal128Type>().value(0), expected, "{a}/{b}");
        }
    }

    #[test]
    fn overflow_and_zero_fail_with_sparks_classes() {
        let int = |v: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![v])) };
        let class = |operator, a, b| {
            let error = checked(operator).compute(&int(a), &int(b), &DataType::Int32);
            SparkError::from(error.expect_err("fails")).class().to_owned()
        };
        assert_eq!(class(Operator::Add, i32::MAX, 1), "ARITHMETIC_OVERFLOW");
        assert_eq!(class(Operator::Remainder, 1, 0), "REMAINDER_BY_ZERO");
        let one: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None]));
        let zero: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 0.0]));
        let half = checked(Operator::Divide).compute(&one, &zero, &DataType::Float64).expect("ok");
        let half: Vec<_> = half.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(half, [Some(2.0), None]);
    }
}
