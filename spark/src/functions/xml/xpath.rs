//! XPath 1.0 without variables, namespaces and identifiers.

mod eval;
mod parse;

pub use eval::Value;

use super::document::Document;

/// A compiled expression.
#[derive(Debug)]
pub struct XPath {
    expr: Expr,
}

impl XPath {
    /// Compiles an expression, or says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        parse::parse(text).map(|expr| Self { expr })
    }

    /// The value over a document.
    pub fn value(&self, document: &Document) -> Value {
        eval::evaluate(&self.expr, document)
    }
}

#[derive(Debug)]
enum Expr {
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Union(Box<Expr>, Box<Expr>),
    Number(f64),
    Text(String),
    Call(Function, Vec<Expr>),
    /// Some of the nodes of a value.
    Filter(Box<Expr>, Vec<Expr>),
    /// Steps from the value of an expression, from the root, or from where one is.
    Path(Start, Vec<Step>),
}

#[derive(Debug)]
enum Start {
    Here,
    Root,
    Value(Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug)]
struct Step {
    axis: Axis,
    test: Test,
    predicates: Vec<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Parent,
    Preceding,
    PrecedingSibling,
    Itself,
}

#[derive(Debug)]
enum Test {
    /// `*`.
    Any,
    Name(String),
    /// `node()`.
    Node,
    /// `text()`.
    Text,
    /// `comment()`.
    Comment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Last,
    Position,
    Count,
    LocalName,
    Name,
    String,
    Concat,
    StartsWith,
    Contains,
    SubstringBefore,
    SubstringAfter,
    Substring,
    StringLength,
    NormalizeSpace,
    Translate,
    Boolean,
    Not,
    True,
    False,
    Number,
    Sum,
    Floor,
    Ceiling,
    Round,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_the_values_of_the_specification() {
        let document = Document::parse(
            "<r><e n='1'>a</e><e n='2'>b<i>c</i></e><f><e n='3'>4</e></f><!-- x --><g>5</g></r>",
        )
        .unwrap();
        let text = |path: &str| XPath::new(path).unwrap().value(&document).into_text(&document);
        for (path, expected) in [
            ("/r/e[2]", "bc"),
            ("//e[@n > 1][last()]/@n", "2"),
            ("count(//e)", "3"),
            ("r/f/preceding-sibling::e[1]/@n", "2"),
            ("string(//i/ancestor::*[1]/@n)", "2"),
            ("name(//i/..)", "e"),
            ("r/e[position() = 1] | r/g", "a"),
            ("2 + 3 * 4 - 10 div 4", "11.5"),
            ("-(5 mod 3)", "-2"),
            ("r/g = 5 and r/g != '6'", "true"),
            ("sum(//e[number(.) = number(.)])", "4"),
            ("translate('bar', 'abc', 'AB')", "BAr"),
            ("substring('12345', 1.5, 2.6)", "234"),
            ("substring-after('a=b', '=')", "b"),
            ("string-length(normalize-space(' a  b '))", "3"),
            ("round(-2.5)", "-2"),
            ("1 div 0", "Infinity"),
            ("//comment()", " x "),
            ("r/*[self::g]/text()", "5"),
            ("(//e)[3]/following::g", "5"),
        ] {
            assert_eq!(text(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for path in ["!!", "a/", "a[", "foo()", "$x", "count()", "", "a b", "'x"] {
            assert!(XPath::new(path).is_err(), "{path}");
        }
        assert!(XPath::new(&"(".repeat(100_000)).is_err());
    }
}
