//! Data types as DDL: `a INT, b ARRAY<STRING> NOT NULL`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};

use super::{chars, map_of, marks, proto, type_of};
use crate::error::{Position, Result, SparkError, quote};
use crate::types::{self, interval::Units};

/// The name of a column's comment in its metadata.
const COMMENT: &str = "comment";

/// A type, or a list of columns, which is a struct.
pub(super) fn parse_type(text: &str, time_zone: &str) -> Result<DataType> {
    Ok(parse(text, time_zone, false)?.data_type().clone())
}

/// The same, as a column without a name.
pub(super) fn parse_column(text: &str, time_zone: &str) -> Result<Field> {
    parse(text, time_zone, false)
}

/// The same, as the message of a type with CHAR and VARCHAR.
pub(super) fn parse_message(text: &str, time_zone: &str) -> Result<proto::DataType> {
    Ok(type_of(&parse(text, time_zone, true)?))
}

fn parse(text: &str, time_zone: &str, marks: bool) -> Result<Field> {
    let tokens = tokenize(text)?;
    let mut single = Parser { tokens: &tokens, at: 0, time_zone, marks, mark: None };
    if let Ok(data_type) = single.data_type()
        && single.done()
    {
        return Ok(marks::marked(Field::new("", data_type, true), single.mark));
    }
    let mut columns = Parser { tokens: &tokens, at: 0, time_zone, marks, mark: None };
    let fields = columns.columns(None)?;
    if columns.done() {
        Ok(Field::new("", DataType::Struct(fields), true))
    } else {
        Err(columns.unexpected())
    }
}

/// The columns of a schema as DDL.
pub fn to_ddl(schema: &Schema) -> String {
    let columns: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let plain = field.name().starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && field.name().chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let name = if plain { field.name().clone() } else { quote(field.name()) };
            let nulls = if field.is_nullable() { "" } else { " NOT NULL" };
            let comment = match field.metadata().get(COMMENT) {
                Some(text) => format!(" COMMENT '{}'", text.trim_matches('"').replace('\'', "\\'")),
                None => String::new(),
            };
            format!("{name} {}{nulls}{comment}", type_ddl(field))
        })
        .collect();
    columns.join(",")
}

fn type_ddl(field: &Field) -> String {
    match field.data_type() {
        DataType::List(element) => format!("ARRAY<{}>", type_ddl(element)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                format!("MAP<{}, {}>", type_ddl(&kv[0]), type_ddl(&kv[1]))
            }
            _ => type_ddl(entries),
        },
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|f| {
                    let nulls = if f.is_nullable() { "" } else { " NOT NULL" };
                    format!("{}: {}{nulls}", f.name(), type_ddl(f))
                })
                .collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        _ => types::sql_name_of(field),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Symbol(char),
}

/// Tokens and the characters before them.
type Tokens = Vec<(Token, usize)>;

fn tokenize(text: &str) -> Result<Tokens> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        at += 1;
        if c.is_whitespace() {
            continue;
        }
        let token = if c == '`' || c == '\'' || c == '"' {
            let mut content = String::new();
            loop {
                match chars.get(at) {
                    None => return Err(syntax(None, chars.len())),
                    Some(&end) if end == c && c == '`' && chars.get(at + 1) == Some(&'`') => {
                        content.push('`');
                        at += 2;
                    }
                    Some(&end) if end == c => {
                        at += 1;
                        break;
                    }
                    Some('\\') if c != '`' && at + 1 < chars.len() => {
                        content.push(chars[at + 1]);
                        at += 2;
                    }
                    Some(&other) => {
                        content.push(other);
                        at += 1;
                    }
                }
            }
            if c == '`' { Token::Quoted(content) } else { Token::Text(content) }
        } else if c.is_alphanumeric() || c == '_' {
            while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            Token::Word(chars[start..at].iter().collect())
        } else {
            Token::Symbol(c)
        };
        tokens.push((token, start));
    }
    Ok(tokens)
}

