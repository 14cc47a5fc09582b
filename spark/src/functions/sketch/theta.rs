//! Theta sketches, which count distinct values and know union, intersection and difference: `theta_*`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;
use datasketches::hash::value::{canonical_float, raw_bytes};
use datasketches::theta::{
    CompactThetaSketch, ThetaANotB, ThetaIntersection, ThetaSketch, ThetaSketchBuilder, ThetaUnion,
    ThetaUnionBuilder,
};

use super::{constant_int, failed, invalid_buffer};
use crate::error::SparkError;
use crate::functions::aggregate::Definition;
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `theta_sketch_agg(value, lgNomEntries)`.
pub(in crate::functions) static SKETCH: Definition = Definition {
    name: "theta_sketch_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |args| {
        let lg_k = lg_k(constant_int(args, 1)?, "theta_sketch_agg")?;
        let sketch = ThetaSketchBuilder::default().lg_k(lg_k).build().map_err(failed)?;
        Ok(Box::new(Values { lg_k, sketch, others: None }))
    },
};

/// `theta_union_agg(sketch, lgNomEntries)`.
pub(in crate::functions) static UNION: Definition = Definition {
    name: "theta_union_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |args| {
        let lg_k = lg_k(constant_int(args, 1)?, "theta_union_agg")?;
        Ok(Box::new(Union(new_union(lg_k)?)))
    },
};

/// `theta_intersection_agg(sketch)`.
pub(in crate::functions) static INTERSECTION: Definition = Definition {
    name: "theta_intersection_agg",
    returns: |_| Ok(DataType::Binary),
    state: |_| vec![DataType::Binary],
    start: |_| Ok(Box::new(Intersection(ThetaIntersection::default()))),
};

/// `theta_sketch_estimate(sketch)`.
pub static ESTIMATE: Kernel = Kernel::new("theta_sketch_estimate", Returns::Type(DataType::Int64), estimate);
/// `theta_union(sketch, sketch, lgNomEntries)`.
pub static UNION_OF_TWO: Kernel = Kernel::new("theta_union", Returns::Type(DataType::Binary), union_of_two);
/// `theta_intersection(sketch, sketch)`.
pub static INTERSECTION_OF_TWO: Kernel =
    Kernel::new("theta_intersection", Returns::Type(DataType::Binary), intersection_of_two);
/// `theta_difference(sketch, sketch)`.
pub static DIFFERENCE: Kernel = Kernel::new("theta_difference", Returns::Type(DataType::Binary), difference);

pub(in crate::functions) const KERNELS: &[&Kernel] =
    &[&ESTIMATE, &UNION_OF_TWO, &INTERSECTION_OF_TWO, &DIFFERENCE];

/// The bytes of a sketch that saw nothing.
const EMPTY: [u8; 8] = [1, 3, 3, 0, 0, 0x1e, 0, 0];

/// Sizes that the library takes: 2^4 to 2^26 entries.
fn lg_k(value: i32, function: &str) -> Result<u8> {
    match u8::try_from(value) {
        Ok(lg_k @ 4..=26) => Ok(lg_k),
        _ => Err(SparkError::new(
            "THETA_INVALID_LG_NOM_ENTRIES",
            "22546",
            format!(
                "Invalid call to `{function}`; the `lgNomEntries` value must be between 4 and 26, inclusive: {value}."
            ),
        )
        .with_param("function", format!("`{function}`"))
        .with_param("min", "4")
        .with_param("max", "26")
        .with_param("value", value.to_string())
        .into()),
    }
}

fn new_union(lg_k: u8) -> Result<ThetaUnion> {
    // The library's smallest is 2^5; smaller ones are only smaller.
    ThetaUnionBuilder::default().lg_k(lg_k.max(5)).build().map_err(failed)
}

fn read(bytes: &[u8], function: &str) -> Result<CompactThetaSketch> {
    CompactThetaSketch::deserialize(bytes)
        .map_err(|_| invalid_buffer("THETA_INVALID_INPUT_SKETCH_BUFFER", "Theta", function))
}

/// Where the flags are, and the one that Java sets for a sketch of one value, which is not compressed.
const FLAGS: usize = 5;
const SINGLE: u8 = 1 << 5;
/// How bytes of one value start: eight bytes before it, in the third version.
const ONE_VALUE: &[u8] = &[1, 3];

fn write(sketch: &CompactThetaSketch) -> Vec<u8> {
    if sketch.is_empty() {
        return EMPTY.to_vec();
    }
    let mut bytes = sketch.serialize_compressed();
    if bytes.starts_with(ONE_VALUE)
        && let Some(flags) = bytes.get_mut(FLAGS)
    {
        *flags |= SINGLE;
    }
    bytes
}

/// A sketch of values.
#[derive(Debug)]
struct Values {
    lg_k: u8,
    sketch: ThetaSketch,
    /// What other tasks saw.
    others: Option<ThetaUnion>,
}

