//! Shards move: to nodes that have joined, and away from nodes that are silent for long.
//!
//! The leader of each group moves its own group, step by step, with what its Raft server knows. The
//! first three nodes of the shard's ranking that answer should hold it. If one of them does not:
//!
//! 1. it catches up as a learner, while the group goes on with its voters;
//! 2. the leader removes a silent voter, if there is one;
//! 3. and makes the learner a voter;
//! 4. if there are more than three voters now, the leader removes one that should not hold the shard.
//!
//! A silent voter is removed before the learner is added, so that no majority ever needs it. If all
//! voters answer, the learner is added first, so that three hold the shard at any time. A new leader
//! goes on from the configuration that it finds. If the silent node speaks again before step 2, nothing
//! changes; afterwards, it gets its place back when it is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use glomers::NodeId;
use raft::Raft;

use crate::placement::{REPLICAS, Ranking};
use crate::shop::Command;

/// Time for which a learner may be silent before another node is tried. Longer than an election, and
/// much longer than an answer takes.
const LEARNER_TIMEOUT: Duration = Duration::from_secs(2);

/// Time after which a node that did not answer is tried again. A longer one leaves a node that has
/// returned without its shards, a shorter one sends more messages to a dead node.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The movement of one group.
#[derive(Clone, Debug)]
pub(super) struct Movement {
    /// Time for which a voter may be silent before it loses its place; `None` if it never does. A new
    /// leader gives every voter up to 2.4 s more.
    replace_after: Option<Duration>,
    /// True if nodes may join.
    may_grow: bool,
    /// Nodes that may hold the shard, the preferred ones first; `None` while this node does not know
    /// which nodes have joined. The group does not move then.
    ranking: Option<Ranking>,
    /// Nodes that did not answer this leader, with the time at which they are tried again.
    avoided: BTreeMap<NodeId, Duration>,
}

impl Movement {
    pub(super) fn new(
        replace_after: Option<Duration>,
        may_grow: bool,
        ranking: Option<Ranking>,
    ) -> Self {
        Self {
            replace_after,
            may_grow,
            ranking,
            avoided: BTreeMap::new(),
        }
    }

    pub(super) fn set_ranking(&mut self, ranking: Ranking) {
        self.ranking = Some(ranking);
    }

    /// Returns whether the group may move. Such a group does not sleep: it would not notice that a voter is
    /// dead, and a node that slept through its removal would never learn of it.
    pub(super) fn is_possible(&self) -> bool {
        self.may_grow || self.replace_after.is_some()
    }

    /// Takes the next step, if this server leads and there is one to take. Returns a note for the node's
    /// log about a change of the voters.
    ///
    /// A step that is refused, such as while the last change is not committed, is due again in the next
    /// tick.
    pub(super) fn advance(&mut self, now: Duration, raft: &mut Raft<Command>) -> Option<String> {
        if !raft.is_leader() {
            self.avoided.clear();
            return None;
        }
        self.avoided.retain(|_, until| now < *until);
        let ranking = self.ranking.as_ref()?;
        let (target, size) = (self.target(raft, ranking), size(ranking));
        let Some(missing) = target.iter().find(|node| !raft.is_voter(node)) else {
            raft.drop_learner();
            return remove_surplus(raft, &target, size);
        };
        if raft.learner() != Some(missing) {
            // It is no voter and not this server, so it is not refused.
            let _ = raft.add_learner(missing);
            return None;
        }
        if !raft.is_learner_caught_up() {
            if raft.silence_of(missing) >= Some(LEARNER_TIMEOUT) {
                self.avoided.insert(missing.clone(), now + RETRY_AFTER);
                raft.drop_learner();
            }
            return None;
        }
        match self.silent(raft) {
            Some((silent, silence)) if raft.voters().len() >= size => {
                raft.remove_voter(&silent).ok()?;
                self.avoided.insert(silent.clone(), now + RETRY_AFTER);
                Some(format!(
                    "{silent} is silent for {silence:?} and loses its place"
                ))
            }
            _ => {
                raft.add_voter(missing).ok()?;
                Some(format!("{missing} takes a place"))
            }
        }
    }

    /// Returns the nodes that should hold the shard: the first ones of the ranking that answer, as far
    /// as this leader knows.
    fn target(&self, raft: &Raft<Command>, ranking: &Ranking) -> Ranking {
        let answers =
            |node: &&NodeId| !self.avoided.contains_key(*node) && !self.is_silent(raft, node);
        let answering = ranking.iter().filter(answers);
        answering.take(size(ranking)).cloned().collect()
    }

    fn is_silent(&self, raft: &Raft<Command>, voter: &NodeId) -> bool {
        let silence = raft.silence_of(voter).unwrap_or_default();
        raft.is_voter(voter) && self.replace_after.is_some_and(|limit| silence >= limit)
    }

    /// Returns the voter that has been silent for longest, if that is too long.
    fn silent(&self, raft: &Raft<Command>) -> Option<(NodeId, Duration)> {
        let silent = raft.voters().iter().filter(|it| self.is_silent(raft, it));
        let silence = |voter: &NodeId| raft.silence_of(voter).unwrap_or_default();
        let silent = silent.max_by_key(|voter| silence(voter))?;
        Some((silent.clone(), silence(silent)))
    }
}

/// Number of voters that a group should have.
fn size(ranking: &Ranking) -> usize {
    REPLICAS.min(ranking.len())
}

/// Removes a voter that should not hold the shard, if there are too many voters. The one that has been
/// silent for longest goes first, and this leader last, since an election follows.
fn remove_surplus(raft: &mut Raft<Command>, target: &Ranking, size: usize) -> Option<String> {
    if raft.voters().len() <= size {
        return None;
    }
    let surplus = raft.voters().iter().filter(|it| !target.contains(it));
    let surplus = surplus.max_by_key(|it| raft.silence_of(it)).cloned()?;
    raft.remove_voter(&surplus).ok()?;
    Some(format!("{surplus} gives up its place"))
}
