//! Java's regular expressions, as far as their syntax or meaning differs from that of the regex engine.

use std::ops::Range;

use datafusion::common::Result;

use crate::error::SparkError;

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    inner: fancy_regex::Regex,
}

/// The groups of one match.
pub struct Captures<'t> {
    inner: fancy_regex::Captures<'t, str>,
}

/// A piece of a replacement.
#[derive(Debug)]
pub enum Part {
    Text(String),
    Group(usize),
    Name(String),
}

impl Regex {
    /// Compiles a pattern for a function, which its errors name.
    pub fn new(function: &str, pattern: &str) -> Result<Self> {
        match fancy_regex::Regex::new(&translate(pattern)) {
            Ok(inner) => Ok(Self { inner }),
            Err(_) => Err(invalid(function, pattern).into()),
        }
    }

    /// Number of groups, the whole match not counted.
    pub fn groups(&self) -> usize {
        self.inner.captures_len() - 1
    }

    /// Whether the pattern is found anywhere in the text.
    pub fn is_match(&self, text: &str) -> Result<bool> {
        self.inner.is_match(text).map_err(|error| too_complex(&error))
    }

    /// The first match that starts at `from` or later.
    pub fn captures_from<'t>(&self, text: &'t str, from: usize) -> Result<Option<Captures<'t>>> {
        match self.inner.captures_from_pos(text, from) {
            Ok(found) => Ok(found.map(|inner| Captures { inner })),
            Err(error) => Err(too_complex(&error)),
        }
    }
}

fn too_complex(error: &fancy_regex::Error) -> datafusion::error::DataFusionError {
    SparkError::unsupported(format!("a regular expression that takes too many steps ({error})")).into()
}

fn invalid(function: &str, pattern: &str) -> SparkError {
    SparkError::new(
        "INVALID_PARAMETER_VALUE.PATTERN",
        "22023",
        format!("The value of parameter(s) `regexp` in `{function}` is invalid: '{pattern}'."),
    )
    .with_param("functionName", format!("`{function}`"))
    .with_param("parameter", "`regexp`")
    .with_param("value", format!("'{pattern}'"))
}

impl Captures<'_> {
    /// Where the whole match stands.
    pub fn whole(&self) -> Range<usize> {
        self.get(0).unwrap_or(0..0)
    }

    /// Where a group stands, if it took part in the match.
    pub fn get(&self, index: usize) -> Option<Range<usize>> {
        self.inner.get(index).map(|found| found.start()..found.end())
    }

    /// Where the search for the next match starts: an empty match is not found twice.
    pub fn next_start(&self, text: &str) -> Option<usize> {
        let whole = self.whole();
        if !whole.is_empty() {
            return Some(whole.end);
        }
        text[whole.end..].chars().next().map(|c| whole.end + c.len_utf8())
    }
}

impl Part {
    /// Appends what the piece stands for.
    pub fn write(&self, text: &str, captures: &Captures<'_>, regex: &Regex, out: &mut String) -> Result<()> {
        match self {
            Self::Text(literal) => out.push_str(literal),
            Self::Group(index) if *index > regex.groups() => {
                return Err(SparkError::new("INTERNAL_ERROR", "XX000", format!("No group {index}")).into());
            }
            Self::Group(index) => {
                if let Some(found) = captures.get(*index) {
                    out.push_str(&text[found]);
                }
            }
            Self::Name(name) => {
                if let Some(found) = captures.inner.name(name) {
                    out.push_str(found.as_str());
                }
            }
        }
        Ok(())
    }
}

