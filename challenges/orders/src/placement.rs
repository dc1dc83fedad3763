//! The nodes of each shard: those that hold it at first, and those that should hold it now.

use std::collections::BTreeMap;

use glomers::NodeId;

use crate::ring::Ring;
use crate::shop::ShardId;

/// Number of replicas of a shard.
pub(crate) const REPLICAS: usize = 3;

/// The shard whose group keeps the list of the nodes that have joined.
pub(crate) const CONFIGURATION_SHARD: ShardId = 0;

/// The nodes of a shard, the preferred ones first.
pub(crate) type Ranking = Vec<NodeId>;

/// Places shards on nodes with a consistent-hash ring.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    shards: u32,
    nodes: Vec<NodeId>,
    /// Number of nodes, the first ones, that hold shards at first. The others join later.
    first_count: usize,
}

impl Placement {
    /// Creates a placement in which the last `spares` nodes hold nothing at first. At least one node
    /// is no spare.
    pub(crate) fn new(shards: u32, nodes: &[NodeId], spares: usize) -> Self {
        Self {
            shards,
            nodes: nodes.to_vec(),
            first_count: nodes.len().saturating_sub(spares).max(1),
        }
    }

    /// Returns the nodes that hold shards at first.
    fn first_nodes(&self) -> &[NodeId] {
        &self.nodes[..self.first_count.min(self.nodes.len())]
    }

    /// Returns whether there are nodes that hold nothing at first.
    pub(crate) fn has_spares(&self) -> bool {
        self.first_count < self.nodes.len()
    }

    /// Returns the position of a node among the spares, from 0 on; `None` if it is no spare.
    pub(crate) fn spare_number(&self, node: &str) -> Option<usize> {
        let spares = &self.nodes[self.first_nodes().len()..];
        spares.iter().position(|spare| **spare == *node)
    }

    /// Returns the nodes that hold each shard at first.
    pub(crate) fn first(&self) -> BTreeMap<ShardId, Ranking> {
        let mut rankings = self.rankings(&[]);
        for ranking in rankings.values_mut() {
            ranking.truncate(REPLICAS);
        }
        rankings
    }

    /// Returns all nodes for each shard, those that hold it at first before the others.
    pub(crate) fn contacts(&self) -> BTreeMap<ShardId, Ranking> {
        let mut rankings = self.first();
        for ranking in rankings.values_mut() {
            let others = self.nodes.iter().filter(|node| !ranking.contains(node));
            let others: Ranking = others.cloned().collect();
            ranking.extend(others);
        }
        rankings
    }

    /// Returns the nodes that may hold each shard once the nodes in `joined` have joined. The first
    /// three that are alive should hold it. Another node moves few shards, since it only takes places
    /// from those that it precedes on the ring.
    pub(crate) fn rankings(&self, joined: &[NodeId]) -> BTreeMap<ShardId, Ranking> {
        let joined = joined.iter().filter(|it| !self.first_nodes().contains(it));
        let members: Ranking = self.first_nodes().iter().chain(joined).cloned().collect();
        let ring = Ring::new(&members);
        let ranking = |shard| {
            let owners = ring.owners(&format!("shard{shard}"), members.len());
            let owners = owners.iter().map(|owner| members[*owner as usize].clone());
            (shard, owners.collect())
        };
        (0..self.shards).map(ranking).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARDS: u32 = 32;

    fn nodes(count: usize) -> Vec<NodeId> {
        (0..count).map(|node| format!("n{node}").into()).collect()
    }

    fn holders(placement: &Placement, joined: &[NodeId]) -> BTreeMap<ShardId, Ranking> {
        let mut rankings = placement.rankings(joined);
        rankings.values_mut().for_each(|it| it.truncate(REPLICAS));
        rankings
    }

    #[test]
    fn spares_hold_nothing_until_they_join() {
        let nodes = nodes(7);
        let placement = Placement::new(SHARDS, &nodes, 2);
        for (shard, holders) in placement.first() {
            assert_eq!(holders.len(), REPLICAS);
            assert!(holders.iter().all(|node| nodes[..5].contains(node)));
            let contacts = &placement.contacts()[&shard];
            assert_eq!((&contacts[..REPLICAS], contacts.len()), (&holders[..], 7));
        }
        assert_eq!(holders(&placement, &[]), placement.first());
        assert_eq!(
            [0, 5, 6].map(|it| placement.spare_number(&nodes[it])),
            [None, Some(0), Some(1)]
        );
    }

    #[test]
    fn node_that_joins_takes_places_and_nothing_else_moves() {
        let nodes = nodes(8);
        let placement = Placement::new(SHARDS, &nodes, 3);
        for joined in 1..=3 {
            let joined = &nodes[5..5 + joined];
            let (new, before) = joined.split_last().expect("one joins");
            let (before, after) = (holders(&placement, before), holders(&placement, joined));
            let mut taken = 0;
            for (shard, holders) in &after {
                let newcomers = holders.iter().filter(|it| !before[shard].contains(it));
                for newcomer in newcomers {
                    assert_eq!(newcomer, new, "a place moved between old nodes");
                    taken += 1;
                }
            }
            assert!(taken > 0, "{new} takes no place");
        }
    }

    #[test]
    fn one_node_holds_everything_if_all_are_spares() {
        let placement = Placement::new(4, &["n0".into()], 1);
        assert!(placement.first().values().all(|it| *it == ["n0".into()]));
    }
}
