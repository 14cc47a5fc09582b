//! Operators on decimals: exact, rounded half up to the scale of the result, within its precision.

use std::iter::{repeat, repeat_n, zip};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, AsArray, Decimal128Array};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, i256};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::ColumnarValue;

use super::{OnFailure, Operator, half_up};
use crate::error::{SparkError, divide_by_zero};

/// `left operator right` as decimals of the type `to`; `rows` is the length of the result.
pub(super) fn compute(
    operator: Operator,
    on_failure: OnFailure,
    left: &ColumnarValue,
    right: &ColumnarValue,
    to: &DataType,
    rows: usize,
) -> Result<ArrayRef> {
    let types = (left.data_type(), right.data_type(), to);
    let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2), DataType::Decimal128(precision, scale)) =
        types
    else {
        return exec_err!("{operator:?} of {} and {} as {to}", left.data_type(), right.data_type());
    };
    let (Some(a), Some(b)) = (Operand::of(left), Operand::of(right)) else {
        return ScalarValue::try_from(to)?.to_array_of_size(rows);
    };
    let nulls = NullBuffer::union(a.nulls(), b.nulls());
    let kind = Kind { operator, p1, s1, p2, s2, precision: *precision, scale: *scale };
    let quick = match (&a, &b) {
        (Operand::Column(a), Operand::Column(b)) => {
            kind.quick(zip(a.values().iter().copied(), b.values().iter().copied()))
        }
        (Operand::Column(a), Operand::Constant(b)) => kind.quick(zip(a.values().iter().copied(), repeat(*b))),
        (Operand::Constant(a), Operand::Column(b)) => kind.quick(zip(repeat(*a), b.values().iter().copied())),
        (Operand::Constant(a), Operand::Constant(b)) => kind.quick(repeat_n((*a, *b), rows)),
    };
    let (values, nulls) = match quick {
        Some(values) => (values, nulls),
        None => kind.row_by_row(on_failure, &a, &b, nulls.as_ref(), rows)?,
    };
    let array = Decimal128Array::new(ScalarBuffer::from(values), nulls);
    Ok(Arc::new(array.with_precision_and_scale(*precision, *scale)?))
}

/// What an operator works on. A null constant is none: it makes every result null.
enum Operand<'a> {
    Column(&'a Decimal128Array),
    Constant(i128),
}

impl<'a> Operand<'a> {
    fn of(value: &'a ColumnarValue) -> Option<Self> {
        match value {
            ColumnarValue::Array(array) => array.as_primitive_opt::<Decimal128Type>().map(Self::Column),
            ColumnarValue::Scalar(ScalarValue::Decimal128(value, ..)) => value.map(Self::Constant),
            ColumnarValue::Scalar(_) => None,
        }
    }

    fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Operand::Column(array) => array.nulls(),
            Operand::Constant(_) => None,
        }
    }

    fn value(&self, row: usize) -> i128 {
        match self {
            Operand::Column(array) => array.value(row),
            Operand::Constant(value) => *value,
        }
    }
}

/// An operator with the types it takes and gives.
struct Kind {
    operator: Operator,
    p1: u8,
    s1: i8,
    p2: u8,
    s2: i8,
    precision: u8,
    scale: i8,
}

impl Kind {
    /// Without a check for each row, where types or sizes show that nothing is rounded and all fits;
    /// otherwise nothing. Values under nulls count too: they cost no more than the slow way.
    fn quick(&self, pairs: impl Iterator<Item = (i128, i128)>) -> Option<Vec<i128>> {
        let [p1, s1, p2, s2, precision, scale] = [
            i32::from(self.p1),
            self.s1.into(),
            self.p2.into(),
            self.s2.into(),
            self.precision.into(),
            self.scale.into(),
        ];
        match self.operator {
            Operator::Multiply if scale != s1 + s2 => None,
            Operator::Multiply if p1 + p2 <= precision => {
                Some(pairs.map(|(a, b)| a.wrapping_mul(b)).collect())
            }
            // Products of 64 bits have at most 126, fewer than 38 digits.
            Operator::Multiply if precision == 38 => {
                let mut fit = true;
                let products = pairs.map(|(a, b)| {
                    let (short_a, short_b) = (i128::from(a as i64), i128::from(b as i64));
                    fit &= short_a == a && short_b == b;
                    short_a.wrapping_mul(short_b)
                });
                let products = products.collect();
                fit.then_some(products)
            }
            Operator::Add | Operator::Subtract
                if scale == s1.max(s2) && (p1 - s1).max(p2 - s2) + scale < precision =>
            {
                let power = |digits: i32| 10_i128.checked_pow(digits.unsigned_abs());
                let (left, right) = (power(scale - s1)?, power(scale - s2)?);
                let right = if self.operator == Operator::Add { right } else { -right };
                let sum = |(a, b): (i128, i128)| a.wrapping_mul(left).wrapping_add(b.wrapping_mul(right));
                Some(pairs.map(sum).collect())
            }
            _ => None,
        }
    }

