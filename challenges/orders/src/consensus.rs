//! The Raft groups of one node. They share the log file, its syncs, and the messages to each other
//! node: everything that happens in one turn is one frame on disk and one message per destination.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use raft::{
    Config, Disk, Index, Output as Work, Packet, Persistent, Raft, ReadId, Record, Term, Wal,
};
use rand::RngExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use crate::replicas::Replicas;
use crate::shop::{Command, OrderForm, Output, Shard, ShardId};

/// Period at which all groups check their deadlines. They do so together, so that the heartbeats of
/// all groups to a node share a message. Half of Raft's heartbeat interval; a longer one delays
/// heartbeats, a shorter one spreads them over more messages.
const TICK_INTERVAL: Duration = Duration::from_millis(50);

/// A change to the persistent state of a group.
type GroupRecord = (ShardId, Record<Command>);

/// Packets of several groups from one node to another:
/// `{"type": "raft", "packets": [[shard, packet], …]}`.
#[derive(Deserialize)]
pub struct Packets {
    packets: Vec<(ShardId, Packet<Command>)>,
}

/// [`Packets`] on their way out.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a> {
    Raft {
        packets: &'a [(ShardId, Packet<Command>)],
    },
}

/// A replica of a shard.
struct Group {
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
}

/// The Raft groups of a node.
pub(crate) struct Groups {
    groups: RefCell<BTreeMap<ShardId, Group>>,
    wal: Cell<Option<Wal>>,
    last_read: Cell<ReadId>,
    arrived: Notify,
    start: Instant,
}

impl Groups {
    /// Creates the groups of this node: `members` lists the nodes of each of them.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or its contents are damaged.
    pub(crate) fn new(
        cx: &Context,
        disk: impl Disk,
        members: &BTreeMap<ShardId, Vec<NodeId>>,
        log_bytes_min: u64,
    ) -> Result<Self> {
        let mut recovered: BTreeMap<ShardId, Persistent<Command>> = BTreeMap::new();
        let replay = |(shard, record): GroupRecord| {
            recovered.entry(shard).or_default().replay(record);
        };
        let (wal, remark) = Wal::recover_records(Box::new(disk), log_bytes_min, replay)?;
        if let Some(remark) = remark {
            cx.log(&remark);
        }
        let id = NodeId::from(cx.id());
        let mut groups = BTreeMap::new();
        for (&shard, members) in members.iter().filter(|(_, it)| it.contains(&id)) {
            let persistent = recovered.remove(&shard).unwrap_or_default();
            let seed = cx.rng().random();
            let raft = Raft::new(id.clone(), members, Config::default(), seed, persistent);
            groups.insert(shard, Group::new(shard, raft));
        }
        Ok(Self {
            groups: RefCell::new(groups),
            wal: Cell::new(Some(wal)),
            last_read: Cell::new(0),
            arrived: Notify::new(),
            start: Instant::now(),
        })
    }

    /// Handles packets from another node.
    pub(crate) fn receive(&self, from: &str, packets: Packets) {
        let from = NodeId::from(from);
        for (shard, packet) in packets.packets {
            if let Some(group) = self.groups.borrow_mut().get_mut(&shard) {
                group.raft.step(self.start.elapsed(), &from, packet);
                group.has_input = true;
            }
        }
        self.arrived.notify_one();
    }

    async fn turns(&self, cx: &Context, wal: &mut Wal) -> io::Result<()> {
        let mut tick_at = self.start;
        loop {
            let is_tick = tick_at <= Instant::now();
            if is_tick {
                // The node may have been suspended. Messages that have arrived meanwhile are handled
                // before deadlines are acted on.
                yield_now().await;
                tick_at = Instant::now() + TICK_INTERVAL;
            }
            let mut work = self.take_work(is_tick);
            let records = take_records(&mut work);
            self.during_write(cx, wal.write(records)).await?;
            let messages = work
                .iter_mut()
                .map(|(shard, work)| (*shard, std::mem::take(&mut work.messages)));
            send(cx, messages);
            self.apply(work)?;
            if wal.is_long() {
                let records = self.compact()?;
                self.during_write(cx, wal.rewrite(records)).await?;
            }
            tokio::select! {
                biased;
                () = self.arrived.notified() => {}
                () = sleep_until(tick_at) => {}
            }
        }
    }

    /// Waits for a write and meanwhile sends heartbeats and their answers, so that a slow disk does
    /// not depose leaders.
    async fn during_write(
        &self,
        cx: &Context,
        write: impl Future<Output = io::Result<()>>,
    ) -> io::Result<()> {
        let mut write = pin!(write);
        loop {
            tokio::select! {
                biased;
                outcome = &mut write => return outcome,
                () = sleep(TICK_INTERVAL) => {}
            }
            let now = self.start.elapsed();
            let mut groups = self.groups.borrow_mut();
            send(
                cx,
                groups
                    .iter_mut()
                    .map(|(shard, group)| (*shard, group.raft.prompt_messages(now))),
            );
        }
    }

