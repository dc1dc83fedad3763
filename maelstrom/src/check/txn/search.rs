//! The search for cycles: for each class of anomaly the shortest one that it can show.
//!
//! A cycle is sought within one strongly connected component at a time, worst class first, and
//! classes that a cycle already found [implies](Class::implies) are left out. Whether a component
//! has a cycle of some class is decided by strongly connected components again, of a part of the
//! graph or of a product of it, and by reachability; so none is missed for want of time. Only how
//! hard we look for a *shorter* example is limited.
//!
//! - `G0`, `G1c`, `G2`: a link of the kind that the class needs lies on a cycle if and only if both
//!   its ends are in one component of the links that the class allows.
//! - `G-single`: an anti-dependency lies on a cycle without another one if and only if its target
//!   reaches its source over other links.
//! - `G-nonadjacent`: cycles without two anti-dependencies in a row are the cycles of the product
//!   of the graph with one bit: whether the last link was an anti-dependency.

use std::collections::VecDeque;

use super::anomaly::{Class, Order, Shape};
use super::graph::{Components, Graph, Node, Relation, Relations};

/// How many links are followed per class in search of an example shorter than the first.
const EFFORT: usize = 1_000_000;

/// A cycle: each transaction depends on the one before it, and the first on the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Its class, by the relations of its links.
    pub class: Class,
    /// Its transactions, each of them once.
    pub nodes: Vec<Node>,
}

/// The cycles of a graph: of each component one for every class that no other of its cycles implies.
pub fn cycles(graph: &Graph) -> Vec<Cycle> {
    let mut local = vec![0; graph.nodes()];
    let mut found = Vec::new();
    for knot in graph.knots() {
        knot.iter().enumerate().for_each(|(i, &node)| local[node] = i);
        found.extend(Knot::new(graph, &knot, &local).cycles(graph));
    }
    found
}

/// The class of the cycle through these transactions, by the relations between them.
fn classify(graph: &Graph, nodes: &[Node]) -> Class {
    let next = nodes.iter().cycle().skip(1);
    let relations: Vec<Relation> = nodes
        .iter()
        .zip(next)
        .map(|(&first, &second)| graph.relation(first, second).expect("a cycle follows links"))
        .collect();
    let has = |relation| relations.contains(&relation);
    let anti = |i: usize| relations[i % relations.len()] == Relation::Rw;
    let shape = match (0..relations.len()).filter(|&i| anti(i)).count() {
        0 if has(Relation::Wr) => Shape::G1c,
        0 => Shape::G0,
        1 => Shape::GSingle,
        _ if (0..relations.len()).any(|i| anti(i) && anti(i + 1)) => Shape::G2,
        _ => Shape::GNonadjacent,
    };
    let order = if has(Relation::Realtime) {
        Order::Realtime
    } else if has(Relation::Process) {
        Order::Process
    } else {
        Order::Data
    };
    Class { shape, order }
}

/// The links that a cycle of a class may have.
fn allowed(class: Class) -> Relations {
    let data: &[Relation] = match class.shape {
        Shape::G0 => &[Relation::Ww],
        Shape::G1c => &[Relation::Ww, Relation::Wr],
        _ => &[Relation::Ww, Relation::Wr, Relation::Rw],
    };
    match class.order {
        Order::Data => Relations::of(data),
        Order::Process => Relations::of(data).with(Relation::Process),
        Order::Realtime => Relations::of(data).with(Relation::Process).with(Relation::Realtime),
    }
}

/// A strongly connected component, its transactions numbered from 0.
struct Knot<'a> {
    nodes: &'a [Node],
    links: Vec<Vec<(usize, Relation)>>,
}

