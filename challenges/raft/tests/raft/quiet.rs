//! Servers that were not ticked for a while.

use std::time::Duration;

use glomers::NodeId;
use raft::{Command, Config, Output, Packet, Persistent, Raft};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Op;

impl Command for Op {
    fn size_bytes(&self) -> usize {
        1
    }
}

const TICK: Duration = Duration::from_millis(50);

/// A time in which every election timeout passes.
const LONG: Duration = Duration::from_secs(60);

/// Three servers on a network without latency.
struct Cluster {
    servers: Vec<(NodeId, Raft<Op>)>,
    now: Duration,
}

impl Cluster {
    /// Creates a cluster that has a leader, with one command committed everywhere.
    fn settled() -> Self {
        let ids = ["n0", "n1", "n2"].map(NodeId::from);
        let servers = (0..).zip(&ids).map(|(seed, id)| {
            let raft = Raft::new(
                id.clone(),
                &ids,
                Config::default(),
                seed,
                Persistent::default(),
            );
            (id.clone(), raft)
        });
        let mut cluster = Self {
            servers: servers.collect(),
            now: Duration::ZERO,
        };
        cluster.run(Duration::from_secs(2));
        let leader = cluster.leader();
        cluster.servers[leader].1.propose(Op).expect("it leads");
        cluster.run(Duration::from_secs(1));
        cluster
    }

    fn leader(&self) -> usize {
        let leader = self.servers.iter().position(|(_, raft)| raft.is_leader());
        leader.expect("there is a leader")
    }

    /// Ticks all servers for a time and delivers all messages. Returns their number.
    fn run(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        let mut count = 0;
        while self.now < end {
            self.now += TICK;
            for (_, raft) in &mut self.servers {
                raft.tick(self.now);
            }
            loop {
                let messages = self.output();
                if messages.is_empty() {
                    break;
                }
                count += messages.len();
                for (from, to, packet) in messages {
                    let receiver = self.servers.iter_mut().find(|(id, _)| *id == to);
                    let (_, raft) = receiver.expect("members send to members");
                    raft.step(self.now, &from, packet);
                }
            }
        }
        count
    }

    fn output(&mut self) -> Vec<(NodeId, NodeId, Packet<Op>)> {
        let mut all = Vec::new();
        for (id, raft) in &mut self.servers {
            let Output { messages, .. } = raft.output();
            let sent = messages.into_iter();
            all.extend(sent.map(|(to, packet)| (id.clone(), to, packet)));
        }
        all
    }
}

#[test]
fn settled_cluster_is_quiet_until_a_command_arrives() {
    let mut cluster = Cluster::settled();
    assert!(cluster.servers.iter().all(|(_, raft)| raft.is_quiet()));
    let leader = cluster.leader();
    cluster.servers[leader].1.propose(Op).expect("it leads");
    assert!(!cluster.servers[leader].1.is_quiet());
}

#[test]
fn resumed_cluster_keeps_its_leader_and_term() {
    let mut cluster = Cluster::settled();
    let (leader, term) = (cluster.leader(), cluster.servers[0].1.current_term());
    cluster.now += LONG;
    for (_, raft) in &mut cluster.servers {
        raft.resume(cluster.now);
    }
    cluster.run(Duration::from_secs(2));
    assert_eq!(cluster.leader(), leader);
    assert_eq!(cluster.servers[0].1.current_term(), term);
}

#[test]
fn resumed_followers_replace_a_leader_that_is_gone() {
    let mut cluster = Cluster::settled();
    let leader = cluster.leader();
    let gone = cluster.servers.remove(leader).0;
    cluster.now += LONG;
    for (_, raft) in &mut cluster.servers {
        raft.resume(cluster.now);
    }
    let end = cluster.now + Duration::from_secs(4);
    while cluster.now < end {
        cluster.now += TICK;
        for (_, raft) in &mut cluster.servers {
            raft.tick(cluster.now);
        }
        for (from, to, packet) in cluster.output() {
            if to == gone {
                continue;
            }
            let receiver = cluster.servers.iter_mut().find(|(id, _)| *id == to);
            let (_, raft) = receiver.expect("members send to members");
            raft.step(cluster.now, &from, packet);
        }
    }
    cluster.leader();
}
