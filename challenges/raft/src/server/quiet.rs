//! Groups that have nothing to do and send nothing.
//!
//! A driver that runs many groups may stop to [tick](Raft::tick) a group and to take its
//! [output](Raft::output) while all its servers are [quiet](Raft::is_quiet). Such a group sends no
//! heartbeats and holds no elections. That concerns only timers, so it cannot harm safety. Before the
//! driver goes on, it [resumes](Raft::resume) the server, so that the time that has passed counts
//! neither as a missing leader nor as missing followers.

use std::time::Duration;

use super::{Raft, Role};
use crate::message::Command;

impl<C: Command> Raft<C> {
    /// Returns whether the server has nothing to do: it knows the leader, and its log is committed
    /// and, as far as it knows, identical to the logs of the others.
    pub fn is_quiet(&self) -> bool {
        let last_index = self.log().last_index();
        let is_identical = match &self.role {
            Role::Candidate(_) => false,
            Role::Follower => self.leader_id.is_some() && self.matched == last_index,
            Role::Leader(leader) => {
                let mut followers = leader.followers.values();
                leader.reads.is_empty() && followers.all(|it| it.match_index == last_index)
            }
        };
        is_identical && self.commit_index == last_index
    }

    /// Continues after a time in which the server was not ticked: it waits for the others as if it
    /// had just heard from them.
    pub fn resume(&mut self, now: Duration) {
        self.advance_clock(now);
        self.reset_election_deadline();
        if self.leader_id.is_some() {
            self.leader_heard_at = Some(self.now);
        }
        if let Role::Leader(leader) = &mut self.role {
            for follower in leader.followers.values_mut() {
                follower.heard_at = follower.heard_at.max(self.now);
            }
        }
    }
}
