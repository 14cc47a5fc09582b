//! Parses JSON into a tree that remembers the text of each value, as lenient as Spark's parser.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Values may be nested this deep.
const MAX_DEPTH: usize = 500;

/// A value and the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    pub raw: &'a str,
    pub value: Value<'a>,
}

/// A JSON value. Numbers keep their text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Boolean(bool),
    /// A number without point and exponent.
    Integer,
    Float,
    Text(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// What is read beyond JSON. Numbers may always be NaN and Infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Leniency {
    /// Strings in single quotes.
    pub single_quotes: bool,
    /// Names of members without quotes.
    pub unquoted_names: bool,
    /// Whole numbers that start with a zero.
    pub leading_zeros: bool,
    /// A backslash before any character.
    pub any_escape: bool,
    /// Comments of Java and C++.
    pub comments: bool,
    /// Control characters inside strings.
    pub control_characters: bool,
}

impl Leniency {
    /// What Spark reads unless told otherwise.
    pub const DEFAULT: Self = Self {
        single_quotes: true,
        unquoted_names: false,
        leading_zeros: false,
        any_escape: false,
        comments: false,
        control_characters: false,
    };
    /// JSON by the book.
    pub const NONE: Self = Self { single_quotes: false, ..Self::DEFAULT };
}

/// Parses the first value of a text; what follows it is not looked at. `None` where the text
/// is not JSON.
pub fn parse(text: &str) -> Option<Node<'_>> {
    parse_with(text, Leniency::DEFAULT)
}

/// As [`parse`], with leniency of one's own.
pub fn parse_with(text: &str, leniency: Leniency) -> Option<Node<'_>> {
    Parser { text, at: 0, leniency }.value(0)
}

/// Parses a text that is one value and nothing else, by the book.
pub fn parse_whole(text: &str) -> Option<Node<'_>> {
    let mut parser = Parser { text, at: 0, leniency: Leniency::NONE };
    let node = parser.value(0)?;
    parser.skip_space();
    (parser.at == text.len()).then_some(node)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    leniency: Leniency,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        loop {
            while self.peek().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            if !self.leniency.comments || self.peek() != Some(b'/') {
                return;
            }
            let rest = &self.text[self.at..];
            let length = match rest.as_bytes().get(1) {
                Some(b'/') => Some(rest.find('\n').map_or(rest.len(), |end| end + 1)),
                Some(b'*') => rest.get(2..).and_then(|inner| inner.find("*/")).map(|end| end + 4),
                _ => None,
            };
            match length {
                Some(length) => self.at += length,
                None => return,
            }
        }
    }

    fn quotes(&self, byte: Option<u8>) -> bool {
        byte == Some(b'"') || (byte == Some(b'\'') && self.leniency.single_quotes)
    }

    fn bare_name(&mut self) -> Option<Cow<'a, str>> {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| Cow::Borrowed(&rest[..end]))
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        let start = self.at;
        let value = match self.peek()? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => Value::Text(self.string()?),
            b'\'' if self.leniency.single_quotes => Value::Text(self.string()?),
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        };
        Some(Node { raw: &self.text[start..self.at], value })
    }

    fn object(&mut self, depth: usize) -> Option<Value<'a>> {
        self.at += 1;
        let mut fields = vec![];
        if self.accept(b'}') {
            return Some(Value::Object(fields));
        }
        loop {
            self.skip_space();
            let name = if self.quotes(self.peek()) {
                self.string()?
            } else if self.leniency.unquoted_names {
                self.bare_name()?
            } else {
                return None;
            };
            if !self.accept(b':') {
                return None;
            }
            fields.push((name, self.value(depth + 1)?));
            if self.accept(b'}') {
                return Some(Value::Object(fields));
            }
            if !self.accept(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value<'a>> {
        self.at += 1;
        let mut items = vec![];
        if self.accept(b']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.accept(b']') {
                return Some(Value::Array(items));
            }
            if !self.accept(b',') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        let quote = self.peek()?;
        self.at += 1;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let plain = bytes[start..].iter().position(|b| *b == quote || *b == b'\\' || *b < b' ')?;
        self.at += plain;
        if bytes[self.at] == quote {
            self.at += 1;
            return Some(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut owned = self.text[start..self.at].to_owned();
        loop {
            let byte = self.peek()?;
            if byte == quote {
                self.at += 1;
                return Some(Cow::Owned(owned));
            }
            if byte == b'\\' {
                self.at += 1;
                owned.push(self.escape()?);
            } else if byte < b' ' {
                if !self.leniency.control_characters {
                    return None;
                }
                owned.push(char::from(byte));
                self.at += 1;
            } else {
                let rest = &bytes[self.at..];
                let end = rest.iter().position(|b| *b == quote || *b == b'\\' || *b < b' ')?;
                owned.push_str(&self.text[self.at..self.at + end]);
                self.at += end;
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' | b'\'' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex()?;
                if !(0xD800..0xDC00).contains(&unit) {
                    return Some(char::from_u32(unit).unwrap_or('\u{FFFD}'));
                }
                let rest = self.text.get(self.at..)?;
                if !rest.starts_with("\\u") {
                    return Some('\u{FFFD}');
                }
                self.at += 2;
                let low = self.hex()?;
                let code = 0x10000 + ((unit - 0xD800) << 10) + low.checked_sub(0xDC00)?;
                char::from_u32(code).unwrap_or('\u{FFFD}')
            }
            _ if self.leniency.any_escape => {
                self.at -= 1;
                let escaped = self.text[self.at..].chars().next()?;
                self.at += escaped.len_utf8();
                escaped
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Option<Value<'a>> {
        if self.text[self.at..].starts_with("-I") {
            self.at += 1;
            return self.word();
        }
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let whole = self.digits();
        if whole == 0
            || (!self.leniency.leading_zeros && whole > 1 && self.text.as_bytes()[self.at - whole] == b'0')
        {
            return None;
        }
        let mut float = false;
        if self.peek() == Some(b'.') {
            self.at += 1;
            float = true;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            float = true;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return None;
            }
        }
        debug_assert!(self.at > start);
        // A number ends where a value can end.
        let ends = self.peek().is_none_or(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
        ends.then_some(if float { Value::Float } else { Value::Integer })
    }

    fn digits(&mut self) -> usize {
        let count = self.text.as_bytes()[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&mut self) -> Option<Value<'a>> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        self.at += length;
        match &rest[..length] {
            "null" => Some(Value::Null),
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            "NaN" | "Infinity" | "INF" => Some(Value::Float),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_text_of_values() {
        let node = parse(r#" {"a": [1, 2.50], 'b':"x\u00e9\ud83d\ude00"} rest"#).unwrap();
        let Value::Object(fields) = &node.value else { panic!("{node:?}") };
        assert_eq!(fields[0].1.raw, "[1, 2.50]");
        assert_eq!(fields[1].1.value, Value::Text("xé😀".into()));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in ["", "{", "{\"a\":}", "[1,]", "{a:1}", "01", "1.", "nope", "\"a", "\"\\u12\"", "-", "1x"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_harm() {
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
