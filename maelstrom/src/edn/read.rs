//! The EDN reader.

use std::fmt;

use super::{Float, Map, Value};

/// The deepest nesting that the reader accepts. It recurses, and its stack is finite.
const MAX_DEPTH: usize = 512;

/// Why a text is not EDN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset into the text.
    pub offset: usize,
    /// The text that was found, and what was expected.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for ParseError {}

/// Reads exactly one value.
pub fn parse(text: &str) -> Result<Value, ParseError> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    let value = reader.value()?;
    match reader.next_token()? {
        None => Ok(value),
        Some(c) => Err(reader.error(format!("expected the end of the text, found '{c}'"))),
    }
}

/// Reads values until the text ends.
pub fn parse_all(text: &str) -> Result<Vec<Value>, ParseError> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    let mut values = Vec::new();
    while reader.next_token()?.is_some() {
        values.push(reader.value()?);
    }
    Ok(values)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            offset: self.at,
            message: message.into(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Skips discarded values (`#_ …`) and what [`peek_token`](Reader::peek_token) skips, and returns
    /// the next character.
    fn next_token(&mut self) -> Result<Option<char>, ParseError> {
        while let Some(c) = self.peek_token() {
            if !self.text[self.at..].starts_with("#_") {
                return Ok(Some(c));
            }
            self.at += 2;
            self.value()?;
        }
        Ok(None)
    }

    /// Skips white space, commas and comments, and returns the next character.
    fn peek_token(&mut self) -> Option<char> {
        loop {
            match self.peek()? {
                c if c.is_whitespace() || c == ',' => self.at += c.len_utf8(),
                ';' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.bump();
                    }
                }
                c => return Some(c),
            }
        }
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("values nested more than {MAX_DEPTH} deep")));
        }
        let value = self.value_inner();
        self.depth -= 1;
        value
    }

    fn value_inner(&mut self) -> Result<Value, ParseError> {
        match self
            .next_token()?
            .ok_or_else(|| self.error("expected a value, found the end"))?
        {
            '(' => Ok(Value::List(self.sequence(')')?.into())),
            '[' => Ok(Value::Vector(self.sequence(']')?.into())),
            '{' => self.map(),
            '"' => self.string(),
            '\\' => self.character(),
            '#' => self.dispatch(),
            ':' => {
                self.bump();
                Ok(Value::keyword(self.token()))
            }
            ')' | ']' | '}' => Err(self.error("expected a value, found a closing bracket")),
            _ => self.atom(),
        }
    }

    fn sequence(&mut self, close: char) -> Result<Vec<Value>, ParseError> {
        self.bump();
        let mut items = Vec::new();
        loop {
            match self.next_token()? {
                None => return Err(self.error(format!("expected '{close}', found the end"))),
                Some(c) if c == close => {
                    self.bump();
                    return Ok(items);
                }
                Some(_) => items.push(self.value()?),
            }
        }
    }

    fn map(&mut self) -> Result<Value, ParseError> {
        let items = self.sequence('}')?;
        if items.len() % 2 != 0 {
            return Err(self.error("a map needs a value for every key"));
        }
        let mut items = items.into_iter();
        let entries = std::iter::from_fn(|| items.next().zip(items.next()));
        Ok(Value::Map(entries.collect::<Map>()))
    }

    fn string(&mut self) -> Result<Value, ParseError> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                None => return Err(self.error("a string that does not end")),
                Some('"') => return Ok(Value::from(text)),
                Some('\\') => match self.bump() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{c}'),
                    Some('u') => text.push(self.unicode_escape()?),
                    Some(c) => text.push(c),
                    None => return Err(self.error("a string that does not end")),
                },
                Some(c) => text.push(c),
            }
        }
    }

    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let code = code.ok_or_else(|| self.error("\\u needs four hexadecimal digits"))?;
        self.at += 4;
        // A single half of a surrogate pair is no character.
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn character(&mut self) -> Result<Value, ParseError> {
        self.bump();
        let first = self
            .bump()
            .ok_or_else(|| self.error("a character that does not end"))?;
        let rest = self.token();
        Ok(Value::from(match format!("{first}{rest}").as_str() {
            "newline" => "\n",
            "space" => " ",
            "tab" => "\t",
            "return" => "\r",
            text => text,
        }))
    }

    fn dispatch(&mut self) -> Result<Value, ParseError> {
        self.bump();
        match self.peek() {
            Some('{') => Ok(Value::set(self.sequence('}')?)),
            Some('#') => {
                self.bump();
                let name = self.token().to_owned();
                Ok(Value::Float(Float(match name.as_str() {
                    "Inf" => f64::INFINITY,
                    "-Inf" => f64::NEG_INFINITY,
                    _ => f64::NAN,
                })))
            }
            _ => {
                let tag = self.token().to_owned();
                if tag.is_empty() {
                    return Err(self.error("expected a tag after '#'"));
                }
                Ok(Value::Tagged(Box::new((tag, self.value()?))))
            }
        }
    }

    /// Takes everything up to the next delimiter.
    fn token(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| {
                c.is_whitespace()
                    || matches!(c, ',' | '(' | ')' | '[' | ']' | '{' | '}' | '"' | ';')
            })
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn atom(&mut self) -> Result<Value, ParseError> {
        let start = self.at;
        let token = self.token();
        let value = match token {
            "nil" => Value::Nil,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if looks_numeric(token) => match number(token) {
                Some(value) => value,
                None => {
                    let message = format!("'{token}' is not a number");
                    self.at = start;
                    return Err(self.error(message));
                }
            },
            _ => Value::Symbol(token.into()),
        };
        Ok(value)
    }
}

fn looks_numeric(token: &str) -> bool {
    token
        .trim_start_matches(['+', '-'])
        .starts_with(|c: char| c.is_ascii_digit())
}

fn number(token: &str) -> Option<Value> {
    let digits = token.trim_start_matches('+');
    if let Some(integer) = Value::integer(digits.trim_end_matches('N')) {
        return Some(integer);
    }
    if let Some((numerator, denominator)) = digits.split_once('/') {
        let (n, d): (f64, f64) = (numerator.parse().ok()?, denominator.parse().ok()?);
        return (d != 0.0).then_some(Value::Float(Float(n / d)));
    }
    digits
        .trim_end_matches('M')
        .parse()
        .ok()
        .map(|x| Value::Float(Float(x)))
}
