//! A cluster of servers without runtime, disks or clocks, and a network that is a list of messages.
//! The test decides which server acts next.

#![allow(dead_code, reason = "each test uses a part of this module")]

use std::collections::BTreeMap;
use std::time::Duration;

use glomers::NodeId;
use raft::{
    Command, Config, Index, Output, Packet, Persistent, Raft, ReadId, Record, Rpc, Term, Voters,
};
use serde::{Deserialize, Serialize};

/// A command with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op(pub String);

impl Command for Op {
    fn size_bytes(&self) -> usize {
        self.0.len()
    }
}

/// A message in transit.
#[derive(Clone, Debug)]
pub struct InFlight {
    pub from: usize,
    pub to: usize,
    pub packet: Packet<Op>,
}

/// A server with its disk, clock and state machine.
pub struct Server {
    /// `None` while the server is down.
    pub raft: Option<Raft<Op>>,
    /// The records on its disk.
    pub disk: Vec<Record<Op>>,
    /// An output whose records are being written.
    pub writing: Option<Output<Op>>,
    /// Time on its own clock.
    pub now: Duration,
    /// Names of the applied commands, and the index of the last applied entry.
    pub state: Vec<String>,
    pub applied: Index,
    starts: u64,
}

/// A cluster of servers `n1`, `n2`, ….
pub struct Cluster {
    pub names: Vec<NodeId>,
    /// Number of servers in the first configuration.
    pub first_voters: usize,
    pub servers: Vec<Server>,
    pub network: Vec<InFlight>,
    pub config: Config,
    pub seed: u64,
}

impl Cluster {
    /// Starts servers with empty disks, of which the first `first_voters` are the first configuration.
    pub fn new(size: usize, first_voters: usize, config: Config, seed: u64) -> Self {
        let server = |_| Server {
            raft: None,
            disk: Vec::new(),
            writing: None,
            now: Duration::ZERO,
            state: Vec::new(),
            applied: 0,
            starts: 0,
        };
        let mut cluster = Self {
            names: (1..=size).map(|i| NodeId::from(format!("n{i}"))).collect(),
            first_voters,
            servers: (0..size).map(server).collect(),
            network: Vec::new(),
            config,
            seed,
        };
        for i in 0..size {
            cluster.start(i);
        }
        cluster
    }

    /// Starts a server from the contents of its disk.
    pub fn start(&mut self, i: usize) {
        let mut persistent = Persistent::default();
        for record in &self.servers[i].disk {
            persistent.replay(record.clone());
        }
        let server = &mut self.servers[i];
        server.starts += 1;
        let seed = self.seed + 100 * i as u64 + server.starts;
        let (id, config) = (self.names[i].clone(), self.config.clone());
        let first_voters = &self.names[..self.first_voters];
        server.raft = Some(Raft::new(id, first_voters, config, seed, persistent));
        server.now = Duration::ZERO;
        server.state.clear();
        server.applied = 0;
    }

    /// Stops a server. Everything that it has not put out is lost; of a write in progress, the
    /// records are on the disk if `is_written`.
    pub fn crash(&mut self, i: usize, is_written: bool) {
        let server = &mut self.servers[i];
        server.raft = None;
        if let (Some(output), true) = (server.writing.take(), is_written) {
            server.disk.extend(output.records);
        }
    }

    /// Returns a running server.
    ///
    /// # Panics
    ///
    /// Panics if the server is down.
    pub fn raft(&mut self, i: usize) -> &mut Raft<Op> {
        self.servers[i].raft.as_mut().expect("the server runs")
    }

    /// Advances the clock of one server.
    pub fn pass(&mut self, i: usize, time: Duration) {
        let server = &mut self.servers[i];
        server.now += time;
        if let Some(raft) = &mut server.raft {
            raft.tick(server.now);
        }
    }

    /// Advances the clock of one server to its next deadline.
    pub fn pass_to_deadline(&mut self, i: usize) {
        let server = &mut self.servers[i];
        if let Some(raft) = &mut server.raft {
            server.now = raft.deadline().max(server.now);
            raft.tick(server.now);
        }
    }

    /// Takes and performs a server's output, as its driver does. Returns the output.
    pub fn put_out(&mut self, i: usize) -> Output<Op> {
        self.begin_write(i);
        self.finish_write(i)
    }

    /// Takes a server's output, unless a write is in progress, and begins to write its records.
    pub fn begin_write(&mut self, i: usize) {
        let server = &mut self.servers[i];
        if let (Some(raft), None) = (&mut server.raft, &server.writing) {
            server.writing = Some(raft.output());
        }
    }

