//! The leader's part: what each follower has, and what is committed.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Role, Shard, is_pair};
use crate::journal::{Committed, Journal};
use crate::leadership::{Leadership, Member};
use crate::retry::RetryTimer;
use crate::wire::{Ack, Appended, Batch};

/// Largest number of entries in a batch for a node that is not in sync.
const MAX_CATCH_UP_ENTRIES: usize = 10_000;

/// The state of a leader.
#[derive(Debug)]
pub struct Leader {
    /// Length of the journal at the beginning of the epoch.
    pub base: usize,
    /// The progress of every node, by its number; this node's own is not used.
    pub progress: Vec<Progress>,
    /// Members that are about to be in sync, with the number of entries they must have for it.
    pub joining: BTreeMap<Member, usize>,
}

/// How far a follower is in this epoch.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Number of entries that it acknowledged.
    pub acked: usize,
    /// Number of entries that were sent.
    pub sent: usize,
    /// Number of entries that it has if it was in sync, before its first acknowledgement.
    pub presumed: usize,
    /// Number of entries that it acknowledged as committed.
    pub committed_acked: usize,
    /// Number of entries that were sent as committed.
    pub committed_sent: usize,
    /// The version of the leadership record that it acknowledged.
    pub acked_version: Option<u64>,
    /// Retries of what it has not acknowledged.
    pub retry: RetryTimer,
}

impl Leader {
    /// Returns the leader of a new epoch.
    pub fn new(journal: &Journal, nodes: usize) -> Self {
        let committed = journal.committed();
        // Members in sync have all committed entries; the others ask for what they miss.
        let progress = Progress {
            sent: committed,
            presumed: committed,
            ..Progress::default()
        };
        Self {
            base: journal.len(),
            progress: vec![progress; nodes],
            joining: BTreeMap::new(),
        }
    }

    /// Returns whether a follower has anything to acknowledge.
    pub fn awaits(&self, follower: usize, version: u64) -> bool {
        let progress = &self.progress[follower];
        progress.acked < progress.sent
            || progress.committed_acked < progress.committed_sent
            || progress.acked_version < Some(version)
    }

    /// Marks as unsent what a follower has left unacknowledged for too long, and returns whether
    /// there is anything.
    pub fn rewind_if_overdue(&mut self, follower: usize, now: Instant) -> bool {
        let progress = &mut self.progress[follower];
        if !progress.retry.take_fired(now) {
            return false;
        }
        progress.sent = progress.acked.max(progress.presumed);
        progress.committed_sent = progress.committed_acked;
        true
    }

    /// Adds to a message what a follower has not been sent yet.
    pub fn add_unsent(
        &mut self,
        number: usize,
        node: usize,
        leadership: &Leadership,
        journal: &Journal,
        batch: &mut Batch,
    ) -> bool {
        let progress = &mut self.progress[node];
        let (len, committed) = (journal.len(), journal.committed());
        let knows_version = progress.acked_version >= Some(leadership.version);
        if progress.sent == len && progress.committed_sent == committed && knows_version {
            return false;
        }
        if !knows_version {
            batch.leaderships.push((number, leadership.clone()));
        }
        let is_in_sync = leadership.in_sync.iter().any(|m| m.node == node);
        let limit = match is_in_sync {
            true => usize::MAX,
            false => MAX_CATCH_UP_ENTRIES,
        };
        let (from, until) = (progress.sent, len.min(progress.sent.saturating_add(limit)));
        let appended = Appended {
            version: leadership.version,
            epoch: leadership.epoch,
            base: self.base,
            from,
            entries: journal.entries(from..until).to_vec(),
            committed,
            joining: !self.joining.is_empty(),
        };
        batch.appended.push((number, appended));
        (progress.sent, progress.committed_sent) = (until, committed);
        true
    }

    /// Starts or stops the retries of what was sent to a follower.
    pub fn update_retry(
        &mut self,
        follower: usize,
        version: u64,
        progress: bool,
        round_trip: Duration,
        now: Instant,
    ) {
        let awaits = self.awaits(follower, version);
        let retry = &mut self.progress[follower].retry;
        retry.update(awaits, progress, round_trip, now);
    }
}

impl Shard {
    /// Returns the members that must have an entry before it is committed: those in sync, and those
    /// that may be in sync before this node learns of it.
    pub fn required(&self) -> impl Iterator<Item = Member> {
        let in_sync = self.leadership.iter().flat_map(|known| &known.in_sync);
        let joining = match &self.role {
            Role::Leader(leader) => Some(leader.joining.keys()),
            Role::Follower(_) => None,
        };
        in_sync.chain(joining.into_iter().flatten()).copied()
    }

    /// Returns whether a follower that is sent an entry now commits it by itself, without another
    /// message.
    pub fn commits_on_receipt(&self, me: Member, follower: Member) -> bool {
        is_pair(self.required(), me, follower)
    }

    /// Leader: commits the entries that all required members have, and returns them.
    /// `incarnation` gives the present incarnation of each node.
    pub fn commit_replicated(
        &mut self,
        me: Member,
        quorum: usize,
        incarnation: impl Fn(usize) -> u64,
    ) -> Vec<Committed> {
        let (Role::Leader(leader), Some(known)) = (&self.role, &self.leadership) else {
            return Vec::new();
        };
        if known.in_sync.len() < quorum {
            return Vec::new();
        }
        let entries_of = |member: Member| match leader.progress.get(member.node) {
            _ if member == me => self.journal.len(),
            Some(progress) if incarnation(member.node) == member.incarnation => progress.acked,
            // A killed member has lost its entries.
            _ => 0,
        };
        let everywhere = self.required().map(entries_of).min().unwrap_or(0);
        self.journal.commit(everywhere)
    }

    /// Leader: records an acknowledgement, and returns whether it contains anything new.
    pub fn record_ack(&mut self, follower: usize, ack: &Ack) -> bool {
        let epoch = self.leadership.as_ref().map(|known| known.epoch);
        let Role::Leader(leader) = &mut self.role else {
            return false;
        };
        if Some(ack.epoch) != epoch {
            return false;
        }
        let progress = &mut leader.progress[follower];
        let is_news = ack.position > progress.acked
            || ack.committed > progress.committed_acked
            || Some(ack.version) > progress.acked_version;
        progress.presumed = 0;
        progress.acked = progress.acked.max(ack.position);
        progress.committed_acked = progress.committed_acked.max(ack.committed);
        progress.acked_version = progress.acked_version.max(Some(ack.version));
        progress.sent = match ack.resend {
            true => progress.acked,
            false => progress.sent.max(progress.acked),
        };
        is_news
    }
}
