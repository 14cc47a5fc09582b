//! `max_by` and `min_by`: the value beside the greatest or least key.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;

use super::Definition;

pub(super) static MAX_BY: Definition = Definition {
    name: "max_by",
    returns,
    state: <[DataType]>::to_vec,
    start: |args| start(args, Ordering::Greater),
};

pub(super) static MIN_BY: Definition = Definition {
    name: "min_by",
    returns,
    state: <[DataType]>::to_vec,
    start: |args| start(args, Ordering::Less),
};

fn returns(args: &[DataType]) -> Result<DataType> {
    match args {
        [value, _] => Ok(value.clone()),
        _ => exec_err!("two arguments are needed, not {}", args.len()),
    }
}

fn start(args: &AccumulatorArgs<'_>, wanted: Ordering) -> Result<Box<dyn Accumulator>> {
    let [value, key] = args.expr_fields else {
        return exec_err!("{} needs two arguments", args.name);
    };
    let none = ScalarValue::try_from(value.data_type())?;
    Ok(Box::new(Extreme { wanted, value: none, key: ScalarValue::try_from(key.data_type())? }))
}

#[derive(Debug)]
struct Extreme {
    /// How a better key compares with the one held.
    wanted: Ordering,
    value: ScalarValue,
    /// Null until a key was seen.
    key: ScalarValue,
}

impl Accumulator for Extreme {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values, keys] = values else {
            return exec_err!("values and keys are needed");
        };
        let order = make_comparator(keys, keys, SortOptions::default())?;
        // Of equal keys the last one counts.
        let best = (0..keys.len()).filter(|row| keys.is_valid(*row)).reduce(|best, row| {
            let ordering = order(row, best);
            if ordering == self.wanted || ordering == Ordering::Equal { row } else { best }
        });
        let Some(best) = best else { return Ok(()) };
        if !self.key.is_null() {
            let held = self.key.to_array()?;
            let ordering = make_comparator(keys, &held, SortOptions::default())?(best, 0);
            if ordering != self.wanted && ordering != Ordering::Equal {
                return Ok(());
            }
        }
        self.value = ScalarValue::try_from_array(values, best)?.compacted();
        self.key = ScalarValue::try_from_array(keys, best)?.compacted();
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size() + self.key.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), self.key.clone()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