    /// Sends the messages that a server may send during a write. Returns their number.
    pub fn send_promptly(&mut self, i: usize) -> usize {
        let server = &mut self.servers[i];
        let Some(raft) = &mut server.raft else {
            return 0;
        };
        let messages = raft.prompt_messages(server.now);
        self.send(i, &messages);
        messages.len()
    }

    fn send(&mut self, from: usize, messages: &[(NodeId, Packet<Op>)]) {
        for (to, packet) in messages {
            let to = self.names.iter().position(|name| name == to);
            self.network.push(InFlight {
                from,
                to: to.expect("servers write to servers"),
                packet: packet.clone(),
            });
        }
    }

    /// Finishes the write in progress, and performs the rest of the output. Returns the output.
    pub fn finish_write(&mut self, i: usize) -> Output<Op> {
        let Some(output) = self.servers[i].writing.take() else {
            return Output::default();
        };
        self.servers[i].disk.extend(output.records.iter().cloned());
        self.send(i, &output.messages);
        let server = &mut self.servers[i];
        if let Some(snapshot) = &output.snapshot {
            server.state = serde_json::from_str(&snapshot.data).expect("a snapshot of this state");
            server.applied = snapshot.last_included_index;
        }
        for entry in &output.committed {
            assert_eq!(
                entry.index,
                server.applied + 1,
                "entries are applied in order"
            );
            server.applied = entry.index;
            server
                .state
                .extend(entry.command.iter().map(|op| op.0.clone()));
        }
        output
    }

    /// Delivers a message, if its receiver runs.
    pub fn deliver(&mut self, message: InFlight) {
        let from = self.names[message.from].clone();
        let server = &mut self.servers[message.to];
        if let Some(raft) = &mut server.raft {
            raft.step(server.now, &from, message.packet);
        }
    }

    /// Replaces a server's applied entries by a snapshot, between two writes.
    pub fn compact(&mut self, i: usize) {
        let server = &mut self.servers[i];
        let data = serde_json::to_string(&server.state).expect("strings are JSON");
        if let Some(raft) = &mut server.raft {
            assert!(server.writing.is_none(), "a write is in progress");
            server.disk = raft.compact(server.applied, data.into());
        }
    }

    /// Returns the number of a server.
    pub fn number(&self, name: &str) -> usize {
        let number = self.names.iter().position(|n| **n == *name);
        number.unwrap_or_else(|| panic!("there is no server {name}"))
    }
}

/// What is known of a committed entry.
struct Committed {
    /// The term of the entry.
    term: Term,
    /// The term of the first server that knew of the commit. The entry was committed in that term, or
    /// before.
    committed_in: Term,
}

/// The safety properties of Figure 3, checked after every step.
#[derive(Default)]
pub struct Invariants {
    leaders: BTreeMap<Term, usize>,
    /// By index and term: the term of the preceding entry, the command, and the configuration.
    entries: BTreeMap<(Index, Term), (Option<Term>, Option<Op>, Option<Voters>)>,
    committed: BTreeMap<Index, Committed>,
    applied: BTreeMap<Index, Vec<String>>,
    /// The committed configurations.
    pub configurations: BTreeMap<Index, Voters>,
    /// For each read: the highest index known to be committed anywhere when it was asked.
    reads: BTreeMap<ReadId, Index>,
}

impl Invariants {
    /// Returns whether no leader of this term has been seen yet.
    pub fn is_new_term(&self, term: Term) -> bool {
        !self.leaders.contains_key(&term)
    }

    /// Notes a read that is about to start.
    pub fn ask(&mut self, id: ReadId) {
        let last = self.committed.keys().next_back().copied();
        self.reads.insert(id, last.unwrap_or(0));
    }

    /// Checks a server after a step, with its output.
    pub fn check(&mut self, cluster: &Cluster, i: usize, output: &Output<Op>) {
        let server = &cluster.servers[i];
        let Some(raft) = &server.raft else { return };
        // The only voter of a cluster elects itself and commits alone. If it crashes before that is on
        // disk, its term may have another leader and other entries. No message has left it before.
        if !(raft.is_member() && raft.voters().len() == 1) {
            self.election_safety(raft, i);
            self.log_matching(raft);
        }
        for entry in &output.committed {
            let committed = self.committed.entry(entry.index).or_insert(Committed {
                term: entry.term,
                committed_in: raft.current_term(),
            });
            assert_eq!(
                committed.term, entry.term,
                "two entries are committed at {}",
                entry.index
            );
            let voters = entry.voters.iter().map(|it| (entry.index, it.clone()));
            self.configurations.extend(voters);
        }
        self.configuration_safety(cluster);
        self.leader_completeness(raft);
        let state = self.applied.entry(server.applied);
        let state = state.or_insert_with(|| server.state.clone());
        assert_eq!(
            *state, server.state,
            "state machine safety at {}",
            server.applied
        );
        for (id, index) in &output.reads {
            let due = self.reads[id];
            assert!(
                *index >= due,
                "read {id} misses what was committed up to {due}"
            );
        }
    }

