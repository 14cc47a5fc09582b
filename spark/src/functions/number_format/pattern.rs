//! The formats of `to_number` and `to_char`, and the patterns of `format_number`.

use crate::error::{Result, SparkError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// `S`: plus or minus.
    Either,
    /// `MI`: minus only.
    Minus,
    /// `PR`: negative numbers in angle brackets.
    Brackets,
}

/// A format such as `$99,999.99S`.
#[derive(Debug, Clone)]
pub struct NumberFormat {
    leading: Option<Sign>,
    trailing: Option<Sign>,
    currency: bool,
    /// `0`, `9` and `,` before the point.
    whole: Vec<char>,
    /// `0` and `9` behind it.
    fraction: Vec<char>,
    point: bool,
}

impl NumberFormat {
    /// Compiles a format.
    pub fn new(format: &str) -> Result<Self> {
        let bad = |reason: &str| {
            SparkError::new(
                "INVALID_FORMAT.UNEXPECTED_TOKEN",
                "42601",
                format!("The format is invalid: '{format}'. {reason}"),
            )
            .with_param("format", format)
        };
        let upper = format.to_uppercase();
        let mut rest = upper.as_str();
        let sign = |text: &mut &str, leading: bool| -> Option<Sign> {
            let strip = |text: &str, mark: &str| -> Option<usize> {
                if leading { text.strip_prefix(mark) } else { text.strip_suffix(mark) }.map(str::len)
            };
            for (mark, sign) in [("S", Sign::Either), ("MI", Sign::Minus), ("PR", Sign::Brackets)] {
                if leading && sign == Sign::Brackets {
                    continue;
                }
                if let Some(length) = strip(text, mark) {
                    *text = if leading { &text[mark.len()..] } else { &text[..length] };
                    return Some(sign);
                }
            }
            None
        };
        let mut leading = sign(&mut rest, true);
        let mut trailing = sign(&mut rest, false);
        let mut currency = false;
        if let Some(after) = rest.strip_prefix('$') {
            currency = true;
            rest = after;
            leading = leading.or_else(|| sign(&mut rest, true));
        }
        if let Some(before) = rest.strip_suffix('$') {
            currency = true;
            rest = before;
            trailing = trailing.or_else(|| sign(&mut rest, false));
        }
        let (whole, fraction, point) = match rest.split_once(['.', 'D']) {
            Some((whole, fraction)) => (whole, fraction, true),
            None => (rest, "", false),
        };
        let whole: Vec<char> = whole.chars().map(|c| if c == 'G' { ',' } else { c }).collect();
        let fraction: Vec<char> = fraction.chars().collect();
        let digits = |c: &char| matches!(c, '0' | '9');
        if !whole.iter().all(|c| digits(c) || *c == ',') || !fraction.iter().all(digits) {
            return Err(bad("Unexpected characters were found in it."));
        }
        if !whole.iter().chain(&fraction).any(digits) {
            return Err(bad("The format string requires at least one number digit."));
        }
        Ok(Self { leading, trailing, currency, whole, fraction, point })
    }

    /// Digits in all.
    pub fn precision(&self) -> u8 {
        (self.whole.iter().filter(|c| **c != ',').count() + self.fraction.len()) as u8
    }

    /// Digits behind the point.
    pub fn scale(&self) -> usize {
        self.fraction.len()
    }

