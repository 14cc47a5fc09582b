//! Functions that make arrays of arrays and elements.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, StructArray, UInt32Array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, exec_err};

use super::{Picker, element, list, places, same_array};
use crate::error::SparkError;
use crate::functions::kernel::{Kernel, Returns, Rows};
use crate::functions::lambda::list_of;

/// The most elements an array can have.
const MAX_LENGTH: usize = i32::MAX as usize - 15;

/// `array_append(array, element)`: the element may be null.
pub static APPEND: Kernel = Kernel::null_aware("spark_array_append", Returns::Rule(same_array), |rows| {
    let (array, added) = (list(rows, 0)?, rows.array(1)?);
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        out.pick_all(0, places(array, row));
        out.pick(1, row);
        out.end_row(array.is_valid(row));
    }
    out.finish(&[array.values(), added])
});

/// `array_prepend(array, element)`: the element may be null.
pub static PREPEND: Kernel = Kernel::null_aware("spark_array_prepend", Returns::Rule(same_array), |rows| {
    let (array, added) = (list(rows, 0)?, rows.array(1)?);
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        out.pick(1, row);
        out.pick_all(0, places(array, row));
        out.end_row(array.is_valid(row));
    }
    out.finish(&[array.values(), added])
});

/// `array_insert(array, position, element)`: counted from 1, or from the end; gaps are nulls.
pub static INSERT: Kernel = Kernel::null_aware("spark_array_insert", Returns::Rule(same_array), |rows| {
    let (array, positions, added) = (list(rows, 0)?, rows.values::<Int32Type>(1)?, rows.array(2)?);
    let gap = new_null_array(added.data_type(), 1);
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        let valid = array.is_valid(row) && positions.is_valid(row);
        if valid {
            insert(&mut out, places(array, row), positions.value(row), row)?;
        }
        out.end_row(valid);
    }
    out.finish(&[array.values(), added, &gap])
});

fn insert(out: &mut Picker, places: std::ops::Range<usize>, position: i32, row: usize) -> Result<()> {
    let length = places.len();
    let distance = position.unsigned_abs() as usize;
    if position == 0 {
        return Err(SparkError::new(
            "INVALID_INDEX_OF_ZERO",
            "22003",
            "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).",
        )
        .into());
    }
    if distance.max(length) >= MAX_LENGTH {
        return Err(too_long(distance.max(length) + 1, "array_insert").into());
    }
    if position > 0 {
        let at = distance - 1;
        out.pick_all(0, places.start..places.start + at.min(length));
        out.pick_all(2, std::iter::repeat_n(0, at.saturating_sub(length)));
        out.pick(1, row);
        out.pick_all(0, places.start + at.min(length)..places.end);
    } else if distance <= length + 1 {
        // -1 is the place after the last element.
        let at = length + 1 - distance;
        out.pick_all(0, places.start..places.start + at);
        out.pick(1, row);
        out.pick_all(0, places.start + at..places.end);
    } else {
        out.pick(1, row);
        out.pick_all(2, std::iter::repeat_n(0, distance - length - 1));
        out.pick_all(0, places);
    }
    Ok(())
}

/// Spark's error about an array of too many elements.
pub(super) fn too_long(length: usize, function: &str) -> SparkError {
    SparkError::new(
        "COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION",
        "54000",
        format!(
            "Can't create array with {length} elements which exceeding the array size limit {MAX_LENGTH}, \
             unsuccessful try to create arrays in the function `{function}`."
        ),
    )
    .with_param("numberOfElements", length.to_string())
    .with_param("maxRoundedArrayLength", MAX_LENGTH.to_string())
    .with_param("functionName", format!("`{function}`"))
}

/// `array_compact(array)`: without the nulls.
pub static COMPACT: Kernel = Kernel::new("spark_array_compact", Returns::Rule(same_array), |rows| {
    let array = list(rows, 0)?;
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        out.pick_all(0, places(array, row).filter(|place| array.values().is_valid(*place)));
        out.end_row(rows.is_valid(row));
    }
    out.finish(&[array.values()])
});

/// `reverse(array)`.
pub static REVERSE: Kernel = Kernel::new("spark_array_reverse", Returns::Rule(same_array), |rows| {
    let array = list(rows, 0)?;
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        out.pick_all(0, places(array, row).rev());
        out.end_row(rows.is_valid(row));
    }
    out.finish(&[array.values()])
});

