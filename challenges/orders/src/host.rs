//! The Raft groups of one node. They share the log file, its syncs, and the messages to each other
//! node: everything that happens in one turn is one frame on disk and one message per destination.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use glomers::prelude::*;
use raft::{Config, Disk, Index, Output as Work, Packet, Persistent, Raft, ReadId, Term};
use rand::RngExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use crate::shop::{Command, Output, Shard, ShardId};
use crate::store::{GroupRecord, Store};

/// Period at which all groups check their deadlines. They do so together, so that the heartbeats of
/// all groups to a node share a message. Half of Raft's heartbeat interval; a longer one delays
/// heartbeats, a shorter one spreads them over more messages.
const TICK_INTERVAL: Duration = Duration::from_millis(50);

/// Packets of several groups from one node to another.
pub(crate) type Packets = Vec<(ShardId, Packet<Command>)>;

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

/// The groups of a node.
pub(crate) struct Host {
    groups: RefCell<BTreeMap<ShardId, Group>>,
    store: Cell<Option<Store>>,
    last_read: Cell<ReadId>,
    arrived: Notify,
    start: Instant,
}

impl Host {
    /// Creates the groups of this node: `members` lists the nodes of each of them.
    pub(crate) fn new(
        cx: &Context,
        disk: impl Disk,
        members: &BTreeMap<ShardId, Vec<NodeId>>,
        log_bytes_min: u64,
    ) -> Result<Self> {
        let (store, mut recovered) = Store::recover(Box::new(disk), log_bytes_min)?;
        let mut groups = BTreeMap::new();
        let ours = members
            .iter()
            .filter(|(_, it)| it.iter().any(|node| **node == *cx.id()));
        for (&id, members) in ours {
            let persistent: Persistent<Command> = recovered.remove(&id).unwrap_or_default();
            let (node, seed) = (NodeId::from(cx.id()), cx.rng().random());
            let raft = Raft::new(node, members, Config::default(), seed, persistent);
            let group = Group {
                raft,
                shard: Shard::default(),
                applied: 0,
                proposed: BTreeMap::new(),
                reads: BTreeMap::new(),
                confirmed: Vec::new(),
                has_input: true,
            };
            groups.insert(id, group);
        }
        Ok(Self {
            groups: RefCell::new(groups),
            store: Cell::new(Some(store)),
            last_read: Cell::new(0),
            arrived: Notify::new(),
            start: Instant::now(),
        })
    }

    /// Proposes a command. Returns the receiver of its outcome, which fails if the command may have
    /// been lost with this node's term; `None` if this node does not lead the shard.
    pub(crate) fn propose(
        &self,
        id: ShardId,
        command: Command,
    ) -> Option<oneshot::Receiver<Output>> {
        let mut groups = self.groups.borrow_mut();
        let group = groups.get_mut(&id)?;
        let index = group.raft.propose(command).ok()?;
        let (sender, outcome) = oneshot::channel();
        group
            .proposed
            .insert(index, (group.raft.current_term(), sender));
        group.has_input = true;
        self.arrived.notify_one();
        Some(outcome)
    }

