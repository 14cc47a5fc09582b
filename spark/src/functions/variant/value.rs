//! Values of variants, and the bytes that Spark keeps them in.

use std::collections::BTreeSet;

/// Basic types, in the lowest two bits of a value.
const PRIMITIVE: u8 = 0;
const SHORT_TEXT: u8 = 1;
const OBJECT: u8 = 2;
const ARRAY: u8 = 3;
/// Longest text with its length in the header.
const SHORT: usize = 63;
/// Values may be nested this deep.
const MAX_DEPTH: usize = 1000;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Variant {
    Null,
    Boolean(bool),
    Long(i64),
    Float(f32),
    Double(f64),
    /// Unscaled value and scale, without zeros at the end.
    Decimal(i128, u8),
    Text(String),
    Binary(Vec<u8>),
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since the epoch.
    Timestamp(i64),
    TimestampNtz(i64),
    Array(Vec<Variant>),
    /// Sorted by name.
    Object(Vec<(String, Variant)>),
}

impl Variant {
    /// A decimal without zeros at its end.
    pub fn decimal(mut unscaled: i128, mut scale: u8) -> Self {
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        Self::Decimal(unscaled, scale)
    }

    /// The bytes of value and metadata.
    pub fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        let mut names = BTreeSet::new();
        self.names(&mut names);
        let names: Vec<&str> = names.into_iter().collect();
        let mut value = Vec::new();
        self.write(&names, &mut value);
        (value, metadata(&names))
    }

    fn names<'v>(&'v self, names: &mut BTreeSet<&'v str>) {
        match self {
            Self::Array(items) => {
                for item in items {
                    item.names(names);
                }
            }
            Self::Object(members) => {
                for (name, member) in members {
                    names.insert(name);
                    member.names(names);
                }
            }
            _ => {}
        }
    }

    fn write(&self, names: &[&str], out: &mut Vec<u8>) {
        let primitive = |id: u8| id << 2 | PRIMITIVE;
        match self {
            Self::Null => out.push(primitive(0)),
            Self::Boolean(flag) => out.push(primitive(if *flag { 1 } else { 2 })),
            Self::Long(v) => {
                if let Ok(v) = i8::try_from(*v) {
                    out.push(primitive(3));
                    out.extend(v.to_le_bytes());
                } else if let Ok(v) = i16::try_from(*v) {
                    out.push(primitive(4));
                    out.extend(v.to_le_bytes());
                } else if let Ok(v) = i32::try_from(*v) {
                    out.push(primitive(5));
                    out.extend(v.to_le_bytes());
                } else {
                    out.push(primitive(6));
                    out.extend(v.to_le_bytes());
                }
            }
            Self::Double(v) => {
                out.push(primitive(7));
                out.extend(v.to_le_bytes());
            }
            Self::Decimal(unscaled, scale) => {
                let digits =
                    unscaled.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1).max((*scale).into());
                match digits {
                    0..=9 => {
                        out.extend([primitive(8), *scale]);
                        out.extend((*unscaled as i32).to_le_bytes());
                    }
                    10..=18 => {
                        out.extend([primitive(9), *scale]);
                        out.extend((*unscaled as i64).to_le_bytes());
                    }
                    _ => {
                        out.extend([primitive(10), *scale]);
                        out.extend(unscaled.to_le_bytes());
                    }
                }
            }
            Self::Date(v) => {
                out.push(primitive(11));
                out.extend(v.to_le_bytes());
            }
            Self::Timestamp(v) => {
                out.push(primitive(12));
                out.extend(v.to_le_bytes());
            }
            Self::TimestampNtz(v) => {
                out.push(primitive(13));
                out.extend(v.to_le_bytes());
            }
            Self::Float(v) => {
                out.push(primitive(14));
                out.extend(v.to_le_bytes());
            }
            Self::Binary(v) => {
                out.push(primitive(15));
                out.extend((v.len() as u32).to_le_bytes());
                out.extend(v);
            }
            Self::Text(text) if text.len() <= SHORT => {
                out.push((text.len() as u8) << 2 | SHORT_TEXT);
                out.extend(text.as_bytes());
            }
            Self::Text(text) => {
                out.push(primitive(16));
                out.extend((text.len() as u32).to_le_bytes());
                out.extend(text.as_bytes());
            }
            Self::Array(items) => {
                let (offsets, body) = parts(items.iter(), names);
                let width = width(body.len());
                let large = u8::from(items.len() > 255);
                out.push((large << 2 | (width as u8 - 1)) << 2 | ARRAY);
                count(items.len(), large == 1, out);
                numbers(&offsets, width, out);
                out.extend(body);
            }
            Self::Object(members) => {
                let (offsets, body) = parts(members.iter().map(|(_, member)| member), names);
                let ids: Vec<usize> = members
                    .iter()
                    .map(|(name, _)| names.binary_search(&name.as_str()).unwrap_or(0))
                    .collect();
                let (id_width, offset_width) =
                    (width(ids.iter().copied().max().unwrap_or(0)), width(body.len()));
                let large = u8::from(members.len() > 255);
                let header = large << 4 | (id_width as u8 - 1) << 2 | (offset_width as u8 - 1);
                out.push(header << 2 | OBJECT);
                count(members.len(), large == 1, out);
                numbers(&ids, id_width, out);
                numbers(&offsets, offset_width, out);
                out.extend(body);
            }
        }
    }

    /// Reads the bytes of value and metadata; `None` where they are none of a variant.
    pub fn decode(value: &[u8], metadata: &[u8]) -> Option<Self> {
        let names = names_of(metadata)?;
        read(value, &names, 0)
    }
}

