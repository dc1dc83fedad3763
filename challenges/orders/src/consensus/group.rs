//! One Raft group: the replica of a shard on one node.
//!
//! A group that is not used goes to sleep. Its leader asks all followers, with its heartbeats, to
//! sleep, and sleeps itself once all have agreed. Followers agree only if they have committed the whole
//! log. A sleeping group sends nothing and checks no deadlines, until a request or a message with news
//! wakes it up. Each node falls asleep and wakes up for itself, and no correctness depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use glomers::NodeId;
use raft::{Index, Output as Work, Packet, Raft, ReadId, Record, Rpc, Term};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::replacement::Replacement;
use crate::shop::{Command, Output, Shard, ShardId};

/// Time without requests after which a group goes to sleep. Failover takes longer in a sleeping
/// group, since nothing notices that its leader is dead before a request waits for it.
const SLEEP_AFTER: Duration = Duration::from_secs(2);

/// The leader's request to sleep, or a follower's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sleep {
    shard: ShardId,
    term: Term,
    /// Index of the last entry of the log.
    index: Index,
}

/// A replica of a shard.
pub(super) struct Group {
    id: ShardId,
    raft: Raft<Command>,
    shard: Shard,
    applied: Index,
    /// Commands that this node proposed, with the term in which it led.
    proposed: BTreeMap<Index, (Term, oneshot::Sender<Output>)>,
    reads: BTreeMap<ReadId, oneshot::Sender<()>>,
    /// Reads that wait until this index is applied.
    confirmed: Vec<(ReadId, Index)>,
    /// True if the group has work for the next turn.
    has_input: bool,
    /// Time of the last request or message with news.
    used_at: Duration,
    is_asleep: bool,
    /// Followers that sleep, as the leader knows.
    sleeping: BTreeSet<NodeId>,
    /// How silent voters are replaced, if they are. Then the group never sleeps, since a sleeping group
    /// does not notice that a voter is dead.
    replacement: Option<Replacement>,
}

