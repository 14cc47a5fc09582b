//! The format of Java's `java.util.Properties`: `key=value` lines with backslash escapes.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A properties file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: \"\\u{found}\" is not valid: \\u takes four hexadecimal digits")]
pub struct PropertiesError {
    /// Line, counted from 1.
    pub line: usize,
    /// What followed `\u`.
    pub found: String,
}

/// All entries, in the order of the file.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, PropertiesError> {
    let mut entries = Vec::new();
    let mut lines = natural_lines(text).into_iter().enumerate();
    while let Some((index, first)) = lines.next() {
        let first = trim_start(first);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_with_continuation(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(trim_start(next)),
                None => break,
            }
        }
        entries.push(entry(&logical, index + 1)?);
    }
    Ok(entries)
}

/// The entries as a file in ASCII.
pub(crate) fn write<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in entries {
        escape(&mut text, key, true);
        text.push('=');
        escape(&mut text, value, false);
        text.push('\n');
    }
    text
}

/// Lines end with `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> Vec<&str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

fn trim_start(line: &str) -> &str {
    line.trim_start_matches(is_blank)
}

/// An odd number of backslashes at the end: the last one escapes the end of the line.
fn ends_with_continuation(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

fn entry(logical: &str, line: usize) -> Result<(String, String), PropertiesError> {
    let mut escaped = false;
    let end = logical
        .char_indices()
        .find(|(_, c)| {
            let ends = !escaped && (is_blank(*c) || matches!(c, '=' | ':'));
            escaped = !escaped && *c == '\\';
            ends
        })
        .map_or(logical.len(), |(index, _)| index);
    let (key, rest) = logical.split_at(end);
    let rest = trim_start(rest);
    let value = rest.strip_prefix(['=', ':']).map_or(rest, trim_start);
    Ok((unescape(key, line)?, unescape(value, line)?))
}

fn unescape(text: &str, line: usize) -> Result<String, PropertiesError> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut buffer = [0; 2];
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    units.push(code_unit(&mut chars, line)?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    Ok(String::from_utf16_lossy(&units))
}

fn code_unit(chars: &mut Peekable<Chars<'_>>, line: usize) -> Result<u16, PropertiesError> {
    let found: String = chars.by_ref().take(4).collect();
    let digits = found.len() == 4 && found.bytes().all(|b| b.is_ascii_hexdigit());
    match u16::from_str_radix(&found, 16) {
        Ok(unit) if digits => Ok(unit),
        _ => Err(PropertiesError { line, found }),
    }
}

fn escape(out: &mut String, text: &str, is_key: bool) {
    let mut buffer = [0; 2];
    for (index, c) in text.chars().enumerate() {
        match c {
            ' ' if is_key || index == 0 => out.push_str("\\ "),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x0c' => out.push_str("\\f"),
            '\\' | '=' | ':' | '#' | '!' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            other => {
                for unit in other.encode_utf16(&mut buffer) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    /// The examples of the documentation of `java.util.Properties.load`.
    #[test]
    fn java_documentation_examples() {
        for text in ["Truth = Beauty", " Truth:Beauty", "Truth            :Beauty", "Truth Beauty"] {
            assert_eq!(pairs(text), [pair("Truth", "Beauty")], "{text}");
        }
        let fruits = "fruits    apple, banana, pear, \\\n    cantaloupe, watermelon, \\\n    kiwi, mango";
        assert_eq!(
            pairs(fruits),
            [pair("fruits", "apple, banana, pear, cantaloupe, watermelon, kiwi, mango")]
        );
        assert_eq!(pairs("cheeses"), [pair("cheeses", "")]);
        assert_eq!(pairs(r"\:\= x"), [pair(":=", "x")]);
    }

    #[test]
    fn comments_and_empty_lines_do_not_count() {
        assert_eq!(pairs("# a=1\r\n! b=2\r  \n\nc=3"), [pair("c", "3")]);
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(pairs(r"a=\u00e9\t\\\x"), [pair("a", "é\t\\x")]);
        assert_eq!(pairs(r"a=\ud83d\ude00"), [pair("a", "😀")]);
        assert_eq!(pairs("a=b\\\\\nc=d"), [pair("a", "b\\"), pair("c", "d")]);
        assert_eq!(pairs("a=1\\"), [pair("a", "1")]);
    }

    #[test]
    fn a_broken_escape_names_its_line() {
        let error = parse("a=1\nb=\\u12").unwrap_err();
        assert_eq!(error.to_string(), "line 2: \"\\u12\" is not valid: \\u takes four hexadecimal digits");
        assert!(parse("a=\\u+123").is_err());
    }

    #[test]
    fn values_are_escaped_as_spark_escapes_them() {
        let text = write([("spark.master", "k8s://https://a:443"), ("k k", " v v")].into_iter());
        assert_eq!(text, "spark.master=k8s\\://https\\://a\\:443\nk\\ k=\\ v v\n");
    }

    #[test]
    fn whatever_is_written_reads_back() {
        let entries = [
            ("plain", "value"),
            ("spaces and=signs:", "  leading and trailing  "),
            ("unicode é", "日本語 😀"),
            ("empty", ""),
            ("lines", "a\nb\r\nc\td\x0ce\\"),
            ("#comment", "!not"),
            ("nul", "\0"),
        ];
        let text = write(entries.into_iter());
        assert!(text.is_ascii());
        assert_eq!(pairs(&text), entries.map(|(k, v)| pair(k, v)));
    }
}
