//! The state of one node, and queries of it.
//!
//! The protocol is a state machine without clock, network or tasks. Its rules are methods of
//! [`Star`], one file per rule, and each file uses only those before it in the order of the crate's
//! documentation.

use std::time::Duration;

use tokio::time::Instant;

use crate::Windows;
use crate::delta::Outgoing;
use crate::gossip::Gossip;
use crate::groups::Groups;
use crate::link::Links;
use crate::log::Item;
use crate::logs::Logs;
use crate::rtt::Rtt;
use crate::timers::Timers;
use crate::timetable::Timetable;
use crate::vector::Origin;

/// The time after the start at which a node sends a hello, if it has received nothing from its hub
/// or, as a hub, from any node. In a cluster under load, the first round comes before that, 300 ms
/// after the start.
const HELLO_AFTER: Duration = Duration::from_millis(600);

/// One node's part in the star.
pub(crate) struct Star<T: Item> {
    pub(crate) me: usize,
    pub(crate) origin: Origin,
    pub(crate) windows: Windows,
    pub(crate) logs: Logs<T>,
    pub(crate) groups: Groups,
    /// The links to the other nodes, by their places in the list of nodes.
    pub(crate) links: Links,
    pub(crate) timers: Timers,
    /// The node whose rounds this node takes part in, see [`crate::hub`].
    pub(crate) hub: usize,
    pub(crate) start: Instant,
    /// The round-trip time over all links, for links without samples.
    pub(crate) rtt: Rtt,
    pub(crate) up: Up,
    /// The rounds to this node's group, and those to the hubs of other groups.
    pub(crate) down: Rounds,
    pub(crate) across: Rounds,
    pub(crate) exchange: Exchange,
    /// The time at which own items are sent straight to all nodes, and the number of the last item
    /// before them.
    pub(crate) direct_at: Option<Instant>,
    pub(crate) direct_after: u64,
    /// The time at which this node sends a hello, unless it receives a message before.
    pub(crate) hello_at: Option<Instant>,
    /// The number of hubs that this node has given up in a row.
    pub(crate) hubs_lost: u32,
    /// Messages that are ready to be sent, with their receivers.
    pub(crate) outgoing: Vec<(usize, Gossip<T>)>,
}

/// The state of the items that wait to be sent up to the hub.
#[derive(Default)]
pub(crate) struct Up {
    /// The time at which items are sent to the hub, if there are any.
    pub(crate) send_at: Option<Instant>,
    /// The time at which the oldest of these items arrived here.
    pub(crate) waiting_since: Option<Instant>,
    pub(crate) timetable: Option<Timetable>,
}

/// The state of the rounds that carry items from this node to those that it serves.
#[derive(Default)]
pub(crate) struct Rounds {
    /// The time at which the last round on schedule departed, and the number of these.
    pub(crate) last_round: Option<Instant>,
    pub(crate) round_count: u32,
    /// The time at which an item that missed the last round should depart.
    pub(crate) overdue_at: Option<Instant>,
    /// The version of the logs at which no peer needed a round, if none has come to need one since.
    pub(crate) settled: Option<u64>,
}

/// What a hub knows of its exchange with the hubs of other groups, see [`crate::exchange`].
#[derive(Default)]
pub(crate) struct Exchange {
    /// The version of the logs whose items of this group have been sent straight to the other hubs.
    pub(crate) sent: u64,
    /// The hubs of groups that are not, or not only, served by their first nodes.
    pub(crate) hubs: Vec<usize>,
}

/// The nodes to which a round goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Those of this node's own group.
    Group,
    /// Those of other groups, which are hubs.
    Hubs,
}

impl<T: Item> Star<T> {
    pub(crate) fn new(
        me: usize,
        count: usize,
        incarnation: u32,
        windows: Windows,
        now: Instant,
    ) -> Self {
        let groups = Groups::new(count, windows);
        Self {
            me,
            origin: Origin {
                node: me,
                incarnation,
            },
            windows,
            logs: Logs::new(count),
            groups,
            links: Links::default(),
            timers: Timers::default(),
            hub: groups.default_hub(me),
            start: now,
            rtt: Rtt::default(),
            up: Up::default(),
            down: Rounds::default(),
            across: Rounds::default(),
            exchange: Exchange::default(),
            direct_at: None,
            direct_after: 0,
            hello_at: (count > 1).then(|| now + HELLO_AFTER),
            hubs_lost: 0,
            outgoing: Vec::new(),
        }
    }

