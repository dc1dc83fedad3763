//! The timestamp oracle.

use serde::{Deserialize, Serialize};

use crate::{Context, Result};

/// A client of `lin-tso`, which counts 0, 1, 2, … for all nodes together.
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

    /// A timestamp greater than all that were handed out before this was called.
    pub async fn next(&self) -> Result<u64> {
        let TsOk { ts } = self.cx.call("lin-tso", &Ts {}).await?;
        Ok(ts)
    }
}
