//! Partitions: nodes that receive no messages from each other.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};

use super::{Fault, FaultContext, FaultRecord};
use crate::edn::Value;
use crate::net::{EndpointId, FaultId};
use crate::seed::ChaCha8Rng;

/// For each node, the nodes from which it receives nothing.
type Blocked = BTreeMap<usize, BTreeSet<usize>>;

/// The shape of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionKind {
    /// One node against the rest.
    One,
    /// A third of the nodes, rounded down so that it is a minority, against the rest. With three
    /// nodes or less no node is cut off.
    MinorityThird,
    /// One half, rounded down, against the other.
    Majority,
    /// Every node receives messages from a majority, a different one for each node.
    MajoritiesRing,
    /// One node receives nothing from another, but can send to it.
    OneWay,
}

impl PartitionKind {
    /// The four kinds that upstream draws from.
    pub const UPSTREAM: [PartitionKind; 4] = [
        PartitionKind::One,
        PartitionKind::MinorityThird,
        PartitionKind::Majority,
        PartitionKind::MajoritiesRing,
    ];

    fn name(self) -> &'static str {
        match self {
            PartitionKind::One => "one",
            PartitionKind::MinorityThird => "minority-third",
            PartitionKind::Majority => "majority",
            PartitionKind::MajoritiesRing => "majorities-ring",
            PartitionKind::OneWay => "one-way",
        }
    }

    fn draw(self, count: usize, rng: &mut ChaCha8Rng) -> Blocked {
        let mut nodes: Vec<usize> = (0..count).collect();
        nodes.shuffle(rng);
        match self {
            PartitionKind::One => split(&nodes, 1),
            PartitionKind::MinorityThird => split(&nodes, count.saturating_sub(1) / 3),
            PartitionKind::Majority => split(&nodes, count / 2),
            PartitionKind::MajoritiesRing if count <= 5 => small_ring(&nodes),
            PartitionKind::MajoritiesRing => large_ring(count, rng),
            PartitionKind::OneWay => match nodes[..] {
                [receiver, sender, ..] => BTreeMap::from([(receiver, BTreeSet::from([sender]))]),
                _ => BTreeMap::new(),
            },
        }
    }
}

/// Cuts off the first `size` nodes from the others.
fn split(nodes: &[usize], size: usize) -> Blocked {
    let (left, right) = nodes.split_at(size.min(nodes.len()));
    let mut blocked: Blocked = nodes.iter().map(|&node| (node, BTreeSet::new())).collect();
    for &a in left {
        for &b in right {
            blocked.entry(a).or_default().insert(b);
            blocked.entry(b).or_default().insert(a);
        }
    }
    blocked
}

/// Forms windows of a majority of consecutive nodes; the middle of each receives messages only from
/// its window.
fn small_ring(ring: &[usize]) -> Blocked {
    let count = ring.len();
    let majority = count / 2 + 1;
    let window = |start: usize| (0..majority).map(move |k| ring[(start + k) % count]);
    (0..count)
        .map(|start| {
            let heard: BTreeSet<usize> = window(start).collect();
            let listener = ring[(start + majority / 2) % count];
            (
                listener,
                ring.iter()
                    .copied()
                    .filter(|node| !heard.contains(node))
                    .collect(),
            )
        })
        .collect()
}

/// Adds links between the nodes with the fewest until every node is linked to a majority, itself
/// included.
fn large_ring(count: usize, rng: &mut ChaCha8Rng) -> Blocked {
    let majority = count / 2 + 1;
    let mut links = Links::new(count);
    for degree in 1..majority {
        while let Some(node) = links.draw(degree, None, rng) {
            // A node without a majority is not linked to all others. It links to one with the
            // fewest links.
            let other = (degree..count).find_map(|other| links.draw(other, Some(node), rng));
            links.add(node, other.expect("the node is not linked to all others"));
        }
    }
    let deaf_to = |node: usize| {
        let others = 0..count;
        others.filter(|&other| !links.has(node, other)).collect()
    };
    (0..count).map(|node| (node, deaf_to(node))).collect()
}

/// Links between nodes, from which nodes are drawn by the number of their links in constant time on
/// average: a network of a thousand nodes takes a quarter of a million links.
struct Links {
    count: usize,
    linked: Vec<bool>,
    /// The nodes by the number of their links.
    by_degree: Vec<Vec<usize>>,
    degree: Vec<usize>,
    /// The position of each node among those of its degree.
    position: Vec<usize>,
}

/// The number of random draws after which a list is searched instead.
const MAX_DRAWS: usize = 16;

impl Links {
    /// Creates links of each node to itself only.
    fn new(count: usize) -> Links {
        let mut by_degree = vec![Vec::new(); count + 1];
        by_degree[1] = (0..count).collect();
        let linked = (0..count * count).map(|at| at / count == at % count);
        Links {
            count,
            linked: linked.collect(),
            by_degree,
            degree: vec![1; count],
            position: (0..count).collect(),
        }
    }

    fn has(&self, a: usize, b: usize) -> bool {
        self.linked[a * self.count + b]
    }

    /// Draws a node with this number of links, and without one to `unlinked_to`.
    fn draw(
        &self,
        degree: usize,
        unlinked_to: Option<usize>,
        rng: &mut ChaCha8Rng,
    ) -> Option<usize> {
        let nodes = &self.by_degree[degree];
        let admits =
            |node: &&usize| unlinked_to.is_none_or(|unlinked_to| !self.has(**node, unlinked_to));
        for _ in 0..MAX_DRAWS {
            if let Some(node) = Some(nodes.choose(rng)?).filter(admits) {
                return Some(*node);
            }
        }
        nodes.iter().filter(admits).choose(rng).copied()
    }