    /// Returns all nodes but this one.
    pub(crate) fn peers(&self) -> impl Iterator<Item = usize> + use<T> {
        let me = self.me;
        (0..self.groups.node_count()).filter(move |&peer| peer != me)
    }

    /// Returns the number up to which a peer holds an origin's log once everything has arrived that
    /// is on its way: from this node, or straight from the origin.
    pub(crate) fn held_by(&self, peer: usize, outgoing: &Outgoing, origin: Origin) -> u64 {
        let sent = self.logs.upto_at(origin, outgoing.sent);
        let beyond = outgoing
            .has
            .get(origin)
            .max(outgoing.on_the_way.get(origin));
        let direct = match !outgoing.doubts_direct && self.goes_straight(origin, peer) {
            true => self.logs.direct(origin),
            false => 0,
        };
        sent.max(beyond).max(direct)
    }

    /// Returns whether an origin's items go to a peer otherwise than over the link with this node:
    /// straight from the origin, or from the hub of the origin's group to the other hubs.
    fn goes_straight(&self, origin: Origin, peer: usize) -> bool {
        if self.windows.direct.is_some() {
            // This node's own items go to its hub in messages with a head.
            return (origin, peer) != (self.origin, self.hub);
        }
        let are_together = |a, b| self.groups.are_together(a, b);
        !are_together(peer, self.me)
            && !are_together(origin.node, self.me)
            && !are_together(origin.node, peer)
    }

    /// Returns the rounds of a level.
    pub(crate) fn rounds(&self, level: Level) -> &Rounds {
        match level {
            Level::Group => &self.down,
            Level::Hubs => &self.across,
        }
    }

    /// Returns the rounds of a level, to change them.
    pub(crate) fn rounds_mut(&mut self, level: Level) -> &mut Rounds {
        match level {
            Level::Group => &mut self.down,
            Level::Hubs => &mut self.across,
        }
    }

    /// Returns the level of the rounds that would go to a peer.
    pub(crate) fn level_of(&self, peer: usize) -> Level {
        match self.groups.are_together(peer, self.me) {
            true => Level::Group,
            false => Level::Hubs,
        }
    }

    /// Returns the hub that a node follows, as far as this node knows.
    pub(crate) fn hub_of(&self, node: usize) -> usize {
        let default = || self.groups.default_hub(node);
        self.links[node].hub.unwrap_or_else(default)
    }

    /// Returns the numbers of items, by origin, that a peer lacks and that are not on their way.
    pub(crate) fn leads_over(&self, peer: usize) -> impl Iterator<Item = u64> {
        let outgoing = &self.links[peer].outgoing;
        let changed = self.logs.changed_since(outgoing.sent.max(outgoing.held));
        let lead = move |origin| {
            let upto = self.logs.upto(origin);
            upto.saturating_sub(self.held_by(peer, outgoing, origin))
        };
        changed.map(lead).filter(|&lead| lead > 0)
    }

    /// Returns whether this node holds something that the peer lacks and that is not on its way.
    pub(crate) fn exceeds(&mut self, peer: usize) -> bool {
        let exceeds = self.leads_over(peer).next().is_some();
        if !exceeds && let Some(link) = self.links.get_used_mut(peer) {
            link.outgoing.held = self.logs.version();
        }
        exceeds
    }

    /// Returns the round-trip time of a link; of all links together, if it has no sample.
    pub(crate) fn rtt(&self, peer: usize) -> Rtt {
        let own = self.links[peer].rtt;
        if own.mean().is_some() { own } else { self.rtt }
    }

    /// Returns the milliseconds since this node's start.
    pub(crate) fn ms(&self, now: Instant) -> u64 {
        (now - self.start).as_millis() as u64
    }
}

/// Returns whether something is due.
pub(crate) fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}
