//! A leader for a bounded time, elected by a majority.
//!
//! A leader claims to lead only while its lease lasts, by its own monotonic clock, and a majority of
//! voters elects no other node before that time. The one assumption is that monotonic clocks run at
//! rates that differ by at most 1 % ([`CLOCK_RATE_ERROR`]); wall clocks
//! are not used.
//!
//! [`Elector`] is the algorithm; [`Lease`] drives it on the node runtime, with raft's write-ahead
//! log for the term and the vote.

mod elector;
pub mod message;
mod timing;

use std::cell::{Cell, RefCell};
use std::io;

use glomers::prelude::*;
use raft::{Command, Disk, Record, Recovered, Wal};
use tokio::sync::Notify;

pub use elector::{Elector, Output};
pub use timing::{CLOCK_RATE_ERROR, Timing};

use crate::{Clock, Term};
use message::Packet;

/// The length of the log above which it is rewritten, which is about a thousand elections.
const MAX_LOG_BYTES: u64 = 64 * 1024;

/// A node that votes for leaders with leases.
pub struct Lease {
    id: NodeId,
    elector: RefCell<Elector>,
    wal: Cell<Option<Wal>>,
    /// The term on disk. A crash may lose a later one, so no reply contains it.
    durable_term: Cell<Term>,
    failed: Cell<bool>,
    changed: Notify,
    clock: Clock,
}

/// The commands of raft's log: none, since only terms and votes are logged.
#[derive(Clone, Serialize, Deserialize)]
enum NoCommand {}

impl Command for NoCommand {
    fn size_bytes(&self) -> usize {
        match *self {}
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing {
    Lease(Packet),
}

impl Lease {
    /// Creates a node with the term and the vote that are on its disk.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or its contents are damaged.
    pub fn new(cx: &Context, disk: impl Disk, timing: Timing, clock: Clock) -> Result<Self> {
        let Recovered {
            wal,
            persistent,
            remark,
        } = Wal::recover::<NoCommand>(Box::new(disk), MAX_LOG_BYTES)?;
        if let Some(remark) = remark {
            cx.log(&remark);
        }
        let id = NodeId::from(cx.id());
        let term = persistent.current_term;
        let vote = (term, persistent.voted_for.map(NodeId::from));
        let seed = cx.rng().random();
        let elector = Elector::new(id.clone(), cx.nodes(), timing, seed, vote, clock.now());
        Ok(Self {
            id,
            elector: RefCell::new(elector),
            wal: Cell::new(Some(wal)),
            durable_term: Cell::new(term),
            failed: Cell::new(false),
            changed: Notify::new(),
            clock,
        })
    }

    /// Returns the leader and its term at this moment. The caller must send a reply with it without
    /// waiting.
    pub(crate) fn leader(&self) -> Option<(NodeId, Term)> {
        let known = self.elector.borrow().leader(self.clock.now());
        known.filter(|(_, term)| *term <= self.durable_term.get() && !self.failed.get())
    }

    /// Handles a message from another node.
    pub(crate) fn receive(&self, cx: &Context, packet: Packet) {
        let (now, from) = (self.clock.now(), NodeId::from(cx.sender()));
        self.elector.borrow_mut().step(now, &from, packet);
        self.changed.notify_one();
    }

    /// Runs the node; call it from the node's `background`.
    pub(crate) async fn run(&self, cx: &Context) {
        let wal = self.wal.take().expect("a node is run once");
        if let Err(e) = self.turns(cx, wal).await {
            // The content of the disk is now unknown, so the node no longer votes or leads.
            self.failed.set(true);
            cx.log(&format!("{} has stopped, its disk failed: {e}", self.id));
        }
    }

    async fn turns(&self, cx: &Context, mut wal: Wal) -> io::Result<()> {
        loop {
            let output = {
                let mut elector = self.elector.borrow_mut();
                elector.tick(self.clock.now());
                elector.output()
            };
            if let Some((term, voted_for)) = output.vote {
                let record = Record::Term::<NoCommand> {
                    current_term: term,
                    voted_for: voted_for.map(|node| node.to_string()),
                };
                if wal.is_long() {
                    wal.rewrite(vec![record]).await?;
                } else {
                    wal.write(vec![record]).await?;
                }
                self.durable_term.set(term);
            }
            for (to, packet) in output.messages {
                cx.send(&to, &Outgoing::Lease(packet));
            }
            let deadline = self.elector.borrow().deadline();
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = self.clock.sleep_until(deadline) => {}
            }
        }
    }
}
