//! The protocol among several nodes, on a minimal network without runtime and workload.

mod levels;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::Windows;
use crate::gossip::Gossip;
use crate::log::Item;
use crate::star::Star;
use crate::vector::Origin;

const HOP: Duration = Duration::from_millis(100);
const WINDOWS: Windows = Windows::every(Duration::from_millis(400));

/// Decides whether a message is lost, by time, sender and receiver.
type Faults = Box<dyn Fn(Duration, usize, usize, &mut ChaCha8Rng) -> bool>;

struct Cluster<T: Item> {
    stars: Vec<Star<T>>,
    /// The items that each node received, in order.
    learnt: Vec<Vec<(Origin, T)>>,
    /// The arrival of each of these items.
    learnt_at: Vec<Vec<Instant>>,
    /// The time at which each item was published, in order.
    published_at: Vec<Instant>,
    /// Messages in flight, by arrival and number.
    in_flight: BTreeMap<(Instant, u64), (usize, usize, Gossip<T>)>,
    sent: u64,
    /// The messages that each node has sent and received.
    handled: Vec<u64>,
    start: Instant,
    now: Instant,
    lost: Faults,
    /// The greatest random delay of a message, and the delay of every message, beside the hop.
    jitter: Duration,
    delay: Duration,
    rng: ChaCha8Rng,
}

