//! The part of a voter: it votes, follows a leader and keeps its promise to that leader.

use std::time::Duration;

use glomers::NodeId;

use super::{Elector, Role};
use crate::Term;
use crate::lease::message::{Message, Packet};

impl Elector {
    /// Returns whether the node may vote for no other node, because of its promise to the leader or
    /// because it leads.
    fn is_bound(&self, now: Duration) -> bool {
        match &self.role {
            Role::Leader(leader) => now < self.lease_until(leader),
            _ => now < self.promise_until,
        }
    }

    /// Replies whether the node would vote for a candidate. A pre-vote binds neither side.
    pub(super) fn pre_vote(&mut self, now: Duration, from: &NodeId, term: Term) {
        if term <= self.term {
            return self.send(from, Message::Refused);
        }
        if self.is_bound(now) {
            return;
        }
        let message = Message::PreVoteGranted;
        self.output
            .messages
            .push((from.clone(), Packet { term, message }));
        self.give_way(now, from);
    }

    /// Leaves an election to a candidate, but no second one in a row, because the candidate may be
    /// able to send but not to receive. Of two candidates, only the later one in the order of
    /// succession gives way.
    fn give_way(&mut self, now: Duration, to: &NodeId) {
        let gives_way = match &self.role {
            Role::Candidate(candidate) => {
                candidate.is_asking() && self.rank(to) < self.rank(&self.id)
            }
            Role::Follower => true,
            Role::Leader(_) => false,
        };
        if gives_way && !self.deferred {
            self.deferred = true;
            self.role = Role::Follower;
            self.election_at = self.election_at.max(self.candidacy_later(now));
        }
    }

    /// Votes at most once in a term, and never while it is bound to a leader. A request that comes
    /// while it is bound changes nothing, not even the node's term.
    pub(super) fn vote(&mut self, now: Duration, from: &NodeId, term: Term) {
        if term < self.term {
            return self.send(from, Message::Refused);
        }
        if self.is_bound(now) {
            return;
        }
        if term > self.term {
            self.enter(now, term);
        }
        match &self.voted_for {
            None => self.persist(term, Some(from.clone())),
            // The request arrived twice, or the reply was lost.
            Some(candidate) if candidate == from => {}
            Some(_) => return,
        }
        self.election_at = self.candidacy_later(now);
        self.send(from, Message::VoteGranted);
    }

    /// Follows the leader of a term and promises to vote for no other node. Returns false, without
    /// a promise, if the term is an earlier one.
    ///
    /// A promise to the leader of an earlier term is no obstacle. A majority has elected the new
    /// leader, so some voter of every lease of the old one was free to vote: the leases are over.
    pub(super) fn follow(&mut self, now: Duration, leader: &NodeId, term: Term) -> bool {
        if term < self.term {
            self.send(leader, Message::Refused);
            return false;
        }
        if term > self.term || self.voted_for.is_none() {
            // On disk before the reply, so the node cannot vote in this term after a restart.
            self.persist(term, Some(leader.clone()));
        }
        self.role = Role::Follower;
        self.leader = Some(leader.clone());
        self.last_leader = self.leader.clone();
        self.promise_until = self.promise_until.max(now + self.timing.promise);
        self.election_at = self.candidacy_after(self.promise_until);
        self.deferred = false;
        true
    }
}
