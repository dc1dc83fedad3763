//! The one message that nodes exchange.

use serde::{Deserialize, Serialize};

use crate::delta::Interval;
use crate::log::Run;
use crate::vector::Vector;

/// A message from one node to another. Embed it in a node's requests as `Gossip(Gossip<T>)`, in an
/// enum that is tagged with `type` and renamed to snake case.
///
/// A message with a head accounts for every change of its sender's logs in an interval of versions,
/// so the receiver sees at once what it lacks. A sender therefore need not remember single messages
/// in order to repair a loss.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "gossip")]
pub struct Gossip<T> {
    /// The items, by origin.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub(crate) news: Vec<Run<T>>,
    /// The state of the sender and of the link. Items that go straight from their origin to all
    /// nodes, or from the hub of their group to all other hubs, travel without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<Head>,
}

#[cfg(test)]
impl<T> Gossip<T> {
    /// Returns the number of items.
    pub(crate) fn len(&self) -> usize {
        self.news.iter().map(|run| run.items.len()).sum()
    }
}

/// The part of a message that keeps a link reliable.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The versions of the sender's logs that this message accounts for. What the sender holds at
    /// the end of the interval is what it held at the beginning, the items of this message, `have`,
    /// and what the receiver itself has sent. `None` if the message says nothing of the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) versions: Option<Interval>,
    /// Items that the sender holds and that this message does not carry.
    #[serde(default, skip_serializing_if = "Vector::is_empty")]
    pub(crate) have: Vector,
    /// The receiver's version whose items the sender holds, all of them.
    pub(crate) seen: u64,
    /// What the sender expects in return.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) wants: Wants,
    /// The hub that the sender follows; the sender itself if it is a hub.
    pub(crate) hub: usize,
    /// The milliseconds that the oldest item of this message has waited at the sender.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) waited: u64,
    /// The incarnation of the sender, which distinguishes a restarted node from its predecessor.
    pub(crate) incarnation: u32,
    /// The incarnation of the receiver that `have` and `seen` refer to; `None` if the sender has
    /// heard nothing from the receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<u32>,
    /// A stamp: the milliseconds since the sender's start at which it sent this.
    pub(crate) at: u64,
    /// The latest stamp that the sender has seen of the receiver, and the milliseconds since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) echo: Option<(u64, u64)>,
    /// The milliseconds until the sender's next round departs, if one is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<u64>,
    /// The milliseconds before a round at which the sender, as the hub of a group, sends the items of
    /// the group to other hubs. Items have to arrive before that.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) lead: u64,
    /// The hubs that follow the sender, of those groups in which the first node is not the only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) hubs: Vec<usize>,
}

/// What the sender of a message expects in return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wants {
    #[default]
    Nothing,
    /// A confirmation, which may wait for traffic that flows anyway.
    Confirmation,
    /// An answer at once, with everything that the sender lacks.
    Answer,
}

fn is_default<V: Default + PartialEq>(value: &V) -> bool {
    *value == V::default()
}