impl<T: Item> Cluster<T> {
    fn new(count: usize, windows: Windows, seed: u64) -> Self {
        let now = Instant::now();
        let star = |me| Star::new(me, count, 7, windows, now);
        Self {
            stars: (0..count).map(star).collect(),
            learnt: (0..count).map(|_| Vec::new()).collect(),
            learnt_at: vec![Vec::new(); count],
            published_at: Vec::new(),
            in_flight: BTreeMap::new(),
            sent: 0,
            handled: vec![0; count],
            start: now,
            now,
            lost: Box::new(|_, _, _, _| false),
            jitter: Duration::ZERO,
            delay: Duration::ZERO,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn publish(&mut self, node: usize, item: T) {
        self.published_at.push(self.now);
        self.stars[node].publish(item, self.now);
    }

    /// Collects the messages that the nodes send now, and puts them on the network.
    fn send(&mut self) {
        for node in 0..self.stars.len() {
            for (peer, gossip) in self.stars[node].act(self.now) {
                self.sent += 1;
                self.handled[node] += 1;
                let at = self.now - self.start;
                if (self.lost)(at, node, peer, &mut self.rng) {
                    continue;
                }
                let jitter = self.jitter.mul_f64(self.rng.random());
                let key = (self.now + HOP + self.delay + jitter, self.sent);
                self.in_flight.insert(key, (node, peer, gossip));
            }
        }
    }

    /// Lets time pass until `end` after the start. Returns whether any message was sent.
    fn run_until(&mut self, end: Duration) -> bool {
        let end = self.start + end;
        let sent_before = self.sent;
        loop {
            self.send();
            let arrival = self.in_flight.keys().next().map(|(at, _)| *at);
            let timer = self.stars.iter().filter_map(Star::wake_at).min();
            let next = arrival.into_iter().chain(timer).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return self.sent > sent_before;
            };
            assert!(next > self.now || Some(next) == arrival, "a node spins");
            self.now = next.max(self.now);
            while let Some(entry) = self.in_flight.first_entry()
                && entry.key().0 <= self.now
            {
                let (from, to, gossip) = entry.remove();
                self.handled[to] += 1;
                let learnt = self.stars[to].receive(from, gossip, self.now);
                self.learnt_at[to].extend(learnt.iter().map(|_| self.now));
                self.learnt[to].extend(learnt);
            }
        }
    }

    fn agree(&self) -> bool {
        let first = self.stars[0].logs.vector();
        self.stars.iter().all(|star| star.logs.vector() == first)
    }
}

impl Cluster<i64> {
    /// Returns the longest time that an item published since then took to any node. Items are
    /// numbered from 1.
    fn slowest_since(&self, since: Instant) -> Duration {
        let arrivals = self
            .learnt
            .iter()
            .flatten()
            .zip(self.learnt_at.iter().flatten());
        let times = arrivals.filter_map(|((_, item), at)| {
            let published = self.published_at[*item as usize - 1];
            (published >= since).then(|| *at - published)
        });
        times.max().expect("an item arrived")
    }
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn items_under_loss_and_reordering_arrive_once_and_in_order() {
    for seed in 0..20 {
        let mut cluster = Cluster::<i64>::new(7, WINDOWS, seed);
        cluster.jitter = Duration::from_millis(300);
        cluster.lost = Box::new(|at, _, _, rng| at < secs(20) && rng.random_bool(0.1));
        let mut published = 0;
        for step in 1..=100 {
            let node = cluster.rng.random_range(0..7);
            cluster.publish(node, step);
            published += 1;
            cluster.run_until(Duration::from_millis(200) * step as u32);
        }
        cluster.run_until(secs(60));
        assert!(cluster.agree(), "seed {seed}");
        for (node, learnt) in cluster.learnt.iter().enumerate() {
            let own = cluster.stars[node]
                .logs
                .vector()
                .get(cluster.stars[node].origin);
            assert_eq!(learnt.len() as u64 + own, published);
            let mut last = BTreeMap::new();
            for (origin, item) in learnt {
                let before = last.insert(*origin, *item);
                assert!(before < Some(*item), "{before:?} before {item}");
            }
        }
    }
}

#[test]
fn single_item_takes_two_hops_and_one_confirmation_per_link() {
    let mut cluster = Cluster::new(5, WINDOWS, 0);
    cluster.run_until(secs(5));
    let hellos = cluster.sent;
    cluster.publish(3, 1_i64);
    cluster.run_until(secs(5) + 2 * HOP);
    assert!(cluster.agree());
    cluster.run_until(secs(10));
    assert_eq!(
        cluster.sent - hellos,
        1 + 4 + 4,
        "one message up, four down, four confirmations"
    );
    assert!(
        !cluster.run_until(secs(1000)),
        "the cluster is silent afterwards"
    );
}

#[test]
fn nodes_cut_off_from_the_hub_agree_on_another_hub() {
    let mut cluster = Cluster::<i64>::new(6, WINDOWS, 0);
    cluster.lost =
        Box::new(|at, from, to, _| at > secs(2) && at < secs(20) && (from < 3) != (to < 3));
    for step in 0..40_u64 {
        cluster.publish((step % 6) as usize, step as i64);
        cluster.run_until(Duration::from_millis(500) * (step as u32 + 1));
    }
    let hubs: Vec<usize> = cluster.stars.iter().map(Star::hub).collect();
    assert_eq!(hubs, [0, 0, 0, 3, 3, 3]);
    assert!(!cluster.agree());
    cluster.run_until(secs(22));
    assert!(cluster.agree(), "two seconds after the heal");
    cluster.run_until(secs(40));
    let hubs: BTreeSet<usize> = cluster.stars.iter().map(Star::hub).collect();
    assert_eq!(hubs, BTreeSet::from([0]), "all follow one hub again");
}

#[test]
fn long_backlog_arrives_in_messages_of_limited_size() {
    let mut cluster = Cluster::new(3, WINDOWS, 0);
    cluster.lost = Box::new(|at, from, to, _| at < secs(10) && (from == 2 || to == 2));
    for item in 0..10_000_i64 {
        cluster.publish(1, item);
    }
    cluster.run_until(secs(10));
    assert!(cluster.learnt[2].is_empty());
    while !cluster.agree() {
        cluster.send();
        let largest = cluster
            .in_flight
            .values()
            .map(|(_, _, gossip)| gossip.len())
            .max();
        assert!(largest.unwrap_or(0) <= crate::send::MAX_ITEMS);
        let at = cluster.now - cluster.start + Duration::from_millis(10);
        cluster.run_until(at);
        assert!(at < secs(20), "the backlog takes too long");
    }
}

/// A total that replaces the former totals of its node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Total(u64);

impl Item for Total {
    type Key = ();