    fn add(&mut self, a: usize, b: usize) {
        for (node, other) in [(a, b), (b, a)] {
            self.linked[node * self.count + other] = true;
            let nodes = &mut self.by_degree[self.degree[node]];
            nodes.swap_remove(self.position[node]);
            if let Some(&moved) = nodes.get(self.position[node]) {
                self.position[moved] = self.position[node];
            }
            self.degree[node] += 1;
            let nodes = &mut self.by_degree[self.degree[node]];
            self.position[node] = nodes.len();
            nodes.push(node);
        }
    }
}

/// Cuts links between nodes in the shape of a [`PartitionKind`].
pub struct Partition {
    kinds: Vec<PartitionKind>,
    cut: Option<FaultId>,
}

impl Partition {
    /// Creates a partition of one of these kinds, drawn at each start.
    pub fn of(kinds: impl Into<Vec<PartitionKind>>) -> Partition {
        Partition {
            kinds: kinds.into(),
            cut: None,
        }
    }

    /// Creates upstream's partitions: any of its four kinds.
    pub fn any() -> Partition {
        Partition::of(PartitionKind::UPSTREAM)
    }

    /// Creates a partition of one half against the other.
    pub fn halves() -> Partition {
        Partition::of([PartitionKind::Majority])
    }

    /// One node against the rest.
    pub fn one() -> Partition {
        Partition::of([PartitionKind::One])
    }

    /// Creates a partition in which one node receives nothing from another.
    pub fn one_way() -> Partition {
        Partition::of([PartitionKind::OneWay])
    }
}

impl Fault for Partition {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        let kind = *self
            .kinds
            .choose(cx.rng)
            .expect("a partition is of some kind");
        if cx.nodes.len() < 2 {
            let text = "a partition of a single node cuts nothing".to_owned();
            cx.warnings.push(text);
        }
        let blocked = kind.draw(cx.nodes.len(), cx.rng);
        let name = |node: &usize| Value::from(cx.nodes[*node].as_str());
        let shown = blocked
            .iter()
            .map(|(node, deaf_to)| (name(node), Value::set(deaf_to.iter().map(name))));
        let shown = Value::Map(shown.collect());
        let endpoint = |node: usize| EndpointId(node as u32);
        let cut = blocked
            .into_iter()
            .map(|(node, deaf_to)| (endpoint(node), deaf_to.into_iter().map(endpoint).collect()));
        let cut = cx.faults.borrow_mut().cut(cut.collect());
        if let Some(old) = self.cut.replace(cut) {
            cx.faults.borrow_mut().remove(old);
        }
        FaultRecord {
            f: "start-partition",
            request: Value::keyword(kind.name()),
            result: Value::Vector([Value::keyword("isolated"), shown].into()),
        }
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        if let Some(cut) = self.cut.take() {
            cx.faults.borrow_mut().remove(cut);
        }
        FaultRecord {
            f: "stop-partition",
            request: Value::Nil,
            result: Value::keyword("network-healed"),
        }
    }

    fn name(&self) -> String {
        match &self.kinds[..] {
            [kind] => format!("partition {}", kind.name()),
            kinds if *kinds == PartitionKind::UPSTREAM => "partition".to_owned(),
            kinds => {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                format!("partition {}", names.join("|"))
            }
        }
    }
}

/// Returns a random subset of the nodes, of a random size from 1 to `size_max`.
pub(super) fn some_of(count: usize, size_max: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let size = rng.random_range(1..=size_max.max(1)).min(count);
    let mut nodes: Vec<usize> = (0..count).sample(rng, size);
    nodes.sort_unstable();
    nodes
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn draws(kind: PartitionKind, count: usize) -> impl Iterator<Item = Blocked> {
        (0..50).map(move |seed| kind.draw(count, &mut ChaCha8Rng::seed_from_u64(seed)))
    }

    fn sizes(blocked: &Blocked) -> Vec<usize> {
        let mut sizes: Vec<usize> = blocked.values().map(BTreeSet::len).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn partition_of_one_cuts_it_off_in_both_directions() {
        for blocked in draws(PartitionKind::One, 5) {
            assert_eq!(sizes(&blocked), [1, 1, 1, 1, 4]);
        }
    }

    #[test]
    fn third_of_three_nodes_is_not_cut_off() {
        for blocked in draws(PartitionKind::MinorityThird, 3) {
            assert_eq!(sizes(&blocked), [0, 0, 0]);
        }
        for blocked in draws(PartitionKind::MinorityThird, 7) {
            assert_eq!(sizes(&blocked), [2, 2, 2, 2, 2, 5, 5]);
        }
    }

    #[test]
    fn every_node_in_a_ring_hears_a_different_majority() {
        for count in [3, 5, 6, 7, 25] {
            for blocked in draws(PartitionKind::MajoritiesRing, count) {
                for deaf_to in blocked.values() {
                    assert!(count - deaf_to.len() > count / 2, "{blocked:?}");
                }
                if count <= 5 {
                    let views: BTreeSet<_> = blocked.values().collect();
                    assert_eq!(views.len(), count, "{blocked:?}");
                }
            }
        }
    }

    #[test]
    fn large_ring_links_no_node_to_many_more_than_a_majority() {
        let count = 300;
        for blocked in draws(PartitionKind::MajoritiesRing, count).take(2) {
            for deaf_to in blocked.values() {
                let heard = count - deaf_to.len();
                assert!((151..=154).contains(&heard), "{heard}");
            }
        }
    }

    #[test]
    fn ring_of_two_nodes_cuts_nothing() {
        for blocked in draws(PartitionKind::MajoritiesRing, 2) {
            assert_eq!(sizes(&blocked), [0, 0]);
        }
    }
}
