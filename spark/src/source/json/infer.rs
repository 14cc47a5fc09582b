//! Finds the schema of JSON files as Spark does.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};

use super::node::{Node, Value, parse_with};
use super::options::JsonOptions;
use crate::error::{Result, SparkError};
use crate::source::datetime::parse_timestamp;
use crate::source::errors;
use crate::source::options::ParseMode;

/// The type of values as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guess {
    Null,
    Boolean,
    Long,
    /// Whole numbers of at most this many digits.
    Decimal(u8),
    Double,
    Timestamp,
    Text,
    Array(Box<Guess>),
    Struct(BTreeMap<String, Guess>),
}

/// What is known of the records read so far.
#[derive(Debug, Clone, Default)]
pub struct Inferred {
    fields: BTreeMap<String, Guess>,
    corrupt: bool,
}

impl Inferred {
    /// Adds one record.
    pub fn add(&mut self, text: &str, options: &JsonOptions, today: NaiveDate) -> Result<()> {
        let guess = match parse_with(text, options.leniency) {
            Some(node) => Some(guess(&node, options, today)?),
            None => None,
        };
        match guess {
            Some(Guess::Struct(fields)) => merge_fields(&mut self.fields, fields),
            Some(Guess::Null) => {}
            Some(Guess::Array(item)) => match *item {
                Guess::Struct(fields) => merge_fields(&mut self.fields, fields),
                Guess::Null => {}
                _ => self.corrupt(options)?,
            },
            Some(_) | None => self.corrupt(options)?,
        }
        Ok(())
    }

    fn corrupt(&mut self, options: &JsonOptions) -> Result<()> {
        match options.mode {
            ParseMode::Permissive => self.corrupt = true,
            ParseMode::DropMalformed => {}
            ParseMode::FailFast => return Err(errors::malformed_record(&options.corrupt_column)),
        }
        Ok(())
    }

    /// Adds what another part of the files told.
    pub fn merge(&mut self, other: Self) {
        merge_fields(&mut self.fields, other.fields);
        self.corrupt |= other.corrupt;
    }

    /// The schema, its columns in the order of their names.
    pub fn schema(mut self, options: &JsonOptions) -> Result<Schema> {
        if self.corrupt {
            self.fields.insert(options.corrupt_column.clone(), Guess::Text);
        }
        let known = if options.drop_all_null { with_values(self.fields) } else { self.fields };
        let fields = fields(known, &options.time_zone);
        let mut seen = std::collections::HashSet::new();
        for field in &fields {
            if !seen.insert(field.name().to_lowercase()) {
                return Err(errors::column_already_exists(&field.name().to_lowercase()));
            }
        }
        Ok(Schema::new(fields))
    }
}

/// The type of one value, which need not be an object; `None` where the text is not JSON.
pub fn value_type(text: &str, options: &JsonOptions) -> Result<Option<DataType>> {
    let today = crate::source::today(&options.time_zone)?;
    match parse_with(text, options.leniency) {
        Some(node) => Ok(data_type(guess(&node, options, today)?, &options.time_zone)),
        None => Ok(None),
    }
}

fn guess(node: &Node<'_>, options: &JsonOptions, today: NaiveDate) -> Result<Guess, SparkError> {
    Ok(match &node.value {
        Value::Null => Guess::Null,
        Value::Text(text) if text.is_empty() => Guess::Null,
        Value::Text(text) if options.infer_timestamp => {
            let found = match &options.timestamp_format {
                Some(pattern) => pattern.timestamp(text).is_some(),
                None => parse_timestamp(text, today).is_some(),
            };
            if found { Guess::Timestamp } else { Guess::Text }
        }
        Value::Text(_) => Guess::Text,
        Value::Boolean(_) | Value::Integer | Value::Float if options.primitives_as_string => Guess::Text,
        Value::Boolean(_) => Guess::Boolean,
        Value::Float => Guess::Double,
        Value::Integer if node.raw.parse::<i64>().is_ok() => Guess::Long,
        Value::Integer => match node.raw.trim_start_matches('-').len() {
            digits @ 0..=38 => Guess::Decimal(digits as u8),
            _ => Guess::Double,
        },
        Value::Array(items) => {
            let mut all = Guess::Null;
            for item in items {
                all = merge(all, guess(item, options, today)?);
            }
            Guess::Array(Box::new(all))
        }
        Value::Object(members) => {
            let mut fields = BTreeMap::new();
            for (name, node) in members {
                if fields.insert(name.clone().into_owned(), guess(node, options, today)?).is_some() {
                    return Err(errors::column_already_exists(&name.to_lowercase()));
                }
            }
            Guess::Struct(fields)
        }
    })
}

