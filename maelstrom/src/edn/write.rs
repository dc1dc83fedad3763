//! The EDN writer: on one line with `{}`, indented with `{:#}`.

use std::fmt::{self, Display, Formatter, Write};

use super::{Float, Value};

/// The width of a line in columns. Collections that fit into the rest of their line stay on it.
const WIDTH: usize = 80;

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            pretty(self, 0, f)
        } else {
            flat(self, f)
        }
    }
}

fn flat(value: &Value, out: &mut dyn Write) -> fmt::Result {
    match value {
        Value::Nil => out.write_str("nil"),
        Value::Bool(b) => write!(out, "{b}"),
        Value::Int(n) if i64::try_from(n.get()).is_ok() => write!(out, "{n}"),
        Value::Int(n) => write!(out, "{n}N"),
        Value::BigInt(n) => write!(out, "{n}N"),
        Value::Float(x) => float(*x, out),
        Value::Str(s) => string(s, out),
        Value::Keyword(s) => write!(out, ":{s}"),
        Value::Symbol(s) => out.write_str(s),
        Value::Tagged(tagged) => {
            let (tag, inner) = &**tagged;
            write!(out, "#{tag}")?;
            if inner.as_map().is_none() {
                out.write_char(' ')?;
            }
            flat(inner, out)
        }
        Value::Map(entries) => {
            out.write_char('{')?;
            for (i, (key, value)) in entries.iter().enumerate() {
                if i > 0 {
                    out.write_str(", ")?;
                }
                flat(key, out)?;
                out.write_char(' ')?;
                flat(value, out)?;
            }
            out.write_char('}')
        }
        Value::List(items) => flat_items("(", items.iter(), ')', out),
        Value::Vector(items) => flat_items("[", items.iter(), ']', out),
        Value::Set(items) => flat_items("#{", items.iter(), '}', out),
    }
}

fn flat_items<'a>(
    open: &str,
    items: impl Iterator<Item = &'a Value>,
    close: char,
    out: &mut dyn Write,
) -> fmt::Result {
    out.write_str(open)?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.write_char(' ')?;
        }
        flat(item, out)?;
    }
    out.write_char(close)
}

/// Writes a float as Java does, which is what readers of Jepsen's files expect.
fn float(Float(x): Float, out: &mut dyn Write) -> fmt::Result {
    if x.is_nan() {
        out.write_str("##NaN")
    } else if x.is_infinite() {
        out.write_str(if x > 0.0 { "##Inf" } else { "##-Inf" })
    } else if x != 0.0 && !(1e-3..1e7).contains(&x.abs()) {
        let text = format!("{x:E}");
        match text.split_once('E') {
            Some((mantissa, exponent)) if !mantissa.contains('.') => {
                write!(out, "{mantissa}.0E{exponent}")
            }
            _ => out.write_str(&text),
        }
    } else {
        write!(out, "{x:?}")
    }
}

fn string(s: &str, out: &mut dyn Write) -> fmt::Result {
    out.write_char('"')?;
    for c in s.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\t' => out.write_str("\\t")?,
            '\r' => out.write_str("\\r")?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// Writes `value`, whose first character is in column `column`.
fn pretty(value: &Value, column: usize, out: &mut dyn Write) -> fmt::Result {
    let mut probe = Probe {
        left: WIDTH.saturating_sub(column),
    };
    if flat(value, &mut probe).is_ok() {
        return flat(value, out);
    }
    match value {
        Value::Map(entries) => {
            out.write_char('{')?;
            for (i, (key, value)) in entries.iter().enumerate() {
                if i > 0 {
                    out.write_char(',')?;
                    indent(column + 1, out)?;
                }
                let mut key_text = String::new();
                flat(key, &mut key_text)?;
                write!(out, "{key_text} ")?;
                pretty(value, column + key_text.chars().count() + 2, out)?;
            }
            out.write_char('}')
        }
        Value::List(items) => pretty_items("(", items.iter(), ')', column, out),
        Value::Vector(items) => pretty_items("[", items.iter(), ']', column, out),
        Value::Set(items) => pretty_items("#{", items.iter(), '}', column, out),
        Value::Tagged(tagged) => {
            let (tag, inner) = &**tagged;
            write!(out, "#{tag}")?;
            pretty(inner, column + tag.len() + 1, out)
        }
        atom => flat(atom, out),
    }
}

fn pretty_items<'a>(
    open: &str,
    items: impl Iterator<Item = &'a Value>,
    close: char,
    column: usize,
    out: &mut dyn Write,
) -> fmt::Result {
    out.write_str(open)?;
    let column = column + open.len();
    for (i, item) in items.enumerate() {
        if i > 0 {
            indent(column, out)?;
        }
        pretty(item, column, out)?;
    }
    out.write_char(close)
}

fn indent(column: usize, out: &mut dyn Write) -> fmt::Result {
    write!(out, "\n{:column$}", "")
}

/// A writer that fails when more is written than fits. It measures a text without building it.
struct Probe {
    left: usize,
}

impl Write for Probe {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.left = self.left.checked_sub(s.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}
