//! Maps: how they are put together, and the functions that do so.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array, new_empty_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::ScalarUDF;

use super::kernel::{Kernel, Returns, Rows};
use super::lambda::{flat, list_of, map_types};
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

/// The map without entries.
pub(crate) fn empty() -> Result<ScalarValue> {
    let none = || new_empty_array(&DataType::Null);
    let map = new_map(none(), none(), OffsetBuffer::from_lengths([0]), None)?;
    ScalarValue::try_from_array(&map, 0)
}

/// Fails on a null key, and on a key that a row has twice.
pub(crate) fn check_keys(keys: &ArrayRef, offsets: &OffsetBuffer<i32>) -> Result<()> {
    check_known(keys)?;
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

fn check_known(keys: &ArrayRef) -> Result<()> {
    if keys.logical_null_count() > 0 {
        return Err(SparkError::new("NULL_MAP_KEY", "2200E", "Cannot use null as map key.").into());
    }
    Ok(())
}

/// A map column of parts in which a row may have a key twice: then the last value counts, at the place of
/// the first, or it is an error.
fn distinct<const LAST_WINS: bool>(
    keys: ArrayRef,
    values: ArrayRef,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if !LAST_WINS {
        check_keys(&keys, &offsets)?;
        return new_map(keys, values, offsets, nulls);
    }
    check_known(&keys)?;
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(&keys)])?;
    let (mut key_places, mut value_places, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    let mut places = HashMap::new();
    for pair in offsets.windows(2) {
        places.clear();
        let before = key_places.len();
        for i in pair[0] as u32..pair[1] as u32 {
            match places.entry(rows.row(i as usize)) {
                Entry::Occupied(known) => value_places[*known.get()] = i,
                Entry::Vacant(new) => {
                    new.insert(key_places.len());
                    key_places.push(i);
                    value_places.push(i);
                }
            }
        }
        lengths.push(key_places.len() - before);
    }
    let keys = compute::take(&keys, &UInt32Array::from(key_places), None)?;
    let values = compute::take(&values, &UInt32Array::from(value_places), None)?;
    new_map(keys, values, OffsetBuffer::from_lengths(lengths), nulls)
}

fn duplicate_key(keys: &ArrayRef, place: usize) -> Result<SparkError> {
    let key = text::value(keys, place, Style::Cast)?;
    let policy = "\"spark.sql.mapKeyDedupPolicy\"";
    Ok(SparkError::new(
        "DUPLICATED_MAP_KEY",
        "23505",
        format!(
            "Duplicate map key {key} was found, please check the input data.\nIf you want to remove the duplicated keys, \
             you can set {policy} to \"LAST_WIN\" so that the key inserted at last takes precedence."
        ),
    )
    .with_param("key", key)
    .with_param("mapKeyDedupPolicy", policy))
}

/// The kernels.
pub(super) const KERNELS: &[&Kernel] =
    &[&CONCAT, &CONTAINS_KEY, &ENTRIES, &FROM_ARRAYS, &FROM_ENTRIES, &FROM_PAIRS, &KEYS, &VALUE, &VALUES];

fn map<'a>(rows: &'a Rows<'_>, index: usize) -> Result<&'a MapArray> {
    match rows.array(index)?.as_map_opt() {
        Some(map) => Ok(map),
        None => exec_err!("argument {index} is no map"),
    }
}

fn list<'a>(rows: &'a Rows<'_>, index: usize) -> Result<&'a ListArray> {
    match rows.array(index)?.as_list_opt::<i32>() {
        Some(list) => Ok(list),
        None => exec_err!("argument {index} is no array"),
    }
}

/// `map(key, value, ...)`.
pub static FROM_PAIRS: Kernel =
    Kernel::null_aware("spark_map", Returns::Rule(pairs_type), from_pairs::<false>);

fn pairs_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [key, value, ..] => Ok(types::map(key.clone(), value.clone())),
        _ => Ok(types::map(DataType::Null, DataType::Null)),
    }
}

