//! A replica: a Raft server with its disk, its state machine, and the clients of its node.
//!
//! Everything that arrives together is one turn: the server's output is written to disk with a
//! single sync, then its messages are sent, then committed entries are applied and clients answered.
//! Input that arrives during a sync waits for the next turn, so the busier a node is, the more
//! commands share a sync and a message. Only heartbeats do not wait.

mod clients;
mod replicated;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use glomers::{Context, Error, NodeId, Result};
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout_at};

use self::clients::{Asked, Commands, Reads};
use self::replicated::Replicated;
use crate::disk::Disk;
use crate::message::{Packet, Snapshot};
use crate::persistent::Record;
use crate::server::{Config, Output, Raft};
use crate::session::Stamped;
use crate::wal::{Recovered, Wal};

/// Maximum number of commands that wait for their outcome, and of reads that wait for the next
/// turn. Further requests fail as temporarily unavailable.
const MAX_WAITING: usize = 10_000;

/// Longest sleep between two turns; tokio's timers do not reach arbitrarily far.
const MAX_SLEEP: Duration = Duration::from_secs(3600);

/// A replicated state machine: every server applies the same commands in the same order, so all
/// have the same state. It must depend only on the commands, not on clocks or random numbers.
pub trait StateMachine: Default + Serialize + DeserializeOwned + 'static {
    /// A change to the state.
    type Command: Serialize + DeserializeOwned + 'static;

    /// The outcome of a command. It is a part of snapshots, for clients that still wait for it.
    type Output: Clone + Serialize + DeserializeOwned + 'static;

    /// Applies a command.
    fn apply(&mut self, command: &Self::Command) -> Self::Output;
}

/// A command in the log of a state machine.
pub type LogCommand<M> = Rc<Stamped<<M as StateMachine>::Command>>;

/// A message between two replicas of a state machine.
pub type Message<M> = Packet<LogCommand<M>>;

/// The settings of a replica.
#[derive(Clone, Debug)]
pub struct Options {
    /// Timeouts and sizes of the protocol.
    pub raft: Config,
    /// Time after which a client's request fails. Should be less than the client's own timeout.
    pub request_timeout: Duration,
    /// Time after which a follower forwards a command or read to the leader again.
    pub retry_interval: Duration,
    /// Size of the log on disk below which no snapshot is taken, in bytes.
    pub log_bytes_min: u64,
}

impl Options {
    /// Returns the default settings with a request timeout.
    pub fn with_request_timeout(request_timeout: Duration) -> Self {
        Self {
            raft: Config::default(),
            request_timeout,
            retry_interval: Duration::from_millis(400),
            log_bytes_min: 1024 * 1024,
        }
    }
}

/// A Raft server and its state machine.
pub struct Replica<M: StateMachine> {
    state: RefCell<State<M>>,
    wal: Cell<Option<Wal>>,
    /// Notified when a request or a message has arrived.
    arrived: Notify,
    start: Instant,
    options: Options,
}

struct State<M: StateMachine> {
    raft: Raft<LogCommand<M>>,
    replicated: Replicated<M>,
    commands: Commands<M>,
    reads: Reads,
    /// Description of the disk failure that stopped this replica.
    failure: Option<String>,
}

