//! `transform`, `filter`, `exists`, `forall` and `zip_with`.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, UInt32Array, new_empty_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::Field;
use datafusion::common::Result;

use super::Lambda;

/// The elements of all rows one after another; null rows have none.
pub(crate) struct Elements {
    pub values: ArrayRef,
    pub offsets: OffsetBuffer<i32>,
    pub nulls: Option<NullBuffer>,
}

impl Elements {
    pub fn of(list: &ListArray) -> Result<Self> {
        let (values, offsets) = flat(list.values(), list.offsets(), list.nulls())?;
        Ok(Self { values, offsets, nulls: list.nulls().cloned() })
    }

    /// The row of each element.
    pub fn rows(&self) -> Vec<u32> {
        rows(&self.offsets)
    }

    /// The place of each element in its row, from 0.
    fn places(&self) -> ArrayRef {
        let places = self.offsets.windows(2).flat_map(|pair| 0..pair[1] - pair[0]);
        Arc::new(Int32Array::from_iter_values(places))
    }
}

/// The row of each element.
pub(crate) fn rows(offsets: &OffsetBuffer<i32>) -> Vec<u32> {
    offsets
        .windows(2)
        .zip(0_u32..)
        .flat_map(|(pair, row)| std::iter::repeat_n(row, (pair[1] - pair[0]) as usize))
        .collect()
}

/// Values and offsets from 0, without what lies under null rows.
pub(crate) fn flat(
    values: &ArrayRef,
    offsets: &OffsetBuffer<i32>,
    nulls: Option<&NullBuffer>,
) -> Result<(ArrayRef, OffsetBuffer<i32>)> {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else {
        let values = values.slice(first as usize, (last - first) as usize);
        let shifted = offsets.iter().map(|offset| offset - first).collect::<Vec<_>>();
        return Ok((values, OffsetBuffer::new(shifted.into())));
    };
    let length =
        |row: usize| if nulls.is_valid(row) { (offsets[row + 1] - offsets[row]) as usize } else { 0 };
    let lengths = OffsetBuffer::from_lengths((0..nulls.len()).map(length));
    let kept: UInt32Array = (0..nulls.len())
        .filter(|row| nulls.is_valid(*row))
        .flat_map(|row| offsets[row] as u32..offsets[row + 1] as u32)
        .collect();
    Ok((compute::take(values, &kept, None)?, lengths))
}

fn list(values: ArrayRef, offsets: OffsetBuffer<i32>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls)?))
}

pub(super) fn transform(array: &ListArray, lambda: &Lambda<'_>) -> Result<ArrayRef> {
    let elements = Elements::of(array)?;
    let parameters = vec![Arc::clone(&elements.values), elements.places()];
    let values = lambda.evaluate(parameters, || elements.rows())?;
    list(values, elements.offsets, elements.nulls)
}

pub(super) fn filter(array: &ListArray, lambda: &Lambda<'_>) -> Result<ArrayRef> {
    let elements = Elements::of(array)?;
    let parameters = vec![Arc::clone(&elements.values), elements.places()];
    let kept = lambda.evaluate(parameters, || elements.rows())?;
    let kept = kept.as_boolean();
    let values = compute::filter(&elements.values, kept)?;
    list(values, kept_offsets(&elements.offsets, kept), elements.nulls)
}

/// The offsets after a filter.
pub(super) fn kept_offsets(offsets: &OffsetBuffer<i32>, kept: &BooleanArray) -> OffsetBuffer<i32> {
    let stays = |i: i32| kept.is_valid(i as usize) && kept.value(i as usize);
    OffsetBuffer::from_lengths(
        offsets.windows(2).map(|pair| (pair[0]..pair[1]).filter(|i| stays(*i)).count()),
    )
}

/// Whether the body is `wanted` for some element: null if it is so for none, but null for some. For
/// `forall`, `wanted` is false, and so is the answer then.
pub(super) fn any(array: &ListArray, lambda: &Lambda<'_>, wanted: bool) -> Result<ArrayRef> {
    let elements = Elements::of(array)?;
    let hits = lambda.evaluate(vec![Arc::clone(&elements.values)], || elements.rows())?;
    let hits = hits.as_boolean();
    let answer = |row: usize| {
        if elements.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let range = elements.offsets[row] as usize..elements.offsets[row + 1] as usize;
        let mut unknown = false;
        for i in range {
            if hits.is_null(i) {
                unknown = true;
            } else if hits.value(i) == wanted {
                return Some(wanted);
            }
        }
        (!unknown).then_some(!wanted)
    };
    Ok(Arc::new((0..array.len()).map(answer).collect::<BooleanArray>()))
}

/// The shorter array is filled up with nulls.
pub(super) fn zip_with(left: &ListArray, right: &ListArray, lambda: &Lambda<'_>) -> Result<ArrayRef> {
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let lengths = (0..left.len()).map(|row| {
        let known = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        if known { left.value_length(row).max(right.value_length(row)) as usize } else { 0 }
    });
    let offsets = OffsetBuffer::from_lengths(lengths);
    let side = |list: &ListArray| -> Result<ArrayRef> {
        let places: UInt32Array = offsets
            .windows(2)
            .enumerate()
            .flat_map(|(row, pair)| {
                let (start, own) = (list.value_offsets()[row], list.value_length(row));
                (0..pair[1] - pair[0]).map(move |i| (i < own).then_some((start + i) as u32))
            })
            .collect();
        if list.values().is_empty() && places.is_empty() {
            return Ok(new_empty_array(list.values().data_type()));
        }
        Ok(compute::take(list.values(), &places, None)?)
    };
    let values = lambda.evaluate(vec![side(left)?, side(right)?], || rows(&offsets))?;
    list(values, offsets, nulls)
}
