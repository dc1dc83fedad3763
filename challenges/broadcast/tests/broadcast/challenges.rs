//! Challenges 3a to 3e, and the targets of the three profiles.
//!
//! Latencies are true delivery times: from the acknowledgement of a value to its arrival at the
//! last node, for every value of the run.

use std::time::Duration;

use broadcast::Windows;
use eddy::nemesis::{Delays, Fault, Partition};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, for_each_seed, for_seeds, ms, secs};
use eddy::workload;

use crate::delivery::DeliveryTimes;
use crate::rig::{cluster, load};

/// The targets of a profile, for 25 nodes at 100 ms per hop under the load of challenge 3d.
struct Targets {
    profile: &'static str,
    windows: Windows,
    messages_per_op: f64,
    median: Duration,
    max: Duration,
}

const BALANCED: Targets = Targets {
    profile: "balanced",
    windows: Windows::balanced(),
    messages_per_op: 1.10,
    median: ms(400),
    max: ms(600),
};

const FRUGAL: Targets = Targets {
    profile: "frugal",
    windows: Windows::frugal(),
    messages_per_op: 0.52,
    median: secs(1),
    max: secs(2),
};

const SWIFT: Targets = Targets {
    profile: "swift",
    windows: Windows::swift(),
    messages_per_op: 12.5,
    median: ms(112),
    max: ms(125),
};

impl Targets {
    fn assert_cost(&self, run: &Run) {
        let cost = run.messages_per_op();
        eprintln!("{}: {cost:.3} messages per op", self.profile);
        assert!(cost <= self.messages_per_op, "{cost} messages per op");
    }

    fn assert_times(&self, times: &DeliveryTimes) {
        let (median, max) = (times.quantile(0.5), times.max());
        eprintln!("{}: median {median:?}, max {max:?}", self.profile);
        assert!(median < self.median, "median {median:?}");
        assert!(max < self.max, "max {max:?}");
    }
}

/// The load of challenges 3a to 3c.
fn light_load() -> Load {
    Load::of(workload::Broadcast)
        .rate(10.0)
        .time_limit(secs(20))
}

/// Challenge 3a.
#[test]
fn single_node_sends_no_messages() {
    for_each_seed(|seed| {
        let run = cluster(seed, 1, Windows::balanced()).run(light_load());
        run.assert_valid();
        assert_eq!(run.messages_per_op(), 0.0);
    });
}

/// Challenge 3b.
#[test]
fn five_nodes_deliver_within_a_second() {
    for_each_seed(|seed| {
        let run = cluster(seed, 5, Windows::balanced())
            .latency(Latency::constant(ms(0)))
            .run(light_load());
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.stable_latency(1.0) < secs(1));
    });
}

/// Challenge 3c: a partition delays values, and loses none.
#[test]
fn partitioned_nodes_deliver_every_value_after_the_heal() {
    for_each_seed(|seed| {
        let run = cluster(seed, 5, Windows::balanced())
            .latency(Latency::constant(ms(0)))
            .nemesis(Partition::halves().every(secs(5)))
            .run(light_load());
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.net().dropped > 0, "the partition never cut anything");
    });
}

/// Challenge 3d on `balanced` and challenge 3e on `frugal`.
#[test]
fn rounds_meet_their_targets_from_the_first_value_on() {
    for targets in [BALANCED, FRUGAL] {
        for_each_seed(|seed| {
            let run = cluster(seed, 25, targets.windows)
                .record_all_messages()
                .run(load());
            run.assert_valid();
            targets.assert_cost(&run);
            targets.assert_times(&DeliveryTimes::of(&run, 25));
        });
    }
}

/// In the first second every message is up to 100 ms late, as on a machine that is still busy
/// starting the cluster.
#[test]
fn rounds_meet_their_targets_after_a_slow_start() {
    for targets in [BALANCED, FRUGAL] {
        for_each_seed(|seed| {
            let run = cluster(seed, 25, targets.windows)
                .nemesis(Delays::of(1.0, ms(100)).between(secs(0), secs(1)))
                .record_all_messages()
                .run(load());
            run.assert_valid();
            assert!(run.net().delayed > 100, "hardly a message was late");
            targets.assert_cost(&run);
            targets.assert_times(&DeliveryTimes::of(&run, 25));
        });
    }
}

/// One hop is 100 ms.
#[test]
fn value_on_swift_takes_one_hop() {
    for_seeds(5, |seed| {
        let run = cluster(seed, 25, Windows::swift())
            .record_all_messages()
            .run(load());
        run.assert_valid();
        // The share of broadcasts among the operations varies between runs; each costs 24 messages.
        let times = DeliveryTimes::of(&run, 25);
        let broadcasts_per_op = times.count() as f64 / run.operations() as f64;
        let cost = run.messages_per_op();
        assert!(
            cost <= SWIFT.messages_per_op * broadcasts_per_op / 0.5,
            "{cost}"
        );
        SWIFT.assert_times(&times);
    });
}

/// The delays of the first second lengthen the only hop, and have no effect after that.
#[test]
fn value_on_swift_takes_one_hop_after_a_slow_start() {
    for_seeds(3, |seed| {
        let run = cluster(seed, 25, Windows::swift())
            .nemesis(Delays::of(1.0, ms(100)).between(secs(0), secs(1)))
            .record_all_messages()
            .run(load());
        run.assert_valid();
        let times = DeliveryTimes::of(&run, 25);
        assert!(times.max() < SWIFT.max + ms(100));
        // A late message of the first second may delay the receiver by as much as it is late.
        SWIFT.assert_times(&times.since(ms(1200)));
    });
}

/// Partitions of every kind cost few messages and lose no value.
#[test]
fn partitions_cost_less_than_two_messages_per_operation() {
    for windows in [Windows::frugal(), Windows::balanced()] {
        for_each_seed(|seed| {
            let run = cluster(seed, 25, windows)
                .nemesis(Partition::any().every(secs(10)))
                .run(load());
            run.assert_valid();
            assert_eq!(run.ok_fraction(), 1.0);
            assert!(run.net().dropped > 0, "the partition never cut anything");
            assert!(run.messages_per_op() <= 2.0);
        });
    }
}
