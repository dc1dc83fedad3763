//! Challenge 4: a grow-only counter over seq-kv, a sequentially consistent store.
//!
//! Each node stores the sum of its own clients' adds under a key of its own, its [`share`], and the
//! counter is the sum of all shares. The nodes do not communicate, so partitions do not matter. Two
//! techniques make it cheap, and a third makes it correct:
//!
//! - **Group commit.** One request to the store is in flight at a time, and stores all waiting adds.
//! - **Reads from memory.** A node refreshes the other shares once per period, together with a
//!   request that it makes anyway, and only if clients read.
//! - **A write before each refresh.** seq-kv may answer a read from an old state, but never from one
//!   before the reader's own last write. So a node changes its own key, and then reads the others.
//!
//! The README has the reasoning, the figures and the guarantees. Read `share` first, then this
//! file: clients' requests (`add`, `read`), then the background loop that serves them (`round`).

pub mod share;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use glomers::prelude::*;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use share::Share;

/// A request of a client.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Adds to the counter.
    Add {
        /// Amount to add; must not be negative.
        delta: u64,
    },
    /// Asks for the value of the counter.
    Read,
}

/// A reply to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// Acknowledges an `add`; see [`Ack`] for what that guarantees.
    AddOk {},
    /// Answers a `read`.
    ReadOk {
        /// The sum of all adds.
        value: u128,
    },
}

/// The moment at which an add is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// After seq-kv has stored it, which is requested at once. It survives a kill of the node.
    SeqKv,
    /// At once. It is stored within a period: a node that is killed loses adds not stored yet.
    Local,
}

impl Ack {
    /// Returns the period that keeps challenge 4 within its limit of messages per operation. The
    /// README derives it: a shorter one exceeds the limit, a longer one makes reads older.
    pub fn period(self) -> Duration {
        match self {
            Ack::SeqKv => Duration::from_millis(1500),
            Ack::Local => Duration::from_secs(3),
        }
    }
}

/// A node that counts.
///
/// A read includes everything that was in seq-kv two periods before, and everything that was
/// acknowledged on this node. With a period of zero it includes everything that was in seq-kv when
/// it was requested.
pub struct GCounter {
    ack: Ack,
    /// Age of the other shares after which they are refreshed together with the next write. At
    /// twice this age reads wait for a refresh.
    period: Duration,
    /// Sum of the adds of this incarnation, stored or not.
    added: Cell<u128>,
    /// Total that this node stored in earlier incarnations.
    inherited: Cell<u128>,
    /// This node's share, as it is stored in seq-kv.
    own: Cell<Share>,
    /// The other nodes' shares, as of the last refresh.
    others: RefCell<BTreeMap<NodeId, Share>>,
    reads: Reads,
    /// Wakes the background loop for a waiting client.
    demand: Notify,
    progress: Cell<Progress>,
    /// Notifies waiting clients of progress. `Notify` wakes them in the order in which they came, as
    /// repeatable runs require; a `watch` would wake them in random order.
    progressed: Notify,
}

/// The demand of readers for refreshes.
#[derive(Default)]
struct Reads {
    /// Whether a client has read since the last refresh began.
    seen: Cell<bool>,
    /// Whether a client waits for a refresh that has not begun.
    waiting: Cell<bool>,
    /// The refresh that began last.
    begun: Cell<Refresh>,
}

/// A refresh of the other shares. It reads everything that was in seq-kv when it began.
#[derive(Clone, Copy, Default)]
struct Refresh {
    number: u64,
    begun_at: Option<Instant>,
}

/// The progress of the background loop.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// The part of `added` that is stored.
    stored: u128,
    /// The refresh that was finished last.
    refresh: Refresh,
}

impl GCounter {
    /// Returns a node that has not yet read what it stored in earlier incarnations.
    pub fn new(ack: Ack, period: Duration) -> Self {
        Self {
            ack,
            period,
            added: Cell::new(0),
            inherited: Cell::new(0),
            own: Cell::default(),
            others: RefCell::default(),
            reads: Reads::default(),
            demand: Notify::new(),
            progress: Cell::default(),
            progressed: Notify::new(),
        }
    }

