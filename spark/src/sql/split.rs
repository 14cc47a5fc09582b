//! Cuts a script into statements as spark-sql does.

/// One statement of a script, without its semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptStatement {
    /// Text from its first to its last character that is neither blank nor comment before it.
    pub text: String,
    /// Line of its first character, from 1.
    pub line: u64,
    /// Column of its first character, from 1.
    pub column: u64,
}

impl ScriptStatement {
    /// A statement that stands alone.
    pub fn single(text: impl Into<String>) -> Self {
        Self { text: text.into(), line: 1, column: 1 }
    }
}

/// What the scanner is inside of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Quoted(char),
    LineComment,
    BlockComment(usize),
}

/// Cuts at `;` outside quotes, backquotes, `--` comments and nested `/* */` comments.
///
/// Statements that hold nothing but blanks and comments are left out.
pub fn split_statements(script: &str) -> Vec<ScriptStatement> {
    let mut statements = Vec::new();
    let mut state = State::Plain;
    let (mut line, mut column) = (1_u64, 1_u64);
    // Byte offset and place of the first character of the current statement that is code.
    let mut start: Option<(usize, u64, u64)> = None;
    let mut chars = script.char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        let here = (offset, line, column);
        let next = chars.peek().map(|(_, next)| *next);
        let mut pair = false;
        match state {
            State::Plain => match (c, next) {
                ('-', Some('-')) => state = State::LineComment,
                ('/', Some('*')) => {
                    state = State::BlockComment(1);
                    pair = true;
                    // A hint is code.
                    if script[offset..].starts_with("/*+") {
                        start = start.or(Some(here));
                    }
                }
                (';', _) => {
                    push(&mut statements, script, start.take(), offset);
                }
                ('\'' | '"' | '`', _) => {
                    state = State::Quoted(c);
                    start = start.or(Some(here));
                }
                _ if !c.is_whitespace() => start = start.or(Some(here)),
                _ => {}
            },
            State::Quoted(quote) => {
                if c == '\\' && quote != '`' {
                    pair = next.is_some();
                } else if c == quote {
                    state = State::Plain;
                }
            }
            State::LineComment => {
                if c == '\n' {
                    state = State::Plain;
                }
            }
            State::BlockComment(depth) => match (c, next) {
                ('*', Some('/')) => {
                    pair = true;
                    state = if depth == 1 { State::Plain } else { State::BlockComment(depth - 1) };
                }
                ('/', Some('*')) => {
                    pair = true;
                    state = State::BlockComment(depth + 1);
                }
                _ => {}
            },
        }
        (line, column) = advance(c, line, column);
        if pair && let Some((_, second)) = chars.next() {
            (line, column) = advance(second, line, column);
        }
    }
    push(&mut statements, script, start, script.len());
    statements
}

fn advance(c: char, line: u64, column: u64) -> (u64, u64) {
    if c == '\n' { (line + 1, 1) } else { (line, column + 1) }
}

fn push(statements: &mut Vec<ScriptStatement>, script: &str, start: Option<(usize, u64, u64)>, end: usize) {
    if let Some((offset, line, column)) = start {
        statements.push(ScriptStatement { text: script[offset..end].trim_end().to_owned(), line, column });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<String> {
        split_statements(script).into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_split() {
        let cases: &[(&str, &[&str])] = &[
            ("select 1; select 2;", &["select 1", "select 2"]),
            ("select ';', \";\", `;`; select 2", &["select ';', \";\", `;`", "select 2"]),
            (r"select 'it\';s'; select 2", &[r"select 'it\';s'", "select 2"]),
            ("select 'it'';s'; select 2", &["select 'it'';s'", "select 2"]),
            ("select 1 -- a;b\n; select 2", &["select 1 -- a;b", "select 2"]),
            ("select 1 /* a;/* b; */ c; */; select 2", &["select 1 /* a;/* b; */ c; */", "select 2"]),
            (";;  ; -- nothing\n/* here */", &[]),
            ("-- lead\nselect 1", &["select 1"]),
            (r"select `a\`; select 2", &[r"select `a\`", "select 2"]),
            ("select 'open; select 2", &["select 'open; select 2"]),
        ];
        for (script, expected) in cases {
            assert_eq!(&texts(script), expected, "{script}");
        }
    }

    #[test]
    fn statements_know_their_place() {
        let statements = split_statements("select 1;\n-- c\n  select\n2;select 3");
        let places: Vec<_> = statements.iter().map(|s| (s.line, s.column)).collect();
        assert_eq!(places, [(1, 1), (3, 3), (4, 3)]);
    }
}
