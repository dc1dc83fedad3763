//! Reads that need no log entry, and still are never stale (§8; dissertation, §6.4).
//!
//! A leader may serve a read from its state machine once two things are certain: that it was still
//! the leader *after* the read arrived, and that it has applied everything that was committed
//! before. The first it learns from a *round* of AppendEntries that a majority answers; one round
//! serves all reads that came before it. For the second it notes how far the log reached.
//!
//! The paper notes `commit_index` here. This leader notes the index of its last entry, since in a
//! small cluster a follower may know of a commit before the leader does (see
//! `commit_with_leader`); waiting for that entry costs nothing, as it is on its way already.
//!
//! A follower asks its leader for the index and reads from its own state machine. Its request is
//! itself an answer to the question whether the leader is still one: at the moment of sending, its
//! sender knew no later term. In a cluster of two or three that makes the majority, and the leader
//! has nobody else to ask.

use std::collections::VecDeque;

use glomers::NodeId;

use super::{NotLeader, Raft, Role};
use crate::message::{Command, Index, ReadId, Rpc};

/// A read that waits at the leader.
#[derive(Debug)]
pub(super) struct PendingRead {
    id: ReadId,
    /// The follower that asked; none, if it is the leader's own.
    from: Option<NodeId>,
    /// Everything up to here must be applied.
    index: Index,
    /// The round that must be answered; none before the round began.
    round: Option<u64>,
}

impl<C: Command> Raft<C> {
    /// Asks how far the log must be applied to serve a read; the answer comes in
    /// [`Output::reads`](super::Output::reads), or never, if the leader changes or a message is
    /// lost.
    ///
    /// # Errors
    ///
    /// No leader is known; nothing was done.
    pub fn read(&mut self, id: ReadId) -> Result<(), NotLeader> {
        match &self.leader_id {
            None => return Err(NotLeader(None)),
            Some(leader) if *leader == self.id => self.pend_read(id, None),
            Some(leader) => self.send(&leader.clone(), Rpc::ReadIndex { id }),
        }
        Ok(())
    }

    pub(super) fn read_index(&mut self, from: &NodeId, id: ReadId) {
        self.pend_read(id, Some(from.clone()));
    }

    fn pend_read(&mut self, id: ReadId, from: Option<NodeId>) {
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

    /// The leader has said that everything up to `index` is committed, and this server's log is the
    /// leader's as far as `matched`.
    pub(super) fn read_index_reply(&mut self, id: ReadId, index: Index) {
        if !self.is_leader() {
            self.commit_to(index.min(self.matched));
            self.output.reads.push((id, index));
        }
    }

    /// New reads need a round that begins after they came, unless who asks is majority enough.
    pub(super) fn begin_round_for_reads(&mut self) {
        let enough_without = self.majority();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let next_round = leader.round + 1;
        let mut needed = false;
        for read in leader.reads.iter_mut().filter(|read| read.round.is_none()) {
            read.round = Some(next_round);
            let known = 1 + usize::from(read.from.is_some());
            needed |= known < enough_without;
        }
        if needed {
            leader.round = next_round;
        }
    }

    /// Answers the reads that a majority has confirmed, and whose index is committed.
    pub(super) fn release_reads(&mut self) {
        let (majority, commit_index) = (self.majority(), self.commit_index);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let reads = std::mem::take(&mut leader.reads);
        let (ready, waiting): (VecDeque<_>, _) =
            reads.into_iter().partition(|read: &PendingRead| {
                let confirms = |id: &NodeId, answered: u64| {
                    read.from.as_ref() == Some(id)
                        || read.round.is_some_and(|round| answered >= round)
                };
                let confirming = leader.followers.iter();
                let confirming = confirming.filter(|(id, it)| confirms(id, it.answered_round));
                read.index <= commit_index && confirming.count() + 1 >= majority
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
