//! One field of a cron schedule: lists of values, ranges and steps, as a set of bits.

/// The values a field allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    bits: u64,
    /// It has a `*` or `?` without a step: it does not restrict.
    star: bool,
}

impl Field {
    /// Whether it allows this value.
    pub fn allows(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.bits & 1_u64.checked_shl(value).unwrap_or(0) != 0)
    }

    /// Whether it does not restrict.
    pub fn is_star(self) -> bool {
        self.star
    }
}

/// What a field can hold.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    min: u32,
    max: u32,
    /// Names of the values, from the lowest on.
    names: &'static [&'static str],
}

/// The minute.
pub const MINUTE: Bounds = Bounds { min: 0, max: 59, names: &[] };
/// The hour.
pub const HOUR: Bounds = Bounds { min: 0, max: 23, names: &[] };
/// The day of the month.
pub const DAY_OF_MONTH: Bounds = Bounds { min: 1, max: 31, names: &[] };
/// The month.
pub const MONTH: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// The day of the week; 0 is Sunday, and 7 is none.
pub const DAY_OF_WEEK: Bounds =
    Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// Why a field is none, in the words of robfig/cron.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Not a number, or not a name.
    #[error("failed to parse int from {0}: strconv.Atoi: parsing {0:?}: invalid syntax")]
    Number(String),
    /// A number of too many digits.
    #[error("failed to parse int from {0}: strconv.Atoi: parsing {0:?}: value out of range")]
    TooLarge(String),
    /// A number with a minus.
    #[error("negative number ({0}) not allowed: {1}")]
    Negative(i64, String),
    /// Such as `1-2-3`.
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    /// Such as `1/2/3`.
    #[error("too many slashes: {0}")]
    Slashes(String),
    /// Below what the field can hold.
    #[error("beginning of range ({0}) below minimum ({1}): {2}")]
    Below(u32, u32, String),
    /// Above what the field can hold.
    #[error("end of range ({0}) above maximum ({1}): {2}")]
    Above(u32, u32, String),
    /// Such as `5-3`.
    #[error("beginning of range ({0}) beyond end of range ({1}): {2}")]
    Backwards(u32, u32, String),
    /// A step of 0.
    #[error("step of range should be a positive number: {0}")]
    Step(String),
}

impl Bounds {
    /// Reads a list of ranges.
    pub fn parse(self, text: &str) -> Result<Field, FieldError> {
        let mut field = Field { bits: 0, star: false };
        for range in text.split(',').filter(|range| !range.is_empty()) {
            let part = self.range(range)?;
            field.bits |= part.bits;
            field.star |= part.star;
        }
        Ok(field)
    }

    fn range(self, text: &str) -> Result<Field, FieldError> {
        let whole = || text.to_owned();
        let mut parts = text.split('/');
        let (range, step) = (parts.next().unwrap_or_default(), parts.next());
        let too_many_slashes = parts.next().is_some();
        let mut ends = range.split('-');
        let (low, high) = (ends.next().unwrap_or_default(), ends.next());
        let (start, mut end, mut star);
        if matches!(low, "*" | "?") {
            (start, end, star) = (self.min, self.max, true);
        } else {
            start = self.number_or_name(low)?;
            if ends.next().is_some() {
                return Err(FieldError::Hyphens(whole()));
            }
            end = high.map_or(Ok(start), |high| self.number_or_name(high))?;
            star = false;
        }
        if too_many_slashes {
            return Err(FieldError::Slashes(whole()));
        }
        let step = match step {
            None => 1,
            Some(step) => {
                let step = number(step)?;
                // `5/15` means `5-59/15`.
                if high.is_none() {
                    end = self.max;
                }
                // With a step the star restricts.
                star &= step <= 1;
                step
            }
        };
        if start < self.min {
            return Err(FieldError::Below(start, self.min, whole()));
        }
        if end > self.max {
            return Err(FieldError::Above(end, self.max, whole()));
        }
        if start > end {
            return Err(FieldError::Backwards(start, end, whole()));
        }
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        if step == 0 {
            return Err(FieldError::Step(whole()));
        }
        let bits = (start..=end).step_by(step).fold(0, |bits, value| bits | 1_u64 << value);
        Ok(Field { bits, star })
    }

    fn number_or_name(self, text: &str) -> Result<u32, FieldError> {
        let named = (self.min..).zip(self.names).find(|(_, name)| name.eq_ignore_ascii_case(text));
        named.map_or_else(|| number(text), |(value, _)| Ok(value))
    }
}

fn number(text: &str) -> Result<u32, FieldError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(FieldError::Number(text.to_owned()));
    }
    let value: i64 = text.parse().map_err(|_| FieldError::TooLarge(text.to_owned()))?;
    if value < 0 {
        return Err(FieldError::Negative(value, text.to_owned()));
    }
    Ok(u32::try_from(value).unwrap_or(u32::MAX))
}
