//! Nothing in the solution knows the network: any size, any latency, any mixture of faults.

use std::time::Duration;

use broadcast::Windows;
use eddy::net::{EventKind, Latency};
use eddy::simulation::{Run, for_each_seed, for_seeds, ms, secs};

use crate::rig::{acknowledged, cluster, load};

/// A round, and two hops of the given length with some time to spare.
fn bound(hop: Duration) -> Duration {
    Windows::balanced().round + hop * 5 / 2 + ms(50)
}

#[test]
fn values_take_a_round_and_two_hops_whatever_a_hop_is() {
    for hop in [ms(0), ms(10), ms(100)] {
        for_seeds(3, |seed| {
            let run = cluster(seed, 25, Windows::balanced())
                .latency(Latency::constant(hop))
                .run(load());
            run.assert_valid();
            assert!(run.messages_per_op() <= 1.10);
            assert!(run.stable_latency(1.0) < bound(hop), "{hop:?}");
        });
    }
}

#[test]
fn a_hop_of_a_second_is_nothing_to_be_afraid_of() {
    for_seeds(3, |seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .latency(Latency::constant(secs(1)))
            .run(load());
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() < 2.0);
        assert!(run.stable_latency(0.5) < secs(3));
    });
}

/// Where messages overtake each other, a timetable is of no use, and nobody keeps to it.
#[test]
fn an_erratic_network_costs_little_more() {
    for_seeds(5, |seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .latency(Latency::exponential(ms(100)))
            .run(load());
        run.assert_valid();
        assert!(run.messages_per_op() <= 1.3);
        assert!(run.stable_latency(0.5) < ms(400));
    });
}

#[test]
fn clusters_of_any_size_deliver() {
    for count in [2, 3, 5, 100] {
        for_seeds(2, |seed| {
            let run = cluster(seed, count, Windows::balanced()).run(load());
            run.assert_valid();
            // A round down, and at most as many messages up; but the first values go out one by one,
            // before anything is known of rounds.
            let links = (count - 1) as f64;
            let rounds_per_op = 1.0 / Windows::balanced().round.as_secs_f64() / 100.0;
            let cost = run.messages_per_op();
            let limit = 1.1 * 2.0 * links * rounds_per_op + 0.01;
            assert!(cost <= limit, "{count} nodes: {cost} > {limit}");
            assert!(run.stable_latency(1.0) < ms(800));
        });
    }
}

/// When nodes gossip with each other, and what they say.
fn gossip(run: &Run) -> Vec<(Duration, serde_json::Value)> {
    let sent = run.journal().events().iter();
    let sent = sent.filter(|event| event.kind == EventKind::Send);
    let bodies = sent.map(|event| (event.time, &event.message.body));
    bodies
        .map(|(at, body)| (at, serde_json::from_str(body).expect("bodies are JSON")))
        .filter(|(_, body): &(_, serde_json::Value)| body["type"] == "gossip")
        .collect()
}

/// All links are closed, and nobody says anything any more.
#[test]
fn an_idle_cluster_is_silent() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .record_all_messages()
            .run(load());
        run.assert_valid();
        let last_value = acknowledged(&run, 25).last().expect("there are values").at;
        let last_word = gossip(&run).last().expect("nodes gossip").0;
        assert!(last_word < last_value + secs(2), "{last_word:?}");
    });
}

/// Without faults hardly a message is there for its own sake: to ask, to answer, or to confirm.
#[test]
fn reliability_costs_less_than_a_twentieth_of_the_messages() {
    for windows in [Windows::frugal(), Windows::balanced(), Windows::swift()] {
        for_each_seed(|seed| {
            let run = cluster(seed, 25, windows).record_all_messages().run(load());
            run.assert_valid();
            let all = gossip(&run);
            let repair = all
                .iter()
                .filter(|(_, body)| body["news"].is_null() || body["head"]["wants"] == "answer");
            let share = repair.count() as f64 / all.len() as f64;
            assert!(share < 0.05, "{windows:?}: {share}");
        });
    }
}
