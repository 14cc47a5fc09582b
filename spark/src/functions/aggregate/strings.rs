//! `listagg(DISTINCT ...)`: each string once, in the order in which they come.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

use super::{Definition, constant, list_scalar, lists};
use crate::functions::lambda::list_of;

/// `(string, delimiter)`.
pub(super) static DISTINCT_STRINGS: Definition = Definition {
    name: "spark_listagg_distinct",
    returns: |_| Ok(DataType::Utf8),
    state: |_| vec![list_of(DataType::Utf8)],
    start: |args| match constant(args, 1)? {
        ScalarValue::Utf8(Some(delimiter)) => {
            Ok(Box::new(Strings { delimiter, seen: HashSet::new(), order: Vec::new() }))
        }
        other => exec_err!("{other} is no delimiter"),
    },
};

#[derive(Debug)]
struct Strings {
    delimiter: String,
    seen: HashSet<Arc<str>>,
    order: Vec<Arc<str>>,
}

impl Accumulator for Strings {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values.first().and_then(|values| values.as_string_opt::<i32>());
        for value in values.into_iter().flat_map(|values| values.iter().flatten()) {
            if !self.seen.contains(value) {
                let value: Arc<str> = value.into();
                self.seen.insert(Arc::clone(&value));
                self.order.push(value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let known = !self.order.is_empty();
        Ok(ScalarValue::Utf8(known.then(|| self.order.join(&self.delimiter))))
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.order.iter().map(|value| value.len() + 2 * size_of::<Arc<str>>()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(&self.order));
        Ok(vec![list_scalar(values)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        lists(states, 0)?.into_iter().try_for_each(|values| self.update_batch(&[values]))
    }
}
