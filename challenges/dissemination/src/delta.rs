//! Delta intervals: what two nodes know of each other's logs, without naming every origin.
//!
//! A node numbers the changes of its logs: its *versions*. A message accounts for the changes since a
//! version that the receiver should hold in full. The receiver states the version up to which it
//! does hold everything, and that becomes the base of later messages. So the size of a message
//! depends on what has changed, and not on the number of nodes. This follows Almeida, Shoker and
//! Baquero, "Delta state replicated data types" (2018), section 6.
//!
//! A base is valid for one incarnation of each of the two nodes. After a restart of either, the first
//! message begins at version 0, so it accounts for everything.

use serde::{Deserialize, Serialize};

use crate::log::Item;
use crate::logs::Logs;
use crate::vector::{Origin, Vector};

/// The versions after one and up to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub(crate) struct Interval {
    pub(crate) after: u64,
    pub(crate) upto: u64,
}

impl From<(u64, u64)> for Interval {
    fn from((after, upto): (u64, u64)) -> Self {
        Self { after, upto }
    }
}

impl From<Interval> for (u64, u64) {
    fn from(interval: Interval) -> Self {
        (interval.after, interval.upto)
    }
}

/// What a peer holds of this node's logs.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// The version that the peer says it holds in full.
    pub(crate) acked: u64,
    /// The version that the peer holds in full once all messages to it have arrived.
    pub(crate) sent: u64,
    /// A version beyond `sent` of which the peer lacks nothing either: it has sent the items itself, or
    /// receives them otherwise. So they need not be looked at again.
    pub(crate) held: u64,
    /// Items beyond `acked` that the peer has sent, or said it holds.
    pub(crate) has: Vector,
    /// Items beyond `sent` that are on their way to the peer.
    pub(crate) on_the_way: Vector,
    /// Whether items may be lost that their origins have sent straight to the peer.
    pub(crate) doubts_direct: bool,
}

impl Outgoing {
    /// Creates the state about a peer that holds nothing.
    pub(crate) fn of_restarted_peer() -> Self {
        Self {
            doubts_direct: true,
            ..Self::default()
        }
    }

    /// Records that the peer holds everything up to a version.
    pub(crate) fn acknowledge<T: Item>(&mut self, seen: u64, logs: &Logs<T>) {
        let seen = seen.min(logs.version());
        if seen > self.acked {
            self.acked = seen;
            self.sent = self.sent.max(seen);
            if !self.has.is_empty() {
                let is_beyond =
                    |origin, upto| logs.upto(origin) < upto || logs.changed_at(origin) > seen;
                self.has.retain(is_beyond);
            }
        }
    }

    /// Records that the peer may lack all that it has not acknowledged.
    pub(crate) fn rewind(&mut self) {
        self.sent = self.acked;
        self.held = 0;
        self.on_the_way = Vector::default();
        self.doubts_direct = true;
    }

    /// Records that the peer holds this version and no later one in full. That is less than before if
    /// a late message of this node's former incarnation has made the peer discard its state.
    pub(crate) fn rewind_to(&mut self, seen: u64) {
        self.acked = self.acked.min(seen);
        self.rewind();
    }

    /// Records that everything up to a version is on its way.
    pub(crate) fn complete(&mut self, version: u64) {
        self.sent = version;
        self.on_the_way = Vector::default();
        self.doubts_direct = false;
    }
}

/// What this node holds of a peer's logs.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// The peer's version that this node holds in full.
    pub(crate) base: u64,
    /// Whether a message from the peer has accounted for everything that it holds.
    pub(crate) introduced: bool,
    /// Messages that do not continue the base, or name items that this node lacks.
    gaps: Vec<Gap>,
    /// Whether the peer's latest message refers to an earlier incarnation of this node.
    mismatched: bool,
}

/// A message whose items, or those before them, are not all here.
#[derive(Debug)]
struct Gap {
    versions: Interval,
    /// The items that the message carried or named.
    items: Vec<(Origin, u64)>,
}