    fn election_safety(&mut self, raft: &Raft<Op>, i: usize) {
        if raft.is_leader() {
            let leader = *self.leaders.entry(raft.current_term()).or_insert(i);
            assert_eq!(leader, i, "two leaders in term {}", raft.current_term());
        }
    }

    /// Entries of equal index and term have equal commands and equal predecessors; by induction, all
    /// entries before them are equal too.
    fn log_matching(&mut self, raft: &Raft<Op>) {
        let log = &raft.persistent().log;
        for entry in log.entries() {
            let before = log.term_at(entry.index - 1);
            let key = (entry.index, entry.term);
            let known = self.entries.entry(key);
            let content = (before, entry.command.clone(), entry.voters.clone());
            let known = known.or_insert_with(|| content.clone());
            assert_eq!(*known, content, "log matching at {key:?}");
        }
    }

    /// Committed configurations differ from the one before by one server, so that any two majorities
    /// share a server.
    fn configuration_safety(&self, cluster: &Cluster) {
        let first = Voters::from(&cluster.names[..cluster.first_voters]);
        let mut before = &first;
        for (index, voters) in &self.configurations {
            let in_one = |of: &Voters, other: &Voters| {
                of.iter().filter(|voter| !other.contains(voter)).count()
            };
            let changed = in_one(before, voters) + in_one(voters, before);
            assert_eq!(changed, 1, "{before:?} becomes {voters:?} at {index}");
            before = voters;
        }
    }

    fn leader_completeness(&self, raft: &Raft<Op>) {
        if !raft.is_leader() {
            return;
        }
        let log = &raft.persistent().log;
        for (&index, committed) in self.committed.range(log.last_included_index() + 1..) {
            // A leader that does not know yet that its term is over may lack what later terms commit.
            if committed.committed_in <= raft.current_term() {
                assert_eq!(
                    log.term_at(index),
                    Some(committed.term),
                    "leader completeness at {index}"
                );
            }
        }
    }
}

/// Describes a message in one line.
pub fn describe(packet: &Packet<Op>) -> String {
    let what = match &packet.rpc {
        Rpc::PreVote {
            last_log_index,
            last_log_term,
        } => format!("PreVote, last entry {last_log_index}:{last_log_term}"),
        Rpc::PreVoteReply { granted, voters } => {
            let voters = describe_voters(voters.as_ref());
            format!("PreVote reply, {}{voters}", yes(*granted))
        }
        Rpc::RequestVote {
            last_log_index,
            last_log_term,
        } => format!("RequestVote, last entry {last_log_index}:{last_log_term}"),
        Rpc::RequestVoteReply { vote_granted } => {
            format!("RequestVote reply, {}", yes(*vote_granted))
        }
        Rpc::AppendEntries {
            prev_log_index,
            prev_log_term,
            entries,
            leader_commit,
            ..
        } => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| {
                    let voters = describe_voters(entry.voters.as_ref());
                    format!("{}:{}{voters}", entry.index, entry.term)
                })
                .collect();
            let entries = match entries.is_empty() {
                true => "nothing".to_owned(),
                false => entries.join(" "),
            };
            format!(
                "AppendEntries, {entries} after {prev_log_index}:{prev_log_term}, committed {leader_commit}"
            )
        }
        Rpc::AppendEntriesReply { outcome, .. } => format!("AppendEntries reply, {outcome:?}"),
        Rpc::InstallSnapshot {
            last_included_index,
            last_included_term,
            voters,
            offset,
            data,
            done,
        } => {
            let last = if *done { ", the last" } else { "" };
            let end = offset + data.len();
            format!(
                "InstallSnapshot {last_included_index}:{last_included_term}{}, bytes {offset}..{end}{last}",
                describe_voters(voters.as_ref())
            )
        }
        Rpc::InstallSnapshotReply {
            received,
            installed,
            ..
        } => format!(
            "InstallSnapshot reply, has {received}, installed {}",
            yes(*installed)
        ),
        Rpc::Propose { commands } => format!("Propose {commands:?}"),
        Rpc::ReadIndex { id } => format!("ReadIndex {id}"),
        Rpc::ReadIndexReply { id, index } => format!("ReadIndex reply {id}, apply {index}"),
    };
    format!("term {}, {what}", packet.term)
}

/// Describes a configuration, after a space; the text is empty if there is none.
pub fn describe_voters(voters: Option<&Voters>) -> String {
    voters.map_or(String::new(), |voters| {
        format!(" voters({})", voters.join(", "))
    })
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}
