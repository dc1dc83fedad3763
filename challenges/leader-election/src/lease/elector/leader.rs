//! How a leader keeps its lease, and how it gives it up.
//!
//! A renewal carries the time at which it was sent, and the reply carries it back. A majority that
//! answered renewals of time *t* or later promised, after *t*, to vote for no other node for longer
//! than a lease. So the leader leads until *t* plus the lease, however late the replies come.

use std::collections::BTreeMap;
use std::time::Duration;

use glomers::NodeId;

use super::{Elector, Role};
use crate::Term;
use crate::lease::message::Message;

/// A node that was elected in the current term.
#[derive(Debug)]
pub(super) struct Leader {
    elected_at: Duration,
    /// When the current round of renewals began.
    round_at: Option<Duration>,
    /// When the next renewals are sent: a new round, or a repetition.
    pub(super) renew_at: Duration,
    /// The latest renewal that each voter has answered, by the time at which it was sent.
    answered: BTreeMap<NodeId, Duration>,
}

impl Leader {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            elected_at: now,
            round_at: None,
            renew_at: now,
            answered: BTreeMap::new(),
        }
    }

    /// Returns the latest time such that this number of voters answered renewals sent then or
    /// later.
    fn answered_by(&self, voters: usize) -> Option<Duration> {
        let mut latest: Vec<Duration> = self.answered.values().copied().collect();
        latest.sort_unstable_by(|a, b| b.cmp(a));
        latest.get(voters.checked_sub(1)?).copied()
    }
}

impl Elector {
    /// Returns the time at which the lease ends; 0 before it has begun.
    pub(super) fn lease_until(&self, leader: &Leader) -> Duration {
        // The leader itself is one of the majority.
        match self.majority() - 1 {
            0 => Duration::MAX,
            voters => leader
                .answered_by(voters)
                .map_or(Duration::ZERO, |sent_at| sent_at + self.timing.lease),
        }
    }

    /// Returns the time at which the leader resigns if it gets no further replies.
    pub(super) fn resign_at(&self, leader: &Leader) -> Duration {
        let first = leader.elected_at + self.timing.lease;
        self.lease_until(leader).max(first)
    }

    /// Sends renewals: begins a round, or repeats those of the current round that were not answered
    /// if a majority has not answered yet.
    ///
    /// All voters receive the first renewals of a round, so that all know the leader, but only as
    /// many as the leader needs for a majority are asked to reply: those that answered last.
    pub(super) fn renew(&mut self, now: Duration) {
        // Round to the precision of renewals, so that the times in their answers compare equal.
        let sent_at_micros = now.as_micros() as u64;
        let now = Duration::from_micros(sent_at_micros);
        let retry_at = now + self.timing.retry_interval;
        let peers = self.peers();
        let needed = self.majority() - 1;
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let unanswered = leader
            .round_at
            .filter(|&round_at| needed > 0 && leader.answered_by(needed) < Some(round_at));
        leader.renew_at = retry_at;
        let renewals: Vec<(NodeId, bool)> = match unanswered {
            Some(round_at) => {
                let is_missing = |peer: &NodeId| leader.answered.get(peer) < Some(&round_at);
                let missing = peers.into_iter().filter(is_missing);
                missing.map(|peer| (peer, true)).collect()
            }
            None => {
                let is_first = leader.round_at.replace(now).is_none();
                let mut peers = peers;
                // The sort is stable: with equal times the order of the list decides.
                peers.sort_by_key(|peer| std::cmp::Reverse(leader.answered.get(peer).copied()));
                let ranked = peers.into_iter().zip(1..);
                ranked
                    .map(|(peer, rank)| (peer, is_first || rank <= needed))
                    .collect()
            }
        };
        for (peer, reply) in renewals {
            let renewal = Message::Renew {
                sent_at_micros,
                reply,
            };
            self.send(&peer, renewal);
        }
    }

    pub(super) fn renewed(&mut self, now: Duration, from: &NodeId, term: Term, sent_at: u64) {
        let needed = self.majority() - 1;
        let sent_at = Duration::from_micros(sent_at).min(now);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if term != self.term {
            return;
        }
        let latest = leader.answered.entry(from.clone()).or_default();
        *latest = sent_at.max(*latest);
        // A majority has answered the round, so no renewal is repeated.
        if leader.answered_by(needed) >= leader.round_at
            && let Some(round_at) = leader.round_at
        {
            leader.renew_at = round_at + self.timing.renew_interval;
        }
    }

    /// Stops leading because no majority renewed the lease in time, and lets other nodes stand
    /// first.
    pub(super) fn resign(&mut self, now: Duration) {
        self.role = Role::Follower;
        self.leader = None;
        self.election_at = self.candidacy_later(now);
    }
}