/// The limit of gaps per peer. Those beyond it are repaired together with the others.
const MAX_GAPS: usize = 64;

impl Incoming {
    /// Records a message that accounts for these versions with these items.
    pub(crate) fn take<T: Item>(
        &mut self,
        versions: Interval,
        items: Vec<(Origin, u64)>,
        logs: &Logs<T>,
    ) {
        self.introduced |= versions.after == 0;
        self.gaps.push(Gap { versions, items });
        self.close_gaps(logs);
    }

    /// Records items that came without a head and continue a run that is not here.
    pub(crate) fn take_early(&mut self, items: Vec<(Origin, u64)>) {
        let versions = Interval::default();
        self.gaps.push(Gap { versions, items });
    }

    /// Drops the gaps that are closed, and raises the base.
    pub(crate) fn close_gaps<T: Item>(&mut self, logs: &Logs<T>) {
        let held = |&(origin, upto): &(Origin, u64)| logs.upto(origin) >= upto;
        if self.gaps.len() > MAX_GAPS {
            self.gaps.remove(0);
        }
        loop {
            let base = self.base;
            let is_closed = |gap: &Gap| {
                let Interval { after, upto } = gap.versions;
                (1..=base).contains(&upto) || after <= base && gap.items.iter().all(held)
            };
            let Some(at) = self.gaps.iter().position(is_closed) else {
                return;
            };
            let gap = self.gaps.swap_remove(at);
            self.base = base.max(gap.versions.upto);
        }
    }

    /// Records whether the peer's latest message refers to an earlier incarnation of this node.
    pub(crate) fn set_mismatched(&mut self, mismatched: bool) {
        self.mismatched = mismatched;
    }

    /// Returns whether this node lacks something that the peer holds.
    pub(crate) fn has_gaps(&self) -> bool {
        self.mismatched || !self.gaps.is_empty()
    }

    /// Returns the origins of the items in which there may be gaps.
    pub(crate) fn doubtful_origins(&self) -> impl Iterator<Item = Origin> {
        let items = self.gaps.iter().flat_map(|gap| &gap.items);
        items.map(|(origin, _)| *origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin {
        node: 1,
        incarnation: 9,
    };

    fn logs(count: i64) -> Logs<i64> {
        let mut logs = Logs::new(2);
        for item in 0..count {
            logs.push(ORIGIN, item);
        }
        logs
    }

    fn versions(after: u64, upto: u64) -> Interval {
        Interval { after, upto }
    }

    #[test]
    fn base_advances_once_the_intervals_before_have_arrived() {
        let mut incoming = Incoming::default();
        incoming.take(versions(10, 20), vec![], &logs(0));
        assert!(incoming.has_gaps());
        assert_eq!(incoming.base, 0, "versions 1 to 10 are missing");
        incoming.take(versions(0, 12), vec![], &logs(0));
        assert!(!incoming.has_gaps());
        assert_eq!(incoming.base, 20);
    }

    #[test]
    fn base_advances_once_the_items_of_the_interval_are_held() {
        let mut incoming = Incoming::default();
        incoming.take(versions(0, 5), vec![(ORIGIN, 2)], &logs(1));
        assert_eq!(incoming.base, 0);
        assert_eq!(incoming.doubtful_origins().count(), 1);
        incoming.close_gaps(&logs(2));
        assert_eq!((incoming.base, incoming.has_gaps()), (5, false));
    }

    #[test]
    fn acknowledged_version_replaces_the_items_that_it_includes() {
        let mut outgoing = Outgoing::default();
        outgoing.has.raise(ORIGIN, 3);
        outgoing.acknowledge(2, &logs(3));
        assert_eq!(outgoing.has.get(ORIGIN), 3, "version 3 is not acknowledged");
        outgoing.acknowledge(3, &logs(3));
        assert!(outgoing.has.is_empty());
    }
}
