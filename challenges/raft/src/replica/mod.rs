//! A replica: a server of the cluster, its disk, its state machine, and the clients of its node.
//!
//! Everything that came in together is one turn: the server's output is written to disk with a
//! single sync, then its messages are sent, then what is committed is applied and clients are
//! answered. While the disk is busy the next turn gathers, so the busier a node, the more commands
//! share a sync and a message.

mod clients;
mod replicated;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use glomers::{Context, Error, NodeId, Result};
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use self::clients::{Asked, Commands, Reads};
use self::replicated::Replicated;
use crate::disk::Disk;
use crate::message::{Packet, Snapshot};
use crate::persistent::Record;
use crate::server::{Config, Output, Raft};
use crate::session::Stamped;
use crate::wal::{Recovered, Wal};

/// A node takes so many commands at a time, and then says that it is busy.
const WAITING_MAX: usize = 10_000;

/// What the log is for: every server applies the same commands in the same order, so all have the
/// same state. It must depend on the commands only: no clock, no randomness.
pub trait StateMachine: Default + Serialize + DeserializeOwned + 'static {
    /// A change.
    type Command: Serialize + DeserializeOwned + 'static;

    /// What came of it. It is a part of snapshots, for clients that still wait for it.
    type Output: Clone + Serialize + DeserializeOwned + 'static;

    /// Makes a change.
    fn apply(&mut self, command: &Self::Command) -> Self::Output;
}

/// What the log of a state machine carries.
type LogCommand<M> = Rc<Stamped<<M as StateMachine>::Command>>;

/// A message between two replicas of a state machine.
pub type Message<M> = Packet<LogCommand<M>>;

/// How a replica treats its clients and its disk.
#[derive(Clone, Debug)]
pub struct Options {
    /// Times and sizes of the protocol.
    pub raft: Config,
    /// So long does a client's request wait for its outcome. Less than the client waits.
    pub patience: Duration,
    /// A command that a follower handed to its leader is handed over again after this time.
    pub retry_interval: Duration,
    /// The log on disk may become so long before a snapshot shortens it.
    pub log_bytes_min: u64,
}

impl Options {
    /// For clients that wait somewhat longer than this.
    pub fn patience(patience: Duration) -> Self {
        Self {
            raft: Config::default(),
            patience,
            retry_interval: Duration::from_millis(400),
            log_bytes_min: 1024 * 1024,
        }
    }
}

/// A server of the cluster and its state machine.
pub struct Replica<M: StateMachine> {
    state: RefCell<State<M>>,
    wal: Cell<Option<Wal>>,
    /// Something came in.
    wake: Notify,
    start: Instant,
    options: Options,
}

struct State<M: StateMachine> {
    raft: Raft<LogCommand<M>>,
    replicated: Replicated<M>,
    commands: Commands<M>,
    reads: Reads,
    /// Why this replica has stopped for good.
    failure: Option<String>,
}

impl<M: StateMachine> Replica<M> {
    /// A replica of this node, with what is on its disk.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or what is on it is damaged.
    pub fn new(cx: &Context, disk: impl Disk, options: Options) -> Result<Self> {
        let recovered = Wal::recover(Box::new(disk), options.log_bytes_min)?;
        let Recovered {
            wal,
            persistent,
            remark,
        } = recovered;
        if let Some(remark) = remark {
            cx.log(&remark);
        }
        let id = NodeId::from(cx.id());
        let seed = cx.rng().random();
        let raft = Raft::new(
            id.clone(),
            cx.nodes(),
            options.raft.clone(),
            seed,
            persistent,
        );
        let state = State {
            raft,
            replicated: Replicated::default(),
            commands: Commands::new(id, wal.boot()),
            reads: Reads::new(wal.boot()),
            failure: None,
        };
        Ok(Self {
            state: RefCell::new(state),
            wal: Cell::new(Some(wal)),
            wake: Notify::new(),
            start: Instant::now(),
            options,
        })
    }

