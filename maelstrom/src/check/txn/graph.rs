//! The dependency graph: which transaction must come before which, and why.
//!
//! What finds dependencies is kept apart from what searches them. Analyses of the data and of time
//! [yield links](Dependencies), each with its evidence. The [`Graph`] keeps of every link only the
//! relation, since a search needs no more; for the few links of a cycle that is found, the
//! evidence is asked for again. So no cycle can be reported without the reason of each step.

use petgraph::graph::DiGraph;

use super::transaction::Key;
use crate::edn::Value;

/// A transaction: its position among all.
pub type Node = usize;

/// What kind of dependency a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Write dependency: the second wrote the version after the first's.
    Ww,
    /// Read dependency: the second read what the first wrote.
    Wr,
    /// Anti-dependency: the second wrote the version after the one that the first read.
    Rw,
    /// The first came before the second in their process.
    Process,
    /// The first had ended before the second began.
    Realtime,
}

impl Relation {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Relation::Ww => "ww",
            Relation::Wr => "wr",
            Relation::Rw => "rw",
            Relation::Process => "process",
            Relation::Realtime => "realtime",
        }
    }
}

/// A set of relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relations(u8);

impl Relations {
    /// These relations.
    pub const fn of(relations: &[Relation]) -> Relations {
        let (mut bits, mut i) = (0, 0);
        while i < relations.len() {
            bits |= 1 << relations[i] as u8;
            i += 1;
        }
        Relations(bits)
    }

    /// Whether the relation is one of them.
    pub fn contain(self, relation: Relation) -> bool {
        self.0 & (1 << relation as u8) != 0
    }

    /// These relations and another one.
    pub fn with(self, relation: Relation) -> Relations {
        Relations(self.0 | 1 << relation as u8)
    }

    /// These relations but one.
    pub fn without(self, relation: Relation) -> Relations {
        Relations(self.0 & !(1 << relation as u8))
    }
}

/// Why a link exists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Evidence<'h> {
    /// `ww`, `wr` and `rw`: through versions of a key.
    Data {
        /// Which of the three.
        relation: Relation,
        /// The key.
        key: Key,
        /// The version that the first wrote or read; `None` is the initial one.
        version: Option<&'h Value>,
        /// The version after it, which the second wrote (not of `wr`).
        next: Option<&'h Value>,
        /// The step of the first transaction that shows it.
        first_step: usize,
        /// The step of the second transaction that shows it.
        second_step: usize,
    },
    /// One came before the other in their process, or in real time.
    Order(Relation),
}

impl Evidence<'_> {
    /// The relation that this is evidence of.
    pub fn relation(&self) -> Relation {
        match self {
            Evidence::Data { relation, .. } | Evidence::Order(relation) => *relation,
        }
    }
}

/// A dependency: `second` must come after `first`.
#[derive(Clone, Copy, Debug)]
pub struct Link<'h> {
    /// The transaction that comes first.
    pub first: Node,
    /// The transaction that depends on it.
    pub second: Node,
    /// Why.
    pub evidence: Evidence<'h>,
}