fn from_pairs<const LAST_WINS: bool>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let pairs = rows.count() / 2;
    let column = |first: usize| -> Result<ArrayRef> {
        let sources: Vec<&dyn Array> =
            rows.arrays().iter().skip(first).step_by(2).map(|array| array.as_ref()).collect();
        if sources.is_empty() || rows.len == 0 {
            let data_type = rows.arrays().get(first).map_or(DataType::Null, |a| a.data_type().clone());
            return Ok(new_empty_array(&data_type));
        }
        let picks: Vec<_> = (0..rows.len).flat_map(|row| (0..pairs).map(move |pair| (pair, row))).collect();
        Ok(compute::interleave(&sources, &picks)?)
    };
    let (keys, values) = (column(0)?, column(1)?);
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(pairs, rows.len));
    distinct::<LAST_WINS>(keys, values, offsets, None)
}

/// `map_from_arrays(keys, values)`.
pub static FROM_ARRAYS: Kernel =
    Kernel::new("spark_map_from_arrays", Returns::Rule(arrays_type), from_arrays::<false>);

fn arrays_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [DataType::List(keys), DataType::List(values)] => {
            Ok(types::map(keys.data_type().clone(), values.data_type().clone()))
        }
        _ => exec_err!("map_from_arrays takes two arrays"),
    }
}

fn from_arrays<const LAST_WINS: bool>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (keys, values) = (list(rows, 0)?, list(rows, 1)?);
    let nulls = NullBuffer::union(keys.nulls(), values.nulls());
    let (keys, offsets) = flat(keys.values(), keys.offsets(), nulls.as_ref())?;
    let (values, value_offsets) = flat(values.values(), values.offsets(), nulls.as_ref())?;
    if offsets != value_offsets {
        return Err(SparkError::internal(
            "The key array and value array of MapData must have the same length.",
        )
        .into());
    }
    distinct::<LAST_WINS>(keys, values, offsets, nulls)
}

/// `map_from_entries(array of structs)`: null if one of them is.
pub static FROM_ENTRIES: Kernel =
    Kernel::new("spark_map_from_entries", Returns::Rule(entries_type), from_entries::<false>);

fn entries_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [DataType::List(entry)] => match entry.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                Ok(types::map(fields[0].data_type().clone(), fields[1].data_type().clone()))
            }
            other => exec_err!("map_from_entries takes pairs, not {other}"),
        },
        _ => exec_err!("map_from_entries takes an array"),
    }
}

fn from_entries<const LAST_WINS: bool>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let entries = list(rows, 0)?;
    let missing = |row: usize| {
        let range = entries.value_offsets()[row]..entries.value_offsets()[row + 1];
        entries.is_valid(row) && range.into_iter().any(|i| entries.values().is_null(i as usize))
    };
    let whole: NullBuffer = (0..rows.len).map(|row| !missing(row)).collect();
    let nulls = NullBuffer::union(entries.nulls(), Some(&whole));
    let pairs = entries.values().as_struct();
    let (keys, offsets) = flat(pairs.column(0), entries.offsets(), nulls.as_ref())?;
    let (values, _) = flat(pairs.column(1), entries.offsets(), nulls.as_ref())?;
    distinct::<LAST_WINS>(keys, values, offsets, nulls)
}

/// `map_concat(map, ...)`: null if one of them is.
pub static CONCAT: Kernel = Kernel::new("spark_map_concat", Returns::Argument(0), concat::<false>);

fn concat<const LAST_WINS: bool>(rows: &Rows<'_>) -> Result<ArrayRef> {
    let maps = (0..rows.count()).map(|i| map(rows, i)).collect::<Result<Vec<_>>>()?;
    let (mut picks, mut lengths) = (Vec::new(), Vec::with_capacity(rows.len));
    for row in 0..rows.len {
        let before = picks.len();
        if rows.is_valid(row) {
            for (source, map) in maps.iter().enumerate() {
                let range = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
                picks.extend(range.map(|place| (source, place)));
            }
        }
        lengths.push(picks.len() - before);
    }
    let gather = |part: fn(&MapArray) -> &ArrayRef| -> Result<ArrayRef> {
        let sources: Vec<&dyn Array> = maps.iter().map(|map| part(map).as_ref()).collect();
        Ok(compute::interleave(&sources, &picks)?)
    };
    let (keys, values) = (gather(MapArray::keys)?, gather(MapArray::values)?);
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls: NullBuffer = (0..rows.len).map(|row| rows.is_valid(row)).collect();
    distinct::<LAST_WINS>(keys, values, offsets, Some(nulls))
}

