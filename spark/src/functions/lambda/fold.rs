//! `aggregate`: rows are folded side by side, one element of each in a step.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, UInt32Array};
use datafusion::arrow::compute;
use datafusion::common::Result;

use super::list::Elements;
use super::{Lambda, fit};

pub(super) fn aggregate(
    array: &ListArray,
    start: &ArrayRef,
    merge: &Lambda<'_>,
    finish: Option<&Lambda<'_>>,
) -> Result<ArrayRef> {
    let elements = Elements::of(array)?;
    let length = |row: u32| {
        let row = row as usize;
        elements.offsets[row + 1] - elements.offsets[row]
    };
    // Longest rows first: those that still have elements are always the first ones.
    let mut order: Vec<u32> = (0..array.len() as u32).collect();
    order.sort_by_key(|row| std::cmp::Reverse(length(*row)));
    let order = UInt32Array::from(order);
    let mut accumulators = compute::take(start, &order, None)?;
    let captures = compute::take_arrays(merge.captures, &order, None)?;
    let mut done: Vec<ArrayRef> = Vec::new();
    let mut active = array.len();
    for step in 0.. {
        let still = order.values()[..active].partition_point(|row| length(*row) > step);
        if still < active {
            done.push(accumulators.slice(still, active - still));
            accumulators = accumulators.slice(0, still);
            active = still;
        }
        if active == 0 {
            break;
        }
        let places =
            order.values()[..active].iter().map(|row| (elements.offsets[*row as usize] + step) as u32);
        let values = compute::take(&elements.values, &UInt32Array::from_iter_values(places), None)?;
        let captures = captures.iter().map(|array| array.slice(0, active)).collect();
        let merged = merge.evaluate_aligned(vec![accumulators, values], captures)?;
        accumulators = fit(merged, start.data_type())?;
    }
    done.reverse();
    let mut result = if done.is_empty() {
        Arc::clone(start)
    } else {
        let parts: Vec<&dyn Array> = done.iter().map(AsRef::as_ref).collect();
        let sorted = compute::concat(&parts)?;
        let mut back = vec![0_u32; order.len()];
        for (place, row) in (0_u32..).zip(order.values()) {
            back[*row as usize] = place;
        }
        compute::take(&sorted, &UInt32Array::from(back), None)?
    };
    if let Some(finish) = finish {
        result = finish.evaluate_aligned(vec![result], finish.captures.to_vec())?;
    }
    if array.null_count() == 0 {
        return Ok(result);
    }
    Ok(compute::nullif(&result, &compute::is_null(array)?)?)
}
