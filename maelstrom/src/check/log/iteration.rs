//! The order in which Clojure goes through hashed collections.
//!
//! It decides, in Jepsen, which of two messages at one offset stands for that offset, and which of
//! several keys with the same lag is reported. So it reaches counts and results, and agreeing with
//! them takes the same order: by hash, five bits at a time from the lowest (the path through
//! Clojure's hash array mapped trie), the hash being 32-bit Murmur3 with seed 0.

use crate::edn::Value;

/// Maps of at most this many entries are kept in the order of insertion instead.
pub(super) const ARRAY_MAP_MAX: usize = 8;

/// A number by which to sort values into the order in which Clojure's hash maps and hash sets hold
/// them.
///
/// Exact for 64-bit integers and strings, the only messages and keys that the workload sends.
/// Values of other types keep their given order, before the rest.
pub(super) fn rank(value: &Value) -> u64 {
    let hash = match value {
        Value::Int(n) => hash_long(n.get() as i64),
        Value::Str(s) => hash_string(s),
        _ => 0,
    };
    // The lowest five bits decide first.
    (0..7).fold(0, |rank, level| {
        rank << 5 | u64::from(hash >> (5 * level)) & 0b11111
    })
}

fn hash_long(n: i64) -> u32 {
    if n == 0 {
        return 0;
    }
    let low = mix(0, n as u32);
    finish(mix(low, (n >> 32) as u32), 8)
}

/// The hash of Java's `String.hashCode`.
fn hash_string(s: &str) -> u32 {
    let code = s.encode_utf16().fold(0u32, |code, unit| {
        code.wrapping_mul(31).wrapping_add(u32::from(unit))
    });
    if code == 0 {
        return 0;
    }
    finish(mix(0, code), 4)
}

/// Murmur3's step for one block.
fn mix(hash: u32, block: u32) -> u32 {
    let block = block
        .wrapping_mul(0xcc9e_2d51)
        .rotate_left(15)
        .wrapping_mul(0x1b87_3593);
    (hash ^ block)
        .rotate_left(13)
        .wrapping_mul(5)
        .wrapping_add(0xe654_6b64)
}

/// Murmur3's finalizer, for an input of `length` bytes.
fn finish(hash: u32, length: u32) -> u32 {
    let hash = hash ^ length;
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(mut values: Vec<Value>) -> String {
        values.sort_by_key(rank);
        Value::vector(values).to_string()
    }

    #[test]
    fn integers_stand_as_a_clojure_session_prints_a_set_of_them() {
        let ten = (0..10).map(Value::from).collect();
        assert_eq!(in_order(ten), "[0 7 1 4 6 3 2 9 5 8]");
    }

    #[test]
    fn strings_stand_as_in_the_polls_of_a_recorded_history() {
        let recorded = "9 3 4 8 14 20 19 17 15 7 5 18 12 13 6 1 11 2 16 10";
        let keys = (1..=20).map(|n| Value::from(n.to_string())).collect();
        assert_eq!(in_order(keys).replace(['[', ']', '"'], ""), recorded);
    }
}
