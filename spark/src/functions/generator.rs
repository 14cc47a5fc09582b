//! What generators make of a row: a list, which the plan then unfolds.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::lambda::{flat, list_of, map_types};

/// The lists there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rows {
    /// The elements of an array, the entries of a map.
    Elements,
    /// The same, with their positions.
    Positions,
    /// The values after a row count, as that many rows.
    Stack,
}

impl Rows {
    /// The function that makes the list. With `outer`, an empty list is null.
    pub fn function(self, outer: bool) -> Arc<ScalarUDF> {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(GeneratorRows { rows: self, outer, signature }))
    }
}

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let all = [Rows::Elements, Rows::Positions, Rows::Stack];
    all.into_iter().flat_map(|rows| [rows.function(false), rows.function(true)]).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct GeneratorRows {
    rows: Rows,
    outer: bool,
    signature: Signature,
}

fn nullable(name: &str, data_type: &DataType) -> Field {
    Field::new(name, data_type.clone(), true)
}

/// The type of the rows that `stack` makes of values of these types.
fn stack_type(count: usize, values: &[DataType]) -> DataType {
    let width = values.len().div_ceil(count.max(1));
    let fields = (0..width).map(|column| {
        let of_column = values.iter().skip(column).step_by(width.max(1));
        let known = of_column.clone().find(|t| **t != DataType::Null);
        nullable(&format!("col{column}"), known.unwrap_or(&DataType::Null))
    });
    DataType::Struct(fields.collect())
}

impl ScalarUDFImpl for GeneratorRows {
    fn name(&self) -> &str {
        match (self.rows, self.outer) {
            (Rows::Elements, false) => "spark_rows_of_elements",
            (Rows::Elements, true) => "spark_rows_of_elements_outer",
            (Rows::Positions, false) => "spark_rows_of_positions",
            (Rows::Positions, true) => "spark_rows_of_positions_outer",
            (Rows::Stack, false) => "spark_rows_of_stack",
            (Rows::Stack, true) => "spark_rows_of_stack_outer",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        Ok(args.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("{} is typed by its arguments' values", self.name())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let position = nullable("pos", &DataType::Int32);
        let row = match (self.rows, types.as_slice()) {
            (Rows::Elements, [DataType::List(field)]) => field.data_type().clone(),
            (Rows::Positions, [DataType::List(field)]) => {
                DataType::Struct(Fields::from(vec![position, nullable("col", field.data_type())]))
            }
            (Rows::Elements | Rows::Positions, [map @ DataType::Map(_, _)]) => {
                let (key, value) = map_types(map)?;
                let mut fields = vec![nullable("key", &key), nullable("value", &value)];
                if self.rows == Rows::Positions {
                    fields.insert(0, position);
                }
                DataType::Struct(fields.into())
            }
            (Rows::Stack, [_, values @ ..]) => match args.scalar_arguments.first() {
                Some(Some(ScalarValue::Int32(Some(count)))) if *count > 0 => {
                    stack_type(*count as usize, values)
                }
                _ => return plan_err!("stack needs a positive row count"),
            },
            _ => return plan_err!("{} does not take {types:?}", self.name()),
        };
        Ok(Arc::new(nullable(self.name(), &list_of(row))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::List(field) = args.return_field.data_type() else {
            return exec_err!("{} gives lists", self.name());
        };
        let arrays =
            args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let list = match (self.rows, arrays.as_slice()) {
            (Rows::Stack, [count, values @ ..]) => {
                let count = if count.is_empty() {
                    1
                } else {
                    count.as_primitive::<datafusion::arrow::datatypes::Int32Type>().value(0)
                };
                stack(field, count.max(1) as usize, values, args.number_rows)?
            }
            (rows, [array]) => unfolded(field, rows == Rows::Positions, array)?,
            _ => return exec_err!("{} got {} arguments", self.name(), arrays.len()),
        };
        if !self.outer {
            return Ok(ColumnarValue::Array(Arc::new(list)));
        }
        let filled: NullBuffer = list.offsets().windows(2).map(|pair| pair[0] < pair[1]).collect();
        let nulls = NullBuffer::union(list.nulls(), Some(&filled));
        let (field, offsets, values, _) = list.into_parts();
        Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(field, offsets, values, nulls)?)))
    }
}

/// An array's elements or a map's entries, with positions if wanted.
fn unfolded(field: &FieldRef, positions: bool, array: &ArrayRef) -> Result<ListArray> {
    let nulls = array.nulls().cloned();
    let (mut columns, offsets) = match array.data_type() {
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (keys, offsets) = flat(map.keys(), map.offsets(), map.nulls())?;
            let (values, _) = flat(map.values(), map.offsets(), map.nulls())?;
            (vec![keys, values], offsets)
        }
        _ => {
            let list = array.as_list::<i32>();
            let (values, offsets) = flat(list.values(), list.offsets(), list.nulls())?;
            if !positions {
                return Ok(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?);
            }
            (vec![values], offsets)
        }
    };
    if positions {
        let places = offsets.windows(2).flat_map(|pair| 0..pair[1] - pair[0]);
        columns.insert(0, Arc::new(Int32Array::from_iter_values(places)));
    }
    rows(field, columns, offsets, nulls)
}

fn rows(
    field: &FieldRef,
    columns: Vec<ArrayRef>,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ListArray> {
    let DataType::Struct(fields) = field.data_type() else {
        return exec_err!("{field} are no rows");
    };
    let values = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(ListArray::try_new(Arc::clone(field), offsets, Arc::new(values), nulls)?)
}

fn stack(field: &FieldRef, count: usize, values: &[ArrayRef], len: usize) -> Result<ListArray> {
    let DataType::Struct(fields) = field.data_type() else {
        return exec_err!("{field} are no rows");
    };
    let width = fields.len();
    let columns = fields.iter().enumerate().map(|(column, field)| -> Result<ArrayRef> {
        let missing = datafusion::arrow::array::new_null_array(field.data_type(), len);
        let sources: Vec<ArrayRef> = (0..count)
            .map(|row| match values.get(row * width + column) {
                Some(array) if array.data_type() == field.data_type() => Ok(Arc::clone(array)),
                Some(array) => Ok(compute::cast(array, field.data_type())?),
                None => Ok(Arc::clone(&missing)),
            })
            .collect::<Result<_>>()?;
        let parts: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
        let all = compute::concat(&parts)?;
        // Row by row what stands there column by column.
        let places = (0..len as u32).flat_map(|row| (0..count as u32).map(move |i| i * len as u32 + row));
        Ok(compute::take(&all, &UInt32Array::from_iter_values(places), None)?)
    });
    let columns = columns.collect::<Result<_>>()?;
    rows(field, columns, OffsetBuffer::from_lengths(std::iter::repeat_n(count, len)), None)
}
