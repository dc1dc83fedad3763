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

use super::movement::Movement;
use crate::archive::Archive;
use crate::placement::Ranking;
use crate::shop::{self, Command, Order, Output, Shard, ShardId, order_key};

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

/// Numbers of records in memory.
pub(super) struct Counts {
    /// Records that may leave memory, approximately.
    pub(super) idle: usize,
    /// Records that a command has used lately, or that must stay.
    pub(super) in_use: usize,
}

/// A replica of a shard.
pub(super) struct Group {
    id: ShardId,
    raft: Raft<Command>,
    shard: Shard,
    applied: Index,
    /// Time of the last command for each key. Records that were not used for long are missing.
    used: BTreeMap<String, Duration>,
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
    /// How the group moves to other nodes. One that may move does not sleep.
    movement: Movement,
}

impl Group {
    pub(super) fn new(id: ShardId, raft: Raft<Command>, movement: Movement) -> Self {
        Self {
            id,
            raft,
            shard: Shard::new(id),
            applied: 0,
            used: BTreeMap::new(),
            proposed: BTreeMap::new(),
            reads: BTreeMap::new(),
            confirmed: Vec::new(),
            has_input: true,
            used_at: Duration::ZERO,
            is_asleep: false,
            sleeping: BTreeSet::new(),
            movement,
        }
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    pub(super) fn raft(&self) -> &Raft<Command> {
        &self.raft
    }

    /// Changes which nodes should hold the shard, the preferred ones first.
    pub(super) fn set_ranking(&mut self, now: Duration, ranking: Ranking) {
        self.movement.set_ranking(ranking);
        self.wake(now);
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
    ///
    /// # Errors
    ///
    /// The archive cannot be read.
    pub(super) fn turn(
        &mut self,
        now: Duration,
        is_tick: bool,
        archive: &Archive,
        log: impl Fn(&str),
    ) -> io::Result<Option<Work<Command>>> {
        if is_tick && !self.is_asleep {
            self.raft.tick(now);
            if let Some(note) = self.movement.advance(now, &mut self.raft) {
                log(&format!("shard {}: {note}", self.id));
            }
            self.reads.retain(|_, reader| !reader.is_closed());
            self.has_input = true;
        }
        if !std::mem::take(&mut self.has_input) {
            return Ok(None);
        }
        if let Some(snapshot) = self.raft.snapshot_to_provide() {
            let data = self.whole_state(&snapshot.data, archive)?;
            self.raft.provide_snapshot(data.into());
        }
        Ok(Some(self.raft.output()))
    }

    /// Adds to a snapshot of this replica what the archive has of the shard.
    fn whole_state(&self, data: &str, archive: &Archive) -> io::Result<String> {
        let mut shard: Shard = serde_json::from_str(data)?;
        for (key, record) in archive.records_of(self.id)? {
            if !shard.holds(&key) {
                shard.restore(key, record);
            }
        }
        Ok(serde_json::to_string(&shard)?)
    }

    /// Returns the leader's request to sleep, with which it accompanies its messages.
    pub(super) fn ask_to_sleep(&self, now: Duration) -> Option<Sleep> {
        let is_unused = now >= self.used_at + SLEEP_AFTER && !self.movement.is_possible();
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

    /// Removes records without use from memory, which the archive must have, and replaces the applied
    /// entries by a snapshot. Does neither if `keeps_snapshot`. Returns the records that replace the
    /// log.
    pub(super) fn compact(&mut self, keeps_snapshot: bool) -> io::Result<Vec<Record<Command>>> {
        let snapshot = self.raft.persistent().snapshot.clone();
        if let Some(snapshot) = snapshot.filter(|_| keeps_snapshot) {
            let index = snapshot.last_included_index;
            return Ok(self.raft.compact(index, snapshot.data));
        }
        let idle: Vec<String> = self.idle_records().map(|(key, _)| key.clone()).collect();
        for key in idle {
            self.shard.evict(&key);
        }
        let data = serde_json::to_string(&self.shard)?;
        Ok(self.raft.compact(self.applied, data.into()))
    }

    /// Forgets when records were used for the last time, if that was `idle` ago or longer.
    pub(super) fn forget_use_before(&mut self, now: Duration, idle: Duration) {
        self.used.retain(|_, at| now < *at + idle);
    }

    /// Returns the records in memory that are not known to be in use.
    pub(super) fn idle_records(&self) -> impl Iterator<Item = (&String, &shop::Record)> {
        let records = self.shard.closed_records();
        records.filter(|(key, _)| !self.used.contains_key(*key))
    }

    /// Counts the records in memory.
    pub(super) fn count_records(&mut self, now: Duration, idle: Duration) -> Counts {
        self.forget_use_before(now, idle);
        let all = self.shard.record_count();
        let in_use = match self.raft.is_sending_snapshot() {
            true => all,
            false => self.used.len() + self.shard.open_orders().count(),
        };
        Counts {
            in_use,
            idle: all.saturating_sub(in_use),
        }
    }

    /// Returns an order of this home shard.
    ///
    /// # Errors
    ///
    /// The archive cannot be read.
    pub(super) fn order(&self, archive: &Archive, order: &str) -> io::Result<Option<Order>> {
        let key = order_key(order);
        if self.shard.holds(&key) {
            return Ok(self.shard.order(order).cloned());
        }
        let record = archive.get(self.id, &key)?;
        Ok(record.and_then(shop::Record::into_order))
    }

    /// Executes a command, for which its record comes back from the archive.
    fn execute(
        &mut self,
        now: Duration,
        archive: &Archive,
        command: &Command,
    ) -> io::Result<Output> {
        let key = command.key();
        if !self.shard.holds(&key)
            && let Some(record) = archive.get(self.id, &key)?
        {
            self.shard.restore(key.clone(), record);
        }
        self.used.insert(key, now);
        Ok(self.shard.apply(command))
    }

    /// Applies what is committed, and answers requests.
    ///
    /// # Errors
    ///
    /// The archive cannot be read, or a snapshot is not one of a shard.
    pub(super) fn apply(
        &mut self,
        now: Duration,
        archive: &Archive,
        work: Work<Command>,
    ) -> io::Result<()> {
        if let Some(snapshot) = work.snapshot {
            self.shard = serde_json::from_str(&snapshot.data)?;
            self.applied = snapshot.last_included_index;
            self.used.clear();
            // The outcomes of these commands are not known here; their clients ask again.
            self.proposed = self.proposed.split_off(&(self.applied + 1));
        }
        for entry in work.committed {
            self.applied = entry.index;
            let command = entry.command.as_ref();
            let output = command.map(|command| self.execute(now, archive, command));
            let output = output.transpose()?;
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
