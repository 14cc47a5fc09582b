//! The units of intervals in messages.

use datafusion::arrow::datatypes::Field;

use super::proto;
use super::proto::data_type::{self as kinds, Kind};
use crate::types::interval::Units;

/// The mark of an interval that has not all units.
pub(super) fn mark(data_type: &proto::DataType) -> Option<(String, String)> {
    let (start, end, all) = match data_type.kind.as_ref()? {
        Kind::DayTimeInterval(units) => (units.start_field, units.end_field, Units::DAY_TO_SECOND),
        Kind::YearMonthInterval(units) => (units.start_field, units.end_field, Units::YEAR_TO_MONTH),
        _ => return None,
    };
    let first = start.map_or(Some(0), |start| u8::try_from(start).ok())?;
    let last = match end {
        Some(end) => u8::try_from(end).ok()?,
        None if first == 0 => all.last,
        None => first,
    };
    Units { first, last, ..all }.mark()
}

/// The message of a column of intervals.
pub(super) fn message(field: &Field) -> Option<Kind> {
    let units = Units::of(field)?;
    let (start_field, end_field) = (Some(units.first.into()), Some(units.last.into()));
    Some(if units.months {
        Kind::YearMonthInterval(kinds::YearMonthInterval { start_field, end_field, ..Default::default() })
    } else {
        Kind::DayTimeInterval(kinds::DayTimeInterval { start_field, end_field, ..Default::default() })
    })
}