impl Values {
    fn add(&mut self, values: &ArrayRef) -> Result<()> {
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
            DataType::Float32 => {
                let values = values.as_primitive::<Float32Type>().iter().flatten();
                values.for_each(|value| self.sketch.update(canonical_float::from_f32(value)));
            }
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>().iter().flatten();
                values.for_each(|value| self.sketch.update(canonical_float::from_f64(value)));
            }
            DataType::Utf8 => {
                let values = values.as_string::<i32>().iter().flatten();
                values.for_each(|value| self.bytes(value.as_bytes()));
            }
            DataType::Binary => {
                values.as_binary::<i32>().iter().flatten().for_each(|value| self.bytes(value));
            }
            DataType::List(_) => {
                for list in values.as_list::<i32>().iter().flatten() {
                    self.numbers(&list)?;
                }
            }
            DataType::Null => {}
            other => return exec_err!("theta_sketch_agg does not take {other}"),
        }
        Ok(())
    }

    /// Nothing is no value.
    fn bytes(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.sketch.update(raw_bytes::from_slice(bytes));
        }
    }

    /// An array of numbers is one value.
    fn numbers(&mut self, list: &ArrayRef) -> Result<()> {
        let bytes: Vec<u8> = match list.data_type() {
            DataType::Int32 => {
                list.as_primitive::<Int32Type>().values().iter().flat_map(|n| n.to_le_bytes()).collect()
            }
            DataType::Int64 => {
                list.as_primitive::<Int64Type>().values().iter().flat_map(|n| n.to_le_bytes()).collect()
            }
            other => return exec_err!("theta_sketch_agg does not take arrays of {other}"),
        };
        self.bytes(&bytes);
        Ok(())
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.first().map_or(Ok(()), |values| self.add(values))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sketch = match &mut self.others {
            None => self.sketch.compact(true),
            Some(others) => {
                others.update(&self.sketch).map_err(failed)?;
                others.to_sketch(true)
            }
        };
        Ok(ScalarValue::Binary(Some(write(&sketch))))
    }

    fn size(&self) -> usize {
        let others = self.others.as_ref().map_or(0, ThetaUnion::estimated_size);
        size_of_val(self) + self.sketch.estimated_size() + others
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states.iter().flat_map(|states| states.as_binary::<i32>().iter().flatten()) {
            let other = read(state, "theta_sketch_agg")?;
            let mut union = match self.others.take() {
                Some(union) => union,
                None => new_union(self.lg_k)?,
            };
            union.update(&other).map_err(failed)?;
            self.others = Some(union);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Union(ThetaUnion);

impl Accumulator for Union {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first().and_then(|values| values.as_binary_opt::<i32>()) else {
            return Ok(());
        };
        for bytes in values.iter().flatten() {
            self.0.update(&read(bytes, "theta_union_agg")?).map_err(failed)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(write(&self.0.to_sketch(true)))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.estimated_size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

#[derive(Debug)]
struct Intersection(ThetaIntersection);

impl Accumulator for Intersection {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first().and_then(|values| values.as_binary_opt::<i32>()) else {
            return Ok(());
        };
        for bytes in values.iter().flatten() {
            self.0.update(&read(bytes, "theta_intersection_agg")?).map_err(failed)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // Of no sketches at all there is no intersection.
        Ok(ScalarValue::Binary(self.0.to_sketch(true).as_ref().map(write)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.estimated_size()
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

/// A sketch of each row's two.
fn of_two(
    rows: &Rows<'_>,
    join: impl Fn(usize, &CompactThetaSketch, &CompactThetaSketch) -> Result<CompactThetaSketch>,
) -> Result<ArrayRef> {
    let (left, right) = (rows.bytes(0)?, rows.bytes(1)?);
    rows.write_bytes(|row, out| {
        let (a, b) = (read(left.value(row), rows.name())?, read(right.value(row), rows.name())?);
        out.extend(write(&join(row, &a, &b)?));
        Ok(true)
    })
}

fn union_of_two(rows: &Rows<'_>) -> Result<ArrayRef> {
    let sizes = rows.values::<Int32Type>(2)?;
    of_two(rows, |row, a, b| {
        let mut union = new_union(lg_k(sizes.value(row), rows.name())?)?;
        union.update(a).map_err(failed)?;
        union.update(b).map_err(failed)?;
        Ok(union.to_sketch(true))
    })
}

fn intersection_of_two(rows: &Rows<'_>) -> Result<ArrayRef> {
    of_two(rows, |_, a, b| {
        let mut both = ThetaIntersection::default();
        both.update(a).map_err(failed)?;
        both.update(b).map_err(failed)?;
        both.to_sketch(true).ok_or_else(|| SparkError::internal("an intersection has no result").into())
    })
}

fn difference(rows: &Rows<'_>) -> Result<ArrayRef> {
    of_two(rows, |_, a, b| ThetaANotB::default().compute(a, b, true).map_err(failed))
}
