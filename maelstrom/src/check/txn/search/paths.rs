//! Paths back: which links lie on a cycle, and on how short a one.

use std::collections::VecDeque;

use crate::check::txn::graph::Components;

/// How many links are followed per class in search of an example shorter than the first.
const EFFORT: usize = 1_000_000;

/// Those of the `pivots` whose second node reaches their first one over `links`.
///
/// Sets of pivots are carried through the components of the links in topological order, as many
/// at once as a word has bits: so this takes time in proportion to links × pivots / 128.
pub fn closed_by_a_path(
    size: usize,
    pivots: &[(usize, usize)],
    links: &[(usize, usize)],
) -> Vec<(usize, usize)> {
    let components = Components::of(size, links.iter().copied());
    let component =
        |&(first, second): &(usize, usize)| (components.of[first], components.of[second]);
    let mut between: Vec<_> = links
        .iter()
        .map(component)
        .filter(|(a, b)| a != b)
        .collect();
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
        let reaches =
            |(bit, pivot): &(usize, &(usize, usize))| reached[component(pivot).0] & (1 << bit) != 0;
        closed.extend(
            batch
                .iter()
                .enumerate()
                .filter(reaches)
                .map(|(_, &pivot)| pivot),
        );
    }
    closed
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
    use super::*;

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
}
