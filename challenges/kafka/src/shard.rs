//! One shard on one node: its journal, and this node's part in keeping it.
//!
//! The leader appends; the others copy. An entry is committed when everybody who is in sync has it.
//! So each of them knows all that is committed, and may take over without asking anybody what it
//! has missed; which is why there are no elections here, and no comparing of logs.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::journal::{Committed, Journal};
use crate::leadership::{Incarnation, Leadership};
use crate::patience::Patience;
use crate::requests::Requests;
use crate::wire::{Ack, Appended};

/// A shard as one node has it.
#[derive(Debug)]
pub struct Shard {
    /// The latest leadership known; none, for a node that was restarted and has heard nothing yet.
    pub leadership: Option<Leadership>,
    /// What was asked of lin-kv and is not answered: it may be in force already.
    pub proposal: Option<Leadership>,
    /// When lin-kv was last asked who leads.
    pub inquired_at: Option<Instant>,
    pub journal: Journal,
    pub requests: Requests,
    pub role: Role,
}

/// A node's part in a shard.
#[derive(Debug)]
pub enum Role {
    Leader(Lead),
    Follower(Follow),
}

/// What a leader knows.
#[derive(Debug)]
pub struct Lead {
    /// How long the journal was when the epoch began.
    pub base: usize,
    /// Every node's, by its number; this node's own is not used.
    pub progress: Vec<Progress>,
    /// Those who are about to be in sync, and what they must have for it.
    pub joining: BTreeMap<Incarnation, usize>,
}

/// How far a follower is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// So many entries it has.
    pub acked: usize,
    /// So many were sent.
    pub sent: usize,
    /// So many it must have, although it has not said anything in this epoch.
    pub presumed: usize,
    /// So many it knows to be committed.
    pub committed_acked: usize,
    /// So many it was told to be committed.
    pub committed_told: usize,
    /// The version of the leadership it knows, plus one; 0 if it knows of none in this epoch.
    pub informed: u64,
    /// How long acknowledgements are waited for.
    pub patience: Patience,
}

/// What a follower knows.
#[derive(Debug, Default)]
pub struct Follow {
    /// The journal is a prefix of the leader's. If not, its committed part is.
    pub in_step: bool,
    pub owes_ack: bool,
    /// The leader must send again from the position that the acknowledgement says.
    pub resend: bool,
}

impl Shard {
    /// A shard of which nothing is known but this.
    pub fn new(leadership: Option<Leadership>) -> Self {
        Self {
            leadership,
            proposal: None,
            inquired_at: None,
            journal: Journal::default(),
            requests: Requests::default(),
            role: Role::Follower(Follow::default()),
        }
    }

    /// Follows a newer leadership, whoever told it. Returns whether an epoch has begun for us.
    pub fn adopt(&mut self, newer: Leadership, me: Incarnation, nodes: usize) -> bool {
        let epoch = self.leadership.as_ref().map(|known| known.epoch);
        let begins = epoch != Some(newer.epoch);
        if begins {
            self.requests.rewind();
        }
        if begins && newer.leader == me {
            let committed = self.journal.committed();
            // Who is in sync has all that is committed; the others will say where they are.
            let progress = Progress {
                sent: committed,
                presumed: committed,
                ..Progress::default()
            };
            self.role = Role::Leader(Lead {
                base: self.journal.len(),
                progress: vec![progress; nodes],
                joining: BTreeMap::new(),
            });
        } else if begins {
            self.role = Role::Follower(Follow::default());
        } else if let Role::Leader(lead) = &mut self.role {
            lead.joining.retain(|joiner, _| !newer.includes(*joiner));
        }
        if self
            .proposal
            .as_ref()
            .is_some_and(|p| p.version <= newer.version)
        {
            self.proposal = None;
        }
        self.leadership = Some(newer);
        begins
    }

