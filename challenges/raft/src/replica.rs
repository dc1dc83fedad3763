//! A replica: a server of the cluster, its disk, its state machine, and the clients of its node.
//!
//! Everything that came in together is one turn: the server's output is written to disk with a
//! single sync, then its messages are sent, then what is committed is applied and clients are
//! answered. While the disk is busy the next turn gathers, so the busier a node, the more commands
//! share a sync and a message.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use glomers::{Context, Error, NodeId, Result};
use rand::RngExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::disk::Disk;
use crate::message::{Command, Entry, Index, Packet, ReadId, Term};
use crate::persistent::Record;
use crate::server::{Config, Output, Raft};
use crate::session::{Sessions, Stamped};
use crate::wal::{Recovered, Wal};

/// A node takes so many commands at a time, and then says that it is busy.
const WAITING_MAX: usize = 10_000;

/// Reads are named by the boot (upper half) and a count, so that a late answer to an earlier life
/// answers nothing.
const READS_PER_BOOT: u64 = 1 << 32;

/// What the log is for: every server applies the same commands in the same order, so all have the
/// same state. It must depend on the commands only: no clock, no randomness.
pub trait StateMachine: Default + Serialize + DeserializeOwned + 'static {
    /// A change.
    type Command: Serialize + DeserializeOwned + 'static;

    /// What came of it.
    type Output: 'static;

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
    id: NodeId,
    boot: u64,
    raft: Raft<LogCommand<M>>,
    replicated: Replicated<M>,
    applied: Index,
    /// Commands of this node's clients, by sequence number.
    commands: BTreeMap<u64, WaitingCommand<M>>,
    last_sequence: u64,
    /// Reads for which no leader has been asked yet.
    new_reads: Vec<oneshot::Sender<()>>,
    reads: BTreeMap<ReadId, WaitingReads>,
    last_read: ReadId,
    /// Why this replica has stopped for good.
    failure: Option<String>,
}

/// What snapshots are made of.
#[derive(Default, Serialize, Deserialize)]
#[serde(bound = "")]
struct Replicated<M: StateMachine> {
    sessions: Sessions,
    machine: M,
}

struct WaitingCommand<M: StateMachine> {
    stamped: Rc<Stamped<M::Command>>,
    asked: Option<Asked>,
    client: oneshot::Sender<M::Output>,
}

/// Reads that came together, and are confirmed together.
struct WaitingReads {
    asked: Option<Asked>,
    /// They may be served once this is applied.
    index: Option<Index>,
    clients: Vec<oneshot::Sender<()>>,
}

/// Which leader was asked, and when.
#[derive(Clone, PartialEq)]
struct Asked {
    term: Term,
    leader: NodeId,
    at: Duration,
}

