//! Functions that compare elements for equality; a null equals a null where elements are kept apart.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::row::{Row, RowConverter, Rows as Keys, SortField};
use datafusion::common::Result;

use super::{Picker, list, places, same_array};
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `array_distinct(array)`.
pub static DISTINCT: Kernel = Kernel::new("spark_array_distinct", Returns::Rule(same_array), |rows| {
    let array = list(rows, 0)?;
    let keys = keys(&[array.values()])?.remove(0);
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        let mut seen = HashSet::new();
        out.pick_all(0, places(array, row).filter(|place| seen.insert(keys.row(*place))));
        out.end_row(rows.is_valid(row));
    }
    out.finish(&[array.values()])
});

/// `array_union(left, right)`.
pub static UNION: Kernel = Kernel::new("spark_array_union", Returns::Rule(same_array), |rows| {
    combine(rows, |out, seen, left, right, _| {
        for (source, place, key) in left.chain(right) {
            if seen.insert(key) {
                out.pick(source, place);
            }
        }
    })
});

/// `array_except(left, right)`.
pub static EXCEPT: Kernel = Kernel::new("spark_array_except", Returns::Rule(same_array), |rows| {
    combine(rows, |out, seen, left, _, others| {
        for (source, place, key) in left {
            if !others.contains(&key) && seen.insert(key) {
                out.pick(source, place);
            }
        }
    })
});

/// `array_intersect(left, right)`.
pub static INTERSECT: Kernel = Kernel::new("spark_array_intersect", Returns::Rule(same_array), |rows| {
    combine(rows, |out, seen, left, _, others| {
        for (source, place, key) in left {
            if others.contains(&key) && seen.insert(key) {
                out.pick(source, place);
            }
        }
    })
});

/// `arrays_overlap(left, right)`: null if nothing but nulls could be common.
pub static OVERLAP: Kernel = Kernel::new("spark_arrays_overlap", Returns::Type(DataType::Boolean), |rows| {
    let (left, right) = (list(rows, 0)?, list(rows, 1)?);
    let keys = keys(&[left.values(), right.values()])?;
    rows.booleans(|row| {
        let known = |list: &ListArray, place: &usize| list.values().is_valid(*place);
        let others: HashSet<Row<'_>> =
            places(right, row).filter(|p| known(right, p)).map(|p| keys[1].row(p)).collect();
        if places(left, row).filter(|p| known(left, p)).any(|p| others.contains(&keys[0].row(p))) {
            return Ok(Some(true));
        }
        let (l, r) = (places(left, row), places(right, row));
        let filled = !l.is_empty() && !r.is_empty();
        let unknown = l.clone().any(|p| !known(left, &p)) || r.clone().any(|p| !known(right, &p));
        Ok(if filled && unknown { None } else { Some(false) })
    })
});

/// `array_contains(array, value)`.
pub static CONTAINS: Kernel = Kernel::new("spark_array_contains", Returns::Type(DataType::Boolean), |rows| {
    let array = list(rows, 0)?;
    let keys = keys(&[array.values(), rows.array(1)?])?;
    rows.booleans(|row| {
        let wanted = keys[1].row(row);
        if places(array, row).any(|place| keys[0].row(place) == wanted) {
            return Ok(Some(true));
        }
        let unknown = places(array, row).any(|place| array.values().is_null(place));
        Ok((!unknown).then_some(false))
    })
});

/// `array_position(array, value)`: counted from 1, 0 if it is not there.
pub static POSITION: Kernel = Kernel::new("spark_array_position", Returns::Type(DataType::Int64), |rows| {
    let array = list(rows, 0)?;
    let keys = keys(&[array.values(), rows.array(1)?])?;
    rows.primitives::<Int64Type>(|row| {
        let wanted = keys[1].row(row);
        let found = places(array, row).position(|place| keys[0].row(place) == wanted);
        Ok(Some(found.map_or(0, |place| place as i64 + 1)))
    })
});

/// `array_remove(array, value)`.
pub static REMOVE: Kernel = Kernel::new("spark_array_remove", Returns::Rule(same_array), |rows| {
    let array = list(rows, 0)?;
    let keys = keys(&[array.values(), rows.array(1)?])?;
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        let unwanted = keys[1].row(row);
        out.pick_all(0, places(array, row).filter(|place| keys[0].row(*place) != unwanted));
        out.end_row(rows.is_valid(row));
    }
    out.finish(&[array.values()])
});

/// Bytes for each value that are equal where the values are.
fn keys(columns: &[&ArrayRef]) -> Result<Vec<Keys>> {
    let Some(first) = columns.first() else { return Ok(Vec::new()) };
    let converter = RowConverter::new(vec![SortField::new(first.data_type().clone())])?;
    columns.iter().map(|column| Ok(converter.convert_columns(&[Arc::clone(column)])?)).collect()
}

type Elements<'a> = Box<dyn Iterator<Item = (usize, usize, Row<'a>)> + 'a>;

/// Makes a row of the elements of two arrays; `fill` also gets a set to note those taken, and the
/// set of the right ones.
fn combine(
    rows: &Rows<'_>,
    fill: impl for<'k> Fn(&mut Picker, &mut HashSet<Row<'k>>, Elements<'k>, Elements<'k>, &HashSet<Row<'k>>),
) -> Result<ArrayRef> {
    let (left, right) = (list(rows, 0)?, list(rows, 1)?);
    let keys = keys(&[left.values(), right.values()])?;
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        let elements = |source: usize, list: &ListArray| -> Elements<'_> {
            let keys = &keys[source];
            Box::new(places(list, row).map(move |place| (source, place, keys.row(place))))
        };
        let others: HashSet<Row<'_>> = places(right, row).map(|place| keys[1].row(place)).collect();
        fill(&mut out, &mut HashSet::new(), elements(0, left), elements(1, right), &others);
        out.end_row(rows.is_valid(row));
    }
    out.finish(&[left.values(), right.values()])
}
