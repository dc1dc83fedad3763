//! Challenge 4: a grow-only counter over seq-kv, a store that may show the past.
//!
//! Each node keeps what its own clients added under a key of its own ([`share`]), and the counter
//! is the sum of all keys. The nodes say nothing to each other, so no partition concerns them.
//! Two things make it cheap, and a third makes it right:
//!
//! - **Group commit.** One request is under way at a time, and stores all adds that wait.
//! - **Reads from memory.** The other keys are looked at once in a while, by whoever stores
//!   something anyway, and only if somebody reads.
//! - **A change before each look.** seq-kv may answer a read from long ago, but never from before
//!   the reader's own last change. So a node changes its own key, and then reads the others.
//!
//! The README has the reasoning, the figures and the guarantees.

pub mod share;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use glomers::prelude::*;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use share::Share;

/// What clients ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Add this much.
    Add {
        /// How much; the counter only grows.
        delta: u64,
    },
    /// How much is it?
    Read,
}

/// What they get.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// It is added; see [`Ack`] for how certain that is.
    AddOk {},
    /// So much.
    ReadOk {
        /// The sum.
        value: u64,
    },
}

/// When an add is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// When seq-kv holds it, so that no crash can undo it. It is stored at once.
    SeqKv,
    /// At once. It is stored within a period: a node that is killed loses what it has not stored.
    Local,
}

impl Ack {
    /// The period that keeps challenge 4 within its budget of messages; the README derives it.
    pub fn period(self) -> Duration {
        match self {
            Ack::SeqKv => Duration::from_millis(1500),
            Ack::Local => Duration::from_secs(3),
        }
    }
}

/// One life of a node that counts.
///
/// A read shows all that seq-kv held two periods before, and all that was acknowledged on this
/// node. With a period of zero it shows all that seq-kv held when it was asked for.
pub struct GCounter {
    ack: Ack,
    /// How long others' keys are good enough. After one period they are looked at again when there
    /// is something to store anyway, after two a read waits for it.
    period: Duration,
    /// All that was added here in this life, stored or not.
    added: Cell<u64>,
    /// The total that earlier lives of this node left behind.
    inherited: Cell<u64>,
    /// This node's key, as seq-kv holds it.
    own: Cell<Share>,
    /// The other nodes' keys, as they were seen last.
    others: RefCell<BTreeMap<NodeId, Share>>,
    reads: Reads,
    /// Tells the background that somebody waits.
    demand: Notify,
    progress: Cell<Progress>,
    /// Tells of progress, to whoever waits for it: in the order in which they came, so that a run is
    /// the same again from the same seed. (A `watch` wakes in random order.)
    moved: Notify,
}

/// Who reads, and what is done about it.
#[derive(Default)]
struct Reads {
    /// Whether somebody has read since the last look at the others was begun.
    seen: Cell<bool>,
    /// Whether somebody waits for a look that is not yet begun.
    waiting: Cell<bool>,
    /// The look that was begun last.
    begun: Cell<Look>,
}

/// A look at the others' keys: it shows all that seq-kv held when it was begun.
#[derive(Clone, Copy, Default)]
struct Look {
    number: u64,
    begun_at: Option<Instant>,
}

/// How far the background has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// So much of `added` is stored.
    stored: u64,
    /// The look that was finished last.
    look: Look,
}

impl GCounter {
    /// A node that does not know yet what it has stored in earlier lives.
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
            moved: Notify::new(),
        }
    }

    async fn add(&self, delta: u64) {
        if delta == 0 {
            return; // Nothing to store.
        }
        let added = self.added.get() + delta;
        self.added.set(added);
        self.demand.notify_one();
        if self.ack == Ack::SeqKv {
            self.wait_for(|progress| progress.stored >= added).await;
        }
    }

    async fn read(&self) -> u64 {
        self.reads.seen.set(true);
        let last = self.progress.get().look;
        if self.age(last) >= 2 * self.period {
            let begun = self.reads.begun.get();
            let next = if self.age(begun) < 2 * self.period {
                begun.number // It is under way.
            } else {
                self.reads.waiting.set(true);
                self.demand.notify_one();
                begun.number + 1
            };
            self.wait_for(|progress| progress.look.number >= next).await;
        }
        self.sum()
    }

    /// How old is what a look has shown?
    fn age(&self, look: Look) -> Duration {
        look.begun_at.map_or(Duration::MAX, |at| at.elapsed())
    }

    fn sum(&self) -> u64 {
        let own = match self.ack {
            // What is not stored yet may be lost, so nobody shall have seen it.
            Ack::SeqKv => self.own.get().total,
            Ack::Local => self.inherited.get() + self.added.get(),
        };
        let others = self.others.borrow();
        own + others.values().map(|share| share.total).sum::<u64>()
    }

    async fn wait_for(&self, reached: impl Fn(Progress) -> bool) {
        loop {
            let moved = self.moved.notified();
            if reached(self.progress.get()) {
                return;
            }
            moved.await;
        }
    }

    fn progress(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.get();
        change(&mut progress);
        self.progress.set(progress);
        self.moved.notify_waiters();
    }

    /// Waits until there is something to do. With local acknowledgement adds can wait, until
    /// `store_at`.
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

    /// Stores what was added. Looks at the others, too, if somebody reads and the last look is a
    /// period old.
    async fn round(&self, cx: &Context) {
        let begun = self.reads.begun.get();
        let due = self.reads.seen.get() && self.age(begun) >= self.period;
        let look = (due || self.reads.waiting.get()).then(|| Look {
            number: begun.number + 1,
            begun_at: Some(Instant::now()),
        });
        if let Some(look) = look {
            self.reads.begun.set(look);
            self.reads.seen.set(false);
            self.reads.waiting.set(false);
        }
        let added = self.added.get();
        // If nothing was added this is still a change, and brings the node up to date.
        let own = self.own.get().followed_by(self.inherited.get() + added);
        share::replace(self.own.get(), own, cx).await;
        self.own.set(own);
        self.progress(|progress| progress.stored = added);
        if let Some(look) = look {
            self.look_at_others(cx).await;
            self.progress(|progress| progress.look = look);
        }
    }

    async fn look_at_others(&self, cx: &Context) {
        let mut looks = JoinSet::new();
        for node in cx.peers() {
            let (node, cx) = (node.clone(), cx.clone());
            looks.spawn_local(async move { (share::of(&node, &cx).await, node) });
        }
        while let Some(look) = looks.join_next().await {
            let (share, node) = look.expect("a key can be read");
            let mut others = self.others.borrow_mut();
            let known = others.entry(node).or_default();
            *known = (*known).max(share);
        }
    }
}

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