    /// Whether this node leads, as far as it knows.
    pub fn is_led_here(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// The leader, if it is another node.
    pub fn leader_elsewhere(&self) -> Option<Incarnation> {
        let leader = self.leadership.as_ref()?.leader;
        (!self.is_led_here()).then_some(leader)
    }

    /// Whether this node, a follower, may lead already without knowing it: then what it has is all
    /// there is, and it must neither copy nor acknowledge anything else.
    pub fn is_taking_over(&self, me: Incarnation) -> bool {
        let leads = |proposal: &Leadership| proposal.leader == me;
        !self.is_led_here() && self.proposal.as_ref().is_some_and(leads)
    }

    /// Those who must have an entry before it is committed: who is in sync, and who may be before
    /// we hear of it.
    pub fn required(&self) -> impl Iterator<Item = Incarnation> {
        let in_sync = self.leadership.iter().flat_map(|known| &known.in_sync);
        let joining = match &self.role {
            Role::Leader(lead) => Some(lead.joining.keys()),
            Role::Follower(_) => None,
        };
        in_sync.chain(joining.into_iter().flatten()).copied()
    }

    /// Whether an entry is committed as soon as this follower of ours has it, so that it need not
    /// be told.
    pub fn knows_by_itself(&self, me: Incarnation, follower: Incarnation) -> bool {
        is_pair(self.required(), me, follower)
    }

    /// Leader: commits what all have. `life` tells a node's present life.
    pub fn advance(
        &mut self,
        me: Incarnation,
        quorum: usize,
        life: impl Fn(usize) -> u64,
    ) -> Vec<Committed> {
        let Role::Leader(lead) = &self.role else {
            return Vec::new();
        };
        let in_sync = self
            .leadership
            .as_ref()
            .map_or(0, |known| known.in_sync.len());
        if in_sync < quorum {
            return Vec::new();
        }
        let has = |member: Incarnation| match lead.progress.get(member.node) {
            _ if member == me => self.journal.len(),
            Some(progress) if life(member.node) == member.life => progress.acked,
            // It is dead, and what it had is gone.
            _ => 0,
        };
        let everywhere = self.required().map(has).min().unwrap_or(0);
        self.journal.commit(everywhere)
    }

    /// When things must be sent again.
    pub fn patience_ends_at(&self) -> impl Iterator<Item = Instant> {
        let progress = match &self.role {
            Role::Leader(lead) => &lead.progress[..],
            Role::Follower(_) => &[],
        };
        let patience = progress.iter().map(|progress| progress.patience);
        let patience = patience.chain([self.requests.patience]);
        patience.filter_map(|patience| patience.ends_at())
    }

    /// Leader: takes note of an answer. Returns whether it is any news.
    pub fn acknowledge(&mut self, follower: usize, ack: &Ack) -> bool {
        let epoch = self.leadership.as_ref().map(|known| known.epoch);
        let Role::Leader(lead) = &mut self.role else {
            return false;
        };
        if Some(ack.epoch) != epoch {
            return false;
        }
        let progress = &mut lead.progress[follower];
        let before = progress.clone();
        progress.presumed = 0;
        progress.acked = progress.acked.max(ack.position);
        progress.committed_acked = progress.committed_acked.max(ack.committed);
        progress.informed = progress.informed.max(ack.version + 1);
        progress.sent = match ack.resend {
            true => progress.acked,
            false => progress.sent.max(progress.acked),
        };
        progress.acked > before.acked
            || progress.committed_acked > before.committed_acked
            || progress.informed > before.informed
    }

    /// Follower: copies what its leader has appended. The caller has made sure that it comes from
    /// the leader of the epoch. Returns what is known to be committed now.
    pub fn follow(&mut self, appended: Appended, me: Incarnation) -> Vec<Committed> {
        let (Role::Follower(follow), Some(leadership)) = (&mut self.role, &self.leadership) else {
            return Vec::new();
        };
        let journal = &mut self.journal;
        let until = appended.from + appended.entries.len();
        follow.owes_ack = true;
        if !follow.in_step {
            // Beyond the committed part our journal may be of an epoch that came to nothing. It may
            // also be needed, if we are in sync and the new leader dies at once: we give it up only
            // in exchange for all that the leader began with.
            let is_whole = until >= appended.base || !leadership.includes(me);
            if appended.from > journal.committed() || !is_whole {
                follow.resend = true;
                return Vec::new();
            }
            journal.forget_uncommitted();
            follow.in_step = true;
        }
        if appended.from > journal.len() {
            follow.resend = true;
            return Vec::new();
        }
        let known = journal.len() - appended.from;
        for entry in appended.entries.into_iter().skip(known) {
            journal.append(entry);
        }
        let alone_with_leader = appended.version == leadership.version
            && !appended.joining
            && is_pair(leadership.in_sync.iter().copied(), leadership.leader, me);
        let committed = match alone_with_leader {
            // The leader and we have what this batch covers, and when it was sent nobody else was
            // needed. A node that joined since had to copy all of it first. Of later entries, which
            // our journal may hold already, the batch says nothing.
            true => until.max(appended.committed),
            false => appended.committed,
        };
        journal.commit(committed)
    }
}

impl Lead {
    /// Whether a follower has anything to acknowledge.
    pub fn awaits(&self, follower: usize, version: u64) -> bool {
        let Progress {
            acked,
            sent,
            committed_acked,
            committed_told,
            informed,
            ..
        } = self.progress[follower];
        acked < sent || committed_acked < committed_told || informed <= version
    }

