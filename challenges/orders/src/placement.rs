//! The nodes of each shard: those that hold it at first, and those that may take the place of one.

use std::collections::BTreeMap;

use glomers::NodeId;

use crate::ring::Ring;
use crate::shop::ShardId;

/// Number of replicas of a shard.
const REPLICAS: usize = 3;

/// The nodes of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The nodes that hold the shard at first.
    pub(crate) first: Vec<NodeId>,
    /// All nodes, in the order in which they take the place of a dead one: spares, then other nodes.
    /// The ring orders them, so that the shards of a dead node go to different nodes.
    pub(crate) replacements: Vec<NodeId>,
}

impl Placement {
    /// Places shards on nodes. The last `spares` nodes hold nothing at first, but at least one node
    /// does.
    pub(crate) fn of_shards(
        shards: u32,
        nodes: &[NodeId],
        spares: usize,
    ) -> BTreeMap<ShardId, Self> {
        let (holders, spares) = nodes.split_at(nodes.len().saturating_sub(spares).max(1));
        let (holder_ring, spare_ring) = (Ring::new(holders), Ring::new(spares));
        let ordered = |ring: &Ring, nodes: &[NodeId], shard: ShardId| -> Vec<NodeId> {
            let owners = ring.owners(&format!("shard{shard}"), nodes.len());
            let owners = owners.iter().map(|owner| nodes[*owner as usize].clone());
            owners.collect()
        };
        let place = |shard| {
            let mut first = ordered(&holder_ring, holders, shard);
            let others = first.split_off(REPLICAS.min(first.len()));
            let mut replacements = ordered(&spare_ring, spares, shard);
            replacements.extend(others);
            replacements.extend(first.iter().cloned());
            (
                shard,
                Self {
                    first,
                    replacements,
                },
            )
        };
        (0..shards).map(place).collect()
    }

    /// Returns all nodes, those that hold the shard at first before the others.
    pub(crate) fn all(&self) -> Vec<NodeId> {
        let others = self.replacements.iter();
        let others = others.filter(|node| !self.first.contains(node));
        self.first.iter().chain(others).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn spares_hold_nothing_at_first_and_come_first_as_replacements() {
        let nodes: Vec<NodeId> = (0..7).map(|node| format!("n{node}").into()).collect();
        let placements = Placement::of_shards(32, &nodes, 2);
        let mut first_spares = BTreeSet::new();
        for placement in placements.values() {
            assert_eq!(placement.first.len(), REPLICAS);
            assert!(placement.first.iter().all(|node| nodes[..5].contains(node)));
            let (spares, others) = placement.replacements.split_at(2);
            assert!(spares.iter().all(|node| nodes[5..].contains(node)));
            assert_eq!(others.len(), 5);
            assert_eq!(placement.all().len(), nodes.len());
            first_spares.insert(spares[0].clone());
        }
        assert_eq!(first_spares.len(), 2, "both spares take over shards");
    }

    #[test]
    fn one_node_holds_everything_if_all_are_spares() {
        let placements = Placement::of_shards(4, &["n0".into()], 1);
        assert!(placements.values().all(|it| *it.first == ["n0".into()]));
    }
}
