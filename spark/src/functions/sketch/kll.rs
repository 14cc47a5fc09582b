//! KLL sketches, which know quantiles and ranks: `kll_sketch_*`, of BIGINT, FLOAT or DOUBLE.

use std::fmt::Debug;

use datafusion::arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, ListBuilder, PrimitiveBuilder};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datasketches::common::SearchCriteria;
use datasketches::kll::{KllFloat, KllSketch, KllValue};

use super::{constant_int, failed};
use crate::error::SparkError;
use crate::functions::aggregate::Definition;
use crate::functions::kernel::{Kernel, Returns, Rows};
use crate::functions::lambda::list_of;
use crate::text;

/// `k` where none is given.
const DEFAULT_K: u16 = 200;

/// A value that a sketch holds.
pub trait Item: KllValue + Ord + Copy + Debug + Send + Sync + 'static {
    /// Its column.
    type Column: ArrowPrimitiveType;
    /// How Spark names the sketch.
    const TITLE: &'static str;
    /// `None` for what has no place in an order.
    fn of(value: <Self::Column as ArrowPrimitiveType>::Native) -> Option<Self>;
    /// The way back.
    fn native(self) -> <Self::Column as ArrowPrimitiveType>::Native;
    /// As Java prints it.
    fn text(self) -> String;
}

impl Item for i64 {
    type Column = Int64Type;
    const TITLE: &'static str = "KllLongsSketch";

    fn of(value: i64) -> Option<Self> {
        Some(value)
    }

    fn native(self) -> i64 {
        self
    }

    fn text(self) -> String {
        self.to_string()
    }
}

impl Item for KllFloat<f32> {
    type Column = Float32Type;
    const TITLE: &'static str = "KllFloatsSketch";

    fn of(value: f32) -> Option<Self> {
        Self::new(value).ok()
    }

    fn native(self) -> f32 {
        self.into_inner()
    }

    fn text(self) -> String {
        text::float(self.into_inner())
    }
}

impl Item for KllFloat<f64> {
    type Column = Float64Type;
    const TITLE: &'static str = "KllDoublesSketch";

    fn of(value: f64) -> Option<Self> {
        Self::new(value).ok()
    }

    fn native(self) -> f64 {
        self.into_inner()
    }

    fn text(self) -> String {
        text::double(self.into_inner())
    }
}

macro_rules! functions {
    ($($item:ty, $sketch:ident $agg:literal, $merge:ident $merge_name:literal, $n:ident $n_name:literal,
       $quantile:ident $quantile_name:literal, $rank:ident $rank_name:literal,
       $string:ident $string_name:literal;)*) => {
        $(
            /// The aggregate that makes a sketch of values; a second argument is its size.
            pub(in crate::functions) static $sketch: Definition = Definition {
                name: $agg,
                returns: |_| Ok(DataType::Binary),
                state: |_| vec![DataType::Binary],
                start: start::<$item>,
            };
            /// One sketch of two.
            pub static $merge: Kernel =
                Kernel::new($merge_name, Returns::Type(DataType::Binary), merge::<$item>);
            /// How many values a sketch has seen.
            pub static $n: Kernel = Kernel::new($n_name, Returns::Type(DataType::Int64), count::<$item>);
            /// The value at a rank from 0 to 1, or at each of an array of them.
            pub static $quantile: Kernel =
                Kernel::new($quantile_name, Returns::Rule(quantile_type::<$item>), quantile::<$item>);
            /// The rank of a value, or of each of an array of them.
            pub static $rank: Kernel =
                Kernel::new($rank_name, Returns::Rule(rank_type), rank::<$item>);
            /// What a sketch tells of itself.
            pub static $string: Kernel =
                Kernel::new($string_name, Returns::Type(DataType::Utf8), summary::<$item>);
        )*
        pub(in crate::functions) const KERNELS: &[&Kernel] = &[$(&$merge, &$n, &$quantile, &$rank, &$string),*];
    };
}

functions! {
    i64, SKETCH_BIGINT "kll_sketch_agg_bigint", MERGE_BIGINT "kll_sketch_merge_bigint",
        N_BIGINT "kll_sketch_get_n_bigint", QUANTILE_BIGINT "kll_sketch_get_quantile_bigint",
        RANK_BIGINT "kll_sketch_get_rank_bigint", STRING_BIGINT "kll_sketch_to_string_bigint";
    KllFloat<f32>, SKETCH_FLOAT "kll_sketch_agg_float", MERGE_FLOAT "kll_sketch_merge_float",
        N_FLOAT "kll_sketch_get_n_float", QUANTILE_FLOAT "kll_sketch_get_quantile_float",
        RANK_FLOAT "kll_sketch_get_rank_float", STRING_FLOAT "kll_sketch_to_string_float";
    KllFloat<f64>, SKETCH_DOUBLE "kll_sketch_agg_double", MERGE_DOUBLE "kll_sketch_merge_double",
        N_DOUBLE "kll_sketch_get_n_double", QUANTILE_DOUBLE "kll_sketch_get_quantile_double",
        RANK_DOUBLE "kll_sketch_get_rank_double", STRING_DOUBLE "kll_sketch_to_string_double";
}