impl<M: StateMachine> Replica<M> {
    /// Creates the replica of this node from the contents of its disk.
    ///
    /// # Errors
    ///
    /// The disk cannot be read or its contents are damaged.
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
            arrived: Notify::new(),
            start: Instant::now(),
            options,
        })
    }

    /// Applies a command on all replicas, exactly once, and returns its output.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no leader was known until the request timeout: the command was
    /// not applied and never will be. Any other error is indefinite: the command may have been
    /// applied, or may be applied later.
    pub async fn execute(&self, command: M::Command) -> Result<M::Output> {
        let deadline = Instant::now() + self.options.request_timeout;
        let (sequence, outcome) = self.state.borrow_mut().accepting()?.commands.take(command);
        self.arrived.notify_one();
        match timeout_at(deadline, outcome).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(_)) => Err(Error::crash("the outcome of the command is not known here")),
            Err(_) => Err(self.state.borrow_mut().commands.give_up(sequence)),
        }
    }

    /// Reads a state that contains every command that was completed before this call.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no majority confirms the state until the request timeout.
    pub async fn read<T>(&self, view: impl FnOnce(&M) -> T) -> Result<T> {
        let deadline = Instant::now() + self.options.request_timeout;
        let confirmed = self.state.borrow_mut().accepting()?.reads.take();
        self.arrived.notify_one();
        match timeout_at(deadline, confirmed).await {
            Ok(Ok(())) => Ok(view(self.state.borrow().replicated.machine())),
            _ => Err(Error::temporarily_unavailable(
                "no majority confirms that the state here is current",
            )),
        }
    }

    /// Handles a message from another replica.
    pub fn receive(&self, from: &str, message: Message<M>) {
        let mut state = self.state.borrow_mut();
        if state.failure.is_none() {
            state.raft.step(self.now(), &NodeId::from(from), message);
            self.arrived.notify_one();
        }
    }

    /// Runs the replica; a node calls this in its `background`. If the disk fails, the contents of
    /// the disk are unknown and the replica must not take part any longer, so it ends the node.
    pub async fn run(&self, cx: &Context) {
        let wal = self.wal.take().expect("a replica is run once");
        if let Err(e) = self.turns(cx, wal).await {
            let text = format!("the disk failed: {e}");
            let mut state = self.state.borrow_mut();
            state.failure = Some(text.clone());
            state.commands.clear();
            state.reads.clear();
            cx.fail(Error::crash(text));
        }
    }

    async fn turns(&self, cx: &Context, mut wal: Wal) -> io::Result<()> {
        loop {
            if self.state.borrow().raft.deadline() <= self.now() {
                // The node may have been suspended. Messages that have arrived meanwhile are handled
                // before the deadline is acted on.
                yield_now().await;
            }
            let mut output = self.state.borrow_mut().turn(self.now(), &self.options);
            let records = std::mem::take(&mut output.records);
            self.during_write(cx, wal.write(records)).await?;
            send(cx, &output.messages);
            self.state.borrow_mut().apply(&output)?;
            if wal.is_long() {
                let records = self.state.borrow_mut().compact()?;
                self.during_write(cx, wal.rewrite(records)).await?;
            }
            let deadline = self.state.borrow().deadline(self.options.retry_interval);
            tokio::select! {
                biased;
                () = self.arrived.notified() => {}
                () = self.sleep_until(deadline) => {}
            }
        }
    }

    /// Waits for a write and meanwhile sends heartbeats and their answers, so that a slow disk does
    /// not depose a leader.
    async fn during_write(
        &self,
        cx: &Context,
        write: impl Future<Output = io::Result<()>>,
    ) -> io::Result<()> {
        let mut write = pin!(write);
        let mut has_input = false;
        let outcome = loop {
            let due = self.state.borrow().raft.prompt_deadline();
            tokio::select! {
                biased;
                outcome = &mut write => break outcome,
                () = self.arrived.notified() => has_input = true,
                () = self.sleep_until(due.unwrap_or(MAX_SLEEP)) => {}
            }
            let messages = self.state.borrow_mut().raft.prompt_messages(self.now());
            send(cx, &messages);
        };
        if has_input {
            // The notification was for the next turn, too.
            self.arrived.notify_one();
        }
        outcome
    }

    /// Sleeps until a time on the replica's clock, but not longer than [`MAX_SLEEP`].
    async fn sleep_until(&self, time: Duration) {
        let time = time.min(self.now() + MAX_SLEEP);
        sleep_until(self.start + time).await;
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

fn send<C: Serialize>(cx: &Context, messages: &[(NodeId, Packet<C>)]) {
    for (to, packet) in messages {
        cx.send(to, &Outgoing::Raft(packet));
    }
}

/// A message on the wire: `{"type": "raft", "term": …, "rpc": …}`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a, C> {
    Raft(&'a Packet<C>),
}

impl<M: StateMachine> State<M> {
    /// Returns this state if it can accept another request of a client.
    fn accepting(&mut self) -> Result<&mut Self> {
        if let Some(failure) = &self.failure {
            return Err(Error::temporarily_unavailable(failure.clone()));
        }
        if self.commands.len() + self.reads.len() >= MAX_WAITING {
            return Err(Error::temporarily_unavailable("too many requests at once"));
        }
        Ok(self)
    }

    /// Advances the server's clock, hands requests of clients to the leader, and takes the output.
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

    /// Returns the time at which the next turn is due if nothing arrives before.
    fn deadline(&self, retry_interval: Duration) -> Duration {
        let follows = self.raft.leader_id().is_some() && !self.raft.is_leader();
        let commands = self.commands.retry_at(retry_interval);
        let retries = [commands, self.reads.retry_at(retry_interval)];
        let retries = retries.into_iter().flatten().filter(|_| follows);
        retries.fold(self.raft.deadline(), Duration::min)
    }

    /// Applies what the log has committed, and answers clients.
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

    /// Replaces applied entries by a snapshot. Returns the records that replace the log on disk.
    fn compact(&mut self) -> io::Result<Vec<Record<LogCommand<M>>>> {
        let data = self.replicated.snapshot()?;
        Ok(self.raft.compact(self.replicated.applied(), data.into()))
    }
}