impl<'a> Knot<'a> {
    fn new(graph: &Graph, nodes: &'a [Node], local: &[usize]) -> Knot<'a> {
        // `local` still holds numbers of other components: a node is ours if it is where it says.
        let ours = |node: Node| nodes.get(local[node]) == Some(&node);
        let links = nodes.iter().map(|&first| {
            let links = graph.links_from(first).iter().filter(|link| ours(link.0));
            links.map(|&(second, relation)| (local[second], relation)).collect()
        });
        Knot { nodes, links: links.collect() }
    }

    fn cycles(&self, graph: &Graph) -> Vec<Cycle> {
        let mut found: Vec<Cycle> = Vec::new();
        for class in Class::all() {
            if found.iter().any(|cycle| cycle.class.implies(class)) {
                continue;
            }
            let Some(walk) = self.find(class) else { continue };
            let nodes: Vec<Node> = walk.into_iter().map(|node| self.nodes[node]).collect();
            // Rarely, a better class than the one sought: a cycle is what it is.
            let class = classify(graph, &nodes);
            if !found.iter().any(|cycle| cycle.class.implies(class)) {
                found.push(Cycle { class, nodes });
            }
        }
        found
    }

    /// A short cycle for this class, given that there is none of a class that implies it.
    fn find(&self, class: Class) -> Option<Vec<usize>> {
        let allowed = allowed(class);
        match class.shape {
            Shape::G0 => self.through(Relation::Ww, allowed),
            Shape::G1c => self.through(Relation::Wr, allowed),
            Shape::GSingle => self.through_one(allowed.without(Relation::Rw)),
            Shape::GNonadjacent => self.through_no_two_in_a_row(allowed),
            Shape::G2 => self.through(Relation::Rw, allowed),
        }
    }

    /// The links of these relations.
    fn links(&self, allowed: Relations) -> impl Iterator<Item = (usize, usize, Relation)> {
        let numbered = self.links.iter().enumerate();
        numbered
            .flat_map(|(first, links)| links.iter().map(move |link| (first, link.0, link.1)))
            .filter(move |link| allowed.contain(link.2))
    }

    /// A cycle of allowed links with a link of this relation.
    fn through(&self, relation: Relation, allowed: Relations) -> Option<Vec<usize>> {
        let size = self.nodes.len();
        let ends = |link: (usize, usize, Relation)| (link.0, link.1);
        let components = Components::of(size, self.links(allowed).map(ends));
        let inside = |&(first, second): &(usize, usize)| {
            components.of[first] == components.of[second]
        };
        let mut paths = Paths::new(size, self.links(allowed).map(ends).filter(inside));
        let pivots = self.links(Relations::of(&[relation])).map(ends).filter(inside);
        paths.shortest_cycle(pivots, |_| true)
    }

    /// A cycle of one anti-dependency and else only links of these relations.
    fn through_one(&self, others: Relations) -> Option<Vec<usize>> {
        let size = self.nodes.len();
        let others: Vec<_> = self.links(others).map(|link| (link.0, link.1)).collect();
        let antis: Vec<_> = self
            .links(Relations::of(&[Relation::Rw]))
            .map(|link| (link.0, link.1))
            .collect();
        let closed = closed_by_a_path(size, &antis, &others);
        Paths::new(size, others.into_iter()).shortest_cycle(closed.into_iter(), |_| true)
    }

    /// A cycle of allowed links without two anti-dependencies in a row.
    fn through_no_two_in_a_row(&self, allowed: Relations) -> Option<Vec<usize>> {
        let size = 2 * self.nodes.len();
        let after = |node: usize, anti: bool| 2 * node + usize::from(anti);
        let links: Vec<(usize, usize)> = self
            .links(allowed)
            .flat_map(|(first, second, relation)| {
                let anti = relation == Relation::Rw;
                let from = [Some(after(first, false)), (!anti).then_some(after(first, true))];
                from.into_iter().flatten().map(move |from| (from, after(second, anti)))
            })
            .collect();
        let components = Components::of(size, links.iter().copied());
        let inside = |&(first, second): &(usize, usize)| {
            components.of[first] == components.of[second]
        };
        let mut paths = Paths::new(size, links.iter().copied().filter(inside));
        // Only an anti-dependency leads to a state after one.
        let pivots = links.iter().copied().filter(|link| link.1 % 2 == 1).filter(inside);
        // A walk in the product may come past one transaction twice, if there is a G0 or a G1c for
        // it to go round. It then falls apart into that and a G2: nothing new.
        let simple = |walk: &[usize]| {
            let mut nodes: Vec<usize> = walk.iter().map(|state| state / 2).collect();
            nodes.sort_unstable();
            nodes.windows(2).all(|pair| pair[0] != pair[1])
        };
        let walk = paths.shortest_cycle(pivots, simple)?;
        Some(walk.into_iter().map(|state| state / 2).collect())
    }
}

/// Those of the `pivots` whose second node reaches their first one over `links`.
///
/// Sets of pivots are carried through the components of the links in topological order, as many
/// at once as a word has bits: so this takes time in proportion to links × pivots / 128.
fn closed_by_a_path(
    size: usize,
    pivots: &[(usize, usize)],
    links: &[(usize, usize)],
) -> Vec<(usize, usize)> {
    let components = Components::of(size, links.iter().copied());
    let component = |&(first, second): &(usize, usize)| (components.of[first], components.of[second]);
    let mut between: Vec<_> = links.iter().map(component).filter(|(a, b)| a != b).collect();
    between.sort_unstable_by(|a, b| b.cmp(a));
    between.dedup();

    let mut closed = Vec::new();
    for batch in pivots.chunks(u128::BITS as usize) {
        let mut reached = vec![0_u128; components.members.len()];
        for (bit, pivot) in batch.iter().enumerate() {
            reached[component(pivot).1] |= 1 << bit;
        }
        for &(first, second) in &between {
            reached[second] |= reached[first];
        }
        let reaches = |(bit, pivot): &(usize, &(usize, usize))| {
            reached[component(pivot).0] & (1 << bit) != 0
        };
        closed.extend(batch.iter().enumerate().filter(reaches).map(|(_, &pivot)| pivot));
    }
    closed
}

/// Breadth-first search, over and over in one graph.
struct Paths {
    links: Vec<Vec<usize>>,
    /// Where the current search came to each node from, and which search that was.
    from: Vec<(usize, usize)>,
    searches: usize,
    /// How many links have been followed in all.
    effort: usize,
}

impl Paths {
    fn new(size: usize, all: impl Iterator<Item = (usize, usize)>) -> Paths {
        let mut links = vec![Vec::new(); size];
        all.for_each(|(first, second)| links[first].push(second));
        Paths { links, from: vec![(0, 0); size], searches: 0, effort: 0 }
    }

