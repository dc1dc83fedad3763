//! The algorithm, without disk, network or clock: Figure 2 of the paper as a state machine.
//!
//! Whatever happens to a server enters through [`step`](Raft::step) (a message),
//! [`tick`](Raft::tick) (time), [`propose`](Raft::propose) and [`read`](Raft::read) (clients).
//! Whatever it wants done comes out of [`output`](Raft::output), whose contract is the one thing
//! that a driver must get right: **the records are on disk before anything else in the same output
//! takes effect**. With that, an entry that left a server in a message is durable there, a vote
//! that was announced is remembered, and nothing else in here has to think about disks.
//!
//! The parts: `step` (§5.1), `election` (§5.2, §9.6 of the dissertation for the pre-vote), `leader`,
//! `replication` and `follower` (§5.3, §5.4), `snapshot` (§7), `reads` (§8).

mod election;
mod follower;
mod leader;
mod reads;
mod replication;
mod snapshot;
mod step;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use glomers::NodeId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::election::Candidate;
use self::leader::Leader;
use self::snapshot::Incoming;
use crate::log::Log;
use crate::message::{Command, Entry, Index, Packet, ReadId, Rpc, Snapshot, Term};
use crate::persistent::{Persistent, Record};

/// Times and sizes.
#[derive(Clone, Debug)]
pub struct Config {
    /// A follower that hears nothing from a leader for a random time from this range asks for an
    /// election. Should be several times the time a message takes, or leaders change for no reason.
    pub election_timeout: Range<Duration>,
    /// A leader that has nothing to say says so this often. A lost message is noticed after about
    /// this time. Well below the election timeout.
    pub heartbeat_interval: Duration,
    /// A message carries commands of so many bytes at most, unless a single one is longer.
    pub message_bytes_max: usize,
    /// A leader sends so many entries ahead of a follower's replies.
    pub pipeline_max: u64,
}

impl Default for Config {
    /// For networks whose messages take up to about 100 milliseconds.
    fn default() -> Self {
        Self {
            election_timeout: Duration::from_millis(400)..Duration::from_millis(800),
            heartbeat_interval: Duration::from_millis(100),
            message_bytes_max: 64 * 1024,
            pipeline_max: 4096,
        }
    }
}

/// What a server wants done. The `records` first; see the module above.
#[derive(Debug)]
pub struct Output<C> {
    /// What must be on disk before anything else here takes effect.
    pub records: Vec<Record<C>>,
    /// Messages to other servers.
    pub messages: Vec<(NodeId, Packet<C>)>,
    /// What the state machine becomes, if it has to skip entries.
    pub snapshot: Option<Snapshot>,
    /// Entries that the state machine applies next, in order.
    pub committed: Vec<Entry<C>>,
    /// Reads that may be served as soon as everything up to the index is applied.
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

/// This server is not the leader; who is, as far as it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotLeader(pub Option<NodeId>);

/// A server. The names are those of Figure 2.
pub struct Raft<C> {
    id: NodeId,
    peers: Vec<NodeId>,
    config: Config,
    rng: ChaCha8Rng,
    /// Time since the server started.
    now: Duration,

    /// Persistent state on all servers; changes through [`persist`](Self::persist) only.
    persistent: Persistent<C>,

    /// Index of the highest log entry known to be committed.
    commit_index: Index,
    /// Index of the highest log entry handed to the state machine.
    last_applied: Index,
    role: Role,
    /// The leader of the current term, once it has made itself known.
    leader_id: Option<NodeId>,
    /// The log is that of the current term's leader up to here.
    matched: Index,
    /// When the leader was heard of last.
    leader_heard_at: Option<Duration>,
    election_deadline: Duration,
    /// A snapshot that is arriving.
    incoming: Option<Incoming>,

    output: Output<C>,
}

enum Role {
    Follower,
    Candidate(Candidate),
    Leader(Leader),
}

impl<C: Command> Raft<C> {
    /// A server with what it found on its disk. `members` are all servers, itself included, in an
    /// order that is the same everywhere; `seed` differs from server to server.
    pub fn new(
        id: NodeId,
        members: &[NodeId],
        config: Config,
        seed: u64,
        persistent: Persistent<C>,
    ) -> Self {
        let fresh = persistent.current_term == 0;
        let last_included_index = persistent.log.last_included_index();
        let mut raft = Self {
            peers: members.iter().filter(|m| **m != id).cloned().collect(),
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
            output: Output::default(),
            id,
            config,
            persistent,
        };
        raft.output.snapshot = raft.persistent.snapshot.clone();
        raft.reset_election_deadline();
        if fresh && members.first() == Some(&raft.id) {
            // Somebody has to be first, and in a new cluster nobody can be in the way.
            raft.election_deadline = raft.config.election_timeout.start / 2;
        }
        raft
    }

    /// Lets time pass; `now` is the time since the server started.
    pub fn tick(&mut self, now: Duration) {
        self.now = self.now.max(now);
        match &self.role {
            Role::Leader(_) => self.check_quorum(),
            Role::Follower | Role::Candidate(_) if self.now >= self.election_deadline => {
                self.ask_for_election();
            }
            Role::Follower | Role::Candidate(_) => {}
        }
    }

    /// When [`tick`](Self::tick) is due next, if nothing happens before.
    pub fn deadline(&self) -> Duration {
        match &self.role {
            Role::Leader(leader) => leader.deadline(&self.config),
            Role::Follower | Role::Candidate(_) => self.election_deadline,
        }
    }

    /// All that the server wants done since the last output.
    pub fn output(&mut self) -> Output<C> {
        self.replicate();
        let committed = (self.last_applied + 1..=self.commit_index).map(|index| {
            let entry = self.persistent.log.get(index);
            entry.expect("what is committed is in the log").clone()
        });
        self.output.committed = committed.collect();
        self.last_applied = self.commit_index;
        std::mem::take(&mut self.output)
    }

    /// The latest term this server has seen.
    pub fn current_term(&self) -> Term {
        self.persistent.current_term
    }

    /// The leader of the current term, as far as this server knows.
    pub fn leader_id(&self) -> Option<&NodeId> {
        self.leader_id.as_ref()
    }

    /// Whether this server is the leader of its current term.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Index of the highest log entry known to be committed.
    pub fn commit_index(&self) -> Index {
        self.commit_index
    }

    /// The state that survives a crash.
    pub fn persistent(&self) -> &Persistent<C> {
        &self.persistent
    }

    /// How many servers are more than half of them.
    fn majority(&self) -> usize {
        let members = self.peers.len() + 1;
        members / 2 + 1
    }

    fn log(&self) -> &Log<C> {
        &self.persistent.log
    }

    fn persist(&mut self, record: Record<C>) {
        self.persistent.replay(record.clone());
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

    /// Enters a term, or stays in it, without a role in it.
    fn become_follower(&mut self, term: Term) {
        if term > self.current_term() {
            self.persist_term(term, None);
            self.matched = 0;
        }
        if !matches!(self.role, Role::Follower) {
            self.reset_election_deadline();
        }
        self.role = Role::Follower;
        self.leader_id = None;
        self.incoming = None;
    }

    /// The log up to `index` is committed.
    fn commit_to(&mut self, index: Index) {
        debug_assert!(index <= self.log().last_index());
        self.commit_index = self.commit_index.max(index);
    }

    fn reset_election_deadline(&mut self) {
        let timeout = self.rng.random_range(self.config.election_timeout.clone());
        self.election_deadline = self.now + timeout;
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
