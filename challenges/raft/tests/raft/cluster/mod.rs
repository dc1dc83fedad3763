//! A cluster of servers without runtime, disks or clocks, and a network that is a list of messages.
//! The test decides which server acts next.

mod describe;
mod invariants;

use std::time::Duration;

use glomers::NodeId;
use raft::{Command, Config, Index, Output, Packet, Persistent, Raft, Record};
use serde::{Deserialize, Serialize};

pub use self::describe::{describe, describe_record};
pub use self::invariants::Invariants;

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
            if let Some(snapshot) = raft.snapshot_to_provide() {
                let state = state_of(i, &snapshot.data);
                raft.provide_snapshot(text_of(&state).into());
            }
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
            server.state = state_of(i, &snapshot.data);
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
        let data = match self.config.local_snapshots {
            true => format!("of server {i}: {}", text_of(&server.state)),
            false => text_of(&server.state),
        };
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

/// Serialises the state of a server.
fn text_of(state: &[String]) -> String {
    serde_json::to_string(state).expect("strings are JSON")
}

/// Reads the data of a snapshot on server `i`.
///
/// # Panics
///
/// Panics if the data is local to another server.
fn state_of(i: usize, data: &str) -> Vec<String> {
    let own = format!("of server {i}: ");
    let text = data.strip_prefix(&own).unwrap_or(data);
    serde_json::from_str(text).unwrap_or_else(|e| panic!("server {i} cannot read {data}: {e}"))
}
