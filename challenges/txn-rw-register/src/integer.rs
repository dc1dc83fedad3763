//! Integers of clients, which name registers and are their values.

use glomers::prelude::*;

/// An integer that fits in 64 bits, signed or unsigned. Larger ones are refused: the runtime reads
/// them as floats, and two of them may become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "i128")]
pub struct Integer(i128);

impl TryFrom<Value> for Integer {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let signed = value.as_i64().map(i128::from);
        let integer = signed.or_else(|| value.as_u64().map(i128::from));
        integer.map(Self).ok_or("not an integer of 64 bits")
    }
}

impl From<i64> for Integer {
    fn from(value: i64) -> Self {
        Self(value.into())
    }
}

impl From<Integer> for i128 {
    fn from(Integer(value): Integer) -> Self {
        value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, to_string};

    use super::Integer;

    #[test]
    fn integers_of_64_bits_keep_every_digit() {
        for json in ["0", "-9223372036854775808", "18446744073709551615"] {
            let integer: Integer = from_str(json).unwrap();
            assert_eq!(to_string(&integer).unwrap(), json);
        }
    }

    #[test]
    fn larger_integers_and_other_values_are_refused() {
        for json in ["18446744073709551616", "1.5", "\"1\"", "null"] {
            assert!(from_str::<Integer>(json).is_err(), "{json}");
        }
    }
}
