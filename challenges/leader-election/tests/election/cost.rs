//! The cost of an election in messages and in time.

use std::collections::BTreeSet;
use std::time::Duration;

use eddy::nemesis::Fault;
use eddy::net::{EndpointId, EventKind};
use eddy::simulation::{Run, for_seeds, ms, secs};

use glomers::prelude::Value;

use crate::cluster::{
    LeaderFault, OfLeader, Strategy, analysis, cluster, load, messages_per_node_second,
};

#[test]
fn quiet_cluster_of_five_sends_at_most_two_messages_per_node_and_second() {
    for_seeds(3, |seed| {
        let (simulation, _) = cluster(seed, Strategy::Lease, 5);
        let run = simulation.run(load(5).time_limit(secs(60)));
        run.assert_valid();
        let messages = messages_per_node_second(&run, 5);
        assert!(messages <= 2.0, "{messages}");
    });
}

/// Counts the messages of the election after the leader's crash. Heartbeats and renewals do not
/// count, except the first renewal to each node, by which the new leader announces itself.
fn messages_of_an_election(strategy: Strategy, count: usize) -> f64 {
    let seeds = 0..3;
    let messages = seeds.clone().map(|seed| {
        let (simulation, claim) = cluster(seed.into(), strategy, count);
        let killed_at = secs(5);
        let kill = OfLeader::new(LeaderFault::Kill, &claim).between(killed_at, secs(8));
        let load = load(count)
            .rate(50.0)
            .time_limit(secs(8))
            .fault_free_tail(ms(0));
        let run = simulation.nemesis(kill).record_all_messages().run(load);
        assert_eq!(run.kills(), 1);
        elected_with(&run, killed_at, secs(8))
    });
    messages.sum::<usize>() as f64 / seeds.count() as f64
}

fn elected_with(run: &Run, from: Duration, to: Duration) -> usize {
    let origin = run.journal().origin();
    let events = run.journal().events().iter();
    let sends = events.filter(|event| {
        event.kind == EventKind::Send && (origin + from..origin + to).contains(&event.time)
    });
    let mut terms = Vec::new();
    let mut messages = 0;
    for send in sends {
        let body: Value = serde_json::from_str(&send.message.body).expect("bodies are JSON");
        let is_election = match body["type"].as_str() {
            Some("bully") => body["bully"] != "heartbeat",
            Some("lease") if body["message"]["renew"].is_object() => {
                terms.push((body["term"].clone(), send.message.dest));
                false
            }
            Some("lease") => !body["message"]["renewed"].is_object(),
            _ => false,
        };
        messages += usize::from(is_election);
    }
    let last_term = terms.iter().filter_map(|(term, _)| term.as_u64()).max();
    let announced: BTreeSet<EndpointId> = terms
        .iter()
        .filter(|(term, _)| term.as_u64() == last_term)
        .map(|(_, dest)| *dest)
        .collect();
    messages + announced.len()
}

#[test]
fn messages_of_an_election_grow_quadratically_for_bully_and_linearly_for_leases() {
    let [small, large] = [5, 25];
    let growth = |strategy| {
        let messages = [small, large].map(|count| messages_of_an_election(strategy, count));
        eprintln!("{strategy:?}: {messages:?} messages for {small} and {large} nodes");
        messages[1] / messages[0]
    };
    // The large cluster has five times as many nodes.
    assert!(growth(Strategy::Bully) > 15.0);
    assert!(growth(Strategy::Lease) < 8.0);
}

/// Returns the failover times of one strategy over a few seeds, in ascending order.
fn failovers(strategy: Strategy) -> Vec<Duration> {
    let mut failovers = Vec::new();
    for seed in 0..5 {
        let (simulation, claim) = cluster(seed.into(), strategy, 5);
        let kill = OfLeader::new(LeaderFault::Kill, &claim).every(secs(3));
        let run = simulation.nemesis(kill).run(load(5).time_limit(secs(40)));
        failovers.extend(analysis(&run).failovers());
    }
    failovers.sort_unstable();
    failovers
}

#[test]
fn lease_failover_takes_at_most_a_second_and_three_times_that_of_bully() {
    let median = |failovers: &[Duration]| failovers[failovers.len() / 2];
    let [lease, bully] = [Strategy::Lease, Strategy::Bully].map(failovers);
    eprintln!(
        "lease {:?} {:?}, bully {:?} {:?}",
        median(&lease),
        lease.last(),
        median(&bully),
        bully.last()
    );
    assert!(median(&lease) <= secs(1));
    assert!(median(&lease) <= 3 * median(&bully));
}
