//! The dependency graph: which transaction must come before which, and why.
//!
//! What finds dependencies is kept apart from what searches them. Analyses of the data and of time
//! [yield links](Dependencies), each with its evidence. The [`Graph`] keeps of every link only the
//! relation, since a search needs no more; for the few links of a cycle that is found, the
//! evidence is asked for again. So no cycle can be reported without the reason of each step.

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
    starts: Vec<u32>,
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
        let mut ends = vec![0_u32; nodes];
        each_link(nodes, sources, |first, _, _| ends[first] += 1);
        let mut all = 0;
        for end in &mut ends {
            all += std::mem::replace(end, all);
        }
        let starts = ends.clone();
        let mut links = vec![Edge::default(); all as usize];
        each_link(nodes, sources, |first, second, relation| {
            let of_first = &mut links[starts[first] as usize..];
            let end = (ends[first] - starts[first]) as usize;
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
    fn closing_gaps(mut starts: Vec<u32>, ends: &[u32], mut links: Vec<Edge>) -> Graph {
        let mut length = 0;
        for (start, end) in starts.iter_mut().zip(ends) {
            links.copy_within(*start as usize..*end as usize, length as usize);
            let moved_to = length;
            length += end - *start;
            *start = moved_to;
        }
        starts.push(length);
        links.truncate(length as usize);
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
        &self.links[self.starts[first] as usize..self.starts[first + 1] as usize]
    }

    /// How `second` depends on `first`, if it does so directly.
    pub fn relation(&self, first: Node, second: Node) -> Option<Relation> {
        let links = self.links_from(first);
        let at = links.binary_search_by_key(&second, |edge| edge.second());
        at.ok().map(|at| links[at].relation())
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Links given one by one.
    pub struct Given(pub Vec<(Node, Node, Relation)>);

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
    }
}
