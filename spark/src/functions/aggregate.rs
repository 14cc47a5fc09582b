//! Aggregates of Spark that DataFusion lacks, or computes by other rules.

mod average;
mod bitmap;
mod correlation;
mod count_min;
mod distinct_count;
mod extreme;
mod histogram;
mod moments;
mod percentile;
mod product;
mod quantiles;
mod strings;
mod sum;
mod tally;

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility,
};

pub use self::distinct_count::error_bits;
use super::lambda::list_of;
use super::sketch;

/// All of them.
pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    let definitions = [
        &extreme::MAX_BY,
        &extreme::MIN_BY,
        &tally::MODE,
        &percentile::PERCENTILE,
        &percentile::PERCENTILE_DISC,
        &quantiles::PERCENTILE_APPROX,
        &moments::KURTOSIS,
        &moments::SKEWNESS,
        &product::PRODUCT,
        &histogram::HISTOGRAM_NUMERIC,
        &bitmap::CONSTRUCT,
        &bitmap::OR,
        &bitmap::AND,
        &correlation::CORR,
        &count_min::COUNT_MIN_SKETCH,
        &distinct_count::APPROX_COUNT_DISTINCT,
        &strings::DISTINCT_STRINGS,
        &sketch::hll::SKETCH,
        &sketch::hll::UNION,
        &sketch::theta::SKETCH,
        &sketch::theta::UNION,
        &sketch::theta::INTERSECTION,
        &sketch::kll::SKETCH_BIGINT,
        &sketch::kll::SKETCH_FLOAT,
        &sketch::kll::SKETCH_DOUBLE,
    ];
    let mut functions: Vec<_> = definitions.into_iter().map(Definition::function).collect();
    functions.push(sum::function());
    functions.extend(average::functions());
    functions
}

/// An aggregate. Analysis casts the arguments to the types that it reads.
pub(super) struct Definition {
    /// Name under which executors find it.
    pub(super) name: &'static str,
    /// The type of the result, by those of the arguments.
    pub(super) returns: fn(&[DataType]) -> Result<DataType>,
    /// The types of the state, by those of the arguments.
    pub(super) state: fn(&[DataType]) -> Vec<DataType>,
    /// An empty accumulator.
    pub(super) start: fn(&AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
}

impl Definition {
    fn function(&'static self) -> Arc<AggregateUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Aggregate { definition: self, signature }))
    }
}

struct Aggregate {
    definition: &'static Definition,
    signature: Signature,
}

impl Debug for Aggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aggregate").field("name", &self.definition.name).finish_non_exhaustive()
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        Ok(args.to_vec())
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        (self.definition.returns)(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let inner = (self.definition.start)(&args)?;
        if args.is_distinct {
            let data_type = args.expr_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
            return Ok(Box::new(Distinct { seen: HashSet::new(), data_type, inner }));
        }
        Ok(inner)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types: Vec<DataType> = args.input_fields.iter().map(|field| field.data_type().clone()).collect();
        let states = if args.is_distinct {
            vec![list_of(types.first().cloned().unwrap_or(DataType::Null))]
        } else {
            (self.definition.state)(&types)
        };
        Ok(states
            .into_iter()
            .enumerate()
            .map(|(i, data_type)| {
                let name = format_state_name(args.name, &format!("{}{i}", self.definition.name));
                Arc::new(Field::new(name, data_type, true))
            })
            .collect())
    }
}

/// Feeds each value once; the other arguments are constants that the accumulator knows.
#[derive(Debug)]
struct Distinct {
    seen: HashSet<ScalarValue>,
    data_type: DataType,
    inner: Box<dyn Accumulator>,
}

impl Distinct {
    fn values(&self) -> Result<ArrayRef> {
        if self.seen.is_empty() {
            return Ok(datafusion::arrow::array::new_empty_array(&self.data_type));
        }
        ScalarValue::iter_to_array(self.seen.iter().cloned())
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            self.seen.insert(ScalarValue::try_from_array(values, row)?);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = self.values()?;
        self.inner.update_batch(&[values])?;
        self.inner.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + ScalarValue::size_of_hashset(&self.seen) + self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![list_scalar(self.values()?)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in lists(states, 0)? {
            self.update_batch(&[values])?;
        }
        Ok(())
    }
}

/// One list of all values.
fn list_scalar(values: ArrayRef) -> ScalarValue {
    SingleRowListArrayBuilder::new(values).build_list_scalar()
}

/// The lists in a column of states.
fn lists(states: &[ArrayRef], index: usize) -> Result<Vec<ArrayRef>> {
    let Some(list) = states.get(index).and_then(|state| state.as_list_opt::<i32>()) else {
        return internal_err!("state {index} is no list");
    };
    Ok(list.iter().flatten().collect())
}

/// The value of an argument that is a constant.
pub(super) fn constant(args: &AccumulatorArgs<'_>, index: usize) -> Result<ScalarValue> {
    let Some(expr) = args.exprs.get(index) else {
        return exec_err!("{} has no argument {index}", args.name);
    };
    match expr.evaluate(&RecordBatch::new_empty(Arc::new(Schema::new(args.schema.fields().clone()))))? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(_) => exec_err!("argument {index} of {} must be a constant", args.name),
    }
}