    fn keys(&self) -> Vec<()> {
        vec![()]
    }
}

#[test]
fn replaced_items_are_dropped_on_every_node() {
    let mut cluster = Cluster::new(3, WINDOWS, 0);
    for total in 0..1000 {
        cluster.publish(1, Total(total));
        cluster.run_until(Duration::from_millis(10 * total));
    }
    cluster.run_until(secs(20));
    assert!(cluster.agree());
    for star in &cluster.stars {
        assert_eq!(star.logs.count(), 1);
    }
    assert_eq!(
        cluster.learnt[2].last().map(|(_, it)| it),
        Some(&Total(999))
    );
}

#[test]
fn restarted_node_receives_the_full_state() {
    for victim in [0, 2] {
        let mut cluster = Cluster::<i64>::new(4, WINDOWS, 0);
        for item in 0..100 {
            cluster.publish((item % 4) as usize, item);
        }
        cluster.run_until(secs(5));
        assert!(cluster.agree());
        let now = cluster.now;
        cluster.stars[victim] = Star::new(victim, 4, 8, WINDOWS, now);
        cluster.learnt[victim].clear();
        cluster.run_until(secs(10));
        assert_eq!(
            cluster.learnt[victim].len(),
            100,
            "n{victim}, its own items too"
        );
        cluster.publish(victim, 100);
        cluster.run_until(secs(15));
        assert!(cluster.agree());
        assert!(
            !cluster.run_until(secs(1000)),
            "the cluster is silent afterwards"
        );
    }
}

/// The hub has all items of node 2 but none of its acknowledgements, so its message accounts for
/// everything except these items. Another incarnation of node 2 lacks them.
#[test]
fn message_for_an_earlier_incarnation_is_not_acknowledged() {
    let mut cluster = Cluster::<i64>::new(3, WINDOWS, 0);
    cluster.lost = Box::new(|at, from, to, _| match (from, to) {
        (0, 2) => at < secs(3),
        (2, 0) => (secs(3)..secs(8)).contains(&at),
        _ => false,
    });
    for item in 0..5 {
        cluster.publish(2, item);
    }
    cluster.run_until(secs(3));
    cluster.stars[2] = Star::new(2, 3, 8, WINDOWS, cluster.now);
    cluster.learnt[2].clear();
    cluster.run_until(secs(20));
    assert!(cluster.agree());
    assert_eq!(cluster.learnt[2].len(), 5);
}

/// The old message makes the hub discard what it knows of the restarted node.
#[test]
fn late_message_of_an_earlier_incarnation_does_not_stop_delivery() {
    let mut cluster = Cluster::<i64>::new(3, WINDOWS, 0);
    cluster.run_until(secs(2));
    cluster.publish(1, 0);
    cluster.send();
    let late = cluster
        .in_flight
        .values()
        .find(|(from, to, _)| (*from, *to) == (1, 0));
    let (.., late) = late.expect("node 1 sends its item to the hub").clone();
    cluster.stars[1] = Star::new(1, 3, 8, WINDOWS, cluster.now);
    for item in 1..5 {
        cluster.publish(1, item);
        cluster.publish(2, item);
        cluster.run_until(secs(2 + item as u64));
    }
    cluster.stars[0].receive(1, late, cluster.now);
    cluster.publish(1, 5);
    cluster.publish(2, 5);
    cluster.run_until(secs(20));
    assert!(cluster.agree());
    assert!(
        !cluster.run_until(secs(1000)),
        "the cluster is silent afterwards"
    );
}

#[test]
fn message_names_only_what_has_changed() {
    let mut cluster = Cluster::<i64>::new(50, WINDOWS, 0);
    for node in 0..50 {
        cluster.publish(node, node as i64);
    }
    cluster.run_until(secs(10));
    assert!(cluster.agree());
    cluster.publish(7, 50);
    let mut sizes = Vec::new();
    for step in 0..100 {
        cluster.send();
        let messages = cluster.in_flight.values();
        sizes.extend(messages.map(|(_, _, gossip)| serde_json::to_string(gossip).unwrap().len()));
        cluster.run_until(secs(10) + Duration::from_millis(50) * step);
    }
    assert!(cluster.agree());
    let largest = sizes.into_iter().max();
    assert!(largest.is_some_and(|it| it < 250), "{largest:?} bytes");
}

/// 5,000 items within one window of direct sending are more than fit into one message.
#[test]
fn burst_larger_than_a_message_is_sent_directly_in_full() {
    let mut cluster = Cluster::new(4, Windows::swift(), 0);
    cluster.run_until(secs(5));
    for item in 0..5000_i64 {
        cluster.publish(1, item);
    }
    cluster.run_until(secs(5) + HOP + Duration::from_millis(10));
    for node in [2, 3] {
        assert_eq!(cluster.learnt[node].len(), 5000, "n{node}");
    }
}

/// A message that took longer than planned misses its round. Its items depart once they have waited
/// for the interval of rounds, not one interval after the missed round.
#[test]
fn items_that_missed_their_round_depart_when_they_have_waited_enough() {
    let mut cluster = Cluster::<i64>::new(3, WINDOWS, 0);
    let mut item = 0;
    let mut publish_until = |cluster: &mut Cluster<i64>, end| {
        while cluster.now - cluster.start < end {
            item += 1;
            cluster.publish(1 + (item % 2) as usize, item);
            let at = cluster.now - cluster.start + Duration::from_millis(7);
            cluster.run_until(at);
        }
    };
    publish_until(&mut cluster, secs(5));
    cluster.delay = Duration::from_millis(30);
    let late_since = cluster.now;
    publish_until(&mut cluster, secs(7));
    let slowest = cluster.slowest_since(late_since);
    let bound = WINDOWS.round + 2 * (HOP + cluster.delay) + Duration::from_millis(20);
    assert!(slowest < bound, "{slowest:?}");
}
