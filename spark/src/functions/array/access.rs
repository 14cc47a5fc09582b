//! Functions that find one element of an array, or its size.

use datafusion::arrow::array::{ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::{list, places, same_element};
use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `array[index]`, counted from 0; fails outside.
pub static ITEM: Kernel = Kernel::ansi("spark_array_item", Returns::Rule(same_element), item, &GET);

/// `get(array, index)`, counted from 0; null outside.
pub static GET: Kernel = Kernel::new("spark_array_get", Returns::Rule(same_element), |rows| {
    find(rows, |index, _| Ok(usize::try_from(index).ok()))
});

/// `element_at(array, index)`, counted from 1, or from the end if negative; fails outside.
pub static ELEMENT_AT: Kernel =
    Kernel::ansi("spark_element_at", Returns::Rule(same_element), element_at, &TRY_ELEMENT_AT);

/// `try_element_at(array, index)`: null outside.
pub static TRY_ELEMENT_AT: Kernel =
    Kernel::new("spark_try_element_at", Returns::Rule(same_element), |rows| find(rows, from_one));

/// `cardinality(array or map)`.
pub static CARDINALITY: Kernel = Kernel::new("spark_cardinality", Returns::Type(DataType::Int32), |rows| {
    let column = rows.array(0)?;
    if let Some(map) = column.as_map_opt() {
        return rows.primitives::<Int32Type>(|row| Ok(Some(map.value_length(row))));
    }
    let array = list(rows, 0)?;
    rows.primitives::<Int32Type>(|row| Ok(Some(array.value_length(row))))
});

fn item(rows: &Rows<'_>) -> Result<ArrayRef> {
    find(rows, |index, length| match usize::try_from(index) {
        Ok(place) if place < length => Ok(Some(place)),
        _ => {
            let advice = "Use the SQL function `get()` to tolerate accessing element at invalid index and return \
                          NULL instead.";
            Err(outside("INVALID_ARRAY_INDEX", advice, index, length).into())
        }
    })
}

fn element_at(rows: &Rows<'_>) -> Result<ArrayRef> {
    find(rows, |index, length| match from_one(index, length)? {
        Some(place) if place < length => Ok(Some(place)),
        _ => {
            let advice = "Use `try_element_at` to tolerate accessing element at invalid index and return NULL \
                          instead.";
            Err(outside("INVALID_ARRAY_INDEX_IN_ELEMENT_AT", advice, index, length).into())
        }
    })
}

/// The place of an index that is counted from 1, or from the end.
fn from_one(index: i32, length: usize) -> Result<Option<usize>> {
    match index {
        0 => Err(SparkError::new(
            "INVALID_INDEX_OF_ZERO",
            "22003",
            "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).",
        )
        .into()),
        1.. => Ok(Some(index as usize - 1)),
        _ => Ok(length.checked_sub(index.unsigned_abs() as usize)),
    }
}

fn outside(class: &str, advice: &str, index: i32, size: usize) -> SparkError {
    SparkError::new(
        class,
        "22003",
        format!("The index {index} is out of bounds. The array has {size} elements. {advice}"),
    )
    .with_param("indexValue", index.to_string())
    .with_param("arraySize", size.to_string())
}

/// The element of each row at the place that `place` finds for the index and the length.
fn find(rows: &Rows<'_>, place: impl Fn(i32, usize) -> Result<Option<usize>>) -> Result<ArrayRef> {
    let array = list(rows, 0)?;
    let indexes = rows.values::<Int32Type>(1)?;
    let mut picks = Vec::with_capacity(rows.len);
    for row in 0..rows.len {
        let places = places(array, row);
        picks.push(if rows.is_valid(row) {
            let place = place(indexes.value(row), places.len())?;
            place.filter(|place| *place < places.len()).map(|place| (places.start + place) as u32)
        } else {
            None
        });
    }
    Ok(compute::take(array.values(), &UInt32Array::from(picks), None)?)
}
