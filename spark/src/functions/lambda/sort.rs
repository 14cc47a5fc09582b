//! `array_sort` with a comparator: merge sort, where a step compares one pair of each pair of runs.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::list::Elements;
use super::{Lambda, fit};
use crate::error::SparkError;
use crate::text::{self, Style};

/// Two sorted runs that become one: what is left of each, and where the next element goes.
struct Merge {
    row: u32,
    left: std::ops::Range<usize>,
    right: std::ops::Range<usize>,
    to: usize,
}

pub(super) fn array_sort(array: &ListArray, comparator: &Lambda<'_>) -> Result<ArrayRef> {
    let elements = Elements::of(array)?;
    let mut from: Vec<u32> = (0..elements.values.len() as u32).collect();
    let longest = elements.offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize).max().unwrap_or(0);
    let mut width = 1;
    while width < longest {
        let mut to = from.clone();
        let mut merges = Vec::new();
        for (row, pair) in (0_u32..).zip(elements.offsets.windows(2)) {
            let end = pair[1] as usize;
            for start in (pair[0] as usize..end).step_by(2 * width) {
                let middle = (start + width).min(end);
                let right = middle..(start + 2 * width).min(end);
                if !right.is_empty() {
                    merges.push(Merge { row, left: start..middle, right, to: start });
                }
            }
        }
        while !merges.is_empty() {
            let side = |pick: fn(&Merge) -> usize| -> Result<ArrayRef> {
                let places = UInt32Array::from_iter_values(merges.iter().map(|m| from[pick(m)]));
                Ok(compute::take(&elements.values, &places, None)?)
            };
            let (left, right) = (side(|m| m.left.start)?, side(|m| m.right.start)?);
            let rows = || merges.iter().map(|m| m.row).collect();
            let order = comparator.evaluate(vec![Arc::clone(&left), Arc::clone(&right)], rows)?;
            let order = fit(order, &DataType::Int32)?;
            let order = order.as_primitive::<Int32Type>();
            if let Some(i) = (0..order.len()).find(|i| order.is_null(*i)) {
                return Err(null_comparison(&left, &right, i)?.into());
            }
            for (merge, order) in merges.iter_mut().zip(order.values()) {
                let run = if *order <= 0 { &mut merge.left } else { &mut merge.right };
                to[merge.to] = from[run.start];
                run.start += 1;
                merge.to += 1;
            }
            merges.retain(|merge| {
                if !merge.left.is_empty() && !merge.right.is_empty() {
                    return true;
                }
                let rest = if merge.left.is_empty() { merge.right.clone() } else { merge.left.clone() };
                to[merge.to..merge.to + rest.len()].copy_from_slice(&from[rest]);
                false
            });
        }
        from = to;
        width *= 2;
    }
    let values = compute::take(&elements.values, &UInt32Array::from(from), None)?;
    let DataType::List(field) = array.data_type() else {
        return Err(SparkError::internal("array_sort of no array").into());
    };
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), elements.offsets, values, elements.nulls)?))
}

fn null_comparison(left: &ArrayRef, right: &ArrayRef, row: usize) -> Result<SparkError> {
    let shown = |array: &ArrayRef| {
        if array.is_null(row) { Ok("null".to_owned()) } else { text::value(array, row, Style::Cast) }
    };
    let (first, second) = (shown(left)?, shown(right)?);
    let message = format!(
        "The comparator has returned a NULL for a comparison between {first} and {second}. It should return a \
         positive integer for \"greater than\", 0 for \"equal\" and a negative integer for \"less than\". \
         To revert to deprecated behavior where NULL is treated as 0 (equal), you must set \
         \"spark.sql.legacy.allowNullComparisonResultInArraySort\" to \"true\"."
    );
    Ok(SparkError::new("COMPARATOR_RETURNS_NULL", "22004", message)
        .with_param("firstValue", first)
        .with_param("secondValue", second))
}
