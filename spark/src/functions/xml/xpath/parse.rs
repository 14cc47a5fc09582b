//! Text to expressions.

use super::{Arithmetic, Axis, Comparison, Expr, Function, Start, Step, Test};

/// Expressions may be nested this deep.
const MAX_DEPTH: usize = 100;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    /// A name that is no operator.
    Name(String),
    /// Operators and punctuation.
    Sign(&'static str),
}

/// Signs, the longer ones first.
const SIGNS: [&str; 22] = [
    "::", "//", "..", "!=", "<=", ">=", "(", ")", "[", "]", ".", "@", ",", "/", "|", "+", "-", "=", "<", ">",
    "*", "$",
];

pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expr = parser.expr()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expr),
        Some(token) => Err(unexpected(token)),
    }
}

fn unexpected(token: &Token) -> String {
    let shown = match token {
        Token::Number(n) => n.to_string(),
        Token::Text(text) | Token::Name(text) => text.clone(),
        Token::Sign(sign) => (*sign).to_owned(),
    };
    format!("Extra illegal tokens: '{shown}'")
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token;
        if first == '"' || first == '\'' {
            let Some(end) = rest[1..].find(first) else {
                return Err("misquoted literal... expected double quote!".to_owned());
            };
            token = Token::Text(rest[1..=end].to_owned());
            rest = &rest[end + 2..];
        } else if first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
            token = Token::Number(
                rest[..end]
                    .parse()
                    .map_err(|_| format!("{} could not be formatted to a number!", &rest[..end]))?,
            );
            rest = &rest[end..];
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            token = Token::Sign(sign);
            rest = &rest[sign.len()..];
        } else if first.is_alphabetic() || first == '_' {
            let end = name_end(rest);
            let name = &rest[..end];
            rest = &rest[end..];
            let operator = ["and", "or", "div", "mod"].into_iter().find(|word| *word == name);
            token = match operator {
                Some(word) if after_operand(tokens.last()) => Token::Sign(word),
                _ => Token::Name(name.to_owned()),
            };
        } else {
            return Err(format!(
                "A location path was expected, but the following token was encountered:  {first}"
            ));
        }
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// Names hold single colons, as in `p:name`, but not the two of an axis.
fn name_end(text: &str) -> usize {
    let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = text.find(|c: char| !letter(c)).unwrap_or(text.len());
    match text[end..].strip_prefix(':') {
        Some(local) if local.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            end + 1 + local.find(|c: char| !letter(c)).unwrap_or(local.len())
        }
        _ => end,
    }
}

