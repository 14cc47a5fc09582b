//! `avg` and `try_avg` of decimals, rounded half up. Other types are DataFusion's.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, PrimitiveArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, DecimalType, Field, FieldRef, Int64Type, i256,
};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature,
};

use crate::error::{SparkError, arithmetic_overflow};
use crate::functions::arithmetic::half_up;

/// `avg`, and `try_avg` that gives null on overflow.
pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    let function = |name, lenient| {
        let inner = avg_udaf();
        let signature = inner.signature().clone();
        Arc::new(AggregateUDF::new_from_impl(Average { name, lenient, signature, inner }))
    };
    [function("avg", false), function("try_avg", true)]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Average {
    name: &'static str,
    lenient: bool,
    signature: Signature,
    inner: Arc<AggregateUDF>,
}

impl Average {
    /// How to end, where the average is one of decimals.
    fn of_decimals(&self, args: &AccumulatorArgs<'_>) -> Option<Finish> {
        let from = args.expr_fields.first()?.data_type();
        match (args.is_distinct, from, args.return_field.data_type()) {
            (false, DataType::Decimal128(_, scale), DataType::Decimal128(precision, to)) => Some(Finish {
                scale: *scale,
                shift: u32::try_from(to - scale).ok()?,
                precision: *precision,
                to: *to,
                lenient: self.lenient,
            }),
            _ => None,
        }
    }
}

/// What no decimal reaches, without its point.
const LIMIT: u128 = 10_u128.pow(DECIMAL128_MAX_PRECISION as u32);

/// Makes averages of sums and counts.
#[derive(Debug, Clone, Copy)]
struct Finish {
    /// Digits of the sum behind the point, and how many more the average has.
    scale: i8,
    shift: u32,
    /// The type of the average.
    precision: u8,
    to: i8,
    lenient: bool,
}

impl Finish {
    /// The sum of two, `None` if it is too large and that is no error.
    fn sum(self, a: Option<i128>, b: i128) -> Result<Option<i128>> {
        let fits = |sum: &i128| sum.unsigned_abs() < LIMIT;
        let sum = a.and_then(|a| a.checked_add(b)).filter(fits);
        if sum.is_none() && !self.lenient {
            return Err(arithmetic_overflow("Overflow in sum of decimals", Some("try_avg")).into());
        }
        Ok(sum)
    }

    fn average(self, sum: Option<i128>, count: i64) -> Result<Option<i128>> {
        let Some(sum) = sum.filter(|_| count > 0) else { return Ok(None) };
        let exact = match 10_i128.checked_pow(self.shift).and_then(|factor| sum.checked_mul(factor)) {
            // The usual case; the quotient of such numbers fits.
            Some(scaled) => {
                let (quotient, rest) = (scaled / i128::from(count), (scaled % i128::from(count)).abs());
                let up = rest >= i128::from(count) - rest;
                Some(if up { quotient + scaled.signum() } else { quotient })
            }
            None => i256::from_i128(10)
                .checked_pow(self.shift)
                .and_then(|factor| i256::from_i128(sum).checked_mul(factor))
                .and_then(|scaled| half_up(scaled, i256::from(count)))
                .and_then(i256::to_i128),
        };
        let fits = |value: &i128| {
            Decimal128Type::validate_decimal_precision(*value, self.precision, self.to).is_ok()
        };
        match exact.filter(fits) {
            None if !self.lenient => Err(SparkError::new(
                "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
                "22003",
                format!(
                    "The average cannot be represented as Decimal({}, {}). If necessary set \
                     \"spark.sql.ansi.enabled\" to \"false\" to bypass this error, and return NULL instead.",
                    self.precision, self.to
                ),
            )
            .into()),
            average => Ok(average),
        }
    }

    fn averages(self, values: impl Iterator<Item = (Option<i128>, i64)>) -> Result<Decimal128Array> {
        let averages: Decimal128Array =
            values.map(|(sum, count)| self.average(sum, count)).collect::<Result<_>>()?;
        Ok(averages.with_precision_and_scale(self.precision, self.to)?)
    }

