//! Partitions: nodes that do not hear each other.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};

use super::{Fault, FaultContext, FaultRecord};
use crate::edn::Value;
use crate::net::{CutId, EndpointId};
use crate::seed::ChaCha8Rng;

/// For each node that is cut off from others: those that it does not hear.
type Blocked = BTreeMap<usize, BTreeSet<usize>>;

/// Who is cut off from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKind {
    /// One node against the rest.
    One,
    /// A third of the nodes, rounded down so that it is a minority, against the rest. With three
    /// nodes or less nobody is cut off.
    MinorityThird,
    /// One half, rounded down, against the other.
    Majority,
    /// Every node hears a majority, and no two the same one.
    MajoritiesRing,
    /// One node does not hear another, which hears it.
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
                [deaf, mute, ..] => BTreeMap::from([(deaf, BTreeSet::from([mute]))]),
                _ => BTreeMap::new(),
            },
        }
    }
}

/// The first `size` nodes against the others.
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

/// Windows of a majority of consecutive nodes; the middle of each hears only its window.
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

/// Links are added between the nodes with the fewest, until everybody is linked to a majority.
fn large_ring(count: usize, rng: &mut ChaCha8Rng) -> Blocked {
    let majority = count / 2 + 1;
    let mut linked: Vec<BTreeSet<usize>> = (0..count).map(|node| BTreeSet::from([node])).collect();
    while let Some(least) = linked
        .iter()
        .map(BTreeSet::len)
        .min()
        .filter(|&n| n < majority)
    {
        let candidates = (0..count).filter(|&node| linked[node].len() == least);
        let node = candidates
            .choose(rng)
            .expect("some node has the fewest links");
        let others: Vec<usize> = (0..count)
            .filter(|other| !linked[node].contains(other))
            .collect();
        let fewest = others.iter().map(|&other| linked[other].len()).min();
        let others = others
            .into_iter()
            .filter(|&other| Some(linked[other].len()) == fewest);
        let other = others
            .choose(rng)
            .expect("a node without a majority has somebody to link to");
        linked[node].insert(other);
        linked[other].insert(node);
    }
    let deaf_to = |node: usize| {
        (0..count)
            .filter(|other| !linked[node].contains(other))
            .collect()
    };
    (0..count).map(|node| (node, deaf_to(node))).collect()
}

/// Cuts the network in two, or in more intricate ways.
pub struct Partition {
    kinds: Vec<PartitionKind>,
    cut: Option<CutId>,
}

impl Partition {
    /// A partition of one of these kinds, drawn at each strike.
    pub fn of(kinds: impl Into<Vec<PartitionKind>>) -> Partition {
        Partition {
            kinds: kinds.into(),
            cut: None,
        }
    }

    /// Upstream's partitions: any of its four kinds.
    pub fn any() -> Partition {
        Partition::of(PartitionKind::UPSTREAM)
    }

    /// One half against the other.
    pub fn halves() -> Partition {
        Partition::of([PartitionKind::Majority])
    }

    /// One node against the rest.
    pub fn one() -> Partition {
        Partition::of([PartitionKind::One])
    }

    /// One node does not hear another.
    pub fn one_way() -> Partition {
        Partition::of([PartitionKind::OneWay])
    }
}

impl Fault for Partition {
    fn start(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        let kind = *self
            .kinds
            .choose(arena.rng)
            .expect("a partition is of some kind");
        let blocked = kind.draw(arena.nodes.len(), arena.rng);
        let name = |node: &usize| Value::from(arena.nodes[*node].as_str());
        let shown = blocked
            .iter()
            .map(|(node, deaf_to)| (name(node), Value::Set(deaf_to.iter().map(name).collect())));
        let shown = Value::Map(shown.collect());
        let endpoint = |node: usize| EndpointId(node as u32);
        let cut = blocked
            .into_iter()
            .map(|(node, deaf_to)| (endpoint(node), deaf_to.into_iter().map(endpoint).collect()));
        let cut = arena.faults.borrow_mut().cut(cut.collect());
        if let Some(old) = self.cut.replace(cut) {
            arena.faults.borrow_mut().heal(old);
        }
        FaultRecord {
            f: "start-partition",
            request: Value::keyword(kind.name()),
            result: Value::Vector(vec![Value::keyword("isolated"), shown]),
        }
    }

    fn stop(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        if let Some(cut) = self.cut.take() {
            arena.faults.borrow_mut().heal(cut);
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

/// A random subset of the nodes, of a random size up to `size_max` and at least one.
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
    fn one_node_is_cut_off_from_all_others_in_both_directions() {
        for blocked in draws(PartitionKind::One, 5) {
            assert_eq!(sizes(&blocked), [1, 1, 1, 1, 4]);
        }
    }

    #[test]
    fn three_nodes_have_no_minority_of_a_third() {
        for blocked in draws(PartitionKind::MinorityThird, 3) {
            assert_eq!(sizes(&blocked), [0, 0, 0]);
        }
        for blocked in draws(PartitionKind::MinorityThird, 7) {
            assert_eq!(sizes(&blocked), [2, 2, 2, 2, 2, 5, 5]);
        }
    }

    #[test]
    fn in_a_ring_every_node_hears_a_majority_and_no_two_the_same() {
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
    fn two_nodes_are_not_parted_by_a_ring() {
        for blocked in draws(PartitionKind::MajoritiesRing, 2) {
            assert_eq!(sizes(&blocked), [0, 0]);
        }
    }
}