    /// The unscaled number that a text stands for; `None` where it does not match the format.
    pub fn read(&self, text: &str) -> Option<i128> {
        let mut text = text.trim();
        let mut negative = false;
        if self.trailing == Some(Sign::Brackets) {
            if let Some(inner) = text.strip_prefix('<') {
                text = inner.strip_suffix('>')?;
                negative = true;
            }
        } else if let Some(sign) = self.trailing {
            negative |= take_sign(&mut text, sign, false);
        }
        if let Some(sign) = self.leading {
            negative |= take_sign(&mut text, sign, true);
        }
        if self.currency {
            text = text.strip_prefix('$').or_else(|| text.strip_suffix('$'))?;
            if let Some(sign) = self.leading {
                negative |= take_sign(&mut text, sign, true);
            }
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !self.point && text.contains('.') {
            return None;
        }
        if !self.matches_whole(whole) || fraction.len() > self.fraction.len() {
            return None;
        }
        if !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits: String = whole.chars().filter(|c| *c != ',').collect();
        if digits.is_empty() && fraction.is_empty() {
            return None;
        }
        let unscaled = format!("{digits}{fraction:0<scale$}", scale = self.fraction.len());
        let value: i128 = if unscaled.is_empty() { 0 } else { unscaled.parse().ok()? };
        Some(if negative { -value } else { value })
    }

    /// Digits and commas stand where the format has them, counted from the point.
    fn matches_whole(&self, text: &str) -> bool {
        let given: Vec<char> = text.chars().collect();
        if given.len() > self.whole.len() {
            return false;
        }
        let skipped = self.whole.len() - given.len();
        // What the text leaves out must be optional.
        if self.whole[..skipped].contains(&'0') {
            return false;
        }
        given.iter().zip(&self.whole[skipped..]).all(|(given, wanted)| match wanted {
            ',' => *given == ',',
            _ => given.is_ascii_digit(),
        })
    }

    /// Writes a number of `scale` digits behind the point.
    pub fn write(&self, value: i128, scale: usize, out: &mut String) {
        let places = self.fraction.len();
        let rounded = half_up(value, scale, places);
        let text = plain(rounded, places);
        let (negative, text) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = whole.trim_start_matches('0');
        let room = self.whole.iter().filter(|c| **c != ',').count();
        let fits = whole.len() <= room;
        let mut digits = whole.chars();
        let mut missing = room.saturating_sub(whole.len());
        let mut body = String::new();
        let mut started = false;
        for wanted in &self.whole {
            match wanted {
                ',' if started => body.push(','),
                ',' => body.push(' '),
                _ if !fits => {
                    started = true;
                    body.push('#');
                }
                wanted if missing > 0 => {
                    missing -= 1;
                    started |= *wanted == '0';
                    body.push(if started { '0' } else { ' ' });
                }
                _ => {
                    started = true;
                    body.extend(digits.next());
                }
            }
        }
        if self.point {
            body.push('.');
            if fits {
                body.push_str(fraction);
            } else {
                body.push_str(&"#".repeat(places));
            }
        }
        let blanks = body.len() - body.trim_start().len();
        let number = body.trim_start();
        out.push_str(&" ".repeat(blanks));
        match self.leading {
            Some(Sign::Either) => out.push(if negative { '-' } else { '+' }),
            Some(_) => out.push(if negative { '-' } else { ' ' }),
            None => {}
        }
        if negative && self.trailing == Some(Sign::Brackets) {
            out.push('<');
        }
        if self.currency {
            out.push('$');
        }
        out.push_str(number);
        match self.trailing {
            Some(Sign::Either) => out.push(if negative { '-' } else { '+' }),
            Some(Sign::Minus) => out.push(if negative { '-' } else { ' ' }),
            Some(Sign::Brackets) => out.push(if negative { '>' } else { ' ' }),
            None => {}
        }
    }
}

/// Takes the sign off one end; whether it was a minus.
fn take_sign(text: &mut &str, sign: Sign, leading: bool) -> bool {
    let strip = |text: &str, mark: char| -> Option<usize> {
        if leading { text.strip_prefix(mark) } else { text.strip_suffix(mark) }.map(str::len)
    };
    let marks: &[char] = if sign == Sign::Either { &['-', '+'] } else { &['-'] };
    for mark in marks {
        if let Some(length) = strip(text, *mark) {
            *text = if leading { &text[1..] } else { &text[..length] };
            return *mark == '-';
        }
    }
    false
}

fn scaled(value: i128, scale: usize, places: usize, half_even: bool) -> i128 {
    if places >= scale {
        return 10_i128.checked_pow((places - scale) as u32).map_or(value, |unit| value.saturating_mul(unit));
    }
    let Some(unit) = 10_i128.checked_pow((scale - places) as u32) else { return 0 };
    let (quotient, rest) = (value / unit, (value % unit).abs());
    let up = rest > unit - rest || (rest == unit - rest && (!half_even || quotient % 2 != 0));
    if up { quotient + value.signum() } else { quotient }
}

/// A number of `scale` digits behind the point with `places` of them, halves away from zero.
fn half_up(value: i128, scale: usize, places: usize) -> i128 {
    scaled(value, scale, places, false)
}

/// The same, halves to the even neighbour.
pub fn half_even(value: i128, scale: usize, places: usize) -> i128 {
    scaled(value, scale, places, true)
}

/// An unscaled number as text.
pub fn plain(value: i128, scale: usize) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A pattern of Java's `DecimalFormat`, as in `#,##0.00`.
#[derive(Debug)]
pub struct Layout {
    pub prefix: String,
    pub suffix: String,
    /// Digits between two commas; 0 for none.
    pub group: usize,
    /// Fewest digits before the point.
    pub whole: usize,
    /// Fewest and most digits behind it.
    pub least: usize,
    pub most: usize,
}

impl Layout {
    /// Compiles a pattern.
    pub fn new(pattern: &str) -> Self {
        let pattern = if pattern.is_empty() { "#,###,###,###,###,###,##0" } else { pattern };
        let special = |c: char| matches!(c, '#' | '0' | ',' | '.');
        let start = pattern.find(special).unwrap_or(pattern.len());
        let end = pattern.rfind(special).map_or(start, |at| at + 1);
        let number = &pattern[start..end];
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let count = |text: &str, wanted: char| text.chars().filter(|c| *c == wanted).count();
        Self {
            prefix: pattern[..start].replace('\'', ""),
            suffix: pattern[end..].replace('\'', ""),
            group: whole.rfind(',').map_or(0, |at| whole.len() - at - 1),
            whole: count(whole, '0'),
            least: count(fraction, '0'),
            most: count(fraction, '0') + count(fraction, '#'),
        }
    }
}
