//! The one message that nodes exchange.

use serde::{Deserialize, Serialize};

use crate::log::Run;
use crate::vector::Vector;

/// What one node tells another. To be embedded in a node's requests as `Gossip(Gossip<T>)`, in an
/// enum that is tagged with `type` and renamed to snake case.
///
/// Every message says in full what its sender holds, so that the receiver sees at once what has
/// been lost before. Nothing needs to be remembered about a message in order to repair its loss.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "gossip")]
pub struct Gossip<T> {
    /// Items.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub(crate) news: Vec<Run<T>>,
    /// The rest, which an item that goes straight to everybody does without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<Head>,
}

#[cfg(test)]
impl<T> Gossip<T> {
    /// How many items it carries.
    pub(crate) fn len(&self) -> usize {
        self.news.iter().map(|run| run.items.len()).sum()
    }
}

/// The part of a message that keeps a link reliable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// What the sender holds once it has sent this.
    pub(crate) have: Vector,
    /// What the sender waits for.
    #[serde(default, skip_serializing_if = "Wants::is_nothing")]
    pub(crate) wants: Wants,
    /// Whose rounds the sender takes part in; its own, if it is a hub.
    pub(crate) hub: usize,
    /// For how many milliseconds the oldest of the items has waited at the sender.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) waited: u64,
    /// When the sender sent this, by its own clock, in milliseconds.
    pub(crate) at: u64,
    /// The latest such stamp that it has seen of the receiver, and for how long it has kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) echo: Option<(u64, u64)>,
    /// In how many milliseconds the sender's next round departs, if one has departed just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(ms: &u64) -> bool {
    *ms == 0
}

/// What the sender of a message expects in return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wants {
    #[default]
    Nothing,
    /// A confirmation, which may wait for traffic that flows anyway.
    Confirmation,
    /// An answer at once, with all that the sender lacks.
    Answer,
}

impl Wants {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}
