//! `sum` that fails on overflow: of bigints and decimals. Other types are DataFusion's.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, DecimalType, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature,
};

use crate::error::{SparkError, arithmetic_overflow};

pub(super) fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Sum {
        signature: sum_udaf().signature().clone(),
        inner: sum_udaf(),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    signature: Signature,
    inner: Arc<AggregateUDF>,
}

fn long_overflow() -> SparkError {
    arithmetic_overflow("long overflow", Some("try_add"))
}

fn decimal_overflow() -> SparkError {
    arithmetic_overflow("Overflow in sum of decimals", Some("try_sum"))
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.inner.return_type(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let data_type = args.return_field.data_type().clone();
        Ok(match (args.is_distinct, &data_type) {
            (false, DataType::Int64) => Box::new(Checked::<Int64Type>::new(data_type, long_overflow)),
            (false, DataType::Decimal128(_, _)) => {
                Box::new(Checked::<Decimal128Type>::new(data_type, decimal_overflow))
            }
            _ => return self.inner.accumulator(args),
        })
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match (args.is_distinct, args.return_field.data_type()) {
            (false, DataType::Int64 | DataType::Decimal128(_, _)) => self.accumulator(args),
            _ => self.inner.create_sliding_accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let data_type = args.return_field.data_type().clone();
        Ok(match &data_type {
            DataType::Int64 => Box::new(CheckedGroups::<Int64Type>::new(data_type, long_overflow)),
            DataType::Decimal128(_, _) => {
                Box::new(CheckedGroups::<Decimal128Type>::new(data_type, decimal_overflow))
            }
            _ => return self.inner.create_groups_accumulator(args),
        })
    }
}

/// Fails on a decimal of more digits than its type has.
fn check_precision<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    overflow: fn() -> SparkError,
) -> Result<()> {
    if let DataType::Decimal128(precision, scale) = array.data_type()
        && let Some(decimals) = array.as_any().downcast_ref::<PrimitiveArray<Decimal128Type>>()
    {
        let fits =
            |value: i128| Decimal128Type::validate_decimal_precision(value, *precision, *scale).is_ok();
        if decimals.iter().flatten().any(|value| !fits(value)) {
            return Err(overflow().into());
        }
    }
    Ok(())
}

#[derive(Debug)]
struct Checked<T: ArrowPrimitiveType> {
    sum: T::Native,
    /// Values summed; without any the sum is null.
    count: u64,
    data_type: DataType,
    overflow: fn() -> SparkError,
}

impl<T: ArrowPrimitiveType> Checked<T> {
    fn new(data_type: DataType, overflow: fn() -> SparkError) -> Self {
        Self { sum: T::Native::default(), count: 0, data_type, overflow }
    }
}

fn column<T: ArrowPrimitiveType>(values: &[ArrayRef]) -> Result<&PrimitiveArray<T>> {
    match values.first().and_then(|values| values.as_primitive_opt::<T>()) {
        Some(values) => Ok(values),
        None => internal_err!("a sum of values of another type"),
    }
}

impl<T: ArrowPrimitiveType + std::fmt::Debug> Accumulator for Checked<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in column::<T>(values)?.iter().flatten() {
            self.sum = self.sum.add_checked(value).map_err(|_| (self.overflow)())?;
            self.count += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in column::<T>(values)?.iter().flatten() {
            self.sum = self.sum.sub_checked(value).map_err(|_| (self.overflow)())?;
            self.count -= 1;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = (self.count > 0).then_some(self.sum);
        let array = PrimitiveArray::<T>::from_iter([sum]).with_data_type(self.data_type.clone());
        check_precision(&array, self.overflow)?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// The sums of many groups.
#[derive(Debug)]
struct CheckedGroups<T: ArrowPrimitiveType> {
    sums: Vec<T::Native>,
    /// Whether the group has values.
    seen: Vec<bool>,
    data_type: DataType,
    overflow: fn() -> SparkError,
}

impl<T: ArrowPrimitiveType> CheckedGroups<T> {
    fn new(data_type: DataType, overflow: fn() -> SparkError) -> Self {
        Self { sums: Vec::new(), seen: Vec::new(), data_type, overflow }
    }

    fn add(&mut self, group: usize, value: T::Native) -> Result<()> {
        self.sums[group] = self.sums[group].add_checked(value).map_err(|_| (self.overflow)())?;
        self.seen[group] = true;
        Ok(())
    }
}

impl<T: ArrowPrimitiveType + std::fmt::Debug> GroupsAccumulator for CheckedGroups<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.sums.resize(total_num_groups, T::Native::default());
        self.seen.resize(total_num_groups, false);
        let values = column::<T>(values)?;
        if filter.is_none() && values.null_count() == 0 {
            for (group, value) in group_indices.iter().zip(values.values()) {
                self.add(*group, *value)?;
            }
            return Ok(());
        }
        for (row, group) in group_indices.iter().enumerate() {
            let passes = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if passes && values.is_valid(row) {
                self.add(*group, values.value(row))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        let seen = NullBuffer::from(emit_to.take_needed(&mut self.seen));
        let array = PrimitiveArray::<T>::new(sums.into(), Some(seen)).with_data_type(self.data_type.clone());
        check_precision(&array, self.overflow)?;
        Ok(Arc::new(array))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = column::<T>(values)?.clone().with_data_type(self.data_type.clone());
        let nulls = filter.map(|filter| {
            let passes = (0..filter.len()).map(|row| filter.is_valid(row) && filter.value(row));
            passes.collect::<NullBuffer>()
        });
        let nulls = NullBuffer::union(values.nulls(), nulls.as_ref());
        let (data_type, buffer, _) = values.into_parts();
        Ok(vec![Arc::new(PrimitiveArray::<T>::new(buffer, nulls).with_data_type(data_type))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.seen.capacity()
    }
}
