//! Java's `DateTimeFormatter` patterns, as far as files use them.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde::{Deserialize, Serialize};

use super::datetime::{ParsedTimestamp, parse_zone};

/// A pattern that is wrong or that Cerium does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("datetime pattern `{pattern}`: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Item {
    Literal(String),
    /// A letter of the pattern and how often it stands there.
    Field(char, usize),
    Optional(Vec<Item>),
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pattern {
    items: Vec<Item>,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// What the fields read so far say.
#[derive(Default, Clone)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: Option<u32>,
    hour12: Option<u32>,
    pm: Option<bool>,
    minute: Option<u32>,
    second: Option<u32>,
    nanos: Option<u32>,
    zone: Option<String>,
}

impl Pattern {
    /// Compiles a pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let fail = |reason: String| PatternError { pattern: pattern.to_owned(), reason };
        let chars: Vec<char> = pattern.chars().collect();
        let mut stack: Vec<Vec<Item>> = vec![vec![]];
        let mut at = 0;
        let push = |stack: &mut Vec<Vec<Item>>, item: Item| {
            if let Some(items) = stack.last_mut() {
                items.push(item);
            }
        };
        while at < chars.len() {
            let c = chars[at];
            match c {
                '[' => {
                    stack.push(vec![]);
                    at += 1;
                }
                ']' => {
                    if stack.len() < 2 {
                        return Err(fail("`]` without `[`".into()));
                    }
                    if let Some(items) = stack.pop() {
                        push(&mut stack, Item::Optional(items));
                    }
                    at += 1;
                }
                '\'' => {
                    let mut literal = String::new();
                    at += 1;
                    loop {
                        match chars.get(at) {
                            None => return Err(fail("a quoted text is not closed".into())),
                            Some('\'') if chars.get(at + 1) == Some(&'\'') => {
                                literal.push('\'');
                                at += 2;
                            }
                            Some('\'') => break,
                            Some(c) => {
                                literal.push(*c);
                                at += 1;
                            }
                        }
                    }
                    at += 1;
                    // Two quotes outside of a text are one quote.
                    push(&mut stack, Item::Literal(if literal.is_empty() { "'".into() } else { literal }));
                }
                c if c.is_ascii_alphabetic() => {
                    let end = chars[at..].iter().position(|x| *x != c).map_or(chars.len(), |n| at + n);
                    if !"GyuMLdDQqFHhkKmsSaEXxZzOV".contains(c) {
                        return Err(fail(format!(
                            "the letter `{c}` is not supported; use G, y, M, d, D, Q, F, H, h, k, K, m, s, S, a, E, X, x, Z, z, O, V"
                        )));
                    }
                    push(&mut stack, Item::Field(c, end - at));
                    at = end;
                }
                c => {
                    push(&mut stack, Item::Literal(c.to_string()));
                    at += 1;
                }
            }
        }
        match stack.pop() {
            Some(items) if stack.is_empty() => Ok(Self { items }),
            _ => Err(fail("`[` without `]`".into())),
        }
    }

    /// Reads a date.
    pub fn date(&self, text: &str) -> Option<NaiveDate> {
        self.fields(text)?.date()
    }

    /// Reads a timestamp; a missing date is 1970-01-01, a missing time midnight.
    pub fn timestamp(&self, text: &str) -> Option<ParsedTimestamp> {
        let fields = self.fields(text)?;
        let zone = match &fields.zone {
            Some(name) => Some(parse_zone(name)?),
            None => None,
        };
        Some(ParsedTimestamp { local: fields.date()?.and_time(fields.time()?), zone })
    }

    /// Writes a wall-clock time; `offset` are the seconds east of Greenwich, `short` and `zone` the names
    /// of the time zone, as in `CET` and `Europe/Berlin`.
    pub fn format(&self, time: NaiveDateTime, offset: i32, short: &str, zone: &str, out: &mut String) {
        write_items(&self.items, time, offset, short, zone, out);
    }

    fn fields(&self, text: &str) -> Option<Fields> {
        let mut fields = Fields::default();
        let rest = read(&self.items, text, &mut fields)?;
        rest.is_empty().then_some(fields)
    }
}

fn write_items(items: &[Item], time: NaiveDateTime, offset: i32, short: &str, zone: &str, out: &mut String) {
    for item in items {
        match item {
            Item::Literal(literal) => out.push_str(literal),
            Item::Optional(inner) => write_items(inner, time, offset, short, zone, out),
            Item::Field(letter @ ('X' | 'x' | 'Z' | 'O'), count) => {
                write_offset(*letter, *count, offset, out);
            }
            Item::Field('z', count) if *count < 4 => out.push_str(short),
            Item::Field('z' | 'V', _) => out.push_str(zone),
            Item::Field(letter, count) => write_field(*letter, *count, time, out),
        }
    }
}

