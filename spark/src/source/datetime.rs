//! Dates and timestamps in text: Spark's lenient forms and Java's patterns.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use datafusion::arrow::array::timezone::Tz;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A time zone as Spark names it: `UTC`, `Europe/Berlin`, `+02:00`, `GMT+2`, `Z`.
pub fn parse_zone(name: &str) -> Option<Tz> {
    let name = name.trim();
    let rest = ["UTC", "GMT", "UT"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if rest.is_empty() || rest == "Z" {
        return Tz::from_str("+00:00").ok();
    }
    if let Some(sign @ ('+' | '-')) = rest.chars().next() {
        let (hours, minutes) = match rest[1..].split_once(':') {
            Some((h, m)) => (h, m.split_once(':').map_or(m, |(m, _)| m)),
            None if rest.len() == 5 => rest[1..].split_at(2),
            None => (&rest[1..], "0"),
        };
        let (hours, minutes) = (digits(hours, 1, 2)?, digits(minutes, 1, 2)?);
        if hours > 18 || minutes > 59 {
            return None;
        }
        return Tz::from_str(&format!("{sign}{hours:02}:{minutes:02}")).ok();
    }
    Tz::from_str(SHORT_ZONES.iter().find(|(short, _)| *short == name).map_or(name, |(_, zone)| zone)).ok()
}

/// Java's short names of zones (`java.time.ZoneId.SHORT_IDS`).
const SHORT_ZONES: [(&str, &str); 28] = [
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
    ("EST", "-05:00"),
    ("HST", "-10:00"),
    ("MST", "-07:00"),
];

/// Whether a zone is UTC itself.
pub fn is_utc(zone: Tz) -> bool {
    matches!(zone.to_string().as_str(), "+00:00" | "UTC")
}

/// Microseconds since the epoch of a wall-clock time in a zone. In the gap of a clock change
/// the time is moved forward by its length; of two possible times the earlier is taken.
pub fn local_to_micros(local: NaiveDateTime, zone: Tz) -> Option<i64> {
    let offset = match zone.offset_from_local_datetime(&local) {
        chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => offset,
        chrono::LocalResult::None => {
            let before = local.checked_sub_signed(chrono::TimeDelta::days(1))?;
            zone.offset_from_local_datetime(&before).earliest()?
        }
    };
    let seconds = i64::from(offset.fix().local_minus_utc());
    micros(local)?.checked_sub(seconds * MICROS_PER_SECOND)
}

/// Microseconds since the epoch of a wall-clock time, as if it were UTC.
pub fn micros(local: NaiveDateTime) -> Option<i64> {
    let utc = local.and_utc();
    utc.timestamp()
        .checked_mul(MICROS_PER_SECOND)?
        .checked_add(i64::from(utc.timestamp_subsec_nanos() / 1_000))
}

/// Days since the epoch.
pub fn days(date: NaiveDate) -> i32 {
    (date - NaiveDate::default()).num_days() as i32
}

fn digits(text: &str, min: usize, max: usize) -> Option<u32> {
    if text.len() < min || text.len() > max || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `yyyy-MM-dd` and nothing else, in days since the epoch.
pub fn parse_date_strict(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = digits(&text[..4], 4, 4)?;
    let date = NaiveDate::from_ymd_opt(year as i32, digits(&text[5..7], 2, 2)?, digits(&text[8..], 2, 2)?)?;
    Some(days(date))
}

/// A date as Spark casts it: `[+-]yyyy*[-[m]m[-[d]d[ |T*]]]`, in days since the epoch.
pub fn parse_date(text: &str) -> Option<i32> {
    let text = text.trim();
    let (date, rest) = date_prefix(text, 7)?;
    let complete = rest.is_empty() || (rest.starts_with([' ', 'T']) && has_day(text));
    complete.then(|| days(date))
}

fn has_day(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    unsigned.split([' ', 'T']).next().is_some_and(|date| date.matches('-').count() == 2)
}

/// Reads year, month and day from the start; what is missing is 1.
fn date_prefix(text: &str, max_year: usize) -> Option<(NaiveDate, &str)> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (year, mut rest) = number(unsigned, 4, max_year)?;
    let year = if negative { -(year as i32) } else { year as i32 };
    let mut parts = [1u32, 1];
    for part in &mut parts {
        let Some(after) = rest.strip_prefix('-') else { break };
        (*part, rest) = number(after, 1, 2)?;
    }
    Some((NaiveDate::from_ymd_opt(year, parts[0], parts[1])?, rest))
}

/// A run of `min` to `max` digits at the start, and what follows it.
fn number(text: &str, min: usize, max: usize) -> Option<(u32, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    Some((digits(&text[..end], min, max)?, &text[end..]))
}

/// A timestamp found in text, and the zone written with it.
#[derive(Debug, Clone, Copy)]
pub struct ParsedTimestamp {
    pub local: NaiveDateTime,
    pub zone: Option<Tz>,
}

impl ParsedTimestamp {
    /// Microseconds since the epoch, with `session` as the zone where none is written.
    pub fn instant(&self, session: Tz) -> Option<i64> {
        local_to_micros(self.local, self.zone.unwrap_or(session))
    }
}

/// A timestamp as Spark casts it: a date as [`parse_date`] knows it, then optionally a time
/// `[h]h:[m]m[:[s]s[.ffffff]]` and a zone. A time alone is of `today`.
pub fn parse_timestamp(text: &str, today: NaiveDate) -> Option<ParsedTimestamp> {
    let text = text.trim();
    let time_only = text.strip_prefix('T').or_else(|| {
        let first = text.find(|c: char| !c.is_ascii_digit())?;
        (first <= 2 && text[first..].starts_with(':')).then_some(text)
    });
    let (date, rest) = if let Some(time) = time_only {
        (today, time)
    } else {
        let (date, rest) = date_prefix(text, 6)?;
        if rest.is_empty() {
            return Some(ParsedTimestamp { local: date.and_hms_opt(0, 0, 0)?, zone: None });
        }
        if !has_day(text) {
            return None;
        }
        (date, rest.strip_prefix([' ', 'T'])?)
    };
    if rest.is_empty() {
        return Some(ParsedTimestamp { local: date.and_hms_opt(0, 0, 0)?, zone: None });
    }
    let (hour, rest) = number(rest, 1, 2)?;
    let (minute, mut rest) = number(rest.strip_prefix(':')?, 1, 2)?;
    let (mut second, mut nanos) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = number(after, 1, 2)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(after.len());
            nanos = fraction(&after[..end]);
            rest = &after[end..];
        }
    }
    let zone = if rest.trim().is_empty() { None } else { Some(parse_zone(rest)?) };
    // Spark keeps microseconds and cuts off what is finer.
    Some(ParsedTimestamp { local: date.and_hms_nano_opt(hour, minute, second, nanos)?, zone })
}

