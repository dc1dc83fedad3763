//! Choosing a hub without coordination.
//!
//! The hub is the first node in the cluster's list that can be reached. Every node decides that for
//! itself, see [`crate::failover`]. Nodes that can reach each other therefore soon agree, on both
//! sides of a partition. Where they disagree about who reaches which node, a node whose hub has a
//! hub of its own links two stars. A node follows only nodes before itself, or a node that can
//! reach such a node which it cannot reach itself. So hubs never follow each other in a circle.

use crate::log::Item;
use crate::star::Star;

impl<T: Item> Star<T> {
    /// Returns the node whose rounds this node takes part in. That is the node itself if it can
    /// reach no node before itself and no bridge to one.
    pub(crate) fn hub(&self) -> usize {
        self.hub
    }

    /// Chooses the hub again, after a change of what is known of other nodes.
    pub(crate) fn choose_hub(&mut self) {
        let reachable = |&peer: &usize| !self.links[peer].is_suspected();
        let bridge = || {
            self.links
                .used(self.me + 1..)
                .find(|&peer| self.is_bridge(peer))
        };
        let before = (0..self.me).find(reachable);
        let hub = before.or_else(bridge).unwrap_or(self.me);
        if hub == self.hub {
            return;
        }
        self.hub = hub;
        let direct = self.logs.direct(self.origin);
        if hub != self.me && direct > 0 {
            // The new hub has received this node's items as every other node did.
            self.links[hub]
                .outgoing
                .on_the_way
                .raise(self.origin, direct);
        }
    }

    /// Returns whether a peer after this node follows a hub before this node that this node cannot
    /// reach, and has said so since that hub is suspected.
    fn is_bridge(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        if link.hub >= self.me || link.is_suspected() {
            return false;
        }
        let suspicion = self.links[link.hub].suspicion();
        suspicion.is_some_and(|it| link.hub_heard.is_some_and(|heard| heard >= it.since))
    }

    /// Records a change in who reaches or follows which node. It may change what is expected of any
    /// peer.
    pub(crate) fn note_change_of_links(&mut self) {
        self.timers.invalidate_all();
        self.down.settled = None;
    }

    /// Returns the peers that this node's rounds go to.
    pub(crate) fn served(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        // A node that is no hub serves only those that have said that they follow it.
        if self.hub() == self.me {
            Box::new(self.peers().filter(move |&peer| self.serves(peer)))
        } else {
            Box::new(self.links.used(..).filter(move |&peer| self.serves(peer)))
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
        if link.hub == self.me {
            return peer != self.hub();
        }
        if peer < self.me {
            return false;
        }
        let lost = link.hub < self.me && self.hub() == self.me;
        let suspicion = self.links[link.hub].suspicion();
        lost && suspicion.is_some_and(|it| link.hub_heard.is_none_or(|heard| heard < it.since))
    }
}
