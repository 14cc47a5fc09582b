//! The patterns of dates and timestamps that options of a text format give.

use std::collections::BTreeMap;

use super::Zone;
use crate::error::Result;
use crate::source::options::Options;
use crate::source::pattern::Pattern;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// How values are written where `dateFormat`, `timestampFormat` and `timestampNTZFormat` say it.
#[derive(Debug, Clone)]
pub struct TemporalPatterns {
    date: Option<Pattern>,
    timestamp: Option<Pattern>,
    timestamp_ntz: Option<Pattern>,
    zone: Zone,
    utc: Zone,
}

impl TemporalPatterns {
    /// Reads the options; timestamps are shown in a time zone.
    ///
    /// # Errors
    /// A pattern or a zone that is none.
    pub fn of(options: &BTreeMap<String, String>, zone: &str) -> Result<Self> {
        let options = Options(options);
        Ok(Self {
            date: options.pattern("dateFormat")?,
            timestamp: options.pattern("timestampFormat")?,
            timestamp_ntz: options.pattern("timestampNTZFormat")?,
            zone: Zone::new(zone)?,
            utc: Zone::new("UTC")?,
        })
    }

    /// The text of a date, `None` without a pattern for it.
    pub fn date(&self, days: i32) -> Option<String> {
        self.date.as_ref().map(|pattern| self.utc.text(pattern, i64::from(days) * MICROS_PER_DAY))
    }

    /// The text of an instant, `None` without a pattern for it.
    pub fn timestamp(&self, micros: i64) -> Option<String> {
        self.timestamp.as_ref().map(|pattern| self.zone.text(pattern, micros))
    }

    /// The text of a timestamp without zone, `None` without a pattern for it.
    pub fn timestamp_ntz(&self, micros: i64) -> Option<String> {
        self.timestamp_ntz.as_ref().map(|pattern| self.utc.text(pattern, micros))
    }
}
