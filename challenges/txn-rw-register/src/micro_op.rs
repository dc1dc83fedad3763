//! The steps of a transaction, as messages contain them.

use serde::{Deserialize, Serialize};

use crate::{Integer, Key};

/// A step of a transaction; as JSON `["r", key, value]` or `["w", key, value]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Triple", into = "Triple")]
pub enum MicroOp {
    /// Reads a register.
    Read {
        /// The register.
        key: Key,
        /// Its value; `None` in a request, and for a register without a write.
        value: Option<Integer>,
    },
    /// Overwrites a register.
    Write {
        /// The register.
        key: Key,
        /// Its new value.
        value: Integer,
    },
}

type Triple = (Function, Key, Option<Integer>);

#[derive(Serialize, Deserialize)]
enum Function {
    #[serde(rename = "r")]
    Read,
    #[serde(rename = "w")]
    Write,
}

impl TryFrom<Triple> for MicroOp {
    type Error = &'static str;

    fn try_from((function, key, value): Triple) -> Result<Self, Self::Error> {
        match (function, value) {
            (Function::Read, value) => Ok(Self::Read { key, value }),
            (Function::Write, Some(value)) => Ok(Self::Write { key, value }),
            // A read could not distinguish it from a register without a write.
            (Function::Write, None) => Err("a write of null"),
        }
    }
}

impl From<MicroOp> for Triple {
    fn from(micro_op: MicroOp) -> Self {
        match micro_op {
            MicroOp::Read { key, value } => (Function::Read, key, value),
            MicroOp::Write { key, value } => (Function::Write, key, Some(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, to_string};

    use super::MicroOp;

    #[test]
    fn micro_ops_have_the_form_of_the_protocol() {
        let steps = [
            (
                r#"["r",1,null]"#,
                MicroOp::Read {
                    key: 1.into(),
                    value: None,
                },
            ),
            (
                r#"["r",1,-2]"#,
                MicroOp::Read {
                    key: 1.into(),
                    value: Some((-2).into()),
                },
            ),
            (
                r#"["w",1,2]"#,
                MicroOp::Write {
                    key: 1.into(),
                    value: 2.into(),
                },
            ),
        ];
        for (json, micro_op) in steps {
            assert_eq!(from_str::<MicroOp>(json).unwrap(), micro_op);
            assert_eq!(to_string(&micro_op).unwrap(), json);
        }
    }

    #[test]
    fn malformed_micro_ops_are_refused() {
        for json in [
            r#"["w",1,null]"#,
            r#"["append",1,2]"#,
            r#"["r",1]"#,
            r#"["r","x",null]"#,
        ] {
            assert!(from_str::<MicroOp>(json).is_err(), "{json}");
        }
    }
}
