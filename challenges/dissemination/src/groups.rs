//! How the nodes of a cluster are divided into groups.
//!
//! A small cluster is one group, and one hub serves all of it. In a larger one, about √N groups of
//! about √N consecutive nodes have a hub each, so that no node exchanges messages with more than
//! about 2√N others.

use std::ops::Range;

use crate::Windows;

/// The greatest number of nodes that one hub serves. At 385 ms between rounds, such a hub sends and
/// receives 330 messages a second.
const MAX_STAR: usize = 64;

/// The division of the nodes, which are named by their places in the cluster's list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups {
    count: usize,
    /// The number of nodes in each group; the last group may be smaller.
    size: usize,
}

impl Groups {
    /// Divides `count` nodes. Nodes that send their items straight to all others form one group,
    /// since their rounds only repair.
    pub(crate) fn new(count: usize, windows: Windows) -> Self {
        let is_star = count <= MAX_STAR || windows.direct.is_some();
        let size = match is_star {
            true => count.max(1),
            false => (count - 1).isqrt() + 1,
        };
        Self { count, size }
    }

    /// Returns the number of nodes.
    pub(crate) fn node_count(&self) -> usize {
        self.count
    }

    /// Returns whether there is more than one group.
    pub(crate) fn are_many(&self) -> bool {
        self.size < self.count
    }

    /// Returns the number of groups.
    pub(crate) fn count(&self) -> usize {
        self.count.div_ceil(self.size)
    }

    /// Returns the group of a node.
    pub(crate) fn group(&self, node: usize) -> usize {
        node / self.size
    }

    /// Returns whether two nodes are of the same group.
    pub(crate) fn are_together(&self, a: usize, b: usize) -> bool {
        self.group(a) == self.group(b)
    }

    /// Returns the first node of a group, which is its hub unless it fails.
    pub(crate) fn first(&self, group: usize) -> usize {
        group * self.size
    }

    /// Returns whether a node is the first of its group.
    pub(crate) fn is_first(&self, node: usize) -> bool {
        node.is_multiple_of(self.size)
    }

    /// Returns the first node of each group.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.count).step_by(self.size)
    }

    /// Returns the nodes of a node's group.
    pub(crate) fn members(&self, node: usize) -> Range<usize> {
        let first = self.first(self.group(node));
        first..(first + self.size).min(self.count)
    }

    /// Returns the hub of a node while no node fails.
    pub(crate) fn default_hub(&self, node: usize) -> usize {
        match self.is_first(node) {
            true => 0,
            false => self.first(self.group(node)),
        }
    }

    /// Returns whether one node comes before another in the order in which nodes become hubs: by
    /// their places in their groups.
    pub(crate) fn precedes(&self, a: usize, b: usize) -> bool {
        self.rank(a) < self.rank(b)
    }

    fn rank(&self, node: usize) -> (usize, usize) {
        (node % self.size, node / self.size)
    }

    /// Returns the nodes that a node would follow, the most preferred first: those before it in its
    /// group, and then those of other groups that precede it.
    pub(crate) fn candidates(&self, node: usize) -> impl Iterator<Item = usize> + use<> {
        let groups = *self;
        let (place, own) = groups.rank(node);
        let outside = (0..=place).flat_map(move |place| {
            let others = (0..groups.count()).filter(move |&group| group != own);
            others.map(move |group| groups.first(group) + place)
        });
        let outside =
            outside.filter(move |&other| other < groups.count && groups.precedes(other, node));
        (groups.first(own)..node).chain(outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(count: usize) -> Groups {
        Groups::new(count, Windows::balanced())
    }

    #[test]
    fn small_or_direct_cluster_is_one_group() {
        for groups in [groups(1), groups(64), Groups::new(1000, Windows::swift())] {
            assert!(!groups.are_many());
            assert_eq!(groups.count(), 1);
        }
        let one = groups(5);
        assert_eq!(Vec::from_iter(one.candidates(3)), [0, 1, 2]);
        assert_eq!(one.default_hub(3), 0);
    }

    #[test]
    fn large_cluster_has_about_as_many_groups_as_members() {
        for (count, size, group_count) in [(65, 9, 8), (100, 10, 10), (1000, 32, 32)] {
            let groups = groups(count);
            assert_eq!(groups.members(0).len(), size);
            assert_eq!(groups.count(), group_count);
            assert_eq!(groups.firsts().count(), group_count);
        }
        assert_eq!(groups(1000).members(999), 992..1000);
    }

    #[test]
    fn node_prefers_its_own_group_and_then_the_first_nodes_of_others() {
        let groups = groups(100);
        assert_eq!(Vec::from_iter(groups.candidates(30)), [0, 10, 20]);
        assert_eq!(Vec::from_iter(groups.candidates(22)).len(), 2 + 9 + 9 + 2);
        let preferred = groups.candidates(22).take(5);
        assert_eq!(Vec::from_iter(preferred), [20, 21, 0, 10, 30]);
        assert_eq!([22, 20].map(|node| groups.default_hub(node)), [20, 0]);
    }
}
