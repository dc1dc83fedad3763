//! What the sharded strategy costs.

use std::fmt;
use std::time::Duration;

use eddy::history::{Kind, Operation};
use eddy::net::{EventKind, Latency};
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, for_seeds, ms, secs};
use eddy::workload;
use orders::{Options, Ring};
use raft::Disks;

use crate::cluster::{LATENCY, SYNC, Strategy, cluster, nodes};

/// Time by which load delays an order. Requests that the asked node answers by itself take 1 to 4 ms.
const DELAY: Duration = ms(4);

fn load() -> Load {
    Load::of(workload::Orders)
        .rate(60.0)
        .concurrency(20)
        .time_limit(secs(12))
}

/// Returns whether the products of an order are in one shard.
fn is_within_a_shard(order: &Operation) -> bool {
    let shards = 0..Options::default().shards;
    let ring = Ring::new(shards.map(|shard| format!("shard{shard}")));
    let shard_of = |product: &str| ring.owner(&format!("product/{product}"));
    let lines = order.value.get("lines").and_then(|it| it.as_seq());
    let products = lines.expect("orders have lines").iter();
    let products = products.map(|line| line.as_seq().and_then(|line| line[0].as_str()));
    let mut shards = products.map(|product| shard_of(product.expect("lines have products")));
    let first = shards.next();
    shards.all(|shard| Some(shard) == first)
}

/// Latencies of orders, in ascending order.
#[derive(Default)]
struct Latencies {
    within_a_shard: Vec<Duration>,
    across_shards: Vec<Duration>,
}

impl Latencies {
    fn of(run: &Run) -> Self {
        let mut latencies = Self::default();
        for (order, completion) in run.history().pairs().filter(|(it, _)| it.f == "order") {
            let done = completion.filter(|it| it.kind == Kind::Ok);
            let latency = done.expect("all orders are answered").time - order.time;
            match is_within_a_shard(order) {
                true => latencies.within_a_shard.push(latency),
                false => latencies.across_shards.push(latency),
            }
        }
        latencies.within_a_shard.sort_unstable();
        latencies.across_shards.sort_unstable();
        latencies
    }

    /// Returns the median within a shard, and the one across shards.
    fn medians(&self) -> [Duration; 2] {
        [&self.within_a_shard, &self.across_shards].map(|it| it[it.len() / 2])
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [within, across] = self.medians();
        let counts = [&self.within_a_shard, &self.across_shards].map(Vec::len);
        let [within_count, across_count] = counts;
        write!(
            f,
            "{within_count} orders within a shard, median {within:?}; "
        )?;
        write!(f, "{across_count} across shards, median {across:?}")
    }
}

/// Runs a load on five nodes whose syncs take `sync`, and returns the latencies of orders.
fn latencies(seed: Seed, sync: Duration, load: Load) -> Latencies {
    let nodes = nodes(Strategy::Sharded, Options::default(), Disks::new(sync));
    let run = Simulation::new(seed)
        .nodes(5, nodes)
        .latency(Latency::constant(LATENCY))
        .run(load);
    run.assert_valid();
    Latencies::of(&run)
}

/// Within a shard: to the leaders of all shards, to their followers, back, and back. Across shards, the
/// same twice: reserve, settle.
#[test]
fn order_takes_four_messages_in_sequence_within_a_shard_and_eight_across_shards() {
    for_seeds(3, |seed| {
        let light = load().rate(5.0).time_limit(secs(20));
        let latencies = latencies(seed, Duration::ZERO, light);
        let [within, across] = latencies.medians();
        eprintln!("{latencies}");
        assert!(within <= 4 * LATENCY && across <= 8 * LATENCY);
    });
}

/// Each four messages come with a sync at the leader and one at a follower, each of which may have to
/// wait for the one before. A client's request may have to wait for a message that is under way to the
/// same node, since the workbench delivers one after the other.
#[test]
fn load_and_syncs_delay_orders_by_less_than_a_message() {
    for_seeds(3, |seed| {
        let latencies = latencies(seed, SYNC, load());
        let [within, across] = latencies.medians();
        eprintln!("{latencies}");
        assert!(within <= 4 * (LATENCY + SYNC) + DELAY);
        assert!(across <= 8 * (LATENCY + SYNC) + DELAY);
    });
}

/// Messages between nodes from 4 s to 9 s after the last request of the main phase. The final phase
/// begins after 10 s.
fn messages_at_rest(shards: u32) -> usize {
    let options = Options {
        shards,
        ..Options::default()
    };
    let run = cluster(1, Strategy::Sharded, options)
        .record_all_messages()
        .run(load().time_limit(secs(5)));
    run.assert_valid();
    let origin = run.journal().origin();
    let sent = run.journal().events().iter().filter(|event| {
        let at = event.time.saturating_sub(origin);
        event.kind == EventKind::Send && secs(9) < at && at < secs(14)
    });
    sent.count()
}

#[test]
fn cluster_at_rest_sends_nothing_whatever_the_number_of_shards() {
    assert_eq!((messages_at_rest(1), messages_at_rest(32)), (0, 0));
}