/// A time of day as Spark casts it, `[T][h]h:[m]m[:[s]s[.ffffff]]`, in nanoseconds since midnight.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_prefix('T').unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.find(':')? > 2 {
        return None;
    }
    let parsed = parse_timestamp(text, NaiveDate::default())?;
    if parsed.zone.is_some() { None } else { Some(nanos_of_day(parsed.local.time())) }
}

/// Nanoseconds since midnight.
pub fn nanos_of_day(time: chrono::NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond())
}

/// Nanoseconds of the digits behind a point, as far as microseconds.
fn fraction(digits: &str) -> u32 {
    let mut nanos = 0;
    for index in 0..9 {
        let digit = digits.as_bytes().get(index).map_or(0, |b| u32::from(b - b'0'));
        nanos = nanos * 10 + digit;
    }
    nanos / 1_000 * 1_000
}

/// The commonest timestamps, `yyyy-MM-dd[ T]HH:mm:ss[Z]`, without allocation or search.
pub fn parse_timestamp_fast(text: &[u8]) -> Option<(i64, bool)> {
    let utc = match text.len() {
        19 => false,
        20 if text[19] == b'Z' => true,
        _ => return None,
    };
    let shape = text[4] == b'-'
        && text[7] == b'-'
        && (text[10] == b' ' || text[10] == b'T')
        && text[13] == b':'
        && text[16] == b':';
    if !shape {
        return None;
    }
    let two = |at: usize| -> Option<u32> {
        let (high, low) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
        (high <= 9 && low <= 9).then(|| u32::from(high) * 10 + u32::from(low))
    };
    let year = two(0)? * 100 + two(2)?;
    let date = NaiveDate::from_ymd_opt(year as i32, two(5)?, two(8)?)?;
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(days(date)) * SECONDS_PER_DAY + i64::from(hour * 3600 + minute * 60 + second);
    Some((seconds * MICROS_PER_SECOND, utc))
}