    async fn add(&self, delta: u64) {
        if delta == 0 {
            return; // Nothing to store.
        }
        let added = self.added.get() + u128::from(delta);
        self.added.set(added);
        self.demand.notify_one();
        if self.ack == Ack::SeqKv {
            self.wait_for(|progress| progress.stored >= added).await;
        }
    }

    async fn read(&self) -> u128 {
        self.reads.seen.set(true);
        let last = self.progress.get().refresh;
        if self.age(last) >= 2 * self.period {
            let begun = self.reads.begun.get();
            let next = if self.age(begun) < 2 * self.period {
                begun.number // It is in flight.
            } else {
                self.reads.waiting.set(true);
                self.demand.notify_one();
                begun.number + 1
            };
            self.wait_for(|progress| progress.refresh.number >= next)
                .await;
        }
        self.sum()
    }

    /// Returns the age of what a refresh has read.
    fn age(&self, refresh: Refresh) -> Duration {
        refresh.begun_at.map_or(Duration::MAX, |at| at.elapsed())
    }

    fn sum(&self) -> u128 {
        let own = match self.ack {
            // Adds that are not stored may be lost, so no read may show them.
            Ack::SeqKv => self.own.get().total,
            Ack::Local => self.inherited.get() + self.added.get(),
        };
        let others = self.others.borrow();
        own + others.values().map(|share| share.total).sum::<u128>()
    }

    async fn wait_for(&self, reached: impl Fn(Progress) -> bool) {
        loop {
            let progressed = self.progressed.notified();
            if reached(self.progress.get()) {
                return;
            }
            progressed.await;
        }
    }

    fn update_progress(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.get();
        change(&mut progress);
        self.progress.set(progress);
        self.progressed.notify_waiters();
    }

    /// Waits until a client needs a round. With local acknowledgement adds wait until `store_at`.
    async fn demand(&self, store_at: Instant) {
        while !self.reads.waiting.get() {
            let adds = self.added.get() > self.progress.get().stored;
            if adds && self.ack == Ack::SeqKv {
                return;
            }
            tokio::select! {
                biased;
                () = sleep_until(store_at), if adds => return,
                () = self.demand.notified() => {}
            }
        }
    }

    /// Stores all adds. Refreshes the other shares as well, if clients read and the last refresh is
    /// a period old.
    async fn round(&self, cx: &Context) {
        let begun = self.reads.begun.get();
        let due = self.reads.seen.get() && self.age(begun) >= self.period;
        let refresh = (due || self.reads.waiting.get()).then(|| Refresh {
            number: begun.number + 1,
            begun_at: Some(Instant::now()),
        });
        if let Some(refresh) = refresh {
            self.reads.begun.set(refresh);
            self.reads.seen.set(false);
            self.reads.waiting.set(false);
        }
        let added = self.added.get();
        // Without adds this is still a change, of the version, after which no old state is read.
        let own = self.own.get().followed_by(self.inherited.get() + added);
        share::replace(self.own.get(), own, cx).await;
        self.own.set(own);
        self.update_progress(|progress| progress.stored = added);
        if let Some(refresh) = refresh {
            self.read_others(cx).await;
            self.update_progress(|progress| progress.refresh = refresh);
        }
    }

    async fn read_others(&self, cx: &Context) {
        let mut reads = JoinSet::new();
        for node in cx.peers() {
            let (node, cx) = (node.clone(), cx.clone());
            reads.spawn_local(async move { (share::of(&node, &cx).await, node) });
        }
        while let Some(read) = reads.join_next().await {
            let (share, node) = read.expect("reading a share does not panic");
            let mut others = self.others.borrow_mut();
            let known = others.entry(node).or_default();
            *known = (*known).max(share);
        }
    }
}

glomers::compile_once!(GCounter);

impl Node for GCounter {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, _: &Context) -> Result<Reply> {
        match request {
            Request::Add { delta } => {
                self.add(delta).await;
                Ok(Reply::AddOk {})
            }
            Request::Read => Ok(Reply::ReadOk {
                value: self.read().await,
            }),
        }
    }

    async fn background(&self, cx: &Context) {
        let own = share::take_over(cx).await;
        self.inherited.set(own.total);
        self.own.set(own);
        let mut store_at = Instant::now();
        loop {
            self.demand(store_at).await;
            store_at = Instant::now() + self.period;
            self.round(cx).await;
        }
    }
}
