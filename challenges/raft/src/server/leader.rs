//! What a leader knows and concludes (Figure 2, "leaders"): whose log reaches how far, what a
//! majority has, and whether it is a leader still. Sending is in [`replication`](super::replication).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use glomers::NodeId;

use super::reads::PendingRead;
use super::{Config, NotLeader, Raft, Role};
use crate::message::{Appended, Command, Entry, Index, Rpc, Term};
use crate::persistent::Record;

/// Volatile state on leaders.
#[derive(Debug, Default)]
pub(super) struct Leader {
    pub(super) followers: BTreeMap<NodeId, Progress>,
    /// The latest round of AppendEntries.
    pub(super) round: u64,
    pub(super) reads: VecDeque<PendingRead>,
    /// Entries that came from a follower, which waits for them to be committed.
    forwarded: BTreeMap<Index, NodeId>,
}

/// What the leader knows of a follower.
#[derive(Debug)]
pub(super) struct Progress {
    /// Index of the next log entry to send.
    pub(super) next_index: Index,
    /// Index of the highest log entry known to be replicated.
    pub(super) match_index: Index,
    /// Where the logs agree is being found out: one message at a time.
    pub(super) probing: bool,
    /// While a snapshot is being sent: its last included index, and how much of it has arrived.
    pub(super) transfer: (Index, usize),
    /// When it was sent something that it has to answer.
    pub(super) sent_at: Option<Duration>,
    /// When it answered.
    heard_at: Duration,
    /// The latest round that it answered.
    pub(super) answered_round: u64,
    /// The latest round that it was sent.
    pub(super) sent_round: u64,
    /// One of its own entries is committed, and it does not know.
    pub(super) owed_commit: bool,
}

impl Leader {
    /// When the next heartbeat is due.
    pub(super) fn deadline(&self, config: &Config) -> Duration {
        let due = |follower: &Progress| match follower.sent_at {
            Some(sent_at) => sent_at + config.heartbeat_interval,
            None => Duration::ZERO,
        };
        let earliest = self.followers.values().map(due).min();
        earliest.unwrap_or(Duration::MAX)
    }
}

impl<C: Command> Raft<C> {
    /// Upon election: `next_index` starts after the last entry, `match_index` at 0; and an entry of
    /// its own term is the first thing to be replicated, since only by such a one does a leader
    /// learn what is committed (§8).
    pub(super) fn become_leader(&mut self) {
        let next_index = self.log().last_index() + 1;
        // The first replies may take a while on a slow network; later ones come steadily.
        let grace = self.config.election_timeout.end * 3;
        let follower = |peer: &NodeId| {
            let progress = Progress {
                next_index,
                match_index: 0,
                probing: false,
                transfer: (0, 0),
                sent_at: None,
                heard_at: self.now + grace,
                answered_round: 0,
                sent_round: 0,
                owed_commit: false,
            };
            (peer.clone(), progress)
        };
        let followers = self.peers.iter().map(follower).collect();
        self.role = Role::Leader(Leader {
            followers,
            ..Leader::default()
        });
        self.leader_id = Some(self.id.clone());
        self.append(None);
    }

    /// Appends a client's command to the log, if this server is the leader.
    ///
    /// # Errors
    ///
    /// It is not; nothing was done.
    pub fn propose(&mut self, command: C) -> Result<Index, NotLeader> {
        if !self.is_leader() {
            return Err(NotLeader(self.leader_id.clone()));
        }
        Ok(self.append(Some(command)))
    }

    /// Hands commands of this server's clients to its leader. They may be lost on the way.
    pub fn forward(&mut self, commands: Vec<C>) {
        if let Some(leader) = self.leader_id.clone().filter(|leader| *leader != self.id) {
            self.send(&leader, Rpc::Propose { commands });
        }
    }

