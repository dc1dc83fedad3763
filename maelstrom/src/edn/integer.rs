//! Integers of any size.

use std::cmp::Ordering;
use std::fmt;

/// An integer that fits into 128 bits, as its two halves: an `i128` is aligned to 16 bytes, so that a
/// [`Value`](super::Value) would take 32 bytes and not 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int {
    // The derived order needs the signed, higher half first.
    high: i64,
    low: u64,
}

impl Int {
    /// Returns the integer.
    pub fn get(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }
}

impl From<i128> for Int {
    fn from(n: i128) -> Int {
        Int {
            high: (n >> 64) as i64,
            low: n as u64,
        }
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// An integer that does not fit into 128 bits, as its decimal digits. Nodes may send identifiers of
/// any size, and no digit may be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigInt {
    /// The digits without leading zeros, after a minus sign if it is negative. A boxed text, because a
    /// [`Value`](super::Value) has 16 bytes for its content.
    text: Box<str>,
}

impl BigInt {
    /// Returns whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.text.starts_with('-')
    }

    /// Returns the nearest float.
    pub fn to_f64(&self) -> f64 {
        self.text
            .parse()
            .expect("the digits of an integer are a float")
    }

    /// Reads an integer; `None` if the text is not one.
    pub(super) fn parse(text: &str) -> Option<BigInt> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_integer.then(|| BigInt {
            text: format!("{sign}{}", digits.trim_start_matches('0')).into(),
        })
    }
}

impl Ord for BigInt {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of two integers with the same sign, the longer one is farther from zero.
        let (a, b) = (&self.text, &other.text);
        let by_size = (a.len(), a).cmp(&(b.len(), b));
        match (self.is_negative(), other.is_negative()) {
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
        f.write_str(&self.text)
    }
}