    /// Begins a linearizable read. The receiver is notified when the state here is current; `None`
    /// if this node does not lead the shard.
    pub(crate) fn read(&self, id: ShardId) -> Option<oneshot::Receiver<()>> {
        let mut groups = self.groups.borrow_mut();
        let group = groups.get_mut(&id)?;
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

    /// Looks at the state of a shard as this node has it; `None` if it holds no replica.
    pub(crate) fn view<T>(&self, id: ShardId, view: impl FnOnce(&Shard) -> T) -> Option<T> {
        self.groups
            .borrow()
            .get(&id)
            .map(|group| view(&group.shard))
    }

    /// Returns the leader of a shard, as far as this node knows.
    pub(crate) fn leader(&self, id: ShardId) -> Option<NodeId> {
        self.groups.borrow().get(&id)?.raft.leader_id().cloned()
    }

    /// Returns the unsettled orders of the shards that this node leads.
    pub(crate) fn unsettled(&self) -> Vec<(ShardId, String)> {
        let groups = self.groups.borrow();
        let led = groups.iter().filter(|(_, group)| group.raft.is_leader());
        led.flat_map(|(id, group)| group.shard.all_unsettled().map(|it| (*id, it.clone())))
            .collect()
    }

    /// Handles packets of another node.
    pub(crate) fn receive(&self, from: &str, packets: Packets) {
        let from = NodeId::from(from);
        for (id, packet) in packets {
            if let Some(group) = self.groups.borrow_mut().get_mut(&id) {
                group.raft.step(self.start.elapsed(), &from, packet);
                group.has_input = true;
            }
        }
        self.arrived.notify_one();
    }

    /// Runs the groups. Ends the node if its disk fails.
    pub(crate) async fn run(&self, cx: &Context) {
        let mut store = self.store.take().expect("a host is run once");
        if let Err(e) = self.turns(cx, &mut store).await {
            cx.fail(Error::crash(format!("the disk failed: {e}")));
        }
    }

    async fn turns(&self, cx: &Context, store: &mut Store) -> io::Result<()> {
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
            store.write(records).await?;
            self.send(cx, &mut work);
            self.apply(work)?;
            if store.is_long() {
                let records = self.compact()?;
                store.rewrite(records).await?;
            }
            tokio::select! {
                biased;
                () = self.arrived.notified() => {}
                () = sleep_until(tick_at) => {}
            }
        }
    }

    fn take_work(&self, is_tick: bool) -> Vec<(ShardId, Work<Command>)> {
        let now = self.start.elapsed();
        let mut work = Vec::new();
        for (id, group) in &mut *self.groups.borrow_mut() {
            if is_tick {
                group.raft.tick(now);
                group.reads.retain(|_, reader| !reader.is_closed());
            }
            if is_tick || group.has_input {
                group.has_input = false;
                work.push((*id, group.raft.output()));
            }
        }
        work
    }

    fn send(&self, cx: &Context, work: &mut [(ShardId, Work<Command>)]) {
        let mut messages: BTreeMap<NodeId, Packets> = BTreeMap::new();
        for (id, work) in work {
            for (to, packet) in work.messages.drain(..) {
                messages.entry(to).or_default().push((*id, packet));
            }
        }
        for (to, packets) in &messages {
            cx.send(to, &Outgoing::Raft { packets });
        }
    }

    fn apply(&self, work: Vec<(ShardId, Work<Command>)>) -> io::Result<()> {
        let mut groups = self.groups.borrow_mut();
        for (id, work) in work {
            let group = groups.get_mut(&id).expect("groups do not leave a node");
            group.apply(work)?;
        }
        Ok(())
    }

    /// Replaces the applied entries of all groups by snapshots. Returns the records that replace the
    /// log file.
    fn compact(&self) -> io::Result<Vec<GroupRecord>> {
        let mut records = Vec::new();
        for (id, group) in &mut *self.groups.borrow_mut() {
            let data = serde_json::to_string(&group.shard)?;
            let compacted = group.raft.compact(group.applied, data.into());
            records.extend(compacted.into_iter().map(|record| (*id, record)));
        }
        Ok(records)
    }
}

impl Group {
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

fn take_records(work: &mut [(ShardId, Work<Command>)]) -> Vec<GroupRecord> {
    let records = |(id, work): &mut (ShardId, Work<Command>)| {
        let records = std::mem::take(&mut work.records).into_iter();
        let id = *id;
        records.map(move |record| (id, record)).collect::<Vec<_>>()
    };
    work.iter_mut().flat_map(records).collect()
}

/// A message on the wire: `{"type": "raft", "packets": [[shard, packet], …]}`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a> {
    Raft { packets: &'a Packets },
}
