//! The values of expressions.

use std::cmp::Ordering;

use super::{Arithmetic, Axis, Comparison, Expr, Function, Start, Step, Test};
use crate::functions::xml::document::{Document, Kind, NodeId};
use crate::text;

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nodes in the order of the document.
    Nodes(Vec<NodeId>),
    Number(f64),
    Text(String),
    Flag(bool),
}

impl Value {
    /// As `boolean()` makes of it.
    pub fn flag(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Flag(flag) => *flag,
        }
    }

    /// As `number()` makes of it.
    pub fn number(&self, document: &Document) -> f64 {
        match self {
            Self::Number(n) => *n,
            Self::Flag(flag) => f64::from(u8::from(*flag)),
            Self::Text(text) => number(text),
            Self::Nodes(nodes) => nodes.first().map_or(f64::NAN, |id| number(&document.text_of(*id))),
        }
    }

    /// As `string()` makes of it.
    pub fn into_text(self, document: &Document) -> String {
        match self {
            Self::Text(text) => text,
            Self::Flag(flag) => flag.to_string(),
            Self::Number(n) if n.fract() == 0.0 && n.abs() < 1e15 => format!("{}", n as i64),
            Self::Number(n) if n.is_finite() => n.to_string(),
            Self::Number(n) => text::double(n),
            Self::Nodes(nodes) => nodes.first().map_or_else(String::new, |id| document.text_of(*id)),
        }
    }
}

fn number(text: &str) -> f64 {
    let text = text.trim();
    let plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

pub(super) fn evaluate(expr: &Expr, document: &Document) -> Value {
    Context { document, node: 0, position: 1, size: 1 }.value(expr)
}

#[derive(Clone, Copy)]
struct Context<'d> {
    document: &'d Document,
    node: NodeId,
    position: usize,
    size: usize,
}

