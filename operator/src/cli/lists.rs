//! Flags whose values have a form of their own: lists, selectors, addresses. Pure.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use kube::core::{Expression, Selector};

/// Namespaces to watch; empty: all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaces(pub Vec<String>);

impl Namespaces {
    /// Reads a comma-separated list. Helm charts write an empty one with literal quotes.
    pub fn parse(text: &str) -> Result<Namespaces, String> {
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',').map(|name| name.trim().trim_matches('"')) {
            if name.is_empty() {
                // An empty name anywhere stands for all namespaces.
                return Ok(Namespaces(Vec::new()));
            }
            if !cerium_crds::names::is_dns_1123_subdomain(name) {
                return Err(format!("{name:?} is no name of a namespace"));
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(Namespaces(names))
    }
}

/// Labels of applications that become labels of their metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels(pub Vec<String>);

impl Labels {
    /// Reads a comma-separated list of label keys.
    pub fn parse(text: &str) -> Result<Labels, String> {
        let mut keys = Vec::new();
        for key in text.split(',').map(|key| key.trim().trim_matches('"')).filter(|key| !key.is_empty()) {
            if !key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) {
                return Err(format!("{key:?} is no key of a label"));
            }
            keys.push(key.to_owned());
        }
        Ok(Labels(keys))
    }
}

/// Names of schedulers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerNames(pub Vec<String>);

impl SchedulerNames {
    /// Reads a comma-separated list.
    pub fn parse(text: &str) -> Result<SchedulerNames, String> {
        let names = text.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty());
        names
            .map(|name| {
                let valid = cerium_crds::names::is_dns_1123_subdomain(name);
                valid.then(|| name.to_owned()).ok_or_else(|| format!("{name:?} is no name of a scheduler"))
            })
            .collect::<Result<_, _>>()
            .map(SchedulerNames)
    }
}

/// An address to serve at; none if the flag is `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl Listen {
    /// Reads `0`, `:PORT` (all addresses) or `ADDRESS:PORT`.
    pub fn parse(text: &str) -> Result<Listen, String> {
        if text == "0" || text.is_empty() {
            return Ok(Listen(None));
        }
        let address = match text.strip_prefix(':') {
            Some(port) => {
                port.parse().ok().map(|port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
            }
            None => text.parse().ok(),
        };
        address
            .map(|address| Listen(Some(address)))
            .ok_or_else(|| format!("{text:?} is no address; write :8080, 127.0.0.1:8080, or 0 for none"))
    }
}

/// Reads an absolute path of a URL.
pub fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.contains(['{', '}', '*', '?', '#']) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no path; write one such as /metrics"))
    }
}

/// Reads a label selector as kubectl does: `a=b,c!=d,e in (f, g),h notin (i),j,!k`. Empty: everything.
pub fn parse_selector(text: &str) -> Result<Selector, String> {
    let mut expressions: Vec<Expression> = Vec::new();
    for requirement in split_requirements(text.trim().trim_matches('"'))? {
        expressions.push(parse_requirement(requirement.trim())?);
    }
    Ok(Selector::from_iter(expressions))
}

/// Splits at commas outside of brackets.
fn split_requirements(text: &str) -> Result<Vec<&str>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let (mut parts, mut start, mut open) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' if open => return Err(format!("label selector {text:?} has a bracket within brackets")),
            '(' => open = true,
            ')' if !open => return Err(format!("label selector {text:?} closes a bracket that is not open")),
            ')' => open = false,
            ',' if !open => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if open {
        return Err(format!("label selector {text:?} does not close its bracket"));
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn parse_requirement(text: &str) -> Result<Expression, String> {
    let error = |what: &str| format!("label selector requirement {text:?}: {what}");
    let key = |key: &str| {
        let key = key.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.is_empty() || !key.chars().all(fits) {
            Err(error("no valid label key"))
        } else {
            Ok(key.to_owned())
        }
    };
    let value = |value: &str| {
        let value = value.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if value.chars().all(fits) { Ok(value.to_owned()) } else { Err(error("no valid label value")) }
    };
    if let Some((before, list)) = text.split_once('(') {
        let list = list.strip_suffix(')').ok_or_else(|| error("text behind the bracket"))?;
        let values = list.split(',').map(value).collect::<Result<_, _>>()?;
        let mut words = before.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(label), Some("in"), None) => Ok(Expression::In(key(label)?, values)),
            (Some(label), Some("notin"), None) => Ok(Expression::NotIn(key(label)?, values)),
            _ => Err(error("write KEY in (A, B) or KEY notin (A, B)")),
        };
    }
    if let Some((label, unwanted)) = text.split_once("!=") {
        return Ok(Expression::NotEqual(key(label)?, value(unwanted)?));
    }
    if let Some((label, wanted)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Expression::Equal(key(label)?, value(wanted)?));
    }
    match text.strip_prefix('!') {
        Some(label) => Ok(Expression::DoesNotExist(key(label)?)),
        None => Ok(Expression::Exists(key(text)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::SelectorExt;
    use std::collections::BTreeMap;

    #[test]
    fn no_name_or_an_empty_name_stands_for_all_namespaces() {
        for text in ["", "\"\"", "a,\"\"", "a,,b"] {
            assert_eq!(Namespaces::parse(text), Ok(Namespaces(vec![])), "{text}");
        }
        assert_eq!(Namespaces::parse("a, b,a"), Ok(Namespaces(vec!["a".into(), "b".into()])));
        assert!(Namespaces::parse("Default").is_err());
    }

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        assert_eq!(Listen::parse("0"), Ok(Listen(None)));
        assert_eq!(Listen::parse(":8081"), Ok(Listen(Some("[::]:8081".parse().unwrap()))));
        assert_eq!(Listen::parse("127.0.0.1:80"), Ok(Listen(Some("127.0.0.1:80".parse().unwrap()))));
        assert!(Listen::parse("8080").is_err());
        assert!(Listen::parse(":99999").is_err());
    }

    #[test]
    fn selectors_select_what_kubectl_selects() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let team = labels(&[("spark", "enabled"), ("team", "a")]);
        let cases = [
            ("", true),
            ("spark=enabled", true),
            ("spark==disabled", false),
            ("spark!=disabled", true),
            ("team in (a, b)", true),
            ("team notin (a,b)", false),
            ("team,!other", true),
            ("spark=enabled,team=b", false),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_selector(text).unwrap().matches(&team), expected, "{text}");
        }
    }

    #[test]
    fn broken_selectors_are_errors() {
        for text in ["a in (b", "a b", "a in b)", "=x", "a in (b) c", "a=b c", ","] {
            assert!(parse_selector(text).is_err(), "{text}");
        }
    }
}
