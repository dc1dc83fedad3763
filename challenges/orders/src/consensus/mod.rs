//! The Raft groups of one node. They share the log file, its syncs, and the messages to each other
//! node: everything that happens in one turn is one frame on disk and one message per destination.

mod group;
mod movement;
mod storage;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use raft::{Config, Disk, Output as Work, Packet, Persistent, Raft, ReadId, Rpc, Wal};
use rand::RngExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use self::group::{Group, Sleep};
use self::movement::Movement;
use self::storage::{Merged, Recovered, take_records};
use crate::Options;
use crate::archive::{Archive, Files};
use crate::placement::{Placement, Ranking};
use crate::replicas::{Replicas, no_replica};
use crate::shop::{Command, Order, OrderForm, Output, Shard, ShardId};

/// Period at which all groups check their deadlines. They do so together, so that the heartbeats of
/// all groups to a node share a message. Half of Raft's heartbeat interval; a longer one delays
/// heartbeats, a shorter one spreads them over more messages.
const TICK_INTERVAL: Duration = Duration::from_millis(50);

/// A message from one node to another, for all groups that they have in common. On the wire:
/// `{"type": "raft", "packets": [[shard, packet], …]}`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    packets: Vec<(ShardId, Packet<Command>)>,
    /// Groups whose leader, the sender, asks the receiver to sleep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sleep: Vec<Sleep>,
    /// Groups whose leader, the receiver, learns that the sender sleeps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sleeping: Vec<Sleep>,
}

