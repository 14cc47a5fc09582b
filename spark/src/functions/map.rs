//! Maps: how they are put together, and the functions that do so.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, MapArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_err};

use crate::error::SparkError;
use crate::text::{self, Style};
use crate::types;

/// A map column of its parts; the keys must have been checked.
pub(crate) fn new_map(
    keys: ArrayRef,
    values: ArrayRef,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::Map(field, sorted) = types::map(keys.data_type().clone(), values.data_type().clone())
    else {
        return internal_err!("the map type is none");
    };
    let DataType::Struct(fields) = field.data_type() else {
        return internal_err!("the map type has no entries");
    };
    let fields: Fields = fields.clone();
    let entries = StructArray::try_new(fields, vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, nulls, sorted)?))
}

/// Fails on a null key, and on a key that a row has twice.
pub(crate) fn check_keys(keys: &ArrayRef, offsets: &OffsetBuffer<i32>) -> Result<()> {
    if keys.null_count() > 0 {
        return Err(SparkError::new("NULL_MAP_KEY", "2200E", "Cannot use null as map key.").into());
    }
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(keys)])?;
    let mut seen = HashSet::new();
    for pair in offsets.windows(2) {
        seen.clear();
        for i in pair[0] as usize..pair[1] as usize {
            if !seen.insert(rows.row(i)) {
                return Err(duplicate_key(keys, i)?.into());
            }
        }
    }
    Ok(())
}

fn duplicate_key(keys: &ArrayRef, place: usize) -> Result<SparkError> {
    let key = text::value(keys, place, Style::Cast)?;
    let policy = "\"spark.sql.mapKeyDedupPolicy\"";
    Ok(SparkError::new(
        "DUPLICATED_MAP_KEY",
        "23505",
        format!(
            "Duplicate map key {key} was found, please check the input data. If you want to remove the duplicated keys, \
             you can set {policy} to \"LAST_WIN\" so that the key inserted at last takes precedence."
        ),
    )
    .with_param("key", key)
    .with_param("mapKeyDedupPolicy", policy))
}
