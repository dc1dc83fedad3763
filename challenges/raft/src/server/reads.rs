//! Linearizable reads without log entries: the read index (§8; dissertation, §6.4).
//!
//! A leader may serve a read from its state machine once two facts are established: it was still
//! the leader *after* the read arrived, and it has applied everything that was committed before.
//! A *round* of AppendEntries requests that a majority answers establishes the first; one round
//! serves all reads that arrived before it. For the second, the leader notes an index of its log.
//!
//! The paper notes `commit_index`. This leader notes the index of its last entry, because in a small
//! cluster a follower may know of a commit before the leader does (see `commit_with_leader`).
//! Waiting for that entry costs no message, since it is already being replicated.
//!
//! A follower asks its leader for the index and reads from its own state machine. Its request also
//! confirms the leader: when it was sent, its sender knew of no later term. In a cluster of two or
//! three these two servers are a majority, so the leader needs no round.

use std::collections::VecDeque;
use std::rc::Rc;

use glomers::NodeId;

use super::{NotLeader, Raft, Role};
use crate::message::{Command, Index, ReadId, Rpc};

/// A read that waits at the leader for confirmation.
#[derive(Debug)]
pub(super) struct PendingRead {
    id: ReadId,
    /// The follower that asked; `None` for a read of the leader's own client.
    from: Option<NodeId>,
    /// Index up to which the log must be applied.
    index: Index,
    /// The round that a majority must answer; `None` before that round has begun.
    round: Option<u64>,
}

impl<C: Command> Raft<C> {
    /// Asks how far the log must be applied to serve a read. The answer appears in
    /// [`Output::reads`](super::Output::reads), or never if the leader changes or a message is lost.
    ///
    /// # Errors
    ///
    /// No leader is known; nothing was done.
    pub fn read(&mut self, id: ReadId) -> Result<(), NotLeader> {
        match &self.leader_id {
            None => return Err(NotLeader(None)),
            Some(leader) if *leader == self.id => self.add_pending_read(id, None),
            Some(leader) => self.send(&leader.clone(), Rpc::ReadIndex { id }),
        }
        Ok(())
    }

    pub(super) fn read_index(&mut self, from: &NodeId, id: ReadId) {
        self.add_pending_read(id, Some(from.clone()));
    }

    fn add_pending_read(&mut self, id: ReadId, from: Option<NodeId>) {
        let index = self.log().last_index();
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.push_back(PendingRead {
                id,
                from,
                index,
                round: None,
            });
        }
    }

    /// Takes the leader's answer: everything up to `index` is committed. This server's log is
    /// identical to the leader's up to `matched`.
    pub(super) fn read_index_reply(&mut self, id: ReadId, index: Index) {
        if !self.is_leader() {
            self.commit_to(index.min(self.matched));
            self.output.reads.push((id, index));
        }
    }

    /// Begins a round for reads that arrived since the last one, unless the leader and the asking
    /// follower are already a majority.
    pub(super) fn begin_round_for_reads(&mut self) {
        let voters = Rc::clone(&self.voters);
        let (majority, leader_votes) = (self.majority(), usize::from(self.is_member()));
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let next_round = leader.round + 1;
        let mut needed = false;
        for read in leader.reads.iter_mut().filter(|read| read.round.is_none()) {
            read.round = Some(next_round);
            let asker_votes = read.from.as_ref().is_some_and(|it| voters.contains(it));
            needed |= leader_votes + usize::from(asker_votes) < majority;
        }
        if needed {
            leader.round = next_round;
        }
    }

    /// Answers the reads that a majority has confirmed and whose index is committed.
    pub(super) fn release_reads(&mut self) {
        let voters = Rc::clone(&self.voters);
        let (majority, leader_votes) = (self.majority(), usize::from(self.is_member()));
        let commit_index = self.commit_index;
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let reads = std::mem::take(&mut leader.reads);
        let (ready, waiting): (VecDeque<_>, _) =
            reads.into_iter().partition(|read: &PendingRead| {
                let confirms = |id: &NodeId, answered: u64| {
                    let is_asker = read.from.as_ref() == Some(id);
                    let has_answered = read.round.is_some_and(|round| answered >= round);
                    (is_asker || has_answered) && voters.contains(id)
                };
                let confirming = leader.followers.iter();
                let confirming = confirming.filter(|(id, it)| confirms(id, it.answered_round));
                read.index <= commit_index && leader_votes + confirming.count() >= majority
            });
        leader.reads = waiting;
        for PendingRead {
            id, from, index, ..
        } in ready
        {
            match from {
                None => self.output.reads.push((id, index)),
                Some(follower) => self.send(&follower, Rpc::ReadIndexReply { id, index }),
            }
        }
    }
}
