//! Functions that put elements in order.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, DynComparator, UInt32Array, make_comparator};
use datafusion::arrow::compute::{self, SortOptions};
use datafusion::common::Result;

use super::{Picker, list, places, same_array, same_element};
use crate::functions::kernel::{Kernel, Returns, Rows};

/// `array_sort(array)`: ascending, nulls last.
pub static ARRAY_SORT: Kernel = Kernel::new("spark_array_sort", Returns::Rule(same_array), |rows| {
    sorted(rows, |_| Ok(SortOptions { descending: false, nulls_first: false }))
});

/// `sort_array(array, ascending)`: nulls are the least.
pub static SORT_ARRAY: Kernel = Kernel::new("spark_sort_array", Returns::Rule(same_array), |rows| {
    let ascending = rows.flags(1)?.clone();
    sorted(rows, move |row| {
        let ascending = ascending.value(row);
        Ok(SortOptions { descending: !ascending, nulls_first: ascending })
    })
});

/// `array_max(array)`: nulls do not count.
pub static ARRAY_MAX: Kernel =
    Kernel::new("spark_array_max", Returns::Rule(same_element), |rows| extreme(rows, Ordering::Greater));

/// `array_min(array)`: nulls do not count.
pub static ARRAY_MIN: Kernel =
    Kernel::new("spark_array_min", Returns::Rule(same_element), |rows| extreme(rows, Ordering::Less));

fn comparator(values: &ArrayRef, options: SortOptions) -> Result<DynComparator> {
    Ok(make_comparator(values, values, options)?)
}

fn sorted(rows: &Rows<'_>, options: impl Fn(usize) -> Result<SortOptions>) -> Result<ArrayRef> {
    let array = list(rows, 0)?;
    let mut orders: Vec<(SortOptions, DynComparator)> = Vec::new();
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        let mut order: Vec<usize> = places(array, row).collect();
        if rows.is_valid(row) && order.len() > 1 {
            let options = options(row)?;
            if !orders.iter().any(|(known, _)| *known == options) {
                orders.push((options, comparator(array.values(), options)?));
            }
            if let Some((_, compare)) = orders.iter().find(|(known, _)| *known == options) {
                order.sort_by(|a, b| compare(*a, *b));
            }
        }
        out.pick_all(0, order);
        out.end_row(rows.is_valid(row));
    }
    out.finish(&[array.values()])
}

fn extreme(rows: &Rows<'_>, wanted: Ordering) -> Result<ArrayRef> {
    let array = list(rows, 0)?;
    let compare = comparator(array.values(), SortOptions::default())?;
    let best = (0..rows.len).map(|row| {
        places(array, row)
            .filter(|place| array.values().is_valid(*place))
            .reduce(|best, place| if compare(place, best) == wanted { place } else { best })
            .map(|place| place as u32)
    });
    Ok(compute::take(array.values(), &best.collect::<UInt32Array>(), None)?)
}
