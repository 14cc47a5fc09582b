//! What `schema_of_variant` says of variants.

use std::collections::BTreeMap;
use std::fmt;

use super::value::Variant;

/// The type of a variant, or of several.
#[derive(Debug, Clone, PartialEq)]
pub enum Schema {
    /// Nulls only.
    Void,
    Simple(&'static str),
    /// Precision and scale.
    Decimal(u8, u8),
    Array(Box<Schema>),
    Object(BTreeMap<String, Schema>),
    /// Of different types.
    Variant,
}

impl Schema {
    /// Of one variant.
    pub fn of(value: &Variant) -> Self {
        match value {
            Variant::Null => Self::Void,
            Variant::Boolean(_) => Self::Simple("BOOLEAN"),
            Variant::Long(_) => Self::Simple("BIGINT"),
            Variant::Float(_) => Self::Simple("FLOAT"),
            Variant::Double(_) => Self::Simple("DOUBLE"),
            Variant::Decimal(unscaled, scale) => {
                let digits = unscaled.unsigned_abs().checked_ilog10().map_or(1, |n| n as u8 + 1);
                Self::Decimal(digits.max(*scale), *scale)
            }
            Variant::Text(_) => Self::Simple("STRING"),
            Variant::Binary(_) => Self::Simple("BINARY"),
            Variant::Date(_) => Self::Simple("DATE"),
            Variant::Timestamp(_) => Self::Simple("TIMESTAMP"),
            Variant::TimestampNtz(_) => Self::Simple("TIMESTAMP_NTZ"),
            Variant::Array(items) => {
                let item = items.iter().map(Self::of).fold(Self::Void, Self::merge);
                Self::Array(Box::new(item))
            }
            Variant::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
        }
    }

    /// The narrowest that holds the values of both.
    pub fn merge(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Void, known) | (known, Self::Void) => known,
            (Self::Array(a), Self::Array(b)) => Self::Array(Box::new(a.merge(*b))),
            (Self::Object(mut a), Self::Object(b)) => {
                for (name, schema) in b {
                    let merged = match a.remove(&name) {
                        Some(known) => known.merge(schema),
                        None => schema,
                    };
                    a.insert(name, merged);
                }
                Self::Object(a)
            }
            (a, b) => match (a.digits(), b.digits()) {
                (Some((p1, s1)), Some((p2, s2))) => {
                    let scale = s1.max(s2);
                    Self::Decimal(((p1 - s1).max(p2 - s2) + scale).min(38), scale)
                }
                _ if a.is_number() && b.is_number() => Self::Simple("DOUBLE"),
                _ => Self::Variant,
            },
        }
    }

    /// Precision and scale of what is exact.
    fn digits(&self) -> Option<(u8, u8)> {
        match self {
            Self::Decimal(precision, scale) => Some((*precision, *scale)),
            Self::Simple("BIGINT") => Some((20, 0)),
            _ => None,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Decimal(..) | Self::Simple("BIGINT" | "FLOAT" | "DOUBLE"))
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Void => f.write_str("VOID"),
            Self::Simple(name) => f.write_str(name),
            Self::Decimal(precision, scale) => write!(f, "DECIMAL({precision},{scale})"),
            Self::Array(item) => write!(f, "ARRAY<{item}>"),
            Self::Object(members) => {
                f.write_str("OBJECT<")?;
                for (index, (name, schema)) in members.iter().enumerate() {
                    let plain =
                        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
                    let name = if plain { name.clone() } else { crate::error::quote(name) };
                    write!(f, "{}{name}: {schema}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str(">")
            }
            Self::Variant => f.write_str("VARIANT"),
        }
    }
}
