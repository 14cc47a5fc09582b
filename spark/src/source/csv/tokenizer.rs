//! Cuts a record of CSV into fields, with the quoting rules of Spark's parser.

use memchr::{memchr, memmem};

use super::options::CsvOptions;

/// Where a field's text stands.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    /// In the scratch buffer rather than in the record.
    unescaped: bool,
    quoted: bool,
}

/// Cuts records into fields; the buffers are used again for each record.
pub struct Tokenizer {
    delimiter: Vec<u8>,
    quote: Option<u8>,
    escape: Option<u8>,
    trim_start: bool,
    trim_end: bool,
    /// Line ends within quotes belong to the field, outside of them they end the record.
    multi_line: bool,
    spans: Vec<Span>,
    scratch: Vec<u8>,
}

/// One field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: &'a [u8],
    pub quoted: bool,
}

impl Tokenizer {
    /// A tokenizer for files with these options.
    pub fn new(options: &CsvOptions) -> Self {
        Self {
            delimiter: options.delimiter.as_bytes().to_vec(),
            quote: options.quote,
            escape: options.escape,
            trim_start: options.ignore_leading_space,
            trim_end: options.ignore_trailing_space,
            multi_line: options.multi_line,
            spans: vec![],
            scratch: vec![],
        }
    }

    /// Cuts one record out of `input`, which starts with it, and returns its length with its
    /// line end. Without multi-line fields `input` is exactly one line.
    pub fn record(&mut self, input: &[u8]) -> usize {
        self.spans.clear();
        self.scratch.clear();
        let mut at = 0;
        loop {
            at = self.field(input, at);
            if input[at..].starts_with(&self.delimiter) {
                at += self.delimiter.len();
                continue;
            }
            return at + line_end(&input[at..]);
        }
    }

    /// Number of fields of the last record.
    pub fn width(&self) -> usize {
        self.spans.len()
    }

    /// A field of the last record, which was cut out of `input`.
    pub fn get<'a>(&'a self, input: &'a [u8], index: usize) -> Option<Token<'a>> {
        let span = self.spans.get(index)?;
        let source = if span.unescaped { &self.scratch[..] } else { input };
        Some(Token { text: &source[span.start..span.end], quoted: span.quoted })
    }

    /// Reads a field at `start` and returns where its delimiter or the record's end is.
    fn field(&mut self, input: &[u8], start: usize) -> usize {
        let mut at = start;
        if self.trim_start {
            while at < input.len() && is_space(input[at]) && !input[at..].starts_with(&self.delimiter) {
                at += 1;
            }
        }
        if self.quote.is_some() && input.get(at) == self.quote.as_ref() {
            return self.quoted(input, at);
        }
        let end = self.end_of_field(input, at);
        self.plain(input, at, end);
        end
    }

    fn plain(&mut self, input: &[u8], start: usize, end: usize) {
        let mut text_end = end;
        if self.trim_end {
            while text_end > start && is_space(input[text_end - 1]) {
                text_end -= 1;
            }
        }
        self.spans.push(Span { start, end: text_end, unescaped: false, quoted: false });
    }

    fn end_of_field(&self, input: &[u8], start: usize) -> usize {
        let rest = &input[start..];
        let delimiter = match self.delimiter.as_slice() {
            [byte] => memchr(*byte, rest),
            bytes => memmem::find(rest, bytes),
        };
        let end = delimiter.unwrap_or(rest.len());
        let end =
            if self.multi_line { memchr::memchr2(b'\n', b'\r', &rest[..end]).unwrap_or(end) } else { end };
        start + end
    }

    /// Reads a quoted field whose quote is at `open`.
    fn quoted(&mut self, input: &[u8], open: usize) -> usize {
        let scratch_start = self.scratch.len();
        let mut at = open + 1;
        let quote = self.quote;
        while let Some(&byte) = input.get(at) {
            if Some(byte) == self.escape && self.escape != quote {
                match input.get(at + 1) {
                    Some(&next) if Some(next) == quote || Some(next) == self.escape => {
                        self.scratch.push(next);
                        at += 2;
                    }
                    _ => {
                        self.scratch.push(byte);
                        at += 1;
                    }
                }
            } else if Some(byte) == quote {
                let next = &input[at + 1..];
                if self.escape == quote && next.first() == quote.as_ref() {
                    self.scratch.push(byte);
                    at += 2;
                    continue;
                }
                let spaces = next
                    .iter()
                    .take_while(|b| {
                        is_space(**b) && !self.delimiter.contains(b) && **b != b'\n' && **b != b'\r'
                    })
                    .count();
                let after = &next[spaces..];
                let ends = after.is_empty()
                    || after.starts_with(&self.delimiter)
                    || (self.multi_line && line_end(after) > 0);
                if ends {
                    let end = self.scratch.len();
                    self.spans.push(Span { start: scratch_start, end, unescaped: true, quoted: true });
                    return at + 1 + spaces;
                }
                // A quote that ends nothing: the field is plain text up to the delimiter.
                self.scratch.truncate(scratch_start);
                let end = self.end_of_field(input, at);
                self.plain(input, open, end);
                return end;
            } else {
                // Line ends within quotes are read as one line feed.
                if byte == b'\r' && input.get(at + 1) == Some(&b'\n') {
                    at += 1;
                }
                self.scratch.push(input[at]);
                at += 1;
            }
        }
        self.spans.push(Span {
            start: scratch_start,
            end: self.scratch.len(),
            unescaped: true,
            quoted: true,
        });
        input.len()
    }
}

fn is_space(byte: u8) -> bool {
    byte <= b' '
}

/// Length of the line end at the start of `input`; 0 where there is none.
fn line_end(input: &[u8]) -> usize {
    match input {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}