impl Context<'_> {
    fn value(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Or(a, b) => Value::Flag(self.value(a).flag() || self.value(b).flag()),
            Expr::And(a, b) => Value::Flag(self.value(a).flag() && self.value(b).flag()),
            Expr::Compare(op, a, b) => Value::Flag(self.compare(*op, &self.value(a), &self.value(b))),
            Expr::Arithmetic(op, a, b) => {
                let (a, b) = (self.number(a), self.number(b));
                Value::Number(match op {
                    Arithmetic::Add => a + b,
                    Arithmetic::Subtract => a - b,
                    Arithmetic::Multiply => a * b,
                    Arithmetic::Divide => a / b,
                    Arithmetic::Remainder => a % b,
                })
            }
            Expr::Negate(a) => Value::Number(-self.number(a)),
            Expr::Union(a, b) => {
                let mut nodes = self.nodes(a);
                nodes.extend(self.nodes(b));
                Value::Nodes(in_order(nodes))
            }
            Expr::Number(n) => Value::Number(*n),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Call(function, args) => self.call(*function, args),
            Expr::Filter(inner, predicates) => {
                Value::Nodes(predicates.iter().fold(self.nodes(inner), |nodes, p| self.kept(nodes, p)))
            }
            Expr::Path(start, steps) => {
                let from = match start {
                    Start::Here => vec![self.node],
                    Start::Root => vec![0],
                    Start::Value(inner) => self.nodes(inner),
                };
                Value::Nodes(steps.iter().fold(from, |nodes, step| self.step(&nodes, step)))
            }
        }
    }

    fn number(&self, expr: &Expr) -> f64 {
        self.value(expr).number(self.document)
    }

    fn text(&self, expr: &Expr) -> String {
        self.value(expr).into_text(self.document)
    }

    /// What is no set of nodes has none.
    fn nodes(&self, expr: &Expr) -> Vec<NodeId> {
        match self.value(expr) {
            Value::Nodes(nodes) => nodes,
            _ => Vec::new(),
        }
    }

    fn step(&self, from: &[NodeId], step: &Step) -> Vec<NodeId> {
        let mut found = Vec::new();
        for node in from {
            let mut nodes = self.axis(*node, step.axis);
            nodes.retain(|id| self.passes(*id, step));
            for predicate in &step.predicates {
                nodes = self.kept(nodes, predicate);
            }
            found.extend(nodes);
        }
        in_order(found)
    }

    /// The nodes for which a predicate holds; a number is a position.
    fn kept(&self, nodes: Vec<NodeId>, predicate: &Expr) -> Vec<NodeId> {
        let size = nodes.len();
        nodes
            .into_iter()
            .enumerate()
            .filter(|(index, node)| {
                let position = index + 1;
                let context = Context { document: self.document, node: *node, position, size };
                match context.value(predicate) {
                    Value::Number(n) => same(n, position as f64),
                    other => other.flag(),
                }
            })
            .map(|(_, node)| node)
            .collect()
    }

    fn passes(&self, id: NodeId, step: &Step) -> bool {
        let node = self.document.node(id);
        let principal = if step.axis == Axis::Attribute { Kind::Attribute } else { Kind::Element };
        match &step.test {
            Test::Node => true,
            Test::Any => node.kind == principal,
            Test::Name(name) => node.kind == principal && node.name == *name,
            Test::Text => node.kind == Kind::Text,
            Test::Comment => node.kind == Kind::Comment,
        }
    }

    /// The nodes of an axis, the nearest first.
    fn axis(&self, id: NodeId, axis: Axis) -> Vec<NodeId> {
        let document = self.document;
        let node = document.node(id);
        let ancestors =
            || std::iter::successors(Some(id), |at| (*at != 0).then(|| document.node(*at).parent)).skip(1);
        let siblings = || match node.kind {
            Kind::Attribute | Kind::Root => &[][..],
            _ => &document.node(node.parent).children[..],
        };
        match axis {
            Axis::Itself => vec![id],
            Axis::Child => node.children.clone(),
            Axis::Attribute => node.attributes.clone(),
            Axis::Parent => ancestors().take(1).collect(),
            Axis::Ancestor => ancestors().collect(),
            Axis::AncestorOrSelf => std::iter::once(id).chain(ancestors()).collect(),
            Axis::Descendant => self.below(id),
            Axis::DescendantOrSelf => std::iter::once(id).chain(self.below(id)).collect(),
            Axis::FollowingSibling => siblings().iter().copied().filter(|s| *s > id).collect(),
            Axis::PrecedingSibling => siblings().iter().copied().filter(|s| *s < id).rev().collect(),
            Axis::Following => {
                let own = self.below(id);
                let all = self.below(0);
                all.into_iter().filter(|other| *other > id && !own.contains(other)).collect()
            }
            Axis::Preceding => {
                let above: Vec<_> = ancestors().collect();
                let all = self.below(0);
                all.into_iter().rev().filter(|other| *other < id && !above.contains(other)).collect()
            }
        }
    }

    /// What is inside a node, in the order of the document.
    fn below(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut open: Vec<NodeId> = self.document.node(id).children.iter().rev().copied().collect();
        while let Some(next) = open.pop() {
            found.push(next);
            open.extend(self.document.node(next).children.iter().rev());
        }
        found
    }

    /// Sets of nodes compare by any of their members.
    fn compare(&self, op: Comparison, a: &Value, b: &Value) -> bool {
        let texts = |nodes: &[NodeId]| -> Vec<Value> {
            nodes.iter().map(|id| Value::Text(self.document.text_of(*id))).collect()
        };
        match (a, b) {
            (Value::Nodes(_), Value::Flag(_)) | (Value::Flag(_), Value::Nodes(_)) => {
                self.single(op, &Value::Flag(a.flag()), &Value::Flag(b.flag()))
            }
            (Value::Nodes(nodes), _) => texts(nodes).iter().any(|a| self.compare(op, a, b)),
            (_, Value::Nodes(nodes)) => texts(nodes).iter().any(|b| self.single(op, a, b)),
            _ => self.single(op, a, b),
        }
    }

    fn single(&self, op: Comparison, a: &Value, b: &Value) -> bool {
        let equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
        if equality {
            let same = match (a, b) {
                (Value::Flag(_), _) | (_, Value::Flag(_)) => a.flag() == b.flag(),
                (Value::Text(a), Value::Text(b)) => a == b,
                _ => same(a.number(self.document), b.number(self.document)),
            };
            return same == (op == Comparison::Equal);
        }
        let (a, b) = (a.number(self.document), b.number(self.document));
        match op {
            Comparison::Less => a < b,
            Comparison::LessOrEqual => a <= b,
            Comparison::Greater => a > b,
            _ => a >= b,
        }
    }

    fn call(&self, function: Function, args: &[Expr]) -> Value {
        let here = || self.document.text_of(self.node);
        let text = |index: usize| args.get(index).map_or_else(String::new, |arg| self.text(arg));
        let number = |index: usize| args.get(index).map_or(f64::NAN, |arg| self.number(arg));
        let name = || {
            let node = match args.first() {
                Some(arg) => self.nodes(arg).first().copied(),
                None => Some(self.node),
            };
            node.map_or_else(String::new, |id| self.document.node(id).name.clone())
        };
        match function {
            Function::Last => Value::Number(self.size as f64),
            Function::Position => Value::Number(self.position as f64),
            Function::Count => Value::Number(args.first().map_or(0, |arg| self.nodes(arg).len()) as f64),
            Function::Name => Value::Text(name()),
            Function::LocalName => {
                let name = name();
                Value::Text(name.rsplit(':').next().unwrap_or_default().to_owned())
            }
            Function::String => Value::Text(if args.is_empty() { here() } else { text(0) }),
            Function::Concat => Value::Text((0..args.len()).map(text).collect()),
            Function::StartsWith => Value::Flag(text(0).starts_with(&text(1))),
            Function::Contains => Value::Flag(text(0).contains(&text(1))),
            Function::SubstringBefore => {
                Value::Text(text(0).split_once(&text(1)).map_or_else(String::new, |(a, _)| a.to_owned()))
            }
            Function::SubstringAfter => {
                Value::Text(text(0).split_once(&text(1)).map_or_else(String::new, |(_, b)| b.to_owned()))
            }
            Function::Substring => {
                let start = round(number(1));
                let end = if args.len() > 2 { start + round(number(2)) } else { f64::INFINITY };
                let inside = |(index, _): &(usize, char)| {
                    let at = (*index + 1) as f64;
                    at >= start && at < end
                };
                Value::Text(text(0).chars().enumerate().filter(inside).map(|(_, c)| c).collect())
            }
            Function::StringLength => {
                let text = if args.is_empty() { here() } else { text(0) };
                Value::Number(text.chars().count() as f64)
            }
            Function::NormalizeSpace => {
                let text = if args.is_empty() { here() } else { text(0) };
                Value::Text(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            }
            Function::Translate => {
                let (from, to): (Vec<char>, Vec<char>) =
                    (text(1).chars().collect(), text(2).chars().collect());
                let whole = text(0);
                let translated = whole.chars().filter_map(|c| match from.iter().position(|f| *f == c) {
                    Some(index) => to.get(index).copied(),
                    None => Some(c),
                });
                Value::Text(translated.collect())
            }
            Function::Boolean => Value::Flag(args.first().is_some_and(|arg| self.value(arg).flag())),
            Function::Not => Value::Flag(!args.first().is_some_and(|arg| self.value(arg).flag())),
            Function::True => Value::Flag(true),
            Function::False => Value::Flag(false),
            Function::Number if args.is_empty() => Value::Number(Value::Text(here()).number(self.document)),
            Function::Number => Value::Number(number(0)),
            Function::Sum => {
                let nodes = args.first().map(|arg| self.nodes(arg)).unwrap_or_default();
                let sum = nodes.into_iter().map(|id| Value::Nodes(vec![id]).number(self.document)).sum();
                Value::Number(sum)
            }
            Function::Floor => Value::Number(number(0).floor()),
            Function::Ceiling => Value::Number(number(0).ceil()),
            Function::Round => Value::Number(round(number(0))),
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    a.partial_cmp(&b) == Some(Ordering::Equal)
}

/// Halves go up.
fn round(n: f64) -> f64 {
    (n + 0.5).floor()
}

fn in_order(mut nodes: Vec<NodeId>) -> Vec<NodeId> {
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}