fn write_field(letter: char, count: usize, time: NaiveDateTime, out: &mut String) {
    let names =
        |name: &str, short: bool, out: &mut String| out.push_str(if short { &name[..3] } else { name });
    let number = match letter {
        'G' => {
            let (short, long) = if time.year() > 0 { ("AD", "Anno Domini") } else { ("BC", "Before Christ") };
            out.push_str(if count < 4 { short } else { long });
            return;
        }
        'y' | 'u' if count == 2 => i64::from(time.year().rem_euclid(100)),
        'y' | 'u' => i64::from(time.year()),
        'M' | 'L' if count >= 3 => return names(MONTHS[time.month0() as usize], count == 3, out),
        'M' | 'L' => i64::from(time.month()),
        'Q' | 'q' if count >= 3 => {
            let quarter = time.month0() / 3 + 1;
            if count == 3 {
                out.push_str(&format!("Q{quarter}"));
            } else {
                out.push_str(["1st", "2nd", "3rd", "4th"][(quarter - 1) as usize]);
                out.push_str(" quarter");
            }
            return;
        }
        'Q' | 'q' => i64::from(time.month0() / 3 + 1),
        'E' => return names(DAYS[time.weekday().num_days_from_monday() as usize], count < 4, out),
        'F' => i64::from((time.day() - 1) % 7 + 1),
        'd' => i64::from(time.day()),
        'D' => i64::from(time.ordinal()),
        'a' => {
            out.push_str(if time.hour() < 12 { "AM" } else { "PM" });
            return;
        }
        'H' => i64::from(time.hour()),
        'k' => i64::from(if time.hour() == 0 { 24 } else { time.hour() }),
        'K' => i64::from(time.hour() % 12),
        'h' => i64::from(if time.hour().is_multiple_of(12) { 12 } else { time.hour() % 12 }),
        'm' => i64::from(time.minute()),
        's' => i64::from(time.second()),
        'S' => {
            let nanos = format!("{:09}", time.nanosecond() % 1_000_000_000);
            out.push_str(&nanos[..count.min(9)]);
            return;
        }
        _ => return,
    };
    out.push_str(&format!("{number:0count$}"));
}

fn write_offset(letter: char, count: usize, offset: i32, out: &mut String) {
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
    let text = match (letter, count) {
        ('X', _) | ('Z', 5) if offset == 0 => "Z".to_owned(),
        ('X' | 'x', 1) if minutes == 0 => format!("{sign}{hours:02}"),
        ('X' | 'x', 1 | 2 | 4) | ('Z', 1..=3) => format!("{sign}{hours:02}{minutes:02}"),
        ('O', _) | ('Z', 4) if offset == 0 => "GMT".to_owned(),
        ('O', 1) if minutes == 0 => format!("GMT{sign}{hours}"),
        ('O', 1) => format!("GMT{sign}{hours}:{minutes:02}"),
        ('O', _) | ('Z', 4) => format!("GMT{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    };
    out.push_str(&text);
}

fn read<'a>(items: &[Item], mut text: &'a str, fields: &mut Fields) -> Option<&'a str> {
    for (index, item) in items.iter().enumerate() {
        text = match item {
            Item::Literal(literal) => text.strip_prefix(literal.as_str())?,
            Item::Optional(inner) => {
                let mut attempt = fields.clone();
                match read(inner, text, &mut attempt) {
                    Some(rest) => {
                        *fields = attempt;
                        rest
                    }
                    None => text,
                }
            }
            Item::Field(letter, count) => {
                // A number right before another number takes exactly its own width.
                let adjacent = matches!(items.get(index + 1), Some(Item::Field(c, n)) if is_number(*c, *n));
                field(*letter, *count, adjacent, text, fields)?
            }
        };
    }
    Some(text)
}

/// Whether a field is written in digits; months are in their short forms only.
fn is_number(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'L' => count < 3,
        _ => "yudDHhkKmsS".contains(letter),
    }
}

