//! The algorithm, without disk, network or clock: Figure 2 of the paper as a state machine.
//!
//! Inputs are [`step`](Raft::step) (a message), [`tick`](Raft::tick) (time),
//! [`propose`](Raft::propose), [`forward`](Raft::forward) and [`read`](Raft::read) (clients). What
//! the server wants done comes out of [`output`](Raft::output). A driver must keep one contract:
//! **the records of an output are on disk before anything else in it takes effect, and before the
//! next output is taken.** An entry that left a server in a message is then durable there, and a
//! vote that was sent is remembered.
//!
//! This file holds the state and the driver's interface. The rules are in one file per idea:
//!
//! | file | idea |
//! |---|---|
//! | `step` | what a message does, by its term and type (§5.1) |
//! | `election` | who leads: pre-vote, votes, resignation (§5.2, §5.4.1) |
//! | `progress` | what a leader knows about each follower |
//! | `replication` | how entries reach followers and become committed (§5.3, §5.4.2) |
//! | `heartbeat` | what may be sent while the disk is busy |
//! | `snapshot` | what replaces old entries (§7) |
//! | `reads` | reads without log entries (§8) |
//! | `membership` | which servers vote, and how that changes (dissertation, chapter 4) |
//! | `quiet` | when a group with nothing to do may stop its timers |

mod election;
mod heartbeat;
mod membership;
mod progress;
mod quiet;
mod reads;
mod replication;
mod snapshot;
mod step;

use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use glomers::NodeId;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use self::election::Candidate;
use self::heartbeat::Stable;
pub use self::membership::ChangeRefused;
use self::progress::Leader;
use self::snapshot::IncomingSnapshot;
use crate::log::Log;
use crate::message::{Command, Entry, Index, Packet, ReadId, Rpc, Snapshot, Term, Voters};
use crate::persistent::{Persistent, Record};

/// Timeouts and sizes of the protocol.
#[derive(Clone, Debug)]
pub struct Config {
    /// Range from which each server draws its election timeout. A follower that hears nothing from
    /// a leader for that time asks for an election. Should be several times the time that a message
    /// takes, or leaders change without need.
    pub election_timeout: Range<Duration>,
    /// Period of a leader's heartbeats when it has nothing else to send, and the time after which it
    /// repeats an unanswered message. Must be well below the election timeout.
    pub heartbeat_interval: Duration,
    /// Maximum size of the commands in one message, in bytes. A single longer command is still sent.
    pub message_bytes_max: usize,
    /// Maximum number of entries that a leader sends beyond those that a follower has acknowledged.
    pub pipeline_max: u64,
    /// Maximum duration of a write to disk during which a server still sends heartbeats and answers
    /// them. A leader whose disk takes longer is replaced.
    pub slow_write_limit: Duration,
    /// True if the data of snapshots names files of this server, so that other servers cannot read it.
    /// The driver then provides the data to send: [`Raft::snapshot_to_provide`].
    pub local_snapshots: bool,
}

impl Default for Config {
    /// Returns values for networks whose messages take up to about 100 milliseconds.
    fn default() -> Self {
        Self {
            election_timeout: Duration::from_millis(400)..Duration::from_millis(800),
            heartbeat_interval: Duration::from_millis(100),
            message_bytes_max: 64 * 1024,
            pipeline_max: 4096,
            slow_write_limit: Duration::from_secs(3),
            local_snapshots: false,
        }
    }
}

/// What a server wants done. The records must be durable before anything else takes effect.
#[derive(Debug)]
pub struct Output<C> {
    /// Changes that must be on disk before anything else here takes effect.
    pub records: Vec<Record<C>>,
    /// Messages to other servers.
    pub messages: Vec<(NodeId, Packet<C>)>,
    /// Snapshot that replaces the state of the state machine, if entries have to be skipped.
    pub snapshot: Option<Snapshot>,
    /// Entries that the state machine applies next, in order.
    pub committed: Vec<Entry<C>>,
    /// Reads that may be served once everything up to the index is applied.
    pub reads: Vec<(ReadId, Index)>,
}

impl<C> Default for Output<C> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            messages: Vec::new(),
            snapshot: None,
            committed: Vec::new(),
            reads: Vec::new(),
        }
    }
}

/// The error of a server that is not the leader, with the leader if it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotLeader(pub Option<NodeId>);

/// A Raft server. The fields have the names of Figure 2.
pub struct Raft<C> {
    id: NodeId,
    /// The configuration of a log without one.
    first_voters: Voters,
    /// The configuration in force: the last one in the log.
    voters: Voters,
    /// Index of its entry; 0 for the first configuration.
    configuration_index: Index,
    /// The other voters.
    peers: Vec<NodeId>,
    config: Config,
    rng: ChaCha8Rng,
    /// Time since the server started.
    now: Duration,

    /// Persistent state on all servers; every change is also a record for the disk.
    persistent: Persistent<C>,

    /// Index of the highest log entry known to be committed.
    commit_index: Index,
    /// Index of the highest log entry handed to the state machine.
    last_applied: Index,
    role: Role,
    /// The leader of the current term, once a message from it has arrived.
    leader_id: Option<NodeId>,
    /// Index up to which the log is known to be identical to that of the current term's leader.
    matched: Index,
    /// Time of the last message from the leader.
    leader_heard_at: Option<Duration>,
    election_deadline: Duration,
    /// A snapshot of which some chunks have arrived.
    incoming: Option<IncomingSnapshot>,
    /// Data that the driver has provided to be sent, and the index of the snapshot.
    provided: Option<(Index, Rc<str>)>,

