//! The paths of `variant_get`.

use super::value::Variant;

#[derive(Debug, PartialEq)]
enum Step {
    Member(String),
    Item(usize),
}

/// A compiled path.
#[derive(Debug)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// Compiles `$` and segments like `.name`, `[3]`, `['name']`; `None` where it is no path.
    pub fn new(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                if end == 0 {
                    return None;
                }
                steps.push(Step::Member(after[..end].to_owned()));
                rest = &after[end..];
                continue;
            }
            let after = rest.strip_prefix('[')?;
            let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
            rest = match quote {
                Some(quote) => {
                    let (name, rest) = after[1..].split_once(quote)?;
                    steps.push(Step::Member(name.to_owned()));
                    rest.strip_prefix(']')?
                }
                None => {
                    let (index, rest) = after.split_once(']')?;
                    if !index.bytes().all(|b| b.is_ascii_digit()) {
                        return None;
                    }
                    steps.push(Step::Item(index.parse().ok()?));
                    rest
                }
            };
        }
        Some(Self { steps })
    }

    /// What the path leads to.
    pub fn find<'v>(&self, value: &'v Variant) -> Option<&'v Variant> {
        self.steps.iter().try_fold(value, |value, step| match (step, value) {
            (Step::Member(name), Variant::Object(members)) => {
                members.iter().find(|(known, _)| known == name).map(|(_, member)| member)
            }
            (Step::Item(index), Variant::Array(items)) => items.get(*index),
            _ => None,
        })
    }
}
