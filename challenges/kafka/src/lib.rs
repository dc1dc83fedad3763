//! Kafka-style logs (challenge 5): partitioned, replicated, and read locally.
//!
//! Keys are spread over shards, one for each node. A shard has a leader, which puts all its messages
//! in one order, and followers that copy it. A message is acknowledged when all replicas that are in
//! sync have it; who leads and who is in sync is written in lin-kv, and only that. The README derives
//! the design and its figures; the path of a `send` through the modules is
//!
//! ```text
//! Kafka ── requests ──▶ broker ── batch ──▶ the leader's broker ── journal ──▶ batch ──▶ everybody
//! ```

mod broker;
mod journal;
mod leadership;
mod link;
mod patience;
mod placement;
mod requests;
mod settings;
mod shard;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

pub use settings::Settings;

use broker::{Broker, Proposal};
use wire::Batch;

/// A send for which there is no way to its leader is refused after this time: it had no effect.
const HOLD: Duration = Duration::from_millis(900);

/// A send that is not committed after this time may or may not be later. Clients wait a little
/// longer than this.
const UNKNOWN_AFTER: Duration = Duration::from_secs(4);

/// Nobody is spoken to before this time, unless somebody else has spoken first: when a cluster
/// starts, not every node can be reached yet, and Maelstrom never forgives a message to one that
/// cannot.
const SHYNESS: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    Send {
        key: Rc<str>,
        msg: Value,
    },
    Poll {
        offsets: BTreeMap<Rc<str>, u64>,
    },
    CommitOffsets {
        offsets: BTreeMap<Rc<str>, u64>,
    },
    ListCommittedOffsets {
        keys: Vec<Rc<str>>,
    },
    /// From another broker.
    Batch(Box<Batch>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Reply {
    SendOk {
        offset: u64,
    },
    PollOk {
        msgs: BTreeMap<Rc<str>, Vec<(u64, Value)>>,
    },
    CommitOffsetsOk,
    ListCommittedOffsetsOk {
        offsets: BTreeMap<Rc<str>, u64>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message<'a> {
    Batch(&'a Batch),
}

/// A node of the cluster: a broker with a clock and a voice.
pub struct Kafka {
    broker: RefCell<Broker>,
    /// Whether this life has been counted; before that nothing is said to other nodes.
    is_begun: Cell<bool>,
    begun: Notify,
    /// Somebody has spoken to us.
    contacted: Notify,
    /// The broker must be looked after earlier than thought.
    wake: Notify,
    sleeps_until: Cell<Option<Instant>>,
    proposed: Notify,
}

impl Kafka {
    /// A node that holds nothing.
    pub fn new(cx: &Context, settings: Settings) -> Self {
        let nodes = cx.nodes();
        let me = nodes.iter().position(|node| **node == *cx.id());
        let me = me.expect("a node is one of the nodes");
        let mut broker = Broker::new(me, nodes.len(), settings.for_nodes(nodes.len()));
        let is_alone = nodes.len() == 1;
        if is_alone {
            broker.begin(1, Instant::now());
        }
        Self {
            broker: RefCell::new(broker),
            is_begun: Cell::new(is_alone),
            begun: Notify::new(),
            contacted: Notify::new(),
            wake: Notify::new(),
            sleeps_until: Cell::new(None),
            proposed: Notify::new(),
        }
    }

    async fn send(&self, key: Rc<str>, msg: Value, cx: &Context) -> Result<Reply> {
        let now = Instant::now();
        let (ticket, mut offset) = self.broker.borrow_mut().submit(key, msg, now);
        self.settle(cx);
        if let Ok(committed) = timeout(HOLD, &mut offset).await {
            let offset = committed.map_err(|_| Error::crash("the request was forgotten"))?;
            return Ok(Reply::SendOk { offset });
        }
        if self.broker.borrow_mut().withdraw(ticket) {
            let text = "the key's leader cannot be reached; nothing was done";
            return Err(Error::temporarily_unavailable(text));
        }
        match timeout_at(now + UNKNOWN_AFTER, offset).await {
            Ok(Ok(offset)) => Ok(Reply::SendOk { offset }),
            _ => Err(Error::timeout("sent to replicas that do not answer")),
        }
    }

    /// Says what must be said now, and sees to it that the rest is said in time.
    fn settle(&self, cx: &Context) {
        let mut broker = self.broker.borrow_mut();
        for (node, batch) in broker.take_due(Instant::now()) {
            cx.send(&cx.nodes()[node], &Message::Batch(&batch));
        }
        for note in broker.take_notes() {
            cx.log(&note);
        }
        if broker.has_proposal() {
            self.proposed.notify_one();
        }
        let wakes_at = broker.wake_at();
        if self.sleeps_until.get().is_some_and(|at| wakes_at < at) {
            self.wake.notify_one();
        }
    }

    /// Counts this life, once others can be expected to be there.
    async fn begin(&self, cx: &Context) {
        // Both outcomes are the same: somebody spoke, or it is time.
        let _ = timeout(SHYNESS, self.contacted.notified()).await;
        match leadership::begin_life(cx).await {
            Ok(life) => self.broker.borrow_mut().begin(life, Instant::now()),
            Err(e) => return cx.log(&format!("lin-kv does not count lives: {e}")),
        }
        self.is_begun.set(true);
        self.begun.notify_waiters();
        self.settle(cx);
    }

    /// Looks after the broker whenever its time has come.
    async fn keep_time(&self, cx: &Context) {
        loop {
            let wakes_at = self.broker.borrow().wake_at();
            self.sleeps_until.set(Some(wakes_at));
            tokio::select! {
                biased;
                () = sleep_until(wakes_at) => {}
                () = self.wake.notified() => {}
            }
            self.sleeps_until.set(None);
            self.broker.borrow_mut().pass_time(Instant::now());
            self.settle(cx);
        }
    }

    /// Asks lin-kv for the changes of leadership that the broker proposes.
    async fn propose(&self, cx: &Context) {
        loop {
            self.proposed.notified().await;
            while let Some(Proposal { shard, from, to }) = self.next_proposal() {
                match leadership::change(cx, shard, &from, &to).await {
                    Ok(leadership) => {
                        let mut broker = self.broker.borrow_mut();
                        broker.decided(shard, leadership, Instant::now());
                    }
                    Err(e) => cx.log(&format!("lin-kv does not know shard {shard}: {e}")),
                }
                self.settle(cx);
            }
        }
    }

    fn next_proposal(&self) -> Option<Proposal> {
        self.broker.borrow_mut().take_proposal()
    }
}

impl Node for Kafka {
    type Request = Request;
    /// Brokers do not reply to one another: what is owed rides in the next batch.
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        if !self.is_begun.get() {
            self.contacted.notify_one();
        }
        Ok(Some(match request {
            Request::Send { key, msg } => self.send(key, msg, cx).await?,
            Request::Poll { offsets } => Reply::PollOk {
                msgs: self.broker.borrow().poll(&offsets),
            },
            Request::CommitOffsets { offsets } => {
                let mut broker = self.broker.borrow_mut();
                broker.commit_offsets(offsets, Instant::now());
                drop(broker);
                self.settle(cx);
                Reply::CommitOffsetsOk
            }
            Request::ListCommittedOffsets { keys } => Reply::ListCommittedOffsetsOk {
                offsets: self.broker.borrow().committed_offsets(keys),
            },
            Request::Batch(batch) => {
                // Nobody can set this between the question and the wait.
                if !self.is_begun.get() {
                    self.begun.notified().await;
                }
                let sender = cx.nodes().iter().position(|node| **node == *cx.sender());
                let sender = sender.ok_or_else(|| Error::abort("batches are for brokers"))?;
                let mut broker = self.broker.borrow_mut();
                broker.receive(sender, *batch, Instant::now());
                drop(broker);
                self.settle(cx);
                return Ok(None);
            }
        }))
    }

    async fn background(&self, cx: &Context) {
        if cx.peers().is_empty() {
            return;
        }
        self.begin(cx).await;
        tokio::join!(biased; self.keep_time(cx), self.propose(cx));
    }
}
