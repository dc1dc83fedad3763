//! What a follower does with its leader's entries (§5.3), and what it may conclude from them.

use glomers::NodeId;

use super::{Raft, Role};
use crate::message::{Appended, Command, Entry, Index, Term};
use crate::persistent::Record;

impl<C: Command> Raft<C> {
    /// The sender of an AppendEntries or InstallSnapshot of the current term is its leader
    /// (Figure 2, candidates rule 3).
    pub(super) fn follow(&mut self, leader: &NodeId) {
        assert!(
            !self.is_leader(),
            "election safety: {} and {leader} both lead term {}",
            self.id,
            self.current_term()
        );
        self.role = Role::Follower;
        self.leader_id = Some(leader.clone());
        self.leader_heard_at = Some(self.now);
        self.reset_election_deadline();
    }

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
            // 3. An entry that conflicts goes, with all that follow it. One that is there already
            //    stays, and so do those behind it: this message may be old, and overtaken.
            // 4. What is not there is appended.
            let known = entry.index <= self.log().last_included_index()
                || self.log().term_at(entry.index) == Some(entry.term);
            if !known {
                assert!(
                    entry.index > self.commit_index,
                    "state machine safety: {} is to replace its committed entry {}",
                    self.id,
                    entry.index
                );
                self.persist(Record::Entry(entry));
            }
        }
        // What a snapshot includes is committed, and the leader has it.
        let matched = last_new_entry.max(self.log().last_included_index());
        self.matched = self.matched.max(matched);
        // 5. The leader's commit index holds as far as the logs are known to be the same.
        self.commit_to(leader_commit.min(self.matched));
        self.commit_with_leader();
        Appended::Matched(matched)
    }

    /// In a cluster of two or three, the leader and one follower are a majority already. The leader
    /// had the entry on disk before it sent it, this follower has it too: if it is of the current
    /// term, it *is* committed, whether or not the leader knows yet (§5.3, §5.4.2). So a client of
    /// a follower needs no word from the leader that its command was committed, which would be one
    /// message more.
    ///
    /// The price is paid in [`reads`](super::reads): the leader's own `commit_index` may lag behind
    /// what a follower's client has been told.
    fn commit_with_leader(&mut self) {
        if self.majority() == 2 && self.log().term_at(self.matched) == Some(self.current_term()) {
            self.commit_to(self.matched);
        }
    }
}