    /// The shortest acceptable cycle that the `pivots` lie on, each of them a link from whose end a
    /// path leads back; or the shortest so far when effort runs out.
    fn shortest_cycle(
        &mut self,
        pivots: impl Iterator<Item = (usize, usize)>,
        acceptable: impl Fn(&[usize]) -> bool,
    ) -> Option<Vec<usize>> {
        let mut best: Option<Vec<usize>> = None;
        for (first, second) in pivots {
            let longest = best.as_ref().map_or(usize::MAX, |best| best.len() - 1);
            if longest < 2 || self.effort > EFFORT {
                break;
            }
            best = self.path(second, first, longest).filter(|path| acceptable(path)).or(best);
        }
        best
    }

    /// The shortest path, both ends included, if it has at most `longest` nodes.
    fn path(&mut self, start: usize, end: usize, longest: usize) -> Option<Vec<usize>> {
        self.searches += 1;
        self.from[start] = (start, self.searches);
        let mut queue = VecDeque::from([(start, 1)]);
        while let Some((node, length)) = queue.pop_front() {
            if node == end {
                return Some(self.path_found(start, end));
            }
            if length == longest {
                break;
            }
            self.effort += self.links[node].len();
            for &next in &self.links[node] {
                if self.from[next].1 != self.searches {
                    self.from[next] = (node, self.searches);
                    queue.push_back((next, length + 1));
                }
            }
        }
        None
    }

    fn path_found(&self, start: usize, end: usize) -> Vec<usize> {
        let back = |&node: &usize| (node != start).then(|| self.from[node].0);
        let mut path: Vec<usize> = std::iter::successors(Some(end), back).collect();
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests;
