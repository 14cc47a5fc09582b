//! Intervals as Spark reads them from text.

use super::Units;

/// A calendar interval: months, days and microseconds, which do not become each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Calendar {
    /// The months, or the days and microseconds as microseconds; `None` outside of 64 bits.
    pub fn count(self, months: bool) -> Option<i64> {
        if months {
            return Some(self.months.into());
        }
        i64::from(self.days).checked_mul(86_400_000_000)?.checked_add(self.micros)
    }
}

/// Why a text is no interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It has another form.
    Form,
    /// A number is too large for its unit, whose largest one is told.
    OutOfRange(&'static str, i64, i64),
    /// The interval is too large.
    Overflow,
    /// Only seconds have digits behind a point.
    Fraction(String),
}

/// The unit that a word means, in the singular.
pub fn unit(word: &str) -> Option<&'static str> {
    const UNITS: [&str; 9] =
        ["year", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"];
    let word = word.to_ascii_lowercase();
    let singular = word.strip_suffix('s').unwrap_or(&word);
    UNITS.into_iter().find(|unit| *unit == singular)
}

/// `1 year 2 months -3 days`, perhaps after `interval`.
///
/// # Errors
/// What is wrong with it.
pub fn calendar(text: &str) -> Result<Calendar, Fault> {
    let text = text.trim();
    let body = match text.get(..8) {
        Some(word) if word.eq_ignore_ascii_case("interval") => text[8..].strip_prefix(char::is_whitespace),
        _ => Some(text),
    };
    let mut words = body.ok_or(Fault::Form)?.split_whitespace().peekable();
    words.peek().ok_or(Fault::Form)?;
    let mut sum = Calendar::default();
    while let Some(first) = words.next() {
        // A sign may stand alone.
        let (sign, number) = match first.strip_prefix(['-', '+']) {
            Some("") => (first, words.next().ok_or(Fault::Form)?),
            Some(number) => (first, number),
            None => ("", first),
        };
        let unit = unit(words.next().ok_or(Fault::Form)?).ok_or(Fault::Form)?;
        add(&mut sum, number, sign.starts_with('-'), unit)?;
    }
    Ok(sum)
}

fn add(sum: &mut Calendar, number: &str, negative: bool, unit: &str) -> Result<(), Fault> {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let fits = digits(whole) && fraction.is_none_or(|f| digits(f) && f.len() <= 9);
    if !fits || (whole.is_empty() && fraction.is_none_or(str::is_empty)) {
        return Err(Fault::Form);
    }
    let sign = if negative { -1 } else { 1 };
    let value: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Fault::Overflow)? };
    let value = value * sign;
    if fraction.is_some() && unit != "second" {
        return Err(Fault::Fraction(unit.to_owned()));
    }
    let small = |value: i64, each: i64| value.checked_mul(each).and_then(|v| i32::try_from(v).ok());
    let (months, days, micros) = match unit {
        "year" => (small(value, 12), Some(0), Some(0)),
        "month" => (small(value, 1), Some(0), Some(0)),
        "week" => (Some(0), small(value, 7), Some(0)),
        "day" => (Some(0), small(value, 1), Some(0)),
        "millisecond" => (Some(0), Some(0), value.checked_mul(1000)),
        "microsecond" => (Some(0), Some(0), Some(value)),
        clock => {
            let each = match clock {
                "hour" => 3_600_000_000,
                "minute" => 60_000_000,
                _ => 1_000_000,
            };
            let part = sign * micros_of(fraction.unwrap_or_default());
            (Some(0), Some(0), value.checked_mul(each).and_then(|v| v.checked_add(part)))
        }
    };
    let sums = || {
        Some(Calendar {
            months: sum.months.checked_add(months?)?,
            days: sum.days.checked_add(days?)?,
            micros: sum.micros.checked_add(micros?)?,
        })
    };
    *sum = sums().ok_or(Fault::Overflow)?;
    Ok(())
}

