//! Results as rows that can be compared whatever order, batches and number types
//! they came in.

use std::cmp::Ordering;
use std::fmt;

use anyhow::Result;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::util::display::array_value_to_string;

/// Sums and averages may differ by this part of their value: engines add doubles
/// in different orders and give decimals different scales.
const TOLERANCE: f64 = 1e-6;
/// Averages of TPC-H's decimals have six digits: Spark rounds the last one, DataFusion cuts it off.
const LAST_DIGIT: f64 = 1.000_001e-6;

/// One value of a result.
#[derive(Debug, Clone)]
enum Cell {
    Null,
    Number(f64),
    Text(String),
}

impl Cell {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }

    fn is_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Number(a), Self::Number(b)) => {
                (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()) + LAST_DIGIT
            }
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => write!(f, "NULL"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value}"),
        }
    }
}

/// The rows of a result, sorted.
pub struct Rows(Vec<Vec<Cell>>);

impl Rows {
    /// Reads the rows of batches that share a schema.
    pub fn from_batches(batches: &[RecordBatch]) -> Result<Self> {
        let mut rows = Vec::new();
        for batch in batches {
            let columns = batch.columns().iter().map(|column| cells(column)).collect::<Result<Vec<_>>>()?;
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| columns.iter().map(|column| column[row].clone()).collect::<Vec<_>>()),
            );
        }
        rows.sort_by(|a, b| order(a, b));
        Ok(Self(rows))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Text first: numbers may differ a little and must not decide the order.
fn order(a: &[Cell], b: &[Cell]) -> Ordering {
    let is_text = |cell: &&Cell| matches!(cell, Cell::Text(_));
    let texts = |row: &[Cell]| row.iter().filter(is_text).map(Cell::to_string).collect::<Vec<_>>();
    texts(a).cmp(&texts(b)).then_with(|| {
        a.iter().zip(b).map(|(a, b)| a.order(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })
}

fn cells(column: &dyn Array) -> Result<Vec<Cell>> {
    if column.data_type().is_numeric() {
        let numbers = cast(column, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        return Ok(numbers.iter().map(|value| value.map_or(Cell::Null, Cell::Number)).collect());
    }
    (0..column.len())
        .map(|row| {
            Ok(if column.is_null(row) { Cell::Null } else { Cell::Text(array_value_to_string(column, row)?) })
        })
        .collect()
}

/// The first difference in words, or none.
pub fn difference(expected: &Rows, actual: &Rows) -> Option<String> {
    if expected.len() != actual.len() {
        return Some(format!("{} rows instead of {}", actual.len(), expected.len()));
    }
    expected.0.iter().zip(&actual.0).find_map(|(expected, actual)| {
        let equal = expected.len() == actual.len() && expected.iter().zip(actual).all(|(a, b)| a.is_equal(b));
        (!equal).then(|| format!("row [{}] instead of [{}]", text(actual), text(expected)))
    })
}

fn text(row: &[Cell]) -> String {
    row.iter().map(Cell::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray};

    use super::*;

    fn rows(columns: Vec<ArrayRef>) -> Rows {
        let names = ["a", "b", "c"];
        let batch = RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap();
        Rows::from_batches(&[batch]).unwrap()
    }

    fn names(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn rows_in_another_order_are_equal() {
        let a = rows(vec![names(&["x", "y"]), Arc::new(Int64Array::from(vec![1, 2]))]);
        let b = rows(vec![names(&["y", "x"]), Arc::new(Int64Array::from(vec![2, 1]))]);
        assert_eq!(difference(&a, &b), None);
    }

    #[test]
    fn a_decimal_equals_the_double_next_to_it() {
        let decimal = Decimal128Array::from(vec![10_001]).with_precision_and_scale(10, 2).unwrap();
        let a = rows(vec![Arc::new(decimal)]);
        let b = rows(vec![Arc::new(Float64Array::from(vec![100.010_000_001]))]);
        assert_eq!(difference(&a, &b), None);
    }

    #[test]
    fn another_value_a_null_and_a_missing_row_are_differences() {
        let a = rows(vec![names(&["x"]), Arc::new(Int64Array::from(vec![Some(1)]))]);
        let other = rows(vec![names(&["x"]), Arc::new(Int64Array::from(vec![Some(2)]))]);
        let null = rows(vec![names(&["x"]), Arc::new(Int64Array::from(vec![None::<i64>]))]);
        let none = rows(vec![names(&[]), Arc::new(Int64Array::from(Vec::<i64>::new()))]);
        assert_eq!(difference(&a, &other).unwrap(), "row [x, 2] instead of [x, 1]");
        assert_eq!(difference(&a, &null).unwrap(), "row [x, NULL] instead of [x, 1]");
        assert_eq!(difference(&a, &none).unwrap(), "0 rows instead of 1");
    }
}
