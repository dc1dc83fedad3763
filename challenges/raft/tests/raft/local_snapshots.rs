//! Snapshots whose data names files of their server, so that the driver provides what is sent.

use std::time::Duration;

use crate::cluster::{Cluster, Op};
use raft::Config;

/// Time between two ticks. Less than a heartbeat interval.
const TICK: Duration = Duration::from_millis(50);

/// Returns three servers whose snapshots are local and travel in chunks of a few bytes.
fn cluster() -> Cluster {
    let config = Config {
        message_bytes_max: 8,
        local_snapshots: true,
        ..Config::default()
    };
    Cluster::new(3, 3, config, 1)
}

/// Ticks all servers for a time and delivers all messages.
fn run(cluster: &mut Cluster, time: Duration) {
    for _ in 0..time.as_millis() / TICK.as_millis() {
        for i in 0..3 {
            cluster.pass(i, TICK);
            cluster.put_out(i);
        }
        while !cluster.network.is_empty() {
            for message in std::mem::take(&mut cluster.network) {
                let to = message.to;
                cluster.deliver(message);
                cluster.put_out(to);
            }
        }
    }
}

fn leader(cluster: &Cluster) -> usize {
    let leads = |i: &usize| {
        let raft = cluster.servers[*i].raft.as_ref();
        raft.is_some_and(raft::Raft::is_leader)
    };
    (0..3).find(leads).expect("there is a leader")
}

/// Returns a cluster in which a server is down and lacks entries that the leader has replaced by a
/// snapshot. Also returns the leader and that server.
fn with_outdated_server() -> (Cluster, usize, usize) {
    let mut cluster = cluster();
    run(&mut cluster, Duration::from_secs(2));
    let leader = leader(&cluster);
    let outdated = (leader + 1) % 3;
    cluster.crash(outdated, true);
    for op in 0..10 {
        let op = Op(format!("op {op}"));
        cluster.raft(leader).propose(op).expect("it leads");
    }
    run(&mut cluster, Duration::from_secs(1));
    cluster.compact(leader);
    (cluster, leader, outdated)
}

#[test]
fn restarted_server_receives_the_data_that_the_driver_provides() {
    let (mut cluster, leader, outdated) = with_outdated_server();
    cluster.start(outdated);
    run(&mut cluster, Duration::from_secs(2));
    assert_eq!(cluster.servers[outdated].state.len(), 10);
    let received = cluster.raft(outdated).persistent().snapshot.clone();
    let data = received.expect("it has received the snapshot").data;
    assert!(data.starts_with('['), "{data}");
    assert!(!cluster.raft(leader).is_sending_snapshot());
}

#[test]
fn data_is_not_asked_for_while_the_follower_is_silent() {
    let (mut cluster, leader, _) = with_outdated_server();
    for _ in 0..100 {
        run(&mut cluster, TICK);
        let raft = cluster.raft(leader);
        assert!(!raft.is_sending_snapshot() && raft.snapshot_to_provide().is_none());
    }
}

#[test]
fn snapshot_of_the_same_index_replaces_the_data() {
    let (mut cluster, leader, _) = with_outdated_server();
    let raft = cluster.raft(leader);
    let index = raft.persistent().log.last_included_index();
    let records = raft.compact(index, "other files".into());
    let snapshot = raft.persistent().snapshot.clone();
    let snapshot = snapshot.expect("it has a snapshot");
    assert_eq!(
        (snapshot.last_included_index, &*snapshot.data),
        (index, "other files")
    );
    assert!(records.contains(&raft::Record::Snapshot(snapshot)));
}
