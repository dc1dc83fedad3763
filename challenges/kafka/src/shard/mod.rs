//! One shard on one node: its journal, its clients' requests, and the node's role in it.
//!
//! The leader appends ([`leader`]) and the others copy ([`follower`]). An entry is committed when
//! every member that is in sync has it. Each of them therefore has all committed entries and can
//! take over without fetching entries from others. There are no elections and no comparison of
//! logs.

mod follower;
mod leader;

use tokio::time::Instant;

pub use follower::Follower;
pub use leader::{Leader, Progress};

use crate::journal::Journal;
use crate::leadership::{Leadership, Member, Proposal};
use crate::requests::Requests;

/// A shard as one node has it.
#[derive(Debug)]
pub struct Shard {
    /// The latest leadership record known; `None` on a restarted node that has received none.
    pub leadership: Option<Leadership>,
    /// The change that lin-kv has not decided yet, and that may be in force already.
    pub pending: Option<Pending>,
    /// When lin-kv was last asked which record is in force.
    pub last_inquiry_at: Option<Instant>,
    pub journal: Journal,
    pub requests: Requests,
    pub role: Role,
}

/// A proposal without an outcome.
#[derive(Debug)]
pub struct Pending {
    pub proposal: Proposal,
    /// When to propose it again, if lin-kv answered with an error.
    pub retry_at: Option<Instant>,
}

/// A node's role in a shard.
#[derive(Debug)]
pub enum Role {
    Leader(Leader),
    Follower(Follower),
}

impl Shard {
    /// Returns an empty shard without a leadership record.
    pub fn new() -> Self {
        Self {
            leadership: None,
            pending: None,
            last_inquiry_at: None,
            journal: Journal::default(),
            requests: Requests::default(),
            role: Role::Follower(Follower::default()),
        }
    }

    /// Adopts a newer leadership record, and returns whether it begins an epoch.
    pub fn adopt(&mut self, newer: Leadership, me: Member, nodes: usize) -> bool {
        let epoch = self.leadership.as_ref().map(|known| known.epoch);
        let begins = epoch != Some(newer.epoch);
        if begins {
            self.requests.rewind();
            self.role = match newer.leader == me {
                true => Role::Leader(Leader::new(&self.journal, nodes)),
                false => Role::Follower(Follower::default()),
            };
        } else if let Role::Leader(leader) = &mut self.role {
            leader.joining.retain(|joiner, _| !newer.includes(*joiner));
        }
        // Versions in force only grow: the proposal has become this one, or has failed.
        self.pending
            .take_if(|pending| pending.proposal.to.version <= newer.version);
        self.leadership = Some(newer);
        begins
    }

    /// Returns whether this node leads, as far as it knows.
    pub fn is_led_here(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Returns the leader, if it is another member.
    pub fn leader_elsewhere(&self) -> Option<Member> {
        let leader = self.leadership.as_ref()?.leader;
        (!self.is_led_here()).then_some(leader)
    }

    /// Returns whether this follower may already be the leader without knowing it. Then its journal
    /// is that of the new epoch, and it must neither copy nor acknowledge anything else.
    pub fn is_taking_over(&self, me: Member) -> bool {
        let pending = self.pending.as_ref();
        !self.is_led_here() && pending.is_some_and(|pending| pending.proposal.to.leader == me)
    }

    /// Returns when messages must be sent again.
    pub fn retries_at(&self) -> impl Iterator<Item = Instant> {
        let progress = match &self.role {
            Role::Leader(leader) => &leader.progress[..],
            Role::Follower(_) => &[],
        };
        let timers = progress.iter().map(|progress| progress.retry);
        timers
            .chain([self.requests.retry])
            .filter_map(|timer| timer.fires_at())
    }
}

/// Returns whether an iterator yields two members, and these are `a` and `b`.
fn is_pair(mut members: impl Iterator<Item = Member>, a: Member, b: Member) -> bool {
    let mut count = 0;
    members.all(|member| {
        count += 1;
        member == a || member == b
    }) && count == 2
}
