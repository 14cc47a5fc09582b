//! XML read as values, guided by the type that is wanted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;

use super::document::{Document, Kind, NodeId};
use crate::error::Result;
use crate::source::json::node::{Node, Value};
use crate::source::options::Options;

/// Names of attributes and of an element's own text, in fields.
#[derive(Debug)]
pub struct Names {
    pub attribute_prefix: String,
    pub value_tag: String,
    pub exclude_attributes: bool,
}

impl Names {
    /// Reads the options.
    pub fn new(options: &Options<'_>) -> Result<Self> {
        Ok(Self {
            attribute_prefix: options.get("attributePrefix").unwrap_or("_").to_owned(),
            value_tag: options.get("valueTag").unwrap_or("_VALUE").to_owned(),
            exclude_attributes: options.flag("excludeAttribute", false)?,
        })
    }
}

/// The texts of a document's nodes, by node.
pub struct Texts {
    /// All of an element's text, or its markup where elements are in it.
    whole: Vec<String>,
    /// The text between the elements in it.
    own: Vec<String>,
}

impl Texts {
    /// The texts of all nodes, without blanks around them.
    pub fn new(document: &Document) -> Self {
        let ids = 0..document.len();
        let whole = ids.clone().map(|id| {
            let text = match document.elements(id).next() {
                Some(_) => document.markup(id),
                None => document.text_of(id),
            };
            text.trim().to_owned()
        });
        Self { whole: whole.collect(), own: ids.map(|id| document.own_text(id).trim().to_owned()).collect() }
    }
}

/// Reads with the options of one call.
#[derive(Debug)]
pub struct Reader {
    names: Names,
    null_value: Option<String>,
}

impl Reader {
    /// Reads the options.
    pub fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        let options = Options(given);
        Ok(Self { names: Names::new(&options)?, null_value: options.get("nullValue").map(str::to_owned) })
    }

    /// The outermost element as a value of a type.
    pub fn node<'t>(&self, document: &Document, texts: &'t Texts, to: &DataType) -> Option<Node<'t>> {
        Some(self.element(document, texts, document.outermost()?, to))
    }

    fn element<'t>(&self, document: &Document, texts: &'t Texts, id: NodeId, to: &DataType) -> Node<'t> {
        let nested = |value| Node { raw: &texts.whole[id], value };
        match to {
            DataType::Struct(fields) => {
                let mut members = Vec::new();
                for field in fields {
                    let name = field.name();
                    if let Some(value) = self.member(document, texts, id, name, field.data_type()) {
                        members.push((Cow::Owned(name.clone()), value));
                    }
                }
                nested(Value::Object(members))
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(kv) = entries.data_type() else { return nested(Value::Null) };
                let Some(of) = kv.get(1).map(|field| field.data_type()) else { return nested(Value::Null) };
                let attributes =
                    document.node(id).attributes.iter().filter(|_| !self.names.exclude_attributes);
                let attributes = attributes.map(|at| {
                    let name = format!("{}{}", self.names.attribute_prefix, document.node(*at).name);
                    (Cow::Owned(name), self.leaf(&texts.whole[*at], of))
                });
                let children = document.elements(id).map(|child| {
                    let name = document.node(child).name.clone();
                    (Cow::Owned(name), self.element(document, texts, child, of))
                });
                nested(Value::Object(attributes.chain(children).collect()))
            }
            DataType::List(item) => {
                nested(Value::Array(vec![self.element(document, texts, id, item.data_type())]))
            }
            leaf => self.leaf(&texts.whole[id], leaf),
        }
    }

    /// The value of a field of an element: an attribute, its own text, or elements of that name.
    fn member<'t>(
        &self,
        document: &Document,
        texts: &'t Texts,
        id: NodeId,
        name: &str,
        to: &DataType,
    ) -> Option<Node<'t>> {
        if name == self.names.value_tag {
            let text = &texts.own[id];
            return if text.is_empty() { None } else { Some(self.leaf(text, to)) };
        }
        let attribute = name.strip_prefix(&self.names.attribute_prefix).and_then(|name| {
            let mut attributes = document.node(id).attributes.iter();
            attributes.find(|at| document.node(**at).name == name).copied()
        });
        if let Some(at) = attribute
            && !self.names.exclude_attributes
        {
            return Some(self.leaf(&texts.whole[at], to));
        }
        let mut named = document.elements(id).filter(|child| document.node(*child).name == name).peekable();
        named.peek()?;
        if let DataType::List(item) = to {
            let items = named.map(|child| self.element(document, texts, child, item.data_type()));
            return Some(Node { raw: &texts.whole[id], value: Value::Array(items.collect()) });
        }
        named.last().map(|child| self.element(document, texts, child, to))
    }

    /// A text as what its column takes.
    fn leaf<'t>(&self, text: &'t str, to: &DataType) -> Node<'t> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let value = if self.null_value.as_deref() == Some(text) || (text.is_empty() && to != &DataType::Utf8)
        {
            Value::Null
        } else if matches!(to, DataType::Utf8 | DataType::Date32 | DataType::Timestamp(..)) {
            Value::Text(Cow::Borrowed(text))
        } else if whole {
            Value::Integer
        } else if matches!(text, "true" | "false") {
            Value::Boolean(text == "true")
        } else if to.is_numeric() && text.parse::<f64>().is_ok() {
            Value::Float
        } else {
            Value::Text(Cow::Borrowed(text))
        };
        Node { raw: text, value }
    }
}

impl Document {
    /// What stands between the tags of an element.
    fn markup(&self, id: NodeId) -> String {
        let mut out = String::new();
        self.write_children(id, &mut out);
        out
    }

    fn write_children(&self, id: NodeId, out: &mut String) {
        for child in &self.node(id).children {
            let node = self.node(*child);
            match node.kind {
                Kind::Element => {
                    out.push('<');
                    out.push_str(&node.name);
                    for at in &node.attributes {
                        let attribute = self.node(*at);
                        out.push_str(&format!(" {}=\"", attribute.name));
                        super::write::escape(out, &attribute.value, true);
                        out.push('"');
                    }
                    out.push('>');
                    self.write_children(*child, out);
                    out.push_str(&format!("</{}>", node.name));
                }
                Kind::Text => super::write::escape(out, &node.value, false),
                Kind::Root | Kind::Attribute | Kind::Comment => {}
            }
        }
    }

    /// The text of an element without that of the elements in it.
    pub(super) fn own_text(&self, id: NodeId) -> String {
        let node = self.node(id);
        if node.kind == Kind::Attribute {
            return node.value.clone();
        }
        let texts = node.children.iter().map(|child| self.node(*child));
        texts.filter(|node| node.kind == Kind::Text).map(|node| node.value.as_str()).collect()
    }
}
