//! How deeply the messages of clients may be nested.

use std::fmt;

/// Levels of messages in messages: Spark's `spark.connect.grpc.marshallerRecursionLimit`.
pub const MAX_DEPTH: usize = 1024;

/// A message that is nested too deeply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "Protocol message had too many levels of nesting.  May be malicious.  \
             Use setRecursionLimit() to increase the recursion depth limit.",
        )
    }
}

impl std::error::Error for TooDeep {}

/// What is open at a place of a message.
#[derive(Clone, Copy)]
struct Open {
    end: usize,
    group: bool,
}

/// How deeply a message is nested, found on its bytes without recursion.
///
/// What is no message may look like one for a few levels, as strings do; a decoder that reads
/// until it fails goes no deeper than this.
///
/// # Errors
/// [`TooDeep`] beyond [`MAX_DEPTH`].
pub fn check(message: &[u8]) -> Result<usize, TooDeep> {
    let mut open = vec![Open { end: message.len(), group: false }];
    let mut at = 0;
    let mut deepest = 0;
    while let Some(&Open { end, group }) = open.last() {
        if at == end {
            open.pop();
            continue;
        }
        let field = field(&message[..end], at);
        match field {
            Some((next, Field::Value)) => at = next,
            Some((next, Field::Bytes(end))) => {
                at = next;
                open.push(Open { end, group: false });
            }
            Some((next, Field::GroupStart)) => {
                at = next;
                open.push(Open { end, group: true });
            }
            Some((next, Field::GroupEnd)) if group => {
                at = next;
                open.pop();
            }
            Some((_, Field::GroupEnd)) | None => at = end,
        }
        deepest = deepest.max(open.len().saturating_sub(1));
        if deepest > MAX_DEPTH {
            return Err(TooDeep);
        }
    }
    Ok(deepest)
}

enum Field {
    Value,
    /// Bytes up to this place.
    Bytes(usize),
    GroupStart,
    GroupEnd,
}

/// The field at a place, and where what follows its key, length or value starts.
fn field(bytes: &[u8], at: usize) -> Option<(usize, Field)> {
    let (key, at) = varint(bytes, at)?;
    if key >> 3 == 0 {
        return None;
    }
    let skip = |count: usize| {
        let next = at.checked_add(count)?;
        (next <= bytes.len()).then_some((next, Field::Value))
    };
    match key & 7 {
        0 => varint(bytes, at).map(|(_, next)| (next, Field::Value)),
        1 => skip(8),
        2 => {
            let (length, next) = varint(bytes, at)?;
            let end = next.checked_add(usize::try_from(length).ok()?)?;
            (end <= bytes.len()).then_some((next, Field::Bytes(end)))
        }
        3 => Some((at, Field::GroupStart)),
        4 => Some((at, Field::GroupEnd)),
        5 => skip(4),
        _ => None,
    }
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field 1, `levels` times in itself.
    fn nested(levels: usize) -> Vec<u8> {
        let mut message = Vec::new();
        for _ in 0..levels {
            let mut outer = vec![0x0a];
            let mut length = message.len();
            while length >= 0x80 {
                outer.push(length as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.extend(&message);
            message = outer;
        }
        message
    }

    #[test]
    fn messages_are_as_deep_as_they_are_nested() {
        assert_eq!(check(&[]), Ok(0));
        assert_eq!(check(&nested(3)), Ok(3));
        assert_eq!(check(&nested(MAX_DEPTH)), Ok(MAX_DEPTH));
        assert_eq!(check(&nested(MAX_DEPTH + 1)), Err(TooDeep));
        assert_eq!(check(&nested(10_000)), Err(TooDeep));
    }

    #[test]
    fn groups_count_too_and_need_no_end() {
        assert_eq!(check(&[0x0b, 0x13, 0x14, 0x0c]), Ok(2));
        assert_eq!(check(&[0x0b; 2000]), Err(TooDeep));
    }

    #[test]
    fn what_comes_before_garbage_counts() {
        let mut message = nested(MAX_DEPTH + 1);
        message.extend([0xff; 12]);
        assert_eq!(check(&message), Err(TooDeep));
    }

    #[test]
    fn text_and_numbers_are_not_deep() {
        let mut message = vec![0x0a, 0xb8, 0x17];
        message.extend(std::iter::repeat_n(b'\n', 3000));
        message.extend([0x10, 0x96, 0x01, 0x1d, 1, 2, 3, 4]);
        assert!(check(&message).is_ok_and(|depth| depth < 5));
    }
}
