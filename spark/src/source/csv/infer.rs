//! Finds the types of CSV columns as Spark does: the narrowest that holds every value.

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::options::CsvOptions;
use super::tokenizer::Tokenizer;
use crate::source::columns::Formats;
use crate::source::csv::decoder::value;
use crate::source::datetime::{is_utc, parse_date_strict, parse_timestamp};
use crate::source::text::{Decimal, parse_integer};

/// The type of a column as far as its values are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// Only nulls so far.
    Null,
    Int,
    Long,
    /// Whole numbers of at most this many digits.
    Decimal(u8),
    Double,
    Date,
    Timestamp,
    Boolean,
    Text,
}

/// What the types are inferred from.
pub struct Inference<'a> {
    pub options: &'a CsvOptions,
    pub formats: &'a Formats,
    /// Dates are found before timestamps.
    pub prefer_date: bool,
}

impl Inference<'_> {
    /// Adds the fields of one record, which the tokenizer has just cut out of `record`.
    pub fn add(&self, guesses: &mut [Guess], tokenizer: &Tokenizer, record: &[u8]) {
        for (index, guess) in guesses.iter_mut().enumerate() {
            if *guess == Guess::Text {
                continue;
            }
            let text = tokenizer.get(record, index).and_then(|token| value(token, self.options));
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                *guess = merge(*guess, self.guess(*guess, &text));
            }
        }
    }

    /// The type of one value, looking only at types from `from` on.
    fn guess(&self, from: Guess, text: &str) -> Guess {
        if matches!(from, Guess::Null | Guess::Int | Guess::Long)
            && let Some(number) = parse_integer(text)
        {
            return if i32::try_from(number).is_ok() && from != Guess::Long {
                Guess::Int
            } else {
                Guess::Long
            };
        }
        if matches!(from, Guess::Null | Guess::Int | Guess::Long | Guess::Decimal(_))
            && let Some(decimal) = Decimal::parse(text)
            && decimal.scale == 0
            && decimal.precision() <= 38
        {
            return Guess::Decimal(decimal.precision() as u8);
        }
        let numeric =
            matches!(from, Guess::Null | Guess::Int | Guess::Long | Guess::Decimal(_) | Guess::Double);
        if numeric && self.formats.double(text).is_some() {
            return Guess::Double;
        }
        if (numeric || from == Guess::Date) && self.prefer_date && self.is_date(text) {
            return Guess::Date;
        }
        if from != Guess::Boolean && self.is_timestamp(text) {
            return Guess::Timestamp;
        }
        if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            return Guess::Boolean;
        }
        Guess::Text
    }

    fn is_date(&self, text: &str) -> bool {
        match &self.options.date_format {
            Some(pattern) => pattern.date(text).is_some(),
            None => parse_date_strict(text).is_some(),
        }
    }

    fn is_timestamp(&self, text: &str) -> bool {
        match &self.options.timestamp_format {
            Some(pattern) => pattern.timestamp(text).is_some(),
            None => parse_timestamp(text, self.formats.today).is_some(),
        }
    }
}

/// The narrowest type that holds the values of both.
pub fn merge(a: Guess, b: Guess) -> Guess {
    use Guess::{Date, Decimal, Double, Int, Long, Null, Text, Timestamp};
    match (a, b) {
        (x, y) if x == y => x,
        (Null, x) | (x, Null) => x,
        (Int, Long) | (Long, Int) => Long,
        (Decimal(p), Decimal(q)) => Decimal(p.max(q)),
        (Decimal(p), Int) | (Int, Decimal(p)) => Decimal(p.max(10)),
        (Decimal(p), Long) | (Long, Decimal(p)) => Decimal(p.max(20)),
        (Double, Int | Long | Decimal(_)) | (Int | Long | Decimal(_), Double) => Double,
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        _ => Text,
    }
}

/// The Arrow type of a guess.
pub fn data_type(guess: Guess, zone: &str) -> DataType {
    match guess {
        Guess::Null | Guess::Text => DataType::Utf8,
        Guess::Int => DataType::Int32,
        Guess::Long => DataType::Int64,
        Guess::Decimal(precision) => DataType::Decimal128(precision, 0),
        Guess::Double => DataType::Float64,
        Guess::Date => DataType::Date32,
        Guess::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into())),
        Guess::Boolean => DataType::Boolean,
    }
}

/// Names for the columns of a header, or `_c0`, `_c1`... without one.
///
/// Empty names get a number; names that differ only in case get their position appended.
pub fn column_names(first: &[Option<String>], header: bool) -> Vec<String> {
    if !header {
        return (0..first.len()).map(|i| format!("_c{i}")).collect();
    }
    let lower = |name: &Option<String>| name.as_ref().map(|n| n.to_lowercase());
    let keys: Vec<_> = first.iter().map(lower).collect();
    first
        .iter()
        .enumerate()
        .map(|(index, name)| match name {
            None => format!("_c{index}"),
            Some(name) => {
                let same = keys.iter().filter(|key| **key == keys[index]).count();
                if same > 1 { format!("{name}{index}") } else { name.clone() }
            }
        })
        .collect()
}

/// The formats of a reader with these options.
pub fn formats(options: &CsvOptions, zone: Tz, today: chrono::NaiveDate) -> Formats {
    Formats {
        date: options.date_format.clone(),
        timestamp: options.timestamp_format.clone(),
        timestamp_ntz: options.timestamp_ntz_format.clone(),
        nan: options.nan_value.clone(),
        positive_inf: options.positive_inf.clone(),
        negative_inf: options.negative_inf.clone(),
        zone,
        utc: is_utc(zone),
        today,
    }
}