    /// Sends again what a follower has not acknowledged, if it was waited for long enough. Returns
    /// whether that is so.
    pub fn send_again(&mut self, follower: usize, now: Instant) -> bool {
        let progress = &mut self.progress[follower];
        if !progress.patience.has_ended(now) {
            return false;
        }
        progress.sent = progress.acked.max(progress.presumed);
        progress.committed_told = progress.committed_acked;
        true
    }
}

/// Whether these are all of them.
fn is_pair(mut all: impl Iterator<Item = Incarnation>, a: Incarnation, b: Incarnation) -> bool {
    let mut count = 0;
    all.all(|one| {
        count += 1;
        one == a || one == b
    }) && count == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Entry;

    const LEADER: Incarnation = Incarnation { node: 0, life: 1 };
    const FOLLOWER: Incarnation = Incarnation { node: 1, life: 1 };

    /// A follower that is alone in sync with its leader.
    fn follower_of_a_pair() -> Shard {
        let mut shard = Shard::new(None);
        let leadership = Leadership {
            version: 1,
            epoch: 0,
            leader: LEADER,
            in_sync: vec![LEADER, FOLLOWER],
        };
        shard.adopt(leadership, FOLLOWER, 3);
        shard
    }

    /// Entries `from..until` of the leader's journal, none of which it has committed.
    fn appended(from: usize, until: usize, joining: bool) -> Appended {
        let entry = |position: usize| Entry {
            key: "a".into(),
            msg: position.into(),
            origin: LEADER,
            number: position as u64 + 1,
        };
        Appended {
            version: 1,
            epoch: 0,
            base: 0,
            from,
            entries: (from..until).map(entry).collect(),
            committed: 0,
            joining,
        }
    }

    #[test]
    fn follower_of_a_pair_commits_what_it_receives() {
        let mut shard = follower_of_a_pair();
        assert_eq!(shard.follow(appended(0, 2, false), FOLLOWER).len(), 2);
    }

    /// While a third node joins, the leader commits nothing without it. A message from before says
    /// nothing about entries that came after.
    #[test]
    fn repeated_batch_from_before_a_join_commits_no_later_entry() {
        let mut shard = follower_of_a_pair();
        assert_eq!(shard.follow(appended(0, 1, false), FOLLOWER).len(), 1);
        assert_eq!(shard.follow(appended(1, 2, true), FOLLOWER), []);
        assert_eq!(shard.follow(appended(0, 1, false), FOLLOWER), []);
        assert_eq!((shard.journal.len(), shard.journal.committed()), (2, 1));
    }

    #[test]
    fn late_batch_from_before_a_join_commits_only_its_own_entries() {
        let mut shard = follower_of_a_pair();
        assert_eq!(shard.follow(appended(0, 2, true), FOLLOWER), []);
        assert_eq!(shard.follow(appended(0, 1, false), FOLLOWER).len(), 1);
        assert_eq!((shard.journal.len(), shard.journal.committed()), (2, 1));
    }
}
