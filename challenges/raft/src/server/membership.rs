//! Which servers vote, and how that changes (dissertation, chapter 4; its section numbers below).
//!
//! A configuration is an entry of the log. It is in force at a server as soon as the server stores
//! it, committed or not, and it differs from the one before by a single server. Any majority of the
//! one then shares a server with any majority of the other (§4.1). Three rules keep it so:
//!
//! - A leader appends a configuration only after the one before is committed, and after it has
//!   committed an entry of its own term. Without the latter, two leaders could each change the same
//!   configuration in a different way (Ongaro, "Bug in single-server membership changes", raft-dev,
//!   July 2015).
//! - A server answers requests of any sender, whatever its own configuration is, because a new one
//!   may be needed before it is known here. Only answers of voters are counted.
//! - A server that is not a voter does not ask for elections. While its own removal is not committed,
//!   it does: the others may be unable to elect a leader without it (§4.2.2).
//!
//! A new server first catches up as a *learner*, which stores the log and does not vote (§4.2.1). A
//! leader that removes itself leads until that is committed (§4.2.2). A removed server does not
//! disturb the others, because they do not grant its pre-vote while they hear a leader (§4.2.3). The
//! leader sends it the log up to its removal, also if it asks for an election much later. If it does
//! not know the leader, the answers to its pre-vote lead it there.

use std::rc::Rc;
use std::time::Duration;

use glomers::NodeId;

use super::progress::{Learner, Progress};
use super::{Raft, Role};
use crate::message::{Command, Index, Voters};
use crate::persistent::Record;

/// The reason for which a server does not change the configuration. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRefused {
    /// This server is not the leader.
    NotLeader,
    /// The last change is not committed, or no entry of the leader's term is.
    TooEarly,
    /// The server is not a learner that has caught up.
    NotCaughtUp,
    /// The server votes already, or it does not vote, or it is the only voter.
    NoChange,
}

/// Changes by the leader.
impl<C: Command> Raft<C> {
    /// Begins to send the log to a server that does not vote, in place of the last learner. The
    /// learner is forgotten when this server stops leading.
    ///
    /// # Errors
    ///
    /// This server is not the leader, or the other one is a voter, or both are the same.
    pub fn add_learner(&mut self, id: &NodeId) -> Result<(), ChangeRefused> {
        if self.is_voter(id) || *id == self.id {
            return Err(ChangeRefused::NoChange);
        }
        self.drop_learner();
        let (now, last_index) = (self.now, self.log().last_index());
        let Role::Leader(leader) = &mut self.role else {
            return Err(ChangeRefused::NotLeader);
        };
        leader.learner = Some(Learner {
            id: id.clone(),
            round_end: last_index,
            round_began_at: now,
            is_caught_up: false,
        });
        let progress = || Progress::new(last_index + 1, now);
        leader.followers.entry(id.clone()).or_insert_with(progress);
        Ok(())
    }

    /// Stops sending the log to the learner, if there is one.
    pub fn drop_learner(&mut self) {
        if let Role::Leader(leader) = &mut self.role
            && let Some(learner) = leader.learner.take()
        {
            leader.followers.remove(&learner.id);
        }
    }

    /// Returns the learner of this leader, if there is one.
    pub fn learner(&self) -> Option<&NodeId> {
        match &self.role {
            Role::Leader(leader) => Some(&leader.learner.as_ref()?.id),
            _ => None,
        }
    }

    /// Returns whether the learner has caught up: it needed less than an election timeout to store
    /// the entries that were new when it began, so commits will not wait for it much longer (§4.2.1).
    pub fn is_learner_caught_up(&self) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        let Some(learner) = &leader.learner else {
            return false;
        };
        let heard_at = leader.followers[&learner.id].heard_at;
        learner.is_caught_up && self.now < heard_at + self.config.election_timeout.start
    }

    /// Makes the learner a voter. Returns the index of the new configuration.
    ///
    /// # Errors
    ///
    /// See [`ChangeRefused`].
    pub fn add_voter(&mut self, id: &NodeId) -> Result<Index, ChangeRefused> {
        self.check_change()?;
        if self.is_voter(id) {
            return Err(ChangeRefused::NoChange);
        }
        if self.learner() != Some(id) || !self.is_learner_caught_up() {
            return Err(ChangeRefused::NotCaughtUp);
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.learner = None;
        }
        let voters = self.voters.iter().chain([id]).cloned().collect();
        Ok(self.append_entry(None, Some(voters)))
    }

    /// Removes a voter, which may be this leader. Returns the index of the new configuration.
    ///
    /// # Errors
    ///
    /// See [`ChangeRefused`].
    pub fn remove_voter(&mut self, id: &NodeId) -> Result<Index, ChangeRefused> {
        self.check_change()?;
        if !self.is_voter(id) || self.voters.len() == 1 {
            return Err(ChangeRefused::NoChange);
        }
        let others = self.voters.iter().filter(|voter| *voter != id);
        let voters = others.cloned().collect();
        Ok(self.append_entry(None, Some(voters)))
    }

    fn check_change(&self) -> Result<(), ChangeRefused> {
        if !self.is_leader() {
            return Err(ChangeRefused::NotLeader);
        }
        let has_own_commit = self.log().term_at(self.commit_index) == Some(self.current_term());
        match has_own_commit && self.is_configuration_committed() {
            true => Ok(()),
            false => Err(ChangeRefused::TooEarly),
        }
    }

    /// Returns the time since the leader heard from another voter or the learner. A new leader counts
    /// from a moment that gives the others time for their first answer. Returns `None` if this server
    /// does not lead or sends nothing to the other.
    pub fn silence_of(&self, id: &NodeId) -> Option<Duration> {
        match &self.role {
            Role::Leader(leader) => {
                let heard_at = leader.followers.get(id)?.heard_at;
                Some(self.now.saturating_sub(heard_at))
            }
            _ => None,
        }
    }
}