/// The microseconds of digits behind a point.
fn micros_of(fraction: &str) -> i64 {
    let padded = format!("{fraction:0<6}");
    padded.get(..6).and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// `1-2` of YEAR TO MONTH, `1 02:03:04.5` of DAY TO SECOND and so on, with a sign: months or microseconds.
///
/// # Errors
/// What is wrong with it.
pub fn ranged(units: Units, text: &str) -> Result<i64, Fault> {
    let text = text.trim();
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut sum = 0_i64;
    for number in units.first..=units.last {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        let leads = number == units.first;
        if digits.is_empty() || (!leads && digits.len() > 2) {
            return Err(Fault::Form);
        }
        let value: i64 = digits.parse().map_err(|_| Fault::Overflow)?;
        let most = match (units.months, number) {
            (true, _) => 11,
            (false, 1) => 23,
            (false, _) => 59,
        };
        if !leads && value > most {
            return Err(Fault::OutOfRange(units.unit(number), value, most));
        }
        let part = value.checked_mul(units.size(number)).ok_or(Fault::Overflow)?;
        sum = sum.checked_add(part).ok_or(Fault::Overflow)?;
        rest = after;
        if !units.months
            && number == 3
            && let Some(fraction) = rest.strip_prefix('.')
        {
            if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Fault::Form);
            }
            sum = sum.checked_add(micros_of(fraction)).ok_or(Fault::Overflow)?;
            rest = "";
        }
        if number < units.last {
            let separator = match (units.months, number) {
                (true, _) => '-',
                (false, 0) => ' ',
                (false, _) => ':',
            };
            rest = rest.strip_prefix(separator).ok_or(Fault::Form)?;
        }
    }
    if !rest.is_empty() {
        return Err(Fault::Form);
    }
    if units.months && i32::try_from(sum).is_err() {
        return Err(Fault::Overflow);
    }
    Ok(if negative { -sum } else { sum })
}

/// A text that becomes an interval of some units: as [`ranged`], or a whole literal of the same units.
///
/// # Errors
/// What is wrong with it.
pub fn cast(units: Units, text: &str) -> Result<i64, Fault> {
    let text = text.trim();
    let literal =
        text.get(..8).filter(|word| word.eq_ignore_ascii_case("interval")).map(|_| text[8..].trim());
    let Some(literal) = literal else { return ranged(units, text) };
    let negative = literal.starts_with('-');
    let body = literal.strip_prefix(['-', '+']).unwrap_or(literal).trim_start();
    let (body, range) = body.strip_prefix('\'').and_then(|body| body.split_once('\'')).ok_or(Fault::Form)?;
    let words: Vec<&str> = range.split_whitespace().collect();
    if !words.join(" ").eq_ignore_ascii_case(&units.range()) {
        return Err(Fault::Form);
    }
    let value = ranged(units, body)?;
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_add_up() {
        let days = Calendar { days: -3, micros: 240_000_000, ..Calendar::default() };
        assert_eq!(calendar("-3 days 4 minutes"), Ok(days));
        assert_eq!(calendar("interval - 3 days + 4 minutes"), Ok(days));
        assert_eq!(calendar("1 year 2 months"), Ok(Calendar { months: 14, ..Calendar::default() }));
        assert_eq!(calendar("1.5 seconds").map(|c| c.micros), Ok(1_500_000));
        assert_eq!(calendar("1.5 days"), Err(Fault::Fraction("day".to_owned())));
        assert_eq!(calendar("200000000 years"), Err(Fault::Overflow));
        for text in ["1 foo", "", "interval", "1", "day 1", "x day"] {
            assert_eq!(calendar(text), Err(Fault::Form), "{text}");
        }
    }

    #[test]
    fn ranges_have_one_form_each() {
        let units = |first, last| Units::named(first, last).expect("units");
        assert_eq!(ranged(units("year", "month"), "-1-2"), Ok(-14));
        assert_eq!(ranged(units("day", "second"), "1 02:03:04.5"), Ok(93_784_500_000));
        assert_eq!(ranged(units("minute", "second"), "20:30.25"), Ok(1_230_250_000));
        assert_eq!(ranged(units("day", "hour"), "1 25"), Err(Fault::OutOfRange("hour", 25, 23)));
        assert_eq!(ranged(units("day", "hour"), "1"), Err(Fault::Form));
        assert_eq!(cast(units("hour", "hour"), "INTERVAL -'5' HOUR"), Ok(-18_000_000_000));
        assert_eq!(cast(units("hour", "hour"), "INTERVAL '5' DAY"), Err(Fault::Form));
    }
}
