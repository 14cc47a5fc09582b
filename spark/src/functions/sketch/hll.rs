//! HyperLogLog sketches, which count distinct values: `hll_*`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;
use datasketches::hash::value::raw_bytes;
use datasketches::hll::{HllSketch, HllType, HllUnion};

use super::{constant_int, failed, invalid_buffer};
use crate::error::SparkError;
use crate::functions::aggregate::{Definition, constant};
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `hll_sketch_agg(value, lgConfigK)`: the values are INT, BIGINT, STRING or BINARY.
pub(in crate::functions) static SKETCH: Definition = Definition {
    name: "hll_sketch_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |args| {
        let lg_k = lg_k(constant_int(args, 1)?)?;
        Ok(Box::new(Values { lg_k, sketch: new_sketch(lg_k)? }))
    },
};

/// `hll_union_agg(sketch, allowDifferentLgConfigK)`.
pub(in crate::functions) static UNION: Definition = Definition {
    name: "hll_union_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |args| {
        let mixed = matches!(constant(args, 1)?, ScalarValue::Boolean(Some(true)));
        Ok(Box::new(Sketches { mixed, sketch: None }))
    },
};

/// `hll_sketch_estimate(sketch)`.
pub static ESTIMATE: Kernel = Kernel::new("hll_sketch_estimate", Returns::Type(DataType::Int64), estimate);
/// `hll_union(sketch, sketch, allowDifferentLgConfigK)`.
pub static UNION_OF_TWO: Kernel = Kernel::new("hll_union", Returns::Type(DataType::Binary), union_of_two);

pub(in crate::functions) const KERNELS: &[&Kernel] = &[&ESTIMATE, &UNION_OF_TWO];

/// Sizes that the library takes: 2^4 to 2^21 registers.
fn lg_k(value: i32) -> Result<u8> {
    match u8::try_from(value) {
        Ok(lg_k @ 4..=21) => Ok(lg_k),
        _ => Err(SparkError::new(
            "HLL_INVALID_LG_K",
            "22546",
            format!(
                "Invalid call to `hll_sketch_agg`; the `lgConfigK` value must be between 4 and 21, inclusive: {value}."
            ),
        )
        .with_param("function", "`hll_sketch_agg`")
        .with_param("min", "4")
        .with_param("max", "21")
        .with_param("value", value.to_string())
        .into()),
    }
}

fn new_sketch(lg_k: u8) -> Result<HllSketch> {
    HllSketch::new(lg_k, HllType::Hll8).map_err(failed)
}

fn read(bytes: &[u8], function: &str) -> Result<HllSketch> {
    HllSketch::deserialize(bytes)
        .map_err(|_| invalid_buffer("HLL_INVALID_INPUT_SKETCH_BUFFER", "HLL", function))
}

/// Flag of bytes that leave empty places out.
const COMPACT: u8 = 1 << 3;
/// Where the logarithm of the number of places and the flags are.
const LG_PLACES: usize = 4;
const FLAGS: usize = 5;
/// The lower bits of a value, by which it finds its place.
const KEY: u32 = (1 << 26) - 1;

/// The bytes Spark writes: with the empty places of lists and sets of values.
fn write(sketch: &HllSketch) -> Vec<u8> {
    let mut bytes = sketch.serialize();
    let header = match bytes.first() {
        Some(2) => 8,
        Some(3) => 12,
        _ => return bytes,
    };
    let is_list = header == 8;
    if bytes.len() < header || bytes[FLAGS] & COMPACT == 0 {
        return bytes;
    }
    bytes[FLAGS] &= !COMPACT;
    let lg = u32::from(bytes[LG_PLACES]);
    let values: Vec<u32> = bytes[header..]
        .chunks_exact(4)
        .map(|value| u32::from_le_bytes([value[0], value[1], value[2], value[3]]))
        .collect();
    let mut places = vec![0_u32; 1 << lg];
    let mask = places.len() - 1;
    for (index, value) in values.into_iter().enumerate() {
        let mut place = if is_list { index } else { value as usize & mask };
        // A set steps on from a taken place by the key's upper bits.
        let step = ((value & KEY) >> lg) as usize | 1;
        while places[place] != 0 {
            place = (place + step) & mask;
        }
        places[place] = value;
    }
    bytes.truncate(header);
    bytes.extend(places.into_iter().flat_map(u32::to_le_bytes));
    bytes
}