/// Where the parts of an array or object start and end, and their bytes.
fn parts<'v>(items: impl Iterator<Item = &'v Variant>, names: &[&str]) -> (Vec<usize>, Vec<u8>) {
    let mut body = Vec::new();
    let mut offsets = vec![0];
    for item in items {
        item.write(names, &mut body);
        offsets.push(body.len());
    }
    (offsets, body)
}

/// Bytes that a number takes, 1 to 4.
fn width(number: usize) -> usize {
    match number {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

fn number(number: usize, width: usize, out: &mut Vec<u8>) {
    out.extend(&number.to_le_bytes()[..width]);
}

fn numbers(all: &[usize], width: usize, out: &mut Vec<u8>) {
    for one in all {
        number(*one, width, out);
    }
}

fn count(items: usize, large: bool, out: &mut Vec<u8>) {
    number(items, if large { 4 } else { 1 }, out);
}

/// The dictionary of names, which are sorted.
fn metadata(names: &[&str]) -> Vec<u8> {
    const VERSION: u8 = 1;
    let total: usize = names.iter().map(|name| name.len()).sum();
    let width = width(total.max(names.len()));
    let mut out = vec![(width as u8 - 1) << 6 | VERSION];
    number(names.len(), width, &mut out);
    let mut at = 0;
    number(at, width, &mut out);
    for name in names {
        at += name.len();
        number(at, width, &mut out);
    }
    for name in names {
        out.extend(name.as_bytes());
    }
    out
}

/// A number of `width` bytes at `at`.
fn number_at(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

fn names_of(metadata: &[u8]) -> Option<Vec<&str>> {
    let header = *metadata.first()?;
    let width = usize::from(header >> 6) + 1;
    let size = number_at(metadata, 1, width)?;
    let start = 1 + (size.checked_add(2)?).checked_mul(width)?;
    (0..size)
        .map(|index| {
            let from = number_at(metadata, 1 + (index + 1) * width, width)?;
            let to = number_at(metadata, 1 + (index + 2) * width, width)?;
            std::str::from_utf8(metadata.get(start.checked_add(from)?..start.checked_add(to)?)?).ok()
        })
        .collect()
}

fn read(bytes: &[u8], names: &[&str], depth: usize) -> Option<Variant> {
    if depth > MAX_DEPTH {
        return None;
    }
    let (header, rest) = bytes.split_first()?;
    let info = usize::from(header >> 2);
    Some(match header & 3 {
        SHORT_TEXT => Variant::Text(std::str::from_utf8(rest.get(..info)?).ok()?.to_owned()),
        OBJECT => {
            let count_width = if info >> 4 & 1 == 1 { 4 } else { 1 };
            let (id_width, offset_width) = ((info >> 2 & 3) + 1, (info & 3) + 1);
            let size = number_at(rest, 0, count_width)?;
            let ids = count_width;
            let offsets = ids + size.checked_mul(id_width)?;
            let body = rest.get(offsets + (size + 1).checked_mul(offset_width)?..)?;
            let mut members = Vec::new();
            for index in 0..size {
                let name = names.get(number_at(rest, ids + index * id_width, id_width)?)?;
                let at = number_at(rest, offsets + index * offset_width, offset_width)?;
                members.push(((*name).to_owned(), read(body.get(at..)?, names, depth + 1)?));
            }
            Variant::Object(members)
        }
        ARRAY => {
            let count_width = if info >> 2 & 1 == 1 { 4 } else { 1 };
            let offset_width = (info & 3) + 1;
            let size = number_at(rest, 0, count_width)?;
            let offsets = count_width;
            let body = rest.get(offsets + (size.checked_add(1)?).checked_mul(offset_width)?..)?;
            let items = (0..size).map(|index| {
                let at = number_at(rest, offsets + index * offset_width, offset_width)?;
                read(body.get(at..)?, names, depth + 1)
            });
            Variant::Array(items.collect::<Option<_>>()?)
        }
        _ => primitive(info, rest)?,
    })
}

fn primitive(id: usize, rest: &[u8]) -> Option<Variant> {
    Some(match id {
        0 => Variant::Null,
        1 => Variant::Boolean(true),
        2 => Variant::Boolean(false),
        3 => Variant::Long(i8::from_le_bytes(*rest.first_chunk()?).into()),
        4 => Variant::Long(i16::from_le_bytes(*rest.first_chunk()?).into()),
        5 => Variant::Long(i32::from_le_bytes(*rest.first_chunk()?).into()),
        6 => Variant::Long(i64::from_le_bytes(*rest.first_chunk()?)),
        7 => Variant::Double(f64::from_le_bytes(*rest.first_chunk()?)),
        8..=10 => {
            let (scale, rest) = rest.split_first()?;
            let unscaled = match id {
                8 => i32::from_le_bytes(*rest.first_chunk()?).into(),
                9 => i64::from_le_bytes(*rest.first_chunk()?).into(),
                _ => i128::from_le_bytes(*rest.first_chunk()?),
            };
            Variant::decimal(unscaled, *scale)
        }
        11 => Variant::Date(i32::from_le_bytes(*rest.first_chunk()?)),
        12 => Variant::Timestamp(i64::from_le_bytes(*rest.first_chunk()?)),
        13 => Variant::TimestampNtz(i64::from_le_bytes(*rest.first_chunk()?)),
        14 => Variant::Float(f32::from_le_bytes(*rest.first_chunk()?)),
        15 | 16 => {
            let length = number_at(rest, 0, 4)?;
            let bytes = rest.get(4..4_usize.checked_add(length)?)?;
            match id {
                15 => Variant::Binary(bytes.to_vec()),
                _ => Variant::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_format() {
        // Worked out from the format's description: an object of one member, a text, an array.
        let object = Variant::Object(vec![("a".to_owned(), Variant::Long(1))]);
        assert_eq!(object.encode(), (vec![0b10, 1, 0, 0, 2, 0b1100, 1], vec![1, 1, 0, 1, b'a']));
        assert_eq!(Variant::Text("hi".to_owned()).encode().0, [0b1001, b'h', b'i']);
        let array = Variant::Array(vec![Variant::Null, Variant::Boolean(true)]);
        assert_eq!(array.encode().0, [0b11, 2, 0, 1, 2, 0, 0b100]);
    }

    #[test]
    fn values_come_back() {
        let long = "x".repeat(300);
        let value = Variant::Object(vec![
            ("a".to_owned(), Variant::Array(vec![Variant::Long(i64::MIN), Variant::Double(0.5)])),
            ("b".to_owned(), Variant::Text(long)),
            ("c".to_owned(), Variant::decimal(12_345_678_901_234_567_890, 5)),
            ("d".to_owned(), Variant::Array((0..300).map(Variant::Long).collect())),
            ("e".to_owned(), Variant::Object(vec![("z".to_owned(), Variant::Date(-1))])),
        ]);
        let (bytes, metadata) = value.encode();
        assert_eq!(Variant::decode(&bytes, &metadata), Some(value));
        assert_eq!(Variant::decode(&bytes[..20], &metadata), None);
        assert_eq!(Variant::decode(&bytes, &[]), None);
    }
}
