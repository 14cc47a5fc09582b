//! XML as a list of nodes in the order of the document.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// Elements may be nested this deep.
const MAX_DEPTH: usize = 500;

/// The place of a node in its document.
pub type NodeId = usize;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Above the outermost element.
    Root,
    Element,
    Attribute,
    Text,
    Comment,
}

/// A node; names are as they were written, with their prefixes.
#[derive(Debug)]
pub struct Node {
    pub kind: Kind,
    pub name: String,
    /// Of attributes, texts and comments.
    pub value: String,
    pub parent: NodeId,
    pub attributes: Vec<NodeId>,
    pub children: Vec<NodeId>,
}

/// A parsed text; node 0 is the root.
#[derive(Debug)]
pub struct Document {
    nodes: Vec<Node>,
}

impl Document {
    /// Parses a text that is one well-formed element; else says why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut document = Self { nodes: vec![Node::new(Kind::Root, String::new(), String::new(), 0)] };
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![0];
        let decoder = reader.decoder();
        loop {
            let parent = open.last().copied().unwrap_or(0);
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => {
                    if open.len() > MAX_DEPTH {
                        return Err(format!("elements are nested deeper than {MAX_DEPTH}"));
                    }
                    let id = document.element(&start, parent, decoder)?;
                    open.push(id);
                }
                Event::End(_) => {
                    open.pop();
                }
                Event::Text(text) => {
                    let text = text.xml_content().map_err(|error| error.to_string())?;
                    document.text(parent, &text)?;
                }
                Event::CData(text) => {
                    let text = text.xml_content().map_err(|error| error.to_string())?;
                    document.text(parent, &text)?;
                }
                Event::GeneralRef(reference) => {
                    let found = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                        Some(c) => c.to_string(),
                        None => {
                            let name = reference.decode().map_err(|error| error.to_string())?;
                            match resolve_predefined_entity(&name) {
                                Some(text) => text.to_owned(),
                                None => {
                                    return Err(format!(
                                        "The entity \"{name}\" was referenced, but not declared."
                                    ));
                                }
                            }
                        }
                    };
                    document.text(parent, &found)?;
                }
                Event::Comment(text) => {
                    let text = text.decode().map_err(|error| error.to_string())?.into_owned();
                    document.add(Node::new(Kind::Comment, String::new(), text, parent));
                }
                Event::Eof => break,
                Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        if open.len() > 1 || document.outermost().is_none() {
            return Err("XML document structures must start and end within the same entity.".to_owned());
        }
        Ok(document)
    }

    fn element(
        &mut self,
        start: &BytesStart<'_>,
        parent: NodeId,
        decoder: quick_xml::Decoder,
    ) -> Result<NodeId, String> {
        if parent == 0 && self.outermost().is_some() {
            return Err(
                "The markup in the document following the root element must be well-formed.".to_owned()
            );
        }
        let name = decoder.decode(start.name().into_inner()).map_err(|error| error.to_string())?.into_owned();
        let id = self.add(Node::new(Kind::Element, name, String::new(), parent));
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = decoder.decode(attribute.key.into_inner()).map_err(|error| error.to_string())?;
            let value = attribute.decode_and_unescape_value(decoder).map_err(|error| error.to_string())?;
            let at = self.nodes.len();
            self.nodes.push(Node::new(Kind::Attribute, name.into_owned(), value.into_owned(), id));
            self.nodes[id].attributes.push(at);
        }
        Ok(id)
    }

    fn text(&mut self, parent: NodeId, text: &str) -> Result<(), String> {
        if parent == 0 {
            return match text.trim() {
                "" => Ok(()),
                _ => Err("Content is not allowed in prolog.".to_owned()),
            };
        }
        // Parts of one text stand together.
        match self.nodes[parent].children.last().copied() {
            Some(last) if self.nodes[last].kind == Kind::Text => self.nodes[last].value.push_str(text),
            _ if text.is_empty() => {}
            _ => {
                self.add(Node::new(Kind::Text, String::new(), text.to_owned(), parent));
            }
        }
        Ok(())
    }

    fn add(&mut self, node: Node) -> NodeId {
        let id = self.nodes.len();
        let parent = node.parent;
        self.nodes.push(node);
        self.nodes[parent].children.push(id);
        id
    }

    /// The outermost element, which a parsed document has.
    pub fn outermost(&self) -> Option<NodeId> {
        self.nodes[0].children.iter().copied().find(|child| self.nodes[*child].kind == Kind::Element)
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// The elements inside an element.
    pub fn elements(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.nodes[id].children.iter().copied().filter(|child| self.nodes[*child].kind == Kind::Element)
    }

    /// The text of a node and of all that is in it.
    pub fn text_of(&self, id: NodeId) -> String {
        let mut out = String::new();
        self.collect(id, &mut out);
        out
    }

    fn collect(&self, id: NodeId, out: &mut String) {
        let node = &self.nodes[id];
        match node.kind {
            Kind::Attribute | Kind::Text | Kind::Comment => out.push_str(&node.value),
            Kind::Root | Kind::Element => {
                for child in &node.children {
                    if self.nodes[*child].kind != Kind::Comment {
                        self.collect(*child, out);
                    }
                }
            }
        }
    }
}

impl Node {
    fn new(kind: Kind, name: String, value: String, parent: NodeId) -> Self {
        Self { kind, name, value, parent, attributes: vec![], children: vec![] }
    }
}
