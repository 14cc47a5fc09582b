//! Bitmaps of 32,768 bits: `bitmap_construct_agg`, `bitmap_or_agg` and `bitmap_and_agg`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

use super::Definition;
use crate::error::SparkError;

const BYTES: usize = 4096;

pub(super) static CONSTRUCT: Definition = Definition {
    name: "bitmap_construct_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |_| Ok(Box::new(Bitmap { bits: vec![0; BYTES], join: |a, b| a | b })),
};

pub(super) static OR: Definition = Definition {
    name: "bitmap_or_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |_| Ok(Box::new(Bitmap { bits: vec![0; BYTES], join: |a, b| a | b })),
};

pub(super) static AND: Definition = Definition {
    name: "bitmap_and_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |_| Ok(Box::new(Bitmap { bits: vec![u8::MAX; BYTES], join: |a, b| a & b })),
};

#[derive(Debug)]
struct Bitmap {
    bits: Vec<u8>,
    join: fn(u8, u8) -> u8,
}

impl Bitmap {
    /// Sets the bits at the positions, or joins the bitmaps.
    fn add(&mut self, values: &ArrayRef) -> Result<()> {
        match values.data_type() {
            DataType::Int64 => {
                for position in values.as_primitive::<Int64Type>().iter().flatten() {
                    let place = usize::try_from(position).ok().filter(|place| *place < BYTES * 8);
                    let Some(place) = place else {
                        return Err(out_of_range(position).into());
                    };
                    self.bits[place / 8] |= 1 << (place % 8);
                }
            }
            DataType::Binary => {
                for bitmap in values.as_binary::<i32>().iter().flatten() {
                    // What a short bitmap lacks is 0.
                    let bytes = bitmap.iter().copied().chain(std::iter::repeat(0));
                    for (own, other) in self.bits.iter_mut().zip(bytes) {
                        *own = (self.join)(*own, other);
                    }
                }
            }
            other => return exec_err!("a bitmap is not made of {other}"),
        }
        Ok(())
    }
}

fn out_of_range(position: i64) -> SparkError {
    SparkError::new(
        "INVALID_BITMAP_POSITION",
        "22003",
        format!(
            "The 0-indexed bitmap position {position} is out of bounds. The bitmap has {} bits ({BYTES} bytes).",
            BYTES * 8
        ),
    )
    .with_param("bitPosition", position.to_string())
    .with_param("bitmapNumBits", (BYTES * 8).to_string())
    .with_param("bitmapNumBytes", BYTES.to_string())
}

impl Accumulator for Bitmap {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.first().map_or(Ok(()), |values| self.add(values))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.bits.clone())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bits.capacity()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