/// Messages by destination.
type Messages = BTreeMap<NodeId, Message>;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a> {
    Raft(&'a Message),
}

/// The Raft groups of a node.
pub(crate) struct Groups {
    groups: RefCell<BTreeMap<ShardId, Group>>,
    placement: Placement,
    /// The nodes that hold each shard at first.
    first: BTreeMap<ShardId, Ranking>,
    /// The nodes that have joined; `None` while this node does not know.
    joined: RefCell<Option<Vec<NodeId>>>,
    replace_after: Option<Duration>,
    wal: Cell<Option<Wal>>,
    archive: RefCell<Archive>,
    merged: Merged,
    /// Time without commands after which a record leaves memory.
    idle: Duration,
    /// Time at which records without use are counted next.
    idle_check_at: Cell<Duration>,
    last_read: Cell<ReadId>,
    /// Requests to sleep that this node has followed and not yet answered.
    consents: RefCell<BTreeMap<NodeId, Vec<Sleep>>>,
    arrived: Notify,
    start: Instant,
}

impl Groups {
    /// Creates the groups of this node: those that it holds at first, and those on its disk, which it
    /// has joined.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or its contents are damaged.
    pub(crate) fn new(
        cx: &Context,
        disk: impl Disk,
        files: impl Files,
        placement: Placement,
        options: &Options,
    ) -> Result<Self> {
        let recovered = storage::recover(cx, disk, files, options.log_bytes_min)?;
        let Recovered {
            wal,
            archive,
            groups: mut recovered,
        } = recovered;
        let groups = Self {
            groups: RefCell::default(),
            first: placement.first(),
            joined: RefCell::new((!placement.has_spares()).then(Vec::new)),
            placement,
            replace_after: options.replace_after,
            wal: Cell::new(Some(wal)),
            archive: RefCell::new(archive),
            merged: Merged::default(),
            idle: options.idle,
            idle_check_at: Cell::default(),
            last_read: Cell::new(0),
            consents: RefCell::default(),
            arrived: Notify::new(),
            start: Instant::now(),
        };
        for (&shard, first) in &groups.first {
            let is_first = first.iter().any(|node| **node == *cx.id());
            let persistent = recovered.remove(&shard);
            if is_first || persistent.is_some() {
                groups.add(cx, shard, persistent.unwrap_or_default());
            }
        }
        Ok(groups)
    }

    /// Creates the replica of a shard on this node. Shards that no node should hold are ignored.
    fn add(&self, cx: &Context, shard: ShardId, persistent: Persistent<Command>) {
        let Some(first) = self.first.get(&shard) else {
            return;
        };
        let (id, seed) = (cx.id().into(), cx.rng().random());
        let config = Config {
            local_snapshots: true,
            ..Config::default()
        };
        let raft = Raft::new(id, first, config, seed, persistent);
        let joined = self.joined.borrow();
        let ranking = joined.as_ref().and_then(|joined| {
            let mut rankings = self.placement.rankings(joined);
            rankings.remove(&shard)
        });
        let movement = Movement::new(self.replace_after, self.placement.has_spares(), ranking);
        let group = Group::new(shard, raft, movement);
        self.groups.borrow_mut().insert(shard, group);
    }

    /// Creates the replicas of shards whose leader, the sender of a message, makes this node a learner.
    fn join(&self, cx: &Context, message: &Message) {
        for (shard, packet) in &message.packets {
            let is_known = self.groups.borrow().contains_key(shard);
            let is_of_leader = matches!(
                packet.rpc,
                Rpc::AppendEntries { .. } | Rpc::InstallSnapshot { .. }
            );
            if is_of_leader && !is_known {
                self.add(cx, *shard, Persistent::default());
            }
        }
    }

    /// Learns which nodes have joined, in the order in which they did. Earlier lists change nothing.
    pub(crate) fn learn_joined(&self, joined: Vec<NodeId>) {
        let is_news = |known: &Vec<NodeId>| known.len() < joined.len();
        if !self.joined.borrow().as_ref().is_none_or(is_news) {
            return;
        }
        let (now, mut groups) = (self.start.elapsed(), self.groups.borrow_mut());
        for (shard, ranking) in self.placement.rankings(&joined) {
            if let Some(group) = groups.get_mut(&shard) {
                group.set_ranking(now, ranking);
            }
        }
        *self.joined.borrow_mut() = Some(joined);
        self.arrived.notify_one();
    }

    /// Handles a message from another node.
    pub(crate) fn receive(&self, cx: &Context, message: Message) {
        self.join(cx, &message);
        let (now, from) = (self.start.elapsed(), NodeId::from(cx.sender()));
        let mut groups = self.groups.borrow_mut();
        for (shard, packet) in message.packets {
            if let Some(group) = groups.get_mut(&shard) {
                group.receive(now, &from, packet);
            }
        }
        for asked in message.sleep {
            if let Some(group) = groups.get_mut(&asked.shard())
                && group.consents_to_sleep(&from, asked)
            {
                let mut consents = self.consents.borrow_mut();
                consents.entry(from.clone()).or_default().push(asked);
            }
        }
        for consent in message.sleeping {
            if let Some(group) = groups.get_mut(&consent.shard()) {
                group.note_sleeping(now, &from, consent);
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
            let mut work = self.take_work(cx, is_tick)?;
            let records = take_records(&mut work);
            self.during_write(cx, wal.write(records)).await?;
            self.send(cx, &mut work);
            self.apply(work)?;
            if wal.is_long() || is_tick && self.has_many_idle_records() {
                self.compact(cx, wal).await?;
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
            let mut messages = Messages::new();
            for (shard, group) in &mut *self.groups.borrow_mut() {
                add_packets(&mut messages, *shard, group.prompt_messages(now));
            }
            send(cx, &messages);
        }
    }

    /// Sends the packets of all groups. Requests to sleep accompany the packets to their followers,
    /// so that they are repeated as often as heartbeats.
    fn send(&self, cx: &Context, work: &mut [(ShardId, Work<Command>)]) {
        let now = self.start.elapsed();
        let groups = self.groups.borrow();
        let mut messages = Messages::new();
        for (shard, work) in work {
            if let Some(asked) = groups[shard].ask_to_sleep(now) {
                for (to, _) in &work.messages {
                    messages.entry(to.clone()).or_default().sleep.push(asked);
                }
            }
            add_packets(&mut messages, *shard, std::mem::take(&mut work.messages));
        }
        for (to, consents) in self.consents.take() {
            messages.entry(to).or_default().sleeping = consents;
        }
        send(cx, &messages);
    }

    fn take_work(&self, cx: &Context, is_tick: bool) -> io::Result<Vec<(ShardId, Work<Command>)>> {
        let (now, archive) = (self.start.elapsed(), self.archive.borrow());
        let mut work = Vec::new();
        for (shard, group) in &mut *self.groups.borrow_mut() {
            let turn = group.turn(now, is_tick, &archive, |note| cx.log(note))?;
            work.extend(turn.map(|work| (*shard, work)));
        }
        Ok(work)
    }

    fn apply(&self, work: Vec<(ShardId, Work<Command>)>) -> io::Result<()> {
        let (now, archive) = (self.start.elapsed(), self.archive.borrow());
        let mut groups = self.groups.borrow_mut();
        for (shard, work) in work {
            let group = groups.get_mut(&shard).expect("groups do not leave a node");
            group.apply(now, &archive, work)?;
        }
        Ok(())
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
        self.arrived.notify_one();
        groups
            .get_mut(&shard)?
            .propose(self.start.elapsed(), command)
    }

    fn read(&self, _: &Context, shard: ShardId) -> Option<oneshot::Receiver<()>> {
        let mut groups = self.groups.borrow_mut();
        let read = self.last_read.get() + 1;
        self.last_read.set(read);
        self.arrived.notify_one();
        groups.get_mut(&shard)?.read(self.start.elapsed(), read)
    }

    fn view<T>(&self, shard: ShardId, view: impl FnOnce(&Shard) -> T) -> Option<T> {
        let groups = self.groups.borrow();
        let group = groups.get(&shard).filter(|it| it.raft().is_member());
        group.map(|group| view(group.shard()))
    }

    fn order(&self, shard: ShardId, order: &str) -> Result<Option<Order>> {
        let (groups, archive) = (self.groups.borrow(), self.archive.borrow());
        let group = groups.get(&shard).filter(|it| it.raft().is_member());
        let found = group.ok_or_else(no_replica)?.order(&archive, order);
        found.map_err(|e| Error::crash(format!("the archive cannot be read: {e}")))
    }

    fn members(&self, shard: ShardId) -> Vec<NodeId> {
        let groups = self.groups.borrow();
        groups
            .get(&shard)
            .map_or(Vec::new(), |group| group.raft().voters().to_vec())
    }

    fn leader(&self, _: &Context, shard: ShardId) -> Option<NodeId> {
        let groups = self.groups.borrow();
        let group = groups.get(&shard).filter(|it| it.raft().is_member());
        group?.raft().leader_id().cloned()
    }

    fn suspect_leader(&self, shard: ShardId) {
        if let Some(group) = self.groups.borrow_mut().get_mut(&shard) {
            group.wake(self.start.elapsed());
        }
    }

    fn open_orders(&self, _: &Context) -> Vec<Rc<OrderForm>> {
        let groups = self.groups.borrow();
        let led = groups.values().filter(|group| group.raft().is_leader());
        led.flat_map(|group| group.shard().open_orders().cloned())
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

fn add_packets(messages: &mut Messages, shard: ShardId, packets: Vec<(NodeId, Packet<Command>)>) {
    for (to, packet) in packets {
        let message = messages.entry(to).or_default();
        message.packets.push((shard, packet));
    }
}

fn send(cx: &Context, messages: &Messages) {
    for (to, message) in messages {
        cx.send(to, &Outgoing::Raft(message));
    }
}
