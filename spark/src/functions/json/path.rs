//! The paths of `get_json_object`.

use crate::source::json::node::{Node, Value};

#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// `.name` or `['name']`.
    Member(String),
    /// `[3]`.
    Item(usize),
    /// `[*]`.
    Items,
    /// `.*`, which leads nowhere in Spark.
    Members,
}

/// A compiled path.
#[derive(Debug)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// Compiles a path; `None` where it is none.
    pub fn new(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                if let Some(after) = after.strip_prefix('*') {
                    steps.push(Step::Members);
                    rest = after;
                    continue;
                }
                let end = after.find(['.', '[']).unwrap_or(after.len());
                if end == 0 {
                    return None;
                }
                steps.push(Step::Member(after[..end].to_owned()));
                rest = &after[end..];
            } else {
                let after = rest.strip_prefix('[')?;
                if let Some(name) = after.strip_prefix('\'') {
                    let (name, after) = name.split_once("']")?;
                    steps.push(if name == "*" { Step::Members } else { Step::Member(name.to_owned()) });
                    rest = after;
                    continue;
                }
                let (index, after) = after.split_once(']')?;
                steps.push(match index {
                    "*" => Step::Items,
                    index => Step::Item(index.trim().parse().ok()?),
                });
                rest = after;
            }
        }
        Some(Self { steps })
    }

    /// Writes what the path leads to; false where it leads nowhere.
    pub fn find(&self, node: &Node<'_>, out: &mut String) -> bool {
        let mut found = Vec::new();
        collect(node, &self.steps, &mut found);
        match found.as_slice() {
            [] => false,
            [one] => match &one.value {
                Value::Null => false,
                // What a wildcard found is written as JSON.
                Value::Text(text) if !self.steps.contains(&Step::Items) => {
                    out.push_str(text);
                    true
                }
                _ => {
                    compact(one, out);
                    true
                }
            },
            several => {
                out.push('[');
                for (index, node) in several.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    compact(node, out);
                }
                out.push(']');
                true
            }
        }
    }
}

fn collect<'n, 't>(node: &'n Node<'t>, steps: &[Step], found: &mut Vec<&'n Node<'t>>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(node);
        return;
    };
    match (step, &node.value) {
        (Step::Member(name), Value::Object(members)) => {
            if let Some((_, value)) = members.iter().find(|(known, _)| known == name) {
                collect(value, rest, found);
            }
        }
        // A name looks into the objects of an array.
        (Step::Member(_), Value::Array(items)) => {
            for item in items {
                collect(item, steps, found);
            }
        }
        (Step::Item(index), Value::Array(items)) => {
            if let Some(item) = items.get(*index) {
                collect(item, rest, found);
            }
        }
        (Step::Items, Value::Array(items)) => {
            for item in items {
                collect(item, rest, found);
            }
        }
        _ => {}
    }
}

/// JSON without blanks between its tokens.
fn compact(node: &Node<'_>, out: &mut String) {
    match &node.value {
        Value::Text(text) => super::write::string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                compact(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                super::write::string(out, name);
                out.push(':');
                compact(value, out);
            }
            out.push('}');
        }
        Value::Null | Value::Boolean(_) | Value::Integer | Value::Float => out.push_str(node.raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::json::node::parse;

    #[test]
    fn paths_lead_to_values() {
        let text = r#"{"a": {"b": [1, {"c": "x y"}]}, "d e": null, "f": [{"g": 1}, {"g": 2}]}"#;
        let find = |path: &str| {
            let mut out = String::new();
            let found = Path::new(path)?.find(&parse(text)?, &mut out);
            found.then_some(out)
        };
        assert_eq!(find("$.a.b[0]").as_deref(), Some("1"));
        assert_eq!(find("$.a.b[1].c").as_deref(), Some("x y"));
        assert_eq!(find("$.a").as_deref(), Some(r#"{"b":[1,{"c":"x y"}]}"#));
        assert_eq!(find("$['d e']"), None);
        assert_eq!(find("$.f[*].g").as_deref(), Some("[1,2]"));
        assert_eq!(find("a"), None);
    }
}
