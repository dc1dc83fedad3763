//! Kafka-style logs (challenge 5): partitioned, replicated, with local reads.
//!
//! Keys are spread over shards, one for each node. A shard has a leader, which puts its messages in
//! one order, and followers that copy it. A message is acknowledged when all replicas that are in
//! sync have it. Only the record of the leader and of the replicas in sync is kept in lin-kv. The
//! README derives the design and its figures.
//!
//! The path of a send through the modules:
//!
//! ```text
//! Kafka ── requests ──▶ broker ── batch ──▶ the leader's broker ── journal ──▶ batch ──▶ all brokers
//! ```
//!
//! The modules in reading order:
//!
//! 1. `leadership`: the records in lin-kv; `placement`: the initial ones;
//! 2. `journal`: the messages of a shard; `requests`: the unanswered sends;
//! 3. `wire`: the message between brokers;
//! 4. `shard`: what its leader and its followers do with these;
//! 5. `link` and `retry`: when messages leave, and when they leave again;
//! 6. `broker`: one node's shards and links together, as a state machine without I/O;
//! 7. this file: the node, which gives the broker its timers, its network and lin-kv.

mod broker;
mod journal;
mod leadership;
mod link;
mod placement;
mod requests;
mod retry;
mod settings;
mod shard;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

pub use settings::Settings;

use broker::Broker;
use wire::Batch;

/// Time after which a send is refused whose leader cannot be reached. It had no effect.
const REFUSE_AFTER: Duration = Duration::from_millis(900);

/// Time after which the outcome of a send is reported as unknown. Clients wait a little longer.
const SEND_TIMEOUT: Duration = Duration::from_secs(4);

/// Time after the start during which a node sends nothing unless it has received a message: the
/// other nodes may not run yet, and upstream Maelstrom ends a run on a message to a node that does
/// not.
const STARTUP_DELAY: Duration = Duration::from_millis(100);

/// Delay before an incarnation is counted again after an error of lin-kv.
const START_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The requests of clients and other brokers.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
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
    /// A message from another broker.
    Batch(Box<Batch>),
}

/// The replies to clients.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
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

/// A node of the cluster: a broker with timers, a network and lin-kv.
pub struct Kafka {
    broker: RefCell<Broker>,
    /// Whether this incarnation has been counted. Before that the node sends no messages to others.
    is_started: Cell<bool>,
    started: Notify,
    /// Notified when a message arrives before the start.
    contacted: Notify,
    /// Notified when a timer fires earlier than `sleeps_until`.
    timer_changed: Notify,
    sleeps_until: Cell<Option<Instant>>,
    proposed: Notify,
}

impl Kafka {
    /// Returns a node without data.
    pub fn new(cx: &Context, settings: Settings) -> Self {
        let nodes = cx.nodes();
        let me = nodes.iter().position(|node| **node == *cx.id());
        let me = me.expect("a node is one of the nodes");
        let mut broker = Broker::new(me, nodes.len(), settings.for_nodes(nodes.len()));
        let is_alone = nodes.len() == 1;
        if is_alone {
            broker.start(1, Instant::now());
        }
        Self {
            broker: RefCell::new(broker),
            is_started: Cell::new(is_alone),
            started: Notify::new(),
            contacted: Notify::new(),
            timer_changed: Notify::new(),
            sleeps_until: Cell::new(None),
            proposed: Notify::new(),
        }
    }

    async fn send(&self, key: Rc<str>, msg: Value, cx: &Context) -> Result<Reply> {
        if !is_exact(&msg) {
            let text = "integers of more than 64 bits cannot be stored exactly";
            return Err(Error::malformed_request(text));
        }
        let now = Instant::now();
        let (ticket, mut offset) = self.broker.borrow_mut().submit(key, msg, now);
        self.send_output(cx);
        if let Ok(committed) = timeout(REFUSE_AFTER, &mut offset).await {
            let offset = committed.map_err(|_| Error::crash("the request was dropped"))?;
            return Ok(Reply::SendOk { offset });
        }
        if self.broker.borrow_mut().withdraw(ticket) {
            let text = "the key's leader cannot be reached; nothing was stored";
            return Err(Error::temporarily_unavailable(text));
        }
        match timeout_at(now + SEND_TIMEOUT, offset).await {
            Ok(Ok(offset)) => Ok(Reply::SendOk { offset }),
            _ => Err(Error::timeout("sent to replicas that do not answer")),
        }
    }

