//! Cron schedules as robfig/cron's standard parser reads them, the one Kubeflow uses: five fields or a
//! descriptor, with an optional time zone in front. Pure.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

mod duration;
mod field;
mod next;

use field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH};

/// When something is due, again and again.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At certain minutes.
    At(Box<Fields>),
    /// With a pause of whole seconds, at least one.
    Every(SignedDuration),
}

/// The minutes at which something is due, in a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month: Field,
    day_of_week: Field,
    zone: TimeZone,
}

/// Why a text is no schedule, in the words of robfig/cron.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// There is no such time zone.
    #[error("provided bad location {0}: unknown time zone {0}")]
    Zone(String),
    /// Nothing follows the time zone.
    #[error("expected a schedule after the time zone: {0}")]
    ZoneOnly(String),
    /// Not five fields.
    #[error("expected exactly 5 fields, found {count}: [{fields}]")]
    FieldCount {
        /// How many there are.
        count: usize,
        /// All of them.
        fields: String,
    },
    /// A descriptor nobody knows.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// The duration of `@every` is none.
    #[error("failed to parse duration {0}: {1}")]
    Duration(String, duration::DurationError),
    /// A field is wrong.
    #[error(transparent)]
    Field(#[from] field::FieldError),
}

impl Schedule {
    /// Reads a schedule. `zone` finds a time zone by its name, `Local` included; without a time zone in
    /// front the schedule is local.
    ///
    /// # Errors
    /// [`CronError`] for anything robfig/cron's standard parser refuses.
    pub fn parse(text: &str, zone: impl Fn(&str) -> Option<TimeZone>) -> Result<Schedule, CronError> {
        let (name, text) = match text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) {
            Some(rest) => {
                let (name, rest) =
                    rest.split_once(' ').ok_or_else(|| CronError::ZoneOnly(text.to_owned()))?;
                (name, rest.trim())
            }
            None => (LOCAL, text),
        };
        let zone = zone(name).ok_or_else(|| CronError::Zone(name.to_owned()))?;
        if text.starts_with('@') {
            return descriptor(text, zone);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
            return Err(CronError::FieldCount { count: fields.len(), fields: fields.join(" ") });
        };
        Ok(Schedule::At(Box::new(Fields {
            minute: MINUTE.parse(minute)?,
            hour: HOUR.parse(hour)?,
            day_of_month: DAY_OF_MONTH.parse(day_of_month)?,
            month: MONTH.parse(month)?,
            day_of_week: DAY_OF_WEEK.parse(day_of_week)?,
            zone,
        })))
    }
}

/// The name of the operator's own time zone.
pub const LOCAL: &str = "Local";

fn descriptor(text: &str, zone: TimeZone) -> Result<Schedule, CronError> {
    if let Some(pause) = text.strip_prefix("@every ") {
        let pause = duration::parse(pause).map_err(|error| CronError::Duration(text.to_owned(), error))?;
        let seconds = pause.as_secs().max(1);
        return Ok(Schedule::Every(SignedDuration::from_secs(seconds)));
    }
    let fields = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => return Err(CronError::Descriptor(text.to_owned())),
    };
    Schedule::parse(fields, |_| Some(zone.clone()))
}

#[cfg(test)]
mod tests;
