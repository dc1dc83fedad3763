//! Paths back: which links lie on a cycle, and on how short a one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::check::txn::components::Components;

/// How many links are followed per class in search of an example shorter than the first.
const EFFORT: usize = 1_000_000;

/// Those of the `pivots` whose second node reaches their first one over `links`.
///
/// The components of the links get an order in which links only lead onwards. A pivot whose second
/// node stands behind its first is not closed: with nodes numbered by time, that settles nearly all of
/// them. The others are carried through the components, as many at once as a word has bits, and only
/// from the first of their second nodes to the last of their first ones. So this takes time in
/// proportion to links × pivots / 128 at worst, and to links + pivots if the two nodes of a pivot are near
/// each other in time, as two accesses to one key are.
pub fn closed_by_a_path(
    size: usize,
    pivots: &[(usize, usize)],
    links: &[(usize, usize)],
) -> Vec<(usize, usize)> {
    let places = places(size, links);
    let mut onwards: Vec<(usize, usize)> = links
        .iter()
        .map(|&(first, second)| (places[first], places[second]))
        .filter(|(first, second)| first != second)
        .collect();
    onwards.sort_unstable();
    onwards.dedup();

    let mut open: Vec<usize> = (0..pivots.len())
        .filter(|&pivot| places[pivots[pivot].1] <= places[pivots[pivot].0])
        .collect();
    open.sort_by_key(|&pivot| places[pivots[pivot].1]);
    let mut closed = vec![false; pivots.len()];
    let mut reached = vec![0_u128; size];
    for batch in open.chunks(u128::BITS as usize) {
        let ends = batch.iter().map(|&pivot| places[pivots[pivot].0]);
        let (start, end) = (places[pivots[batch[0]].1], ends.max().unwrap_or(0));
        reached[start..=end].fill(0);
        for (bit, &pivot) in batch.iter().enumerate() {
            reached[places[pivots[pivot].1]] |= 1 << bit;
        }
        let links = &onwards[onwards.partition_point(|link| link.0 < start)..];
        for &(first, second) in links.iter().take_while(|link| link.0 < end) {
            if second <= end {
                reached[second] |= reached[first];
            }
        }
        for (bit, &pivot) in batch.iter().enumerate() {
            closed[pivot] = reached[places[pivots[pivot].0]] & (1 << bit) != 0;
        }
    }
    let closed = pivots.iter().zip(closed).filter(|(_, closed)| *closed);
    closed.map(|(&pivot, _)| pivot).collect()
}

/// For each node the place of its component in an order in which no link leads back. Where the links
/// leave a choice, the component with the lowest node comes first.
fn places(size: usize, links: &[(usize, usize)]) -> Vec<usize> {
    let components = Components::of(size, links.iter().copied());
    let count = components.members.len();
    let mut before = vec![0_usize; count];
    let mut after = vec![Vec::new(); count];
    for &(first, second) in links {
        let (first, second) = (components.of[first], components.of[second]);
        if first != second {
            after[first].push(second);
            before[second] += 1;
        }
    }
    let lowest = |component: usize| components.members[component].iter().min().copied();
    let mut free: BinaryHeap<Reverse<(Option<usize>, usize)>> = (0..count)
        .filter(|&component| before[component] == 0)
        .map(|component| Reverse((lowest(component), component)))
        .collect();
    let mut places = vec![0; count];
    let mut next = 0;
    while let Some(Reverse((_, component))) = free.pop() {
        places[component] = next;
        next += 1;
        for &later in &after[component] {
            before[later] -= 1;
            if before[later] == 0 {
                free.push(Reverse((lowest(later), later)));
            }
        }
    }
    components.of.iter().map(|&of| places[of]).collect()
}

/// Breadth-first search, over and over in one graph.
pub struct Paths {
    links: Vec<Vec<usize>>,
    /// Where the current search came to each node from, and which search that was.
    from: Vec<(usize, usize)>,
    searches: usize,
    /// How many links have been followed in all.
    effort: usize,
}

impl Paths {
    /// The graph of these links.
    pub fn new(size: usize, all: impl Iterator<Item = (usize, usize)>) -> Paths {
        let mut links = vec![Vec::new(); size];
        all.for_each(|(first, second)| links[first].push(second));
        Paths {
            links,
            from: vec![(0, 0); size],
            searches: 0,
            effort: 0,
        }
    }

    /// The shortest acceptable cycle that the `pivots` lie on, each of them a link from whose end a
    /// path leads back; or the shortest so far when effort runs out.
    pub fn shortest_cycle(
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
            best = self
                .path(second, first, longest)
                .filter(|path| acceptable(path))
                .or(best);
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::tests::deterministic;

    #[test]
    fn anti_dependencies_are_closed_in_batches_as_one_by_one() {
        // More pivots than a batch has bits; every third target leads back.
        let n = 600;
        let pivots: Vec<_> = (1..n).map(|i| (0, i)).collect();
        let links: Vec<_> = (1..n).filter(|i| i % 3 == 0).map(|i| (i, 0)).collect();
        let closed = closed_by_a_path(n, &pivots, &links);
        let expected: Vec<_> = (1..n).filter(|i| i % 3 == 0).map(|i| (0, i)).collect();
        assert_eq!(closed, expected);
    }

    proptest! {
        #![proptest_config(deterministic())]
        #[test]
        fn pivots_are_closed_exactly_if_a_search_finds_a_path_back(
            links in prop::collection::vec((0..20_usize, 0..20_usize), 0..40),
            pivots in prop::collection::vec((0..20_usize, 0..20_usize), 0..300),
        ) {
            let mut paths = Paths::new(20, links.iter().copied());
            let mut leads_back = |&(first, second): &(usize, usize)| {
                paths.path(second, first, usize::MAX).is_some()
            };
            let expected: Vec<_> = pivots.iter().copied().filter(&mut leads_back).collect();
            prop_assert_eq!(closed_by_a_path(20, &pivots, &links), expected);
        }
    }
}