    fn sums(self, values: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef> {
        let sums: Decimal128Array = values.collect();
        Ok(Arc::new(sums.with_precision_and_scale(DECIMAL128_MAX_PRECISION, self.scale)?))
    }
}

impl AggregateUDFImpl for Average {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(args)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.inner.return_type(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let from = args.input_fields.first().map(|field| field.data_type().clone());
        match (args.is_distinct, from) {
            (false, Some(DataType::Decimal128(_, scale))) => {
                let field = |name: &str, data_type| {
                    Arc::new(Field::new(format_state_name(args.name, name), data_type, true))
                };
                Ok(vec![
                    field("sum", DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale)),
                    field("count", DataType::Int64),
                ])
            }
            _ => self.inner.state_fields(args),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.of_decimals(&args) {
            Some(finish) => Ok(Box::new(One { finish, sum: Some(0), count: 0 })),
            None => self.inner.accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.of_decimals(&args) {
            Some(_) => self.accumulator(args),
            None => self.inner.create_sliding_accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.of_decimals(&args).is_some() || self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match self.of_decimals(&args) {
            Some(finish) => Ok(Box::new(Groups { finish, sums: vec![], counts: vec![] })),
            None => self.inner.create_groups_accumulator(args),
        }
    }
}

fn decimals(values: &[ArrayRef]) -> Result<&Decimal128Array> {
    match values.first().and_then(|values| values.as_primitive_opt::<Decimal128Type>()) {
        Some(values) => Ok(values),
        None => internal_err!("an average of values of another type"),
    }
}

fn state(states: &[ArrayRef]) -> Result<(&Decimal128Array, &Int64Array)> {
    match states.get(1).and_then(|counts| counts.as_primitive_opt::<Int64Type>()) {
        Some(counts) => Ok((decimals(states)?, counts)),
        None => internal_err!("an average without its count"),
    }
}

/// One average. The sum is null once it has become too large.
#[derive(Debug)]
struct One {
    finish: Finish,
    sum: Option<i128>,
    count: i64,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in decimals(values)?.iter().flatten() {
            self.sum = self.finish.sum(self.sum, value)?;
            self.count += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in decimals(values)?.iter().flatten() {
            self.sum = self.finish.sum(self.sum, -value)?;
            self.count -= 1;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let averages = self.finish.averages([(self.sum, self.count)].into_iter())?;
        ScalarValue::try_from_array(&averages, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sums = self.finish.sums([self.sum].into_iter())?;
        Ok(vec![ScalarValue::try_from_array(&sums, 0)?, ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (sums, counts) = state(states)?;
        for (sum, count) in sums.iter().zip(counts.values()) {
            self.sum = match sum {
                Some(sum) => self.finish.sum(self.sum, sum)?,
                None => None,
            };
            self.count += count;
        }
        Ok(())
    }
}

/// The averages of many groups.
#[derive(Debug)]
struct Groups {
    finish: Finish,
    sums: Vec<Option<i128>>,
    counts: Vec<i64>,
}

impl Groups {
    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups, Some(0));
        self.counts.resize(groups, 0);
    }

    fn add(&mut self, group: usize, sum: Option<i128>, count: i64) -> Result<()> {
        self.sums[group] = match sum {
            Some(sum) => self.finish.sum(self.sums[group], sum)?,
            None => None,
        };
        self.counts[group] += count;
        Ok(())
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let values = decimals(values)?;
        if filter.is_none() && values.null_count() == 0 {
            for (group, value) in group_indices.iter().zip(values.values()) {
                self.add(*group, Some(*value), 1)?;
            }
            return Ok(());
        }
        for (row, group) in group_indices.iter().enumerate() {
            let passes = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if passes && values.is_valid(row) {
                self.add(*group, Some(values.value(row)), 1)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        let counts = emit_to.take_needed(&mut self.counts);
        Ok(Arc::new(self.finish.averages(sums.into_iter().zip(counts))?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let sums = self.finish.sums(emit_to.take_needed(&mut self.sums).into_iter())?;
        let counts = Int64Array::from(emit_to.take_needed(&mut self.counts));
        Ok(vec![sums, Arc::new(counts)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let (sums, counts) = state(values)?;
        for (row, group) in group_indices.iter().enumerate() {
            self.add(*group, sums.is_valid(row).then(|| sums.value(row)), counts.value(row))?;
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = decimals(values)?;
        let passes: Option<NullBuffer> = filter
            .map(|filter| (0..filter.len()).map(|row| filter.is_valid(row) && filter.value(row)).collect());
        let counted = NullBuffer::union(values.nulls(), passes.as_ref());
        let is_counted = |row: usize| counted.as_ref().is_none_or(|counted| counted.is_valid(row));
        let sums = (0..values.len()).map(|row| Some(if is_counted(row) { values.value(row) } else { 0 }));
        let counts = (0..values.len()).map(|row| i64::from(is_counted(row)));
        Ok(vec![self.finish.sums(sums)?, Arc::new(PrimitiveArray::<Int64Type>::from_iter_values(counts))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<Option<i128>>() + self.counts.capacity() * 8
    }
}
