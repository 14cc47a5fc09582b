//! Dates and timestamps as Spark writes them into text files.

use cerium_spark::error::{Result, SparkError};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};

/// The formats of one write.
#[derive(Debug, Clone)]
pub struct TemporalFormats {
    zone: Tz,
}

impl TemporalFormats {
    /// Formats for this session time zone.
    ///
    /// # Errors
    /// A zone that is none.
    pub fn new(zone: &str) -> Result<Self> {
        let name = if zone == "UTC" || zone == "Z" { "+00:00" } else { zone };
        let zone = name.parse().map_err(|_| {
            SparkError::new(
                "INVALID_TIMEZONE",
                "22009",
                format!("The timezone: {zone} is invalid. The timezone must be either a region-based zone ID or a zone offset."),
            )
        })?;
        Ok(Self { zone })
    }

    /// The text of a date or timestamp; `None` for values of other types.
    pub fn text(&self, array: &dyn Array, row: usize) -> Option<String> {
        match array.data_type() {
            DataType::Date32 => {
                let date = NaiveDate::from_epoch_days(array.as_primitive::<Date32Type>().value(row))?;
                Some(date.format("%Y-%m-%d").to_string())
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                let utc = DateTime::from_timestamp_micros(micros)?.naive_utc();
                Some(match zone {
                    Some(_) => self.instant(utc),
                    None => local(utc),
                })
            }
            _ => None,
        }
    }

    fn instant(&self, utc: NaiveDateTime) -> String {
        let zoned = self.zone.from_utc_datetime(&utc);
        let seconds = zoned.offset().fix().local_minus_utc();
        let offset = if seconds == 0 {
            "Z".to_owned()
        } else {
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.abs() / 60;
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        };
        format!("{}{offset}", local(zoned.naive_local()))
    }
}

/// Milliseconds always, microseconds never: Spark's pattern ends with `SSS`.
fn local(time: NaiveDateTime) -> String {
    format!("{}.{:03}", time.format("%Y-%m-%dT%H:%M:%S"), time.nanosecond() / 1_000_000)
}