/// Both sketches as one of at most the size given.
fn joined(lg_k: u8, sketches: [&HllSketch; 2]) -> Result<HllSketch> {
    let mut union = HllUnion::new(lg_k).map_err(failed)?;
    for sketch in sketches {
        union.update(sketch);
    }
    Ok(union.to_sketch(HllType::Hll8))
}

/// As [`joined`]; sketches of different sizes only where that is wanted.
fn united(left: &HllSketch, right: &HllSketch, mixed: bool, function: &str) -> Result<HllSketch> {
    let (a, b) = (left.lg_config_k(), right.lg_config_k());
    if a != b && !mixed {
        return Err(SparkError::new(
            "HLL_UNION_DIFFERENT_LG_K",
            "22000",
            format!(
                "Sketches have different `lgConfigK` values: {a} and {b}. Set the `allowDifferentLgConfigK` \
                 parameter to true to call `{function}` with different `lgConfigK` values."
            ),
        )
        .with_param("left", a.to_string())
        .with_param("right", b.to_string())
        .with_param("function", format!("`{function}`"))
        .into());
    }
    joined(a.min(b), [left, right])
}

/// A sketch of values.
#[derive(Debug)]
struct Values {
    lg_k: u8,
    sketch: HllSketch,
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        match values.data_type() {
            DataType::Int32 => {
                let values = values.as_primitive::<Int32Type>().iter().flatten();
                values.for_each(|value| self.sketch.update(i64::from(value)));
            }
            DataType::Int64 => {
                values
                    .as_primitive::<Int64Type>()
                    .iter()
                    .flatten()
                    .for_each(|value| self.sketch.update(value));
            }
            DataType::Utf8 => {
                let values = values.as_string::<i32>().iter().flatten().filter(|value| !value.is_empty());
                values.for_each(|value| self.sketch.update(raw_bytes::from_str(value)));
            }
            DataType::Binary => {
                let values = values.as_binary::<i32>().iter().flatten().filter(|value| !value.is_empty());
                values.for_each(|value| self.sketch.update(raw_bytes::from_slice(value)));
            }
            DataType::Null => {}
            other => return exec_err!("hll_sketch_agg does not take {other}"),
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(write(&self.sketch))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sketch.estimated_size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states.iter().flat_map(|states| states.as_binary::<i32>().iter().flatten()) {
            let other = read(state, "hll_sketch_agg")?;
            if self.sketch.is_empty() {
                self.sketch = other;
            } else if !other.is_empty() {
                self.sketch = joined(self.lg_k, [&self.sketch, &other])?;
            }
        }
        Ok(())
    }
}

/// A union of sketches.
#[derive(Debug)]
struct Sketches {
    mixed: bool,
    sketch: Option<HllSketch>,
}

impl Accumulator for Sketches {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first().and_then(|values| values.as_binary_opt::<i32>()) else {
            return Ok(());
        };
        for bytes in values.iter().flatten() {
            let other = read(bytes, "hll_union_agg")?;
            self.sketch = Some(match &self.sketch {
                None => joined(other.lg_config_k(), [&other, &other])?,
                Some(own) => united(own, &other, self.mixed, "hll_union_agg")?,
            });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(self.sketch.as_ref().map(write)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sketch.as_ref().map_or(0, HllSketch::estimated_size)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

fn estimate(rows: &Rows<'_>) -> Result<ArrayRef> {
    let sketches = rows.bytes(0)?;
    rows.primitives::<Int64Type>(|row| {
        Ok(Some(read(sketches.value(row), rows.name())?.estimate().round() as i64))
    })
}

fn union_of_two(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (left, right, mixed) = (rows.bytes(0)?, rows.bytes(1)?, rows.flags(2)?);
    rows.write_bytes(|row, out| {
        let (a, b) = (read(left.value(row), rows.name())?, read(right.value(row), rows.name())?);
        out.extend(write(&united(&a, &b, mixed.value(row), rows.name())?));
        Ok(true)
    })
}
