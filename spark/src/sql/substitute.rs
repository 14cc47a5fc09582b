//! `${...}` in SQL text, as Spark's VariableSubstitution.

use crate::error::{Result, SparkError};

/// How often a result is substituted again before a cycle is assumed.
const MAX_DEPTH: usize = 40;

/// Replaces `${key}`, `${spark:key}`, `${sparkconf:key}`, `${hiveconf:key}` by conf values,
/// `${env:X}` by environment variables and `${system:x}` by system properties.
///
/// `lookup` gets the prefix (empty if there is none) and the name. What has no value stays
/// as it is written.
pub fn substitute(text: &str, lookup: &dyn Fn(&str, &str) -> Option<String>) -> Result<String> {
    let mut current = text.to_owned();
    for _ in 0..MAX_DEPTH {
        match pass(&current, lookup) {
            Some(next) => current = next,
            None => return Ok(current),
        }
    }
    Err(SparkError::new(
        "INVALID_VARIABLE_SUBSTITUTION",
        "42K0E",
        format!("Variable substitution exceeds the depth of {MAX_DEPTH}: the values refer to each other."),
    ))
}

/// One pass from left to right; `None` when nothing was replaced.
fn pass(text: &str, lookup: &dyn Fn(&str, &str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 2..];
        // As in Spark's pattern, a name holds no braces, dollar signs or blanks.
        let end = tail.find(['}', '$', ' ', '{']);
        match end {
            Some(end) if end > 0 && tail[end..].starts_with('}') => {
                let (prefix, name) = tail[..end].split_once(':').unwrap_or(("", &tail[..end]));
                if let Some(value) = lookup(prefix, name) {
                    out.push_str(&value);
                    changed = true;
                } else {
                    out.push_str(&rest[at..=at + 2 + end]);
                }
                rest = &tail[end + 1..];
            }
            _ => {
                out.push_str("${");
                rest = tail;
            }
        }
    }
    if !changed {
        return None;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(prefix: &str, name: &str) -> Option<String> {
        match (prefix, name) {
            ("", "a") => Some("1".into()),
            ("", "b") => Some("${a}".into()),
            ("env", "HOME") => Some("/root".into()),
            ("", "loop") => Some("${loop}".into()),
            _ => None,
        }
    }

    #[test]
    fn known_names_are_replaced_and_unknown_ones_stay() {
        let cases = [
            ("select ${a}", "select 1"),
            ("select ${b}", "select 1"),
            ("'${env:HOME}/x'", "'/root/x'"),
            ("${nope} ${a}", "${nope} 1"),
            ("${ a} $a {a} ${", "${ a} $a {a} ${"),
        ];
        for (text, expected) in cases {
            assert_eq!(substitute(text, &look).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_cycle_ends_with_an_error() {
        assert!(substitute("${loop}", &look).is_err());
    }
}
