//! Functions on arrays.

mod access;
mod build;
mod order;
mod sequence;
mod set;
mod slice;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};

pub use access::{CARDINALITY, ELEMENT_AT, GET, ITEM, TRY_ELEMENT_AT};
pub use build::{APPEND, ARRAYS_ZIP, COMPACT, CONCAT, FLATTEN, INSERT, JOIN, PREPEND, REVERSE};
pub use order::{ARRAY_MAX, ARRAY_MIN, ARRAY_SORT, SORT_ARRAY};
pub use sequence::SEQUENCE;
pub use set::{CONTAINS, DISTINCT, EXCEPT, INTERSECT, OVERLAP, POSITION, REMOVE, UNION};
pub use slice::SLICE;

use super::kernel::{Kernel, Rows};
use super::lambda::list_of;

/// The kernels.
pub(super) const KERNELS: &[&Kernel] = &[
    &APPEND,
    &ARRAYS_ZIP,
    &ARRAY_MAX,
    &ARRAY_MIN,
    &ARRAY_SORT,
    &CARDINALITY,
    &COMPACT,
    &CONCAT,
    &CONTAINS,
    &DISTINCT,
    &ELEMENT_AT,
    &EXCEPT,
    &FLATTEN,
    &GET,
    &INSERT,
    &INTERSECT,
    &ITEM,
    &JOIN,
    &OVERLAP,
    &POSITION,
    &PREPEND,
    &REMOVE,
    &REVERSE,
    &SEQUENCE,
    &SLICE,
    &SORT_ARRAY,
    &TRY_ELEMENT_AT,
    &UNION,
];

/// The type of an array's elements.
fn element(data_type: Option<&DataType>) -> Result<DataType> {
    match data_type {
        Some(DataType::List(field)) => Ok(field.data_type().clone()),
        other => exec_err!("{other:?} is no array"),
    }
}

/// An array with the elements of the first argument.
fn same_array(args: &[DataType]) -> Result<DataType> {
    Ok(list_of(element(args.first())?))
}

/// An element of the first argument.
fn same_element(args: &[DataType]) -> Result<DataType> {
    element(args.first())
}

fn list<'a>(rows: &'a Rows<'_>, index: usize) -> Result<&'a ListArray> {
    match rows.array(index)?.as_list_opt::<i32>() {
        Some(list) => Ok(list),
        None => exec_err!("argument {index} is no array"),
    }
}

/// The places of a row's elements.
fn places(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    if list.is_null(row) {
        return 0..0;
    }
    list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize
}

/// Builds an array column of elements taken from other columns.
struct Picker {
    picks: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    start: usize,
}

impl Picker {
    fn new(rows: usize) -> Self {
        Self {
            picks: Vec::new(),
            lengths: Vec::with_capacity(rows),
            valid: Vec::with_capacity(rows),
            start: 0,
        }
    }

    /// Appends the element at a place of a source to the row.
    fn pick(&mut self, source: usize, place: usize) {
        self.picks.push((source, place));
    }

    fn pick_all(&mut self, source: usize, places: impl IntoIterator<Item = usize>) {
        self.picks.extend(places.into_iter().map(|place| (source, place)));
    }

    /// Ends the row.
    fn end_row(&mut self, valid: bool) {
        if !valid {
            self.picks.truncate(self.start);
        }
        self.lengths.push(self.picks.len() - self.start);
        self.valid.push(valid);
        self.start = self.picks.len();
    }

    /// The column; the sources must be of the element type.
    fn finish(self, sources: &[&ArrayRef]) -> Result<ArrayRef> {
        let Some(first) = sources.first() else { return exec_err!("no sources of elements") };
        let values = if self.picks.is_empty() {
            datafusion::arrow::array::new_empty_array(first.data_type())
        } else {
            let sources: Vec<&dyn Array> = sources.iter().map(|source| source.as_ref()).collect();
            compute::interleave(&sources, &self.picks)?
        };
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let nulls = NullBuffer::from(self.valid);
        Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(nulls))?))
    }
}
