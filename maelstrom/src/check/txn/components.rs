//! Strongly connected components: the parts of a graph in which every node can be reached from every other,
//! so that each holds a cycle.
//!
//! [`knots`] searches the graph of a whole history, which may be large, and [`Components`] any small one.

use petgraph::graph::DiGraph;

use super::graph::{Graph, Node};

/// The parts of the graph that contain cycles: its strongly connected components of more than
/// one transaction, each sorted, in the order of their first transactions.
///
/// Tarjan's algorithm ("Depth-first search and linear graph algorithms", 1972), on the links as they
/// are stored: a copy for a library would be the largest part of a checker's memory. It keeps its
/// own stack instead of recursing.
pub fn knots(graph: &Graph) -> Vec<Vec<Node>> {
    const UNSEEN: u32 = 0;
    const DONE: u32 = u32::MAX;
    // The number of each node in the order of first visits, and the lowest number of a node in
    // the same component that is known to be reachable from it.
    let mut number = vec![UNSEEN; graph.nodes()];
    let mut lowest = number.clone();
    let mut visited = UNSEEN;
    // Nodes whose component is not complete, and the path to the present node, with the next link
    // to follow of each node.
    let mut open: Vec<Node> = Vec::new();
    let mut path: Vec<(Node, usize)> = Vec::new();
    let mut knots = Vec::new();
    for root in 0..graph.nodes() {
        let mut enter = (number[root] == UNSEEN).then_some(root);
        loop {
            if let Some(node) = enter.take() {
                visited += 1;
                (number[node], lowest[node]) = (visited, visited);
                open.push(node);
                path.push((node, 0));
            }
            let Some((node, next)) = path.last_mut() else {
                break;
            };
            let node = *node;
            if let Some(edge) = graph.links_from(node).get(*next) {
                *next += 1;
                let second = edge.second();
                match number[second] {
                    UNSEEN => enter = Some(second),
                    DONE => {}
                    number => lowest[node] = lowest[node].min(number),
                }
                continue;
            }
            path.pop();
            if let Some(&(before, _)) = path.last() {
                lowest[before] = lowest[before].min(lowest[node]);
            }
            if lowest[node] == number[node] {
                let start = open.iter().rposition(|&other| other == node);
                let mut component = open.split_off(start.expect("the node is open"));
                component.iter().for_each(|&node| number[node] = DONE);
                if component.len() > 1 {
                    component.sort_unstable();
                    knots.push(component);
                }
            }
        }
    }
    knots.sort_unstable();
    knots
}

/// Strongly connected components.
pub struct Components {
    /// The component of each node. A link leads to a component of the same or a lower number.
    pub of: Vec<usize>,
    /// The nodes of each component.
    pub members: Vec<Vec<Node>>,
}

impl Components {
    /// The components of a graph with these links.
    pub fn of(nodes: usize, links: impl Iterator<Item = (Node, Node)>) -> Components {
        let mut graph = DiGraph::<(), (), u32>::with_capacity(nodes, 0);
        for _ in 0..nodes {
            graph.add_node(());
        }
        graph.extend_with_edges(links.map(|(first, second)| (first as u32, second as u32)));
        // Kosaraju's algorithm as petgraph has it keeps its own stack, where its version of
        // Tarjan's recurses. It yields components in reverse topological order.
        let members: Vec<Vec<Node>> = petgraph::algo::kosaraju_scc(&graph)
            .into_iter()
            .map(|component| component.into_iter().map(|node| node.index()).collect())
            .collect();
        let mut of = vec![0; nodes];
        for (number, component) in members.iter().enumerate() {
            component.iter().for_each(|&node| of[node] = number);
        }
        Components { of, members }
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::Given;
    use super::super::graph::{Dependencies, Evidence, Link, Relation};
    use super::*;

    #[test]
    fn links_lead_to_components_of_the_same_or_a_lower_number() {
        let links = [(0, 1), (1, 2), (2, 1), (2, 3)];
        let components = Components::of(4, links.into_iter());
        assert_eq!(components.of[1], components.of[2]);
        assert!(
            links
                .iter()
                .all(|&(a, b)| components.of[a] >= components.of[b])
        );
    }

    /// A cycle through this many transactions.
    struct Ring(usize);

    impl Dependencies<'static> for Ring {
        fn links_to(&self, second: Node, yield_link: &mut dyn FnMut(Link<'static>)) {
            let Ring(size) = *self;
            yield_link(Link {
                first: (second + size - 1) % size,
                second,
                evidence: Evidence::Order(Relation::Ww),
            });
        }
    }

    #[test]
    fn cycle_of_a_hundred_thousand_does_not_overflow_the_stack() {
        let n = 100_000;
        let components = Components::of(n, (0..n).map(|i| (i, (i + 1) % n)));
        assert_eq!(components.members.len(), 1);
        let graph = Graph::of(n, &[&Ring(n)], |relation| relation as u8);
        assert_eq!(knots(&graph), [Vec::from_iter(0..n)]);
    }

    #[test]
    fn knots_are_the_components_of_more_than_one_transaction() {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for _ in 0..1_000 {
            let nodes = rng.random_range(1..12);
            let mut link = || (rng.random_range(0..nodes), rng.random_range(0..nodes));
            let links: Vec<(Node, Node)> = (0..2 * nodes).map(|_| link()).collect();
            let given = links.iter().map(|&(a, b)| (a, b, Relation::Wr));
            let graph = Graph::of(nodes, &[&Given(given.collect())], |relation| relation as u8);
            let mut expected = Components::of(nodes, links.into_iter()).members;
            expected.retain(|members| members.len() > 1);
            expected
                .iter_mut()
                .for_each(|members| members.sort_unstable());
            expected.sort_unstable();
            assert_eq!(knots(&graph), expected);
        }
    }
}