/// The narrowest type that holds the values of both.
fn merge(a: Guess, b: Guess) -> Guess {
    use Guess::{Array, Decimal, Double, Long, Null, Struct, Text};
    match (a, b) {
        (x, y) if x == y => x,
        (Null, x) | (x, Null) => x,
        (Long | Decimal(_), Double) | (Double, Long | Decimal(_)) => Double,
        (Long, Decimal(p)) | (Decimal(p), Long) => Decimal(p.max(20)),
        (Decimal(p), Decimal(q)) => Decimal(p.max(q)),
        (Array(x), Array(y)) => Array(Box::new(merge(*x, *y))),
        (Struct(mut x), Struct(y)) => {
            merge_fields(&mut x, y);
            Struct(x)
        }
        _ => Text,
    }
}

fn merge_fields(into: &mut BTreeMap<String, Guess>, from: BTreeMap<String, Guess>) {
    for (name, guess) in from {
        let merged = match into.remove(&name) {
            Some(known) => merge(known, guess),
            None => guess,
        };
        into.insert(name, merged);
    }
}

/// The fields of which a value was seen.
fn with_values(guesses: BTreeMap<String, Guess>) -> BTreeMap<String, Guess> {
    guesses.into_iter().filter_map(|(name, guess)| Some((name, with_value(guess)?))).collect()
}

fn with_value(guess: Guess) -> Option<Guess> {
    match guess {
        Guess::Null => None,
        Guess::Array(item) => with_value(*item).map(|item| Guess::Array(Box::new(item))),
        Guess::Struct(members) => Some(with_values(members)).filter(|m| !m.is_empty()).map(Guess::Struct),
        other => Some(other),
    }
}

fn fields(guesses: BTreeMap<String, Guess>, zone: &str) -> Fields {
    guesses
        .into_iter()
        .filter_map(|(name, guess)| Some(Field::new(name, data_type(guess, zone)?, true)))
        .collect()
}

/// The Arrow type; `None` for objects without members, which Spark leaves out.
fn data_type(guess: Guess, zone: &str) -> Option<DataType> {
    Some(match guess {
        Guess::Null | Guess::Text => DataType::Utf8,
        Guess::Boolean => DataType::Boolean,
        Guess::Long => DataType::Int64,
        Guess::Decimal(precision) => DataType::Decimal128(precision, 0),
        Guess::Double => DataType::Float64,
        Guess::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into())),
        Guess::Array(item) => DataType::List(Arc::new(Field::new("element", data_type(*item, zone)?, true))),
        Guess::Struct(members) => {
            let fields = fields(members, zone);
            if fields.is_empty() {
                return None;
            }
            DataType::Struct(fields)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spark's documentation of `dropFieldIfAllNull`: columns of nulls or empty arrays are left out.
    #[test]
    fn fields_without_values_can_be_left_out() {
        let named = |fields: Vec<(&str, Guess)>| -> BTreeMap<String, Guess> {
            fields.into_iter().map(|(name, guess)| (name.to_owned(), guess)).collect()
        };
        let empty = || Guess::Array(Box::new(Guess::Null));
        let seen = named(vec![
            ("nulls", Guess::Null),
            ("number", Guess::Long),
            ("empty", empty()),
            ("nothing", Guess::Struct(named(vec![("inner", empty())]))),
            ("some", Guess::Struct(named(vec![("inner", Guess::Null), ("text", Guess::Text)]))),
        ]);
        let some = Guess::Struct(named(vec![("text", Guess::Text)]));
        assert_eq!(with_values(seen), named(vec![("number", Guess::Long), ("some", some)]));
    }
}
