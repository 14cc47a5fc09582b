//! `mode`: the value seen most often; of several the least, or the greatest where the second argument is true.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;
use std::sync::Arc;

use super::{Definition, constant, list_scalar, lists};
use crate::functions::lambda::list_of;

pub(super) static MODE: Definition = Definition {
    name: "mode",
    returns: |args| match args {
        [value, _] => Ok(value.clone()),
        _ => exec_err!("mode needs two arguments"),
    },
    state: |args| {
        let value = args.first().cloned().unwrap_or(DataType::Null);
        vec![list_of(value), list_of(DataType::Int64)]
    },
    start: |args| {
        let data_type = args.return_field.data_type().clone();
        let greatest = matches!(constant(args, 1)?, ScalarValue::Boolean(Some(true)));
        Ok(Box::new(Tally { counts: HashMap::new(), greatest, data_type }))
    },
};

#[derive(Debug)]
struct Tally {
    counts: HashMap<ScalarValue, i64>,
    greatest: bool,
    data_type: DataType,
}

impl Tally {
    fn add(&mut self, values: &ArrayRef, count: impl Fn(usize) -> i64) -> Result<()> {
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            *self.counts.entry(ScalarValue::try_from_array(values, row)?).or_insert(0) += count(row);
        }
        Ok(())
    }
}

impl Accumulator for Tally {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        self.add(values, |_| 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let most = self.counts.iter().max_by(|(a, m), (b, n)| {
            let order = b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal);
            m.cmp(n).then(if self.greatest { order.reverse() } else { order })
        });
        match most {
            Some((value, _)) => Ok(value.clone()),
            None => ScalarValue::try_from(&self.data_type),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.keys().map(|key| key.size() + size_of::<i64>()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let counts: ArrayRef = Arc::new(Int64Array::from_iter_values(self.counts.values().copied()));
        let values = if self.counts.is_empty() {
            datafusion::arrow::array::new_empty_array(&self.data_type)
        } else {
            ScalarValue::iter_to_array(self.counts.keys().cloned())?
        };
        Ok(vec![list_scalar(values), list_scalar(counts)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (values, counts) in lists(states, 0)?.into_iter().zip(lists(states, 1)?) {
            let counts = counts.as_primitive::<Int64Type>();
            self.add(&values, |row| counts.value(row))?;
        }
        Ok(())
    }
}
