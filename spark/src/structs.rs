//! Structs from and for other programs: what their fields hold where they are null, and what they are called.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;

type Result<T> = std::result::Result<T, ArrowError>;

/// The array with the fields of all null structs in it null; other arrays are given back as they are.
///
/// Arrow lets the fields of a null struct hold anything, and writers such as PyArrow put zeros there. Plans
/// take a field as it stands, so that rows from outside are brought into this form where they come in.
///
/// # Errors
/// Arrow's, none of which can come of a valid array.
pub fn with_nulls_in_fields(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Struct(fields) if !fields.is_empty() => {
            let structs = array.as_struct();
            let nulls = structs.nulls().filter(|nulls| nulls.null_count() > 0);
            let columns = structs.columns().iter().map(|column| {
                let column = match nulls {
                    Some(nulls) => masked(column, nulls)?,
                    None => Arc::clone(column),
                };
                with_nulls_in_fields(&column)
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), columns, structs.nulls().cloned())?))
        }
        DataType::List(field) if field.data_type().is_nested() => {
            let list = array.as_list::<i32>();
            let values = with_nulls_in_fields(list.values())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = with_nulls_in_fields(&entries)?.as_struct().clone();
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted)?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// The array with the fields of its structs named as in `target`, by their places: a cast would look for
/// fields of the same name.
///
/// # Errors
/// Arrow's, none of which can come of a valid array.
pub fn with_names_of(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let renamed = |own: &Field, other: &Field, part: &ArrayRef| {
        Field::new(other.name(), part.data_type().clone(), own.is_nullable())
            .with_metadata(other.metadata().clone())
    };
    match (array.data_type(), target) {
        (DataType::Struct(own), DataType::Struct(others)) if own.len() == others.len() && !own.is_empty() => {
            let structs = array.as_struct();
            let pairs = structs.columns().iter().zip(others);
            let columns = pairs.map(|(column, other)| with_names_of(column, other.data_type()));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let fields = own.iter().zip(others).zip(&columns);
            let fields = fields.map(|((own, other), column)| renamed(own, other, column)).collect();
            Ok(Arc::new(StructArray::try_new(fields, columns, structs.nulls().cloned())?))
        }
        (DataType::List(own), DataType::List(other)) => {
            let list = array.as_list::<i32>();
            let values = with_names_of(list.values(), other.data_type())?;
            let field = Arc::new(renamed(own, other, &values));
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls)?))
        }
        (DataType::Map(own, sorted), DataType::Map(other, _)) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = with_names_of(&entries, other.data_type())?;
            let field = Arc::new(renamed(own, other, &entries));
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let entries = entries.as_struct().clone();
            Ok(Arc::new(MapArray::try_new(field, offsets, entries, nulls, *sorted)?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// A column that is null where `nulls` is.
fn masked(column: &ArrayRef, nulls: &NullBuffer) -> Result<ArrayRef> {
    if column.data_type() == &DataType::Null {
        return Ok(Arc::clone(column));
    }
    let null = BooleanArray::new(!nulls.inner(), None);
    nullif(column, &null)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int32Array;
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::arrow::datatypes::{Fields, Int32Type};

    use super::*;

    #[test]
    fn fields_of_null_structs_are_null_at_any_depth() {
        let fields = Fields::from(vec![Field::new("a", DataType::Int32, true)]);
        let zeros: ArrayRef = Arc::new(Int32Array::from(vec![1, 0, 3]));
        let nulls = NullBuffer::from(vec![true, false, true]);
        let structs: ArrayRef = Arc::new(StructArray::new(fields, vec![zeros], Some(nulls)));
        let field = |array: &ArrayRef| array.as_struct().column(0).as_primitive::<Int32Type>().clone();
        assert_eq!(field(&structs).null_count(), 0);
        assert_eq!(
            field(&with_nulls_in_fields(&structs).unwrap()),
            Int32Array::from(vec![Some(1), None, Some(3)])
        );

        let item = Arc::new(Field::new_list_field(structs.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([3]);
        let list: ArrayRef = Arc::new(ListArray::new(item, offsets, structs, None));
        let list = with_nulls_in_fields(&list).unwrap();
        let values = list.as_list::<i32>().values();
        assert_eq!(field(values), Int32Array::from(vec![Some(1), None, Some(3)]));
    }

    #[test]
    fn fields_are_renamed_by_their_places() {
        let named = |names: [&str; 2]| {
            let field = |name| Field::new(name, DataType::Int32, true);
            Fields::from(names.map(field).to_vec())
        };
        let part = |value: i32| Arc::new(Int32Array::from(vec![value])) as ArrayRef;
        let own: ArrayRef = Arc::new(StructArray::new(named(["x_0", "x_1"]), vec![part(1), part(2)], None));
        let target = DataType::Struct(named(["x", "x"]));
        let renamed = with_names_of(&own, &target).unwrap();
        assert_eq!(renamed.data_type(), &target);
        let values: Vec<i32> =
            renamed.as_struct().columns().iter().map(|c| c.as_primitive::<Int32Type>().value(0)).collect();
        assert_eq!(values, [1, 2]);
    }
}
