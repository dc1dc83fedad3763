//! Two levels of hubs, in a cluster of a hundred nodes: ten groups of ten.

use super::*;

const COUNT: usize = 100;

/// The time by which hubs and nodes allow messages to be late.
const MARGINS: Duration = Duration::from_millis(20);

fn cluster(seed: u64) -> Cluster<i64> {
    Cluster::new(COUNT, WINDOWS, seed)
}

impl Cluster<i64> {
    /// Publishes an item at a random node every 20 ms until `end` after the start. A node that
    /// `is_down` publishes nothing.
    fn publish_until(&mut self, end: Duration, is_down: impl Fn(usize) -> bool) {
        while self.now - self.start < end {
            let node = self.rng.random_range(0..COUNT);
            if !is_down(node) {
                let item = self.published_at.len() as i64 + 1;
                self.publish(node, item);
            }
            let at = self.now - self.start + Duration::from_millis(20);
            self.run_until(at);
        }
    }

    fn hubs(&self) -> Vec<usize> {
        self.stars.iter().map(Star::hub).collect()
    }
}

#[test]
fn item_crosses_three_links_and_waits_once() {
    for seed in 0..2 {
        let mut cluster = cluster(seed);
        cluster.publish_until(secs(5), |_| false);
        let since = cluster.now;
        cluster.publish_until(secs(10), |_| false);
        cluster.run_until(secs(14));
        assert!(cluster.agree());
        let slowest = cluster.slowest_since(since);
        assert!(slowest <= WINDOWS.round + 3 * HOP + MARGINS, "{slowest:?}");
        assert!(
            !cluster.run_until(secs(1000)),
            "the cluster is silent afterwards"
        );
    }
}

#[test]
fn single_item_is_not_delayed() {
    let mut cluster = cluster(0);
    cluster.run_until(secs(5));
    cluster.publish(57, 1);
    cluster.run_until(secs(5) + 3 * HOP);
    assert!(cluster.agree());
}

#[test]
fn no_node_handles_more_than_four_messages_per_hub_and_round() {
    let mut cluster = cluster(0);
    cluster.publish_until(secs(5), |_| false);
    cluster.handled.fill(0);
    let rounds = 20;
    cluster.publish_until(secs(5) + WINDOWS.round * rounds, |_| false);
    let busiest = cluster.handled.iter().max().copied();
    let per_round = busiest.unwrap_or(0) as f64 / f64::from(rounds);
    assert!(per_round <= 4.0 * 10.0, "{per_round}");
}

#[test]
fn lost_and_late_messages_are_repaired() {
    for seed in 0..2 {
        let mut cluster = cluster(seed);
        cluster.jitter = Duration::from_millis(300);
        cluster.lost = Box::new(|at, _, _, rng| at < secs(10) && rng.random_bool(0.1));
        cluster.publish_until(secs(10), |_| false);
        cluster.run_until(secs(25));
        assert!(cluster.agree(), "seed {seed}");
        let count = cluster.published_at.len() as u64;
        for (star, learnt) in cluster.stars.iter().zip(&cluster.learnt) {
            let own = star.logs.upto(star.origin);
            assert_eq!(learnt.len() as u64 + own, count);
        }
    }
}

/// A node is down if it sends and receives nothing.
#[test]
fn dead_hubs_of_both_levels_are_replaced_and_return() {
    for seed in 0..2 {
        let mut cluster = cluster(seed);
        // The root, the hub that replaces it, and a hub with its successor.
        let is_down = |node| [0, 10, 50, 51].contains(&node);
        let (killed, back) = (secs(4), secs(16));
        cluster.lost = Box::new(move |at, from, to, _| {
            (killed..back).contains(&at) && (is_down(from) || is_down(to))
        });
        cluster.publish_until(killed, |_| false);
        // Two hubs of one group failed in a row.
        cluster.publish_until(killed + secs(5), is_down);
        let since = cluster.now;
        cluster.publish_until(secs(15), is_down);
        cluster.run_until(back);
        let live: Vec<usize> = (0..COUNT).filter(|&node| !is_down(node)).collect();
        for node in &live {
            // The last items of the nodes that are down may be known to these only.
            for origin in live.iter().map(|&node| cluster.stars[node].origin) {
                let held = cluster.stars[*node].logs.upto(origin);
                let published = cluster.stars[origin.node].logs.upto(origin);
                assert_eq!(held, published, "n{node} lacks items of n{}", origin.node);
            }
        }
        let slowest = cluster.slowest_since(since);
        assert!(slowest <= WINDOWS.round + 3 * HOP + MARGINS, "{slowest:?}");
        let hubs = cluster.hubs();
        assert_eq!(
            hubs[1], 20,
            "the hub of the first group follows the new root"
        );
        assert_eq!(hubs[2], 1);
        assert_eq!([hubs[52], hubs[53]], [20, 52]);
        cluster.run_until(back + secs(2));
        assert!(cluster.agree(), "two seconds after the return");
        cluster.run_until(secs(60));
        let default = (0..COUNT).map(|node| cluster.stars[0].groups.default_hub(node));
        assert_eq!(cluster.hubs(), Vec::from_iter(default));
    }
}

#[test]
fn restarted_hub_receives_the_full_state() {
    for victim in [0, 50] {
        let mut cluster = cluster(0);
        cluster.publish_until(secs(5), |_| false);
        cluster.run_until(secs(8));
        let count = cluster.published_at.len();
        cluster.stars[victim] = Star::new(victim, COUNT, 8, WINDOWS, cluster.now);
        cluster.learnt[victim].clear();
        cluster.run_until(secs(12));
        assert_eq!(cluster.learnt[victim].len(), count, "n{victim}");
        cluster.publish(victim, count as i64 + 1);
        cluster.run_until(secs(16));
        assert!(cluster.agree());
    }
}

/// The cut goes through every group, or between groups.
#[test]
fn each_side_of_a_partition_delivers_and_both_agree_after_the_heal() {
    let cuts: [fn(usize) -> bool; 3] = [
        |node| node % 2 == 0,
        |node| node < 45,
        |node| node % 10 < 3 || node > 70,
    ];
    for is_left in cuts {
        let mut cluster = cluster(0);
        let (cut, heal) = (secs(4), secs(14));
        cluster.lost = Box::new(move |at, from, to, _| {
            (cut..heal).contains(&at) && is_left(from) != is_left(to)
        });
        cluster.publish_until(secs(14), |_| false);
        let left = (0..COUNT).find(|&node| is_left(node)).expect("a side");
        let right = (0..COUNT).find(|&node| !is_left(node)).expect("a side");
        let roots = [left, right].map(|node| {
            let hub = cluster.hubs()[node];
            cluster.hubs()[hub]
        });
        assert!(is_left(roots[0]) && !is_left(roots[1]), "{roots:?}");
        cluster.run_until(heal + secs(2));
        assert!(cluster.agree(), "two seconds after the heal");
        // After a pause, the hubs need a few rounds to agree on new times.
        cluster.publish_until(heal + secs(4), |_| false);
        let since = cluster.now;
        cluster.publish_until(heal + secs(7), |_| false);
        cluster.run_until(secs(40));
        let slowest = cluster.slowest_since(since);
        assert!(slowest <= WINDOWS.round + 3 * HOP + MARGINS, "{slowest:?}");
    }
}
