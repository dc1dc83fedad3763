//! The solution adapts to its network: other sizes, latencies and distributions.

use std::time::Duration;

use broadcast::Windows;
use eddy::net::{EventKind, Latency};
use eddy::simulation::{Run, for_each_seed, for_seeds, ms, secs};

use crate::delivery::DeliveryTimes;
use crate::rig::{acknowledged, cluster, load};

/// Returns the longest delivery time at this latency: a round and two hops, and 2 ms for rounding.
fn bound(hop: Duration) -> Duration {
    Windows::balanced().round + hop * 2 + ms(2)
}

#[test]
fn delivery_takes_a_round_and_two_hops_at_any_latency() {
    for hop in [ms(0), ms(10), ms(100)] {
        for_seeds(3, |seed| {
            let run = cluster(seed, 25, Windows::balanced())
                .latency(Latency::constant(hop))
                .record_all_messages()
                .run(load());
            run.assert_valid();
            assert!(run.messages_per_op() <= 1.10);
            let max = DeliveryTimes::of(&run, 25).max();
            assert!(max <= bound(hop), "{hop:?}: {max:?}");
        });
    }
}

#[test]
fn hop_of_a_second_costs_less_than_two_messages_per_operation() {
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

/// Where latency is random, a timetable is useless, and no node follows it.
#[test]
fn erratic_network_costs_little_more() {
    for_seeds(5, |seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .latency(Latency::exponential(ms(100)))
            .run(load());
        run.assert_valid();
        let cost = run.messages_per_op();
        assert!(cost <= 1.3, "{cost}");
        assert!(run.stable_latency(0.5) < ms(400));
    });
}

#[test]
fn cluster_of_any_size_costs_two_messages_per_link_and_round() {
    for count in [2, 3, 5, 100] {
        for_seeds(2, |seed| {
            let run = cluster(seed, count, Windows::balanced()).run(load());
            run.assert_valid();
            // Each round sends one message down a link, and at most one up. Until rounds are
            // announced, in the first second, values go up one by one: at most 50 in 2,000
            // operations.
            let links = (count - 1) as f64;
            let rounds_per_op = 1.0 / Windows::balanced().round.as_secs_f64() / 100.0;
            let cost = run.messages_per_op();
            let limit = 1.15 * 2.0 * links * rounds_per_op + 0.025;
            assert!(cost <= limit, "{count} nodes: {cost} > {limit}");
            // With two levels of hubs, a value may wait twice until the hubs agree on a schedule.
            let limit = if count > 64 { ms(1100) } else { ms(800) };
            assert!(run.stable_latency(1.0) < limit);
        });
    }
}

/// Returns the messages between nodes, with the times at which they were sent.
fn gossip(run: &Run) -> Vec<(Duration, serde_json::Value)> {
    let sent = run.journal().events().iter();
    let sent = sent.filter(|event| event.kind == EventKind::Send);
    let bodies = sent.map(|event| (event.time, &event.message.body));
    bodies
        .map(|(at, body)| (at, serde_json::from_str(body).expect("bodies are JSON")))
        .filter(|(_, body): &(_, serde_json::Value)| body["type"] == "gossip")
        .collect()
}

#[test]
fn idle_cluster_is_silent() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .record_all_messages()
            .run(load());
        run.assert_valid();
        let last_value = acknowledged(&run, 25).last().expect("there are values").at;
        let last_message = gossip(&run).last().expect("nodes gossip").0;
        assert!(last_message < last_value + secs(2), "{last_message:?}");
    });
}

/// Without faults, few messages carry no items but only ask, answer or confirm.
#[test]
fn reliability_costs_less_than_five_percent_of_the_messages() {
    for windows in [Windows::frugal(), Windows::balanced(), Windows::swift()] {
        for_seeds(2, |seed| {
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