    fn take_work(&self, is_tick: bool) -> Vec<(ShardId, Work<Command>)> {
        let now = self.start.elapsed();
        let mut work = Vec::new();
        for (shard, group) in &mut *self.groups.borrow_mut() {
            if is_tick {
                group.raft.tick(now);
                group.reads.retain(|_, reader| !reader.is_closed());
            }
            if is_tick || group.has_input {
                group.has_input = false;
                work.push((*shard, group.raft.output()));
            }
        }
        work
    }

    fn apply(&self, work: Vec<(ShardId, Work<Command>)>) -> io::Result<()> {
        let mut groups = self.groups.borrow_mut();
        for (shard, work) in work {
            let group = groups.get_mut(&shard).expect("groups do not leave a node");
            group.apply(work)?;
        }
        Ok(())
    }

    /// Replaces the applied entries of all groups by snapshots. Returns the records that replace the
    /// log file.
    fn compact(&self) -> io::Result<Vec<GroupRecord>> {
        let mut records = Vec::new();
        for (shard, group) in &mut *self.groups.borrow_mut() {
            let data = serde_json::to_string(&group.shard)?;
            let compacted = group.raft.compact(group.applied, data.into());
            records.extend(compacted.into_iter().map(|record| (*shard, record)));
        }
        Ok(records)
    }
}

impl Replicas for Groups {
    fn propose(
        &self,
        _: &Context,
        shard: ShardId,
        command: Command,
    ) -> Option<oneshot::Receiver<Output>> {
        let mut groups = self.groups.borrow_mut();
        let group = groups.get_mut(&shard)?;
        let index = group.raft.propose(command).ok()?;
        let (sender, outcome) = oneshot::channel();
        let term = group.raft.current_term();
        group.proposed.insert(index, (term, sender));
        group.has_input = true;
        self.arrived.notify_one();
        Some(outcome)
    }

    fn read(&self, _: &Context, shard: ShardId) -> Option<oneshot::Receiver<()>> {
        let mut groups = self.groups.borrow_mut();
        let group = groups.get_mut(&shard)?;
        if !group.raft.is_leader() {
            return None;
        }
        let read = self.last_read.get() + 1;
        self.last_read.set(read);
        group.raft.read(read).ok()?;
        let (sender, confirmed) = oneshot::channel();
        group.reads.insert(read, sender);
        group.has_input = true;
        self.arrived.notify_one();
        Some(confirmed)
    }

    fn view<T>(&self, shard: ShardId, view: impl FnOnce(&Shard) -> T) -> Option<T> {
        let groups = self.groups.borrow();
        groups.get(&shard).map(|group| view(&group.shard))
    }

    fn leader(&self, _: &Context, shard: ShardId) -> Option<NodeId> {
        self.groups.borrow().get(&shard)?.raft.leader_id().cloned()
    }

    fn open_orders(&self, _: &Context) -> Vec<Rc<OrderForm>> {
        let groups = self.groups.borrow();
        let led = groups.values().filter(|group| group.raft.is_leader());
        led.flat_map(|group| group.shard.open_orders().cloned())
            .collect()
    }

    /// Runs the groups. Ends the node if its disk fails.
    async fn run(&self, cx: &Context) {
        let mut wal = self.wal.take().expect("groups are run once");
        if let Err(e) = self.turns(cx, &mut wal).await {
            cx.fail(Error::crash(format!("the disk failed: {e}")));
        }
    }
}

impl Group {
    fn new(shard: ShardId, raft: Raft<Command>) -> Self {
        Self {
            raft,
            shard: Shard::new(shard),
            applied: 0,
            proposed: BTreeMap::new(),
            reads: BTreeMap::new(),
            confirmed: Vec::new(),
            has_input: true,
        }
    }

    fn apply(&mut self, work: Work<Command>) -> io::Result<()> {
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

/// Sends the packets of all groups, in one message to each node.
fn send(cx: &Context, packets: impl Iterator<Item = (ShardId, Vec<(NodeId, Packet<Command>)>)>) {
    let mut messages: BTreeMap<NodeId, Vec<(ShardId, Packet<Command>)>> = BTreeMap::new();
    for (shard, packets) in packets {
        for (to, packet) in packets {
            messages.entry(to).or_default().push((shard, packet));
        }
    }
    for (to, packets) in &messages {
        cx.send(to, &Outgoing::Raft { packets });
    }
}

fn take_records(work: &mut [(ShardId, Work<Command>)]) -> Vec<GroupRecord> {
    let mut all = Vec::new();
    for (shard, work) in work {
        let records = std::mem::take(&mut work.records).into_iter();
        all.extend(records.map(|record| (*shard, record)));
    }
    all
}