/// The kernel of a function by its name.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    KERNELS.iter().copied().find(|kernel| kernel.name == name)
}

fn invalid(function: &str, reason: impl std::fmt::Display) -> SparkError {
    SparkError::new(
        "KLL_SKETCH_INVALID_INPUT",
        "22000",
        format!("For function `{function}`, invalid KLL sketch binary data: {reason}"),
    )
    .with_param("functionName", format!("`{function}`"))
    .with_param("reason", reason.to_string())
}

fn read<T: Item>(bytes: &[u8], function: &str) -> Result<KllSketch<T>> {
    KllSketch::deserialize(bytes).map_err(|error| invalid(function, error).into())
}

fn empty(function: &str) -> SparkError {
    invalid(function, "The sketch must not be empty for this operation. ")
}

fn start<T: Item>(args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
    let k = if args.exprs.len() > 1 { constant_int(args, 1)? } else { i32::from(DEFAULT_K) };
    let Ok(k) = u16::try_from(k) else { return exec_err!("{k} is no size of a KLL sketch") };
    Ok(Box::new(Values::<T> { sketch: KllSketch::new(k).map_err(failed)?, function: args.name.to_owned() }))
}

#[derive(Debug)]
struct Values<T: Item> {
    sketch: KllSketch<T>,
    function: String,
}

impl<T: Item> Accumulator for Values<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values.first().and_then(|values| values.as_primitive_opt::<T::Column>());
        for value in values.into_iter().flat_map(|values| values.iter().flatten()).filter_map(T::of) {
            self.sketch.update(value);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.sketch.serialize())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sketch.num_retained() * size_of::<T>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states.iter().flat_map(|states| states.as_binary::<i32>().iter().flatten()) {
            self.sketch.merge(&read(state, &self.function)?).map_err(failed)?;
        }
        Ok(())
    }
}

fn merge<T: Item>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (left, right) = (rows.bytes(0)?, rows.bytes(1)?);
    rows.write_bytes(|row, out| {
        let mut sketch = read::<T>(left.value(row), rows.name())?;
        sketch.merge(&read(right.value(row), rows.name())?).map_err(failed)?;
        out.extend(sketch.serialize());
        Ok(true)
    })
}

fn count<T: Item>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let sketches = rows.bytes(0)?;
    rows.primitives::<Int64Type>(|row| Ok(Some(read::<T>(sketches.value(row), rows.name())?.n() as i64)))
}

/// A type, or a list of it where the second argument is one.
fn like_second(args: &[DataType], data_type: DataType) -> Result<DataType> {
    match args {
        [_, DataType::List(_)] => Ok(list_of(data_type)),
        [_, _] => Ok(data_type),
        _ => exec_err!("a sketch and what to look up are needed"),
    }
}

fn quantile_type<T: Item>(args: &[DataType]) -> Result<DataType> {
    like_second(args, T::Column::DATA_TYPE)
}

fn rank_type(args: &[DataType]) -> Result<DataType> {
    like_second(args, DataType::Float64)
}

/// Looks the second argument, or each item of it, up in the sketches.
fn look_up<T: Item, Asked: ArrowPrimitiveType, Answer: ArrowPrimitiveType>(
    rows: &Rows<'_>,
    answer: impl Fn(&KllSketch<T>, Asked::Native) -> Result<Answer::Native>,
) -> Result<ArrayRef> {
    let sketches = rows.bytes(0)?;
    if let Some(asked) = rows.array(1)?.as_list_opt::<i32>() {
        let item = match rows.to {
            DataType::List(item) => item.clone(),
            other => return exec_err!("{other} is no list of answers"),
        };
        let mut out = ListBuilder::new(PrimitiveBuilder::<Answer>::new()).with_field(item);
        for row in 0..rows.len {
            if !rows.is_valid(row) {
                out.append_null();
                continue;
            }
            let sketch = read(sketches.value(row), rows.name())?;
            for asked in asked.value(row).as_primitive::<Asked>() {
                out.values().append_option(asked.map(|asked| answer(&sketch, asked)).transpose()?);
            }
            out.append(true);
        }
        return Ok(std::sync::Arc::new(out.finish()));
    }
    let asked = rows.values::<Asked>(1)?;
    rows.primitives::<Answer>(|row| {
        answer(&read(sketches.value(row), rows.name())?, asked.value(row)).map(Some)
    })
}

