//! A node that is silent for long loses its places to others.
//!
//! The leader of each group decides for its own group, step by step, with what its Raft server knows:
//!
//! 1. another node catches up as a learner, while the group goes on with the voters that are left;
//! 2. the leader removes the silent voter;
//! 3. and makes the learner a voter.
//!
//! The silent voter is removed before the learner is added, so that no majority ever needs it. A new
//! leader goes on from the configuration that it finds: a group that lacks a voter is at step 3. If the
//! silent node speaks again before step 2, nothing changes.

use std::time::Duration;

use glomers::NodeId;
use raft::Raft;

use crate::shop::Command;

/// Time for which a learner may be silent before another node is tried. Longer than an election, and
/// much longer than an answer takes.
const LEARNER_TIMEOUT: Duration = Duration::from_secs(2);

/// The replacement of silent voters in a group.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    /// Time for which a voter may be silent. A new leader gives every voter up to 2.4 s more.
    pub(super) replace_after: Duration,
    /// Number of voters that the group should have.
    pub(super) size: usize,
    /// Nodes that may take a place, the preferred ones first.
    pub(super) candidates: Vec<NodeId>,
    /// Number of the next candidate, counted on through the list again and again.
    pub(super) next: usize,
}

impl Replacement {
    /// Takes the next step, if this server leads and there is one to take. Returns a note for the node's
    /// log about a change of the voters.
    pub(super) fn advance(&mut self, raft: &mut Raft<Command>) -> Option<String> {
        if !raft.is_leader() {
            return None;
        }
        let silence = |id: &NodeId| raft.silence_of(id).unwrap_or_default();
        let silent = raft.voters().iter();
        let silent = silent.filter(|voter| silence(voter) >= self.replace_after);
        let silent = silent.max_by_key(|voter| silence(voter)).cloned();
        let lacks_voter = raft.voters().len() < self.size;
        if silent.is_none() && !lacks_voter {
            raft.drop_learner();
            return None;
        }
        let Some(learner) = raft.learner().cloned() else {
            self.try_next(raft);
            return None;
        };
        if !raft.is_learner_caught_up() {
            if silence(&learner) >= LEARNER_TIMEOUT {
                raft.drop_learner();
                self.try_next(raft);
            }
            return None;
        }
        // A step that is refused, such as while the last change is not committed, is due again in the
        // next tick.
        match silent {
            Some(silent) if !lacks_voter => {
                let silence = silence(&silent);
                let removed = raft.remove_voter(&silent).ok();
                removed.map(|_| format!("{silent} is silent for {silence:?} and loses its place"))
            }
            _ => {
                let added = raft.add_voter(&learner).ok();
                added.map(|_| format!("{learner} takes a place"))
            }
        }
    }

    /// Makes the next node that is not a voter the learner.
    fn try_next(&mut self, raft: &mut Raft<Command>) {
        for _ in 0..self.candidates.len() {
            let candidate = &self.candidates[self.next % self.candidates.len()];
            self.next += 1;
            if raft.add_learner(candidate).is_ok() {
                return;
            }
        }
    }
}