/// The pieces of a replacement: `$1`, `${name}`, and characters behind a backslash as they are.
pub fn replacement(text: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    let illegal = || {
        SparkError::new(
            "INTERNAL_ERROR",
            "XX000",
            format!("illegal group reference in the replacement '{text}'"),
        )
    };
    while let Some(c) = chars.next() {
        match c {
            '\\' => literal.extend(chars.next()),
            '$' => {
                let part = match chars.peek().copied() {
                    Some('{') => {
                        chars.next();
                        let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                        Part::Name(name)
                    }
                    Some(digit) => {
                        let index = digit.to_digit(10).ok_or_else(illegal)?;
                        chars.next();
                        Part::Group(index as usize)
                    }
                    None => return Err(illegal().into()),
                };
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(part);
            }
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// A pattern of Java's as one of the engine's: the short classes are ASCII's, `\Q..\E` quotes,
/// and an opening bracket or `&&` within a class means what it means in Java already.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut depth = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[a-zA-Z0-9_]"),
                Some('W') => out.push_str("[^a-zA-Z0-9_]"),
                Some('s') => out.push_str(r"[ \t\n\x0B\f\r]"),
                Some('S') => out.push_str(r"[^ \t\n\x0B\f\r]"),
                Some('h') => {
                    out.push_str(r"[ \t\u{A0}\u{1680}\u{180e}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}]");
                }
                Some('R') => out.push_str(r"(?:\r\n|[\n\x0B\f\r\u{85}\u{2028}\u{2029}])"),
                Some('e') => out.push_str(r"\x1B"),
                Some('Z') if depth == 0 => out.push_str(r"(?=\n?\z)"),
                Some('Q') => {
                    let rest: String = chars.by_ref().collect();
                    let (quoted, after) = rest.split_once("\\E").unwrap_or((&rest, ""));
                    out.push_str(&regex::escape(quoted));
                    out.push_str(&translate(after));
                }
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    out.push_str(&format!("\\u{{{digits}}}"));
                }
                Some(letter @ ('p' | 'P')) if chars.peek() == Some(&'{') => {
                    chars.next();
                    let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    out.push_str(&posix(&name, letter == 'P'));
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' => {
                depth += 1;
                out.push(c);
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                // A closing bracket right at the start is a character.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str(r"\]");
                }
            }
            ']' => {
                depth = depth.saturating_sub(1);
                out.push(c);
            }
            // The engine has operators that Java has not.
            '-' | '~' if depth > 0 && chars.peek() == Some(&c) => out.push_str(&format!("\\{c}")),
            c => out.push(c),
        }
    }
    out
}

/// Java's names for classes of ASCII; other names are Unicode's.
fn posix(name: &str, negated: bool) -> String {
    let class = match name {
        "Lower" => "[:lower:]",
        "Upper" => "[:upper:]",
        "ASCII" => "[:ascii:]",
        "Alpha" => "[:alpha:]",
        "Digit" => "[:digit:]",
        "Alnum" => "[:alnum:]",
        "Punct" => "[:punct:]",
        "Graph" => "[:graph:]",
        "Print" => "[:print:]",
        "Blank" => "[:blank:]",
        "Cntrl" => "[:cntrl:]",
        "XDigit" => "[:xdigit:]",
        "Space" => "[:space:]",
        "javaLowerCase" => return format!("\\{}{{Ll}}", if negated { 'P' } else { 'p' }),
        "javaUpperCase" => return format!("\\{}{{Lu}}", if negated { 'P' } else { 'p' }),
        unicode => {
            let unicode = unicode.strip_prefix("Is").or(unicode.strip_prefix("In")).unwrap_or(unicode);
            return format!("\\{}{{{unicode}}}", if negated { 'P' } else { 'p' });
        }
    };
    if negated { format!("[^{class}]") } else { format!("[{class}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_classes_are_ascii_and_quotes_are_literal() {
        let found = |pattern: &str, text: &str| Regex::new("rlike", pattern).unwrap().is_match(text).unwrap();
        assert!(!found(r"^\d$", "٣"));
        assert!(found(r"^[\w-]+$", "a-b_1"));
        assert!(found(r"\Qa.b\E+", "a.bb"));
        assert!(!found(r"\Qa.b\E", "axb"));
        assert!(found(r"^\p{Alpha}+\P{Alpha}$", "ab1"));
        assert!(found(r"(?<!a)b", "cb"));
        assert!(found("^[a-z&&[^b]]$", "a") && !found("^[a-z&&[^b]]$", "b"));
        assert!(Regex::new("rlike", "(").is_err());
    }
}
