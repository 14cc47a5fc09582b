//! After robfig/cron's documentation and the cases it is known for.

use super::*;
use crate::scheduled::zone;
use jiff::Timestamp;
use jiff::civil::DateTime;

fn parse(text: &str) -> Result<Schedule, CronError> {
    Schedule::parse(text, |name| zone::find(name, &TimeZone::UTC))
}

fn next(text: &str, after: &str) -> Option<String> {
    let after: Timestamp = after.parse().unwrap();
    parse(text).unwrap().next(after).map(|at| at.to_string())
}

/// Whether it is due at this moment.
fn is_due(text: &str, at: &str) -> bool {
    let at: DateTime = at.parse().unwrap();
    let at = TimeZone::UTC.to_timestamp(at).unwrap();
    parse(text).unwrap().next(at - SignedDuration::from_secs(1)) == Some(at)
}

#[test]
fn fields_allow_what_they_say() {
    let cases = [
        ("0/15 * * * *", "2012-07-09T15:00", true),
        ("0/15 * * * *", "2012-07-09T15:45", true),
        ("0/15 * * * *", "2012-07-09T15:40", false),
        ("5/15 * * * *", "2012-07-09T15:50", true),
        ("*/15 * * * *", "2012-07-09T15:30", true),
        ("20-35/15 * * * *", "2012-07-09T15:35", true),
        ("20-35/15 * * * *", "2012-07-09T15:50", false),
        ("0/15 * * Jul *", "2012-07-15T15:00", true),
        ("0/15 * * jun *", "2012-07-15T15:00", false),
        ("30 08 ? Jul Sun", "2012-07-15T08:30", true),
        ("30 08 15 Jul ?", "2012-07-15T08:30", true),
        ("30 08 ? Jul Sun", "2012-07-16T08:30", false),
        ("30 08 15 JUL ?", "2012-07-16T08:30", false),
        ("0 9-17 * * MON-FRI", "2012-07-09T17:00", true),
        ("0 9-17 * * MON-FRI", "2012-07-08T17:00", false),
        ("@hourly", "2012-07-09T15:00", true),
        ("@hourly", "2012-07-09T15:04", false),
        ("@daily", "2012-07-09T00:00", true),
        ("@midnight", "2012-07-09T00:00", true),
        ("@weekly", "2012-07-08T00:00", true),
        ("@weekly", "2012-07-09T00:00", false),
        ("@monthly", "2012-07-01T00:00", true),
        ("@yearly", "2012-01-01T00:00", true),
        ("@annually", "2012-07-01T00:00", false),
        // If both days are restricted, one is enough.
        ("* * 1,15 * Sun", "2012-07-15T00:00", true),
        ("* * 1,15 * Sun", "2012-06-15T00:00", true),
        ("* * 1,15 * Sun", "2012-08-01T00:00", true),
        // A star with a step restricts.
        ("* * */10 * Sun", "2012-07-15T00:00", true),
        // If one is a star, the other has to match.
        ("* * * * Mon", "2012-07-15T00:00", false),
        ("* * 1,15 * *", "2012-07-09T00:00", false),
        ("* * 1,15 * *", "2012-07-15T00:00", true),
    ];
    for (text, at, due) in cases {
        assert_eq!(is_due(text, at), due, "{text} at {at}");
    }
}

#[test]
fn the_next_time_wraps_around_every_field() {
    let cases = [
        ("0/15 * * * *", "2012-07-09T14:45:00Z", "2012-07-09T15:00:00Z"),
        ("0/15 * * * *", "2012-07-09T14:59:59Z", "2012-07-09T15:00:00Z"),
        ("0/15 * * * *", "2012-07-09T14:59:59.5Z", "2012-07-09T15:00:00Z"),
        ("20-35/15 * * * *", "2012-07-09T15:45:00Z", "2012-07-09T16:20:00Z"),
        ("*/15 * * * *", "2012-07-09T23:46:00Z", "2012-07-10T00:00:00Z"),
        ("20-35/15 1/2 */2 * *", "2012-07-09T23:35:51Z", "2012-07-11T01:20:00Z"),
        ("0 0 9 Apr-Oct ?", "2012-07-09T23:35:00Z", "2012-08-09T00:00:00Z"),
        ("0 0 */5 Oct Mon", "2012-07-09T23:35:00Z", "2012-10-01T00:00:00Z"),
        ("0 0 * Feb Mon", "2012-07-09T23:35:00Z", "2013-02-04T00:00:00Z"),
        ("0 0 * Feb Mon/2", "2012-07-09T23:35:00Z", "2013-02-01T00:00:00Z"),
        ("* * * * *", "2012-12-31T23:59:45Z", "2013-01-01T00:00:00Z"),
        ("0 0 29 Feb ?", "2012-07-09T23:35:00Z", "2016-02-29T00:00:00Z"),
        ("0 0 31 * *", "2012-06-30T12:00:00Z", "2012-07-31T00:00:00Z"),
        ("@every 1h30m", "2012-07-09T14:45:00.7Z", "2012-07-09T16:15:00Z"),
        // Whole seconds, at least one.
        ("@every 2500ms", "2012-07-09T14:45:00Z", "2012-07-09T14:45:02Z"),
        ("@every 1ns", "2012-07-09T14:45:00Z", "2012-07-09T14:45:01Z"),
        ("@every -1h", "2012-07-09T14:45:00Z", "2012-07-09T14:45:01Z"),
    ];
    for (text, after, expected) in cases {
        assert_eq!(next(text, after).as_deref(), Some(expected), "{text} after {after}");
    }
}