fn syntax(near: Option<&str>, at: usize) -> SparkError {
    SparkError::syntax(near, "", Position { line: 1, pos: at as u64 })
}

struct Parser<'a> {
    tokens: &'a Tokens,
    at: usize,
    time_zone: &'a str,
    /// Whether CHAR and VARCHAR leave marks.
    marks: bool,
    /// That of the type read last.
    mark: Option<(String, String)>,
}

impl Parser<'_> {
    fn done(&self) -> bool {
        self.at == self.tokens.len()
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn unexpected(&self) -> SparkError {
        match self.tokens.get(self.at) {
            None => syntax(None, self.tokens.last().map_or(0, |(_, at)| *at)),
            Some((token, at)) => {
                let text = match token {
                    Token::Word(t) | Token::Quoted(t) | Token::Text(t) => t.clone(),
                    Token::Symbol(c) => c.to_string(),
                };
                syntax(Some(&text), *at)
            }
        }
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = self.peek() == Some(&Token::Symbol(symbol));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: char) -> Result<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn number(&mut self) -> Result<i64> {
        let negative = self.symbol('-');
        match self.peek() {
            Some(Token::Word(digits)) if digits.chars().all(|c| c.is_ascii_digit()) => {
                let number = digits.parse::<i64>().map_err(|_| self.unexpected())?;
                self.at += 1;
                Ok(if negative { -number } else { number })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Result<String> {
        let name = match self.peek() {
            Some(Token::Word(name) | Token::Quoted(name)) => name.clone(),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(name)
    }

    /// `name [:] type [NOT NULL] [COMMENT 'text']`, with commas between, up to `end`.
    fn columns(&mut self, end: Option<char>) -> Result<Fields> {
        let mut fields = Vec::new();
        if end.is_none() && self.done() {
            return Ok(Fields::empty());
        }
        loop {
            let name = self.name()?;
            self.symbol(':');
            let data_type = self.data_type()?;
            let mut nullable = true;
            let mut metadata: HashMap<_, _> = self.mark.take().into_iter().collect();
            loop {
                if self.word("NOT") {
                    if !self.word("NULL") {
                        return Err(self.unexpected());
                    }
                    nullable = false;
                } else if self.word("COMMENT") {
                    let Some(Token::Text(comment)) = self.peek() else { return Err(self.unexpected()) };
                    let text = serde_json::Value::String(comment.clone()).to_string();
                    metadata.insert(COMMENT.to_owned(), text);
                    self.at += 1;
                } else {
                    break;
                }
            }
            fields.push(Field::new(name, data_type, nullable).with_metadata(metadata));
            if !self.symbol(',') {
                return Ok(fields.into());
            }
        }
    }

    fn data_type(&mut self) -> Result<DataType> {
        let start = self.at;
        let Some(Token::Word(name)) = self.peek() else { return Err(self.unexpected()) };
        let name = name.to_ascii_lowercase();
        self.at += 1;
        Ok(match name.as_str() {
            "boolean" => DataType::Boolean,
            "tinyint" | "byte" => DataType::Int8,
            "smallint" | "short" => DataType::Int16,
            "int" | "integer" => DataType::Int32,
            "bigint" | "long" => DataType::Int64,
            "float" | "real" => DataType::Float32,
            "double" => DataType::Float64,
            "date" => DataType::Date32,
            "timestamp" | "timestamp_ltz" => types::timestamp(self.time_zone),
            "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "binary" => DataType::Binary,
            "void" | "null" => DataType::Null,
            "string" => {
                if self.word("COLLATE") {
                    self.name()?;
                }
                DataType::Utf8
            }
            "char" | "character" | "varchar" => {
                self.expect('(')?;
                let length = self.number()?;
                self.expect(')')?;
                self.mark = self.marks.then(|| chars::mark(&name, length));
                DataType::Utf8
            }
            "time" => {
                if self.symbol('(') {
                    self.number()?;
                    self.expect(')')?;
                }
                DataType::Time64(TimeUnit::Nanosecond)
            }
            "decimal" | "dec" | "numeric" => {
                let (mut precision, mut scale) = (10, 0);
                if self.symbol('(') {
                    precision = self.number()?;
                    if self.symbol(',') {
                        scale = self.number()?;
                    }
                    self.expect(')')?;
                }
                super::decimal_type(precision, scale, self.time_zone)?
            }
            "interval" => self.interval()?,
            "array" => {
                self.expect('<')?;
                let element = self.data_type()?;
                self.expect('>')?;
                DataType::List(Arc::new(marks::marked(
                    Field::new_list_field(element, true),
                    self.mark.take(),
                )))
            }
            "map" => {
                self.expect('<')?;
                let key = self.data_type()?;
                let of_key = self.mark.take();
                self.expect(',')?;
                let value = self.data_type()?;
                self.expect('>')?;
                map_of(key, value, true, [of_key, self.mark.take()])
            }
            "struct" => {
                self.expect('<')?;
                if self.symbol('>') {
                    return Ok(DataType::Struct(Fields::empty()));
                }
                let fields = self.columns(Some('>'))?;
                self.expect('>')?;
                DataType::Struct(fields)
            }
            "variant" => types::variant(),
            _ => {
                let error = SparkError::new(
                    "UNSUPPORTED_DATATYPE",
                    "0A000",
                    format!("Unsupported data type \"{}\".", name.to_uppercase()),
                )
                .with_param("typeName", format!("\"{}\"", name.to_uppercase()));
                let pos = self.tokens.get(start).map_or(0, |(_, at)| *at as u64);
                return Err(error.at(Some(Position { line: 1, pos })));
            }
        })
    }

    /// What follows INTERVAL.
    fn interval(&mut self) -> Result<DataType> {
        const UNITS: [&str; 6] = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
        let unit = |parser: &mut Self| UNITS.into_iter().find(|unit| parser.word(unit));
        let Some(first) = unit(self) else { return Ok(DataType::Interval(IntervalUnit::MonthDayNano)) };
        let last = if self.word("TO") { unit(self).unwrap_or_default() } else { first };
        let units = Units::named(first, last).ok_or_else(|| self.unexpected())?;
        self.mark = units.mark();
        Ok(units.data_type())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match parse_type(text, "UTC") {
            Ok(DataType::Struct(fields)) => to_ddl(&Schema::new(fields)),
            Ok(other) => types::sql_name(&other),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn columns_and_types_are_told_apart() {
        assert_eq!(parsed("int"), "INT");
        assert_eq!(
            parsed("a int, `b c` array<decimal(5, 2)> NOT NULL"),
            "a INT,`b c` ARRAY<DECIMAL(5,2)> NOT NULL"
        );
        assert_eq!(parsed("struct<a:int,b:map<string,long>>"), "a INT,b MAP<STRING, BIGINT>");
        assert_eq!(parsed("date interval day to second"), "date INTERVAL DAY TO SECOND");
        assert_eq!(
            parsed("a foo"),
            "[UNSUPPORTED_DATATYPE] Unsupported data type \"FOO\". SQLSTATE: 0A000; line 1 pos 2"
        );
    }

    #[test]
    fn strings_of_a_length_are_known_again_in_messages() {
        use crate::connect::proto::data_type::Kind;
        let kind = |text: &str| parse_message(text, "UTC").unwrap().kind.unwrap();
        assert!(matches!(kind("char( 10 )"), Kind::Char(char) if char.length == 10));
        assert!(matches!(kind("varchar(3)"), Kind::VarChar(varchar) if varchar.length == 3));
        let Kind::Array(array) = kind("array<varchar(3)>") else { panic!("an array") };
        assert!(matches!(array.element_type.unwrap().kind, Some(Kind::VarChar(_))));
        assert_eq!(parsed("a char(5)"), "a STRING");
    }
}