/// Whether a word or star that follows is an operator.
fn after_operand(last: Option<&Token>) -> bool {
    match last {
        None => false,
        Some(Token::Sign(sign)) => matches!(*sign, ")" | "]" | "." | ".." | "*"),
        Some(_) => true,
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

type Parsed = Result<Expr, String>;

impl Parser {
    fn peek(&self, offset: usize) -> Option<&Token> {
        self.tokens.get(self.at + offset)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(0), Some(Token::Sign(s)) if *s == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.accept(sign) {
            return Ok(());
        }
        let found = self.peek(0).map_or("end of expression".to_owned(), unexpected);
        Err(format!("Expected {sign}, but found: {found}"))
    }

    fn expr(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the expression is nested deeper than {MAX_DEPTH}"));
        }
        let expr = self.binary(0);
        self.depth -= 1;
        expr
    }

    /// Binary operators by rising precedence.
    fn binary(&mut self, level: usize) -> Parsed {
        const LEVELS: [&[&str]; 6] =
            [&["or"], &["and"], &["=", "!="], &["<", "<=", ">", ">="], &["+", "-"], &["*", "div", "mod"]];
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.is_sign(sign)) {
            self.at += 1;
            let (a, b) = (Box::new(left), Box::new(self.binary(level + 1)?));
            left = match *sign {
                "or" => Expr::Or(a, b),
                "and" => Expr::And(a, b),
                "=" => Expr::Compare(Comparison::Equal, a, b),
                "!=" => Expr::Compare(Comparison::NotEqual, a, b),
                "<" => Expr::Compare(Comparison::Less, a, b),
                "<=" => Expr::Compare(Comparison::LessOrEqual, a, b),
                ">" => Expr::Compare(Comparison::Greater, a, b),
                ">=" => Expr::Compare(Comparison::GreaterOrEqual, a, b),
                "+" => Expr::Arithmetic(Arithmetic::Add, a, b),
                "-" => Expr::Arithmetic(Arithmetic::Subtract, a, b),
                "*" => Expr::Arithmetic(Arithmetic::Multiply, a, b),
                "div" => Expr::Arithmetic(Arithmetic::Divide, a, b),
                _ => Expr::Arithmetic(Arithmetic::Remainder, a, b),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let mut negative = false;
        while self.accept("-") {
            negative = !negative;
        }
        let mut left = self.path()?;
        while self.accept("|") {
            left = Expr::Union(Box::new(left), Box::new(self.path()?));
        }
        Ok(if negative { Expr::Negate(Box::new(left)) } else { left })
    }

    fn path(&mut self) -> Parsed {
        if self.accept("//") {
            let mut steps = vec![anywhere()];
            self.steps(&mut steps)?;
            return Ok(Expr::Path(Start::Root, steps));
        }
        if self.accept("/") {
            let mut steps = Vec::new();
            if self.starts_step() {
                self.steps(&mut steps)?;
            }
            return Ok(Expr::Path(Start::Root, steps));
        }
        let Some(primary) = self.primary()? else {
            let mut steps = Vec::new();
            self.steps(&mut steps)?;
            return Ok(Expr::Path(Start::Here, steps));
        };
        let predicates = self.predicates()?;
        let filtered =
            if predicates.is_empty() { primary } else { Expr::Filter(Box::new(primary), predicates) };
        let mut steps = Vec::new();
        if self.accept("//") {
            steps.push(anywhere());
        } else if !self.accept("/") {
            return Ok(filtered);
        }
        self.steps(&mut steps)?;
        Ok(Expr::Path(Start::Value(Box::new(filtered)), steps))
    }

    fn starts_step(&self) -> bool {
        match self.peek(0) {
            Some(Token::Name(_)) => true,
            Some(Token::Sign(sign)) => matches!(*sign, "." | ".." | "@" | "*"),
            _ => false,
        }
    }

    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        loop {
            steps.push(self.step()?);
            if self.accept("//") {
                steps.push(anywhere());
            } else if !self.accept("/") {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        if self.accept(".") {
            return Ok(Step { axis: Axis::Itself, test: Test::Node, predicates: vec![] });
        }
        if self.accept("..") {
            return Ok(Step { axis: Axis::Parent, test: Test::Node, predicates: vec![] });
        }
        let axis = if self.accept("@") {
            Axis::Attribute
        } else if let (Some(Token::Name(name)), Some(Token::Sign("::"))) = (self.peek(0), self.peek(1)) {
            let axis = axis(name).ok_or_else(|| format!("illegal axis name: {name}"))?;
            self.at += 2;
            axis
        } else {
            Axis::Child
        };
        let test = match self.peek(0).cloned() {
            Some(Token::Sign("*")) => {
                self.at += 1;
                Test::Any
            }
            Some(Token::Name(name)) => {
                self.at += 1;
                if self.accept("(") {
                    self.expect(")")?;
                    match name.as_str() {
                        "node" => Test::Node,
                        "text" => Test::Text,
                        "comment" => Test::Comment,
                        _ => return Err(format!("Could not find function: {name}")),
                    }
                } else {
                    Test::Name(name)
                }
            }
            Some(token) => return Err(unexpected(&token)),
            None => return Err("A location step was expected following the '/' or '//' token.".to_owned()),
        };
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, String> {
        let mut predicates = Vec::new();
        while self.accept("[") {
            predicates.push(self.expr()?);
            self.expect("]")?;
        }
        Ok(predicates)
    }

    /// A value in brackets, a literal or a call; nothing where a path starts.
    fn primary(&mut self) -> Result<Option<Expr>, String> {
        match self.peek(0).cloned() {
            Some(Token::Number(n)) => {
                self.at += 1;
                Ok(Some(Expr::Number(n)))
            }
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(Some(Expr::Text(text)))
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.expr()?;
                self.expect(")")?;
                Ok(Some(inner))
            }
            Some(Token::Name(name))
                if self.peek(1) == Some(&Token::Sign("("))
                    && !matches!(name.as_str(), "node" | "text" | "comment") =>
            {
                self.at += 2;
                let mut args = Vec::new();
                while !self.accept(")") {
                    if !args.is_empty() {
                        self.expect(",")?;
                    }
                    args.push(self.expr()?);
                }
                call(&name, args).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The step that `//` stands for.
fn anywhere() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: vec![] }
}

fn axis(name: &str) -> Option<Axis> {
    Some(match name {
        "ancestor" => Axis::Ancestor,
        "ancestor-or-self" => Axis::AncestorOrSelf,
        "attribute" => Axis::Attribute,
        "child" => Axis::Child,
        "descendant" => Axis::Descendant,
        "descendant-or-self" => Axis::DescendantOrSelf,
        "following" => Axis::Following,
        "following-sibling" => Axis::FollowingSibling,
        "parent" => Axis::Parent,
        "preceding" => Axis::Preceding,
        "preceding-sibling" => Axis::PrecedingSibling,
        "self" => Axis::Itself,
        _ => return None,
    })
}

fn call(name: &str, args: Vec<Expr>) -> Parsed {
    let (function, low, high) = match name {
        "last" => (Function::Last, 0, 0),
        "position" => (Function::Position, 0, 0),
        "count" => (Function::Count, 1, 1),
        "local-name" => (Function::LocalName, 0, 1),
        "name" => (Function::Name, 0, 1),
        "string" => (Function::String, 0, 1),
        "concat" => (Function::Concat, 2, usize::MAX),
        "starts-with" => (Function::StartsWith, 2, 2),
        "contains" => (Function::Contains, 2, 2),
        "substring-before" => (Function::SubstringBefore, 2, 2),
        "substring-after" => (Function::SubstringAfter, 2, 2),
        "substring" => (Function::Substring, 2, 3),
        "string-length" => (Function::StringLength, 0, 1),
        "normalize-space" => (Function::NormalizeSpace, 0, 1),
        "translate" => (Function::Translate, 3, 3),
        "boolean" => (Function::Boolean, 1, 1),
        "not" => (Function::Not, 1, 1),
        "true" => (Function::True, 0, 0),
        "false" => (Function::False, 0, 0),
        "number" => (Function::Number, 0, 1),
        "sum" => (Function::Sum, 1, 1),
        "floor" => (Function::Floor, 1, 1),
        "ceiling" => (Function::Ceiling, 1, 1),
        "round" => (Function::Round, 1, 1),
        _ => return Err(format!("Could not find function: {name}")),
    };
    if !(low..=high).contains(&args.len()) {
        return Err(format!("FuncArgCountErr: {name} does not take {} arguments", args.len()));
    }
    Ok(Expr::Call(function, args))
}