/// The configuration in force.
impl<C: Command> Raft<C> {
    /// Returns the servers that vote.
    pub fn voters(&self) -> &Voters {
        &self.voters
    }

    /// Returns whether a server votes.
    pub fn is_voter(&self, id: &NodeId) -> bool {
        self.voters.contains(id)
    }

    /// Returns whether this server votes in the configuration of its log.
    pub fn is_member(&self) -> bool {
        self.is_voter(&self.id)
    }

    pub(super) fn is_configuration_committed(&self) -> bool {
        self.configuration_index <= self.commit_index
    }

    /// Returns the number of servers that form a majority.
    pub(super) fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// Returns whether two servers form a majority.
    pub(super) fn are_majority(&self, a: &NodeId, b: &NodeId) -> bool {
        self.majority() == 2 && self.is_voter(a) && self.is_voter(b)
    }

    /// Returns the number of voters among some servers.
    pub(super) fn count_voters<'a>(&self, ids: impl IntoIterator<Item = &'a NodeId>) -> usize {
        ids.into_iter().filter(|id| self.is_voter(id)).count()
    }

    /// Returns whether this server may ask for an election.
    pub(super) fn may_campaign(&self) -> bool {
        let was_voter = || {
            let before = self
                .persistent
                .configuration_at(self.configuration_index - 1);
            let voters = before.map_or_else(|| Rc::clone(&self.first_voters), |(_, it)| it);
            voters.contains(&self.id)
        };
        self.is_member() || !self.is_configuration_committed() && was_voter()
    }

    /// Returns whether a record may change the configuration in force.
    pub(super) fn affects_configuration(&self, record: &Record<C>) -> bool {
        match record {
            Record::Term { .. } => false,
            Record::Entry(entry) => {
                entry.voters.is_some() || entry.index <= self.configuration_index
            }
            Record::Snapshot(_) => true,
        }
    }

    /// Puts the last configuration of the log into force.
    pub(super) fn adopt_configuration(&mut self) {
        let latest = self.persistent.configuration_at(Index::MAX);
        let (index, voters) = latest.unwrap_or_else(|| (0, Rc::clone(&self.first_voters)));
        self.configuration_index = index;
        let peers = voters.iter().filter(|voter| **voter != self.id);
        self.peers = peers.cloned().collect();
        self.voters = voters;
    }
}

/// Servers that receive the log and do not vote.
impl<C: Command> Raft<C> {
    /// Begins another round of catching up once the learner has everything that was in the log when
    /// the last one began.
    pub(super) fn note_learner_progress(&mut self, from: &NodeId) {
        let (now, last_index) = (self.now, self.log().last_index());
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let learner = leader.learner.as_mut().filter(|it| it.id == *from);
        let Some(learner) = learner else {
            return;
        };
        if leader.followers[from].match_index >= learner.round_end {
            let round = now.saturating_sub(learner.round_began_at);
            learner.is_caught_up = round < self.config.election_timeout.start;
            learner.round_end = last_index;
            learner.round_began_at = now;
        }
    }

    /// Sends the log to a removed server that asks for an election, so that it learns of its removal.
    pub(super) fn inform_removed(&mut self, id: &NodeId) {
        let (now, last_index) = (self.now, self.log().last_index());
        if self.is_voter(id) {
            return;
        }
        if let Role::Leader(leader) = &mut self.role {
            // Its log may also hold a configuration that was never committed. The leader's entry of the
            // current term replaces that.
            let progress = || Progress {
                informed_at: last_index,
                ..Progress::new(last_index + 1, now)
            };
            leader.followers.entry(id.clone()).or_insert_with(progress);
        }
    }

    /// Returns the servers that receive the log and do not vote.
    pub(super) fn nonvoters(&self) -> Vec<NodeId> {
        match &self.role {
            Role::Leader(leader) if leader.followers.len() > self.peers.len() => {
                let followers = leader.followers.keys();
                followers.filter(|id| !self.is_voter(id)).cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Stops sending the log to removed servers that have stored it up to their removal, after a last
    /// message with the commit index, and to those that do not answer.
    pub(super) fn dismiss_removed(&mut self) {
        for id in self.nonvoters() {
            let Role::Leader(leader) = &self.role else {
                return;
            };
            let (follower, round) = (&leader.followers[&id], leader.round);
            let is_silent = self.now >= follower.heard_at + self.config.election_timeout.end;
            let match_index = follower.match_index;
            let is_informed = match_index >= self.configuration_index.max(follower.informed_at)
                && self.is_configuration_committed();
            if self.learner() == Some(&id) || !(is_silent || is_informed) {
                continue;
            }
            if is_informed && match_index >= self.log().last_included_index() {
                self.send_entries(&id, match_index + 1, false, round);
            }
            if let Role::Leader(leader) = &mut self.role {
                leader.followers.remove(&id);
            }
        }
    }

    /// Resigns if this leader has committed its own removal.
    pub(super) fn resign_if_removed(&mut self) {
        if self.is_leader() && !self.is_member() && self.is_configuration_committed() {
            self.become_follower(self.current_term());
        }
    }
}
