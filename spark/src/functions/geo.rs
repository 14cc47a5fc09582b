//! Functions on places, kept as well-known binary with their system of reference.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, Int32Builder, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_err};

use super::kernel::{Kernel, Returns, Rows};
use crate::error::SparkError;
use crate::types::Geo;

/// Systems of reference of the globe and of the plane.
const GLOBES: [i32; 1] = [4326];
const PLANES: [i32; 3] = [0, 3857, 4326];

/// `st_geogfromwkb(wkb)` and its like, with a null of the result's type.
pub static FROM_WKB: Kernel = Kernel::null_aware("spark_st_fromwkb", Returns::Argument(1), from_wkb);
/// `st_setsrid(place, srid)`, with a null of the result's type.
pub static SET_SRID: Kernel = Kernel::null_aware("spark_st_setsrid", Returns::Argument(2), set_srid);
/// `st_srid(place)`.
pub static SRID: Kernel = Kernel::new("spark_st_srid", Returns::Type(DataType::Int32), |rows| {
    let places = Places::new(rows)?;
    rows.primitives::<Int32Type>(|row| Ok(Some(places.srid(row))))
});
/// `st_asbinary(place)`.
pub static AS_BINARY: Kernel = Kernel::new("spark_st_asbinary", Returns::Type(DataType::Binary), |rows| {
    let places = Places::new(rows)?;
    rows.write_bytes(|row, out| {
        out.extend_from_slice(places.wkb(row));
        Ok(true)
    })
});

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&FROM_WKB, &SET_SRID, &SRID, &AS_BINARY];

/// Whether places of a kind can be in a system of reference.
pub fn is_known(geography: bool, srid: i32) -> bool {
    if geography { GLOBES.contains(&srid) } else { PLANES.contains(&srid) }
}

/// The error for a system of reference that is not known.
pub fn unknown(srid: i32) -> SparkError {
    SparkError::new(
        "ST_INVALID_SRID_VALUE",
        "22023",
        format!("Invalid or unsupported SRID (spatial reference identifier) value: {srid}."),
    )
    .with_param("srid", srid.to_string())
}

/// The first argument's columns.
struct Places<'r> {
    srids: &'r datafusion::arrow::array::Int32Array,
    wkbs: &'r datafusion::arrow::array::BinaryArray,
    whole: &'r StructArray,
}

impl<'r> Places<'r> {
    fn new(rows: &'r Rows<'_>) -> Result<Self> {
        let Some(places) = rows.array(0)?.as_struct_opt() else {
            return internal_err!("places are structs");
        };
        let columns = (places.column_by_name("srid"), places.column_by_name("wkb"));
        let (Some(srids), Some(wkbs)) = columns else { return internal_err!("a place without its parts") };
        match (srids.as_primitive_opt(), wkbs.as_binary_opt()) {
            (Some(srids), Some(wkbs)) => Ok(Self { srids, wkbs, whole: places }),
            _ => internal_err!("a place with parts of other types"),
        }
    }

    fn srid(&self, row: usize) -> i32 {
        self.srids.value(row)
    }

    fn wkb(&self, row: usize) -> &[u8] {
        self.wkbs.value(row)
    }
}

/// A column of the result's type.
fn made<'b>(
    rows: &Rows<'_>,
    mut place: impl FnMut(usize) -> Result<Option<(i32, &'b [u8])>>,
) -> Result<ArrayRef> {
    let DataType::Struct(fields) = rows.to else { return internal_err!("places are structs") };
    let (mut srids, mut wkbs, mut valid) = (Int32Builder::new(), BinaryBuilder::new(), Vec::new());
    for row in 0..rows.len {
        let place = place(row)?;
        valid.push(place.is_some());
        let (srid, wkb) = place.unwrap_or((0, &[]));
        srids.append_value(srid);
        wkbs.append_value(wkb);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(srids.finish()), Arc::new(wkbs.finish())];
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, Some(NullBuffer::from(valid)))?))
}

fn from_wkb(rows: &Rows<'_>) -> Result<ArrayRef> {
    let bytes = rows.bytes(0)?;
    let Some(geo) = Geo::of(rows.to) else { return internal_err!("a place of no type") };
    made(rows, |row| Ok(bytes.is_valid(row).then(|| (geo.srid, bytes.value(row)))))
}

fn set_srid(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (places, srids) = (Places::new(rows)?, rows.values::<Int32Type>(1)?);
    let Some(geo) = Geo::of(rows.to) else { return internal_err!("a place of no type") };
    made(rows, |row| {
        if places.whole.is_null(row) || srids.is_null(row) {
            return Ok(None);
        }
        let srid = srids.value(row);
        if is_known(geo.geography, srid) {
            Ok(Some((srid, places.wkb(row))))
        } else {
            Err(unknown(srid).into())
        }
    })
}