    /// Commands of a follower's clients. If this server is no leader, they are dropped: the
    /// follower asks again when it has heard of the leader.
    pub(super) fn forwarded_proposals(&mut self, from: &NodeId, commands: Vec<C>) {
        for command in commands {
            if !self.is_leader() {
                return;
            }
            let index = self.append(Some(command));
            // In a small cluster followers see for themselves; see `commit_with_leader`.
            if let (Role::Leader(leader), true) = (&mut self.role, self.peers.len() > 2) {
                leader.forwarded.insert(index, from.clone());
            }
        }
    }

    /// A leader only ever appends to its log (§5.3).
    fn append(&mut self, command: Option<C>) -> Index {
        let (index, term) = (self.log().last_index() + 1, self.current_term());
        self.persist(Record::Entry(Entry {
            index,
            term,
            command,
        }));
        self.advance_commit_index();
        index
    }

    pub(super) fn append_entries_reply(&mut self, from: &NodeId, outcome: Appended, round: u64) {
        let Some(follower) = self.heard_from(from) else {
            return;
        };
        follower.answered_round = follower.answered_round.max(round);
        match outcome {
            Appended::Matched(match_index) => {
                follower.match_index = follower.match_index.max(match_index);
                follower.next_index = follower.next_index.max(match_index + 1);
                follower.probing = false;
                self.advance_commit_index();
            }
            Appended::Conflict {
                prev_log_index,
                term,
                index,
            } => self.back_up(from, prev_log_index, term, index),
        }
    }

    /// Notes that a follower is there.
    pub(super) fn heard_from(&mut self, from: &NodeId) -> Option<&mut Progress> {
        let now = self.now;
        let Role::Leader(leader) = &mut self.role else {
            return None;
        };
        let follower = leader.followers.get_mut(from)?;
        // The grace at the beginning of a term ends with the first reply.
        follower.heard_at = now;
        Some(follower)
    }

    /// AppendEntries failed because of log inconsistency: decrement `next_index` and retry (§5.3),
    /// past all entries of the conflicting term at once.
    fn back_up(&mut self, from: &NodeId, prev: Index, term: Option<Term>, index: Index) {
        let same_term = term.and_then(|term| self.log().last_of_term(term));
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Some(follower) = leader.followers.get_mut(from) else {
            return;
        };
        // A reply to an older message than the ones that taught us better.
        let stale = prev <= follower.match_index
            || prev >= follower.next_index
            || (follower.probing && prev != follower.next_index - 1);
        if stale {
            return;
        }
        let next_index = same_term.map_or(index, |last| last + 1);
        follower.next_index = next_index.clamp(follower.match_index + 1, prev);
        follower.probing = true;
        follower.sent_at = None;
    }

    /// Leaders rule 4: if a majority has an entry **of the current term**, it is committed, and
    /// with it all before it. Entries of older terms are never committed by counting (Figure 8).
    fn advance_commit_index(&mut self) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let mut match_indices: Vec<Index> = leader
            .followers
            .values()
            .map(|follower| follower.match_index)
            .chain([self.log().last_index()])
            .collect();
        match_indices.sort_unstable_by(|a, b| b.cmp(a));
        let index = match_indices[self.majority() - 1];
        if index <= self.commit_index || self.log().term_at(index) != Some(self.current_term()) {
            return;
        }
        self.commit_to(index);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let waiting = leader.forwarded.split_off(&(index + 1));
        for owner in std::mem::replace(&mut leader.forwarded, waiting).into_values() {
            if let Some(follower) = leader.followers.get_mut(&owner) {
                follower.owed_commit = true;
            }
        }
    }

    /// A leader that a majority has not answered for an election timeout is none any more, and
    /// should not take commands that it cannot commit (dissertation, §6.2).
    pub(super) fn check_quorum(&mut self) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let timeout = self.config.election_timeout.end;
        let answering = leader
            .followers
            .values()
            .filter(|follower| self.now < follower.heard_at + timeout);
        if answering.count() + 1 < self.majority() {
            self.become_follower(self.current_term());
        }
    }
}