/// The kernels in whose maps the last value of a key counts, which stand for the others while
/// `spark.sql.mapKeyDedupPolicy` is LAST_WIN.
static LAST_WINS: [(&Kernel, Kernel); 4] = [
    (&FROM_PAIRS, Kernel::null_aware("spark_map_last_wins", Returns::Rule(pairs_type), from_pairs::<true>)),
    (
        &FROM_ARRAYS,
        Kernel::new("spark_map_from_arrays_last_wins", Returns::Rule(arrays_type), from_arrays::<true>),
    ),
    (
        &FROM_ENTRIES,
        Kernel::new("spark_map_from_entries_last_wins", Returns::Rule(entries_type), from_entries::<true>),
    ),
    (&CONCAT, Kernel::new("spark_map_concat_last_wins", Returns::Argument(0), concat::<true>)),
];

/// What computes in place of a function while of several values of a key the last counts.
pub(super) fn last_wins(name: &str) -> Option<&'static Kernel> {
    LAST_WINS.iter().find(|(kernel, _)| kernel.name == name).map(|(_, last_wins)| last_wins)
}

/// Those functions, for registries.
pub(super) fn last_wins_functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    LAST_WINS.iter().map(|(_, kernel)| kernel.function())
}

/// `map_keys(map)`.
pub static KEYS: Kernel =
    Kernel::new("spark_map_keys", Returns::Rule(|args| Ok(list_of(of_map(args)?.0))), |rows| {
        let map = map(rows, 0)?;
        part(map, map.keys())
    });

/// `map_values(map)`.
pub static VALUES: Kernel =
    Kernel::new("spark_map_values", Returns::Rule(|args| Ok(list_of(of_map(args)?.1))), |rows| {
        let map = map(rows, 0)?;
        part(map, map.values())
    });

fn of_map(args: &[DataType]) -> Result<(DataType, DataType)> {
    args.first().map_or_else(|| internal_err!("a map is missing"), map_types)
}

fn part(map: &MapArray, values: &ArrayRef) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::clone(values), nulls)?))
}

fn entry(key: DataType, value: DataType) -> DataType {
    DataType::Struct(Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]))
}

/// `map_entries(map)`.
pub static ENTRIES: Kernel = Kernel::new(
    "spark_map_entries",
    Returns::Rule(|args| {
        let (key, value) = of_map(args)?;
        Ok(list_of(entry(key, value)))
    }),
    |rows| {
        let map = map(rows, 0)?;
        let columns = vec![Arc::clone(map.keys()), Arc::clone(map.values())];
        let DataType::Struct(fields) =
            entry(map.keys().data_type().clone(), map.values().data_type().clone())
        else {
            return internal_err!("an entry is no struct");
        };
        part(map, &(Arc::new(StructArray::try_new(fields, columns, None)?) as ArrayRef))
    },
);

/// The place of each row's key in its map.
fn find_keys(rows: &Rows<'_>) -> Result<Vec<Option<u32>>> {
    let (map, wanted) = (map(rows, 0)?, rows.array(1)?);
    let converter = RowConverter::new(vec![SortField::new(wanted.data_type().clone())])?;
    let keys = converter.convert_columns(&[Arc::clone(map.keys())])?;
    let wanted = converter.convert_columns(&[Arc::clone(wanted)])?;
    let find = |row: usize| {
        let mut range = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
        range.find(|place| keys.row(*place) == wanted.row(row)).map(|place| place as u32)
    };
    Ok((0..rows.len).map(|row| if rows.is_valid(row) { find(row) } else { None }).collect())
}

/// `map[key]`: null if it is not there.
pub static VALUE: Kernel =
    Kernel::new("spark_map_value", Returns::Rule(|args| Ok(of_map(args)?.1)), |rows| {
        Ok(compute::take(map(rows, 0)?.values(), &UInt32Array::from(find_keys(rows)?), None)?)
    });

/// `map_contains_key(map, key)`.
pub static CONTAINS_KEY: Kernel =
    Kernel::new("spark_map_contains_key", Returns::Type(DataType::Boolean), |rows| {
        let found = find_keys(rows)?;
        rows.booleans(|row| Ok(Some(found[row].is_some())))
    });