    /// With every check: by 128 bits where they suffice, else by 256.
    fn row_by_row(
        &self,
        on_failure: OnFailure,
        a: &Operand<'_>,
        b: &Operand<'_>,
        nulls: Option<&NullBuffer>,
        rows: usize,
    ) -> Result<(Vec<i128>, Option<NullBuffer>)> {
        let limit = 10_u128.pow(u32::from(self.precision));
        let (s1, s2, scale) = (i32::from(self.s1), i32::from(self.s2), i32::from(self.scale));
        let narrow = Factors::new(self.operator, 10_i128, s1, s2, scale);
        let wide = Factors::new(self.operator, i256::from_i128(10), s1, s2, scale);
        let exact = |a: i128, b: i128| -> Option<i128> {
            let exact = narrow
                .as_ref()
                .and_then(|factors| factors.exact(a, b))
                .or_else(|| wide.as_ref()?.exact(i256::from_i128(a), i256::from_i128(b))?.to_i128())?;
            (exact.unsigned_abs() < limit).then_some(exact)
        };
        let mut values = vec![0; rows];
        let mut valid = vec![true; rows];
        for (row, (value, valid)) in values.iter_mut().zip(&mut valid).enumerate() {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                *valid = false;
                continue;
            }
            let (a, b) = (a.value(row), b.value(row));
            match (exact(a, b), on_failure) {
                (Some(exact), _) => *value = exact,
                (None, OnFailure::Fail) => return Err(self.failure(b).into()),
                (None, OnFailure::Null | OnFailure::Lenient) => *valid = false,
            }
        }
        Ok((values, Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0)))
    }

    fn failure(&self, right: i128) -> SparkError {
        match self.operator {
            Operator::Divide | Operator::IntDivide if right == 0 => divide_by_zero(),
            _ => SparkError::new(
                "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
                "22003",
                format!(
                    "The result cannot be represented as Decimal({}, {}). \
                     If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error, and return NULL instead.",
                    self.precision, self.scale
                ),
            ),
        }
    }
}

/// Powers of ten that bring two decimals, and the result of an operator on them, to their scales.
struct Factors<T> {
    operator: Operator,
    left: T,
    right: T,
    /// What the result is divided by.
    dropped: T,
}

impl<T: ArrowNativeTypeOp> Factors<T> {
    /// For scales `s1` and `s2` and a result of `scale`; nothing where a factor does not fit.
    fn new(operator: Operator, ten: T, s1: i32, s2: i32, scale: i32) -> Option<Self> {
        let power = |digits: i32| ten.pow_checked(digits.max(0).unsigned_abs()).ok();
        let common = s1.max(s2);
        let (left, right, dropped) = match operator {
            // a / 10^s1 / (b / 10^s2) * 10^scale
            Operator::Divide | Operator::IntDivide => (scale - s1 + s2, s1 - s2 - scale, 0),
            Operator::Multiply => (0, 0, s1 + s2 - scale),
            _ => (common - s1, common - s2, common - scale),
        };
        Some(Self { operator, left: power(left)?, right: power(right)?, dropped: power(dropped)? })
    }

    /// The rounded result; nothing where there is none, or where it takes more bits.
    fn exact(&self, a: T, b: T) -> Option<T> {
        let value = match self.operator {
            Operator::Multiply => a.mul_checked(b).ok()?,
            _ => {
                let (a, b) = (a.mul_checked(self.left).ok()?, b.mul_checked(self.right).ok()?);
                match self.operator {
                    Operator::Divide | Operator::IntDivide => return half_up(a, b),
                    Operator::Add => a.add_checked(b).ok()?,
                    _ => a.sub_checked(b).ok()?,
                }
            }
        };
        if self.dropped == T::ONE { Some(value) } else { half_up(value, self.dropped) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimals(values: Vec<Option<i128>>, precision: u8, scale: i8) -> ColumnarValue {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        ColumnarValue::Array(Arc::new(array.expect("valid type")))
    }

    fn values(result: &ArrayRef) -> Vec<Option<i128>> {
        result.as_primitive::<Decimal128Type>().iter().collect()
    }

    #[test]
    fn sums_and_products_that_must_fit_skip_nulls_and_take_constants() {
        let price = decimals(vec![Some(1_050), None, Some(-99)], 15, 2);
        let one = ColumnarValue::Scalar(ScalarValue::Decimal128(Some(1), 1, 0));
        let to = DataType::Decimal128(16, 2);
        let rest = compute(Operator::Subtract, OnFailure::Fail, &one, &price, &to, 3).expect("fits");
        // 1 - 10.50, 1 - null, 1 + 0.99
        assert_eq!(values(&rest), [Some(-950), None, Some(199)]);
        let to = DataType::Decimal128(31, 4);
        let square = compute(Operator::Multiply, OnFailure::Fail, &price, &price, &to, 3).expect("fits");
        assert_eq!(values(&square), [Some(1_102_500), None, Some(9_801)]);
        let nothing = ColumnarValue::Scalar(ScalarValue::Decimal128(None, 1, 0));
        let none = compute(Operator::Multiply, OnFailure::Fail, &price, &nothing, &to, 3).expect("fits");
        assert_eq!(values(&none), [None, None, None]);
    }

    #[test]
    fn products_of_full_precision_are_checked_once_they_exceed_64_bits() {
        let to = DataType::Decimal128(38, 0);
        let large = 10_i128.pow(20);
        let a = decimals(vec![Some(3), Some(large)], 38, 0);
        let product = compute(Operator::Multiply, OnFailure::Null, &a, &a, &to, 2).expect("null, no error");
        assert_eq!(values(&product), [Some(9), None]);
        let error = compute(Operator::Multiply, OnFailure::Fail, &a, &a, &to, 2).expect_err("too large");
        assert_eq!(SparkError::from(error).class(), "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION");
        let b = decimals(vec![Some(-7), Some(10_i128.pow(17))], 38, 0);
        let product = compute(Operator::Multiply, OnFailure::Fail, &a, &b, &to, 2).expect("fits");
        assert_eq!(values(&product), [Some(-21), Some(10_i128.pow(37))]);
    }
}