    /// Sends the broker's messages that are due, and makes sure that its timers and its proposals
    /// are served.
    fn send_output(&self, cx: &Context) {
        let mut broker = self.broker.borrow_mut();
        for (node, batch) in broker.take_due(Instant::now()) {
            cx.send(&cx.nodes()[node], &Message::Batch(&batch));
        }
        for line in broker.take_log() {
            cx.log(&line);
        }
        if broker.has_proposal() {
            self.proposed.notify_one();
        }
        let wake_at = broker.wake_at();
        if self.sleeps_until.get().is_some_and(|at| wake_at < at) {
            self.timer_changed.notify_one();
        }
    }

    /// Counts this incarnation and starts the broker, once other nodes can be expected to run.
    async fn start(&self, cx: &Context) {
        // Whether a message arrived or the time has passed makes no difference.
        let _ = timeout(STARTUP_DELAY, self.contacted.notified()).await;
        let incarnation = loop {
            match leadership::begin_incarnation(cx).await {
                Ok(incarnation) => break incarnation,
                Err(e) => cx.log(&format!("lin-kv cannot count this incarnation: {e}")),
            }
            sleep(START_RETRY_DELAY).await;
        };
        self.broker.borrow_mut().start(incarnation, Instant::now());
        self.is_started.set(true);
        self.started.notify_waiters();
        self.send_output(cx);
    }

    /// Serves the broker's timers.
    async fn run_timers(&self, cx: &Context) {
        loop {
            let wake_at = self.broker.borrow().wake_at();
            self.sleeps_until.set(Some(wake_at));
            tokio::select! {
                biased;
                () = sleep_until(wake_at) => {}
                () = self.timer_changed.notified() => {}
            }
            self.sleeps_until.set(None);
            self.broker.borrow_mut().handle_timers(Instant::now());
            self.send_output(cx);
        }
    }

    /// Makes the broker's proposals in lin-kv, one after the other.
    async fn run_proposals(&self, cx: &Context) {
        loop {
            self.proposed.notified().await;
            loop {
                let Some(proposal) = self.broker.borrow_mut().take_proposal() else {
                    break;
                };
                let outcome = leadership::change(cx, &proposal).await;
                let (mut broker, now) = (self.broker.borrow_mut(), Instant::now());
                match outcome {
                    Ok(leadership) => broker.on_decided(&proposal, leadership, now),
                    Err(e) => {
                        let shard = proposal.shard;
                        cx.log(&format!("lin-kv cannot change shard {shard}: {e}"));
                        broker.on_proposal_failed(&proposal, now);
                    }
                }
                drop(broker);
                self.send_output(cx);
            }
        }
    }

    async fn receive(&self, batch: Batch, cx: &Context) -> Result<()> {
        // There is no await between the check and the wait, so the notification is not missed.
        if !self.is_started.get() {
            self.started.notified().await;
        }
        let sender = cx.nodes().iter().position(|node| **node == *cx.sender());
        let sender = sender.ok_or_else(|| Error::abort("only brokers send batches"))?;
        self.broker
            .borrow_mut()
            .receive(sender, batch, Instant::now());
        self.send_output(cx);
        Ok(())
    }
}

glomers::compile_once!(Kafka);

impl Node for Kafka {
    type Request = Request;
    /// Brokers do not reply to each other: the next batch carries what is owed.
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        if !self.is_started.get() {
            self.contacted.notify_one();
        }
        Ok(Some(match request {
            Request::Send { key, msg } => self.send(key, msg, cx).await?,
            Request::Poll { offsets } => Reply::PollOk {
                msgs: self.broker.borrow().poll(&offsets),
            },
            Request::CommitOffsets { offsets } => {
                self.broker
                    .borrow_mut()
                    .commit_offsets(offsets, Instant::now());
                self.send_output(cx);
                Reply::CommitOffsetsOk
            }
            Request::ListCommittedOffsets { keys } => Reply::ListCommittedOffsetsOk {
                offsets: self.broker.borrow().committed_offsets(keys),
            },
            Request::Batch(batch) => {
                self.receive(*batch, cx).await?;
                return Ok(None);
            }
        }))
    }

    async fn background(&self, cx: &Context) {
        if cx.peers().is_empty() {
            return;
        }
        self.start(cx).await;
        tokio::join!(biased; self.run_timers(cx), self.run_proposals(cx));
    }
}

/// Returns whether no number in a message may have lost digits. The runtime reads integers that do
/// not fit in 64 bits as floats, and no float below 2⁶³ can have been such an integer.
fn is_exact(msg: &Value) -> bool {
    const LIMIT: f64 = (1_u64 << 63) as f64;
    match msg {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().is_some_and(|float| float.abs() < LIMIT)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(fields) => fields.values().all(is_exact),
        _ => true,
    }
}
