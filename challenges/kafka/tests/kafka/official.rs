//! The challenges with their options and the targets of this project.

use eddy::simulation::{Simulation, for_each_seed, for_seeds, ms, secs};
use glomers::Context;
use kafka::{Kafka, Settings};

use super::{analysis, cluster, cluster_with, load, one_replica, requests};
use eddy::history::Kind;
use eddy::net::Latency;
use eddy::simulation::Run;

fn assert_all_requests_succeed(run: &Run) {
    run.assert_valid();
    for (_, completion) in requests(run) {
        assert_eq!(completion.kind, Kind::Ok, "{completion:?}");
    }
}

/// Challenge 5a: one node.
#[test]
fn single_node_sends_no_messages() {
    for_each_seed(|seed| {
        let run = cluster(seed, 1).run(load(1, 1000.0));
        assert_all_requests_succeed(&run);
        assert_eq!(run.messages_per_op(), 0.0);
        assert_eq!(run.latency_of("send", 1.0), ms(0));
    });
}

/// Challenges 5b and 5c: two nodes. Acknowledged messages are on both.
#[test]
fn two_nodes_meet_message_and_latency_targets() {
    for_each_seed(|seed| {
        let run = cluster(seed, 2).run(load(2, 1000.0));
        assert_all_requests_succeed(&run);
        assert!(run.messages_per_op() <= 0.5, "{}", run.messages_per_op());
        assert!(run.latency_of("send", 0.99) <= ms(10));
        assert!(run.latency_of("poll", 0.99) <= ms(10));
        assert!(analysis(&run).worst_realtime_lag() < ms(500));
    });
}

/// Challenges 5b and 5c, with acknowledged messages on their leader only.
#[test]
fn single_replica_needs_a_third_of_a_message_per_operation() {
    for_each_seed(|seed| {
        let run = cluster_with(one_replica(), seed, 2).run(load(2, 1000.0));
        assert_all_requests_succeed(&run);
        assert!(run.messages_per_op() <= 0.33, "{}", run.messages_per_op());
        assert!(run.latency_of("send", 0.99) <= ms(10));
        assert!(analysis(&run).worst_realtime_lag() < ms(500));
    });
}

#[test]
fn three_and_five_nodes_meet_latency_targets() {
    for nodes in [3, 5] {
        for_seeds(2, |seed| {
            let run = cluster(seed, nodes).run(load(nodes, 1000.0));
            assert_all_requests_succeed(&run);
            assert!(run.latency_of("send", 0.99) <= ms(10));
            assert!(analysis(&run).worst_realtime_lag() < ms(500));
        });
    }
}

/// At a low rate no other request would join a batch, so none waits for one.
#[test]
fn send_without_concurrent_requests_does_not_wait() {
    for_seeds(3, |seed| {
        let run = cluster(seed, 2).run(load(2, 5.0));
        assert_all_requests_succeed(&run);
        assert_eq!(run.latency_of("send", 0.9), ms(0));
    });
}

/// Slow replies are not mistaken for failed nodes.
#[test]
fn slow_links_cause_no_refusals() {
    for_seeds(5, |seed| {
        let run = cluster(seed, 3)
            .latency(Latency::exponential(ms(100)))
            .run(load(3, 100.0));
        assert_all_requests_succeed(&run);
        assert!(run.latency_of("send", 0.5) < secs(1));
    });
}

#[test]
fn same_seed_gives_same_messages() {
    let run = |settings: Settings| {
        Simulation::new(7)
            .nodes(3, move |cx: &Context| Kafka::new(cx, settings))
            .latency(Latency::exponential(ms(5)))
            .record_all_messages()
            .run(load(3, 300.0).time_limit(secs(5)))
    };
    let (one, other) = (run(Settings::default()), run(Settings::default()));
    assert!(one.journal().events() == other.journal().events());
    assert!(one.journal().events() != run(one_replica()).journal().events());
}
