//! The algorithm, without disk, network or clock.
//!
//! Messages enter through [`step`](Elector::step) and time through [`tick`](Elector::tick), both
//! with the present time of the node's monotonic clock. The resulting actions come out of
//! [`output`](Elector::output). Its contract is that of `raft`: **the term and the vote are on disk
//! before any message of the same output is sent.**
//!
//! The parts: `candidate` elects, `leader` renews, `voter` votes and keeps promises.

mod candidate;
mod leader;
mod voter;

#[cfg(test)]
mod tests;

use std::time::Duration;

use glomers::NodeId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::candidate::Candidate;
use self::leader::Leader;
use super::message::{Message, Packet};
use super::timing::Timing;
use crate::Term;

/// A node that votes, stands for election and leads.
pub struct Elector {
    id: NodeId,
    /// All nodes, in the same order on every node.
    nodes: Vec<NodeId>,
    timing: Timing,
    rng: ChaCha8Rng,

    /// The latest term that the node has seen; on disk.
    term: Term,
    /// The node that it voted for in `term`, or that leads in it; on disk.
    voted_for: Option<NodeId>,

    role: Role,
    /// The leader of `term`, once it has made itself known.
    leader: Option<NodeId>,
    /// The leader of the latest term that had one: its successors in the list stand first.
    last_leader: Option<NodeId>,
    /// The time before which the node votes for no node but the leader.
    promise_until: Duration,
    /// The time at which the node stands for election, unless it leads.
    election_at: Duration,
    /// Whether the node has left the next election to a candidate that asked for a pre-vote.
    deferred: bool,
    output: Output,
}

/// The actions that a node requests from its driver.
#[derive(Debug, Default)]
pub struct Output {
    /// The term and the vote, if they changed. They must be on disk before the messages are sent.
    pub vote: Option<(Term, Option<NodeId>)>,
    /// Messages to other nodes.
    pub messages: Vec<(NodeId, Packet)>,
}

#[derive(Debug)]
enum Role {
    Follower,
    Candidate(Candidate),
    Leader(Leader),
}

impl Elector {
    /// Creates a node that finds this term and vote on its disk; `term` is 0 on an empty disk.
    /// `now` is the present time of the node's clock.
    ///
    /// A node keeps its promises in memory only. So a restarted node waits for the end of the
    /// longest promise that it may have made before it votes.
    pub fn new(
        id: NodeId,
        nodes: &[NodeId],
        timing: Timing,
        seed: u64,
        (term, voted_for): (Term, Option<NodeId>),
        now: Duration,
    ) -> Self {
        let may_have_promised = term > 0;
        let promise_until = match may_have_promised {
            true => now + timing.promise,
            false => now,
        };
        let mut elector = Self {
            id,
            nodes: nodes.to_vec(),
            timing,
            rng: ChaCha8Rng::seed_from_u64(seed),
            term,
            voted_for,
            role: Role::Follower,
            leader: None,
            last_leader: None,
            promise_until,
            election_at: now,
            deferred: false,
            output: Output::default(),
        };
        elector.election_at = elector.candidacy_after(promise_until);
        elector
    }

    /// Returns the leader and its term at this time, as far as the node knows. A node names itself
    /// only while its lease lasts, and another node until it stands for election or enters a new
    /// term.
    pub fn leader(&self, now: Duration) -> Option<(NodeId, Term)> {
        let knows = match &self.role {
            Role::Leader(leader) => now < self.lease_until(leader),
            Role::Follower => now < self.election_at,
            Role::Candidate(_) => false,
        };
        let leader = self.leader.clone().filter(|_| knows)?;
        Some((leader, self.term))
    }

    /// Returns the latest term that the node has seen.
    pub fn term(&self) -> Term {
        self.term
    }

    /// Returns the time at which [`tick`](Self::tick) is due, if no message comes before.
    pub fn deadline(&self) -> Duration {
        match &self.role {
            Role::Leader(leader) => leader.renew_at.min(self.resign_at(leader)),
            _ => self.election_at,
        }
    }

    /// Performs the actions that are due at this time.
    pub fn tick(&mut self, now: Duration) {
        match &self.role {
            Role::Leader(leader) if now >= self.resign_at(leader) => self.resign(now),
            Role::Leader(leader) if now >= leader.renew_at => self.renew(now),
            Role::Follower | Role::Candidate(_) if now >= self.election_at => {
                self.ask_for_pre_votes(now);
            }
            _ => {}
        }
    }

    /// Handles a message from another node. Messages from unknown nodes are ignored.
    pub fn step(&mut self, now: Duration, from: &NodeId, packet: Packet) {
        let Packet { term, message } = packet;
        if *from == self.id || !self.nodes.contains(from) {
            return;
        }
        match message {
            Message::PreVote => self.pre_vote(now, from, term),
            Message::PreVoteGranted => self.pre_vote_granted(now, from, term),
            Message::Vote => self.vote(now, from, term),
            Message::VoteGranted => self.vote_granted(now, from, term),
            Message::Renew {
                sent_at_micros,
                reply,
            } => {
                if self.follow(now, from, term) && reply {
                    self.send(from, Message::Renewed { sent_at_micros });
                }
            }
            Message::Renewed { sent_at_micros } => self.renewed(now, from, term, sent_at_micros),
            Message::Refused if term > self.term => self.enter(now, term),
            Message::Refused => {}
        }
    }

    /// Takes the actions that have accumulated since the last call.
    pub fn output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    fn send(&mut self, to: &NodeId, message: Message) {
        let term = self.term;
        let packet = Packet { term, message };
        self.output.messages.push((to.clone(), packet));
    }

    fn peers(&self) -> Vec<NodeId> {
        let peers = self.nodes.iter().filter(|node| **node != self.id);
        peers.cloned().collect()
    }

    fn majority(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// Changes the term and the vote, in memory and on disk.
    fn persist(&mut self, term: Term, voted_for: Option<NodeId>) {
        if term > self.term {
            self.leader = None;
        }
        self.output.vote = Some((term, voted_for.clone()));
        (self.term, self.voted_for) = (term, voted_for);
    }

    /// Enters a later term as a follower. A leader stops leading.
    fn enter(&mut self, now: Duration, term: Term) {
        self.persist(term, None);
        if !matches!(self.role, Role::Follower) {
            self.role = Role::Follower;
            self.election_at = self.candidacy_later(now);
        }
    }

    /// Returns the time at which the node stands for election if the leader's lease ends at `end`.
    /// Nodes stand one after the other, in the order of the list, beginning after the last leader.
    fn candidacy_after(&self, end: Duration) -> Duration {
        end + self.timing.stagger * (self.rank(&self.id) + 1)
    }

    /// Returns the time at which the node stands for election after it gave way to another node or
    /// failed to be elected.
    fn candidacy_later(&mut self, now: Duration) -> Duration {
        let least = self.timing.election_timeout;
        now.max(self.promise_until) + self.rng.random_range(least..least * 2)
    }

    /// Returns a node's distance in the list from the last leader.
    fn rank(&self, node: &NodeId) -> u32 {
        let position = |node: &NodeId| self.nodes.iter().position(|other| other == node);
        let after = self.last_leader.as_ref().and_then(position);
        let first = after.map_or(0, |after| after + 1);
        let count = self.nodes.len();
        let position = position(node).unwrap_or(0);
        ((position + count - first % count) % count) as u32
    }
}
