//! Functions on dates and timestamps.

mod clock;
mod fields;
mod format;
mod make;
mod months;
mod parse;
mod patterns;
mod time;
mod trunc;
mod zone;

pub use clock::{FROM_UTC, TIMESTAMP_ADD, TIMESTAMP_DIFF, TO_DATE, TO_LOCAL, TO_UTC};
pub use fields::{INTERVAL_FIELD, SECOND_FRACTION, TIME_FIELD, WEEK_FIELD};
pub use format::FORMAT;
pub use make::{
    FROM_DECIMAL_SECONDS, FROM_UNITS, MAKE_DATE, MAKE_TIMESTAMP, MAKE_TIMESTAMP_NTZ, TO_UNITS,
    TRY_MAKE_TIMESTAMP, TRY_MAKE_TIMESTAMP_NTZ,
};
pub use months::{ADD_MONTHS, LAST_DAY, MONTHS_BETWEEN, NEXT_DAY};
pub(super) use parse::pattern;
pub use parse::{
    PARSE_DATE, PARSE_TIMESTAMP, PARSE_TIMESTAMP_NTZ, TRY_PARSE_DATE, TRY_PARSE_TIMESTAMP,
    TRY_PARSE_TIMESTAMP_NTZ,
};
pub use patterns::TemporalPatterns;
pub use time::{
    AT_TIME, CLOCK_FIELD, CLOCK_SECOND_FRACTION, MAKE_TIME, TIME_DIFF, TIME_TRUNC, TO_TIME, TRY_TO_TIME,
};
pub use trunc::{DATE_TRUNC, TRUNC, WINDOW_START};
pub(crate) use zone::Zone;

use super::kernel::Kernel;

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[
    &FROM_UTC,
    &TIMESTAMP_ADD,
    &TIMESTAMP_DIFF,
    &TO_DATE,
    &TO_LOCAL,
    &TO_UTC,
    &INTERVAL_FIELD,
    &SECOND_FRACTION,
    &TIME_FIELD,
    &WEEK_FIELD,
    &FORMAT,
    &FROM_DECIMAL_SECONDS,
    &FROM_UNITS,
    &MAKE_DATE,
    &make::MAKE_DATE_LENIENT,
    &MAKE_TIMESTAMP,
    &MAKE_TIMESTAMP_NTZ,
    &TO_UNITS,
    &TRY_MAKE_TIMESTAMP,
    &TRY_MAKE_TIMESTAMP_NTZ,
    &ADD_MONTHS,
    &LAST_DAY,
    &MONTHS_BETWEEN,
    &NEXT_DAY,
    &months::NEXT_DAY_LENIENT,
    &PARSE_DATE,
    &PARSE_TIMESTAMP,
    &PARSE_TIMESTAMP_NTZ,
    &TRY_PARSE_DATE,
    &TRY_PARSE_TIMESTAMP,
    &TRY_PARSE_TIMESTAMP_NTZ,
    &AT_TIME,
    &CLOCK_FIELD,
    &CLOCK_SECOND_FRACTION,
    &MAKE_TIME,
    &TIME_DIFF,
    &TIME_TRUNC,
    &TO_TIME,
    &TRY_TO_TIME,
    &DATE_TRUNC,
    &TRUNC,
    &WINDOW_START,
];
