//! How entries reach followers and become committed (§5.3, §5.4.2).
//!
//! The order is that of an entry's path: a client's command is appended to the leader's log, sent to
//! the followers, stored by them, acknowledged, and committed.
//!
//! Messages are created when the driver takes the [`output`](Raft::output), so everything that
//! arrived together is sent together, in one message per follower. Sending does not wait for
//! replies: `next_index` advances when entries are sent, and moves back when a follower reports that
//! its log differs, which is also how a lost message is noticed.

use glomers::NodeId;

use super::progress::Progress;
use super::{NotLeader, Raft, Role};
use crate::message::{Appended, Command, Entry, Index, Rpc, Term, Voters};
use crate::persistent::Record;

/// Commands enter the leader's log.
impl<C: Command> Raft<C> {
    /// Appends a client's command to the log.
    ///
    /// # Errors
    ///
    /// This server is not the leader; nothing was done.
    pub fn propose(&mut self, command: C) -> Result<Index, NotLeader> {
        if !self.is_leader() {
            return Err(NotLeader(self.leader_id.clone()));
        }
        Ok(self.append(Some(command)))
    }

    /// Forwards commands of this server's clients to its leader. They may be lost on the way.
    pub fn forward(&mut self, commands: Vec<C>) {
        if let Some(leader) = self.leader_id.clone().filter(|leader| *leader != self.id) {
            self.send(&leader, Rpc::Propose { commands });
        }
    }

    /// Appends commands that a follower forwarded. A server that is not the leader drops them; the
    /// follower forwards them again once it knows the leader.
    pub(super) fn forwarded_proposals(&mut self, from: &NodeId, commands: Vec<C>) {
        for command in commands {
            if !self.is_leader() {
                return;
            }
            let index = self.append(Some(command));
            // In a small cluster followers learn of a commit by themselves: `commit_with_leader`.
            let learns = self.are_majority(&self.id, from);
            if let (Role::Leader(leader), false) = (&mut self.role, learns) {
                leader.forwarded.insert(index, from.clone());
            }
        }
    }

    /// Appends an entry of the current term. A leader never removes or replaces entries (§5.3).
    pub(super) fn append(&mut self, command: Option<C>) -> Index {
        self.append_entry(command, None)
    }

    pub(super) fn append_entry(&mut self, command: Option<C>, voters: Option<Voters>) -> Index {
        let (index, term) = (self.log().last_index() + 1, self.current_term());
        self.persist(Record::Entry(Entry {
            index,
            term,
            command,
            voters,
        }));
        self.advance_commit_index();
        index
    }
}

/// The leader sends entries.
impl<C: Command> Raft<C> {
    /// Sends each follower what it lacks (leaders rule 3), or a heartbeat if that is due (rule 1).
    pub(super) fn replicate(&mut self) {
        self.begin_round_for_reads();
        for peer in self.peers.clone() {
            self.replicate_to(&peer);
        }
        self.dismiss_removed();
        for nonvoter in self.nonvoters() {
            self.replicate_to(&nonvoter);
        }
        self.release_reads();
    }

    fn replicate_to(&mut self, peer: &NodeId) {
        let (now, last_index) = (self.now, self.log().last_index());
        let included = self.log().last_included_index();
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let follower = &leader.followers[peer];
        let resend_due = follower
            .sent_at
            .is_none_or(|sent_at| now >= sent_at + self.config.heartbeat_interval);
        if follower.next_index <= included {
            if resend_due {
                self.send_snapshot(peer);
            }
            return;
        }
        let (round, probing) = (leader.round, follower.probing);
        let is_due = resend_due || follower.owed_commit || follower.sent_round < round;
        let pipeline_end = follower.match_index + self.config.pipeline_max;
        let first_index = follower.next_index;
        let mut next_index = first_index;
        let mut is_first = true;
        loop {
            // While probing, entries are sent only with the first message and its repetitions.
            let may_send = match probing {
                true => resend_due,
                false => next_index <= pipeline_end,
            };
            let has_more = may_send && next_index <= last_index;
            if !(has_more || is_first && is_due) {
                break;
            }
            let sent = self.send_entries(peer, next_index, may_send, round);
            if probing {
                // Where the logs agree is not known yet, so `next_index` must not advance.
                break;
            }
            next_index += sent;
            is_first = false;
        }
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let follower = leader.followers.get_mut(peer).expect("peers are followers");
        if is_due || next_index > first_index {
            // A heartbeat between two probes does not postpone the next probe.
            if !probing || resend_due {
                follower.sent_at = Some(now);
            }
            follower.sent_round = round;
            follower.owed_commit = false;
            follower.next_index = next_index;
        }
    }

    /// Sends one AppendEntries request, with entries from `next_index` on if `with_entries`. Returns
    /// the number of entries.
    pub(super) fn send_entries(
        &mut self,
        peer: &NodeId,
        next_index: Index,
        with_entries: bool,
        round: u64,
    ) -> Index {
        let entries = match with_entries {
            true => self.log().from(next_index, self.config.message_bytes_max),
            false => Vec::new(),
        };
        let count = entries.len() as Index;
        let prev_log_index = next_index - 1;
        let prev_log_term = self.log().term_at(prev_log_index);
        let request = Rpc::AppendEntries {
            prev_log_index,
            prev_log_term: prev_log_term.expect("the log reaches back to the preceding entry"),
            entries,
            leader_commit: self.commit_index,
            round,
        };
        self.send(peer, request);
        count
    }
}

