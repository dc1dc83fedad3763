//! The follower's part: copying the leader's journal, and acknowledging it.

use super::{Role, Shard, is_pair};
use crate::journal::{Committed, Journal};
use crate::leadership::{Leadership, Member};
use crate::wire::{Ack, Appended};

/// The state of a follower.
#[derive(Debug, Default)]
pub struct Follower {
    /// Whether the journal is a prefix of the leader's. Before that only its committed part is.
    pub is_prefix: bool,
    pub owes_ack: bool,
    /// Whether the leader must send again from the acknowledged position on.
    pub needs_resend: bool,
}

impl Follower {
    /// Returns the acknowledgement that is owed, if any.
    pub fn take_ack(&mut self, leadership: &Leadership, journal: &Journal) -> Option<Ack> {
        std::mem::take(&mut self.owes_ack).then(|| Ack {
            version: leadership.version,
            epoch: leadership.epoch,
            position: match self.is_prefix {
                true => journal.len(),
                false => journal.committed(),
            },
            committed: journal.committed(),
            resend: std::mem::take(&mut self.needs_resend),
        })
    }
}

impl Shard {
    /// Follower: copies entries of its leader, and returns those that this commits. The caller has
    /// checked that the message is from the leader of the present epoch.
    pub fn copy(&mut self, appended: Appended, me: Member) -> Vec<Committed> {
        let (Role::Follower(follower), Some(leadership)) = (&mut self.role, &self.leadership)
        else {
            return Vec::new();
        };
        let journal = &mut self.journal;
        let until = appended.until();
        follower.owes_ack = true;
        if !follower.is_prefix {
            // Uncommitted entries may be of an epoch whose end they did not survive. They may also
            // be needed if this member is in sync and the new leader dies at once. So this member
            // gives them up only when it receives all entries with which the leader began.
            let is_whole = until >= appended.base || !leadership.includes(me);
            if appended.from > journal.committed() || !is_whole {
                follower.needs_resend = true;
                return Vec::new();
            }
            journal.forget_uncommitted();
            follower.is_prefix = true;
        }
        if appended.from > journal.len() {
            follower.needs_resend = true;
            return Vec::new();
        }
        let known = journal.len() - appended.from;
        for entry in appended.entries.into_iter().skip(known) {
            journal.append(entry);
        }
        let only_we_were_required = appended.version == leadership.version
            && !appended.joining
            && is_pair(leadership.in_sync.iter().copied(), leadership.leader, me);
        journal.commit(match only_we_were_required {
            // Both members have the entries of this batch, and no other was required when it was
            // sent; one that joins later must copy them first. The batch proves nothing about later
            // entries, which the journal may already hold.
            true => until.max(appended.committed),
            false => appended.committed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Entry;
    use crate::leadership::Leadership;

    const LEADER: Member = Member {
        node: 0,
        incarnation: 1,
    };
    const FOLLOWER: Member = Member {
        node: 1,
        incarnation: 1,
    };

    /// Creates the only follower that is in sync with its leader.
    fn follower_of_a_pair() -> Shard {
        let mut shard = Shard::new();
        let leadership = Leadership {
            version: 1,
            epoch: 0,
            leader: LEADER,
            in_sync: vec![LEADER, FOLLOWER],
        };
        shard.adopt(leadership, FOLLOWER, 3);
        shard
    }

    /// Creates a message with entries `from..until` of the leader's journal, none of which the
    /// leader has committed.
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
        assert_eq!(shard.copy(appended(0, 2, false), FOLLOWER).len(), 2);
    }

    /// While a third node joins, the leader commits nothing without it. A message from before says
    /// nothing about entries that came after.
    #[test]
    fn repeated_batch_from_before_a_join_commits_no_later_entry() {
        let mut shard = follower_of_a_pair();
        assert_eq!(shard.copy(appended(0, 1, false), FOLLOWER).len(), 1);
        assert_eq!(shard.copy(appended(1, 2, true), FOLLOWER), []);
        assert_eq!(shard.copy(appended(0, 1, false), FOLLOWER), []);
        assert_eq!((shard.journal.len(), shard.journal.committed()), (2, 1));
    }

    #[test]
    fn late_batch_from_before_a_join_commits_only_its_own_entries() {
        let mut shard = follower_of_a_pair();
        assert_eq!(shard.copy(appended(0, 2, true), FOLLOWER), []);
        assert_eq!(shard.copy(appended(0, 1, false), FOLLOWER).len(), 1);
        assert_eq!((shard.journal.len(), shard.journal.committed()), (2, 1));
    }
}