    /// Has a command applied on all replicas, exactly once, and returns what came of it here.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no leader was known all the time: nothing was done, and never
    /// will be. Any other error is indefinite: the command may have been applied, or may be yet.
    pub async fn execute(&self, command: M::Command) -> Result<M::Output> {
        let deadline = Instant::now() + self.options.patience;
        let (sequence, outcome) = self.state.borrow_mut().accepting()?.commands.take(command);
        self.wake.notify_one();
        match timeout_at(deadline, outcome).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(_)) => Err(Error::crash("the outcome of the command is not known here")),
            Err(_) => Err(self.state.borrow_mut().commands.give_up(sequence)),
        }
    }

    /// Reads the state, as new as it was at the time of the call at least.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no majority confirms in time that the state is new.
    pub async fn read<T>(&self, view: impl FnOnce(&M) -> T) -> Result<T> {
        let deadline = Instant::now() + self.options.patience;
        let confirmed = self.state.borrow_mut().accepting()?.reads.take();
        self.wake.notify_one();
        match timeout_at(deadline, confirmed).await {
            Ok(Ok(())) => Ok(view(self.state.borrow().replicated.machine())),
            _ => Err(Error::temporarily_unavailable(
                "no majority confirms that the state here is not stale",
            )),
        }
    }

    /// Takes a message from another replica.
    pub fn receive(&self, from: &str, message: Message<M>) {
        self.state
            .borrow_mut()
            .raft
            .step(&NodeId::from(from), message);
        self.wake.notify_one();
    }

    /// Runs the replica for as long as the node lives; this belongs into its `background`.
    pub async fn run(&self, cx: &Context) {
        let wal = self.wal.take().expect("a replica is run once");
        if let Err(e) = self.turns(cx, wal).await {
            let text = format!("this replica has stopped, its disk failed: {e}");
            cx.log(&text);
            let mut state = self.state.borrow_mut();
            state.failure = Some(text);
            state.commands.clear();
            state.reads.clear();
        }
    }

    async fn turns(&self, cx: &Context, mut wal: Wal) -> io::Result<()> {
        loop {
            let mut output = self.state.borrow_mut().turn(self.now(), &self.options);
            // Nothing else in the output may happen before.
            wal.write(std::mem::take(&mut output.records)).await?;
            for (to, packet) in &output.messages {
                cx.send(to, &Outgoing::Raft(packet));
            }
            self.state.borrow_mut().apply(&output)?;
            if wal.is_long() {
                let records = self.state.borrow_mut().compact()?;
                wal.rewrite(records).await?;
            }
            let deadline = self.state.borrow().deadline(self.options.retry_interval);
            // Timers do not reach to the end of time.
            let deadline = deadline.min(self.now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = sleep_until(self.start + deadline) => {}
            }
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// What goes over the wire: `{"type": "raft", "term": …, "rpc": …}`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a, C> {
    Raft(&'a Packet<C>),
}

impl<M: StateMachine> State<M> {
    /// This, if it can take one more request of a client.
    fn accepting(&mut self) -> Result<&mut Self> {
        if let Some(failure) = &self.failure {
            return Err(Error::temporarily_unavailable(failure.clone()));
        }
        if self.commands.len() + self.reads.len() >= WAITING_MAX {
            return Err(Error::temporarily_unavailable("too many requests at once"));
        }
        Ok(self)
    }

    /// Lets time pass, hands what came in to the leader, and says what is to be done.
    fn turn(&mut self, now: Duration, options: &Options) -> Output<LogCommand<M>> {
        self.raft.tick(now);
        self.reads.prune();
        if let Some(leader) = self.raft.leader_id().cloned() {
            let asked = Asked {
                term: self.raft.current_term(),
                leader,
                at: now,
            };
            self.commands.ask(&mut self.raft, &asked, options);
            self.reads
                .ask(&mut self.raft, &asked, options.retry_interval);
        }
        self.raft.output()
    }

    /// When the next turn is due, if nothing comes in before.
    fn deadline(&self, retry_interval: Duration) -> Duration {
        let follows = self.raft.leader_id().is_some() && !self.raft.is_leader();
        let commands = self.commands.retry_at(retry_interval);
        let retries = [commands, self.reads.retry_at(retry_interval)];
        let retries = retries.into_iter().flatten().filter(|_| follows);
        retries.fold(self.raft.deadline(), Duration::min)
    }

    /// Brings the state up to date with the log, and answers clients.
    fn apply(&mut self, output: &Output<LogCommand<M>>) -> io::Result<()> {
        if let Some(Snapshot {
            last_included_index,
            data,
            ..
        }) = &output.snapshot
        {
            self.replicated = Replicated::restored(*last_included_index, data)?;
            self.commands.answer_from(self.replicated.sessions());
        }
        for entry in &output.committed {
            let outcome = self.replicated.apply(entry.index, entry.command.as_ref());
            if let (Some(stamped), Some(outcome)) = (&entry.command, outcome) {
                self.commands.answer(stamped, outcome);
            }
        }
        self.reads.confirm(&output.reads);
        self.reads.serve(self.replicated.applied());
        Ok(())
    }

    /// Replaces the log by a snapshot as far as it is applied. Returns all that must be on disk.
    fn compact(&mut self) -> io::Result<Vec<Record<LogCommand<M>>>> {
        let data = self.replicated.snapshot()?;
        self.raft.compact(self.replicated.applied(), data.into());
        Ok(self.raft.persistent().records())
    }
}
