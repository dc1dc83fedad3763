//! EDN: the notation that Jepsen's histories and results are written in.
//!
//! One [`Value`] serves both notations: what a node sends in JSON becomes a `Value` when it enters the
//! history ([`Value::from_json`]), checkers read it, and reports print it as EDN ([`write`]) or as
//! JSON ([`Value::to_json`]). Integers, floats and strings never compare equal to each other, as in
//! Maelstrom: `1`, `1.0` and `"1"` are three values.

mod convert;
mod integer;
mod json;
mod map;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

pub use integer::{BigInt, Int};
pub(crate) use json::write_fields;
pub use json::{is_json_integer, json_text, parse_json};
pub use map::Map;
pub use read::{ParseError, parse, parse_all};

/// An EDN value, with a total order so that it can be a key anywhere. A copy shares the texts, sequences
/// and maps of the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// `nil`; JSON's `null`.
    #[default]
    Nil,
    /// `true` and `false`.
    Bool(bool),
    /// An integer that fits into 128 bits, as hashes and UUIDs do.
    Int(Int),
    /// An integer that does not; see [`Value::integer`].
    BigInt(BigInt),
    /// A float; see [`Value::single`] for the 32-bit figures of Maelstrom's results.
    Float(Float),
    /// A string.
    Str(Arc<str>),
    /// A keyword, without its colon.
    Keyword(Arc<str>),
    /// A symbol.
    Symbol(Arc<str>),
    /// `(…)`.
    List(Arc<[Value]>),
    /// `[…]`; JSON's arrays.
    Vector(Arc<[Value]>),
    /// `{…}`; JSON's objects.
    Map(Map),
    /// `#{…}`.
    Set(Box<BTreeSet<Value>>),
    /// `#tag value`.
    Tagged(Box<(String, Value)>),
}

/// Long histories consist of values: with 32 bytes each, they take a quarter more memory.
const _: () = assert!(size_of::<Value>() == 24);

/// A float with a total order, and equality that agrees with it.
#[derive(Clone, Copy, Debug)]
pub struct Float(pub f64);

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Float {}

impl Value {
    /// Returns the integer with these digits, which a minus sign may precede; `None` if the text is
    /// something else.
    pub fn integer(digits: &str) -> Option<Value> {
        match digits.parse::<i128>() {
            Ok(n) => Some(Value::Int(Int::from(n))),
            Err(_) => BigInt::parse(digits).map(Value::BigInt),
        }
    }

    /// Returns whether this is an integer, of any size.
    pub fn is_integer(&self) -> bool {
        matches!(self, Value::Int(_) | Value::BigInt(_))
    }

    /// Creates a keyword: `Value::keyword("ok")` prints `:ok`.
    pub fn keyword(name: impl AsRef<str>) -> Value {
        Value::Keyword(name.as_ref().into())
    }

    /// Creates a 32-bit float, which prints with 32-bit precision, as Maelstrom's fractions do.
    pub fn single(value: f32) -> Value {
        // Convert through the shortest decimal text: `0.1f32 as f64` would print
        // 0.10000000149011612.
        Value::Float(Float(
            value
                .to_string()
                .parse()
                .expect("a float's text is a float"),
        ))
    }

