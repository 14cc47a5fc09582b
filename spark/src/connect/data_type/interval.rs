//! The units of intervals: Arrow's types have none, so that columns carry them in a mark.

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit};

use super::proto;
use super::proto::data_type::{self as kinds, Kind};

/// Key of the mark in the metadata of a column: the numbers of the first and the last unit.
pub(super) const MARK: &str = "__interval_units";

/// The mark of an interval that has not all units.
pub(super) fn mark(data_type: &proto::DataType) -> Option<(String, String)> {
    let (start, end, all) = match data_type.kind.as_ref()? {
        Kind::DayTimeInterval(units) => (units.start_field, units.end_field, (0, 3)),
        Kind::YearMonthInterval(units) => (units.start_field, units.end_field, (0, 1)),
        _ => return None,
    };
    let start = start.unwrap_or(all.0);
    let end = end.unwrap_or(if start == all.0 { all.1 } else { start });
    ((start, end) != all).then(|| (MARK.to_owned(), format!("{start},{end}")))
}

/// The message of a marked column's type.
pub(super) fn message(field: &Field) -> Option<Kind> {
    let (start, end) = field.metadata().get(MARK)?.split_once(',')?;
    let (start_field, end_field) = (start.parse().ok(), end.parse().ok());
    match field.data_type() {
        DataType::Duration(_) => Some(Kind::DayTimeInterval(kinds::DayTimeInterval {
            start_field,
            end_field,
            ..Default::default()
        })),
        DataType::Interval(IntervalUnit::YearMonth) => {
            Some(Kind::YearMonthInterval(kinds::YearMonthInterval {
                start_field,
                end_field,
                ..Default::default()
            }))
        }
        _ => None,
    }
}
