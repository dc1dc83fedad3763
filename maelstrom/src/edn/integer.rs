//! Integers beyond 128 bits.

use std::cmp::Ordering;
use std::fmt;

/// An integer that does not fit into 128 bits, as its decimal digits. Nodes may send identifiers of
/// any size, and no digit may be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigInt {
    is_negative: bool,
    /// The digits, without leading zeros. Boxed, so that a [`Value`](super::Value) takes 32 bytes and not 48:
    /// long histories consist of values.
    digits: Box<str>,
}

impl BigInt {
    /// Returns whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// Returns the nearest float.
    pub fn to_f64(&self) -> f64 {
        self.to_string()
            .parse()
            .expect("the digits of an integer are a float")
    }

    /// Reads an integer; `None` if the text is not one.
    pub(super) fn parse(text: &str) -> Option<BigInt> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_integer.then(|| BigInt {
            is_negative,
            digits: digits.trim_start_matches('0').into(),
        })
    }
}

impl Ord for BigInt {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.digits, &other.digits);
        let by_size = (a.len(), a).cmp(&(b.len(), b));
        match (self.is_negative, other.is_negative) {
            (false, false) => by_size,
            (true, true) => by_size.reverse(),
            (is_negative, _) if is_negative => Ordering::Less,
            _ => Ordering::Greater,
        }
    }
}

impl PartialOrd for BigInt {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative { "-" } else { "" };
        write!(f, "{sign}{}", self.digits)
    }
}
