//! What replaces old entries (§7): each server takes its own snapshots, and a leader sends its
//! snapshot in chunks to a follower that needs entries the leader no longer has (Figure 13).

use std::rc::Rc;

use glomers::NodeId;

use super::{Raft, Role};
use crate::message::{Command, Index, Rpc, Snapshot, Term, Voters};
use crate::persistent::Record;

/// A snapshot of which some chunks have arrived.
#[derive(Debug)]
pub(super) struct IncomingSnapshot {
    place: (Index, Term),
    data: String,
}

impl<C: Command> Raft<C> {
    /// Replaces all entries up to an applied one by a snapshot of the state machine. The driver
    /// calls this when the log has become long, between two outputs.
    ///
    /// Returns the whole persistent state, which must replace the contents of the disk before the
    /// next output is taken. Records that were not yet put out are part of it, so nothing is written
    /// twice. A snapshot of the same index is replaced, since its data may name other files of this
    /// server ([`Config::local_snapshots`](super::Config)).
    ///
    /// # Panics
    ///
    /// Panics if the entry is not applied.
    pub fn compact(&mut self, last_included_index: Index, data: Rc<str>) -> Vec<Record<C>> {
        assert!(
            last_included_index <= self.last_applied,
            "a snapshot contains only applied entries"
        );
        if last_included_index >= self.log().last_included_index().max(1) {
            let term = self.log().term_at(last_included_index);
            let configuration = self.persistent.configuration_at(last_included_index);
            self.persistent.replay(Record::Snapshot(Snapshot {
                last_included_index,
                last_included_term: term.expect("applied entries are in the log"),
                voters: configuration.map(|(_, voters)| voters),
                data,
            }));
        }
        self.output.records.clear();
        self.persistent.records()
    }

    /// Returns the snapshot of which a follower waits for the data, if it is
    /// [local](super::Config::local_snapshots) and the driver has not provided the data yet.
    pub fn snapshot_to_provide(&self) -> Option<&Snapshot> {
        let snapshot = self.persistent.snapshot.as_ref()?;
        let is_wanted = self.config.local_snapshots && self.is_sending_snapshot();
        (is_wanted && self.data_to_send(snapshot).is_none()).then_some(snapshot)
    }

    /// Provides the data of the present snapshot as other servers can read it. All servers must
    /// provide the same text for the same index, since a new leader continues a transfer.
    pub fn provide_snapshot(&mut self, data: Rc<str>) {
        let included = self.log().last_included_index();
        self.provided = Some((included, data));
        if let Role::Leader(leader) = &mut self.role {
            let followers = leader.followers.values_mut();
            let waiting = followers.filter(|follower| follower.next_index <= included);
            waiting.for_each(|follower| follower.sent_at = None);
        }
    }

    /// Returns whether a follower that answers waits for the snapshot. If the driver takes another
    /// one meanwhile, the transfer begins again.
    pub fn is_sending_snapshot(&self) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        let included = self.log().last_included_index();
        let silent_after = self.config.election_timeout.end;
        let mut followers = leader.followers.values();
        followers.any(|it| it.next_index <= included && self.now < it.heard_at + silent_after)
    }

    /// Drops the data that the driver has provided once no follower waits for it.
    pub(super) fn drop_unused_data(&mut self) {
        if self.provided.is_some() && !self.is_sending_snapshot() {
            self.provided = None;
        }
    }

    /// Returns the data to send of a snapshot, if it is known.
    fn data_to_send(&self, snapshot: &Snapshot) -> Option<Rc<str>> {
        if !self.config.local_snapshots {
            return Some(Rc::clone(&snapshot.data));
        }
        let provided = self.provided.as_ref();
        let provided = provided.filter(|(index, _)| *index == snapshot.last_included_index);
        provided.map(|(_, data)| Rc::clone(data))
    }

    /// Sends the next chunk of the snapshot, or the same chunk again if it was not acknowledged. If
    /// the data is not known, sends an empty chunk, whose answer tells that the follower is alive.
    pub(super) fn send_snapshot(&mut self, peer: &NodeId) {
        let Some(snapshot) = self.persistent.snapshot.clone() else {
            return;
        };
        let (data, now) = (self.data_to_send(&snapshot), self.now);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let follower = leader.followers.get_mut(peer).expect("peers are followers");
        follower.sent_at = Some(now);
        let (index, arrived) = follower.transfer;
        let is_boundary = data.as_ref().is_none_or(|it| it.is_char_boundary(arrived));
        // Chunks of an older snapshot are no part of this one.
        let offset = match index == snapshot.last_included_index {
            true if is_boundary => arrived,
            _ => 0,
        };
        follower.transfer = (snapshot.last_included_index, offset);
        let (chunk, done) = match &data {
            Some(data) => {
                let end = chunk_end(data, offset, self.config.message_bytes_max);
                (&data[offset..end], end == data.len())
            }
            None => ("", false),
        };
        let request = Rpc::InstallSnapshot {
            last_included_index: snapshot.last_included_index,
            last_included_term: snapshot.last_included_term,
            voters: snapshot.voters.clone(),
            offset,
            data: chunk.into(),
            done,
        };
        self.send(peer, request);
    }

    /// InstallSnapshot, receiver's rules 2 to 8. Returns how many bytes of the snapshot have arrived
    /// and whether this server's state includes it.
    pub(super) fn install_snapshot(
        &mut self,
        place: (Index, Term),
        voters: Option<Voters>,
        offset: usize,
        data: &str,
        done: bool,
    ) -> (usize, bool) {
        let (last_included_index, last_included_term) = place;
        // The entries of this snapshot are committed here, so the leader may treat it as installed.
        if last_included_index <= self.commit_index {
            self.matched = self.matched.max(last_included_index);
            return (0, true);
        }
        let mut incoming = match self.incoming.take() {
            Some(incoming) if incoming.place == place => incoming,
            _ => IncomingSnapshot {
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
                    voters,
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
            // A duplicated or late reply. A lost chunk is sent again after the heartbeat interval.
            return;
        } else if follower.transfer.0 == last_included_index {
            follower.transfer.1 = received;
        }
        follower.sent_at = None;
    }
}

/// Returns the end of a chunk of about `bytes_max` bytes that does not split a character.
fn chunk_end(data: &str, offset: usize, bytes_max: usize) -> usize {
    let mut end = (offset + bytes_max.max(4)).min(data.len());
    while !data.is_char_boundary(end) {
        end -= 1;
    }
    end
}
