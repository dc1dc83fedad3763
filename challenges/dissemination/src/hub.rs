//! Choosing a hub without coordination.
//!
//! The hub is the first node of the group that can be reached. Every node decides that for itself, see
//! [`crate::failover`]. Nodes that can reach each other therefore soon agree, on both sides of a
//! partition. The hub of a group in turn follows the first node that it can reach and that is the hub
//! of another group. The hub that follows no other is the *root*.
//!
//! Where nodes disagree about who reaches which node, a node whose hub has a hub of its own links two
//! stars. A node follows only nodes that precede it in one order of all nodes, or a node that can reach
//! such a node which it cannot reach itself. So hubs never follow each other in a circle.

use crate::log::Item;
use crate::star::{Level, Star};

impl<T: Item> Star<T> {
    /// Returns the node whose rounds this node takes part in. That is the node itself if it can
    /// reach no node before itself and no bridge to one.
    pub(crate) fn hub(&self) -> usize {
        self.hub
    }

    /// Chooses the hub again, after a change of what is known of other nodes.
    pub(crate) fn choose_hub(&mut self) {
        let reachable = |&peer: &usize| !self.links[peer].is_suspected();
        let bridge = || self.links.used().find(|&peer| self.is_bridge(peer));
        let before = self.groups.candidates(self.me).find(reachable);
        let hub = before.or_else(bridge).unwrap_or(self.me);
        if hub == self.hub {
            return;
        }
        let was_hub = self.is_hub();
        self.hub = hub;
        if self.is_hub() && !was_hub {
            // Other hubs receive the items that were here before over this node's own hub.
            self.exchange.sent = self.logs.version();
        }
        let direct = self.logs.direct(self.origin);
        if hub != self.me && direct > 0 {
            // The new hub has received this node's items as every other node did.
            self.links[hub]
                .outgoing
                .on_the_way
                .raise(self.origin, direct);
        }
    }

    /// Returns whether this node is the hub of its group, or of the part of it that it can reach.
    pub(crate) fn is_hub(&self) -> bool {
        self.hub == self.me || !self.groups.are_together(self.hub, self.me)
    }

    /// Returns whether this node is a hub that follows the hub of another group.
    pub(crate) fn is_group_hub(&self) -> bool {
        self.groups.are_many() && self.is_hub() && self.hub != self.me
    }

    /// Returns whether a peer after this node follows a hub before this node that this node cannot
    /// reach, and has said so since that hub is suspected.
    fn is_bridge(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        let hub = self.hub_of(peer);
        let precedes = |a, b| self.groups.precedes(a, b);
        if precedes(peer, self.me) || !precedes(hub, self.me) || link.is_suspected() {
            return false;
        }
        let suspicion = self.links[hub].suspicion();
        suspicion.is_some_and(|it| link.hub_heard.is_some_and(|heard| heard >= it.since))
    }

    /// Records a change in who reaches or follows which node. It may change what is expected of any
    /// peer.
    pub(crate) fn note_change_of_links(&mut self) {
        self.timers.invalidate_all();
        self.down.settled = None;
        self.across.settled = None;
    }

    /// Returns the peers that this node's rounds of a level go to.
    pub(crate) fn served(&self, level: Level) -> Box<dyn Iterator<Item = usize> + '_> {
        let serves = move |peer: &usize| *peer != self.me && self.serves(*peer);
        // A node that is no hub serves only those that have said that they follow it.
        let used = self.links.used();
        let used = used.filter(move |&peer| self.level_of(peer) == level);
        match level {
            Level::Group if self.is_hub() => Box::new(self.groups.members(self.me).filter(serves)),
            Level::Hubs if self.hub == self.me => {
                let used = used.filter(move |&peer| !self.groups.is_first(peer));
                let firsts = self.groups.firsts();
                let others = firsts.filter(move |&peer| self.level_of(peer) == level);
                Box::new(others.chain(used).filter(serves))
            }
            _ => Box::new(used.filter(serves)),
        }
    }

    /// Returns whether this node's rounds go to the peer.
    pub(crate) fn serves(&self, peer: usize) -> bool {
        !self.links[peer].is_suspected() && self.is_responsible_for(peer)
    }

    /// Returns whether items travel between this node and the peer. Nothing is expected of other
    /// peers.
    pub(crate) fn is_neighbour(&self, peer: usize) -> bool {
        peer == self.hub() || self.serves(peer)
    }

    /// Returns whether the peer would be served if it could be reached. A node serves the nodes
    /// after itself that follow it. A hub also serves those that may not have noticed yet that
    /// their own hub is lost.
    pub(crate) fn is_responsible_for(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        let hub = self.hub_of(peer);
        if hub == self.me {
            return peer != self.hub();
        }
        let precedes = |a, b| self.groups.precedes(a, b);
        let succeeds = match self.level_of(peer) {
            Level::Group => self.is_hub(),
            Level::Hubs => self.hub == self.me && self.groups.is_first(peer),
        };
        if !succeeds || precedes(peer, self.me) || !precedes(hub, self.me) {
            return false;
        }
        let suspicion = self.links[hub].suspicion();
        suspicion.is_some_and(|it| link.hub_heard.is_none_or(|heard| heard < it.since))
    }
}
