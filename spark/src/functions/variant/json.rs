//! Variants from JSON text and back.

use std::collections::BTreeMap;

use super::value::Variant;
use crate::functions::datetime::Zone;
use crate::functions::json::write_string;
use crate::functions::string::to_base64;
use crate::source::json::node::{Node, Value, parse_whole};
use crate::source::text::Decimal;
use crate::text;

/// The variant of a JSON text; `None` where it is no JSON or names a member twice.
pub fn parse(text: &str) -> Option<Variant> {
    variant(&parse_whole(text)?)
}

fn variant(node: &Node<'_>) -> Option<Variant> {
    Some(match &node.value {
        Value::Null => Variant::Null,
        Value::Boolean(flag) => Variant::Boolean(*flag),
        Value::Integer | Value::Float => number(node.raw)?,
        Value::Text(text) => Variant::Text(text.clone().into_owned()),
        Value::Array(items) => Variant::Array(items.iter().map(variant).collect::<Option<_>>()?),
        Value::Object(members) => {
            let mut sorted = BTreeMap::new();
            for (name, node) in members {
                if sorted.insert(name.clone().into_owned(), variant(node)?).is_some() {
                    return None;
                }
            }
            Variant::Object(sorted.into_iter().collect())
        }
    })
}

/// Whole numbers are longs; what has an exponent, or too many digits, is a double.
fn number(raw: &str) -> Option<Variant> {
    if let Ok(v) = raw.parse::<i64>() {
        return Some(Variant::Long(v));
    }
    let exact = if raw.contains(['e', 'E']) { None } else { Decimal::parse(raw) };
    match exact.and_then(|d| {
        Some((
            d.unscaled.parse::<i128>().ok().filter(|_| d.precision() <= 38)?,
            u8::try_from(d.scale).ok().filter(|s| *s <= 38)?,
        ))
    }) {
        Some((unscaled, scale)) => Some(Variant::decimal(unscaled, scale)),
        None => raw.parse().ok().map(Variant::Double),
    }
}

/// Appends a variant as JSON; timestamps are written in a zone.
pub fn write(value: &Variant, zone: &Zone, out: &mut String) {
    match value {
        Variant::Null => out.push_str("null"),
        Variant::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Variant::Long(v) => out.push_str(&v.to_string()),
        Variant::Float(v) if v.is_finite() => out.push_str(&text::float(*v)),
        Variant::Double(v) if v.is_finite() => out.push_str(&text::double(*v)),
        Variant::Decimal(unscaled, scale) => out.push_str(&decimal(*unscaled, *scale)),
        Variant::Text(text) => write_string(out, text),
        Variant::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, zone, out);
            }
            out.push(']');
        }
        Variant::Object(members) => {
            out.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, name);
                out.push(':');
                write(member, zone, out);
            }
            out.push('}');
        }
        other => write_string(out, &plain(other, zone)),
    }
}

/// A value that is no array, object or null as a string.
pub fn plain(value: &Variant, zone: &Zone) -> String {
    let time = |micros: i64| text::timestamp(micros, None).unwrap_or_default();
    match value {
        Variant::Text(text) => text.clone(),
        Variant::Float(v) => text::float(*v),
        Variant::Double(v) => text::double(*v),
        Variant::Binary(bytes) => to_base64(bytes),
        Variant::Date(days) => text::date(*days),
        Variant::TimestampNtz(micros) => time(*micros),
        Variant::Timestamp(micros) => {
            let local = zone.local_micros(*micros).unwrap_or(*micros);
            let seconds = zone.offset(*micros).map_or(0, |(seconds, _)| seconds);
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.abs() / 60;
            format!("{}{sign}{:02}:{:02}", time(local), minutes / 60, minutes % 60)
        }
        other => {
            let mut out = String::new();
            write(other, zone, &mut out);
            out
        }
    }
}

/// The digits of a decimal, without an exponent.
fn decimal(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
