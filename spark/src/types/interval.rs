//! The units of intervals: Arrow's types have none, so that columns carry them in a mark.

pub mod parse;

use std::collections::HashMap;
use std::fmt::Write as _;

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion::sql::sqlparser::ast::IntervalFields;

use crate::error::SparkError;

/// Key of the mark in the metadata of a column: the numbers of the first and the last unit.
pub const MARK: &str = "__interval_units";

const DAY_TIME: [&str; 4] = ["day", "hour", "minute", "second"];
const YEAR_MONTH: [&str; 2] = ["year", "month"];

/// From which unit to which an interval goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// Years and months; else days, hours, minutes and seconds.
    pub months: bool,
    /// Number of the first unit, as Spark counts them: 0 is the year or the day.
    pub first: u8,
    /// Number of the last unit.
    pub last: u8,
}

impl Units {
    /// `interval day`.
    pub const DAY: Self = Self { months: false, first: 0, last: 0 };
    /// `interval day to second`.
    pub const DAY_TO_SECOND: Self = Self { months: false, first: 0, last: 3 };
    /// `interval year to month`.
    pub const YEAR_TO_MONTH: Self = Self { months: true, first: 0, last: 1 };

    /// From one unit to another; `None` where there is no such interval.
    pub fn named(first: &str, last: &str) -> Option<Self> {
        let place =
            |units: &[&str], word: &str| units.iter().position(|unit| unit.eq_ignore_ascii_case(word));
        let of = |months: bool, units: &[&str]| {
            let (first, last) = (place(units, first)?, place(units, last)?);
            (first <= last).then_some(Self { months, first: first as u8, last: last as u8 })
        };
        of(true, &YEAR_MONTH).or_else(|| of(false, &DAY_TIME))
    }

    /// What a type written in SQL says.
    pub fn of_sql(fields: &IntervalFields) -> Option<Self> {
        let text = fields.to_string();
        let (first, last) = text.split_once(" TO ").unwrap_or((&text, &text));
        Self::named(first, last)
    }

    /// All units that intervals of a type can have; `None` for other types and calendar intervals.
    pub fn all(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Duration(_) | DataType::Interval(IntervalUnit::DayTime) => Some(Self::DAY_TO_SECOND),
            DataType::Interval(IntervalUnit::YearMonth) => Some(Self::YEAR_TO_MONTH),
            _ => None,
        }
    }

    /// The units of a column: those of its mark, or all.
    pub fn of(field: &Field) -> Option<Self> {
        let all = Self::all(field.data_type())?;
        Some(all.marked(field.metadata()).unwrap_or(all))
    }

    fn marked(self, metadata: &HashMap<String, String>) -> Option<Self> {
        let (first, last) = metadata.get(MARK)?.split_once(',')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last <= Self::last_of(self.months)).then_some(Self { first, last, ..self })
    }

    fn last_of(months: bool) -> u8 {
        if months { 1 } else { 3 }
    }

    /// The mark of a column, which those with all units do not need.
    pub fn mark(self) -> Option<(String, String)> {
        let all = self.first == 0 && self.last == Self::last_of(self.months);
        (!all).then(|| (MARK.to_owned(), format!("{},{}", self.first, self.last)))
    }

    /// A column without a name, of the type and with the mark.
    pub fn field(self) -> Field {
        Field::new("", self.data_type(), true).with_metadata(self.mark().into_iter().collect())
    }

    /// Arrow's type of such intervals.
    pub fn data_type(self) -> DataType {
        if self.months {
            DataType::Interval(IntervalUnit::YearMonth)
        } else {
            DataType::Duration(TimeUnit::Microsecond)
        }
    }

    /// What holds intervals of both; `None` if one is of months and the other is not.
    pub fn union(self, other: Self) -> Option<Self> {
        (self.months == other.months).then(|| Self {
            months: self.months,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        })
    }

    /// The name of a unit by its number.
    pub fn unit(self, number: u8) -> &'static str {
        let units: &[&'static str] = if self.months { &YEAR_MONTH } else { &DAY_TIME };
        units.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// `day to hour`.
    pub fn range(self) -> String {
        if self.first == self.last {
            return self.unit(self.first).to_owned();
        }
        format!("{} to {}", self.unit(self.first), self.unit(self.last))
    }

    /// Spark's name of the type: `interval day to hour`.
    pub fn name(self) -> String {
        format!("interval {}", self.range())
    }

    /// Months, or microseconds, in one of a unit.
    pub fn size(self, number: u8) -> i64 {
        match (self.months, number) {
            (true, 0) => 12,
            (true, _) => 1,
            (false, 0) => 86_400_000_000,
            (false, 1) => 3_600_000_000,
            (false, 2) => 60_000_000,
            (false, _) => 1_000_000,
        }
    }

    /// A number of months or microseconds as Spark shows it: `INTERVAL '1 02' DAY TO HOUR`.
    pub fn text(self, value: i64) -> String {
        format!("INTERVAL '{}' {}", self.amount(value), self.range().to_uppercase())
    }

    /// What stands between the quotes.
    fn amount(self, value: i64) -> String {
        let mut out = if value < 0 { "-".to_owned() } else { String::new() };
        let mut rest = value.unsigned_abs();
        for number in self.first..=self.last {
            let size = self.size(number).unsigned_abs();
            let separator = match number {
                _ if number == self.first => "",
                1 if self.months => "-",
                1 => " ",
                _ => ":",
            };
            // All but days, years and months have two digits.
            let width = if self.months || number == 0 { 1 } else { 2 };
            // Writing to a string cannot fail.
            let _ = write!(out, "{separator}{:0width$}", rest / size);
            rest %= size;
        }
        if !self.months && self.last == 3 && rest > 0 {
            let _ = write!(out, ".{}", format!("{rest:06}").trim_end_matches('0'));
        }
        out
    }
}