/// A follower stores entries.
impl<C: Command> Raft<C> {
    /// AppendEntries, receiver's rules 2 to 5.
    pub(super) fn append_entries(
        &mut self,
        prev_log_index: Index,
        prev_log_term: Term,
        entries: Vec<Entry<C>>,
        leader_commit: Index,
    ) -> Appended {
        // 2. The log must contain the entry that precedes the new ones.
        if let Err(conflict) = self.log().check(prev_log_index, prev_log_term) {
            return conflict;
        }
        let last_new_entry = prev_log_index + entries.len() as Index;
        for entry in entries {
            // 3. A conflicting entry is removed with all that follow it. An entry that is already
            //    present stays, and so do those after it: this message may be old and overtaken.
            // 4. A missing entry is appended.
            let is_present = entry.index <= self.log().last_included_index()
                || self.log().term_at(entry.index) == Some(entry.term);
            if !is_present {
                assert!(
                    entry.index > self.commit_index,
                    "state machine safety: {} is to replace its committed entry {}",
                    self.id,
                    entry.index
                );
                self.persist(Record::Entry(entry));
            }
        }
        // Entries that a snapshot includes are committed, so the leader has them.
        let matched = last_new_entry.max(self.log().last_included_index());
        self.matched = self.matched.max(matched);
        // 5. The leader's commit index holds as far as the logs are known to be identical.
        self.commit_to(leader_commit.min(self.matched));
        self.commit_with_leader();
        Appended::Matched(matched)
    }

    /// Commits what the leader and this follower both have, in a cluster of two or three, where
    /// these two form a majority. The leader had the entry on disk before it sent it, and this
    /// follower stores it now. If it is of the current term, it *is* committed, whether or not the
    /// leader already knows (§5.3, §5.4.2). A follower's client is therefore answered without
    /// another message from the leader.
    ///
    /// `matched` belongs to the current term, in which the leader's log only grows. The conclusion
    /// therefore rests on what messages of this term have proved, not on the present length of the
    /// log.
    ///
    /// In return, the leader's own `commit_index` may be lower than what a follower's client has
    /// seen; [`reads`](super::reads) takes this into account.
    fn commit_with_leader(&mut self) {
        let with_leader = self.leader_id.as_ref();
        if with_leader.is_some_and(|leader| self.are_majority(leader, &self.id))
            && self.log().term_at(self.matched) == Some(self.current_term())
        {
            self.commit_to(self.matched);
        }
    }
}

/// The leader counts acknowledgements.
impl<C: Command> Raft<C> {
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
                self.note_learner_progress(from);
                self.advance_commit_index();
            }
            Appended::Conflict {
                prev_log_index,
                term,
                index,
            } => self.back_up(from, prev_log_index, term, index),
        }
    }

    /// Notes the time of an answer. Returns the progress of the follower, or `None` if this server
    /// does not lead.
    pub(super) fn heard_from(&mut self, from: &NodeId) -> Option<&mut Progress> {
        let now = self.now;
        let Role::Leader(leader) = &mut self.role else {
            return None;
        };
        let follower = leader.followers.get_mut(from)?;
        // The extra time at the beginning of a term ends with the first answer.
        follower.heard_at = now;
        Some(follower)
    }

    /// Moves `next_index` back after a conflict (§5.3), past all entries of the conflicting term at
    /// once.
    fn back_up(&mut self, from: &NodeId, prev: Index, term: Option<Term>, index: Index) {
        let same_term = term.and_then(|term| self.log().last_of_term(term));
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Some(follower) = leader.followers.get_mut(from) else {
            return;
        };
        // A late reply to an earlier message carries no news.
        let is_late = prev <= follower.match_index
            || prev >= follower.next_index
            || (follower.probing && prev != follower.next_index - 1);
        if is_late {
            return;
        }
        let next_index = same_term.map_or(index, |last| last + 1);
        follower.next_index = next_index.clamp(follower.match_index + 1, prev);
        follower.probing = true;
        follower.sent_at = None;
    }

    /// Leaders rule 4: an entry **of the current term** that a majority has stored is committed, and
    /// with it all entries before it. Entries of earlier terms are never committed by counting
    /// (Figure 8).
    fn advance_commit_index(&mut self) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let match_index = |voter: &NodeId| match leader.followers.get(voter) {
            Some(follower) => follower.match_index,
            None => self.log().last_index(),
        };
        let mut match_indices: Vec<Index> = self.voters.iter().map(match_index).collect();
        match_indices.sort_unstable_by(|a, b| b.cmp(a));
        let index = match_indices[self.majority() - 1];
        if index <= self.commit_index || self.log().term_at(index) != Some(self.current_term()) {
            return;
        }
        let configuration_index = self.configuration_index;
        let changes_configuration =
            self.commit_index < configuration_index && configuration_index <= index;
        self.commit_to(index);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if changes_configuration {
            // A leader that is removed does not live to the next heartbeat.
            for follower in leader.followers.values_mut() {
                follower.owed_commit = true;
            }
        }
        let uncommitted = leader.forwarded.split_off(&(index + 1));
        for owner in std::mem::replace(&mut leader.forwarded, uncommitted).into_values() {
            if let Some(follower) = leader.followers.get_mut(&owner) {
                follower.owed_commit = true;
            }
        }
    }
}
