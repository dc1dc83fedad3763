//! The neighbourhoods that broadcast proposes to its nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A way to lay out nodes; see [`Topology::neighbours`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topology {
    /// A chain.
    Line,
    /// Rows and columns, as square as possible.
    #[default]
    Grid,
    /// A tree laid out as a heap, with this many children per node.
    Tree(usize),
    /// Everybody is everybody's neighbour.
    Total,
}

impl Topology {
    /// The names on the command line.
    pub const NAMES: [&str; 7] = ["line", "grid", "tree", "tree2", "tree3", "tree4", "total"];

    /// For each node its neighbours, in upstream's order.
    pub fn neighbours(self, nodes: &[String]) -> BTreeMap<String, Vec<String>> {
        let count = nodes.len();
        if self == Topology::Line && count < 2 {
            return BTreeMap::new();
        }
        let side = (1..)
            .find(|side| side * side >= count)
            .expect("some square is large enough");
        let neighbours = |k: usize| -> Vec<usize> {
            match self {
                Topology::Line => [k.checked_sub(1), Some(k + 1)]
                    .into_iter()
                    .flatten()
                    .collect(),
                Topology::Grid => {
                    let column = k % side;
                    let left = (column > 0).then(|| k - 1);
                    let right = (column + 1 < side).then_some(k + 1);
                    let around = [Some(k + side), k.checked_sub(side), right, left];
                    around.into_iter().flatten().collect()
                }
                Topology::Tree(b) => {
                    let parent = (k > 0).then(|| (k - 1) / b);
                    parent.into_iter().chain(b * k + 1..=b * k + b).collect()
                }
                Topology::Total => (0..count).filter(|&other| other != k).collect(),
            }
        };
        let named = |k: usize| -> Vec<String> {
            neighbours(k)
                .into_iter()
                .filter_map(|other| nodes.get(other).cloned())
                .collect()
        };
        nodes
            .iter()
            .enumerate()
            .map(|(k, node)| (node.clone(), named(k)))
            .collect()
    }
}

impl FromStr for Topology {
    type Err = String;

    fn from_str(name: &str) -> Result<Topology, String> {
        Ok(match name {
            "line" => Topology::Line,
            "grid" => Topology::Grid,
            "tree" | "tree2" => Topology::Tree(2),
            "tree3" => Topology::Tree(3),
            "tree4" => Topology::Tree(4),
            "total" => Topology::Total,
            _ => return Err(format!("must be one of {}", Topology::NAMES.join(", "))),
        })
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topology::Line => f.write_str("line"),
            Topology::Grid => f.write_str("grid"),
            Topology::Tree(2) => f.write_str("tree"),
            Topology::Tree(b) => write!(f, "tree{b}"),
            Topology::Total => f.write_str("total"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topology: Topology, count: usize, node: usize) -> Vec<String> {
        let nodes: Vec<String> = (0..count).map(|k| format!("n{k}")).collect();
        topology
            .neighbours(&nodes)
            .remove(&nodes[node])
            .unwrap_or_default()
    }

    #[test]
    fn neighbours_stand_in_upstreams_order() {
        assert_eq!(of(Topology::Grid, 9, 4), ["n7", "n1", "n5", "n3"]);
        assert_eq!(of(Topology::Grid, 5, 1), ["n4", "n2", "n0"]);
        assert_eq!(of(Topology::Line, 3, 1), ["n0", "n2"]);
        assert_eq!(of(Topology::Tree(3), 7, 1), ["n0", "n4", "n5", "n6"]);
        assert_eq!(of(Topology::Total, 3, 1), ["n0", "n2"]);
        assert!(of(Topology::Line, 1, 0).is_empty());
    }
}
