//! Instants to wall-clock times and back.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;

use crate::error::{Result, SparkError};
use crate::source::datetime::{is_utc, local_to_micros, micros, parse_zone};
use crate::source::pattern::Pattern;

/// A time zone.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    tz: Tz,
    utc: bool,
    name: String,
}

impl Zone {
    /// The zone of a name as Spark takes it.
    pub fn new(name: &str) -> Result<Self> {
        match parse_zone(name) {
            Some(tz) => Ok(Self { tz, utc: is_utc(tz), name: name.to_owned() }),
            None => Err(SparkError::new(
                "INVALID_TIMEZONE",
                "22009",
                format!(
                    "The timezone: {name} is invalid. The timezone must be either a region-based zone ID or a zone offset. \
                     Region IDs must have the form 'area/city', such as 'America/Los_Angeles'. Zone offsets must be in the \
                     format '(+|-)HH', '(+|-)HH:mm' or '(+|-)HH:mm:ss', e.g '-08' , '+01:00' or '-13:33:33', and must be in \
                     the range from -18:00 to +18:00. 'Z' and 'UTC' are accepted as synonyms for '+00:00'."
                ),
            )
            .with_param("timeZone", name)),
        }
    }

    /// The name it was made from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The wall-clock time of an instant; `None` outside of the calendar.
    pub fn local(&self, instant: i64) -> Option<NaiveDateTime> {
        let utc = DateTime::from_timestamp_micros(instant)?.naive_utc();
        if self.utc { Some(utc) } else { Some(self.tz.from_utc_datetime(&utc).naive_local()) }
    }

    /// The text of an instant after a pattern; none outside of the calendar.
    pub fn text(&self, pattern: &Pattern, instant: i64) -> String {
        let mut text = String::new();
        if let (Some(local), Some((offset, short))) = (self.local(instant), self.offset(instant)) {
            pattern.format(local, offset, &short, &self.name, &mut text);
        }
        text
    }

    /// The wall-clock time of an instant, in microseconds as if it were UTC.
    pub fn local_micros(&self, instant: i64) -> Option<i64> {
        if self.utc { Some(instant) } else { micros(self.local(instant)?) }
    }

    /// The instant of a wall-clock time.
    pub fn instant(&self, local: NaiveDateTime) -> Option<i64> {
        if self.utc { micros(local) } else { local_to_micros(local, self.tz) }
    }

    /// The instant of a wall-clock time in microseconds as if it were UTC.
    pub fn instant_of_micros(&self, local: i64) -> Option<i64> {
        if self.utc {
            return Some(local);
        }
        self.instant(DateTime::from_timestamp_micros(local)?.naive_utc())
    }

    /// The instant at which a day starts.
    pub fn start_of(&self, date: NaiveDate) -> Option<i64> {
        self.instant(date.and_hms_opt(0, 0, 0)?)
    }

    /// Seconds east of Greenwich at an instant, and the short name of the zone then.
    pub fn offset(&self, instant: i64) -> Option<(i32, String)> {
        let utc = DateTime::from_timestamp_micros(instant)?.naive_utc();
        let offset = self.tz.offset_from_utc_datetime(&utc);
        let seconds = offset.fix().local_minus_utc();
        let short = if self.utc { "UTC".to_owned() } else { offset.to_string() };
        Some((seconds, short))
    }
}
