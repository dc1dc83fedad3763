//! The client of the timestamp oracle.

use serde::{Deserialize, Serialize};

use crate::{Context, Result};

/// A client of `lin-tso`, which counts 0, 1, 2, … across all nodes.
#[derive(Clone, Debug)]
pub struct Tso {
    cx: Context,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "ts")]
struct Ts {}

#[derive(Deserialize)]
struct TsOk {
    ts: u64,
}

impl Tso {
    pub(crate) fn new(cx: Context) -> Self {
        Self { cx }
    }

    /// Returns a timestamp greater than all those returned before this call began.
    pub async fn next(&self) -> Result<u64> {
        let TsOk { ts } = self.cx.call("lin-tso", &Ts {}).await?;
        Ok(ts)
    }
}