#[test]
fn what_never_comes_is_none() {
    for text in ["0 0 30 Feb ?", "0 0 31 Apr ?", ", * * * *"] {
        assert_eq!(next(text, "2012-07-09T23:35:00Z"), None, "{text}");
    }
}

#[test]
fn clocks_that_change_follow_robfigs_rules() {
    let cases = [
        // 2012-03-11 in New York: 02:00 to 03:00 is left out.
        ("TZ=America/New_York 30 2 11 Mar ?", "2012-03-11T05:00:00Z", "2013-03-11T06:30:00Z"),
        ("CRON_TZ=America/New_York 0 * * * ?", "2012-03-11T06:00:00Z", "2012-03-11T07:00:00Z"),
        ("TZ=America/New_York 0 1 * * ?", "2012-03-11T06:00:00Z", "2012-03-12T05:00:00Z"),
        ("TZ=America/New_York 0 2 * * ?", "2012-03-11T05:00:00Z", "2012-03-12T06:00:00Z"),
        ("TZ=America/New_York 0 3 * * ?", "2012-03-11T05:00:00Z", "2012-03-11T07:00:00Z"),
        // 2012-11-04: 01:00 to 02:00 comes twice.
        ("TZ=America/New_York 30 2 04 Nov ?", "2012-11-04T04:00:00Z", "2012-11-04T07:30:00Z"),
        ("TZ=America/New_York 30 1 04 Nov ?", "2012-11-04T05:45:00Z", "2012-11-04T06:30:00Z"),
        ("TZ=America/New_York 0 * * * ?", "2012-11-04T05:00:00Z", "2012-11-04T06:00:00Z"),
        ("TZ=America/New_York 0 1 * * ?", "2012-11-04T04:00:00Z", "2012-11-04T05:00:00Z"),
        ("TZ=America/New_York 0 1 * * ?", "2012-11-04T05:00:00Z", "2012-11-04T06:00:00Z"),
        ("TZ=America/New_York 0 1 * * ?", "2012-11-04T06:00:00Z", "2012-11-05T06:00:00Z"),
        ("TZ=America/New_York 0 2 * * ?", "2012-11-04T04:00:00Z", "2012-11-04T07:00:00Z"),
        // 2018-11-04 in Sao Paulo: midnight is left out.
        ("TZ=America/Sao_Paulo 0 9 10 * ?", "2018-11-03T09:00:00Z", "2018-11-10T11:00:00Z"),
        // Berlin, UTC+1 and UTC+2.
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "2026-03-28T12:00:00Z", "2026-03-29T04:00:00Z"),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "2026-10-24T12:00:00Z", "2026-10-25T05:00:00Z"),
    ];
    for (text, after, expected) in cases {
        assert_eq!(next(text, after).as_deref(), Some(expected), "{text} after {after}");
    }
}

#[test]
fn a_schedule_without_a_time_zone_is_local() {
    let tokyo = zone::find("Asia/Tokyo", &TimeZone::UTC).unwrap();
    for text in ["0 9 * * *", "CRON_TZ=Local 0 9 * * *"] {
        let schedule = Schedule::parse(text, |name| zone::find(name, &tokyo)).unwrap();
        let next = schedule.next("2026-01-01T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(next.to_string(), "2026-01-02T00:00:00Z");
    }
}

#[test]
fn errors_are_robfigs() {
    let cases = [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("", "expected exactly 5 fields, found 0: []"),
        ("0 0 * * * *", "expected exactly 5 fields, found 6: [0 0 * * * *]"),
        ("xyz * * * *", "failed to parse int from xyz: strconv.Atoi: parsing \"xyz\": invalid syntax"),
        ("* * -5 * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("*/-12 * * * *", "negative number (-12) not allowed: -12"),
        ("@unrecognized", "unrecognized descriptor: @unrecognized"),
        ("@every 5", "failed to parse duration @every 5: time: missing unit in duration \"5\""),
        ("@every 5x", "failed to parse duration @every 5x: time: unknown unit \"x\" in duration \"5x\""),
        ("@every soon", "failed to parse duration @every soon: time: invalid duration \"soon\""),
        ("TZ=Moon/Crater * * * * *", "provided bad location Moon/Crater: unknown time zone Moon/Crater"),
        ("TZ=UTC", "expected a schedule after the time zone: TZ=UTC"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}
