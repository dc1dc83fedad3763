//! Snapshots instead of old entries (§7): taken by every server for itself, and sent in chunks to a
//! follower that needs entries which the leader no longer has (Figure 13).

use std::rc::Rc;

use glomers::NodeId;

use super::{Raft, Role};
use crate::message::{Command, Index, Rpc, Snapshot, Term};
use crate::persistent::Record;

/// A snapshot of which chunks have arrived.
#[derive(Debug)]
pub(super) struct Incoming {
    place: (Index, Term),
    data: String,
}

impl<C: Command> Raft<C> {
    /// Replaces everything up to an applied entry by what the state machine became by it. The
    /// driver calls this when the log has grown long.
    pub fn compact(&mut self, last_included_index: Index, data: Rc<str>) {
        assert!(
            last_included_index <= self.last_applied,
            "a snapshot is of what is applied"
        );
        if last_included_index <= self.log().last_included_index() {
            return;
        }
        let term = self.log().term_at(last_included_index);
        self.persist(Record::Snapshot(Snapshot {
            last_included_index,
            last_included_term: term.expect("what was applied is in the log"),
            data,
        }));
    }

    /// Sends the next chunk of the snapshot, once more if it is not answered.
    pub(super) fn send_snapshot(&mut self, peer: &NodeId) {
        let Some(snapshot) = self.persistent.snapshot.clone() else {
            return;
        };
        let now = self.now;
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let follower = leader.followers.get_mut(peer).expect("peers are followers");
        follower.sent_at = Some(now);
        let (index, arrived) = follower.transfer;
        // What arrived of an older snapshot is of no use for this one.
        let offset = match index == snapshot.last_included_index {
            true if snapshot.data.is_char_boundary(arrived) => arrived,
            _ => 0,
        };
        follower.transfer = (snapshot.last_included_index, offset);
        let end = chunk_end(&snapshot.data, offset, self.config.message_bytes_max);
        let request = Rpc::InstallSnapshot {
            last_included_index: snapshot.last_included_index,
            last_included_term: snapshot.last_included_term,
            offset,
            data: snapshot.data[offset..end].into(),
            done: end == snapshot.data.len(),
        };
        self.send(peer, request);
    }

    /// InstallSnapshot, receiver's rules 2 to 8. Returns how much of the snapshot is here, and
    /// whether that is enough.
    pub(super) fn install_snapshot(
        &mut self,
        place: (Index, Term),
        offset: usize,
        data: &str,
        done: bool,
    ) -> (usize, bool) {
        let (last_included_index, last_included_term) = place;
        // A snapshot of what is committed here anyway is no news; to the leader it is as good as
        // installed.
        if last_included_index <= self.commit_index {
            self.matched = self.matched.max(last_included_index);
            return (0, true);
        }
        let mut incoming = match self.incoming.take() {
            Some(incoming) if incoming.place == place => incoming,
            _ => Incoming {
                place,
                data: String::new(),
            },
        };
        if offset == incoming.data.len() {
            incoming.data.push_str(data);
            if done {
                let snapshot = Snapshot {
                    last_included_index,
                    last_included_term,
                    data: incoming.data.into(),
                };
                let received = snapshot.data.len();
                self.restore(snapshot);
                return (received, true);
            }
        }
        let received = incoming.data.len();
        self.incoming = Some(incoming);
        (received, false)
    }

    fn restore(&mut self, snapshot: Snapshot) {
        let last_included_index = snapshot.last_included_index;
        self.persist(Record::Snapshot(snapshot.clone()));
        self.matched = self.matched.max(last_included_index);
        self.commit_to(last_included_index);
        self.last_applied = last_included_index;
        self.output.snapshot = Some(snapshot);
    }

    pub(super) fn install_snapshot_reply(
        &mut self,
        from: &NodeId,
        last_included_index: Index,
        received: usize,
        installed: bool,
    ) {
        let Some(follower) = self.heard_from(from) else {
            return;
        };
        if installed {
            follower.match_index = follower.match_index.max(last_included_index);
            follower.next_index = follower.next_index.max(last_included_index + 1);
        } else if follower.transfer == (last_included_index, received) {
            // Nothing new: a doubled or late reply. If a chunk was lost, time will tell.
            return;
        } else if follower.transfer.0 == last_included_index {
            follower.transfer.1 = received;
        }
        follower.sent_at = None;
    }
}

/// Where a chunk of about so many bytes ends: not inside a character.
fn chunk_end(data: &str, offset: usize, bytes_max: usize) -> usize {
    let mut end = (offset + bytes_max.max(4)).min(data.len());
    while !data.is_char_boundary(end) {
        end -= 1;
    }
    end
}