/// A source of links.
pub trait Dependencies<'h> {
    /// Yields every link whose `second` is this transaction. Links of a transaction to itself may
    /// be among them.
    fn links_to(&self, second: Node, yield_link: &mut dyn FnMut(Link<'h>));
}

/// A link without its evidence and its first transaction. A history of a million transactions has some
/// ten million of them, so one takes four bytes: the number of the second transaction (at most 2^29) above
/// the number of the relation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge(u32);

impl Edge {
    const RELATION_BITS: u32 = 3;
    const RELATIONS: [Relation; 5] = [
        Relation::Ww,
        Relation::Wr,
        Relation::Rw,
        Relation::Process,
        Relation::Realtime,
    ];

    fn new(second: Node, relation: Relation) -> Edge {
        Edge((second as u32) << Self::RELATION_BITS | relation as u32)
    }

    /// The transaction that depends on the first one.
    pub fn second(self) -> Node {
        (self.0 >> Self::RELATION_BITS) as Node
    }

    /// How it depends on it.
    pub fn relation(self) -> Relation {
        Self::RELATIONS[self.0 as usize % (1 << Self::RELATION_BITS)]
    }
}

/// Which transactions depend on which, with one relation between any two: of several, the one that
/// its constructor's preference names first. (A cycle is worse the stronger its links are, and what
/// is explained as a write dependency must not be counted as an anti-dependency.)
#[derive(Debug, Default)]
pub struct Graph {
    /// Where the links of each node begin in `links`, and after the last node their number.
    starts: Vec<usize>,
    /// The links of each node, by the number of the transaction that depends on it.
    links: Vec<Edge>,
}

impl Graph {
    /// The graph of all links of several sources over `nodes` transactions, among which `prefer`
    /// gives each relation its rank.
    pub fn of(
        nodes: usize,
        sources: &[&dyn Dependencies<'_>],
        prefer: fn(Relation) -> u8,
    ) -> Graph {
        // The links are counted first and then put in their places, which takes less memory than to
        // collect and to sort them. They come in the order of their second transactions.
        let mut ends = vec![0; nodes];
        each_link(nodes, sources, |first, _, _| ends[first] += 1);
        let mut all = 0;
        for end in &mut ends {
            all += std::mem::replace(end, all);
        }
        let starts = ends.clone();
        let mut links = vec![Edge::default(); all];
        each_link(nodes, sources, |first, second, relation| {
            let of_first = &mut links[starts[first]..];
            let end = ends[first] - starts[first];
            match of_first[..end].last_mut() {
                Some(last) if last.second() == second => {
                    if prefer(relation) < prefer(last.relation()) {
                        *last = Edge::new(second, relation);
                    }
                }
                _ => {
                    of_first[end] = Edge::new(second, relation);
                    ends[first] += 1;
                }
            }
        });
        Graph::closing_gaps(starts, &ends, links)
    }

    /// Moves links together whose node has fewer of them than there was room for.
    fn closing_gaps(mut starts: Vec<usize>, ends: &[usize], mut links: Vec<Edge>) -> Graph {
        let mut length = 0;
        for (start, end) in starts.iter_mut().zip(ends) {
            links.copy_within(*start..*end, length);
            let moved_to = length;
            length += end - *start;
            *start = moved_to;
        }
        starts.push(length);
        links.truncate(length);
        Graph { starts, links }
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether no two transactions depend on each other.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// What depends on a transaction, and how.
    pub fn links_from(&self, first: Node) -> &[Edge] {
        &self.links[self.starts[first]..self.starts[first + 1]]
    }

    /// How `second` depends on `first`, if it does so directly.
    pub fn relation(&self, first: Node, second: Node) -> Option<Relation> {
        let links = self.links_from(first);
        let at = links.binary_search_by_key(&second, |edge| edge.second());
        at.ok().map(|at| links[at].relation())
    }

    /// The parts of the graph that contain cycles: its strongly connected components of more than
    /// one transaction, each sorted, in the order of their first transactions.
    pub fn knots(&self) -> Vec<Vec<Node>> {
        let nodes = self.after_cycles();
        let mut numbers = vec![None; self.nodes()];
        for (number, &node) in nodes.iter().enumerate() {
            numbers[node] = Some(number);
        }
        let numbers = &numbers;
        let links = nodes.iter().enumerate().flat_map(|(first, &node)| {
            let seconds = self.links_from(node).iter();
            seconds.filter_map(move |edge| Some((first, numbers[edge.second()]?)))
        });
        let mut knots = Components::of(nodes.len(), links).members;
        knots.retain(|component| component.len() > 1);
        for component in &mut knots {
            component.iter_mut().for_each(|node| *node = nodes[*node]);
            component.sort_unstable();
        }
        knots.sort_unstable();
        knots
    }

    /// The transactions that lie on a cycle or depend on one, ascending. The others can be ordered, and
    /// are taken away one after the other (Kahn's algorithm). Nearly always that leaves nothing, at
    /// the price of one number for each transaction.
    fn after_cycles(&self) -> Vec<Node> {
        let mut before = vec![0_u32; self.nodes()];
        for edge in &self.links {
            before[edge.second()] += 1;
        }
        let mut free: Vec<Node> = (0..self.nodes())
            .filter(|&node| before[node] == 0)
            .collect();
        while let Some(node) = free.pop() {
            for edge in self.links_from(node) {
                let second = edge.second();
                before[second] -= 1;
                if before[second] == 0 {
                    free.push(second);
                }
            }
        }
        (0..self.nodes()).filter(|&node| before[node] > 0).collect()
    }
}

/// Yields the first and the second transaction and the relation of every link between two transactions,
/// in the order of the second ones.
fn each_link(
    nodes: usize,
    sources: &[&dyn Dependencies<'_>],
    mut yield_link: impl FnMut(Node, Node, Relation),
) {
    for second in 0..nodes {
        for source in sources {
            source.links_to(second, &mut |link| {
                if link.first != link.second {
                    yield_link(link.first, link.second, link.evidence.relation());
                }
            });
        }
    }
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
    use super::*;

    /// Links given one by one.
    struct Given(Vec<(Node, Node, Relation)>);

    impl Dependencies<'static> for Given {
        fn links_to(&self, node: Node, yield_link: &mut dyn FnMut(Link<'static>)) {
            for &(first, second, relation) in self.0.iter().filter(|link| link.1 == node) {
                yield_link(Link {
                    first,
                    second,
                    evidence: Evidence::Order(relation),
                });
            }
        }
    }

    #[test]
    fn of_several_relations_the_preferred_one_is_kept() {
        use Relation::*;
        let given = Given(vec![(0, 1, Rw), (0, 1, Ww), (1, 1, Wr), (1, 0, Realtime)]);
        let graph = Graph::of(3, &[&given], |relation| relation as u8);
        assert_eq!(graph.links_from(0), [Edge::new(1, Ww)]);
        assert_eq!(graph.links_from(1), [Edge::new(0, Realtime)]);
        assert_eq!(graph.relation(1, 0), Some(Realtime));
        assert_eq!(graph.relation(1, 1), None, "nothing depends on itself");
        assert_eq!(graph.knots(), [[0, 1]]);
    }

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

    #[test]
    fn a_circle_of_a_hundred_thousand_does_not_overflow_the_stack() {
        let n = 100_000;
        let components = Components::of(n, (0..n).map(|i| (i, (i + 1) % n)));
        assert_eq!(components.members.len(), 1);
    }
}
