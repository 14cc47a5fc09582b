//! Hash functions: Murmur3 and xxHash64 as Spark computes them over columns of any type.

pub(super) mod column;
pub(super) mod murmur3;
mod xxhash;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use self::column::{SeededHash, fold};
use self::murmur3::Murmur3;
use self::xxhash::XxHash64;
use super::kernel::{Kernel, Returns, Rows};

/// `hash(a, b, ...)`.
pub static HASH: Kernel = Kernel::null_aware("spark_hash", Returns::Type(DataType::Int32), hash);
/// `xxhash64(a, b, ...)`.
pub static XXHASH64: Kernel = Kernel::null_aware("spark_xxhash64", Returns::Type(DataType::Int64), xxhash64);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&HASH, &XXHASH64];

/// Spark's seed of both.
const SEED: u32 = 42;

/// Murmur3 of bytes, as Spark computes it.
pub(super) fn murmur3_of_bytes(bytes: &[u8], seed: u32) -> i32 {
    Murmur3::bytes(bytes, seed) as i32
}

fn hash(rows: &Rows<'_>) -> Result<ArrayRef> {
    let mut hashes = vec![SEED; rows.len];
    for column in rows.arrays() {
        fold::<Murmur3>(column, &mut hashes)?;
    }
    let hashes: Vec<i32> = hashes.into_iter().map(|hash| hash as i32).collect();
    Ok(Arc::new(Int32Array::from(hashes)))
}

/// xxHash64 of each value of a column, with Spark's seed.
pub(super) fn xxhash64_of(column: &ArrayRef) -> Result<Vec<u64>> {
    let mut hashes = vec![u64::from(SEED); column.len()];
    fold::<XxHash64>(column, &mut hashes)?;
    Ok(hashes)
}

fn xxhash64(rows: &Rows<'_>) -> Result<ArrayRef> {
    let mut hashes = vec![u64::from(SEED); rows.len];
    for column in rows.arrays() {
        fold::<XxHash64>(column, &mut hashes)?;
    }
    let hashes: Vec<i64> = hashes.into_iter().map(|hash| hash as i64).collect();
    Ok(Arc::new(Int64Array::from(hashes)))
}