    /// Creates a map with keyword keys.
    pub fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Map(
            entries
                .into_iter()
                .map(|(k, v)| (Value::keyword(k), v))
                .collect(),
        )
    }

    /// A vector.
    pub fn vector<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
        Value::Vector(items.into_iter().map(Into::into).collect())
    }

    /// A list.
    pub fn list<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }

    /// Creates a set.
    pub fn set(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Set(Box::new(items.into_iter().collect()))
    }

    /// The integer, if it is one that fits into 64 bits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => i64::try_from(n.get()).ok(),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The name of a keyword.
    pub fn as_keyword(&self) -> Option<&str> {
        match self {
            Value::Keyword(s) => Some(s),
            _ => None,
        }
    }

    /// The items of a list or vector.
    pub fn as_seq(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) | Value::Vector(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map; those of a tagged map (a Clojure record) too.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(entries) => Some(entries),
            Value::Tagged(tagged) => tagged.1.as_map(),
            _ => None,
        }
    }

    /// The entry of a map under a keyword.
    pub fn get(&self, key: &str) -> Option<&Value> {
        // Keys are few, so a scan costs less than building a keyword to look up.
        self.as_map()?
            .iter()
            .find(|(k, _)| k.as_keyword() == Some(key))
            .map(|(_, v)| v)
    }

    /// Calls `replace` with every value that a sequence or map consists of. It must replace a value only with
    /// an equal one. Sequences of which all values are numbers and the like are passed over.
    pub(crate) fn for_each_part(&mut self, replace: &mut dyn FnMut(&mut Value)) {
        let is_plain = |value: &Value| value.rank() <= Value::Float(Float(0.0)).rank();
        match self {
            Value::List(items) | Value::Vector(items) if !items.iter().all(is_plain) => {
                Arc::make_mut(items).iter_mut().for_each(replace);
            }
            Value::Map(entries) => {
                for (key, value) in entries.entries_mut() {
                    replace(key);
                    replace(value);
                }
            }
            _ => {}
        }
    }

    /// Returns whether this is `nil`.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// Returns the value of a JSON document, which [`parse_json`] read if it may hold integers beyond
    /// 64 bits. Keys of objects stay strings.
    pub fn from_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Nil,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => match n.as_i128() {
                Some(n) => Value::from(n),
                None => Value::Float(Float(n.as_f64().unwrap_or(f64::NAN))),
            },
            Json::String(s) => Value::from(s.as_str()),
            Json::Array(items) => Value::Vector(items.iter().map(Value::from_json).collect()),
            Json::Object(entries) => {
                if let Some(integer) = json::big_integer(json).and_then(Value::integer) {
                    return integer;
                }
                let entries = entries
                    .iter()
                    .map(|(k, v)| (Value::from(k.as_str()), Value::from_json(v)));
                Value::Map(entries.collect())
            }
        }
    }

    /// Returns this value as JSON for [`json_text`]: keywords become strings without a colon, every
    /// sequence an array, and keys of maps the text of the key.
    pub fn to_json(&self) -> serde_json::Value {
        self.as_json(json::from_digits)
    }

    /// The same for any JSON writer: integers beyond 64 bits become strings.
    pub fn to_plain_json(&self) -> serde_json::Value {
        self.as_json(serde_json::Value::String)
    }

    /// Returns this value as JSON, in which `big` makes integers beyond 64 bits from their digits.
    fn as_json(&self, big: fn(String) -> serde_json::Value) -> serde_json::Value {
        use serde_json::Value as Json;
        let array = |items: &mut dyn Iterator<Item = &Value>| {
            Json::Array(items.map(|item| item.as_json(big)).collect())
        };
        match self {
            Value::Nil => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(n) => serde_json::Number::from_i128(n.get())
                .map_or_else(|| big(n.to_string()), Json::Number),
            Value::BigInt(n) => big(n.to_string()),
            Value::Float(Float(x)) => {
                serde_json::Number::from_f64(*x).map_or(Json::Null, Json::Number)
            }
            Value::Str(s) | Value::Keyword(s) | Value::Symbol(s) => Json::String(s.to_string()),
            Value::List(items) | Value::Vector(items) => array(&mut items.iter()),
            Value::Set(items) => array(&mut items.iter()),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(k, v)| (k.key_text(), v.as_json(big)))
                    .collect(),
            ),
            Value::Tagged(tagged) => tagged.1.as_json(big),
        }
    }

    /// The text of this value as the key of a JSON object.
    fn key_text(&self) -> String {
        match self {
            Value::Str(s) | Value::Keyword(s) | Value::Symbol(s) => s.to_string(),
            Value::Int(n) => n.to_string(),
            Value::BigInt(n) => n.to_string(),
            other => other.to_string(),
        }
    }

    /// The place of this kind of value among all kinds.
    fn rank(&self) -> u8 {
        match self {
            Value::Nil => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::BigInt(_) => 2,
            Value::Float(_) => 3,
            Value::Str(_) => 4,
            Value::Keyword(_) => 5,
            Value::Symbol(_) => 6,
            Value::List(_) => 7,
            Value::Vector(_) => 8,
            Value::Map(_) => 9,
            Value::Set(_) => 10,
            Value::Tagged(_) => 11,
        }
    }
}

impl Ord for Value {
    /// Orders by kind, and within a kind by value.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::BigInt(a), Value::BigInt(b)) => a.cmp(b),
            (Value::Int(_), Value::BigInt(b)) if b.is_negative() => Ordering::Greater,
            (Value::Int(_), Value::BigInt(_)) => Ordering::Less,
            (Value::BigInt(_), Value::Int(_)) => other.cmp(self).reverse(),
            (Value::Float(a), Value::Float(b)) => a.cmp(b),
            (Value::Str(a), Value::Str(b))
            | (Value::Keyword(a), Value::Keyword(b))
            | (Value::Symbol(a), Value::Symbol(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) | (Value::Vector(a), Value::Vector(b)) => a.cmp(b),
            (Value::Map(a), Value::Map(b)) => a.cmp(b),
            (Value::Set(a), Value::Set(b)) => a.cmp(b),
            (Value::Tagged(a), Value::Tagged(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