fn quantile<T: Item>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let function = rows.name();
    look_up::<T, Float64Type, T::Column>(rows, |sketch, rank| {
        if !(0.0..=1.0).contains(&rank) {
            let shown = format!("{}D", text::double(rank));
            return Err(SparkError::new(
                "KLL_SKETCH_INVALID_QUANTILE_RANGE",
                "22003",
                format!(
                    "For function `{function}`, the quantile value must be between 0.0 and 1.0 (inclusive), but got {shown}."
                ),
            )
            .with_param("functionName", format!("`{function}`"))
            .with_param("quantile", shown)
            .into());
        }
        let value = sketch.quantile(rank, SearchCriteria::Inclusive).map_err(failed)?;
        Ok(value.ok_or_else(|| empty(function))?.native())
    })
}

fn rank<T: Item>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let function = rows.name();
    look_up::<T, T::Column, Float64Type>(rows, |sketch, value| {
        let rank =
            T::of(value).map_or(Some(f64::NAN), |value| sketch.rank(&value, SearchCriteria::Inclusive));
        Ok(rank.ok_or_else(|| empty(function))?)
    })
}

/// What the header of a sketch's bytes tells that the library does not.
struct Layout {
    levels: usize,
    free: usize,
    sorted: bool,
}

impl Layout {
    fn of<T: Item>(bytes: &[u8], sketch: &KllSketch<T>) -> Self {
        const LEVELS: usize = 18;
        const FIRST_LEVEL: usize = 20;
        let sorted = bytes.get(3).is_some_and(|flags| flags & 2 != 0);
        let first = bytes.get(FIRST_LEVEL..FIRST_LEVEL + 4).and_then(|b| <[u8; 4]>::try_from(b).ok());
        match (bytes.get(LEVELS), first) {
            (Some(levels), Some(first)) if bytes[0] == 5 => {
                Self { levels: usize::from(*levels), free: u32::from_le_bytes(first) as usize, sorted }
            }
            // The short forms of none and of one value leave it out.
            _ => Self { levels: 1, free: usize::from(sketch.k()) - sketch.num_retained(), sorted },
        }
    }
}

fn summary<T: Item>(rows: &Rows<'_>) -> Result<ArrayRef> {
    use std::fmt::Write;
    let sketches = rows.bytes(0)?;
    rows.write(|row, out| {
        let bytes = sketches.value(row);
        let sketch = read::<T>(bytes, rows.name())?;
        let Layout { levels, free, sorted } = Layout::of(bytes, &sketch);
        let item = size_of::<<T::Column as ArrowPrimitiveType>::Native>();
        let retained = sketch.num_retained();
        let compact = match sketch.n() {
            0 => 8,
            1 => 8 + item,
            _ => 20 + 4 * levels + (retained + 2) * item,
        };
        let updatable = 20 + 4 * (levels + 1) + (free + retained + 2) * item;
        let shown = |item: Option<&T>| item.map_or_else(|| "NaN".to_owned(), |item| item.text());
        let lines = [
            ("K", sketch.k().to_string()),
            ("Dynamic min K", sketch.min_k().to_string()),
            ("M", "8".to_owned()),
            ("N", sketch.n().to_string()),
            ("Epsilon", format!("{:.3}%", sketch.normalized_rank_error() * 100.0)),
            ("Epsilon PMF", format!("{:.3}%", sketch.normalized_pmf_error() * 100.0)),
            ("Empty", sketch.is_empty().to_string()),
            ("Estimation Mode", sketch.is_estimation_mode().to_string()),
            ("Levels", levels.to_string()),
            ("Level 0 Sorted", sorted.to_string()),
            ("Capacity Items", (free + retained).to_string()),
            ("Retained Items", retained.to_string()),
            ("Free Space", free.to_string()),
            ("ReadOnly", "false".to_owned()),
            ("Updatable Storage Bytes", updatable.to_string()),
            ("Compact Storage Bytes", compact.to_string()),
            ("Min Item", shown(sketch.min_item())),
            ("Max Item", shown(sketch.max_item())),
        ];
        let _ = write!(out, "\n### Kll{} Summary:\n", T::TITLE);
        for (name, value) in lines {
            let _ = writeln!(out, "   {name:<23}: {value}");
        }
        out.push_str("### End sketch summary\n");
        Ok(true)
    })
}