fn field<'a>(
    letter: char,
    count: usize,
    adjacent: bool,
    text: &'a str,
    fields: &mut Fields,
) -> Option<&'a str> {
    let number = |min: usize, max: usize| -> Option<(u32, &'a str)> {
        let max = if adjacent { min } else { max };
        let run = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
        if run < min {
            return None;
        }
        Some((text[..run].parse().ok()?, &text[run..]))
    };
    let (min, max) = if count == 1 { (1, 2) } else { (count, count) };
    match letter {
        'y' | 'u' => {
            let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
            let (min, max) = match count {
                1 => (1, 9),
                2 => (2, 2),
                _ => (count, if adjacent { count } else { 6 }),
            };
            let run = digits.bytes().take(max).take_while(u8::is_ascii_digit).count();
            if run < min {
                return None;
            }
            let value: i32 = digits[..run].parse().ok()?;
            let value = if count == 2 { 2000 + value } else { value };
            fields.year = Some(if negative { -value } else { value });
            Some(&digits[run..])
        }
        'M' | 'L' if count >= 3 => {
            let (index, rest) = name(&MONTHS, count == 3, text)?;
            fields.month = Some(index as u32 + 1);
            Some(rest)
        }
        'E' => name(&DAYS, count <= 3, text).map(|(_, rest)| rest),
        'S' => {
            let run = text.bytes().take(count.min(9)).take_while(u8::is_ascii_digit).count();
            if run == 0 {
                return None;
            }
            let value: u32 = text[..run].parse().ok()?;
            fields.nanos = Some(value * 10u32.pow(9 - run as u32));
            Some(&text[run..])
        }
        'a' => {
            let marker = text.get(..2)?;
            fields.pm = Some(match marker.to_ascii_uppercase().as_str() {
                "AM" => false,
                "PM" => true,
                _ => return None,
            });
            Some(&text[2..])
        }
        'X' | 'x' | 'Z' | 'z' | 'V' => {
            let end = text
                .find(|c: char| !(c.is_ascii_alphanumeric() || "+-:/_".contains(c)))
                .unwrap_or(text.len());
            if end == 0 || parse_zone(&text[..end]).is_none() {
                return None;
            }
            fields.zone = Some(text[..end].to_owned());
            Some(&text[end..])
        }
        'D' => {
            let (value, rest) = number(count, 3)?;
            fields.day_of_year = Some(value);
            Some(rest)
        }
        _ => {
            let (value, rest) = number(min, max)?;
            match letter {
                'M' | 'L' => fields.month = Some(value),
                'd' => fields.day = Some(value),
                'H' => fields.hour = Some(value),
                'k' => fields.hour = Some(if value == 24 { 0 } else { value }),
                'h' => fields.hour12 = Some(if value == 12 { 0 } else { value }),
                'K' => fields.hour12 = Some(value),
                'm' => fields.minute = Some(value),
                's' => fields.second = Some(value),
                _ => return None,
            }
            Some(rest)
        }
    }
}

fn name<'a>(names: &[&str], short: bool, text: &'a str) -> Option<(usize, &'a str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if short { &name[..3] } else { name };
        text.strip_prefix(name).map(|rest| (index, rest))
    })
}

impl Fields {
    fn date(&self) -> Option<NaiveDate> {
        let year = self.year.unwrap_or(1970);
        match self.day_of_year {
            Some(day) if self.month.is_none() => NaiveDate::from_yo_opt(year, day),
            _ => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1)),
        }
    }

    fn time(&self) -> Option<NaiveTime> {
        let hour = match (self.hour, self.hour12) {
            (Some(hour), _) => hour,
            (None, Some(hour)) if hour < 12 => hour + if self.pm.unwrap_or(false) { 12 } else { 0 },
            (None, Some(_)) => return None,
            (None, None) => 0,
        };
        let nanos = self.nanos.unwrap_or(0) / 1_000 * 1_000;
        NaiveTime::from_hms_nano_opt(hour, self.minute.unwrap_or(0), self.second.unwrap_or(0), nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(pattern: &str, text: &str) -> Option<String> {
        Pattern::new(pattern).unwrap().date(text).map(|d| d.to_string())
    }

    #[test]
    fn reads_dates() {
        assert_eq!(date("dd/MM/yyyy", "29/02/2024").as_deref(), Some("2024-02-29"));
        assert_eq!(date("dd/MM/yyyy", "30/02/2024"), None);
        assert_eq!(date("yyyyMMdd", "20240229").as_deref(), Some("2024-02-29"));
        assert_eq!(date("d MMM yy", "3 Mar 21").as_deref(), Some("2021-03-03"));
        assert_eq!(date("yyyy-DDD", "2024-060").as_deref(), Some("2024-02-29"));
        assert_eq!(date("yyyy-MM-dd", "2024-02-29x"), None);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(Pattern::new("yyyy-ww").is_err());
        assert!(Pattern::new("yyyy['T'").is_err());
        assert!(Pattern::new("yyyy]").is_err());
        assert!(Pattern::new("yyyy'T").is_err());
    }

    #[test]
    fn non_ascii_text_is_no_date() {
        assert_eq!(date("yyyy a", "2024 é"), None);
        assert_eq!(date("MMM", "Mär"), None);
    }
}