impl Group {
    pub(super) fn new(id: ShardId, raft: Raft<Command>, replacement: Option<Replacement>) -> Self {
        Self {
            id,
            raft,
            shard: Shard::new(id),
            applied: 0,
            proposed: BTreeMap::new(),
            reads: BTreeMap::new(),
            confirmed: Vec::new(),
            has_input: true,
            used_at: Duration::ZERO,
            is_asleep: false,
            sleeping: BTreeSet::new(),
            replacement,
        }
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    pub(super) fn raft(&self) -> &Raft<Command> {
        &self.raft
    }

    /// Proposes a command; `None` if this node does not lead the group.
    pub(super) fn propose(
        &mut self,
        now: Duration,
        command: Command,
    ) -> Option<oneshot::Receiver<Output>> {
        self.wake(now);
        let index = self.raft.propose(command).ok()?;
        let (sender, outcome) = oneshot::channel();
        let term = self.raft.current_term();
        self.proposed.insert(index, (term, sender));
        Some(outcome)
    }

    /// Begins a read; `None` if this node does not lead the group.
    pub(super) fn read(&mut self, now: Duration, id: ReadId) -> Option<oneshot::Receiver<()>> {
        self.wake(now);
        if !self.raft.is_leader() {
            return None;
        }
        self.raft.read(id).ok()?;
        let (sender, confirmed) = oneshot::channel();
        self.reads.insert(id, sender);
        Some(confirmed)
    }

    /// Handles a packet from another member. Heartbeats and replies do not wake a sleeping group
    /// unless they are of another term, since some may still be on their way when it falls asleep.
    pub(super) fn receive(&mut self, now: Duration, from: &NodeId, packet: Packet<Command>) {
        let has_news = match &packet.rpc {
            Rpc::AppendEntries { entries, .. } => !entries.is_empty(),
            Rpc::AppendEntriesReply { .. } | Rpc::PreVoteReply { .. } => false,
            _ => true,
        };
        if has_news || packet.term != self.raft.current_term() {
            self.wake(now);
        } else if self.is_asleep && self.raft.is_leader() {
            return;
        }
        self.raft.step(now, from, packet);
        self.has_input = true;
    }

    /// Makes the group check its deadlines again.
    pub(super) fn wake(&mut self, now: Duration) {
        self.used_at = now;
        self.has_input = true;
        self.sleeping.clear();
        if std::mem::take(&mut self.is_asleep) {
            self.raft.resume(now);
        }
    }

    /// Returns what is to be done in this turn, if there is anything. Passes notes for the node's log
    /// to `log`.
    pub(super) fn turn(
        &mut self,
        now: Duration,
        is_tick: bool,
        log: impl Fn(&str),
    ) -> Option<Work<Command>> {
        if is_tick && !self.is_asleep {
            self.raft.tick(now);
            let replacement = self.replacement.as_mut();
            if let Some(note) = replacement.and_then(|it| it.advance(&mut self.raft)) {
                log(&format!("shard {}: {note}", self.id));
            }
            self.reads.retain(|_, reader| !reader.is_closed());
            self.has_input = true;
        }
        std::mem::take(&mut self.has_input).then(|| self.raft.output())
    }

    /// Returns the leader's request to sleep, with which it accompanies its messages.
    pub(super) fn ask_to_sleep(&self, now: Duration) -> Option<Sleep> {
        let is_unused = now >= self.used_at + SLEEP_AFTER && self.replacement.is_none();
        // The leader brings open orders to their end, so it must be missed if it fails.
        let may_sleep = is_unused && self.raft.is_leader() && self.raft.is_quiet();
        (may_sleep && self.shard.open_orders().next().is_none()).then(|| self.sleep())
    }

    /// Falls asleep if the leader asks for it and this replica agrees. Returns whether it does.
    pub(super) fn consents_to_sleep(&mut self, leader: &NodeId, asked: Sleep) -> bool {
        let follows = self.raft.leader_id() == Some(leader) && !self.raft.is_leader();
        let is_same = self.sleep() == asked && self.applied == asked.index;
        let consents = follows && is_same && self.raft.is_quiet();
        self.is_asleep |= consents;
        consents
    }

    /// Notes that a follower sleeps. The leader sleeps once all of them do.
    pub(super) fn note_sleeping(&mut self, now: Duration, follower: &NodeId, consent: Sleep) {
        if self.ask_to_sleep(now) == Some(consent) {
            self.sleeping.insert(follower.clone());
            self.is_asleep = self.sleeping.len() == self.raft.peers().len();
        }
    }

    fn sleep(&self) -> Sleep {
        Sleep {
            shard: self.id,
            term: self.raft.current_term(),
            index: self.raft.commit_index(),
        }
    }

    pub(super) fn prompt_messages(&mut self, now: Duration) -> Vec<(NodeId, Packet<Command>)> {
        match self.is_asleep {
            true => Vec::new(),
            false => self.raft.prompt_messages(now),
        }
    }

    /// Replaces the applied entries by a snapshot. Returns the records that replace the log.
    pub(super) fn compact(&mut self) -> io::Result<Vec<Record<Command>>> {
        let data = serde_json::to_string(&self.shard)?;
        Ok(self.raft.compact(self.applied, data.into()))
    }

    /// Applies what is committed, and answers requests.
    pub(super) fn apply(&mut self, work: Work<Command>) -> io::Result<()> {
        if let Some(snapshot) = work.snapshot {
            self.shard = serde_json::from_str(&snapshot.data)?;
            self.applied = snapshot.last_included_index;
            // The outcomes of these commands are not known here; their clients ask again.
            self.proposed = self.proposed.split_off(&(self.applied + 1));
        }
        for entry in work.committed {
            self.applied = entry.index;
            let output = entry.command.map(|command| self.shard.apply(&command));
            let proposed = self.proposed.remove(&entry.index);
            if let (Some(output), Some((term, client))) = (output, proposed)
                && term == entry.term
            {
                // The client may have given up.
                let _ = client.send(output);
            }
        }
        self.confirmed.extend(work.reads);
        let applied = self.applied;
        self.confirmed.retain(|(read, index)| {
            let is_ready = *index <= applied;
            if is_ready && let Some(reader) = self.reads.remove(read) {
                let _ = reader.send(());
            }
            !is_ready
        });
        Ok(())
    }
}

impl Sleep {
    pub(super) fn shard(&self) -> ShardId {
        self.shard
    }
}