impl Asked {
    /// Whether it is time to ask, or to ask again.
    fn is_due(asked: Option<&Self>, now: &Self, retry_interval: Duration) -> bool {
        asked.is_none_or(|asked| {
            asked.term != now.term
                || asked.leader != now.leader
                || asked.at + retry_interval <= now.at
        })
    }
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
            id,
            boot: wal.boot(),
            raft,
            replicated: Replicated::default(),
            applied: 0,
            commands: BTreeMap::new(),
            last_sequence: 0,
            new_reads: Vec::new(),
            reads: BTreeMap::new(),
            last_read: wal.boot() * READS_PER_BOOT,
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
        let (sequence, outcome) = self.state.borrow_mut().take_command(command)?;
        self.wake.notify_one();
        match timeout_at(deadline, outcome).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(_)) => Err(Error::crash("the outcome of the command is not known here")),
            Err(_) => Err(self.state.borrow_mut().give_up(sequence)),
        }
    }

    /// Reads the state, as new as it was at the time of the call at least.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no majority confirms in time that the state is new.
    pub async fn read<T>(&self, view: impl FnOnce(&M) -> T) -> Result<T> {
        let deadline = Instant::now() + self.options.patience;
        let confirmed = self.state.borrow_mut().take_read()?;
        self.wake.notify_one();
        match timeout_at(deadline, confirmed).await {
            Ok(Ok(())) => Ok(view(&self.state.borrow().replicated.machine)),
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
            state.new_reads.clear();
            state.reads.clear();
        }
    }

    async fn turns(&self, cx: &Context, mut wal: Wal) -> io::Result<()> {
        loop {
            let output = self.state.borrow_mut().turn(self.now(), &self.options);
            let Output {
                records,
                messages,
                snapshot,
                committed,
                reads,
            } = output;
            wal.write(records).await?;
            for (to, packet) in &messages {
                cx.send(to, &Outgoing::Raft(packet));
            }
            let snapshot = snapshot.map(|snapshot| (snapshot.last_included_index, snapshot.data));
            self.state
                .borrow_mut()
                .apply(snapshot, &committed, &reads)?;
            if wal.is_long() {
                let records = self.state.borrow_mut().compact()?;
                wal.rewrite(records).await?;
            }
            let deadline = self
                .state
                .borrow()
                .deadline(self.options.retry_interval)
                .min(self.now() + Duration::from_secs(3600));
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
    fn take_command(&mut self, command: M::Command) -> Result<(u64, oneshot::Receiver<M::Output>)> {
        self.check()?;
        let sequence = self.last_sequence + 1;
        self.last_sequence = sequence;
        let oldest = self.commands.keys().next().map_or(sequence, |first| *first);
        let stamped = Stamped::new(&self.id, self.boot, sequence, oldest, command);
        let (client, outcome) = oneshot::channel();
        let waiting = WaitingCommand {
            stamped: Rc::new(stamped),
            asked: None,
            client,
        };
        self.commands.insert(sequence, waiting);
        Ok((sequence, outcome))
    }

    /// Does not wait any more for a command, which certainly was not applied if nobody was asked.
    fn give_up(&mut self, sequence: u64) -> Error {
        match self.commands.remove(&sequence) {
            Some(WaitingCommand { asked: None, .. }) => {
                Error::temporarily_unavailable("no leader is known; nothing was done")
            }
            _ => Error::timeout("the command is not known to be committed yet"),
        }
    }

    fn take_read(&mut self) -> Result<oneshot::Receiver<()>> {
        self.check()?;
        let (client, confirmed) = oneshot::channel();
        self.new_reads.push(client);
        Ok(confirmed)
    }

    fn check(&self) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(Error::temporarily_unavailable(failure.clone()));
        }
        if self.commands.len() + self.new_reads.len() >= WAITING_MAX {
            return Err(Error::temporarily_unavailable("too many requests at once"));
        }
        Ok(())
    }

    fn turn(&mut self, now: Duration, options: &Options) -> Output<LogCommand<M>> {
        self.raft.tick(now);
        self.new_reads.retain(|client| !client.is_closed());
        if let Some(leader) = self.raft.leader_id().cloned() {
            let asked = Asked {
                term: self.raft.current_term(),
                leader,
                at: now,
            };
            self.ask_for_commands(&asked, options);
            self.ask_for_reads(&asked, options);
        }
        self.raft.output()
    }

    /// Hands new commands to the leader, and old ones too if the leader is new or silent.
    fn ask_for_commands(&mut self, asked: &Asked, options: &Options) {
        // What is in the leader's own log needs no second attempt in the same term.
        let lead = self.raft.is_leader();
        let retry_interval = if lead {
            Duration::MAX / 2
        } else {
            options.retry_interval
        };
        let mut forwards = Vec::new();
        let mut bytes = 0;
        for waiting in self.commands.values_mut() {
            if !Asked::is_due(waiting.asked.as_ref(), asked, retry_interval) {
                continue;
            }
            waiting.asked = Some(asked.clone());
            let stamped = Rc::clone(&waiting.stamped);
            if lead {
                // Asked a moment ago whether it leads: it does.
                let _ = self.raft.propose(stamped);
                continue;
            }
            bytes += stamped.size_bytes();
            if bytes > options.raft.message_bytes_max && !forwards.is_empty() {
                self.raft.forward(std::mem::take(&mut forwards));
                bytes = stamped.size_bytes();
            }
            forwards.push(stamped);
        }
        if !forwards.is_empty() {
            self.raft.forward(forwards);
        }
    }

    fn ask_for_reads(&mut self, asked: &Asked, options: &Options) {
        let clients = std::mem::take(&mut self.new_reads);
        if !clients.is_empty() {
            self.last_read += 1;
            let waiting = WaitingReads {
                asked: None,
                index: None,
                clients,
            };
            self.reads.insert(self.last_read, waiting);
        }
        self.reads.retain(|_, reads| {
            reads.clients.retain(|client| !client.is_closed());
            !reads.clients.is_empty()
        });
        for (id, reads) in &mut self.reads {
            let due = Asked::is_due(reads.asked.as_ref(), asked, options.retry_interval);
            if reads.index.is_none() && due && self.raft.read(*id).is_ok() {
                reads.asked = Some(asked.clone());
            }
        }
    }

    /// When the next turn is due, if nothing comes in before.
    fn deadline(&self, retry_interval: Duration) -> Duration {
        let follows = self.raft.leader_id().is_some() && !self.raft.is_leader();
        let again = |asked: &Option<Asked>| match asked {
            Some(asked) if follows => Some(asked.at + retry_interval),
            _ => None,
        };
        let commands = self.commands.values().filter_map(|it| again(&it.asked));
        let reads = self.reads.values().filter(|it| it.index.is_none());
        let reads = reads.filter_map(|it| again(&it.asked));
        commands
            .chain(reads)
            .chain([self.raft.deadline()])
            .min()
            .unwrap_or(Duration::MAX)
    }

    fn apply(
        &mut self,
        snapshot: Option<(Index, Rc<str>)>,
        committed: &[Entry<LogCommand<M>>],
        confirmed: &[(ReadId, Index)],
    ) -> io::Result<()> {
        if let Some((index, data)) = snapshot {
            self.restore(index, &data)?;
        }
        for entry in committed {
            self.applied = entry.index;
            if let Some(stamped) = &entry.command {
                self.apply_command(stamped);
            }
        }
        for (id, index) in confirmed {
            if let Some(reads) = self.reads.get_mut(id) {
                reads.index = Some(*index);
            }
        }
        let applied = self.applied;
        self.reads.retain(|_, reads| {
            let ready = reads.index.is_some_and(|index| index <= applied);
            if ready {
                for client in reads.clients.drain(..) {
                    // A client that has given up does not mind.
                    let _ = client.send(());
                }
            }
            !ready
        });
        Ok(())
    }

    fn apply_command(&mut self, stamped: &Stamped<M::Command>) {
        if !self.replicated.sessions.admit(stamped) {
            return;
        }
        let output = self.replicated.machine.apply(&stamped.command);
        let ours = *stamped.node == *self.id && stamped.boot == self.boot;
        if let Some(waiting) = ours
            .then(|| self.commands.remove(&stamped.sequence))
            .flatten()
        {
            // A client that has given up does not mind.
            let _ = waiting.client.send(output);
        }
    }

    /// Takes over a snapshot. What came of commands that it includes is not known here.
    fn restore(&mut self, index: Index, data: &str) -> io::Result<()> {
        self.replicated = serde_json::from_str(data)?;
        self.applied = index;
        let sessions = &self.replicated.sessions;
        self.commands
            .retain(|sequence, _| !sessions.is_settled(&self.id, self.boot, *sequence));
        Ok(())
    }

    /// Replaces the log by a snapshot as far as it is applied. Returns all that must be on disk.
    fn compact(&mut self) -> io::Result<Vec<Record<LogCommand<M>>>> {
        let data = serde_json::to_string(&self.replicated)?;
        self.raft.compact(self.applied, data.into());
        Ok(self.raft.persistent().records())
    }
}
