//! Shards on Raft groups under one kind of fault at a time: nothing is oversold, lost or decided
//! twice.

use eddy::edn::Value;
use eddy::history::Kind;
use eddy::nemesis::{Duplication, Fault, Kill, Loss, Partition, Pause, Target};
use eddy::simulation::{Run, for_seeds, ms, secs};
use orders::Options;

use crate::cluster::{Strategy, cluster, load};

fn run(seed: eddy::seed::Seed, faults: impl Fault + 'static) -> Run {
    let run = cluster(seed, Strategy::Sharded, Options::default())
        .nemesis(faults.every(secs(2)))
        .run(load());
    run.assert_valid();
    run
}

#[test]
fn quiet_cluster_serves_every_request() {
    for_seeds(3, |seed| {
        let run = cluster(seed, Strategy::Sharded, Options::default()).run(load());
        run.assert_valid();
        assert!(run.ok_fraction() > 0.995, "{}", run.ok_fraction());
    });
}

#[test]
fn partitions_preserve_stock_and_orders() {
    for_seeds(3, |seed| {
        let run = run(seed, Partition::any());
        assert!(run.net().dropped > 0, "no message was dropped");
    });
}

#[test]
fn kills_preserve_stock_and_orders() {
    for_seeds(3, |seed| {
        let run = run(seed, Kill::one());
        assert!(run.kills() > 0, "no node was killed");
    });
}

#[test]
fn pauses_preserve_stock_and_orders() {
    for_seeds(3, |seed| {
        let run = run(seed, Pause::one());
        assert!(run.pauses() > 0, "no node was paused");
    });
}

#[test]
fn lost_and_repeated_messages_preserve_stock_and_orders() {
    for_seeds(3, |seed| {
        let run = cluster(seed, Strategy::Sharded, Options::default())
            .nemesis(Loss::of(0.2).every(secs(2)))
            .nemesis(Duplication::of(0.5).every(secs(2)))
            .run(load());
        run.assert_valid();
        assert!(run.net().lost > 0 && run.net().duplicated > 0);
    });
}

/// Most of 32 shards sleep most of the time, also while their leader is dead.
#[test]
fn sleeping_shards_survive_kills() {
    for_seeds(3, |seed| {
        let options = Options {
            shards: 32,
            ..Options::default()
        };
        let run = cluster(seed, Strategy::Sharded, options)
            .nemesis(Kill::one().every(secs(3)))
            .run(load().rate(5.0).time_limit(secs(30)));
        run.assert_valid();
        assert!(run.kills() > 0, "no node was killed");
    });
}

/// The shards that a dead node led are taken over, while the requests to the other nodes wait.
#[test]
fn one_dead_node_of_five_delays_orders_for_less_than_three_seconds() {
    for_seeds(3, |seed| {
        let dead = seed.0 as usize % 5;
        let run = cluster(seed, Strategy::Sharded, Options::default())
            .nemesis(Kill::of(Target::Node(dead)).between(secs(3), ms(8900)))
            .run(load());
        run.assert_valid();
        let name = Value::from(format!("n{dead}"));
        let at_live_nodes = run.history().pairs();
        let at_live_nodes = at_live_nodes.filter(|(op, _)| op.value.get("node") != Some(&name));
        let (mut all, mut ok, mut longest) = (0, 0, ms(0));
        for (invocation, completion) in at_live_nodes.filter(|(op, _)| !op.is_final()) {
            all += 1;
            if let Some(done) = completion.filter(|done| done.kind == Kind::Ok) {
                ok += 1;
                longest = longest.max(done.time - invocation.time);
            }
        }
        assert!(ok as f64 >= 0.99 * all as f64, "{ok} of {all} are ok");
        assert!(longest < secs(3), "{longest:?}");
    });
}
