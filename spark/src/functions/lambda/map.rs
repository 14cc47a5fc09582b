//! `map_filter`, `map_zip_with`, `transform_keys` and `transform_values`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, MapArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::Result;

use super::Lambda;
use super::list::{flat, kept_offsets, rows};
use crate::functions::map::{check_keys, new_map};

/// The entries of all rows one after another; null rows have none.
struct Entries {
    keys: ArrayRef,
    values: ArrayRef,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
}

impl Entries {
    fn of(map: &MapArray) -> Result<Self> {
        let (keys, offsets) = flat(map.keys(), map.offsets(), map.nulls())?;
        let (values, _) = flat(map.values(), map.offsets(), map.nulls())?;
        Ok(Self { keys, values, offsets, nulls: map.nulls().cloned() })
    }

    fn evaluate(&self, lambda: &Lambda<'_>) -> Result<ArrayRef> {
        lambda.evaluate(vec![Arc::clone(&self.keys), Arc::clone(&self.values)], || rows(&self.offsets))
    }
}

pub(super) fn filter(map: &MapArray, lambda: &Lambda<'_>) -> Result<ArrayRef> {
    let entries = Entries::of(map)?;
    let kept = entries.evaluate(lambda)?;
    let kept = kept.as_boolean();
    new_map(
        compute::filter(&entries.keys, kept)?,
        compute::filter(&entries.values, kept)?,
        kept_offsets(&entries.offsets, kept),
        entries.nulls,
    )
}

pub(super) fn transform_keys(map: &MapArray, lambda: &Lambda<'_>) -> Result<ArrayRef> {
    let entries = Entries::of(map)?;
    let keys = entries.evaluate(lambda)?;
    check_keys(&keys, &entries.offsets)?;
    new_map(keys, entries.values, entries.offsets, entries.nulls)
}

pub(super) fn transform_values(map: &MapArray, lambda: &Lambda<'_>) -> Result<ArrayRef> {
    let entries = Entries::of(map)?;
    let values = entries.evaluate(lambda)?;
    new_map(entries.keys, values, entries.offsets, entries.nulls)
}

/// The keys of both maps, those of the left one first; a side without the key gives null.
pub(super) fn zip_with(left: &MapArray, right: &MapArray, lambda: &Lambda<'_>) -> Result<ArrayRef> {
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let (l, r) = (Entries::of(left)?, Entries::of(right)?);
    let converter = RowConverter::new(vec![SortField::new(l.keys.data_type().clone())])?;
    let (left_rows, right_rows) = (
        converter.convert_columns(&[Arc::clone(&l.keys)])?,
        converter.convert_columns(&[Arc::clone(&r.keys)])?,
    );
    let (mut lengths, mut left_places, mut right_places) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..left.len() {
        let before = left_places.len();
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            let range = |offsets: &OffsetBuffer<i32>| offsets[row] as usize..offsets[row + 1] as usize;
            let mut others: HashMap<_, u32> =
                range(&r.offsets).map(|i| (right_rows.row(i), i as u32)).collect();
            for i in range(&l.offsets) {
                left_places.push(Some(i as u32));
                right_places.push(others.remove(&left_rows.row(i)));
            }
            for i in range(&r.offsets).filter(|i| others.contains_key(&right_rows.row(*i))) {
                left_places.push(None);
                right_places.push(Some(i as u32));
            }
        }
        lengths.push(left_places.len() - before);
    }
    let key_sources: Vec<(usize, usize)> = left_places
        .iter()
        .zip(&right_places)
        .map(|pair| match pair {
            (Some(left), _) => (0, *left as usize),
            (None, right) => (1, right.unwrap_or_default() as usize),
        })
        .collect();
    let keys = compute::interleave(&[l.keys.as_ref(), r.keys.as_ref()], &key_sources)?;
    let left_values = compute::take(&l.values, &UInt32Array::from(left_places), None)?;
    let right_values = compute::take(&r.values, &UInt32Array::from(right_places), None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let parameters = vec![Arc::clone(&keys), left_values, right_values];
    let values = lambda.evaluate(parameters, || rows(&offsets))?;
    new_map(keys, values, offsets, nulls)
}