/// `concat(array, ...)`: null if one of them is.
pub static CONCAT: Kernel = Kernel::new("spark_array_concat", Returns::Rule(same_array), |rows| {
    let arrays = (0..rows.count()).map(|i| list(rows, i)).collect::<Result<Vec<_>>>()?;
    let mut out = Picker::new(rows.len);
    for row in 0..rows.len {
        for (source, array) in arrays.iter().enumerate() {
            out.pick_all(source, places(array, row));
        }
        out.end_row(rows.is_valid(row));
    }
    out.finish(&arrays.iter().map(|array| array.values()).collect::<Vec<_>>())
});

/// `flatten(array of arrays)`: null if one of them is.
pub static FLATTEN: Kernel = Kernel::new(
    "spark_array_flatten",
    Returns::Rule(|args| Ok(list_of(element(Some(&element(args.first())?))?))),
    |rows| {
        let outer = list(rows, 0)?;
        let Some(inner) = outer.values().as_list_opt::<i32>() else {
            return exec_err!("flatten takes an array of arrays");
        };
        let mut out = Picker::new(rows.len);
        for row in 0..rows.len {
            let arrays = places(outer, row);
            let valid = rows.is_valid(row) && arrays.clone().all(|array| inner.is_valid(array));
            out.pick_all(0, arrays.flat_map(|array| places(inner, array)));
            out.end_row(valid);
        }
        out.finish(&[inner.values()])
    },
);

/// `array_join(array of strings, delimiter, replacement of nulls)`: without one, nulls are left out.
pub static JOIN: Kernel = Kernel::null_aware("spark_array_join", Returns::Type(DataType::Utf8), |rows| {
    let array = list(rows, 0)?;
    let Some(texts) = array.values().as_string_opt::<i32>() else {
        return exec_err!("array_join takes an array of strings");
    };
    let delimiters = rows.text(1)?;
    let replacements = if rows.count() > 2 { Some(rows.text(2)?) } else { None };
    rows.write(|row, out| {
        let missing = replacements.is_some_and(|replacements| replacements.is_null(row));
        if array.is_null(row) || delimiters.is_null(row) || missing {
            return Ok(false);
        }
        let mut first = true;
        for place in places(array, row) {
            let text = match replacements {
                _ if texts.is_valid(place) => texts.value(place),
                Some(replacements) => replacements.value(row),
                None => continue,
            };
            if !first {
                out.push_str(delimiters.value(row));
            }
            first = false;
            out.push_str(text);
        }
        Ok(true)
    })
});

/// `arrays_zip(array, ...)`, after a null of the type of the result, which names the fields.
pub static ARRAYS_ZIP: Kernel = Kernel::null_aware("spark_arrays_zip", Returns::Argument(0), zip);

/// The longest array decides; the others are filled up with nulls.
fn zip(rows: &Rows<'_>) -> Result<ArrayRef> {
    let DataType::List(field) = rows.to else {
        return exec_err!("arrays_zip gives arrays");
    };
    let DataType::Struct(fields) = field.data_type() else {
        return exec_err!("arrays_zip gives arrays of structs");
    };
    let arrays = (1..rows.count()).map(|i| list(rows, i)).collect::<Result<Vec<_>>>()?;
    let valid: NullBuffer = (0..rows.len).map(|row| arrays.iter().all(|array| array.is_valid(row))).collect();
    let lengths = (0..rows.len).map(|row| {
        let longest = arrays.iter().map(|array| places(array, row).len()).max().unwrap_or_default();
        if valid.is_valid(row) { longest } else { 0 }
    });
    let offsets = OffsetBuffer::from_lengths(lengths);
    let column = |array: &&ListArray| -> Result<ArrayRef> {
        let picks = offsets.windows(2).enumerate().flat_map(|(row, pair)| {
            let own = places(array, row);
            (0..(pair[1] - pair[0]) as usize).map(move |i| (i < own.len()).then_some((own.start + i) as u32))
        });
        Ok(compute::take(array.values(), &picks.collect::<UInt32Array>(), None)?)
    };
    let columns = arrays.iter().map(column).collect::<Result<Vec<_>>>()?;
    let length = offsets.last().copied().unwrap_or_default() as usize;
    let values = StructArray::try_new_with_length(fields.clone(), columns, None, length)?;
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, Arc::new(values), Some(valid))?))
}
