//! Sharing of equal values among the operations of a history.

use crate::edn::{Float, Value};

/// The number of values that are remembered. Operations repeat the values of those shortly before, so that
/// more places find hardly more.
const PLACES: usize = 1 << 16;

/// Values of the latest operations. An equal value that follows shares their memory: transactions repeat
/// the steps that they were asked for, and clients read what others have written and read.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// A value is in the place that its hash determines, where the next one replaces it.
    places: Vec<Value>,
}

impl PartialEq for Recent {
    /// What is remembered is no part of a history.
    fn eq(&self, _: &Recent) -> bool {
        true
    }
}

impl Recent {
    /// Replaces a value and all values that it contains by equal ones that came before, and remembers them.
    pub fn share(&mut self, value: &mut Value) {
        if !is_shareable(value) {
            return;
        }
        if self.places.is_empty() {
            self.places = vec![Value::Nil; PLACES];
        }
        let place = hash(value) as usize % PLACES;
        if self.places[place] == *value {
            *value = self.places[place].clone();
            return;
        }
        value.for_each_part(&mut |part| self.share(part));
        self.places[place] = value.clone();
    }
}

/// Returns whether copies of a value share memory.
fn is_shareable(value: &Value) -> bool {
    match value {
        Value::Str(_) | Value::Keyword(_) | Value::Symbol(_) => true,
        Value::List(items) | Value::Vector(items) => !items.is_empty(),
        Value::Map(entries) => !entries.is_empty(),
        _ => false,
    }
}

/// Returns a hash, which is the same for equal values.
fn hash(value: &Value) -> u64 {
    match value {
        Value::Nil | Value::BigInt(_) | Value::Set(_) | Value::Tagged(_) => 0,
        Value::Bool(b) => u64::from(*b),
        Value::Int(n) => n.get() as u64,
        Value::Float(Float(x)) => x.to_bits(),
        Value::Str(text) => mixed(4, text.bytes().map(u64::from)),
        Value::Keyword(text) => mixed(5, text.bytes().map(u64::from)),
        Value::Symbol(text) => mixed(6, text.bytes().map(u64::from)),
        Value::List(items) => mixed(7, items.iter().map(hash)),
        Value::Vector(items) => mixed(8, items.iter().map(hash)),
        Value::Map(entries) => {
            let parts = entries.iter().map(|(k, v)| mixed(0, [hash(k), hash(v)]));
            mixed(9, parts)
        }
    }
}

/// Mixes numbers: FNV-1a (Fowler, Noll and Vo), whose lower bits do not depend on the higher ones, and so a
/// shift.
fn mixed(kind: u64, parts: impl IntoIterator<Item = u64>) -> u64 {
    let mix = |hash: u64, part: u64| {
        let hash = (hash ^ part).wrapping_mul(0x0100_0000_01b3);
        hash ^ hash >> 32
    };
    parts.into_iter().fold(0xcbf2_9ce4_8422_2325 ^ kind, mix)
}
