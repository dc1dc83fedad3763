//! Heartbeats and their answers while the disk is busy.
//!
//! All other messages wait until the records of their output are durable. If heartbeats waited too,
//! an fsync that takes longer than an election timeout would depose a leader. A heartbeat needs no
//! new records, so the driver sends it during the write: a leader vouches only for entries that the
//! follower has acknowledged or that a snapshot includes, and a follower acknowledges only what it
//! has acknowledged durably before. Both require that the current term is durable.
//!
//! A leader whose disk has stopped must not stay leader, since it could commit nothing.
//! [`slow_write_limit`](super::Config::slow_write_limit) bounds the time for which it does.

use std::time::Duration;

use glomers::NodeId;

use super::{Raft, Role};
use crate::message::{Appended, Command, Index, Packet, Rpc, Term};

/// Durable facts that an answer to a heartbeat may state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stable {
    term: Term,
    /// Index up to which the durable log is identical to that of the leader of `term`. It stays so
    /// for the whole term, since a leader only appends to its log.
    matched: Index,
}

impl<C: Command> Raft<C> {
    /// Returns the messages that may be sent while the last output is being written. The driver
    /// calls this after each message that arrives during a write, and at
    /// [`prompt_deadline`](Self::prompt_deadline).
    pub fn prompt_messages(&mut self, now: Duration) -> Vec<(NodeId, Packet<C>)> {
        self.advance_clock(now);
        if self.prompt_deadline().is_some_and(|due| due <= self.now) {
            self.push_heartbeats();
        }
        self.push_delayed_answer();
        std::mem::take(&mut self.prompt)
    }

    /// Returns the time at which a heartbeat is due during a write; `None` if there is none to send.
    pub fn prompt_deadline(&self) -> Option<Duration> {
        let Role::Leader(leader) = &self.role else {
            return None;
        };
        let last = leader.heartbeat_at.max(self.output_at);
        let due = last + self.config.heartbeat_interval;
        (self.is_term_stable() && due < self.write_limit()).then_some(due)
    }

    /// Notes that the last output is durable and that the next one contains the current state.
    pub(super) fn begin_write(&mut self) {
        self.output_at = self.now;
        self.delayed = None;
        let next = Stable {
            term: self.current_term(),
            matched: self.matched,
        };
        self.stable = std::mem::replace(&mut self.being_written, next);
    }

    /// Answers an AppendEntries request, at once if the answer states only durable facts.
    pub(super) fn answer_append_entries(&mut self, to: &NodeId, outcome: Appended, round: u64) {
        let is_stable = match outcome {
            Appended::Matched(index) => self.is_term_stable() && index <= self.stable.matched,
            Appended::Conflict { .. } => false,
        };
        let rpc = Rpc::AppendEntriesReply { outcome, round };
        if is_stable && self.now < self.write_limit() {
            self.send_promptly(to, rpc);
        } else {
            self.delayed = Some((to.clone(), round));
            self.send(to, rpc);
        }
    }

    /// Answers the last request whose proper answer has to wait for a write that is already longer
    /// than a heartbeat interval. The answer acknowledges only what is durable, but shows the leader
    /// that this server still follows.
    fn push_delayed_answer(&mut self) {
        let is_slow = self.now >= self.output_at + self.config.heartbeat_interval;
        if !(is_slow && self.is_term_stable() && self.now < self.write_limit()) {
            return;
        }
        if let Some((leader, round)) = self.delayed.take() {
            let outcome = Appended::Matched(self.stable.matched);
            self.send_promptly(&leader, Rpc::AppendEntriesReply { outcome, round });
        }
    }

    fn push_heartbeats(&mut self) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        leader.heartbeat_at = self.now;
        let log = &self.persistent.log;
        let mut heartbeats = Vec::new();
        for (id, follower) in &leader.followers {
            let prev_log_index = follower.match_index.max(log.last_included_index());
            let prev_log_term = log.term_at(prev_log_index);
            let heartbeat = Rpc::AppendEntries {
                prev_log_index,
                prev_log_term: prev_log_term.expect("acknowledged entries are in the log"),
                entries: Vec::new(),
                leader_commit: self.commit_index.min(prev_log_index),
                round: follower.sent_round,
            };
            heartbeats.push((id.clone(), heartbeat));
        }
        for (id, heartbeat) in heartbeats {
            self.send_promptly(&id, heartbeat);
        }
    }

    fn send_promptly(&mut self, to: &NodeId, rpc: Rpc<C>) {
        let term = self.current_term();
        self.prompt.push((to.clone(), Packet { term, rpc }));
    }

    fn is_term_stable(&self) -> bool {
        self.stable.term == self.current_term()
    }

    fn write_limit(&self) -> Duration {
        self.output_at + self.config.slow_write_limit
    }
}
