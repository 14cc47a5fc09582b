//! How a value of any type enters a hash: each part with the hash so far as its seed, nulls not at all.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, exec_err};

/// A hash function with a seed.
pub trait SeededHash {
    /// The hash, which is the next seed.
    type State: Copy;
    /// Of four bytes.
    fn int(value: i32, seed: Self::State) -> Self::State;
    /// Of eight bytes.
    fn long(value: i64, seed: Self::State) -> Self::State;
    /// Of any bytes.
    fn bytes(value: &[u8], seed: Self::State) -> Self::State;
}

/// Adds a column to the hashes of its rows.
pub fn fold<H: SeededHash>(column: &ArrayRef, hashes: &mut [H::State]) -> Result<()> {
    match column.data_type() {
        DataType::Null => {}
        DataType::Boolean => {
            let values = column.as_boolean();
            each(column, hashes, |row, seed| H::int(i32::from(values.value(row)), seed));
        }
        DataType::Int8 => primitive::<H, Int8Type>(column, hashes, |v, seed| H::int(v.into(), seed)),
        DataType::Int16 => primitive::<H, Int16Type>(column, hashes, |v, seed| H::int(v.into(), seed)),
        DataType::Int32 => primitive::<H, Int32Type>(column, hashes, H::int),
        DataType::Date32 => primitive::<H, Date32Type>(column, hashes, H::int),
        DataType::Interval(IntervalUnit::YearMonth) => {
            primitive::<H, IntervalYearMonthType>(column, hashes, H::int);
        }
        DataType::Int64 => primitive::<H, Int64Type>(column, hashes, H::long),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            primitive::<H, TimestampMicrosecondType>(column, hashes, H::long);
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            primitive::<H, DurationMicrosecondType>(column, hashes, H::long);
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            primitive::<H, IntervalMonthDayNanoType>(column, hashes, |v, seed| {
                H::int(v.months, H::int(v.days, H::long(v.nanoseconds / 1000, seed)))
            });
        }
        // Minus zero is hashed as zero.
        DataType::Float32 => primitive::<H, Float32Type>(column, hashes, |v, seed| {
            let v = if v.is_nan() { f32::NAN } else { v + 0.0 };
            H::int(v.to_bits() as i32, seed)
        }),
        DataType::Float64 => primitive::<H, Float64Type>(column, hashes, |v, seed| {
            let v = if v.is_nan() { f64::NAN } else { v + 0.0 };
            H::long(v.to_bits() as i64, seed)
        }),
        DataType::Decimal128(precision, _) if *precision <= 18 => {
            primitive::<H, Decimal128Type>(column, hashes, |v, seed| H::long(v as i64, seed));
        }
        DataType::Decimal128(..) => primitive::<H, Decimal128Type>(column, hashes, |v, seed| {
            H::bytes(shortest(&v.to_be_bytes()), seed)
        }),
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            each(column, hashes, |row, seed| H::bytes(values.value(row).as_bytes(), seed));
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            each(column, hashes, |row, seed| H::bytes(values.value(row), seed));
        }
        DataType::Struct(_) => {
            let fields = column.as_struct();
            for field in fields.columns() {
                let masked = mask(column, field)?;
                fold::<H>(&masked, hashes)?;
            }
        }
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            for (row, hash) in hashes.iter_mut().enumerate() {
                if lists.is_valid(row) {
                    items::<H>(&lists.value(row), hash)?;
                }
            }
        }
        DataType::Map(..) => {
            return exec_err!("hash functions do not take maps");
        }
        other if other.is_string() => {
            fold::<H>(&datafusion::arrow::compute::cast(column, &DataType::Utf8)?, hashes)?;
        }
        other => return exec_err!("no hash of {other}"),
    }
    Ok(())
}

/// Each item of an array with the hash of those before it as seed.
fn items<H: SeededHash>(items: &ArrayRef, hash: &mut H::State) -> Result<()> {
    for index in 0..items.len() {
        let mut one = [*hash];
        fold::<H>(&items.slice(index, 1), &mut one)?;
        [*hash] = one;
    }
    Ok(())
}

/// A struct's field, null where the struct is.
fn mask(column: &ArrayRef, field: &ArrayRef) -> Result<ArrayRef> {
    match column.nulls() {
        None => Ok(std::sync::Arc::clone(field)),
        Some(nulls) => {
            let gone = datafusion::arrow::array::BooleanArray::new(!nulls.inner(), None);
            Ok(datafusion::arrow::compute::nullif(field, &gone)?)
        }
    }
}

fn each<S: Copy>(column: &ArrayRef, hashes: &mut [S], hash: impl Fn(usize, S) -> S) {
    for (row, state) in hashes.iter_mut().enumerate() {
        if column.is_valid(row) {
            *state = hash(row, *state);
        }
    }
}

fn primitive<H: SeededHash, T: ArrowPrimitiveType>(
    column: &ArrayRef,
    hashes: &mut [H::State],
    hash: impl Fn(T::Native, H::State) -> H::State,
) {
    let values = column.as_primitive::<T>();
    each(column, hashes, |row, seed| hash(values.value(row), seed));
}

/// The fewest bytes of a two's complement that keep its sign, as Java's BigInteger has them.
fn shortest(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest
        && ((*first == 0 && *second < 0x80) || (*first == 0xFF && *second >= 0x80))
    {
        rest = &rest[1..];
    }
    rest
}