    output: Output<C>,
    /// Messages that may be sent while the last output is being written.
    prompt: Vec<(NodeId, Packet<C>)>,
    /// Sender and round of the last AppendEntries request whose answer waits for the next output.
    delayed: Option<(NodeId, u64)>,
    /// Time of the last call of [`output`](Self::output).
    output_at: Duration,
    /// State that was durable before the last output was taken.
    stable: Stable,
    /// State that is durable once the last output is written.
    being_written: Stable,
}

enum Role {
    Follower,
    Candidate(Candidate),
    Leader(Leader),
}

impl<C: Command> Raft<C> {
    /// Creates a server from the state found on its disk. `first_voters` is the configuration in which
    /// the cluster began, in the same order on every server, also on one that joins later; `seed`
    /// differs from server to server.
    pub fn new(
        id: NodeId,
        first_voters: &[NodeId],
        config: Config,
        seed: u64,
        persistent: Persistent<C>,
    ) -> Self {
        let is_new = persistent.current_term == 0;
        let last_included_index = persistent.log.last_included_index();
        let mut raft = Self {
            first_voters: first_voters.into(),
            voters: first_voters.into(),
            configuration_index: 0,
            peers: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Duration::ZERO,
            commit_index: last_included_index,
            last_applied: last_included_index,
            role: Role::Follower,
            leader_id: None,
            matched: 0,
            leader_heard_at: None,
            election_deadline: Duration::ZERO,
            incoming: None,
            provided: None,
            output: Output::default(),
            prompt: Vec::new(),
            delayed: None,
            output_at: Duration::ZERO,
            stable: Stable::default(),
            being_written: Stable::default(),
            id,
            config,
            persistent,
        };
        raft.adopt_configuration();
        raft.output.snapshot = raft.persistent.snapshot.clone();
        raft.reset_election_deadline();
        if is_new && first_voters.first() == Some(&raft.id) {
            // In a new cluster the first server does not compete with a leader, so it need not wait
            // for the full timeout.
            raft.election_deadline = raft.config.election_timeout.start / 2;
        }
        raft
    }

    /// Advances the clock to `now`, the time since the server started, and acts on deadlines that
    /// have passed. Messages that have already arrived must be [stepped](Self::step) before.
    pub fn tick(&mut self, now: Duration) {
        self.advance_clock(now);
        self.drop_unused_data();
        match &self.role {
            Role::Leader(_) => self.check_quorum(),
            Role::Follower | Role::Candidate(_) if self.now >= self.election_deadline => {
                self.ask_for_election();
            }
            Role::Follower | Role::Candidate(_) => {}
        }
    }

    /// Returns the time at which [`tick`](Self::tick) is due next if no other input arrives.
    pub fn deadline(&self) -> Duration {
        match &self.role {
            Role::Leader(leader) => leader.deadline(&self.config),
            Role::Follower | Role::Candidate(_) => self.election_deadline,
        }
    }

    /// Returns everything that the server wants done since the last output.
    pub fn output(&mut self) -> Output<C> {
        self.begin_write();
        self.replicate();
        self.resign_if_removed();
        let committed = (self.last_applied + 1..=self.commit_index).map(|index| {
            let entry = self.persistent.log.get(index);
            entry.expect("committed entries are in the log").clone()
        });
        self.output.committed = committed.collect();
        self.last_applied = self.commit_index;
        let mut output = std::mem::take(&mut self.output);
        output.messages.splice(..0, self.prompt.drain(..));
        output
    }

    /// Returns the latest term this server has seen.
    pub fn current_term(&self) -> Term {
        self.persistent.current_term
    }

    /// Returns the leader of the current term, if it is known.
    pub fn leader_id(&self) -> Option<&NodeId> {
        self.leader_id.as_ref()
    }

    /// Returns the other voters.
    pub fn peers(&self) -> &[NodeId] {
        &self.peers
    }

    /// Returns whether this server is the leader of its current term.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Returns the index of the highest log entry known to be committed.
    pub fn commit_index(&self) -> Index {
        self.commit_index
    }

    /// Returns the state that survives a crash.
    pub fn persistent(&self) -> &Persistent<C> {
        &self.persistent
    }

    fn log(&self) -> &Log<C> {
        &self.persistent.log
    }

    fn advance_clock(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    fn persist(&mut self, record: Record<C>) {
        self.persistent.replay(record.clone());
        if self.affects_configuration(&record) {
            self.adopt_configuration();
        }
        self.output.records.push(record);
    }

    fn persist_term(&mut self, current_term: Term, voted_for: Option<&NodeId>) {
        self.persist(Record::Term {
            current_term,
            voted_for: voted_for.map(ToString::to_string),
        });
    }

    fn send(&mut self, to: &NodeId, rpc: Rpc<C>) {
        let term = self.current_term();
        self.output
            .messages
            .push((to.clone(), Packet { term, rpc }));
    }

    /// Marks all entries up to `index` as committed.
    fn commit_to(&mut self, index: Index) {
        debug_assert!(index <= self.log().last_index());
        self.commit_index = self.commit_index.max(index);
    }
}

impl<C: Command> fmt::Debug for Raft<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Follower => "follower",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
        };
        let (term, commit, last) = (
            self.current_term(),
            self.commit_index,
            self.log().last_index(),
        );
        write!(
            f,
            "{}: {role} of term {term}, committed {commit} of {last}",
            self.id
        )
    }
}
