use proptest::prelude::*;

use super::*;
use crate::check::txn::graph::{Dependencies, Evidence, Link};

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

fn graph(nodes: usize, links: Vec<(Node, Node, Relation)>) -> Graph {
    Graph::of(nodes, &[&Given(links)], |relation| relation as u8)
}

use Relation::{Realtime, Rw, Wr, Ww};

fn found(nodes: usize, links: &[(Node, Node, Relation)]) -> Vec<(Shape, Order, usize)> {
    let cycles = cycles(&graph(nodes, links.to_vec())).into_iter();
    cycles
        .map(|cycle| (cycle.class.shape, cycle.class.order, cycle.nodes.len()))
        .collect()
}

#[test]
fn cycles_are_classed_by_their_anti_dependencies() {
    let ring = |relations: &[Relation]| {
        let n = relations.len();
        let links: Vec<_> = (0..n).map(|i| (i, (i + 1) % n, relations[i])).collect();
        found(n, &links)
    };
    assert_eq!(ring(&[Ww, Ww]), [(Shape::G0, Order::Data, 2)]);
    assert_eq!(ring(&[Ww, Wr]), [(Shape::G1c, Order::Data, 2)]);
    assert_eq!(ring(&[Rw, Wr, Ww]), [(Shape::GSingle, Order::Data, 3)]);
    assert_eq!(
        ring(&[Rw, Wr, Rw, Ww]),
        [(Shape::GNonadjacent, Order::Data, 4)]
    );
    assert_eq!(ring(&[Rw, Wr, Rw]), [(Shape::G2, Order::Data, 3)]);
    assert_eq!(
        ring(&[Rw, Realtime]),
        [(Shape::GSingle, Order::Realtime, 2)]
    );
    assert_eq!(ring(&[Rw, Realtime, Rw]), [(Shape::G2, Order::Realtime, 3)]);
}

#[test]
fn the_shortest_cycle_of_a_class_is_shown() {
    let links = [
        (0, 1, Rw),
        (1, 2, Ww),
        (2, 3, Ww),
        (3, 0, Ww),
        (1, 3, Wr),
        (2, 0, Rw),
    ];
    assert_eq!(found(4, &links), [(Shape::GSingle, Order::Data, 3)]);
}

#[test]
fn what_a_worse_cycle_implies_is_left_out() {
    // A G-single and a G2 through the same transactions.
    let links = [(0, 1, Rw), (1, 0, Ww), (1, 2, Rw), (2, 1, Rw)];
    assert_eq!(found(3, &links), [(Shape::GSingle, Order::Data, 2)]);
    // Circular information flow says nothing about anti-dependencies.
    let links = [(0, 1, Ww), (1, 0, Ww), (1, 2, Rw), (2, 1, Rw)];
    assert_eq!(
        found(3, &links),
        [(Shape::G0, Order::Data, 2), (Shape::G2, Order::Data, 2)]
    );
}

#[test]
fn going_round_a_g0_does_not_part_two_anti_dependencies() {
    // 0 → 1 and 1 → 3 are adjacent, unless one goes 1 → 2 → 1 between them.
    let links = [(0, 1, Rw), (1, 2, Ww), (2, 1, Ww), (1, 3, Rw), (3, 0, Ww)];
    assert_eq!(
        found(4, &links),
        [(Shape::G0, Order::Data, 2), (Shape::G2, Order::Data, 3)]
    );
}

#[test]
fn each_component_is_searched_for_itself() {
    let links = [(0, 1, Ww), (1, 0, Ww), (1, 2, Ww), (2, 3, Ww), (3, 2, Wr)];
    assert_eq!(
        found(4, &links),
        [(Shape::G0, Order::Data, 2), (Shape::G1c, Order::Data, 2)]
    );
}

/// Every simple cycle of a small graph, by brute force.
fn all_classes(graph: &Graph) -> Vec<Class> {
    let mut classes = Vec::new();
    let mut paths: Vec<Vec<Node>> = (0..graph.nodes()).map(|node| vec![node]).collect();
    while let Some(path) = paths.pop() {
        for edge in graph.links_from(path[path.len() - 1]) {
            let next = edge.second();
            if next == path[0] {
                classes.push(classify(graph, &path));
            } else if next > path[0] && !path.contains(&next) {
                paths.push([&path[..], &[next]].concat());
            }
        }
    }
    classes.sort();
    classes.dedup();
    classes
}

prop_compose! {
    fn small_graph()(
        links in prop::collection::vec(
            (0..7_usize, 0..7_usize, prop::sample::select(vec![Ww, Wr, Rw, Rw, Realtime])),
            0..20,
        ),
    ) -> Graph {
        // Real time has no circles.
        let acyclic = |link: &(_, _, _)| link.2 != Realtime || link.0 < link.1;
        graph(7, links.into_iter().filter(acyclic).collect())
    }
}

proptest! {
    #[test]
    fn a_cycle_is_found_if_and_only_if_there_is_one(graph in small_graph()) {
        let found: Vec<Class> = cycles(&graph).into_iter().map(|cycle| cycle.class).collect();
        let all = all_classes(&graph);
        for class in &found {
            prop_assert!(all.contains(class), "{class:?} is not among {all:?}");
        }
        for class in &all {
            // Where a G0 or G1c is near, a long fork may be told apart from it no longer.
            let forks = class.shape == Shape::GNonadjacent
                && found.iter().any(|found| found.shape <= Shape::G1c);
            let implied = found.iter().any(|found| found.implies(*class));
            prop_assert!(implied || forks, "{class:?} is not implied by {found:?}");
        }
    }
}