/// The error for a text that is no interval; `why` is the last sentence.
pub fn bad_format(class: &str, input: &str, why: &str) -> SparkError {
    SparkError::new(
        format!("INVALID_INTERVAL_FORMAT.{class}"),
        "22006",
        format!(
            "Error parsing '{input}' to interval. Please ensure that the value provided is in a valid format for \
             defining an interval. You can reference the documentation for the correct format. {why}"
        ),
    )
    .with_param("input", input)
}

/// The error for a text that has not the form of intervals of some units.
pub fn unmatched(units: Units, input: &str) -> SparkError {
    let form: String = (units.first..=units.last)
        .flat_map(|number| {
            let separator = match number {
                _ if number == units.first => "",
                1 if units.months => "-",
                1 => " ",
                _ => ":",
            };
            let letter = match (units.months, number) {
                (false, 3) => "s.n",
                _ => &units.unit(number)[..1],
            };
            [separator, letter]
        })
        .collect();
    let (kind, range) = (if units.months { "year-month" } else { "day-time" }, units.range().to_uppercase());
    let why = format!(
        "Interval string does not match {kind} format of `[+|-]{form}`, `INTERVAL [+|-]'[+|-]{form}' {range}` \
         when cast to {}: {input}.",
        units.name()
    );
    if units.months {
        return bad_format("UNMATCHED_FORMAT_STRING", input, &why);
    }
    let notice = " Set \"spark.sql.legacy.fromDayTimeString.enabled\" to \"true\" to restore the behavior before \
                  Spark 3.0.";
    bad_format("UNMATCHED_FORMAT_STRING_WITH_NOTICE", input, &format!("{why}{notice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Spark 4.1.1 shows and names these types.
    #[test]
    fn intervals_show_their_units_and_no_others() {
        let cases = [
            ("day", "day", 86_400_000_000, "INTERVAL '1' DAY", "interval day"),
            ("hour", "hour", -7_200_000_000, "INTERVAL '-02' HOUR", "interval hour"),
            ("second", "second", 4_500_000, "INTERVAL '04.5' SECOND", "interval second"),
            ("day", "hour", 93_600_000_000, "INTERVAL '1 02' DAY TO HOUR", "interval day to hour"),
            ("hour", "minute", 37_200_000_000, "INTERVAL '10:20' HOUR TO MINUTE", "interval hour to minute"),
            ("year", "month", -14, "INTERVAL '-1-2' YEAR TO MONTH", "interval year to month"),
            ("month", "month", 14, "INTERVAL '14' MONTH", "interval month"),
        ];
        for (first, last, value, text, name) in cases {
            let units = Units::named(first, last).expect(name);
            assert_eq!((units.text(value).as_str(), units.name().as_str()), (text, name));
            assert_eq!(Units::of(&units.field()), Some(units));
        }
        assert_eq!(Units::named("month", "year"), None);
        assert_eq!(Units::named("day", "month"), None);
    }
}
