//! The steps of a transaction, as they stand in messages.

use serde::{Deserialize, Serialize};

use crate::Key;

/// A step of a transaction; as JSON `["r", key, value]` or `["w", key, value]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Triple", into = "Triple")]
pub enum MicroOp {
    /// Reads a register.
    Read {
        /// The register.
        key: Key,
        /// What it holds; `None` in a request, and if nothing was ever written to it.
        value: Option<i64>,
    },
    /// Overwrites a register.
    Write {
        /// The register.
        key: Key,
        /// What it holds from now on.
        value: i64,
    },
}

type Triple = (Function, Key, Option<i64>);

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
            // It would be read as if nothing had ever been written.
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
    fn micro_ops_read_and_write_as_clients_do() {
        let steps = [
            (
                r#"["r",1,null]"#,
                MicroOp::Read {
                    key: 1,
                    value: None,
                },
            ),
            (
                r#"["r",1,-2]"#,
                MicroOp::Read {
                    key: 1,
                    value: Some(-2),
                },
            ),
            (r#"["w",1,2]"#, MicroOp::Write { key: 1, value: 2 }),
        ];
        for (json, micro_op) in steps {
            assert_eq!(from_str::<MicroOp>(json).unwrap(), micro_op);
            assert_eq!(to_string(&micro_op).unwrap(), json);
        }
    }

    #[test]
    fn what_is_no_micro_op_is_refused() {
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
