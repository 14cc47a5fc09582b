//! Functions of chance that give Spark's very numbers for a seed.
//!
//! Spark draws the numbers of a partition one after the other. Here each row's number follows from the
//! seed and from `monotonically_increasing_id()`, so that batches and retries cannot change it.

mod twister;
mod xorshift;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, internal_err};

use self::twister::Twister;
use self::xorshift::XorShift;
use super::kernel::{Kernel, Returns, Rows};

/// Bits of a row's id that number it within its partition.
const ROW_BITS: u32 = 33;
/// Streams whose state is kept between batches.
const KEPT: usize = 64;

/// `rand(seed, row id)`.
pub static RAND: Kernel = Kernel::volatile("spark_rand", Returns::Type(DataType::Float64), |rows| {
    let (seeds, ids) = (rows.values::<Int64Type>(0)?, rows.values::<Int64Type>(1)?);
    let mut stream = Uniform::default();
    rows.primitives::<Float64Type>(|row| {
        Ok(Some(stream.at(seeds.value(row), ids.value(row), 2).next_double()))
    })
});
/// `randn(seed, row id)`.
pub static RANDN: Kernel = Kernel::volatile("spark_randn", Returns::Type(DataType::Float64), randn);
/// `randstr(length, seed, row id)`.
pub static RANDSTR: Kernel = Kernel::volatile("spark_randstr", Returns::Type(DataType::Utf8), |rows| {
    let lengths = rows.values::<Int32Type>(0)?;
    let (seeds, ids) = (rows.values::<Int64Type>(1)?, rows.values::<Int64Type>(2)?);
    let mut stream = Uniform::default();
    rows.write(|row, out| {
        let length = u64::from(lengths.value(row).unsigned_abs());
        let random = stream.at(seeds.value(row), ids.value(row), length);
        out.extend((0..length).map(|_| random.next_letter()));
        Ok(true)
    })
});
/// `shuffle(array, seed, row id)`.
pub static SHUFFLE: Kernel = Kernel::volatile("spark_shuffle", Returns::Argument(0), shuffle);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&RAND, &RANDN, &RANDSTR, &SHUFFLE];

/// The partition and the row in it.
fn place(id: i64) -> (i64, u64) {
    (id >> ROW_BITS, (id & ((1 << ROW_BITS) - 1)).unsigned_abs())
}

/// A stream, and the seed and id of the row that takes from it next.
struct Next<S> {
    seed: i64,
    id: i64,
    stream: S,
}

/// The stream of the row before, if this row is the one that comes next.
fn continued<S>(last: &mut Option<Next<S>>, seed: i64, id: i64) -> Option<S> {
    last.take().filter(|next| (next.seed, next.id) == (seed, id)).map(|next| next.stream)
}

/// A stream of which each row takes equally many numbers, so that any row can be jumped to.
#[derive(Default)]
struct Uniform {
    last: Option<Next<XorShift>>,
}

impl Uniform {
    /// The stream where a row takes its numbers, `draws` a row.
    fn at(&mut self, seed: i64, id: i64, draws: u64) -> &mut XorShift {
        let stream = continued(&mut self.last, seed, id).unwrap_or_else(|| {
            let (partition, row) = place(id);
            let mut stream = XorShift::new(seed.wrapping_add(partition));
            stream.skip(row * draws);
            stream
        });
        &mut self.last.insert(Next { seed, id: id + 1, stream }).stream
    }
}

/// Streams whose rows take differently many numbers, by seed and id of the row that comes next.
struct Kept<S>(Mutex<Option<HashMap<(i64, i64), S>>>);

impl<S> Kept<S> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn take(&self, seed: i64, id: i64) -> Option<S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.remove(&(seed, id))
    }

    fn keep(&self, last: Option<Next<S>>) {
        let Some(next) = last else { return };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get_or_insert_with(HashMap::new);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert((next.seed, next.id), next.stream);
    }
}

static NORMAL: Kept<XorShift> = Kept::new();
static ORDERS: Kept<Twister> = Kept::new();

fn randn(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (seeds, ids) = (rows.values::<Int64Type>(0)?, rows.values::<Int64Type>(1)?);
    let mut last = None;
    let out = rows.primitives::<Float64Type>(|row| {
        let (seed, id) = (seeds.value(row), ids.value(row));
        let known = continued(&mut last, seed, id).or_else(|| NORMAL.take(seed, id));
        let mut stream = known.unwrap_or_else(|| {
            let (partition, before) = place(id);
            let mut stream = XorShift::new(seed.wrapping_add(partition));
            for _ in 0..before {
                stream.next_gaussian();
            }
            stream
        });
        let value = stream.next_gaussian();
        last = Some(Next { seed, id: id + 1, stream });
        Ok(Some(value))
    })?;
    NORMAL.keep(last);
    Ok(out)
}

/// The order of a row depends on the lengths of all arrays before it, of which only the stream knows: where
/// that is lost the row starts one of its own.
fn shuffle(rows: &Rows<'_>) -> Result<ArrayRef> {
    let Some(lists) = rows.array(0)?.as_list_opt::<i32>() else {
        return internal_err!("shuffle takes arrays");
    };
    let (seeds, ids) = (rows.values::<Int64Type>(1)?, rows.values::<Int64Type>(2)?);
    let mut indices: Vec<u32> = Vec::with_capacity(lists.values().len());
    let mut lengths = Vec::with_capacity(rows.len);
    let mut last = None;
    for row in 0..rows.len {
        let (seed, id) = (seeds.value(row), ids.value(row));
        let known = continued(&mut last, seed, id).or_else(|| ORDERS.take(seed, id));
        let mut stream = known.unwrap_or_else(|| {
            let (partition, before) = place(id);
            let own = before.cast_signed() << ROW_BITS;
            Twister::new(seed.wrapping_add(partition).wrapping_add(own))
        });
        let length = if lists.is_valid(row) { lists.value_length(row).unsigned_abs() } else { 0 };
        let start = lists.value_offsets()[row].unsigned_abs();
        indices.extend(stream.order(length).into_iter().map(|index| start + index));
        lengths.push(length as usize);
        last = Some(Next { seed, id: id + 1, stream });
    }
    ORDERS.keep(last);
    let values = take(lists.values(), &UInt32Array::from(indices), None)?;
    let DataType::List(item) = lists.data_type() else { return internal_err!("a list of another type") };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, lists.nulls().cloned())?))
}
