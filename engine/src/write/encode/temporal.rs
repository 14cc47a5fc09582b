//! Dates and timestamps as Spark writes them into text files.

use cerium_spark::error::{Result, SparkError};
use cerium_spark::functions::datetime::TemporalPatterns;
use cerium_spark::write::WriteSpec;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};

/// The formats of one write.
#[derive(Debug, Clone)]
pub struct TemporalFormats {
    zone: Tz,
    /// What options say instead of ISO 8601.
    patterns: TemporalPatterns,
}

impl TemporalFormats {
    /// The formats of a write in this time zone.
    ///
    /// # Errors
    /// A zone or a pattern that is none.
    pub fn new(spec: &WriteSpec, zone: &str) -> Result<Self> {
        let patterns = TemporalPatterns::of(&spec.options, zone)?;
        let name = if zone == "UTC" || zone == "Z" { "+00:00" } else { zone };
        let zone = name.parse().map_err(|_| {
            SparkError::new(
                "INVALID_TIMEZONE",
                "22009",
                format!("The timezone: {zone} is invalid. The timezone must be either a region-based zone ID or a zone offset."),
            )
        })?;
        Ok(Self { zone, patterns })
    }

    /// The text of a date or timestamp; `None` for values of other types.
    pub fn text(&self, array: &dyn Array, row: usize) -> Option<String> {
        match array.data_type() {
            DataType::Date32 => {
                let days = array.as_primitive::<Date32Type>().value(row);
                self.patterns
                    .date(days)
                    .or_else(|| Some(NaiveDate::from_epoch_days(days)?.format("%Y-%m-%d").to_string()))
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                let utc = || Some(DateTime::from_timestamp_micros(micros)?.naive_utc());
                match zone {
                    Some(_) => self.patterns.timestamp(micros).or_else(|| Some(self.instant(utc()?))),
                    None => self.patterns.timestamp_ntz(micros).or_else(|| Some(local(utc()?))),
                }
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

#[cfg(test)]
mod tests {
    use cerium_spark::write::{FileFormat, SaveMode};
    use datafusion::arrow::array::{Date32Array, TimestampMicrosecondArray};

    use super::*;

    fn formats(options: &[(&str, &str)], zone: &str) -> Result<TemporalFormats> {
        let options = options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let spec = WriteSpec {
            path: String::new(),
            format: FileFormat::Json,
            mode: SaveMode::Append,
            partition_by: vec![],
            options,
            within: String::new(),
        };
        TemporalFormats::new(&spec, zone)
    }

    /// 2026-01-02 is day 20,455 of the epoch.
    const DAY: i32 = 20_455;
    const NOON: i64 = (DAY as i64 * 24 + 12) * 3_600_000_000;

    #[test]
    fn options_say_how_dates_and_timestamps_look() {
        let options = [
            ("dateformat", "dd/MM/yyyy"),
            ("timestampFormat", "yyyy HH:mm XXX"),
            ("timestampNTZFormat", "HH'h'"),
        ];
        let formats = formats(&options, "Europe/Berlin").unwrap();
        let local = TimestampMicrosecondArray::from(vec![NOON]);
        assert_eq!(formats.text(&Date32Array::from(vec![DAY]), 0).unwrap(), "02/01/2026");
        assert_eq!(formats.text(&local.clone().with_timezone("UTC"), 0).unwrap(), "2026 13:00 +01:00");
        assert_eq!(formats.text(&local, 0).unwrap(), "12h");
    }

    #[test]
    fn without_options_they_are_iso_8601() {
        let formats = formats(&[], "Europe/Berlin").unwrap();
        let local = TimestampMicrosecondArray::from(vec![NOON]);
        assert_eq!(formats.text(&Date32Array::from(vec![DAY]), 0).unwrap(), "2026-01-02");
        assert_eq!(
            formats.text(&local.clone().with_timezone("UTC"), 0).unwrap(),
            "2026-01-02T13:00:00.000+01:00"
        );
        assert_eq!(formats.text(&local, 0).unwrap(), "2026-01-02T12:00:00.000");
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        assert!(formats(&[("dateFormat", "bb")], "UTC").is_err());
    }
}
