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

mod paths;

use super::anomaly::{Class, Order, Shape};
use super::components::{Components, knots};
use super::graph::{Graph, Node, Relation, Relations};
use paths::{Paths, closed_by_a_path};

/// A cycle: each transaction depends on the one before it, and the first on the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Its class, by the relations of its links.
    pub class: Class,
    /// Its transactions, each of them once.
    pub nodes: Vec<Node>,
}

/// The cycles of a graph: of each component one for each class, but for classes that another of its
/// cycles implies.
pub fn cycles(graph: &Graph) -> Vec<Cycle> {
    let mut local = vec![0; graph.nodes()];
    let mut found = Vec::new();
    for knot in knots(graph) {
        knot.iter()
            .enumerate()
            .for_each(|(i, &node)| local[node] = i);
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
        .map(|(&first, &second)| {
            graph
                .relation(first, second)
                .expect("a cycle follows links")
        })
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
        Order::Realtime => Relations::of(data)
            .with(Relation::Process)
            .with(Relation::Realtime),
    }
}

/// A strongly connected component, its transactions numbered from 0.
struct Knot<'a> {
    nodes: &'a [Node],
    links: Vec<Vec<(usize, Relation)>>,
}

impl<'a> Knot<'a> {
    fn new(graph: &Graph, nodes: &'a [Node], local: &[usize]) -> Knot<'a> {
        // `local` holds numbers of other components too: a node is ours if it is where it says.
        let ours = |node: Node| nodes.get(local[node]) == Some(&node);
        let links = nodes.iter().map(|&first| {
            let links = graph.links_from(first).iter();
            let links = links.map(|edge| (edge.second(), edge.relation()));
            links
                .filter(|&(second, _)| ours(second))
                .map(|(second, relation)| (local[second], relation))
                .collect()
        });
        Knot {
            nodes,
            links: links.collect(),
        }
    }

    fn cycles(&self, graph: &Graph) -> Vec<Cycle> {
        let mut found: Vec<Cycle> = Vec::new();
        for class in Class::all() {
            if found.iter().any(|cycle| cycle.class.implies(class)) {
                continue;
            }
            let Some(walk) = self.find(class) else {
                continue;
            };
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
        let inside =
            |&(first, second): &(usize, usize)| components.of[first] == components.of[second];
        let mut paths = Paths::new(size, self.links(allowed).map(ends).filter(inside));
        let pivots = self
            .links(Relations::of(&[relation]))
            .map(ends)
            .filter(inside);
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
                let from = [
                    Some(after(first, false)),
                    (!anti).then_some(after(first, true)),
                ];
                from.into_iter()
                    .flatten()
                    .map(move |from| (from, after(second, anti)))
            })
            .collect();
        let components = Components::of(size, links.iter().copied());
        let inside =
            |&(first, second): &(usize, usize)| components.of[first] == components.of[second];
        let mut paths = Paths::new(size, links.iter().copied().filter(inside));
        // Only an anti-dependency leads to a state after one.
        let pivots = links
            .iter()
            .copied()
            .filter(|link| link.1 % 2 == 1)
            .filter(inside);
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

#[cfg(test)]
mod tests;
